package api

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/jieli-gateway/jieli/gateway/desk"
	"github.com/jieli-gateway/jieli/gateway/fault"
	jieliv1 "github.com/jieli-gateway/jieli/proto/jieli/v1"
	"github.com/jieli-gateway/jieli/regions"
)

// fakeDesk answers every command with the ticket it names, and remembers who asked for what.
type fakeDesk struct {
	mu     sync.Mutex
	actor  desk.Actor
	method string
	last   proto.Message
	// fail is what every method answers, when it is set.
	fail func(ctx context.Context) error
	// feed is what Watch sends; start is the oldest cursor it still knows.
	feed  []*jieliv1.FeedEntry
	start string
	// waiting gets a value whenever Watch has sent all it has.
	waiting chan struct{}
}

func (d *fakeDesk) call(ctx context.Context, method string, actor desk.Actor, req proto.Message) error {
	d.mu.Lock()
	d.method, d.actor, d.last = method, actor, req
	fail := d.fail
	d.mu.Unlock()
	if fail != nil {
		return fail(ctx)
	}
	return nil
}

// seen gives the newest call.
func (d *fakeDesk) seen() (string, desk.Actor, proto.Message) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.method, d.actor, d.last
}

func (d *fakeDesk) failWith(fail func(ctx context.Context) error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.fail = fail
}

type named interface {
	proto.Message
	GetId() string
}

func (d *fakeDesk) ticket(ctx context.Context, method string, actor desk.Actor, req named) (*jieliv1.Ticket, error) {
	if err := d.call(ctx, method, actor, req); err != nil {
		return nil, err
	}
	return &jieliv1.Ticket{Id: req.GetId(), State: jieliv1.Ticket_ACCEPTED}, nil
}

func (d *fakeDesk) Submit(ctx context.Context, actor desk.Actor, req *jieliv1.SubmitTicketRequest) (*jieliv1.SubmitTicketResponse, error) {
	if err := d.call(ctx, "Submit", actor, req); err != nil {
		return nil, err
	}
	return &jieliv1.SubmitTicketResponse{Ticket: req.GetTicket()}, nil
}

func (d *fakeDesk) Get(ctx context.Context, a desk.Actor, req *jieliv1.GetTicketRequest) (*jieliv1.Ticket, error) {
	return d.ticket(ctx, "Get", a, req)
}

func (d *fakeDesk) List(ctx context.Context, req *jieliv1.ListTicketsRequest) (*jieliv1.ListTicketsResponse, error) {
	return &jieliv1.ListTicketsResponse{}, d.call(ctx, "List", desk.Actor{}, req)
}

func (d *fakeDesk) Offer(ctx context.Context, a desk.Actor, req *jieliv1.OfferTicketRequest) (*jieliv1.Ticket, error) {
	return d.ticket(ctx, "Offer", a, req)
}

func (d *fakeDesk) Accept(ctx context.Context, a desk.Actor, req *jieliv1.AcceptTicketRequest) (*jieliv1.Ticket, error) {
	return d.ticket(ctx, "Accept", a, req)
}

func (d *fakeDesk) Return(ctx context.Context, a desk.Actor, req *jieliv1.ReturnTicketRequest) (*jieliv1.Ticket, error) {
	return d.ticket(ctx, "Return", a, req)
}

func (d *fakeDesk) Note(ctx context.Context, a desk.Actor, req *jieliv1.NoteTicketRequest) (*jieliv1.Ticket, error) {
	return d.ticket(ctx, "Note", a, req)
}

func (d *fakeDesk) Answer(ctx context.Context, a desk.Actor, req *jieliv1.AnswerTicketRequest) (*jieliv1.Ticket, error) {
	return d.ticket(ctx, "Answer", a, req)
}

func (d *fakeDesk) Close(ctx context.Context, a desk.Actor, req *jieliv1.CloseTicketRequest) (*jieliv1.Ticket, error) {
	return d.ticket(ctx, "Close", a, req)
}

func (d *fakeDesk) Reopen(ctx context.Context, a desk.Actor, req *jieliv1.ReopenTicketRequest) (*jieliv1.Ticket, error) {
	return d.ticket(ctx, "Reopen", a, req)
}

func (d *fakeDesk) Withdraw(ctx context.Context, a desk.Actor, req *jieliv1.WithdrawTicketRequest) (*jieliv1.Ticket, error) {
	return d.ticket(ctx, "Withdraw", a, req)
}

func (d *fakeDesk) Recall(ctx context.Context, a desk.Actor, req *jieliv1.RecallTicketRequest) (*jieliv1.Ticket, error) {
	return d.ticket(ctx, "Recall", a, req)
}

func (d *fakeDesk) Events(ctx context.Context, req *jieliv1.ListEventsRequest) (*jieliv1.ListEventsResponse, error) {
	if err := d.call(ctx, "Events", desk.Actor{}, req); err != nil {
		return nil, err
	}
	if req.GetAfter() != "" && req.GetAfter() < d.start {
		return nil, fault.New(fault.OutOfRange, "CURSOR_TOO_OLD", "the feed begins after cursor %s", d.start)
	}
	if req.GetWait() != nil {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	return &jieliv1.ListEventsResponse{Entries: d.feed}, nil
}

func (d *fakeDesk) Watch(ctx context.Context, after string, send func(*jieliv1.FeedEntry) error) error {
	if err := d.call(ctx, "Watch", desk.Actor{}, &jieliv1.WatchEventsRequest{After: after}); err != nil {
		return err
	}
	for _, entry := range d.feed {
		if entry.GetCursor() <= after {
			continue
		}
		if err := send(entry); err != nil {
			return err
		}
	}
	select {
	case d.waiting <- struct{}{}:
	default:
	}
	<-ctx.Done()
	return ctx.Err()
}

func (d *fakeDesk) RetryTicket(ctx context.Context, ticket string) (*jieliv1.RetryTicketResponse, error) {
	return &jieliv1.RetryTicketResponse{Taken: 1}, d.call(ctx, "RetryTicket", desk.Actor{}, &jieliv1.RetryTicketRequest{Ticket: ticket})
}

func (d *fakeDesk) ExcusePeer(ctx context.Context, a desk.Actor, region, reason string) error {
	return d.call(ctx, "ExcusePeer", a, &jieliv1.ExcusePeerRequest{Region: region, Reason: reason})
}

// fakeView is a registry at one moment.
type fakeView struct {
	regions  []*jieliv1.Region
	nodes    map[string][]*jieliv1.Node
	routes   *regions.Table
	services *regions.Catalogue
}

func newFakeView(t testing.TB, rules ...regions.Rule) *fakeView {
	t.Helper()
	divisions, err := regions.LoadDivisions()
	if err != nil {
		t.Fatal(err)
	}
	table, err := regions.NewTable(divisions, rules...)
	if err != nil {
		t.Fatal(err)
	}
	return &fakeView{
		regions: []*jieliv1.Region{
			{Id: "chengyu", State: jieliv1.Region_SUSPENDED},
			{Id: "jingjinji", State: jieliv1.Region_ACTIVE},
			{Id: "newcomer", State: jieliv1.Region_PENDING},
		},
		nodes: map[string][]*jieliv1.Node{
			"jingjinji": {{Region: "jingjinji", Name: "a", Tickets: true}, {Region: "jingjinji", Name: "b"}},
		},
		routes: table, services: regions.DefaultCatalogue(),
	}
}

func (v *fakeView) Revision() uint64                         { return 42 }
func (v *fakeView) Level() uint32                            { return 1 }
func (v *fakeView) Regions() []*jieliv1.Region               { return v.regions }
func (v *fakeView) Nodes(region string) []*jieliv1.Node      { return v.nodes[region] }
func (v *fakeView) Routes() *regions.Table                   { return v.routes }
func (v *fakeView) Route(regions.Key) (*jieliv1.Route, bool) { return nil, false }
func (v *fakeView) Services() []*jieliv1.ServiceEntry        { return nil }
func (v *fakeView) Catalogue() *regions.Catalogue            { return v.services }
func (v *fakeView) Policy() *jieliv1.Policy                  { return &jieliv1.Policy{LinkVersionFloor: 1} }

func (v *fakeView) Region(id string) (found *jieliv1.Region, _ bool) {
	for _, r := range v.regions {
		if r.GetId() == id {
			return r, true
		}
	}
	return nil, false
}

// fakeRegistry takes every command.
type fakeRegistry struct {
	mu     sync.Mutex
	view   *fakeView
	last   *jieliv1.Command
	answer func(*jieliv1.Command) (*jieliv1.Outcome, error)
	status *jieliv1.RegistryStatus
	strong error
}

func (r *fakeRegistry) View() View {
	if r.view == nil {
		return nil
	}
	return r.view
}
func (r *fakeRegistry) Stale() bool                      { return r.status.GetStale() }
func (r *fakeRegistry) ReadStrong(context.Context) error { return r.strong }
func (r *fakeRegistry) Status(context.Context) *jieliv1.RegistryStatus {
	return r.status
}

func (r *fakeRegistry) Propose(_ context.Context, c *jieliv1.Command) (*jieliv1.Outcome, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.last = c
	if r.answer != nil {
		return r.answer(c)
	}
	return &jieliv1.Outcome{Revision: 43}, nil
}

func (r *fakeRegistry) proposed() *jieliv1.Command {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.last
}

// openTickets is a fixed number of open tickets.
type openTickets uint64

func (n openTickets) OpenTickets(context.Context) (uint64, error) { return uint64(n), nil }

// fakeStore and fakeLinks tell a fixed state.
type (
	fakeStore struct {
		status *jieliv1.StoreStatus
		err    error
	}
	fakeLinks []*jieliv1.LinkStatus
)

func (s fakeStore) Status(context.Context) (*jieliv1.StoreStatus, error) { return s.status, s.err }
func (l fakeLinks) Status(context.Context) []*jieliv1.LinkStatus         { return l }

func newRule(t testing.TB, division, service, region, from, to string) regions.Rule {
	t.Helper()
	r, err := regions.ParseRule(division, service, region, from, to)
	if err != nil {
		t.Fatal(fmt.Errorf("rule of a test: %w", err))
	}
	return r
}
