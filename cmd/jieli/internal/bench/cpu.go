package bench

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// clockTick is the unit of CPU times in /proc: Linux fixes it at 100 a second for programs.
const clockTick = 10 * time.Millisecond

// cpuTime is what processes have used of the processors, all together; 0 where /proc does not say.
func cpuTime(pids []int) time.Duration {
	var sum time.Duration
	for _, pid := range pids {
		used, err := processTime(pid)
		if err != nil {
			return 0
		}
		sum += used
	}
	return sum
}

// processTime reads user and system time of a process.
func processTime(pid int) (time.Duration, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	// The name, in parentheses, may hold anything; what comes after it does not.
	_, rest, ok := bytes.Cut(b[bytes.LastIndexByte(b, ')')+1:], []byte(" "))
	fields := strings.Fields(string(rest))
	const user, system = 11, 12 // fields 14 and 15 of the line, counted from the state
	if !ok || len(fields) <= system {
		return 0, fmt.Errorf("the times of process %d cannot be read", pid)
	}
	var ticks int64
	for _, f := range []string{fields[user], fields[system]} {
		n, err := strconv.ParseInt(f, 10, 64)
		if err != nil {
			return 0, fmt.Errorf("the times of process %d: %w", pid, err)
		}
		ticks += n
	}
	return time.Duration(ticks) * clockTick, nil
}
