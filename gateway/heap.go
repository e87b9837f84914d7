package gateway

import (
	"context"
	"math"
	"os"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

const (
	// heapRoom is how much a heap may grow between collections, in bytes, however little of it lives: with Go's own
	// rule a node with a small registry would collect many times a second under load, a sixth of its processor time.
	heapRoom = 64 << 20
	// heapInterval is how often the rule is fitted to what lives.
	heapInterval = 5 * time.Second
	// Go's own rule, and the most that heapRoom may make of it.
	leastGrowth, mostGrowth = 100, 800
)

// watchHeap gives the garbage collector room while little of the heap lives, until ctx ends. GOGC, where it is set,
// says otherwise.
func watchHeap(ctx context.Context) {
	if os.Getenv("GOGC") != "" {
		return
	}
	ticker := time.NewTicker(heapInterval)
	defer ticker.Stop()
	before := debug.SetGCPercent(growth(0))
	defer debug.SetGCPercent(before)
	live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			metrics.Read(live)
			debug.SetGCPercent(growth(live[0].Value.Uint64()))
		}
	}
}

// growth is the percentage by which a heap may grow of which so many bytes live.
func growth(live uint64) int {
	if live == 0 {
		return leastGrowth
	}
	return int(math.Max(leastGrowth, math.Min(mostGrowth, 100*heapRoom/float64(live))))
}
