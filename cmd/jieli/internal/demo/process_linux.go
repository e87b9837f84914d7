package demo

import "syscall"

// nodeProcess sets a node's process apart: Ctrl-C is for the demonstration, which stops its nodes in order; one that is
// killed itself takes them with it.
func nodeProcess() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
}
