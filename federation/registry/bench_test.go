package registry

import (
	"bytes"
	"fmt"
	"io"
	"runtime"
	"testing"

	jieliv1 "github.com/jieli-gateway/jieli/proto/jieli/v1"
)

const manyRoutes = 700_000

// importRoutes brings routes in as an import does: chunks, then one command that makes them take effect.
func importRoutes(f *fixture, routes []*jieliv1.Route) {
	f.t.Helper()
	id := fmt.Sprintf("7d3b6a52-0c1e-4f7a-9b58-%012d", f.count)
	var chunk uint32
	for ; len(routes) > 0; chunk++ {
		n := min(len(routes), MaxRouteChanges)
		f.must(stage(north, id, chunk, changes(routes[:n])))
		routes = routes[n:]
	}
	f.must(finishImport(north, &jieliv1.FinishImport{ImportId: id, Chunks: chunk}))
}

// heldMiB is what the heap holds now.
func heldMiB() float64 {
	runtime.GC()
	runtime.GC()
	var s runtime.MemStats
	runtime.ReadMemStats(&s)
	return float64(s.HeapAlloc) / (1 << 20)
}

// BenchmarkChangeOneRoute publishes each change by itself.
func BenchmarkChangeOneRoute(b *testing.B) {
	for _, n := range []int{1000, manyRoutes} {
		b.Run(fmt.Sprintf("of%d", n), func(b *testing.B) {
			f := members(b)
			routes := villages(n, all(south))
			importRoutes(f, routes)
			b.ResetTimer()
			for i := range b.N {
				f.must(setRoutes(north, route(routes[i*7919%n].GetDivision(), "", []string{north, west}[i/n%2]))) // never what it is already
			}
		})
	}
}

// BenchmarkBatchOfChanges applies 1,000 one-route changes in one batch, as Raft hands them over under load.
func BenchmarkBatchOfChanges(b *testing.B) {
	for _, n := range []int{1000, manyRoutes} {
		b.Run(fmt.Sprintf("of%d", n), func(b *testing.B) {
			const size = 1000
			f := members(b)
			routes := villages(n, all(south))
			importRoutes(f, routes)
			changed := 0
			b.ResetTimer()
			for i := range b.N {
				b.StopTimer()
				entries := make([][]byte, size)
				for k := range entries {
					entries[k] = f.seal(setRoutes(north, route(routes[(i*size+k)*7919%n].GetDivision(), "", []string{north, west}[i%2])))
				}
				b.StartTimer()
				for _, o := range f.ApplyBatch(entries) {
					if o.GetReason() != "" {
						b.Fatalf("%s: %s", o.GetReason(), o.GetMessage())
					}
					changed++
				}
			}
			b.ReportMetric(float64(changed)/b.Elapsed().Seconds(), "changes/s")
		})
	}
}

// BenchmarkImport imports 700,000 routes into an empty table, and then 700,000 others in place of them.
func BenchmarkImport(b *testing.B) {
	for _, again := range []bool{false, true} {
		b.Run(map[bool]string{false: "empty", true: "replacing"}[again], func(b *testing.B) {
			for range b.N {
				b.StopTimer()
				f := members(b)
				if again {
					importRoutes(f, villages(manyRoutes, all(south)))
				}
				routes := villages(manyRoutes, all(west))
				b.StartTimer()
				importRoutes(f, routes)
			}
		})
	}
}

// BenchmarkSnapshot writes and reads a million routes, the goal of design §3.
func BenchmarkSnapshot(b *testing.B) {
	const n = 1_000_000
	bare := heldMiB()
	f := members(b)
	importRoutes(f, villages(n, func(i int) string { return []string{north, south, west}[i%3] }))
	b.Run("hold", func(b *testing.B) {
		for range b.N {
			b.ReportMetric(heldMiB()-bare, "MiB-held")
		}
	})
	b.Run("write", func(b *testing.B) {
		for range b.N {
			size, err := f.View().WriteTo(io.Discard)
			if err != nil {
				b.Fatal(err)
			}
			b.ReportMetric(float64(size)/(1<<20), "MiB")
		}
	})
	snapshot := snapshotOf(b, f.View())
	b.Run("restore", func(b *testing.B) {
		for range b.N {
			m, err := Restore(bytes.NewReader(snapshot), Options{})
			if err != nil {
				b.Fatal(err)
			}
			b.ReportMetric(float64(m.View().Routes().Len()), "routes")
		}
	})
}
