package telemetry

import (
	"bytes"
	"context"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	collectorpb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// collector answers as it is told.
type collector struct {
	collectorpb.UnimplementedTraceServiceServer
	export func(ctx context.Context) error
}

func (c *collector) Export(ctx context.Context, _ *collectorpb.ExportTraceServiceRequest) (*collectorpb.ExportTraceServiceResponse, error) {
	return &collectorpb.ExportTraceServiceResponse{}, c.export(ctx)
}

// tracerTo makes a tracer whose collector does this with each message.
func tracerTo(t *testing.T, log *slog.Logger, export func(ctx context.Context) error) *Tracer {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer()
	collectorpb.RegisterTraceServiceServer(server, &collector{export: export})
	served := make(chan error, 1)
	go func() { served <- server.Serve(l) }()
	t.Cleanup(func() {
		server.Stop()
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	tracer, err := NewTracer(TraceConfig{
		Endpoint: "http://" + l.Addr().String(), Ratio: 1, Region: "jingjinji", Node: "n1", Version: "v1",
		Registerer: prometheus.NewRegistry(), Log: log, Now: time.Now,
	})
	if err != nil {
		t.Fatal(err)
	}
	return tracer
}

// A collector that takes a message and never answers does not hold up the end of a node.
func TestCollectorThatHangs(t *testing.T) {
	taken := make(chan struct{}, 1)
	tracer := tracerTo(t, slog.New(slog.DiscardHandler), func(ctx context.Context) error {
		select {
		case taken <- struct{}{}:
		default:
		}
		<-ctx.Done()
		return ctx.Err()
	})
	for range maxExport {
		tracer.send(&tracepb.Span{})
	}
	<-taken
	for range maxQueued {
		tracer.send(&tracepb.Span{})
	}
	begun := time.Now()
	if err := tracer.Close(); err != nil {
		t.Error(err)
	}
	if took := time.Since(begun); took > closeTime+2*time.Second {
		t.Errorf("closing took %v", took)
	}
}

// What a collector says does not fill the log, however long it is and however often it changes its mind.
func TestCollectorThatTalks(t *testing.T) {
	var log bytes.Buffer
	messages := make(chan int, 64)
	n := 0
	tracer := tracerTo(t, slog.New(slog.NewTextHandler(&log, nil)), func(context.Context) error {
		n++
		messages <- n
		if n%2 == 1 {
			return status.Error(codes.Internal, strings.Repeat("x", 100_000))
		}
		return nil
	})
	for range 20 {
		for range maxExport {
			tracer.send(&tracepb.Span{})
		}
		<-messages
	}
	if err := tracer.Close(); err != nil {
		t.Error(err)
	}
	if lines := strings.Count(log.String(), "\n"); lines > 2 || log.Len() > 2000 {
		t.Errorf("%d lines of %d bytes: %.300s", lines, log.Len(), log.String())
	}
}
