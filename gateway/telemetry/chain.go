package telemetry

import (
	"context"
	"slices"
	"time"

	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/jieli-gateway/jieli/gateway/store"
	jieliv1 "github.com/jieli-gateway/jieli/proto/jieli/v1"
)

// Store lets a tracer see the events that this region appends. Each becomes a span, named for its kind, from when the
// update was asked for until it was durable, below the span of the event before it.
func (t *Tracer) Store(s store.Store) store.Store { return &tracedStore{Store: s, t: t} }

type tracedStore struct {
	store.Store
	t *Tracer
}

// Update implements store.Store.
func (s *tracedStore) Update(ctx context.Context, fn func(store.Tx) error) error {
	began := s.t.cfg.Now()
	var appended []*store.Event
	err := s.Store.Update(ctx, func(tx store.Tx) error {
		seen := &tracedTx{Tx: tx, region: s.t.cfg.Region}
		err := fn(seen)
		appended = seen.appended
		return err
	})
	if err == nil { // otherwise fn may still be running, or nothing is kept
		s.t.appended(ctx, began, appended)
	}
	return err
}

// tracedTx notes which events a function appends.
type tracedTx struct {
	store.Tx
	region   string
	appended []*store.Event
}

// AppendEvent implements store.Tx.
func (tx *tracedTx) AppendEvent(e *store.Event) error {
	err := tx.Tx.AppendEvent(e)
	if err == nil && e.Author == tx.region {
		tx.appended = append(tx.appended, e)
	}
	return err
}

// appended makes spans of events that are durable.
func (t *Tracer) appended(ctx context.Context, began time.Time, events []*store.Event) {
	if len(events) == 0 {
		return
	}
	now, call := t.cfg.Now(), callOf(ctx)
	for _, e := range events {
		trace, ok := t.sampled(e.TicketID)
		if !ok {
			continue
		}
		var ev jieliv1.Event
		if err := proto.Unmarshal(e.Bytes, &ev); err != nil {
			continue // nobody can read it, and whoever must will say so
		}
		before := spanOf(ev.GetPreviousHash())
		s := span(trace, spanOf(e.Hash[:]), before, e.Kind.String(), tracepb.Span_SPAN_KIND_INTERNAL, began, now)
		of(s, e.Number, e.Kind.String(), ev.GetOffered().GetTarget())
		switch {
		case call == nil:
		case e.Number == 1: // a ticket's life begins with the call that brought it
			call.follow(spanID{})
			s.ParentSpanId = slices.Clone(call.id[:])
		default:
			call.follow(before)
			s.Links = append(s.Links, &tracepb.Span_Link{TraceId: slices.Clone(trace[:]), SpanId: slices.Clone(call.id[:])})
		}
		t.send(s)
	}
}
