package telemetry

import (
	"context"
	"strings"
	"time"

	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"

	"github.com/jieli-gateway/jieli/gateway/api"
	"github.com/jieli-gateway/jieli/gateway/desk"
	"github.com/jieli-gateway/jieli/gateway/fault"
	jieliv1 "github.com/jieli-gateway/jieli/proto/jieli/v1"
)

// call is a centre's call under way. Its events are known to it, and it to them, by the context.
type call struct {
	id spanID
	// after is the event before the first one it appended; none when that is a ticket's first.
	after spanID
	// placed: after is known.
	placed bool
}

type callKey struct{}

func callOf(ctx context.Context) *call {
	c, _ := ctx.Value(callKey{}).(*call)
	return c
}

// follow notes where in the ticket's life the call has its place.
func (c *call) follow(event spanID) {
	if !c.placed {
		c.after, c.placed = event, true
	}
}

// Desk lets a tracer see what centres command. A submission is the root of its ticket's trace; each later command stands
// beside the event it appended, which points at it.
func (t *Tracer) Desk(inner api.Desk) api.Desk { return &tracedDesk{Desk: inner, t: t} }

type tracedDesk struct {
	api.Desk
	t *Tracer
}

// Submit implements api.Desk.
func (d *tracedDesk) Submit(ctx context.Context, actor desk.Actor, req *jieliv1.SubmitTicketRequest) (*jieliv1.SubmitTicketResponse, error) {
	c, began := &call{id: newSpan()}, d.t.cfg.Now()
	res, err := d.Desk.Submit(context.WithValue(ctx, callKey{}, c), actor, req)
	if err == nil && !res.GetRepeated() { // of what was not taken there is no ticket, and a repeated one has its trace
		d.t.commanded(c, "submit", res.GetTicket().GetId(), began, nil)
	}
	return res, err
}

// commanded makes the span of a call.
func (t *Tracer) commanded(c *call, name, ticket string, began time.Time, err error) {
	trace, ok := t.sampled(ticket)
	if !ok {
		return
	}
	s := span(trace, c.id, c.after, name, tracepb.Span_SPAN_KIND_SERVER, began, t.cfg.Now())
	if err != nil {
		failed(s, reasonOf(err))
	}
	t.send(s)
}

// reasonOf is an error's coded reason; its words may hold what a person has said.
func reasonOf(err error) string {
	if reason := fault.ReasonOf(err); reason != "" {
		return coded(reason)
	}
	return "OTHER"
}

// command traces a command on a ticket. A ticket that is named by its number is traced only when the command succeeds: its
// id is the trace.
func command[R interface{ GetId() string }](ctx context.Context, d *tracedDesk, name string, actor desk.Actor, req R,
	do func(context.Context, desk.Actor, R) (*jieliv1.Ticket, error),
) (*jieliv1.Ticket, error) {
	c, began := &call{id: newSpan()}, d.t.cfg.Now()
	res, err := do(context.WithValue(ctx, callKey{}, c), actor, req)
	id := strings.ToLower(req.GetId())
	if err == nil {
		id = res.GetId()
	}
	d.t.commanded(c, name, id, began, err)
	return res, err
}

// Offer implements api.Desk.
func (d *tracedDesk) Offer(ctx context.Context, actor desk.Actor, req *jieliv1.OfferTicketRequest) (*jieliv1.Ticket, error) {
	return command(ctx, d, "offer", actor, req, d.Desk.Offer)
}

// Accept implements api.Desk.
func (d *tracedDesk) Accept(ctx context.Context, actor desk.Actor, req *jieliv1.AcceptTicketRequest) (*jieliv1.Ticket, error) {
	return command(ctx, d, "accept", actor, req, d.Desk.Accept)
}

// Return implements api.Desk.
func (d *tracedDesk) Return(ctx context.Context, actor desk.Actor, req *jieliv1.ReturnTicketRequest) (*jieliv1.Ticket, error) {
	return command(ctx, d, "return", actor, req, d.Desk.Return)
}

// Note implements api.Desk.
func (d *tracedDesk) Note(ctx context.Context, actor desk.Actor, req *jieliv1.NoteTicketRequest) (*jieliv1.Ticket, error) {
	return command(ctx, d, "note", actor, req, d.Desk.Note)
}

// Answer implements api.Desk.
func (d *tracedDesk) Answer(ctx context.Context, actor desk.Actor, req *jieliv1.AnswerTicketRequest) (*jieliv1.Ticket, error) {
	return command(ctx, d, "answer", actor, req, d.Desk.Answer)
}

// Close implements api.Desk.
func (d *tracedDesk) Close(ctx context.Context, actor desk.Actor, req *jieliv1.CloseTicketRequest) (*jieliv1.Ticket, error) {
	return command(ctx, d, "close", actor, req, d.Desk.Close)
}

// Reopen implements api.Desk.
func (d *tracedDesk) Reopen(ctx context.Context, actor desk.Actor, req *jieliv1.ReopenTicketRequest) (*jieliv1.Ticket, error) {
	return command(ctx, d, "reopen", actor, req, d.Desk.Reopen)
}

// Withdraw implements api.Desk.
func (d *tracedDesk) Withdraw(ctx context.Context, actor desk.Actor, req *jieliv1.WithdrawTicketRequest) (*jieliv1.Ticket, error) {
	return command(ctx, d, "withdraw", actor, req, d.Desk.Withdraw)
}

// Recall implements api.Desk.
func (d *tracedDesk) Recall(ctx context.Context, actor desk.Actor, req *jieliv1.RecallTicketRequest) (*jieliv1.Ticket, error) {
	return command(ctx, d, "recall", actor, req, d.Desk.Recall)
}
