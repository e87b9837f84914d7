package main

import (
	"fmt"
	"os"
	"os/signal"
	"runtime/pprof"
	"syscall"
	"time"
)

func init() {
	dir := os.Getenv("JIELI_PROF")
	if dir == "" {
		return
	}
	f, _ := os.Create(fmt.Sprintf("%s/%d.prof", dir, os.Getpid()))
	go func() {
		time.Sleep(5 * time.Second)
		_ = pprof.StartCPUProfile(f)
		time.Sleep(4 * time.Second)
		pprof.StopCPUProfile()
		f.Close()
	}()
	_ = signal.Ignore
	_ = syscall.SIGTERM
}
