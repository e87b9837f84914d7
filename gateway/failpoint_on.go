//go:build failpoints

package gateway

import (
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
)

var failpointPassed atomic.Int64

// failpoint ends the process as kill -9 does when it passes the place that JIELI_FAILPOINT names for the n-th time:
// `take:2`. Only in binaries built for tests.
func failpoint(name string) {
	place, count, ok := strings.Cut(os.Getenv("JIELI_FAILPOINT"), ":")
	if !ok || place != name {
		return
	}
	n, err := strconv.ParseInt(count, 10, 64)
	if err == nil && failpointPassed.Add(1) == n {
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		select {} // the signal is on its way
	}
}
