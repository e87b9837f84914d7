package federation_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/jieli-gateway/jieli/federation/federationtest"
)

// BenchmarkForwardedWrites measures registry writes proposed on a follower of three regions, over mTLS and with real
// disks, with 1, 16 and 128 in flight. All three nodes run in this one process.
func BenchmarkForwardedWrites(b *testing.B) {
	c := federationtest.Start(b, federationtest.Options{}, "beijing", "shanghai", "chengdu")
	waitVoters(c, c.Node("beijing"), "beijing/1", "chengdu/1", "shanghai/1")
	follower := c.Node("shanghai").Registry
	var number atomic.Int64
	for _, inFlight := range []int{1, 16, 128} {
		b.Run(fmt.Sprintf("inFlight=%d", inFlight), func(b *testing.B) {
			var writing sync.WaitGroup
			var left atomic.Int64
			left.Store(int64(b.N))
			for range inFlight {
				writing.Go(func() {
					for left.Add(-1) >= 0 {
						n := number.Add(1) // spread over counties, as routes are
						command := federationtest.SetRoute(b, "shanghai", fmt.Sprintf("%02d%02d%02d%03d", 10+n%80, n/80%50, n/4000%50, n/200_000%1000))
						if _, err := follower.Propose(context.Background(), command); err != nil {
							b.Error(err)
							return
						}
					}
				})
			}
			writing.Wait()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "writes/s")
		})
	}
}
