package api

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/jieli-gateway/jieli/federation"
	"github.com/jieli-gateway/jieli/federation/registry"
	"github.com/jieli-gateway/jieli/federation/trust"
	"github.com/jieli-gateway/jieli/gateway/desk"
	"github.com/jieli-gateway/jieli/gateway/fault"
	"github.com/jieli-gateway/jieli/gateway/link"
	jieliv1 "github.com/jieli-gateway/jieli/proto/jieli/v1"
)

// The real parts fit.
var (
	_ Desk        = (*desk.Desk)(nil)
	_ OpenTickets = (*desk.Desk)(nil)
	_ Links       = (*link.Links)(nil)
	_ Registry    = (*federation.Registry)(nil)
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

// fakeRegistry is a real state machine with nobody else to agree with.
type fakeRegistry struct {
	mu      sync.Mutex
	machine *registry.Machine
	last    *jieliv1.Command
	answer  func(*jieliv1.Command) (*jieliv1.Outcome, error) // instead of the machine's
	status  *jieliv1.RegistryStatus
	stale   string
	strong  error
	now     func() time.Time
}

func (r *fakeRegistry) View() federation.Snapshot {
	r.mu.Lock()
	defer r.mu.Unlock()
	return federation.Snapshot{View: r.machine.View(), Stale: r.stale != "", StaleReason: r.stale}
}

func (r *fakeRegistry) ReadStrong(context.Context) (federation.Snapshot, error) {
	if r.strong != nil {
		return federation.Snapshot{}, r.strong
	}
	return r.View(), nil
}

func (r *fakeRegistry) Status(context.Context, bool) *jieliv1.RegistryStatus { return r.status }

func (r *fakeRegistry) Propose(_ context.Context, c *jieliv1.Command) (*jieliv1.Outcome, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.last = c
	if r.answer != nil {
		return r.answer(c)
	}
	return applyTo(r.machine, c, r.now())
}

func (r *fakeRegistry) proposed() *jieliv1.Command {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.last
}

// applyTo applies a command as federation.Registry does.
func applyTo(m *registry.Machine, c *jieliv1.Command, now time.Time) (*jieliv1.Outcome, error) {
	if err := registry.CheckRequestID(c.GetRequestId(), now, time.Hour, time.Minute); err != nil {
		return nil, fmt.Errorf("%w: %w", federation.ErrRequestID, err)
	}
	encoded, err := registry.Encode(c)
	if err != nil {
		return nil, err
	}
	outcome := m.Apply(registry.Seal(encoded, nil, uint64(now.UnixMilli())))
	if outcome.GetReason() != "" {
		return outcome, &federation.Rejection{Reason: outcome.GetReason(), Message: outcome.GetMessage(), Revision: outcome.GetRevision()}
	}
	return outcome, nil
}

// entry is what a region says of itself.
func entry(t testing.TB, id string) *jieliv1.Region {
	t.Helper()
	dir := t.TempDir()
	if err := trust.Init(dir, id); err != nil {
		t.Fatal(err)
	}
	material, err := trust.Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	show := material.Show()
	return &jieliv1.Region{
		Id: id, NameZh: id, LegalName: id, DutyPhone: "12345", NumberPrefix: strings.ToUpper(strings.ReplaceAll(id, "-", ""))[:min(8, len(id))],
		Bundle:      show.Bundle,
		SigningKeys: []*jieliv1.SigningKey{{KeyId: show.SigningKeyID, Algorithm: show.SigningAlgorithm, PublicKey: show.SigningPublicKey}},
	}
}

func node(region, name string, tickets bool) *jieliv1.Node {
	return &jieliv1.Node{Region: region, Name: name, Address: region + ".example:7345", Raft: true, Tickets: tickets}
}

// newMachine makes the registry of a federation: jingjinji with two nodes has made it, suzhou and changsanjiao are
// members, chengyu is suspended, newcomer is pending.
func newMachine(t testing.TB, routes ...*jieliv1.Route) *registry.Machine {
	t.Helper()
	m := registry.New(registry.Options{})
	apply := func(c *jieliv1.Command) {
		t.Helper()
		id, err := federation.NewRequestID(today)
		if err != nil {
			t.Fatal(err)
		}
		c.RequestId, c.Actor, c.Region = id, "test", "jingjinji"
		if _, err := applyTo(m, c, today); err != nil {
			t.Fatal(err)
		}
	}
	state := func(region string, to jieliv1.Region_State) {
		apply(&jieliv1.Command{Change: &jieliv1.Command_ChangeRegionState{ChangeRegionState: &jieliv1.ChangeRegionState{Region: region, State: to}}})
	}
	services := []*jieliv1.ServiceEntry{
		{Code: "urban", NameZh: "城乡建设", NameEn: "Urban development", Aliases: []string{"住建"}},
		{Code: "urban.housing", NameZh: "住房保障", NameEn: "Housing", Aliases: []string{"公积金"}},
	}
	apply(&jieliv1.Command{Change: &jieliv1.Command_Bootstrap{Bootstrap: &jieliv1.Bootstrap{
		ClusterId: "0193f2a6-5c1e-7b3a-9d42-000000000001", Region: entry(t, "jingjinji"), Node: node("jingjinji", "a", true), Services: services,
	}}})
	apply(&jieliv1.Command{Change: &jieliv1.Command_PutNode{PutNode: &jieliv1.PutNode{Node: node("jingjinji", "b", false)}}})
	for _, id := range []string{"chengyu", "changsanjiao", "suzhou", "newcomer"} {
		region := entry(t, id)
		region.NumberPrefix = strings.ToUpper(id[1:4])
		apply(&jieliv1.Command{Change: &jieliv1.Command_RegisterRegion{RegisterRegion: &jieliv1.RegisterRegion{Region: region, Nodes: []*jieliv1.Node{node(id, "a", true)}}}})
		if id != "newcomer" {
			state(id, jieliv1.Region_ACTIVE)
		}
	}
	state("chengyu", jieliv1.Region_SUSPENDED)
	if len(routes) > 0 {
		apply(&jieliv1.Command{Change: &jieliv1.Command_ChangeRoutes{ChangeRoutes: &jieliv1.ChangeRoutes{Set: routes}}})
	}
	return m
}

// route is one for the tests' table.
func route(division, service, region, from, to string) *jieliv1.Route {
	return &jieliv1.Route{Division: division, Service: service, Region: region, ValidFrom: from, ValidTo: to}
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
func (l fakeLinks) Status() []*jieliv1.LinkStatus                        { return l }
