package telemetry

import (
	"encoding/binary"
	"math/rand/v2"
	"time"

	"github.com/google/uuid"
	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
)

// Nothing about traces travels between regions: each finds the same ids by itself. A ticket's trace id is its id, and the
// span id of an event is the beginning of the event's hash, which its successor names as its previous one. So spans of
// several regions fit together at the collectors they are sent to, and a region without tracing leaves a gap only.

// traceID of a ticket is its id, a UUIDv7.
type traceID [16]byte

// spanID of an event is the first 8 bytes of its hash.
type spanID [8]byte

// traceOf is the trace of a ticket; false when its id is none.
func traceOf(ticket string) (traceID, bool) {
	u, err := uuid.Parse(ticket)
	return traceID(u), err == nil && u != uuid.Nil
}

// spanOf is the span of the event with a hash.
func spanOf(hash []byte) (id spanID) {
	copy(id[:], hash)
	return id
}

// newSpan is an id for what other regions need not find.
func newSpan() (id spanID) {
	binary.BigEndian.PutUint64(id[:], rand.Uint64()|1) // #nosec G404 -- it tells spans apart and protects nothing
	return id
}

// randomBits of a trace id decide whether it is sampled: the last 56, which are random in a UUIDv7. It is the rule of W3C
// Trace Context, level 2, so that collectors that sample agree, too.
const randomBits = 56

// threshold is what the random bits must reach for a share of traces, 0 to 1, to be sampled.
func threshold(ratio float64) uint64 {
	return uint64((1 - min(max(ratio, 0), 1)) * (1 << randomBits))
}

func (t traceID) randomness() uint64 {
	return binary.BigEndian.Uint64(t[8:]) & (1<<randomBits - 1)
}

// sampledFlag of W3C Trace Context, and the one that says that the trace id is random enough.
const sampledFlag = 0x03

// span begins a span that has ended.
func span(trace traceID, id, parent spanID, name string, kind tracepb.Span_SpanKind, from, to time.Time) *tracepb.Span {
	s := &tracepb.Span{
		TraceId: trace[:], SpanId: id[:], Name: name, Kind: kind, Flags: sampledFlag,
		StartTimeUnixNano: nanos(from), EndTimeUnixNano: max(nanos(from), nanos(to)),
		Attributes: []*commonpb.KeyValue{text("jieli.ticket.id", uuid.UUID(trace).String())},
	}
	if parent != (spanID{}) {
		s.ParentSpanId = parent[:]
	}
	return s
}

func nanos(t time.Time) uint64 { return uint64(max(0, t.UnixNano())) } // #nosec G115 -- not negative

// Attributes: words of the contract, numbers, ids. Never what a person has said or is called.

func text(key, value string) *commonpb.KeyValue {
	return &commonpb.KeyValue{Key: key, Value: &commonpb.AnyValue{Value: &commonpb.AnyValue_StringValue{StringValue: value}}}
}

func number(key string, value uint32) *commonpb.KeyValue {
	return &commonpb.KeyValue{Key: key, Value: &commonpb.AnyValue{Value: &commonpb.AnyValue_IntValue{IntValue: int64(value)}}}
}

// of says which event a span is about, and with whom it has to do; an empty peer is left out.
func of(s *tracepb.Span, event uint32, kind, peer string) *tracepb.Span {
	s.Attributes = append(s.Attributes, number("jieli.event.number", event), text("jieli.event.kind", kind))
	if peer != "" {
		s.Attributes = append(s.Attributes, text("jieli.peer", peer))
	}
	return s
}

// failed marks a span with the coded reason it did not do what it was for.
func failed(s *tracepb.Span, reason string) *tracepb.Span {
	s.Status = &tracepb.Status{Code: tracepb.Status_STATUS_CODE_ERROR, Message: reason}
	return s
}
