package gateway

import (
	"context"
	"math"
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
)

const (
	// heapRoom is how much a heap may grow between collections, in bytes, however little of it lives: with Go's own
	// rule a node with a small registry would collect many times a second under load, a sixth of its processor time.
	heapRoom = 64 << 20
	// Go's own rule, and the most that heapRoom may make of it; a change of less than growthStep is none.
	leastGrowth, mostGrowth = 100, 800
	growthStep              = 10
)

// watchHeap gives the garbage collector room while little of the heap lives, until ctx ends. GOGC, where it is set,
// says otherwise. The rule is fitted to what lives after each collection: fitted now and then, the heap of a node that
// suddenly has much to hold could grow to nine times of that meanwhile.
func watchHeap(ctx context.Context) {
	if os.Getenv("GOGC") != "" {
		return
	}
	before := debug.SetGCPercent(growth(0))
	defer debug.SetGCPercent(before)
	heap := []metrics.Sample{{Name: "/gc/heap/live:bytes"}, {Name: "/gc/gogc:percent"}}
	collected := make(chan struct{}, 1)
	tellCollections(ctx, collected)
	for {
		select {
		case <-ctx.Done():
			return
		case <-collected:
			metrics.Read(heap)
			next, now := growth(heap[0].Value.Uint64()), int(heap[1].Value.Uint64()) // #nosec G115 -- a percentage
			if next-now >= growthStep || now-next >= growthStep {
				debug.SetGCPercent(next)
			}
		}
	}
}

// tellCollections tells of each collection until ctx ends: it leaves something behind for it to find.
func tellCollections(ctx context.Context, collected chan<- struct{}) {
	type trace struct{ collected chan<- struct{} }
	runtime.AddCleanup(&trace{collected}, func(collected chan<- struct{}) {
		select {
		case collected <- struct{}{}:
		default: // told, and not heard yet
		}
		if ctx.Err() == nil {
			tellCollections(ctx, collected)
		}
	}, collected)
}

// growth is the percentage by which a heap may grow of which so many bytes live.
func growth(live uint64) int {
	if live == 0 {
		return leastGrowth
	}
	return int(math.Max(leastGrowth, math.Min(mostGrowth, 100*heapRoom/float64(live))))
}
