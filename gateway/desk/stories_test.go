package desk

import (
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/jieli-gateway/jieli/gateway/fault"
	"github.com/jieli-gateway/jieli/gateway/store"
	"github.com/jieli-gateway/jieli/gateway/ticket"
	jieliv1 "github.com/jieli-gateway/jieli/proto/jieli/v1"
)

var (
	beijing  = wireKey{"jingjinji", "changsanjiao"}
	shanghai = wireKey{"changsanjiao", "jingjinji"}
	operator = Actor{Name: "话务员"}
)

// suzhou is a complaint of Tianjin's about a garage in Suzhou.
func suzhou() *jieliv1.Ticket {
	return &jieliv1.Ticket{
		ExternalId: "A-1", Type: jieliv1.Ticket_COMPLAINT, Title: "修车厂多收费", Description: "结账比报价多八百元", Division: "320506",
		Reporter: &jieliv1.Reporter{Name: "王小明", Phone: "19900001111"},
	}
}

func (w *world) submit(region string, t *jieliv1.Ticket) (*jieliv1.SubmitTicketResponse, error) {
	return w.desks[region].desk.Submit(w.ctx, operator, &jieliv1.SubmitTicketRequest{Ticket: t})
}

func (w *world) offered(t *testing.T) (id string) {
	t.Helper()
	res, err := w.submit("jingjinji", suzhou())
	w.must(err)
	w.stream(beijing, true)
	w.stream(shanghai, true)
	for w.deliver(beijing) {
	}
	return res.GetTicket().GetId()
}

func (w *world) through(k wireKey) {
	w.stream(k, true)
	for w.deliver(k) {
	}
	w.receipt(k)
}

func (w *world) get(region, id string) *jieliv1.Ticket {
	t, err := w.desks[region].desk.Get(w.ctx, operator, &jieliv1.GetTicketRequest{Id: id, Unmask: true})
	w.must(err)
	return t
}

func TestPersonalDataFollowsThePen(t *testing.T) {
	w := newWorld(t)
	id := w.offered(t)
	if r := w.get("changsanjiao", id).GetReporter(); r != nil {
		t.Errorf("the reporter came with the offer: %v", r)
	}
	_, err := w.desks["changsanjiao"].desk.Accept(w.ctx, operator, &jieliv1.AcceptTicketRequest{Id: id})
	w.must(err)
	w.through(shanghai)
	w.through(beijing)
	if r := w.get("changsanjiao", id).GetReporter(); r.GetPhone() != "19900001111" {
		t.Errorf("after acceptance the holder sees %v; want the reporter", r)
	}
	masked, err := w.desks["changsanjiao"].desk.Get(w.ctx, operator, &jieliv1.GetTicketRequest{Id: id})
	w.must(err)
	if r := masked.GetReporter(); strings.Contains(r.GetName(), "小明") || strings.Contains(r.GetPhone(), "199") {
		t.Errorf("a usual read shows %v; want it masked", r)
	}
	for _, c := range w.contents("changsanjiao", id) {
		if c.Name == contentReporter && strings.Contains(string(c.Data), "19900001111") {
			t.Error("the reporter is stored in plain text")
		}
	}
	_, err = w.desks["changsanjiao"].desk.Answer(w.ctx, operator, &jieliv1.AnswerTicketRequest{Id: id, Text: "已退款"})
	w.must(err)
	if w.get("changsanjiao", id).GetReporter() == nil {
		t.Error("the reporter was erased before the receipt")
	}
	w.through(shanghai)
	if r := w.get("changsanjiao", id).GetReporter(); r != nil {
		t.Errorf("after the receipt of the answer the past holder still has %v", r)
	}
	if got := w.get("jingjinji", id); got.GetReporter().GetName() != "王小明" || got.GetState() != jieliv1.Ticket_ANSWERED || got.GetEvents()[3].GetText() != "已退款" {
		t.Errorf("the origin has %v", got)
	}
}

func (w *world) contents(region, id string) (rows []*store.Content) {
	w.desks[region].look(func(r store.Reader) (err error) {
		rows, err = r.Contents(id)
		return err
	})
	return rows
}

func TestSameNumberAgain(t *testing.T) {
	w := newWorld(t)
	first, err := w.submit("jingjinji", suzhou())
	w.must(err)
	again, err := w.submit("jingjinji", suzhou())
	w.must(err)
	if !again.GetRepeated() || again.GetTicket().GetId() != first.GetTicket().GetId() || again.GetTicket().GetQueryCode() != first.GetTicket().GetQueryCode() {
		t.Errorf("the same call again got %v", again)
	}
	other := suzhou()
	other.Description = "另一件事"
	_, err = w.submit("jingjinji", other)
	if f, _ := fault.As(err); f == nil || f.Kind != fault.Exists || f.Reason != "EXTERNAL_ID_USED" {
		t.Errorf("the number with other content: %v; want EXTERNAL_ID_USED", err)
	}
	if n := len(w.desks["jingjinji"].tickets()); n != 1 {
		t.Errorf("%d tickets; want 1", n)
	}
}

func TestRefusalsNameFieldAndRule(t *testing.T) {
	w := newWorld(t)
	for name, tc := range map[string]struct {
		change func(*jieliv1.Ticket)
		reason string
		field  string
	}{
		"unknown division":   {func(t *jieliv1.Ticket) { t.Division = "999999" }, "UNKNOWN_DIVISION", "division"},
		"unknown service":    {func(t *jieliv1.Ticket) { t.Service = "no.such" }, "INVALID_FIELD", "service"},
		"too long":           {func(t *jieliv1.Ticket) { t.Title = strings.Repeat("长", 201) }, "INVALID_FIELD", "title"},
		"control characters": {func(t *jieliv1.Ticket) { t.Description = "a\x07b" }, "INVALID_FIELD", "description"},
		"invalid UTF-8":      {func(t *jieliv1.Ticket) { t.Title = "\xff" }, "INVALID_FIELD", "title"},
		"number with a path": {func(t *jieliv1.Ticket) { t.ExternalId = "../x" }, "INVALID_FIELD", "externalId"},
		"from the future":    {func(t *jieliv1.Ticket) { t.ReportedAt = timestamppb.New(w.now.Add(time.Hour)) }, "INVALID_FIELD", "reportedAt"},
		"no type":            {func(t *jieliv1.Ticket) { t.Type = 0 }, "INVALID_FIELD", "type"},
		"set by the node":    {func(t *jieliv1.Ticket) { t.Holder = "x" }, "INVALID_FIELD", "holder"},
	} {
		t.Run(name, func(t *testing.T) {
			in := suzhou()
			tc.change(in)
			_, err := w.submit("jingjinji", in)
			f, ok := fault.As(err)
			if !ok || f.Kind != fault.Invalid || f.Reason != tc.reason || len(f.Fields) == 0 || f.Fields[0].Name != tc.field || f.Fields[0].Rule == "" {
				t.Fatalf("got %v; want %s of %s with its rule", err, tc.reason, tc.field)
			}
			if n := len(w.desks["jingjinji"].tickets()); n != 0 {
				t.Errorf("%d tickets were stored", n)
			}
		})
	}
}

func TestWrongNumbersSayWhatIsWrong(t *testing.T) {
	w := newWorld(t)
	for number, want := range map[string]string{
		"JJJ-20261124-000042-8": "the check digit does not fit: one digit was misheard or mistyped",
		"nosuch":                "is neither a ticket id",
		"JJJ-20261124-000042-7": "no ticket \"JJJ-20261124-000042-7\" on this node",
	} {
		_, err := w.desks["jingjinji"].desk.Get(w.ctx, operator, &jieliv1.GetTicketRequest{Id: number})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", number, err, want)
		}
	}
}

func TestEmergencyIsAnsweredAtOnce(t *testing.T) {
	w := newWorld(t)
	fire := suzhou()
	fire.Service = "emergency.fire"
	res, err := w.submit("jingjinji", fire)
	w.must(err)
	if res.GetCallNumber() != "119" || res.GetTicket().GetState() != jieliv1.Ticket_DIVERTED || len(res.GetTicket().GetHops()) != 0 {
		t.Errorf("got %v; want 119 and a ticket that goes nowhere", res)
	}
	words := suzhou()
	words.ExternalId, words.Description = "A-2", "家里等着救命钱"
	if res, err = w.submit("jingjinji", words); err != nil || len(res.GetWarnings()) != 0 {
		t.Errorf("救命钱 warns: %v %v", res.GetWarnings(), err)
	}
	words.ExternalId, words.Description = "A-3", "楼上着火了"
	if res, err = w.submit("jingjinji", words); err != nil || len(res.GetWarnings()) != 1 || res.GetTicket().GetState() != jieliv1.Ticket_OFFERED {
		t.Errorf("着火了 only warns: %v %v", res.GetWarnings(), err)
	}
}

func TestStaleRouteWaitsForTheNewerTable(t *testing.T) {
	w := newWorld(t)
	w.setRoute("32", "chengyu")
	w.catchUp("changsanjiao", "chengyu")
	id := w.offered(t)
	w.receipt(beijing)
	got := w.get("jingjinji", id)
	if got.GetState() != jieliv1.Ticket_RETURNED || got.GetWaitingForRevision() == 0 || got.GetHolder() != "jingjinji" {
		t.Fatalf("after the refusal the origin has %s, waiting for revision %d", got.GetState(), got.GetWaitingForRevision())
	}
	w.catchUp("jingjinji")
	w.must(w.desks["jingjinji"].desk.routeWaiting(w.ctx))
	if got = w.get("jingjinji", id); got.GetOfferedTo() != "chengyu" || got.GetWaitingForRevision() != 0 {
		t.Errorf("with the newer table it is offered to %q", got.GetOfferedTo())
	}
	if n := len(w.desks["changsanjiao"].tickets()); n != 0 {
		t.Error("the refusing region keeps the ticket")
	}
}

func TestRefusalIsFinal(t *testing.T) {
	w := newWorld(t)
	w.suspend("changsanjiao", true)
	w.catchUp("changsanjiao")
	id := w.offered(t)
	w.suspend("changsanjiao", false)
	w.catchUp("changsanjiao")
	p := w.desks["changsanjiao"]
	item := w.itemOf(beijing, 1)
	p.update(func(tx store.Tx) error {
		v, err := p.desk.Take(tx, "jingjinji", 1, p.desk.Check("jingjinji", item))
		if err != nil {
			return err
		}
		dec, err := p.desk.openDecision(v.Refused)
		if err != nil || dec.GetReason() != reasonSuspended || dec.GetTicketId() != id {
			t.Errorf("the same offer again got %v %v; want the same refusal", dec, err)
		}
		return nil
	})
	if len(p.tickets()) != 0 {
		t.Error("a refused offer was taken later")
	}
}

// itemOf loads an item as it travels.
func (w *world) itemOf(k wireKey, seq uint64) (item *jieliv1.Item) {
	w.desks[k.from].look(func(r store.Reader) error {
		rows, err := r.Outbox(k.to, seq-1, 1)
		if err == nil {
			item, err = w.desks[k.from].desk.Load(r, rows[0])
		}
		return err
	})
	return proto.CloneOf(item)
}

// What a peer may not do: each is refused or stops its ticket with a coded reason, and nothing stored changes.
func TestPeersThatBreakTheRules(t *testing.T) {
	for name, tc := range map[string]struct {
		from   string
		change func(w *world, it *jieliv1.EventItem)
		want   string // reason of a refusal or a stop
	}{
		"forged author":        {"chengyu", func(*world, *jieliv1.EventItem) {}, "INVALID"},
		"changed bytes":        {"jingjinji", func(_ *world, it *jieliv1.EventItem) { it.Event.Event[len(it.Event.Event)-1] ^= 1 }, ""},
		"other signature":      {"jingjinji", func(_ *world, it *jieliv1.EventItem) { it.Event.Proof.Signature[0] ^= 1 }, "INVALID"},
		"content changed":      {"jingjinji", func(_ *world, it *jieliv1.EventItem) { it.Chain[0].Contents[0].Data[0] ^= 1 }, "INVALID"},
		"content missing":      {"jingjinji", func(_ *world, it *jieliv1.EventItem) { it.Chain[0].Contents = nil }, "INVALID"},
		"chain cut":            {"jingjinji", func(_ *world, it *jieliv1.EventItem) { it.Chain = nil }, "INVALID"},
		"no proof":             {"jingjinji", func(_ *world, it *jieliv1.EventItem) { it.Event.Proof = nil }, "INVALID"},
		"not even an event":    {"jingjinji", func(_ *world, it *jieliv1.EventItem) { it.Event.Event = []byte{0xff} }, "MALFORMED"},
		"clock far ahead":      {"jingjinji", func(w *world, _ *jieliv1.EventItem) { w.now = w.now.Add(-time.Hour) }, "CLOCK"},
		"sent back by name":    {"changsanjiao", func(*world, *jieliv1.EventItem) {}, "INVALID"},
		"nothing wrong at all": {"jingjinji", func(*world, *jieliv1.EventItem) {}, "taken"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			_, err := w.submit("jingjinji", suzhou())
			w.must(err)
			item := w.itemOf(beijing, 1)
			tc.change(w, item.GetEvent())
			p := w.desks["changsanjiao"]
			var got string
			p.update(func(tx store.Tx) error {
				v, err := p.desk.Take(tx, tc.from, 1, p.desk.Check(tc.from, item))
				if err != nil {
					return err
				}
				got = "taken"
				if v.StoppedReason != "" {
					got = v.StoppedReason
				}
				if v.Refused != nil {
					dec, err := p.desk.openDecision(v.Refused)
					if err != nil {
						return err
					}
					got = dec.GetReason()
				}
				return nil
			})
			if tc.want != "" && got != tc.want {
				t.Errorf("got %s; want %s", got, tc.want)
			}
			if stored := len(p.tickets()) > 0; stored != (got == "taken") || (tc.want == "" && stored) {
				t.Errorf("%s, and stored: %t", got, stored)
			}
		})
	}
}

func TestTwoEventsOfOneNumberAreCaught(t *testing.T) {
	w := newWorld(t)
	id := w.offered(t)
	holder := w.desks["changsanjiao"]
	_, err := holder.desk.Accept(w.ctx, operator, &jieliv1.AcceptTicketRequest{Id: id})
	w.must(err)
	w.through(shanghai)
	// The holder signs another event 3 than the one it has sent.
	origin := w.desks["jingjinji"]
	var st *jieliv1.TicketState
	var chain []*store.Event
	holder.look(func(r store.Reader) (err error) { chain, err = r.Events(id, 1); return err })
	for _, e := range chain[:2] {
		ev, err := ticket.Decode(e.Bytes)
		w.must(err)
		st, err = ticket.Apply(st, ev, e.Hash)
		w.must(err)
	}
	ev, err := ticket.Next(st, id, "changsanjiao", ticket.Draft{Body: &jieliv1.Accepted{Reference: "OTHER"}}, w.now, w.machine.View().Revision())
	w.must(err)
	b, hash, err := ticket.Encode(ev)
	w.must(err)
	proofs, err := NewSealer("changsanjiao", func() string { return w.machine.View().ClusterID() }, holder.signer).Seal([][32]byte{hash})
	w.must(err)
	item := &jieliv1.Item{Item: &jieliv1.Item_Event{Event: &jieliv1.EventItem{Event: &jieliv1.SignedEvent{Event: b, Proof: proofs[0]}}}}
	origin.update(func(tx store.Tx) error {
		v, err := origin.desk.Take(tx, "changsanjiao", 9, origin.desk.Check("changsanjiao", item))
		if v.StoppedReason != "EQUIVOCATION" {
			t.Errorf("got %q %v; want EQUIVOCATION", v.StoppedReason, err)
		}
		return err
	})
	if got := w.get("jingjinji", id); got.GetStopped() != "EQUIVOCATION" || got.GetEvents()[2].GetHash() == "" || len(got.GetEvents()) != 3 {
		t.Errorf("the origin shows %q with %d events", got.GetStopped(), len(got.GetEvents()))
	}
}

func TestRequestIDsAndExpectedEvents(t *testing.T) {
	w := newWorld(t)
	id := w.offered(t)
	d := w.desks["changsanjiao"].desk
	req := &jieliv1.AcceptTicketRequest{Id: id, RequestId: w.requestID(), ExpectedEvent: 2}
	first, err := d.Accept(w.ctx, operator, req)
	w.must(err)
	again, err := d.Accept(w.ctx, operator, req)
	w.must(err)
	if first.GetLastEvent() != 3 || again.GetLastEvent() != 3 {
		t.Errorf("events %d and %d; want the command applied once", first.GetLastEvent(), again.GetLastEvent())
	}
	_, err = d.Answer(w.ctx, operator, &jieliv1.AnswerTicketRequest{Id: id, Text: "x", RequestId: req.GetRequestId()})
	if fault.ReasonOf(err) != "REQUEST_ID_USED" {
		t.Errorf("another command under the same id: %v", err)
	}
	_, err = d.Answer(w.ctx, operator, &jieliv1.AnswerTicketRequest{Id: id, Text: "x", ExpectedEvent: 2})
	if f, _ := fault.As(err); f == nil || f.Kind != fault.Aborted {
		t.Errorf("a command on what has moved on: %v; want ABORTED", err)
	}
}

func TestFeedGoesOnFromACursor(t *testing.T) {
	w := newWorld(t)
	id := w.offered(t)
	d := w.desks["changsanjiao"].desk
	first, err := d.Events(w.ctx, &jieliv1.ListEventsRequest{})
	w.must(err)
	if len(first.GetEntries()) != 1 || first.GetEntries()[0].GetTicketId() != id {
		t.Fatalf("got %v", first)
	}
	_, err = d.Accept(w.ctx, operator, &jieliv1.AcceptTicketRequest{Id: id})
	w.must(err)
	next, err := d.Events(w.ctx, &jieliv1.ListEventsRequest{After: first.GetNext(), Wait: durationpb.New(time.Second)})
	w.must(err)
	if len(next.GetEntries()) != 1 || next.GetEntries()[0].GetEvent().GetKind() != jieliv1.Event_ACCEPTED {
		t.Errorf("got %v", next)
	}
	for name, tc := range map[string]struct{ cursor, reason string }{
		"of another store": {"00000000-1", "CURSOR_OUT_OF_RANGE"},
		"from the future":  {first.GetNext()[:9] + "999", "CURSOR_OUT_OF_RANGE"},
		"no cursor at all": {"x", "INVALID_FIELD"},
	} {
		if _, err := d.Events(w.ctx, &jieliv1.ListEventsRequest{After: tc.cursor}); fault.ReasonOf(err) != tc.reason {
			t.Errorf("a cursor %s: %v; want %s", name, err, tc.reason)
		}
	}
}

func FuzzCheckItem(f *testing.F) {
	w := newWorld(f)
	_, err := w.submit("jingjinji", suzhou())
	w.must(err)
	seed, err := proto.Marshal(w.itemOf(beijing, 1))
	w.must(err)
	f.Add(seed)
	f.Fuzz(func(_ *testing.T, b []byte) {
		item := new(jieliv1.Item)
		if proto.Unmarshal(b, item) != nil {
			return
		}
		p := w.desks["changsanjiao"]
		_ = p.store.Update(w.ctx, func(tx store.Tx) error {
			if _, err := p.desk.Take(tx, "jingjinji", 1, p.desk.Check("jingjinji", item)); err != nil {
				return err
			}
			return errNothingToDo // nothing stays
		})
	})
}

// A ticket that has grown as large as it may takes no more notes, from either side, and no new round; but it comes to
// its end, and it never grew past what one offer can carry.
func TestTicketsDoNotGrowPastWhatAnOfferCarries(t *testing.T) {
	w := newWorld(t)
	id := w.offered(t)
	holder, origin := w.desks["changsanjiao"].desk, w.desks["jingjinji"].desk
	_, err := holder.Accept(w.ctx, operator, &jieliv1.AcceptTicketRequest{Id: id})
	w.must(err)
	longest := strings.Repeat("长", maxText)
	notes := 0
	for ; err == nil; notes++ {
		_, err = holder.Note(w.ctx, operator, &jieliv1.NoteTicketRequest{Id: id, Text: longest})
	}
	if fault.ReasonOf(err) != "TICKET_FULL" || notes < 20 {
		t.Fatalf("after %d notes: %v; want TICKET_FULL", notes, err)
	}
	w.through(shanghai)
	_, err = origin.Note(w.ctx, operator, &jieliv1.NoteTicketRequest{Id: id, Text: longest})
	w.must(err)
	w.ask(beijing, 0)
	if n := len(w.answers); n != 1 || w.answers[0].answer.GetCode() != codeTicketFull {
		t.Errorf("the origin's note got %v; want %s", w.answers, codeTicketFull)
	}
	w.answer(0, false)
	_, err = holder.Answer(w.ctx, operator, &jieliv1.AnswerTicketRequest{Id: id, Text: longest})
	w.must(err)
	w.through(shanghai)
	_, err = origin.Reopen(w.ctx, operator, &jieliv1.ReopenTicketRequest{Id: id, Text: "又来了"})
	if fault.ReasonOf(err) != "TICKET_FULL" {
		t.Errorf("another round: %v; want TICKET_FULL", err)
	}
	if _, err = origin.Close(w.ctx, operator, &jieliv1.CloseTicketRequest{Id: id}); err != nil {
		t.Errorf("closing it: %v; a life always comes to its end", err)
	}
}

func TestNothingIsOfferedToWhoTakesNothing(t *testing.T) {
	w := newWorld(t)
	w.full["changsanjiao"] = true
	res, err := w.submit("jingjinji", suzhou())
	w.must(err)
	id := res.GetTicket().GetId()
	if res.GetTicket().GetState() != jieliv1.Ticket_UNROUTED || res.GetTicket().GetHolder() != "jingjinji" {
		t.Fatalf("it is %s with %s; want it to wait at its origin", res.GetTicket().GetState(), res.GetTicket().GetHolder())
	}
	_, err = w.desks["jingjinji"].desk.Offer(w.ctx, operator, &jieliv1.OfferTicketRequest{Id: id, To: "changsanjiao"})
	if fault.ReasonOf(err) != "PEER_NOT_TAKING" {
		t.Errorf("an operator's offer: %v; want PEER_NOT_TAKING", err)
	}
	w.full["changsanjiao"] = false
	w.must(w.desks["jingjinji"].desk.routeWaiting(w.ctx))
	if got := w.get("jingjinji", id); got.GetOfferedTo() != "changsanjiao" {
		t.Errorf("it is offered to %q when they take again", got.GetOfferedTo())
	}
}
