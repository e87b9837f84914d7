// Package bench measures a node's main jobs on this machine, with real processes, fsync and mutual TLS.
package bench

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
)

// Report is what one benchmark prints.
type Report struct {
	Name         string `json:"name"`
	Machine      string `json:"machine"`
	PayloadBytes int    `json:"payloadBytes,omitempty"`
	Runs         []Run  `json:"runs,omitempty"`
	// Verified is how many results were read back and compared with what was to be expected.
	Verified int `json:"verified,omitempty"`
	// Failover is of registry.
	Failover *Failover `json:"failover,omitempty"`
	// Node is about the node that took the calls, where it had tickets before.
	Node *NodeFigures `json:"node,omitempty"`
	// For route.
	Rules       int     `json:"rules,omitempty"`
	NanosPerOp  float64 `json:"nanosPerOp,omitempty"`
	AllocsPerOp float64 `json:"allocsPerOp"`
}

// Run is one level of concurrency.
type Run struct {
	InFlight  int     `json:"inFlight"`
	PerSecond float64 `json:"perSecond"`
	P50Millis float64 `json:"p50Millis"`
	P99Millis float64 `json:"p99Millis"`
	// CPUMicros is the processor time of all processes, this one included, by operation: on a noisy machine it says more
	// than the clock. 0 where it is not known.
	CPUMicros float64 `json:"cpuMicros,omitempty"`
}

// Options of a measurement.
type Options struct {
	// Duration of each level of concurrency.
	Duration time.Duration
	// Levels of concurrency. Default: DefaultLevels.
	Levels []int
	// Tickets the first region has before, and Regions there are. Defaults: none, and 3.
	Tickets, Regions int
	// Progress is told of long work. Default: nobody.
	Progress func(done, all int)
}

// DefaultRegions is how many there are where it is not said.
const DefaultRegions = 3

// DefaultLevels of concurrency, from one caller to many.
func DefaultLevels() []int { return []int{1, 16, 128} }

// levels measures op at each level. The processes of pids share the work.
func (o Options) levels(ctx context.Context, pids []int, op func(level int) func(ctx context.Context, worker, i int) error) ([]Run, error) {
	pids = append(slices.Clone(pids), os.Getpid())
	var runs []Run
	for _, n := range o.Levels {
		run, err := measure(ctx, n, o.Duration, pids, op(n))
		if err != nil {
			return nil, err
		}
		runs = append(runs, run)
	}
	return runs, nil
}

// measure calls op from n workers for a while, after a short warm-up, and tells how often and how fast.
func measure(ctx context.Context, n int, duration time.Duration, pids []int, op func(ctx context.Context, worker, i int) error) (Run, error) {
	var measuring atomic.Bool
	var mu sync.Mutex
	var all []time.Duration
	group, ctx := errgroup.WithContext(ctx)
	stop := make(chan struct{})
	for w := range n {
		group.Go(func() error {
			var mine []time.Duration
			defer func() { mu.Lock(); all = append(all, mine...); mu.Unlock() }()
			for i := 0; ; i++ {
				select {
				case <-stop:
					return nil
				case <-ctx.Done():
					return ctx.Err()
				default:
				}
				began, counts := time.Now(), measuring.Load()
				if err := op(ctx, w, i); err != nil {
					return err
				}
				if counts && measuring.Load() {
					mine = append(mine, time.Since(began))
				}
			}
		})
	}
	pause(ctx, duration/4)
	measuring.Store(true)
	began, used := time.Now(), cpuTime(pids)
	pause(ctx, duration)
	took := time.Since(began)
	used = cpuTime(pids) - used
	measuring.Store(false)
	close(stop)
	if err := group.Wait(); err != nil {
		return Run{}, err
	}
	if len(all) == 0 {
		return Run{}, fmt.Errorf("nothing was done within %s", duration)
	}
	slices.Sort(all)
	millis := func(p float64) float64 {
		return float64(all[min(len(all)-1, int(p*float64(len(all))))].Microseconds()) / 1000
	}
	return Run{
		InFlight: n, PerSecond: float64(len(all)) / took.Seconds(), P50Millis: millis(.50), P99Millis: millis(.99),
		CPUMicros: float64(used.Microseconds()) / float64(len(all)),
	}, nil
}

func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

// Machine says what this machine is.
func Machine() string {
	model := runtime.GOARCH
	if b, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for line := range strings.Lines(string(b)) {
			if name, ok := strings.CutPrefix(line, "model name"); ok {
				model = strings.Trim(name, "\t :\n")
				break
			}
		}
	}
	return fmt.Sprintf("%d × %s, %s", runtime.NumCPU(), model, runtime.Version())
}

// words is Chinese text of n bytes and a bit, different each time.
func words(r *rand.Rand, n int) string {
	const from = "小区门口的路灯已经三天没有亮了晚上行人经过十分不便希望有关部门尽快派人检修并答复处理结果谢谢"
	const size = len("小") // as has each of them
	b := make([]byte, 0, n+size)
	for len(b) < n {
		at := r.IntN(len(from)/size) * size
		b = append(b, from[at:at+size]...)
	}
	return string(b)
}
