package telemetry

import (
	"context"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// readTime bounds how long one part may take to tell how it is.
const readTime = 2 * time.Second

// Readings are metrics that are read from the parts of a node when somebody scrapes. A part that cannot be read leaves
// its metrics out of that scrape and is counted. Parts are added when there are any; each at most once.
type Readings struct {
	registerer prometheus.Registerer
	log        *slog.Logger
	failures   *prometheus.CounterVec
}

// NewReadings registers what says that readings fail, and nothing else yet. Both arguments are required.
func NewReadings(registerer prometheus.Registerer, log *slog.Logger) (*Readings, error) {
	r := &Readings{
		registerer: registerer, log: log,
		failures: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "jieli_reading_failures_total",
			Help: "Scrapes that had to do without the metrics of a part, because it could not be read.",
		}, []string{"part"}),
	}
	if err := registerer.Register(r.failures); err != nil {
		return nil, fmt.Errorf("telemetry: %w", err)
	}
	return r, nil
}

// gauge is one metric of a reading.
type gauge struct{ desc *prometheus.Desc }

// readings of one part: all its gauges, and how to read them.
type part struct {
	name   string
	gauges []gauge
	read   func(ctx context.Context, to scrape) error
	of     *Readings
	// failing: the last reading failed; logged once.
	failing atomic.Bool
}

// scrape takes what is read.
type scrape chan<- prometheus.Metric

func (s scrape) set(g gauge, value float64, labels ...string) {
	s <- prometheus.MustNewConstMetric(g.desc, prometheus.GaugeValue, value, labels...)
}

// newPart begins a part; its gauges are made with gauge.
func (r *Readings) newPart(name string) *part {
	r.failures.WithLabelValues(name) // so that it is there from the beginning, with 0
	return &part{name: name, of: r}
}

func (p *part) gauge(name, help string, labels ...string) gauge {
	g := gauge{prometheus.NewDesc("jieli_"+name, help, labels, nil)}
	p.gauges = append(p.gauges, g)
	return g
}

// add lets the part be read from now on.
func (p *part) add(read func(context.Context, scrape) error) error {
	p.read = read
	if err := p.of.registerer.Register(p); err != nil {
		return fmt.Errorf("telemetry: %s: %w", p.name, err)
	}
	return nil
}

// Describe implements prometheus.Collector.
func (p *part) Describe(to chan<- *prometheus.Desc) {
	for _, g := range p.gauges {
		to <- g.desc
	}
}

// Collect implements prometheus.Collector.
func (p *part) Collect(to chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), readTime)
	defer cancel()
	err := p.read(ctx, to)
	if err != nil {
		p.of.failures.WithLabelValues(p.name).Inc()
	}
	if failed := err != nil; p.failing.Swap(failed) != failed && failed {
		p.of.log.Warn("metrics cannot be read", slog.String("part", p.name), slog.Any("error", err))
	}
}

func flag(set bool) float64 {
	if set {
		return 1
	}
	return 0
}

// seconds since 1970; 0 for no time.
func unix(t time.Time) float64 {
	if t.IsZero() {
		return 0
	}
	return float64(t.UnixMicro()) / 1e6
}
