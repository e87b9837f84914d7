package desk

import (
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/jieli-gateway/jieli/gateway/fault"
	"github.com/jieli-gateway/jieli/gateway/store"
	jieliv1 "github.com/jieli-gateway/jieli/proto/jieli/v1"
	"github.com/jieli-gateway/jieli/regions"
)

// endOf is 24:00 in China of a day.
func endOf(t *testing.T, day string) time.Time {
	t.Helper()
	d, err := regions.ParseDay(day)
	if err != nil {
		t.Fatal(err)
	}
	return (d + 1).Start()
}

// wantDue compares what is due, in the order deliver, accept, contact, answer; the zero time is what is not.
func (w *world) wantDue(t *testing.T, region, id string, light jieliv1.Ticket_Light, want ...time.Time) {
	t.Helper()
	got := w.get(region, id)
	due := got.GetDue()
	for i, at := range []*timestamppb.Timestamp{due.GetDeliver(), due.GetAccept(), due.GetContact(), due.GetAnswer()} {
		var wanted time.Time
		if i < len(want) {
			wanted = want[i]
		}
		if (at == nil) != wanted.IsZero() || at != nil && !at.AsTime().Equal(wanted) {
			t.Errorf("%s: %s is due %v; want %v", region, []string{"delivery", "signing", "contact", "the answer"}[i], at.AsTime(), wanted)
		}
	}
	if got.GetLight() != light {
		t.Errorf("%s: the light is %s; want %s", region, got.GetLight(), light)
	}
}

func (w *world) setTerms(t *testing.T, rules ...*jieliv1.TermRule) {
	t.Helper()
	cmd := &jieliv1.Command{Change: &jieliv1.Command_SetPolicy{SetPolicy: &jieliv1.SetPolicy{Policy: &jieliv1.Policy{Terms: rules}}}}
	if o := w.propose(w.names[0], cmd); o.GetReason() != "" {
		t.Fatal(o)
	}
	w.catchUp(w.names...)
}

func days(n uint32) *jieliv1.Term { return &jieliv1.Term{WorkingDays: n} }

const (
	green  = jieliv1.Ticket_GREEN
	yellow = jieliv1.Ticket_YELLOW
	red    = jieliv1.Ticket_RED
	dark   = jieliv1.Ticket_LIGHT_UNSPECIFIED
)

var never time.Time

// A complaint of Tuesday, 24 November 2026, 16:00 in China, from call to answer.
func TestDeadlinesOfAHandOff(t *testing.T) {
	w := newWorld(t)
	call := w.now
	answer := endOf(t, "2026-12-15") // 15 working days
	res, err := w.submit("jingjinji", suzhou())
	w.must(err)
	id := res.GetTicket().GetId()
	if d := res.GetTicket().GetDue(); !d.GetAnswer().AsTime().Equal(answer) || res.GetTicket().GetLight() != green {
		t.Errorf("the caller is told %v, %s", d, res.GetTicket().GetLight())
	}
	w.wantDue(t, "jingjinji", id, green, call.Add(time.Hour), never, never, answer)
	w.now = call.Add(50 * time.Minute)
	w.wantDue(t, "jingjinji", id, yellow, call.Add(time.Hour), never, never, answer)
	w.now = call.Add(time.Hour)
	w.wantDue(t, "jingjinji", id, red, call.Add(time.Hour), never, never, answer)

	w.now = call.Add(2 * time.Hour)
	w.stream(shanghai, true)
	w.through(beijing)
	sign := endOf(t, "2026-11-25") // one working day from delivery
	w.wantDue(t, "jingjinji", id, green, never, sign, never, answer)
	w.wantDue(t, "changsanjiao", id, green, never, sign, never, answer)

	_, err = w.desks["changsanjiao"].desk.Accept(w.ctx, operator, &jieliv1.AcceptTicketRequest{Id: id})
	w.must(err)
	w.through(shanghai)
	contact := endOf(t, "2026-11-25")
	w.wantDue(t, "changsanjiao", id, green, never, never, contact, answer)
	w.wantDue(t, "jingjinji", id, green, never, never, contact, answer)

	_, err = w.desks["changsanjiao"].desk.Note(w.ctx, operator, &jieliv1.NoteTicketRequest{Id: id, Text: "已联系来电人"})
	w.must(err)
	w.through(shanghai)
	w.wantDue(t, "jingjinji", id, green, never, never, never, answer)
	w.now = endOf(t, "2026-12-14")
	w.wantDue(t, "jingjinji", id, yellow, never, never, never, answer)
	w.now = answer
	w.wantDue(t, "changsanjiao", id, red, never, never, never, answer)

	_, err = w.desks["changsanjiao"].desk.Answer(w.ctx, operator, &jieliv1.AnswerTicketRequest{Id: id, Text: "已退款"})
	w.must(err)
	w.through(shanghai)
	w.wantDue(t, "changsanjiao", id, dark)
	w.wantDue(t, "jingjinji", id, dark)

	_, err = w.desks["jingjinji"].desk.Reopen(w.ctx, operator, &jieliv1.ReopenTicketRequest{Id: id, Text: "没有退"})
	w.must(err)
	w.wantDue(t, "jingjinji", id, red, w.now.Add(time.Hour), never, never, answer) // nothing resets it
}

func TestUrgentMattersRunByTheClock(t *testing.T) {
	w := newWorld(t)
	call := w.now
	in := suzhou()
	in.Urgency = jieliv1.Ticket_CRITICAL
	res, err := w.submit("jingjinji", in)
	w.must(err)
	id := res.GetTicket().GetId()
	w.stream(shanghai, true)
	w.through(beijing)
	w.wantDue(t, "changsanjiao", id, green, never, call.Add(15*time.Minute), never, call.Add(2*time.Hour))
	w.now = call.Add(12 * time.Minute)
	w.wantDue(t, "changsanjiao", id, yellow, never, call.Add(15*time.Minute), never, call.Add(2*time.Hour))
}

// The target's policy holds, but with no later answer than the caller was promised.
func TestHandOffsKeepWhatWasPromised(t *testing.T) {
	for name, c := range map[string]struct {
		target uint32
		want   string
	}{
		"a target that is faster": {4, "2026-11-30"},
		"a target that is slower": {30, "2026-12-15"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.setTerms(t, &jieliv1.TermRule{Region: "changsanjiao", Terms: &jieliv1.Terms{Answer: days(c.target), Accept: days(2)}})
			id := w.offered(t)
			got := w.get("changsanjiao", id)
			if at := got.GetDue().GetAnswer().AsTime(); !at.Equal(endOf(t, c.want)) {
				t.Errorf("the answer is due %v; want the end of %s", at, c.want)
			}
			// Two working days to sign for it, but only one to return it: then it counts as accepted anyway.
			if at := got.GetDue().GetAccept().AsTime(); !at.Equal(endOf(t, "2026-11-25")) {
				t.Errorf("signing is due %v", at)
			}
		})
	}
}

// A change of the policy touches only later hand-offs, and neither returns nor hand-offs reset the answer.
func TestPoliciesTouchLaterHandOffs(t *testing.T) {
	w := newWorld(t)
	id := w.offered(t)
	before := w.desks["changsanjiao"].state(id).GetPolicyRevision()
	w.setTerms(t, &jieliv1.TermRule{Terms: &jieliv1.Terms{Answer: days(20), Contact: days(3), Deliver: &jieliv1.Term{ClockSeconds: 7200}}})
	_, err := w.desks["changsanjiao"].desk.Accept(w.ctx, operator, &jieliv1.AcceptTicketRequest{Id: id})
	w.must(err)
	w.wantDue(t, "changsanjiao", id, green, never, never, endOf(t, "2026-11-25"), endOf(t, "2026-12-15"))

	in := suzhou()
	in.ExternalId = "A-2"
	w.setTerms(t)
	res, err := w.submit("jingjinji", in)
	w.must(err)
	id = res.GetTicket().GetId()
	w.setTerms(t, &jieliv1.TermRule{Terms: &jieliv1.Terms{Answer: days(9), Deliver: &jieliv1.Term{ClockSeconds: 7200}}})
	w.through(beijing)
	w.wantDue(t, "changsanjiao", id, green, never, endOf(t, "2026-11-25"), never, endOf(t, "2026-12-15"))
	w.now = w.now.Add(24 * time.Hour)
	_, err = w.desks["changsanjiao"].desk.Return(w.ctx, operator, &jieliv1.ReturnTicketRequest{
		Id: id, Reason: jieliv1.Returned_NOT_OUR_PLACE, Onward: "chengyu", Text: "在重庆",
	})
	w.must(err)
	w.through(shanghai)
	w.wantDue(t, "jingjinji", id, green, w.now.Add(2*time.Hour), never, never, endOf(t, "2026-12-07")) // 9 working days from the call
	if after := w.desks["jingjinji"].state(id).GetPolicyRevision(); after <= before {
		t.Errorf("the later hand-off is by policy %d, the earlier by %d", after, before)
	}
}

func (p *place) state(id string) (st *jieliv1.TicketState) {
	p.look(func(r store.Reader) error {
		t, err := r.Ticket(id)
		st = t.State
		return err
	})
	return st
}

// Nobody signs: when the ticket can no longer be returned it counts as accepted, once, also over a crash.
func TestDeemedAccepted(t *testing.T) {
	for name, isComplex := range map[string]bool{"a usual matter": false, "a complex matter": true} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			in := suzhou()
			in.Complex = isComplex
			res, err := w.submit("jingjinji", in)
			w.must(err)
			id := res.GetTicket().GetId()
			w.stream(shanghai, true)
			w.through(beijing)
			p := w.desks["changsanjiao"]
			over := endOf(t, "2026-11-25")
			if isComplex {
				over = endOf(t, "2026-11-26")
			}
			w.now = over.Add(-time.Millisecond)
			w.must(p.desk.deemAccepted(w.ctx))
			if s := w.get("changsanjiao", id).GetState(); s != jieliv1.Ticket_OFFERED {
				t.Fatalf("before the time to return is over the ticket is %s", s)
			}
			w.now = over
			_, err = p.desk.Return(w.ctx, operator, &jieliv1.ReturnTicketRequest{Id: id, Reason: jieliv1.Returned_DUPLICATE, Text: "已有"})
			if f, ok := fault.As(err); !ok || f.Reason != "RETURN_WINDOW_OVER" {
				t.Errorf("a late return: %v", err)
			}
			p.crash()
			for range 3 {
				w.must(p.desk.deemAccepted(w.ctx))
				p.crash()
			}
			w.through(shanghai)
			for _, region := range []string{"changsanjiao", "jingjinji"} {
				got := w.get(region, id)
				last := got.GetEvents()[len(got.GetEvents())-1]
				if got.GetState() != jieliv1.Ticket_ACCEPTED || len(got.GetEvents()) != 3 || last.GetReason() != "DEEMED" || last.GetAuthor() != "changsanjiao" {
					t.Errorf("%s: the ticket is %s after %v", region, got.GetState(), got.GetEvents())
				}
			}
		})
	}
}

// A ticket that a region never takes turns yellow and red at its origin by itself, and lists find it by its light.
func TestListsFindLights(t *testing.T) {
	w := newWorld(t)
	call := w.now
	res, err := w.submit("jingjinji", suzhou())
	w.must(err)
	own := suzhou()
	own.ExternalId, own.Division, own.Type = "A-2", "110105", jieliv1.Ticket_INQUIRY
	_, err = w.submit("jingjinji", own)
	w.must(err)
	list := func(req *jieliv1.ListTicketsRequest) (ids []string) {
		got, err := w.desks["jingjinji"].desk.List(w.ctx, req)
		w.must(err)
		for _, k := range got.GetTickets() {
			ids = append(ids, k.GetId())
		}
		return ids
	}
	for _, step := range []struct {
		after              time.Duration
		green, yellow, red int
	}{{0, 2, 0, 0}, {50 * time.Minute, 1, 1, 0}, {time.Hour, 1, 0, 1}, {9 * 24 * time.Hour, 0, 0, 2}} {
		w.now = call.Add(step.after)
		for light, want := range map[jieliv1.Ticket_Light]int{green: step.green, yellow: step.yellow, red: step.red} {
			if got := list(&jieliv1.ListTicketsRequest{Light: light}); len(got) != want {
				t.Errorf("after %s %d tickets are %s; want %d", step.after, len(got), light, want)
			}
		}
	}
	due := call.Add(time.Hour)
	if got := list(&jieliv1.ListTicketsRequest{DueBefore: timestamppb.New(due)}); len(got) != 0 {
		t.Errorf("due before %s: %v", due, got)
	}
	if got := list(&jieliv1.ListTicketsRequest{DueBefore: timestamppb.New(due.Add(1))}); len(got) != 1 || got[0] != res.GetTicket().GetId() {
		t.Errorf("due a nanosecond later: %v", got)
	}
	if _, err := w.desks["jingjinji"].desk.List(w.ctx, &jieliv1.ListTicketsRequest{Light: 9}); err == nil {
		t.Error("a light that there is not")
	}
}

// Without a calendar dates are by plain weekdays, and say so; when one comes they are computed anew.
func TestDatesSettleWithTheCalendar(t *testing.T) {
	w := newWorld(t)
	w.now = time.Date(2026, 9, 30, 8, 0, 0, 0, time.UTC)
	official := w.desks["jingjinji"].desk.cfg.Calendar
	for _, p := range w.desks {
		p.desk.cfg.Calendar = &regions.Calendar{}
	}
	w.setTerms(t, &jieliv1.TermRule{Terms: &jieliv1.Terms{Answer: days(5)}})
	id := w.offered(t)
	w.receipt(beijing)
	for _, region := range []string{"jingjinji", "changsanjiao"} {
		w.wantDue(t, region, id, green, never, endOf(t, "2026-10-01"), never, endOf(t, "2026-10-07"))
		if !w.get(region, id).GetCalendarProvisional() {
			t.Errorf("%s takes dates without a calendar for settled", region)
		}
		d := w.desks[region].desk
		d.cfg.Calendar = official
		w.must(d.settleDates(w.ctx))
		w.wantDue(t, region, id, green, never, endOf(t, "2026-10-08"), never, endOf(t, "2026-10-13"))
		if w.get(region, id).GetCalendarProvisional() {
			t.Errorf("%s takes the official calendar's dates for provisional", region)
		}
		changed := w.get(region, id).GetUpdateTime().AsTime()
		w.now = w.now.Add(time.Second)
		w.must(d.settleDates(w.ctx))
		if again := w.get(region, id).GetUpdateTime().AsTime(); !again.Equal(changed) {
			t.Errorf("%s changed the ticket again", region)
		}
	}
}

// What an older version promised is nothing: no deadline runs, nothing is deemed, and nothing is an error.
func TestOlderOffersPromiseNothing(t *testing.T) {
	w := newWorld(t)
	origin := w.desks["jingjinji"]
	res, err := w.submit("jingjinji", func() *jieliv1.Ticket { k := suzhou(); k.Division = "440106"; return k }())
	w.must(err)
	id := res.GetTicket().GetId()
	origin.update(func(tx store.Tx) error {
		k, err := tx.Ticket(id)
		if err != nil {
			return err
		}
		s := origin.desk.step(tx, k, "")
		s.t.State.Promised, s.t.State.DueAnswer = 0, 0
		if err := s.append(&jieliv1.Offered{Target: "changsanjiao", Basis: jieliv1.Offered_OPERATOR, Round: 1}, ""); err != nil {
			return err
		}
		return s.save()
	})
	w.wantDue(t, "jingjinji", id, dark)
	w.stream(shanghai, true)
	w.through(beijing)
	w.wantDue(t, "jingjinji", id, dark)
	w.now = w.now.Add(90 * 24 * time.Hour)
	w.must(w.desks["changsanjiao"].desk.deemAccepted(w.ctx))
	_, err = w.desks["changsanjiao"].desk.Accept(w.ctx, operator, &jieliv1.AcceptTicketRequest{Id: id})
	w.must(err)
	w.through(shanghai)
	if got := w.get("jingjinji", id); got.GetState() != jieliv1.Ticket_ACCEPTED {
		t.Errorf("the ticket is %s", got.GetState())
	}
}
