package telemetry

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	collectorpb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	resourcepb "go.opentelemetry.io/proto/otlp/resource/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/jieli-gateway/jieli/gateway/link"
)

const (
	// maxQueued bounds the spans that wait for the collector; some 2 MiB. More are dropped.
	maxQueued = 8192
	// maxExport bounds the spans of one message.
	maxExport = 512
	// exportEvery is how long a span waits for others to share its message.
	exportEvery = time.Second
	// exportTime bounds one message and its answer, and closeTime all that is left at the end.
	exportTime = 10 * time.Second
	closeTime  = 3 * time.Second
	// warnAgain is how long the log does not say again that the collector is away, however often that changes.
	warnAgain = time.Minute
)

// scopeName is who made the spans.
const scopeName = "github.com/jieli-gateway/jieli/gateway/telemetry"

// exporter sends spans to a collector, in messages of many, on a goroutine of its own.
type exporter struct {
	conn     *grpc.ClientConn
	client   collectorpb.TraceServiceClient
	resource *resourcepb.Resource
	scope    *commonpb.InstrumentationScope
	log      *slog.Logger
	counted  *prometheus.CounterVec // by outcome

	queue   chan *tracepb.Span
	closing chan struct{}
	done    chan struct{}
	// cancel ends the message under way.
	cancel context.CancelFunc
	// warned: the log's last word is that the collector does not take spans, said at this time.
	warned   bool
	warnedAt time.Time
}

// Outcomes of a span.
const (
	spanSent    = "sent"
	spanDropped = "dropped" // the queue was full
	spanFailed  = "failed"  // the collector did not take it
)

func newExporter(endpoint string, resource *resourcepb.Resource, version string, registerer prometheus.Registerer, log *slog.Logger) (*exporter, error) {
	address, secure := target(endpoint)
	transport := insecure.NewCredentials()
	if secure {
		transport = credentials.NewTLS(&tls.Config{MinVersion: tls.VersionTLS12})
	}
	e := &exporter{
		resource: resource, scope: &commonpb.InstrumentationScope{Name: scopeName, Version: version},
		log: log.With(slog.String("collector", endpoint)),
		counted: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "jieli_trace_spans_total", Help: "Spans made, by what became of them: sent, dropped because too many waited, failed because the collector did not take them.",
		}, []string{"outcome"}),
		queue: make(chan *tracepb.Span, maxQueued), closing: make(chan struct{}), done: make(chan struct{}),
	}
	for _, outcome := range []string{spanSent, spanDropped, spanFailed} {
		e.counted.WithLabelValues(outcome)
	}
	var err error
	if e.conn, err = grpc.NewClient("dns:///"+address, grpc.WithTransportCredentials(transport), grpc.WithNoProxy()); err != nil {
		return nil, err
	}
	e.client = collectorpb.NewTraceServiceClient(e.conn)
	if err := registerer.Register(e.counted); err != nil {
		return nil, errors.Join(err, e.conn.Close())
	}
	ctx, cancel := context.WithCancel(context.Background())
	e.cancel = cancel
	go e.loop(ctx)
	return e, nil
}

// take queues a span, or drops it. It never blocks.
func (e *exporter) take(s *tracepb.Span) {
	select {
	case e.queue <- s:
	default:
		e.counted.WithLabelValues(spanDropped).Inc()
	}
}

// loop sends what waits, every second or as soon as there is a message full.
func (e *exporter) loop(ctx context.Context) {
	defer close(e.done)
	ticker := time.NewTicker(exportEvery)
	defer ticker.Stop()
	batch := make([]*tracepb.Span, 0, maxExport)
	for {
		var full bool
		select {
		case s := <-e.queue:
			batch = append(batch, s)
			full = len(batch) == maxExport
		case <-ticker.C:
			full = len(batch) > 0
		case <-e.closing:
			e.drain(ctx, batch)
			return
		}
		if full {
			e.export(ctx, batch)
			batch = batch[:0]
		}
	}
}

// drain sends what is left when the node stops, as far as that goes until ctx ends.
func (e *exporter) drain(ctx context.Context, batch []*tracepb.Span) {
	for {
		select {
		case s := <-e.queue:
			if batch = append(batch, s); len(batch) < maxExport {
				continue
			}
		default:
			if len(batch) == 0 {
				return
			}
		}
		e.export(ctx, batch)
		batch = batch[:0]
	}
}

// export sends one message, and logs when the collector goes away and when it is back.
func (e *exporter) export(ctx context.Context, batch []*tracepb.Span) {
	ctx, cancel := context.WithTimeout(ctx, exportTime)
	defer cancel()
	res, err := e.client.Export(ctx, &collectorpb.ExportTraceServiceRequest{ResourceSpans: []*tracepb.ResourceSpans{{
		Resource: e.resource, ScopeSpans: []*tracepb.ScopeSpans{{Scope: e.scope, Spans: batch}},
	}}})
	if err != nil {
		e.counted.WithLabelValues(spanFailed).Add(float64(len(batch)))
		if !e.warned && (e.warnedAt.IsZero() || time.Since(e.warnedAt) >= warnAgain) {
			e.warned, e.warnedAt = true, time.Now()
			e.log.Warn("the collector of traces does not take them: spans are dropped until it does; tickets are not concerned",
				slog.String("error", link.Clip(err.Error())))
		}
		return
	}
	rejected := min(max(res.GetPartialSuccess().GetRejectedSpans(), 0), int64(len(batch)))
	e.counted.WithLabelValues(spanFailed).Add(float64(rejected))
	e.counted.WithLabelValues(spanSent).Add(float64(int64(len(batch)) - rejected))
	if e.warned {
		e.warned = false
		e.log.Info("the collector of traces takes them again")
	}
}

// close sends what is left, for at most closeTime, a message under way included, and ends the exporter; what is taken
// later is lost.
func (e *exporter) close() error {
	close(e.closing)
	defer time.AfterFunc(closeTime, e.cancel).Stop()
	<-e.done
	e.cancel()
	return e.conn.Close()
}
