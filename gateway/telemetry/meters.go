package telemetry

import (
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/jieli-gateway/jieli/gateway/store"
)

// Meters count what the parts of a node tell of while they work.
type Meters struct {
	seconds    prometheus.Histogram
	updates    prometheus.Histogram
	bytes      prometheus.Histogram
	events     prometheus.Counter
	failed     prometheus.Counter
	deliveries *prometheus.HistogramVec
}

// NewMeters registers them.
func NewMeters(registerer prometheus.Registerer) (*Meters, error) {
	histogram := func(name, help string, buckets []float64) prometheus.HistogramOpts {
		return prometheus.HistogramOpts{Name: "jieli_" + name, Help: help, Buckets: buckets}
	}
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Name: "jieli_" + name, Help: help})
	}
	m := &Meters{
		seconds: prometheus.NewHistogram(histogram("store_commit_seconds",
			"Time of a group commit, from the beginning of its transaction until it is synced.", prometheus.ExponentialBuckets(0.00025, 2, 15))),
		updates: prometheus.NewHistogram(histogram("store_commit_updates",
			"Updates that shared a group commit: near 1 the store waits for work, at 512 work waits for the store.", prometheus.ExponentialBuckets(1, 2, 10))),
		bytes: prometheus.NewHistogram(histogram("store_commit_bytes",
			"Bytes of what a group commit wrote, without indexes.", prometheus.ExponentialBuckets(1024, 4, 8))),
		events: counter("store_signed_events_total", "Events of this region that were signed and committed."),
		failed: counter("store_commit_failures_total", "Group commits that failed; nothing of them was kept, and their callers were told."),
		deliveries: prometheus.NewHistogramVec(histogram("handoff_delivery_seconds",
			"Time from an offer's being appended here until the receipt of the region it went to, by region.", deliveryBuckets()), []string{"peer"}),
	}
	var errs []error
	for _, c := range []prometheus.Collector{m.seconds, m.updates, m.bytes, m.events, m.failed, m.deliveries} {
		errs = append(errs, registerer.Register(c))
	}
	return m, errors.Join(errs...)
}

// deliveryBuckets reach from a link that is up, milliseconds, to one that was down for days.
func deliveryBuckets() []float64 {
	return []float64{.0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 10, 60, 600, 3600, 6 * 3600, 24 * 3600, 7 * 24 * 3600}
}

// Commit is the store's hook for commits.
func (m *Meters) Commit(c store.Commit) {
	if c.Err != nil {
		m.failed.Inc()
		return
	}
	m.seconds.Observe(c.Took.Seconds())
	m.updates.Observe(float64(c.Updates))
	m.bytes.Observe(float64(c.Bytes))
	m.events.Add(float64(c.Events))
}

// Delivered is the desk's hook for receipts of offers.
func (m *Meters) Delivered(peer string, took time.Duration) {
	m.deliveries.WithLabelValues(peer).Observe(took.Seconds())
}
