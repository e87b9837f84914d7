package telemetry

import (
	"log/slog"
	"math"
	"net"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
)

// Regions find by themselves which tickets are traced: by the id alone, and a smaller share is part of a larger one.
func TestSampling(t *testing.T) {
	const tickets = 20_000
	ratios := []float64{0, 0.01, 0.25, 0.5, 1}
	sampled := make([]int, len(ratios))
	for range tickets {
		id, err := uuid.NewV7()
		if err != nil {
			t.Fatal(err)
		}
		before := false
		for i, ratio := range ratios {
			_, is := (&Tracer{threshold: threshold(ratio)}).sampled(id.String())
			if before && !is {
				t.Fatalf("ticket %s is traced at a smaller ratio than %v and not at that", id, ratio)
			}
			before = is
			if is {
				sampled[i]++
			}
		}
	}
	for i, ratio := range ratios {
		if share := float64(sampled[i]) / tickets; math.Abs(share-ratio) > 0.03 {
			t.Errorf("at a ratio of %v, %v of the tickets are traced", ratio, share)
		}
	}
	if sampled[0] != 0 || sampled[len(ratios)-1] != tickets {
		t.Errorf("at 0, %d are traced, and at 1, %d of %d", sampled[0], sampled[len(ratios)-1], tickets)
	}
	for _, no := range []string{"", "JJJ-20261124-000001-7", "00000000-0000-0000-0000-000000000000"} {
		if _, is := new(Tracer).sampled(no); is {
			t.Errorf("%q is traced", no)
		}
	}
}

func TestEndpoints(t *testing.T) {
	for endpoint, want := range map[string]string{
		"http://127.0.0.1:4317": "127.0.0.1:4317", "https://collector.example": "collector.example:4317", "http://[::1]:1/": "[::1]:1",
	} {
		if err := CheckEndpoint(endpoint); err != nil {
			t.Errorf("%s: %v", endpoint, err)
		}
		if got, secure := target(endpoint); got != want || secure != (endpoint[:5] == "https") {
			t.Errorf("%s is taken for %s, TLS %v", endpoint, got, secure)
		}
	}
	for _, endpoint := range []string{"", "127.0.0.1:4317", "grpc://a:1", "http://", "http://a:1/v1/traces", "http://u:p@a:1", "http://a:1?x=y", "http://a b"} {
		if CheckEndpoint(endpoint) == nil {
			t.Errorf("%q is taken for an endpoint", endpoint)
		}
	}
}

// A collector that is away costs spans and nothing else: whoever makes them never waits, and what becomes of each is counted.
func TestCollectorAway(t *testing.T) {
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	registry := prometheus.NewRegistry()
	tracer, err := NewTracer(TraceConfig{
		Endpoint: "http://" + address, Ratio: 1, Region: "jingjinji", Node: "n1", Version: "v1",
		Registerer: registry, Log: slog.New(slog.DiscardHandler), Now: time.Now,
	})
	if err != nil {
		t.Fatal(err)
	}
	const made = 4 * maxQueued
	for range made {
		tracer.send(&tracepb.Span{})
	}
	if err := tracer.Close(); err != nil {
		t.Error(err)
	}
	outcomes := map[string]float64{}
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range families[0].GetMetric() {
		outcomes[m.GetLabel()[0].GetValue()] = m.GetCounter().GetValue()
	}
	if outcomes[spanSent] != 0 || outcomes[spanFailed]+outcomes[spanDropped] != made {
		t.Errorf("of %d spans became %v", made, outcomes)
	}
}

func TestReasonsAreCodes(t *testing.T) {
	for said, shown := range map[string]string{"STALE_ROUTE": "STALE_ROUTE", "": "", "张三": "OTHER", "not now": "OTHER", string(make([]byte, 65)): "OTHER"} {
		if got := coded(said); got != shown {
			t.Errorf("%q is shown as %q, expected %q", said, got, shown)
		}
	}
}
