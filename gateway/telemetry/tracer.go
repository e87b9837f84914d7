package telemetry

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	resourcepb "go.opentelemetry.io/proto/otlp/resource/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
)

// TraceConfig is what a tracer must be told.
type TraceConfig struct {
	// Endpoint of an OpenTelemetry collector that takes OTLP over gRPC: http://host:4317, or https:// for TLS with a
	// certificate of the system's CAs. Required; see CheckEndpoint.
	Endpoint string
	// Ratio of tickets that are traced, 0 to 1. Which ones depends on their ids only, so regions with the same ratio trace
	// the same tickets.
	Ratio float64
	// Region, Node and Version of this node.
	Region, Node, Version string
	// Registerer of what the tracer counts. Required.
	Registerer prometheus.Registerer
	// Log for a collector that does not answer. Required.
	Log *slog.Logger
	// Now is the application's clock. Required.
	Now func() time.Time
}

// Tracer makes spans of tickets and sends them to a collector. It never holds up what it traces: when the collector is
// slow or away, spans are dropped and counted. A node without a tracer has none of its wrappers in the way.
type Tracer struct {
	cfg       TraceConfig
	threshold uint64
	exporter  *exporter
}

// NewTracer makes a tracer and starts sending; it needs no collector to be there. Close must be called.
func NewTracer(cfg TraceConfig) (*Tracer, error) {
	if cfg.Registerer == nil || cfg.Log == nil || cfg.Now == nil {
		return nil, errors.New("telemetry: registerer, log and clock are required")
	}
	if err := CheckEndpoint(cfg.Endpoint); err != nil {
		return nil, fmt.Errorf("telemetry: traces: %w", err)
	}
	t := &Tracer{cfg: cfg, threshold: threshold(cfg.Ratio)}
	resource := &resourcepb.Resource{Attributes: []*commonpb.KeyValue{
		text("service.name", "jieli"), text("service.version", cfg.Version),
		text("service.instance.id", cfg.Region+"/"+cfg.Node), text("jieli.region", cfg.Region),
	}}
	var err error
	if t.exporter, err = newExporter(cfg.Endpoint, resource, cfg.Version, cfg.Registerer, cfg.Log); err != nil {
		return nil, fmt.Errorf("telemetry: traces: %w", err)
	}
	return t, nil
}

// CheckEndpoint tells what is wrong with the address of a collector.
func CheckEndpoint(endpoint string) error {
	u, err := url.Parse(endpoint)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Hostname() == "" || u.User != nil ||
		(u.Path != "" && u.Path != "/") || u.RawQuery != "" || u.Fragment != "" {
		return fmt.Errorf("must be http://host:port or https://host:port of a collector that takes OTLP over gRPC; it is %q", endpoint)
	}
	return nil
}

// target is host:port of an endpoint that has been checked.
func target(endpoint string) (address string, secure bool) {
	u, err := url.Parse(endpoint)
	if err != nil {
		return "", false
	}
	port := u.Port()
	if port == "" {
		port = "4317"
	}
	return net.JoinHostPort(u.Hostname(), port), u.Scheme == "https"
}

// Close sends what is left, for at most a few seconds, and ends.
func (t *Tracer) Close() error { return t.exporter.close() }

// sampled gives the trace of a ticket that is traced.
func (t *Tracer) sampled(ticket string) (traceID, bool) {
	trace, ok := traceOf(ticket)
	return trace, ok && trace.randomness() >= t.threshold
}

func (t *Tracer) send(s *tracepb.Span) { t.exporter.take(s) }
