package api

import (
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/grpc/codes"
)

// meters are what a port counts of its calls.
type meters struct {
	calls    *prometheus.CounterVec   // by method and code
	seconds  *prometheus.HistogramVec // by method
	refused  *prometheus.CounterVec   // by reason
	panics   prometheus.Counter
	inFlight prometheus.Gauge
}

// newMeters makes them and registers them; the registry of one node holds those of both its ports.
func newMeters(on port, registerer prometheus.Registerer) (*meters, error) {
	labels := prometheus.Labels{"port": string(on)}
	opts := func(name, help string) prometheus.Opts {
		return prometheus.Opts{Namespace: "jieli", Subsystem: "api", Name: name, Help: help, ConstLabels: labels}
	}
	m := &meters{
		calls: prometheus.NewCounterVec(prometheus.CounterOpts(opts("calls_total", "Calls answered, by method and gRPC code.")), []string{"method", "code"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Namespace: "jieli", Subsystem: "api", Name: "call_seconds", ConstLabels: labels,
			Help:    "Time from a call to its answer, by method.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 60},
		}, []string{"method"}),
		refused:  prometheus.NewCounterVec(prometheus.CounterOpts(opts("authentication_failures_total", "Calls without a good token or certificate, by reason.")), []string{"reason"}),
		panics:   prometheus.NewCounter(prometheus.CounterOpts(opts("panics_total", "Calls that panicked."))),
		inFlight: prometheus.NewGauge(prometheus.GaugeOpts(opts("calls_in_flight", "Calls under way."))),
	}
	if registerer == nil {
		return m, nil
	}
	for _, c := range []prometheus.Collector{m.calls, m.seconds, m.refused, m.panics, m.inFlight} {
		if err := registerer.Register(c); err != nil {
			return nil, fmt.Errorf("register metrics of the %s port: %w", on, err)
		}
	}
	return m, nil
}

func (m *meters) done(method string, code codes.Code, took time.Duration) {
	m.calls.WithLabelValues(method, code.String()).Inc()
	m.seconds.WithLabelValues(method).Observe(took.Seconds())
}

// newReady registers whether the node takes calls, as /readyz says.
func newReady(registerer prometheus.Registerer, ready func() bool) error {
	return registerer.Register(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Namespace: "jieli", Name: "ready", Help: "1 while this node takes calls, as /readyz says.",
	}, func() float64 {
		if ready() {
			return 1
		}
		return 0
	}))
}
