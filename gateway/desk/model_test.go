package desk

import (
	"flag"
	"fmt"
	"strconv"
	"testing"
	"time"

	"go.uber.org/goleak"
	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	"github.com/jieli-gateway/jieli/gateway/fault"
	"github.com/jieli-gateway/jieli/gateway/store"
	"github.com/jieli-gateway/jieli/gateway/ticket"
	jieliv1 "github.com/jieli-gateway/jieli/proto/jieli/v1"
)

// modelRuns is how many random days are played in a usual run; -rapid.checks plays more.
const modelRuns = 1500

func TestMain(m *testing.M) {
	flag.Parse()
	given := false
	flag.Visit(func(f *flag.Flag) { given = given || f.Name == "rapid.checks" })
	if !given && !testing.Short() {
		if err := flag.Set("rapid.checks", strconv.Itoa(modelRuns)); err != nil {
			panic(err)
		}
	}
	goleak.VerifyTestMain(m)
}

// Three regions live a random day: calls, every command at any time by anybody, items, receipts, requests and answers
// that come late, twice or not at all, crashes, tables that change and are known at different times, suspensions. At
// every moment at most one region has a ticket's pen and somebody holds it; in the end, when all has got through, origin
// and others have the same chain, nothing is open that could be settled, and no honest item was ever stopped.
func TestRandomDaysOfThreeRegions(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(t)
		w.r = t
		steps := rapid.IntRange(10, 120).Draw(t, "steps")
		for range steps {
			w.now = w.now.Add(time.Duration(rapid.IntRange(0, 2000).Draw(t, "ms")) * time.Millisecond)
			w.randomStep()
			w.checkAlways()
		}
		w.heal()
		w.checkHealed()
	})
}

func (w *world) anyPlace(what string) *place {
	return w.desks[rapid.SampledFrom(w.names).Draw(w.r, what)]
}

func (w *world) anyWire() wireKey {
	from := rapid.SampledFrom(w.names).Draw(w.r, "from")
	to := rapid.SampledFrom(w.names).Draw(w.r, "to")
	for i := 0; to == from; i++ {
		to = w.names[i]
	}
	return wireKey{from, to}
}

func (w *world) randomStep() {
	switch rapid.IntRange(0, 21).Draw(w.r, "step") {
	case 0, 1, 2:
		w.call()
	case 3, 4, 5, 6, 7:
		w.command()
	case 8, 9, 10, 11:
		w.deliver(w.anyWire())
	case 12, 13:
		w.receipt(w.anyWire())
	case 14:
		w.ask(w.anyWire(), rapid.IntRange(0, 9).Draw(w.r, "request"))
	case 15:
		w.answer(rapid.IntRange(0, 9).Draw(w.r, "answer"), rapid.Bool().Draw(w.r, "twice"))
	case 16:
		w.stream(w.anyWire(), rapid.IntRange(0, 3).Draw(w.r, "stream") > 0)
	case 17:
		w.anyPlace("crash").crash()
		if n := len(w.answers); n > 0 && rapid.Bool().Draw(w.r, "answers lost") {
			w.answers = w.answers[:n-1]
		}
	case 18:
		w.changeRegistry()
	case 19:
		p := w.anyPlace("table")
		w.catchUp(p.id)
		w.must(p.desk.routeWaiting(w.ctx))
	case 20:
		w.now = w.now.Add(time.Duration(rapid.IntRange(1, 40).Draw(w.r, "hours")) * time.Hour)
	case 21:
		w.must(w.anyPlace("timers").desk.deemAccepted(w.ctx))
	}
}

func (w *world) changeRegistry() {
	region := rapid.SampledFrom(w.names).Draw(w.r, "region")
	switch rapid.IntRange(0, 3).Draw(w.r, "change") {
	case 0:
		w.suspend(region, true)
	case 1:
		w.suspend(region, false)
	default:
		w.setRoute(rapid.SampledFrom([]string{"32", "50", "44"}).Draw(w.r, "division"), region)
	}
}

// call submits a ticket, sometimes one that was submitted before.
func (w *world) call() {
	p := w.anyPlace("call")
	n := rapid.IntRange(0, 8).Draw(w.r, "external id")
	division := []string{"110105", "320506", "500103", "440106"}[n%4]
	_, err := p.desk.Submit(w.ctx, Actor{Name: "话务员"}, &jieliv1.SubmitTicketRequest{Ticket: &jieliv1.Ticket{
		ExternalId: fmt.Sprint("X-", n), Type: jieliv1.Ticket_COMPLAINT, Title: "路灯不亮", Description: "三天了", Division: division,
		Reporter: &jieliv1.Reporter{Name: "张三", Phone: "19900000000"},
	}})
	w.allowed(err)
}

// allowed: a refusal must be one that a caller is told; anything else is a fault of ours.
func (w *world) allowed(err error) {
	if f, ok := fault.As(err); err != nil && (!ok || f.Kind == fault.Internal) {
		w.t.Fatalf("an error no caller is told: %v", err)
	}
}

// command gives any command on any ticket of a place.
func (w *world) command() {
	p := w.anyPlace("operator")
	tickets := p.tickets()
	if len(tickets) == 0 {
		return
	}
	id := tickets[rapid.IntRange(0, len(tickets)-1).Draw(w.r, "ticket")].State.GetId()
	actor, region := Actor{Name: "派单员"}, rapid.SampledFrom(w.names).Draw(w.r, "other region")
	var err error
	switch rapid.IntRange(0, 10).Draw(w.r, "command") {
	case 0:
		_, err = p.desk.Offer(w.ctx, actor, &jieliv1.OfferTicketRequest{Id: id, To: region})
	case 1:
		_, err = p.desk.Offer(w.ctx, actor, &jieliv1.OfferTicketRequest{Id: id})
	case 2, 3:
		_, err = p.desk.Accept(w.ctx, actor, &jieliv1.AcceptTicketRequest{Id: id})
	case 4:
		_, err = p.desk.Return(w.ctx, actor, &jieliv1.ReturnTicketRequest{Id: id, Reason: jieliv1.Returned_NOT_OUR_PLACE, Text: "不在本区域", Onward: region})
	case 5:
		_, err = p.desk.Note(w.ctx, actor, &jieliv1.NoteTicketRequest{Id: id, Text: "已联系"})
	case 6:
		_, err = p.desk.Answer(w.ctx, actor, &jieliv1.AnswerTicketRequest{Id: id, Text: "已修好"})
	case 7:
		_, err = p.desk.Close(w.ctx, actor, &jieliv1.CloseTicketRequest{Id: id, Resolved: true})
	case 8:
		_, err = p.desk.Reopen(w.ctx, actor, &jieliv1.ReopenTicketRequest{Id: id, Text: "又坏了"})
	case 9:
		_, err = p.desk.Withdraw(w.ctx, actor, &jieliv1.WithdrawTicketRequest{Id: id, Text: "不用了"})
	case 10:
		_, err = p.desk.Recall(w.ctx, actor, &jieliv1.RecallTicketRequest{Id: id})
	}
	w.allowed(err)
}

// heal lets everything get through.
func (w *world) heal() {
	for _, name := range w.names {
		w.suspend(name, false)
	}
	for round := 0; ; round++ {
		if round > 500 {
			w.t.Fatalf("it never comes to rest: %s", w.open())
		}
		w.catchUp(w.names...)
		moved := false
		for _, from := range w.names {
			w.must(w.desks[from].desk.routeWaiting(w.ctx))
			w.must(w.desks[from].desk.deemAccepted(w.ctx))
			for _, to := range w.names {
				if from == to {
					continue
				}
				k := wireKey{from, to}
				w.stream(k, true)
				for w.deliver(k) {
					moved = true
				}
				moved = w.receipt(k) || moved
				w.ask(k, round)
			}
		}
		for w.answer(0, false) {
			moved = true
		}
		if !moved && !w.requestsOpen() {
			return
		}
	}
}

func (w *world) requestsOpen() bool {
	for _, p := range w.desks {
		for _, peer := range w.names {
			var n uint64
			p.look(func(r store.Reader) (err error) {
				n, err = r.CountOpenRequests(peer)
				return err
			})
			if n > 0 {
				return true
			}
		}
	}
	return false
}

// open tells what is still under way.
func (w *world) open() (all string) {
	for name, p := range w.desks {
		for _, peer := range w.names {
			p.look(func(r store.Reader) error {
				requests, err := r.OpenRequests(peer, 10)
				for _, q := range requests {
					t, _ := r.Ticket(q.TicketID)
					all += fmt.Sprintf("\n%s asks %s for %s of %s: %s", name, peer, q.Kind, q.TicketID, t.State)
				}
				return err
			})
			l := p.link(peer)
			all += fmt.Sprintf("\n%s -> %s: last %d acknowledged %d received %d", name, peer, l.LastSequence, l.Acknowledged, l.Received)
		}
	}
	return all
}

// checkAlways: at most one pen, never nobody to hold it.
func (w *world) checkAlways() {
	pens, holders, states := map[string][]string{}, map[string][]string{}, map[string]string{}
	for name, p := range w.desks {
		for _, t := range p.tickets() {
			id := t.State.GetId()
			states[id] += fmt.Sprintf(" [%s: %s pen %s holder %s]", name, t.State.GetState(), t.State.GetPen(), t.Holder)
			if t.State.GetPen() == name {
				pens[id] = append(pens[id], name)
			}
			if t.Holder == name {
				holders[id] = append(holders[id], name)
			}
			w.checkDeadlines(name, t)
		}
	}
	for id, state := range states {
		if len(pens[id]) > 1 {
			w.t.Fatalf("%v have the pen of %s:%s", pens[id], id, state)
		}
		if len(holders[id]) == 0 || len(holders[id]) > 2 {
			w.t.Fatalf("%v hold %s:%s", holders[id], id, state)
		}
	}
}

// checkDeadlines: an answer is due from the call until it is there, and never later than was promised once; an offer is to
// be delivered or, once it is, signed for; timers run only where they go off.
func (w *world) checkDeadlines(name string, t *store.Ticket) {
	st := t.State
	id, due := st.GetId(), ticket.Due(st)
	if name != st.GetOrigin() && st.GetPen() != name {
		if !t.Due.IsZero() || !t.Timer.IsZero() {
			w.t.Fatalf("%s: %s is with %s and has a deadline here: %v, %v", name, id, st.GetPen(), t.Due, t.Timer)
		}
		return
	}
	promised := timeOf(st.GetPromised())
	if before, ok := w.promised[name+id]; ok && promised.After(before) {
		w.t.Fatalf("%s: the answer of %s was promised for %v and is now for %v", name, id, before, promised)
	}
	w.promised[name+id] = promised
	if (due == nil) != store.Resting(st.GetState()) || due != nil && !due.GetAnswer().AsTime().Equal(promised) {
		w.t.Fatalf("%s: %s is %s and due %v; the answer was promised for %v", name, id, st.GetState(), due, promised)
	}
	offered := st.GetState() == jieliv1.Ticket_OFFERED
	if offered != (due.GetDeliver() != nil || due.GetAccept() != nil) || due.GetDeliver() != nil && due.GetAccept() != nil {
		w.t.Fatalf("%s: %s is %s and due %v", name, id, st.GetState(), due)
	}
	if here := offered && name != st.GetOrigin() && st.GetPen() == name; here == t.Timer.IsZero() {
		w.t.Fatalf("%s: %s is %s with %s, its timer is %v", name, id, st.GetState(), st.GetPen(), t.Timer)
	}
}

// timeOf is a time of a state.
func timeOf(millis int64) time.Time {
	if millis == 0 {
		return time.Time{}
	}
	return time.UnixMilli(millis)
}

// checkDeemed: nobody signs by lapse of time within a day of the offer, and none that was to lapse is left.
func (w *world) checkDeemed(name string, t *store.Ticket, events []*store.Event) {
	if !t.Timer.IsZero() && !t.Timer.After(w.now) {
		w.t.Fatalf("%s: the timer of %s was to go off at %v; it is %v", name, t.State.GetId(), t.Timer, w.now)
	}
	var offered time.Time
	for _, e := range events {
		ev, err := ticket.Decode(e.Bytes)
		w.must(err)
		if ev.GetKind() == jieliv1.Event_OFFERED {
			offered = ev.GetTime().AsTime()
		}
		if ev.GetAccepted().GetDeemed() && ev.GetTime().AsTime().Sub(offered) < 24*time.Hour {
			w.t.Fatalf("%s: %s is deemed accepted at %v, offered at %v", name, t.State.GetId(), ev.GetTime().AsTime(), offered)
		}
	}
}

// checkHealed: equal chains, states that are the fold of their events, nothing pending, one holder, and personal data
// only with origin and holder.
func (w *world) checkHealed() {
	for name, p := range w.desks {
		w.checkFeed(p)
		for _, t := range p.tickets() {
			st := t.State
			if t.RecallRequest != "" || t.Stopped != "" {
				w.t.Fatalf("%s: ticket %s still has an open recall %q or stands still %q", name, st.GetId(), t.RecallRequest, t.Stopped)
			}
			own, origin := w.chain(name, st.GetId()), w.chain(st.GetOrigin(), st.GetId())
			if len(own) > len(origin) {
				w.t.Fatalf("%s has %d events of %s, its origin %d", name, len(own), st.GetId(), len(origin))
			}
			for i := range own {
				if own[i].Hash != origin[i].Hash {
					w.t.Fatalf("event %d of %s differs between %s and its origin", i+1, st.GetId(), name)
				}
			}
			if name == st.GetOrigin() {
				w.checkFold(st, own)
			}
			w.checkReporter(name, t)
			w.checkDeemed(name, t, own)
		}
	}
}

// checkFeed: what is at hand of the feed is what the store says.
func (w *world) checkFeed(p *place) {
	stored, _, err := p.desk.storedEntries(w.ctx, 0, maxPage)
	w.must(err)
	var first int64
	if p.desk.recent.start > 0 {
		first = p.desk.recent.start - 1
	}
	for after := first; after < int64(len(stored)); {
		recent, end, err := p.desk.entries(w.ctx, after, 7)
		w.must(err)
		if len(recent) == 0 {
			w.t.Fatalf("%s: the feed ends at %d, the store's at %d", p.id, after, len(stored))
		}
		for i, e := range recent {
			if want := stored[after+int64(i)]; !proto.Equal(e, want) {
				w.t.Fatalf("%s: entry %d at hand: %v, stored: %v", p.id, after+int64(i)+1, e, want)
			}
		}
		after = end
	}
}

func (w *world) chain(region, id string) (events []*store.Event) {
	w.desks[region].look(func(r store.Reader) (err error) {
		events, err = r.Events(id, 1)
		return err
	})
	return events
}

func (w *world) checkFold(st *jieliv1.TicketState, events []*store.Event) {
	var fold *jieliv1.TicketState
	for _, e := range events {
		ev, err := ticket.Decode(e.Bytes)
		w.must(err)
		fold, err = ticket.Apply(fold, ev, e.Hash)
		w.must(err)
	}
	st = proto.CloneOf(st)
	if n := len(st.GetHops()); n > 0 && st.GetHops()[n-1].GetDeliverTime() != nil { // delivery is no event
		ticket.Delivered(fold, ticket.Signing{
			From: st.GetHops()[n-1].GetDeliverTime().AsTime(), Accept: timeOf(st.GetDueAccept()), Deem: timeOf(st.GetDeemTime()),
			Provisional: st.GetAcceptProvisional(),
		})
	}
	for _, h := range append(st.GetHops(), fold.GetHops()...) {
		h.DeliverTime = nil
	}
	if !proto.Equal(fold, st) {
		w.t.Fatalf("state of %s is not the fold of its events:\n%v\n%v", st.GetId(), st, fold)
	}
}

func (w *world) checkReporter(name string, t *store.Ticket) {
	var contents []*store.Content
	w.desks[name].look(func(r store.Reader) (err error) {
		contents, err = r.Contents(t.State.GetId())
		return err
	})
	for _, c := range contents {
		if c.Name == contentReporter && c.Absence == jieliv1.Content_PRESENT && name != t.State.GetOrigin() && t.Holder != name {
			w.t.Fatalf("%s keeps personal data of %s, which %s holds", name, t.State.GetId(), t.Holder)
		}
	}
}
