package gateway

import (
	"context"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"sync"
	"testing"
	"time"
)

func TestHeapGrowth(t *testing.T) {
	for _, tc := range []struct {
		name string
		live uint64
		want int
	}{
		{"nothing known yet", 0, 100},
		{"almost nothing lives", 1 << 20, 800},
		{"a small registry", 16 << 20, 400},
		{"as much as the room", 64 << 20, 100},
		{"a large registry keeps Go's own rule", 400 << 20, 100},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := growth(tc.live); got != tc.want {
				t.Errorf("growth(%d) = %d %%, want %d %%", tc.live, got, tc.want)
			}
		})
	}
}

// Once much lives, the collector has no more room than Go's own rule gives it, at the next collection and not later.
func TestHeapGrowthFollowsWhatLives(t *testing.T) {
	t.Setenv("GOGC", "")
	percent := func() uint64 {
		sample := []metrics.Sample{{Name: "/gc/gogc:percent"}}
		metrics.Read(sample)
		return sample[0].Value.Uint64()
	}
	await := func(what string, done func() bool) {
		t.Helper()
		again := time.NewTicker(time.Millisecond)
		defer again.Stop()
		for late := time.After(3 * time.Second); !done(); {
			select {
			case <-again.C:
			case <-late:
				t.Fatalf("%s: %d %%", what, percent())
			}
		}
	}
	const other = 77
	defer debug.SetGCPercent(debug.SetGCPercent(other))
	ctx, cancel := context.WithCancel(t.Context())
	var watching sync.WaitGroup
	watching.Go(func() { watchHeap(ctx) })
	defer watching.Wait()
	defer cancel()
	await("it never began", func() bool { return percent() != other })
	for range 2 {
		debug.SetGCPercent(mostGrowth) // as after little lived
		live := make([]byte, 2*heapRoom)
		runtime.GC()
		await("much lives", func() bool { return percent() <= leastGrowth+growthStep })
		runtime.KeepAlive(live)
	}
}
