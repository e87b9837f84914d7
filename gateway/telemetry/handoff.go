package telemetry

import (
	"time"

	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/jieli-gateway/jieli/gateway/link"
	"github.com/jieli-gateway/jieli/gateway/store"
	jieliv1 "github.com/jieli-gateway/jieli/proto/jieli/v1"
)

// Tickets lets a tracer see events travel. Below the span of an event stand, at its author, `send` (from when it was
// appended until a link took it up) and `receipt` (from then until the peer's receipt), and at the other region `take`
// (from its arrival until it was judged).
func (t *Tracer) Tickets(inner link.Tickets) link.Tickets {
	return &tracedTickets{Tickets: inner, t: t}
}

type tracedTickets struct {
	link.Tickets
	t *Tracer
}

// Load implements link.Tickets.
func (w *tracedTickets) Load(r store.Reader, row *store.OutboxRow) (*jieliv1.Item, error) {
	item, err := w.Tickets.Load(r, row)
	if err != nil || row.Kind != store.OutboxEvent {
		return item, err
	}
	if trace, ok := w.t.sampled(row.TicketID); ok {
		s := span(trace, newSpan(), spanOf(row.Hash[:]), "send", tracepb.Span_SPAN_KIND_PRODUCER, row.Time, w.t.cfg.Now())
		w.t.send(of(s, row.Number, kindOf(item.GetEvent()), row.Peer))
	}
	return item, nil
}

// tracedItem is an item that has been checked and is traced.
type tracedItem struct {
	link.Checked
	trace   traceID
	number  uint32
	kind    string
	arrived time.Time
}

// Check implements link.Tickets.
func (w *tracedTickets) Check(peer string, item *jieliv1.Item) link.Checked {
	arrived := w.t.cfg.Now()
	c := w.Tickets.Check(peer, item)
	var ev jieliv1.Event
	if item.GetEvent() == nil || proto.Unmarshal(item.GetEvent().GetEvent().GetEvent(), &ev) != nil {
		return c
	}
	trace, ok := w.t.sampled(ev.GetTicketId())
	if !ok {
		return c
	}
	return &tracedItem{c, trace, ev.GetNumber(), kindName(ev.GetKind()), arrived}
}

// Take implements link.Tickets.
func (w *tracedTickets) Take(tx store.Tx, peer string, seq uint64, c link.Checked) (link.Verdict, error) {
	traced, ok := c.(*tracedItem)
	if !ok {
		return w.Tickets.Take(tx, peer, seq, c)
	}
	v, err := w.Tickets.Take(tx, peer, seq, traced.Checked)
	if err != nil {
		return v, err // it is taken again, or the stream ends
	}
	hash := traced.Hash()
	s := span(traced.trace, newSpan(), spanOf(hash[:]), "take", tracepb.Span_SPAN_KIND_CONSUMER, traced.arrived, w.t.cfg.Now())
	w.t.send(outcome(of(s, traced.number, traced.kind, peer), v.Refused, v.StoppedReason))
	return v, nil
}

// Delivered implements link.Tickets.
func (w *tracedTickets) Delivered(tx store.Tx, peer string, rows []*store.OutboxRow, r *jieliv1.Receipt) error {
	if err := w.Tickets.Delivered(tx, peer, rows, r); err != nil {
		return err
	}
	now := w.t.cfg.Now()
	for _, row := range rows {
		trace, ok := w.t.sampled(row.TicketID)
		if !ok || row.Kind != store.OutboxEvent {
			continue
		}
		s := span(trace, newSpan(), spanOf(row.Hash[:]), "receipt", tracepb.Span_SPAN_KIND_INTERNAL, row.Time, now)
		s.Attributes = append(s.Attributes, number("jieli.event.number", row.Number), text("jieli.peer", peer))
		refused, stopped := said(r, row.Seq)
		w.t.send(outcome(s, refused, stopped))
	}
	return nil
}

// said is what a receipt says of an item beside that it has come.
func said(r *jieliv1.Receipt, seq uint64) (refused *jieliv1.SignedDecision, stopped string) {
	for _, it := range r.GetRefused() {
		if it.GetSequence() == seq {
			return it.GetRefusal(), ""
		}
	}
	for _, it := range r.GetStopped() {
		if it.GetSequence() == seq {
			return nil, it.GetReason()
		}
	}
	return nil, ""
}

// outcome says what became of an item: taken, refused or stopped.
func outcome(s *tracepb.Span, refused *jieliv1.SignedDecision, stopped string) *tracepb.Span {
	word, reason := "taken", ""
	switch {
	case refused != nil:
		var d jieliv1.Decision
		_ = proto.Unmarshal(refused.GetDecision(), &d) // an unreadable one has no reason
		word, reason = "refused", d.GetReason()
	case stopped != "":
		word, reason = "stopped", stopped
	}
	s.Attributes = append(s.Attributes, text("jieli.outcome", word))
	if reason == "" {
		return s
	}
	return failed(s, coded(reason))
}

// maxCode is the longest coded reason.
const maxCode = 64

// coded is a reason as it may be shown: what a peer says is a code or nothing.
func coded(reason string) string {
	if len(reason) > maxCode {
		return "OTHER"
	}
	for _, c := range []byte(reason) {
		if (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '_' {
			return "OTHER"
		}
	}
	return reason
}

// kindOf is the kind of the event an item carries.
func kindOf(item *jieliv1.EventItem) string {
	var ev jieliv1.Event
	_ = proto.Unmarshal(item.GetEvent().GetEvent(), &ev) // an unreadable one has none
	return kindName(ev.GetKind())
}

// kindName is a kind's name; of one that this binary does not know only that it is another.
func kindName(kind jieliv1.Event_Kind) string {
	if name, ok := jieliv1.Event_Kind_name[int32(kind)]; ok {
		return name
	}
	return "OTHER"
}
