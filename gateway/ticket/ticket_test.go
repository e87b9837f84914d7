package ticket_test

import (
	"errors"
	"flag"
	"fmt"
	"strconv"
	"testing"
	"time"

	"go.uber.org/goleak"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"
	"pgregory.net/rapid"

	"github.com/jieli-gateway/jieli/gateway/ticket"
	jieliv1 "github.com/jieli-gateway/jieli/proto/jieli/v1"
)

func TestMain(m *testing.M) {
	flag.Parse()
	live(3000)
	goleak.VerifyTestMain(m)
}

// live sets how many random lives each model test plays, fewer with -short, unless -rapid.checks says.
func live(lives int) {
	if testing.Short() {
		lives /= 10
	}
	said := false
	flag.Visit(func(f *flag.Flag) { said = said || f.Name == "rapid.checks" })
	if !said {
		if err := flag.Set("rapid.checks", strconv.Itoa(lives)); err != nil {
			panic(err)
		}
	}
}

// The regions of these stories: tianjin took the call.
const (
	tianjin  = "tianjin"
	suzhou   = "suzhou"
	shanghai = "shanghai"
	chengdu  = "chengdu"
)

const (
	ticketID  = "0198c5a0-7d1e-7c3a-9f00-0123456789ab"
	otherID   = "0198c5a0-7d1e-7c3a-9f00-0123456789ac"
	requestID = "0198c5a0-7d1e-7c3a-8000-00000000002a"
	clusterID = "0198c5a0-0000-7000-8000-000000000001"
)

// morning is when the call came in: 2026-11-24, 9:00 in China.
var morning = time.Date(2026, 11, 24, 1, 0, 0, 0, time.UTC)

// story is the life of one ticket as a test tells it, and its chain.
type story struct {
	t      rapid.TB
	now    time.Time
	st     *jieliv1.TicketState
	events []*jieliv1.Event
	bytes  [][]byte
	hashes [][32]byte
}

// taken begins a story: tianjin has taken the call.
func taken(t rapid.TB) *story {
	s := &story{t: t, now: morning}
	s.does(tianjin, received())
	return s
}

// try lets a region say something and returns what the rules say to it.
func (s *story) try(who string, body proto.Message) error {
	return s.trySettling(who, body, "")
}

func (s *story) trySettling(who string, body proto.Message, request string) error {
	s.t.Helper()
	draft := ticket.Draft{Body: body, SettlesRequest: request, Commitments: contentFor(body)}
	ev, err := ticket.Next(s.st, ticketID, who, draft, s.now, 7)
	if err != nil {
		return err
	}
	b, hash, err := ticket.Encode(ev)
	if err != nil {
		s.t.Fatalf("Next built %s that Encode refuses: %v", ev.GetKind(), err)
	}
	next, err := ticket.Apply(s.st, ev, hash)
	if err != nil {
		s.t.Fatalf("Next built %s that Apply refuses: %v", ev.GetKind(), err)
	}
	s.st, s.now = next, s.now.Add(time.Minute)
	s.events, s.bytes, s.hashes = append(s.events, ev), append(s.bytes, b), append(s.hashes, hash)
	return nil
}

// does is try for what must succeed.
func (s *story) does(who string, bodies ...proto.Message) *story {
	s.t.Helper()
	for _, body := range bodies {
		if err := s.try(who, body); err != nil {
			s.t.Fatalf("%s should be able to append %T while the ticket is %s: %v", who, body, s.st.GetState(), err)
		}
	}
	return s
}

// settles is does for an event that settles a request.
func (s *story) settles(who string, body proto.Message) *story {
	s.t.Helper()
	if err := s.trySettling(who, body, requestID); err != nil {
		s.t.Fatalf("%s should be able to append %T while the ticket is %s: %v", who, body, s.st.GetState(), err)
	}
	return s
}

// refuses decides against the open offer and lets the origin take the pen back.
func (s *story) refuses(who, reason string) *story {
	s.t.Helper()
	return s.does(tianjin, &jieliv1.OfferRefused{Refusal: signed(s.t, decisionOn(s.st, who, jieliv1.Decision_REFUSED, reason))})
}

// releases answers a recall and lets the origin take the pen back.
func (s *story) releases(who string) *story {
	s.t.Helper()
	return s.does(tianjin, &jieliv1.Recalled{Release: signed(s.t, decisionOn(s.st, who, jieliv1.Decision_RELEASED, ticket.ReleaseReason))})
}

func received() *jieliv1.Received {
	return &jieliv1.Received{
		Number: ticket.Number("TJ", morning, 42), ExternalId: "TJ-2026-0042", Type: jieliv1.Ticket_COMPLAINT, Service: "transport.repair",
		Channel: jieliv1.Ticket_PHONE, Urgency: jieliv1.Ticket_NORMAL, Division: "320505", Publishable: true,
		ReportedAt: timestamppb.New(morning),
	}
}

func route(target string) *jieliv1.Offered {
	return &jieliv1.Offered{
		Target: target, Basis: jieliv1.Offered_ROUTE, Round: 1, AsOf: "2026-11-24", RuleDivision: "3205", RuleService: "transport",
	}
}

func offer(target string, basis jieliv1.Offered_Basis, round uint32) *jieliv1.Offered {
	return &jieliv1.Offered{Target: target, Basis: basis, Round: round}
}

func notOurPlace(onward string) *jieliv1.Returned {
	return &jieliv1.Returned{Reason: jieliv1.Returned_NOT_OUR_PLACE, Onward: onward}
}

func duplicate() *jieliv1.Returned { return &jieliv1.Returned{Reason: jieliv1.Returned_DUPLICATE} }

func noted(from string) *jieliv1.Noted { return &jieliv1.Noted{From: from} }

func dispute(cause jieliv1.Arbitration_Cause) *jieliv1.Arbitration {
	return &jieliv1.Arbitration{Cause: cause}
}

// contentFor binds the content a body must come with.
func contentFor(body proto.Message) []*jieliv1.Commitment {
	switch body.(type) {
	case *jieliv1.Received:
		return []*jieliv1.Commitment{commitment("matter", 1), commitment("reporter", 2)}
	case *jieliv1.Returned, *jieliv1.Noted, *jieliv1.Answered, *jieliv1.Reopened:
		return []*jieliv1.Commitment{commitment("text", 3)}
	default:
		return nil
	}
}

func commitment(name string, fill byte) *jieliv1.Commitment {
	h := [32]byte{fill}
	return &jieliv1.Commitment{Name: name, Hash: h[:]}
}

// decisionOn is a decision of a region about the ticket's open offer.
func decisionOn(st *jieliv1.TicketState, who string, kind jieliv1.Decision_Kind, reason string) *jieliv1.Decision {
	return &jieliv1.Decision{
		Kind: kind, TicketId: st.GetId(), Number: st.GetOfferNumber(), EventHash: st.GetOfferHash(), Reason: reason, Revision: 9,
		Region: who, ClusterId: clusterID, Time: timestamppb.New(morning.Add(time.Hour)),
	}
}

// signed wraps a decision; its signature is not for this package to judge.
func signed(t rapid.TB, d *jieliv1.Decision) *jieliv1.SignedDecision {
	t.Helper()
	b, err := ticket.EncodeDecision(d)
	if err != nil {
		t.Fatalf("encode decision: %v", err)
	}
	return &jieliv1.SignedDecision{Decision: b, KeyId: "00112233aabbccdd", Signature: []byte("a signature that others verify")}
}

// reasonOf is the reason of a violation, "" without an error.
func reasonOf(t rapid.TB, err error) string {
	t.Helper()
	if err == nil {
		return ""
	}
	var v *ticket.Violation
	if !errors.As(err, &v) {
		t.Fatalf("the rules answer with a *Violation, not with %T: %v", err, err)
	}
	if v.Reason == "" || v.Message == "" {
		t.Fatalf("a violation has a reason and a message: %+v", v)
	}
	return v.Reason
}

// wants fails unless the ticket is in a state, with the pen at a region.
func (s *story) wants(state jieliv1.Ticket_State, pen string) *story {
	s.t.Helper()
	if s.st.GetState() != state || s.st.GetPen() != pen {
		s.t.Fatalf("after %s the ticket should be %s with the pen at %s; it is %s with the pen at %s",
			s.events[len(s.events)-1].GetKind(), state, pen, s.st.GetState(), s.st.GetPen())
	}
	return s
}

func (s *story) String() string {
	var text string
	for _, ev := range s.events {
		text += fmt.Sprintf("%d %s by %s\n", ev.GetNumber(), ev.GetKind(), ev.GetAuthor())
	}
	return text
}
