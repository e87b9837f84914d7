package ticket_test

import (
	"bytes"
	"fmt"
	"slices"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"
	"pgregory.net/rapid"

	"github.com/jieli-gateway/jieli/gateway/ticket"
	jieliv1 "github.com/jieli-gateway/jieli/proto/jieli/v1"
)

// model is a ticket as a person would keep it on paper: written from the protocol's sentences, not from the table. It
// knows who has the ticket, why, and what has happened to it.
type model struct {
	state     string
	pen       string // region
	round     uint32
	returned  []string // regions, in this round
	delivered int      // offers, in this round
	onward    string
	offer     uint32 // number of the newest OFFERED
	offerHash [32]byte
	openTo    string
	visits    []visit // one for each offer
	moved     uint32
	movedBy   string
	answerer  string
}

// visit is what became of an offer.
type visit struct{ region, outcome string }

const home = tianjin

// step is what somebody tries.
type step struct {
	who      string
	body     proto.Message
	settles  bool
	decision *jieliv1.Decision // within body
}

// may says whether a step is legal, from the sentences of protocol.md and design §5.
func (m *model) may(s step) bool {
	mine := s.who == m.pen
	atHome := mine && s.who == home
	held := m.state == "ACCEPTED" || m.state == "IN_PROGRESS"
	idle := m.state == "UNROUTED" || m.state == "RETURNED" || m.state == "RECALLED" || m.state == "ARBITRATION"
	switch body := s.body.(type) {
	case *jieliv1.Received:
		return false // a second one never is
	case *jieliv1.Unrouted, *jieliv1.Diverted:
		return atHome && m.state == "RECEIVED" && !s.settles
	case *jieliv1.Offered:
		return atHome && !s.settles && (m.state == "RECEIVED" || idle || held) && m.mayOffer(body)
	case *jieliv1.Accepted:
		takes := atHome && (m.state == "RECEIVED" || idle)
		signs := mine && m.state == "OFFERED"
		return (takes || signs) && !s.settles
	case *jieliv1.Returned:
		proper := body.GetOnward() == ""
		if body.GetReason() == jieliv1.Returned_NOT_OUR_PLACE || body.GetReason() == jieliv1.Returned_NOT_OUR_MATTER {
			proper = body.GetOnward() != "" && body.GetOnward() != s.who
		}
		return mine && m.state == "OFFERED" && proper && !s.settles
	case *jieliv1.OfferRefused:
		return s.who == home && m.openTo != "" && m.decided(s.decision, jieliv1.Decision_REFUSED) && !s.settles
	case *jieliv1.Recalled:
		return s.who == home && m.openTo != "" && (body.GetNeverSent() || m.decided(s.decision, jieliv1.Decision_RELEASED))
	case *jieliv1.Noted:
		own := body.GetFrom() == s.who
		concerned := own || body.GetFrom() == home || slices.ContainsFunc(m.visits, func(v visit) bool { return v.region == body.GetFrom() })
		return mine && (held || idle || m.state == "ANSWERED") && concerned && own == !s.settles
	case *jieliv1.Answered:
		return mine && held && !s.settles
	case *jieliv1.Closed:
		return atHome && m.state == "ANSWERED" && !s.settles
	case *jieliv1.Reopened:
		return atHome && (m.state == "ANSWERED" || m.state == "CLOSED" || m.state == "WITHDRAWN") && body.GetRound() == m.round+1 && !s.settles
	case *jieliv1.Withdrawn:
		asked := s.settles
		switch {
		case !mine:
			return false
		case s.who != home:
			return asked && (m.state == "OFFERED" || held)
		case m.state == "ANSWERED":
			return asked
		default:
			return held || idle
		}
	case *jieliv1.Arbitration:
		return atHome && !s.settles && (m.state == "RETURNED" || m.state == "RECALLED") && m.disputed(body.GetCause())
	}
	panic(fmt.Sprintf("the model knows no %T", s.body))
}

func (m *model) mayOffer(o *jieliv1.Offered) bool {
	if o.GetTarget() == home {
		return false
	}
	if m.state == "ARBITRATION" {
		return o.GetRound() == m.round+1 && (o.GetBasis() == jieliv1.Offered_OPERATOR || o.GetBasis() == jieliv1.Offered_RULING)
	}
	if o.GetRound() != m.round || slices.Contains(m.returned, o.GetTarget()) || m.delivered >= 5 {
		return false
	}
	if m.state == "RETURNED" && len(m.returned) > 1 {
		return false
	}
	switch o.GetBasis() {
	case jieliv1.Offered_ROUTE, jieliv1.Offered_OPERATOR:
		return true
	case jieliv1.Offered_ONWARD:
		return m.state == "RETURNED" && m.onward == o.GetTarget()
	default:
		return false
	}
}

func (m *model) decided(d *jieliv1.Decision, kind jieliv1.Decision_Kind) bool {
	return d.GetKind() == kind && d.GetTicketId() == ticketID && d.GetNumber() == m.offer &&
		bytes.Equal(d.GetEventHash(), m.offerHash[:]) && d.GetRegion() == m.openTo
}

func (m *model) disputed(cause jieliv1.Arbitration_Cause) bool {
	switch cause {
	case jieliv1.Arbitration_SECOND_RETURN:
		return m.state == "RETURNED" && len(m.returned) >= 2
	case jieliv1.Arbitration_LOOP:
		return m.state == "RETURNED" && slices.Contains(m.returned, m.onward)
	default:
		return m.delivered >= 5
	}
}

// happens writes down a step that was legal.
func (m *model) happens(s step, number uint32, hash [32]byte) {
	before := m.pen
	ends := func(outcome string) {
		m.visits[len(m.visits)-1].outcome, m.openTo = outcome, ""
	}
	switch body := s.body.(type) {
	case *jieliv1.Unrouted:
		m.state = "UNROUTED"
	case *jieliv1.Diverted:
		m.state = "DIVERTED"
	case *jieliv1.Offered:
		if m.state == "ARBITRATION" {
			m.round, m.returned, m.delivered = m.round+1, nil, 0
		}
		m.state, m.pen, m.openTo, m.offer, m.offerHash, m.onward = "OFFERED", body.GetTarget(), body.GetTarget(), number, hash, ""
		m.visits = append(m.visits, visit{body.GetTarget(), "OUTCOME_UNSPECIFIED"})
	case *jieliv1.Accepted:
		if m.state == "OFFERED" {
			m.delivered++
			ends("ACCEPTED")
		}
		m.state, m.onward = "ACCEPTED", ""
	case *jieliv1.Returned:
		m.state, m.pen, m.onward = "RETURNED", home, body.GetOnward()
		m.returned = append(m.returned, s.who)
		m.delivered++
		ends("RETURNED")
	case *jieliv1.OfferRefused:
		m.state, m.pen = "RETURNED", home
		ends("REFUSED")
	case *jieliv1.Recalled:
		if !body.GetNeverSent() {
			m.delivered++
		}
		m.state, m.pen = "RECALLED", home
		ends("RECALLED")
	case *jieliv1.Noted:
		if m.state == "ACCEPTED" {
			m.state = "IN_PROGRESS"
		}
	case *jieliv1.Answered:
		m.state, m.answerer = "ANSWERED", s.who
		if s.who != home {
			ends("ANSWERED")
		}
		m.pen = home
	case *jieliv1.Closed:
		m.state = "CLOSED"
	case *jieliv1.Reopened:
		m.state, m.round, m.returned, m.delivered, m.onward = "RECEIVED", m.round+1, nil, 0, ""
	case *jieliv1.Withdrawn:
		m.state, m.onward = "WITHDRAWN", ""
		if s.who != home {
			ends("WITHDRAWN")
		}
		m.pen = home
	case *jieliv1.Arbitration:
		m.state = "ARBITRATION"
	}
	if m.pen != before {
		m.moved, m.movedBy = number, s.who
	}
}

// agrees compares a state with the model.
func (m *model) agrees(t *rapid.T, st *jieliv1.TicketState) {
	t.Helper()
	var visits []visit
	for _, hop := range st.GetHops() {
		visits = append(visits, visit{hop.GetRegion(), hop.GetOutcome().String()})
	}
	got := model{
		state: st.GetState().String(), pen: st.GetPen(), round: st.GetRound(), returned: st.GetReturnedBy(), delivered: int(st.GetDeliveredOffers()),
		onward: st.GetOnward(), offer: st.GetOfferNumber(), openTo: st.GetOfferedTo(), visits: visits,
		moved: st.GetPenMove(), movedBy: st.GetPenMoveAuthor(), answerer: st.GetAnsweredBy(),
	}
	copy(got.offerHash[:], st.GetOfferHash())
	if g, w := fmt.Sprintf("%+v", got), fmt.Sprintf("%+v", *m); g != w {
		t.Fatalf("the ticket and the paper differ\nticket: %s\npaper:  %s", g, w)
	}
}

var everybody = []string{tianjin, suzhou, shanghai, chengdu, "chongqing", "beijing", "xiongan"}

// drawSensible draws what somebody tries next: mostly the first of several ideas that is legal, else whatever comes.
func drawSensible(t *rapid.T, m *model, moods []int) step {
	s := drawStep(t, m, moods)
	if rapid.IntRange(0, 3).Draw(t, "thinks first") > 1 {
		for tries := 0; tries < 25 && !m.may(s); tries++ {
			s = drawStep(t, m, moods)
		}
	}
	return s
}

// moods are the things people are inclined to do in one life of a ticket: few of them, and it goes deep.
var moods = rapid.SliceOfNDistinct(rapid.IntRange(0, 18), 3, 19, rapid.ID)

func drawStep(t *rapid.T, m *model, moods []int) step {
	region := func(label string) string { return rapid.SampledFrom(everybody).Draw(t, label) }
	s := step{who: m.pen, settles: rapid.Bool().Draw(t, "settles a request") && rapid.Bool().Draw(t, "really")}
	switch rapid.IntRange(0, 9).Draw(t, "who") {
	case 0:
		s.who = region("anybody")
	case 1, 2:
		s.who = home
	}
	round := m.round
	if m.state == "ARBITRATION" {
		round++
	}
	if rapid.IntRange(0, 19).Draw(t, "miscounts") == 0 {
		round = rapid.Uint32Range(1, 9).Draw(t, "round")
	}
	switch rapid.SampledFrom(moods).Draw(t, "what") {
	case 0:
		s.body = unrouted()
	case 1:
		s.body = diverted()
		if rapid.IntRange(0, 9).Draw(t, "emergency") != 0 {
			s.body = &jieliv1.Accepted{} // an end: seldom, or stories stay short
		}
	case 2, 3, 4:
		o := offer(region("target"), rapid.SampledFrom([]jieliv1.Offered_Basis{
			jieliv1.Offered_ONWARD, jieliv1.Offered_OPERATOR, jieliv1.Offered_RULING,
		}).Draw(t, "basis"), round)
		if m.onward != "" && rapid.Bool().Draw(t, "to whom it was named") {
			o.Target = m.onward
		}
		s.body = o
	case 5, 6:
		o := route(region("target"))
		o.Round = round
		s.body = o
	case 7:
		s.body = &jieliv1.Accepted{Reference: rapid.SampledFrom([]string{"", "A-1", "B-2"}).Draw(t, "reference")}
	case 8, 9:
		s.body = &jieliv1.Returned{
			Reason: rapid.SampledFrom([]jieliv1.Returned_Reason{jieliv1.Returned_NOT_OUR_PLACE, jieliv1.Returned_NOT_OUR_MATTER, jieliv1.Returned_DUPLICATE}).Draw(t, "reason"),
			Onward: rapid.SampledFrom(append([]string{""}, everybody...)).Draw(t, "onward"),
		}
	case 10:
		s.who, s.decision = home, m.drawDecision(t)
		s.body = &jieliv1.OfferRefused{}
	case 11:
		s.who, s.decision = home, m.drawDecision(t)
		s.body = &jieliv1.Recalled{}
	case 12:
		s.who = home
		s.body = &jieliv1.Recalled{NeverSent: true}
	case 13:
		s.body = noted(region("from"))
		if rapid.Bool().Draw(t, "own note") {
			s.body = noted(s.who)
		}
	case 14:
		s.body = &jieliv1.Answered{}
	case 15:
		s.body = &jieliv1.Closed{Resolved: rapid.Bool().Draw(t, "resolved")}
	case 16:
		s.body = &jieliv1.Reopened{Round: round + 1}
	case 17:
		s.body = &jieliv1.Withdrawn{}
	case 18:
		s.body = dispute(jieliv1.Arbitration_Cause(rapid.IntRange(1, 3).Draw(t, "cause")))
	}
	return s
}

// drawDecision draws a decision, mostly about the newest offer.
func (m *model) drawDecision(t *rapid.T) *jieliv1.Decision {
	d := &jieliv1.Decision{
		Kind: jieliv1.Decision_REFUSED, TicketId: ticketID, Number: max(m.offer, 2), EventHash: m.offerHash[:], Reason: "STALE_ROUTE",
		Revision: 9, Region: m.openTo, ClusterId: clusterID, Time: timestamppb.New(morning),
	}
	if d.Region == "" {
		d.Region = suzhou
	}
	if rapid.Bool().Draw(t, "release") {
		d.Kind, d.Reason = jieliv1.Decision_RELEASED, ticket.ReleaseReason
	}
	switch rapid.IntRange(0, 9).Draw(t, "decision") {
	case 0:
		d.Region = rapid.SampledFrom(everybody).Draw(t, "deciding region")
	case 1:
		d.Number++
	case 2:
		d.EventHash = bytes.Repeat([]byte{7}, 32)
	case 3:
		d.TicketId = otherID
	}
	return d
}

// TestModel plays thousands of lives of a ticket among seven regions, honest and not, against the model.
func TestModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		first := taken(t)
		m := &model{state: "RECEIVED", pen: home, round: 1}
		st, events, hashes := first.st, first.events, first.hashes
		now := first.now
		inclined := moods.Draw(t, "inclined to")
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			s := drawSensible(t, m, inclined)
			s.wrapDecision()
			draft := ticket.Draft{Body: s.body, Commitments: contentFor(s.body)}
			if s.settles {
				draft.SettlesRequest = requestID
			}
			now = now.Add(time.Duration(rapid.IntRange(-2000, 5000).Draw(t, "milliseconds later")) * time.Millisecond)

			before := proto.CloneOf(st)
			legal := m.may(s)
			ev, nextErr := ticket.Next(st, ticketID, s.who, draft, now, 7)
			foreign := foreignEvent(st, s.who, draft)
			_, applyErr := arrives(st, foreign)
			if (nextErr == nil) != legal || (applyErr == nil) != legal {
				t.Fatalf("%s appends %T %v while %s with the pen at %s: legal %v, Next says %v, Apply says %v",
					s.who, s.body, s.body, m.state, m.pen, legal, nextErr, applyErr)
			}
			if !proto.Equal(before, st) {
				t.Fatalf("Apply changed the state it was given: %v, was %v", st, before)
			}
			if !legal {
				continue
			}
			b, hash, err := ticket.Encode(ev)
			if err != nil {
				t.Fatal(err)
			}
			if decoded, err := ticket.Decode(b); err != nil || !proto.Equal(decoded, ev) {
				t.Fatalf("%v decodes to %v, %v", ev, decoded, err)
			}
			next, err := ticket.Apply(st, ev, hash)
			if err != nil {
				t.Fatal(err)
			}
			m.happens(s, ev.GetNumber(), hash)
			m.agrees(t, next)
			if next.GetPen() != st.GetPen() && !ticket.MovesPen(ev.GetKind()) {
				t.Fatalf("%s moved the pen", ev.GetKind())
			}
			if next.GetPen() == "" || (next.GetState() != jieliv1.Ticket_OFFERED) != (next.GetOfferedTo() == "") {
				t.Fatalf("no pen, or an open offer in %s: %v", next.GetState(), next)
			}
			st, events, hashes = next, append(events, ev), append(hashes, hash)
		}
		replayed, err := ticket.Replay(events, hashes)
		if err != nil || !proto.Equal(replayed, st) {
			t.Fatalf("replayed: %v %v, step by step: %v", replayed, err, st)
		}
	})
}

// wrapDecision puts a step's decision into its body.
func (s *step) wrapDecision() {
	if s.decision == nil {
		return
	}
	b, err := ticket.EncodeDecision(s.decision)
	if err != nil {
		panic(err)
	}
	signed := &jieliv1.SignedDecision{Decision: b, KeyId: "k", Signature: []byte("s")}
	switch body := s.body.(type) {
	case *jieliv1.OfferRefused:
		body.Refusal = signed
	case *jieliv1.Recalled:
		body.Release = signed
	}
}

// foreignEvent is an event as a peer that minds no rule would write it.
func foreignEvent(st *jieliv1.TicketState, who string, d ticket.Draft) *jieliv1.Event {
	ev := &jieliv1.Event{
		TicketId: st.GetId(), Number: st.GetLastNumber() + 1, PreviousHash: st.GetLastHash(), Author: who, Time: proto.CloneOf(st.GetUpdateTime()),
		RegistryRevision: 7, Commitments: d.Commitments, SettlesRequest: d.SettlesRequest,
	}
	switch body := d.Body.(type) {
	case *jieliv1.Unrouted:
		ev.Kind, ev.Body = jieliv1.Event_UNROUTED, &jieliv1.Event_Unrouted{Unrouted: body}
	case *jieliv1.Diverted:
		ev.Kind, ev.Body = jieliv1.Event_DIVERTED, &jieliv1.Event_Diverted{Diverted: body}
	case *jieliv1.Offered:
		ev.Kind, ev.Body = jieliv1.Event_OFFERED, &jieliv1.Event_Offered{Offered: body}
	case *jieliv1.Accepted:
		ev.Kind, ev.Body = jieliv1.Event_ACCEPTED, &jieliv1.Event_Accepted{Accepted: body}
	case *jieliv1.Returned:
		ev.Kind, ev.Body = jieliv1.Event_RETURNED, &jieliv1.Event_Returned{Returned: body}
	case *jieliv1.OfferRefused:
		ev.Kind, ev.Body = jieliv1.Event_OFFER_REFUSED, &jieliv1.Event_OfferRefused{OfferRefused: body}
	case *jieliv1.Recalled:
		ev.Kind, ev.Body = jieliv1.Event_RECALLED, &jieliv1.Event_Recalled{Recalled: body}
	case *jieliv1.Noted:
		ev.Kind, ev.Body = jieliv1.Event_NOTED, &jieliv1.Event_Noted{Noted: body}
	case *jieliv1.Answered:
		ev.Kind, ev.Body = jieliv1.Event_ANSWERED, &jieliv1.Event_Answered{Answered: body}
	case *jieliv1.Closed:
		ev.Kind, ev.Body = jieliv1.Event_CLOSED, &jieliv1.Event_Closed{Closed: body}
	case *jieliv1.Reopened:
		ev.Kind, ev.Body = jieliv1.Event_REOPENED, &jieliv1.Event_Reopened{Reopened: body}
	case *jieliv1.Withdrawn:
		ev.Kind, ev.Body = jieliv1.Event_WITHDRAWN, &jieliv1.Event_Withdrawn{Withdrawn: body}
	case *jieliv1.Arbitration:
		ev.Kind, ev.Body = jieliv1.Event_ARBITRATION, &jieliv1.Event_Arbitration{Arbitration: body}
	}
	return ev
}

// arrives is what a receiver does with an event: decode its bytes, then fold it.
func arrives(st *jieliv1.TicketState, ev *jieliv1.Event) (*jieliv1.TicketState, error) {
	b, err := proto.MarshalOptions{Deterministic: true}.Marshal(ev)
	if err != nil {
		return nil, err
	}
	decoded, err := ticket.Decode(b)
	if err != nil {
		return nil, err
	}
	return ticket.Apply(st, decoded, ticket.Hash(b))
}

// TestUnrelatedEvents: whatever Decode takes, Apply judges without a panic, on whatever ticket.
func TestUnrelatedEvents(t *testing.T) {
	all, tickets := oneOfEach(t), []*jieliv1.TicketState{nil, {}}
	for _, tell := range situations() {
		tickets = append(tickets, tell(t).st)
	}
	rapid.Check(t, func(t *rapid.T) {
		st := rapid.SampledFrom(tickets).Draw(t, "ticket")
		kind := jieliv1.Event_Kind(rapid.IntRange(1, len(all)).Draw(t, "kind"))
		ev := proto.CloneOf(all[kind])
		if kind != jieliv1.Event_RECEIVED && st.GetLastNumber() > 0 {
			ev.Number, ev.PreviousHash, ev.Time = st.GetLastNumber()+1, st.GetLastHash(), st.GetUpdateTime()
			ev.Author = rapid.SampledFrom([]string{st.GetPen(), st.GetOrigin(), chengdu}).Draw(t, "author")
		}
		before := proto.CloneOf(st)
		if next, err := arrives(st, ev); err == nil && next.GetLastNumber() != ev.GetNumber() {
			t.Fatalf("taken, but not the newest: %v", next)
		}
		if !proto.Equal(before, st) {
			t.Fatal("Apply changed the state it was given")
		}
	})
}
