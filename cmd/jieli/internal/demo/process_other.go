//go:build !linux

package demo

import "syscall"

// nodeProcess sets a node's process apart: Ctrl-C is for the demonstration, which stops its nodes in order. Only Linux can
// also tell them when the demonstration is killed.
func nodeProcess() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }
