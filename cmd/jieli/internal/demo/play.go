package demo

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/jieli-gateway/jieli/cmd/jieli/internal/importer"
	jieliv1 "github.com/jieli-gateway/jieli/proto/jieli/v1"
)

const (
	// parallel is how many operators a centre has.
	parallel = 16
	feedWait = 5 * time.Second
)

// key is how both sides know a line's ticket: by its origin's own number.
type key struct{ origin, externalID string }

// day is what is being played.
type day struct {
	d     *demo
	lines map[key]importer.Line

	mu       sync.Mutex
	progress *progress
	taken    map[string]bool // ids that submissions were answered with
	open     map[string]bool // those of them that have not come to their end
	ended    map[string]bool // may know an id before its submission is answered
	unsent   int
	refused  int
	diverted int
	finished chan struct{}
}

// play submits every line at its region, lets each centre work on its own feed until every ticket has come to its end,
// and counts.
func (d *demo) play(ctx context.Context, lines []importer.Line) (*Summary, error) {
	p := &day{
		d: d, lines: map[key]importer.Line{}, taken: map[string]bool{}, open: map[string]bool{}, ended: map[string]bool{},
		unsent: len(lines), finished: make(chan struct{}), progress: d.progress(len(lines)),
	}
	defer p.progress.interrupt() // all who use it have ended by then
	if len(lines) == 0 {
		return nil, errors.New("there is nothing to play")
	}
	calls, err := receive(lines, newReception(d.centres))
	if err != nil {
		return nil, err
	}
	d.say("Playing %d complaints", "开始处理 %d 件诉求", len(lines))
	working, stop := context.WithCancel(ctx)
	defer stop()
	followers, working := errgroup.WithContext(working)
	for _, c := range d.centres {
		followers.Go(func() error { return p.follow(working, c) })
	}
	err = p.submitAll(working, calls)
	if err == nil {
		select {
		case <-p.finished:
		case <-working.Done():
		}
	}
	stop()
	// A centre that fails ends the submissions too, so it is the one to tell.
	if stopped := followers.Wait(); !errors.Is(stopped, context.Canceled) {
		return nil, stopped
	}
	if err != nil {
		return nil, err
	}
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	return p.count(ctx, len(lines))
}

// submitAll takes every call, a few at a time.
func (p *day) submitAll(ctx context.Context, calls []call) error {
	submitters, ctx := errgroup.WithContext(ctx)
	submitters.SetLimit(parallel)
	for _, c := range calls {
		submitters.Go(func() error { return p.submit(ctx, c) })
	}
	return submitters.Wait()
}

// call is a line with the centre that takes it.
type call struct {
	number int // of the line, from 1
	line   importer.Line
	ticket *jieliv1.Ticket
	at     *centre
}

// receive finds out where each line comes in.
func receive(lines []importer.Line, at reception) ([]call, error) {
	calls := make([]call, 0, len(lines))
	for i, l := range lines {
		c := call{number: i + 1, line: l, ticket: new(jieliv1.Ticket)}
		if err := protojson.Unmarshal(l.Ticket, c.ticket); err != nil {
			return nil, fmt.Errorf("line %d: %w", c.number, err)
		}
		if c.at = at.of(l, c.ticket.GetExternalId()); c.at == nil {
			return nil, fmt.Errorf("line %d: no region %q in this demonstration", c.number, l.Region)
		}
		calls = append(calls, c)
	}
	return calls, nil
}

// submit takes one call.
func (p *day) submit(ctx context.Context, taken call) error {
	c, number := taken.at, taken.number
	if own := taken.ticket.GetExternalId(); own != "" {
		p.remember(key{c.id, own}, taken.line)
	}
	// One without a number of its own is known again by the request's id.
	req := &jieliv1.SubmitTicketRequest{Ticket: taken.ticket, RequestId: newID()}
	var res *jieliv1.SubmitTicketResponse
	err := again(ctx, func() (err error) {
		res, err = c.client.Tickets.SubmitTicket(c.client.Signed(ctx), req)
		return err
	})
	p.mu.Lock()
	defer p.mu.Unlock()
	p.unsent--
	switch status.Code(err) {
	case codes.OK:
		p.take(number, res.GetTicket())
	case codes.InvalidArgument, codes.AlreadyExists:
		p.refused++
		p.progress.interrupt()
		p.d.say("  line %d was refused: %s", "  第 %d 行被拒收：%s", number, status.Convert(err).Message())
	default:
		return fmt.Errorf("submit line %d at %s: %w", number, c.id, err)
	}
	p.look()
	return nil
}

// remember keeps what a line asks for. The first line with a number counts: a later one with other content is refused.
func (p *day) remember(number key, l importer.Line) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, ok := p.lines[number]; !ok {
		p.lines[number] = l
	}
}

// take notes what a submission was answered with; p.mu is held.
func (p *day) take(line int, t *jieliv1.Ticket) {
	id := t.GetId()
	if p.taken[id] {
		p.progress.interrupt()
		p.d.say("  line %d says what an earlier one said: ticket %s stands", "  第 %d 行与前面某行相同：仍为工单 %s", line, t.GetNumber())
	}
	p.taken[id] = true
	if t.GetState() == jieliv1.Ticket_DIVERTED {
		p.diverted++
	}
	if !p.ended[id] {
		p.open[id] = true
	}
}

// end notes that a ticket has come to its end.
func (p *day) end(id string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ended[id] {
		return
	}
	p.ended[id] = true
	delete(p.open, id)
	p.look()
}

// look tells how far the play is, and whether all is done; p.mu is held.
func (p *day) look() {
	p.progress.tell(len(p.taken) - len(p.open))
	if p.unsent > 0 || len(p.open) > 0 {
		return
	}
	select {
	case <-p.finished:
	default:
		close(p.finished)
	}
}

// follow works on what a centre's feed brings, until ctx ends.
func (p *day) follow(ctx context.Context, c *centre) error {
	work, wctx := errgroup.WithContext(ctx)
	work.SetLimit(parallel)
	var feedErr error
	for after := ""; ctx.Err() == nil && wctx.Err() == nil; {
		var res *jieliv1.ListEventsResponse
		feedErr = again(wctx, func() (err error) {
			res, err = c.client.Events.ListEvents(c.client.Signed(wctx), &jieliv1.ListEventsRequest{After: after, Limit: 500, Wait: durationpb.New(feedWait)})
			return err
		})
		if feedErr != nil {
			break
		}
		for _, e := range res.GetEntries() {
			if p.concerns(c, e) {
				work.Go(func() error { return p.act(wctx, c, e.GetTicketId()) })
			}
		}
		after = res.GetNext()
	}
	// What stopped the work cancelled the feed too, so it is the one to tell.
	err := work.Wait()
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case err != nil:
		return fmt.Errorf("centre of %s: %w", c.id, err)
	}
	return fmt.Errorf("feed of %s: %w", c.id, feedErr)
}

// concerns tells whether an entry is one this centre must act on.
func (p *day) concerns(c *centre, e *jieliv1.FeedEntry) bool {
	if e.GetKind() != jieliv1.FeedEntry_EVENT {
		return false
	}
	own := e.GetOrigin() == c.id
	switch e.GetState() {
	case jieliv1.Ticket_OFFERED:
		return !own
	case jieliv1.Ticket_ACCEPTED:
		return e.GetEvent().GetAuthor() == c.id
	case jieliv1.Ticket_ANSWERED, jieliv1.Ticket_CLOSED, jieliv1.Ticket_RETURNED, jieliv1.Ticket_ARBITRATION,
		jieliv1.Ticket_UNROUTED, jieliv1.Ticket_DIVERTED:
		return own
	}
	return false
}

// act does what an operator would do with the ticket as it now is.
func (p *day) act(ctx context.Context, c *centre, id string) error {
	return again(ctx, func() error {
		t, err := c.client.Tickets.GetTicket(c.client.Signed(ctx), &jieliv1.GetTicketRequest{Id: id})
		if err != nil {
			return err
		}
		p.mu.Lock()
		line := p.lines[key{t.GetOrigin(), t.GetExternalId()}]
		p.mu.Unlock()
		err = p.step(ctx, c, t, line)
		switch status.Code(err) {
		case codes.FailedPrecondition, codes.Aborted:
			return nil // it has moved on: another entry tells
		}
		return err
	})
}

func (p *day) step(ctx context.Context, c *centre, t *jieliv1.Ticket, line importer.Line) error {
	own, signed := t.GetOrigin() == c.id, c.client.Signed(ctx)
	tickets, id, expected := c.client.Tickets, t.GetId(), t.GetLastEvent()
	var err error
	switch t.GetState() {
	case jieliv1.Ticket_OFFERED:
		switch {
		case own:
		case line.Play == "return" && len(t.GetHops()) == 1:
			_, err = tickets.ReturnTicket(signed, &jieliv1.ReturnTicketRequest{
				Id: id, RequestId: newID(), ExpectedEvent: expected, Reason: jieliv1.Returned_NOT_OUR_MATTER,
				Text: "经核实，涉事企业注册地与主管机关均不在本区域。", Basis: "《市场监督管理投诉举报处理暂行办法》", Onward: p.third(t.GetOrigin(), c.id),
			})
		default:
			_, err = tickets.AcceptTicket(signed, &jieliv1.AcceptTicketRequest{Id: id, RequestId: newID(), ExpectedEvent: expected, Reference: c.cfg.Region.NumberPrefix + "-" + t.GetNumber()})
		}
	case jieliv1.Ticket_RETURNED, jieliv1.Ticket_ARBITRATION:
		if own {
			_, err = tickets.AcceptTicket(signed, &jieliv1.AcceptTicketRequest{Id: id, RequestId: newID(), ExpectedEvent: expected})
		}
	case jieliv1.Ticket_ACCEPTED, jieliv1.Ticket_IN_PROGRESS:
		if holdsIt(t, c.id) {
			_, err = tickets.AnswerTicket(signed, &jieliv1.AnswerTicketRequest{Id: id, RequestId: newID(), ExpectedEvent: expected, Text: answerOf(line)})
		}
	case jieliv1.Ticket_ANSWERED:
		if own {
			_, err = tickets.CloseTicket(signed, &jieliv1.CloseTicketRequest{Id: id, RequestId: newID(), ExpectedEvent: expected, Resolved: true, Text: "回访：诉求人表示已解决。"})
		}
	case jieliv1.Ticket_CLOSED:
		if line.Play == "reopen" && t.GetRound() == 1 {
			_, err = tickets.ReopenTicket(signed, &jieliv1.ReopenTicketRequest{Id: id, RequestId: newID(), ExpectedEvent: expected, Text: "诉求人来电称问题再次出现。"})
		} else if own {
			p.end(id)
		}
	case jieliv1.Ticket_UNROUTED, jieliv1.Ticket_DIVERTED:
		p.end(id)
	}
	return err
}

// holdsIt: the newest acceptance is this region's own.
func holdsIt(t *jieliv1.Ticket, region string) bool {
	for i := len(t.GetEvents()) - 1; i >= 0; i-- {
		if t.GetEvents()[i].GetKind() == jieliv1.Event_ACCEPTED {
			return t.GetEvents()[i].GetAuthor() == region
		}
	}
	return false
}

// third is the region that is neither.
func (p *day) third(a, b string) string {
	for _, c := range p.d.centres {
		if c.id != a && c.id != b {
			return c.id
		}
	}
	return ""
}

func answerOf(l importer.Line) string {
	if l.Resolution != nil && l.Resolution.Text != "" {
		return l.Resolution.Text
	}
	return "您好，您反映的问题已核实并处理，感谢您的监督。"
}

func newID() string { return uuid.Must(uuid.NewV7()).String() }

// again repeats a call that a node could not take just now, until ctx ends.
func again(ctx context.Context, call func() error) error {
	pause := 50 * time.Millisecond
	for {
		err := call()
		switch status.Code(err) {
		case codes.Unavailable, codes.ResourceExhausted, codes.DeadlineExceeded:
		default:
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(pause):
		}
		pause = min(2*pause, time.Second)
	}
}
