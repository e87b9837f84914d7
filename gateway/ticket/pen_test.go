package ticket_test

import (
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	"github.com/jieli-gateway/jieli/gateway/ticket"
	jieliv1 "github.com/jieli-gateway/jieli/proto/jieli/v1"
)

// situations are tickets in every state, told as how they got there.
func situations() map[string]func(rapid.TB) *story {
	offered := func(t rapid.TB) *story { return taken(t).does(tianjin, route(suzhou)) }
	accepted := func(t rapid.TB) *story { return offered(t).does(suzhou, &jieliv1.Accepted{}) }
	answered := func(t rapid.TB) *story { return accepted(t).does(suzhou, &jieliv1.Answered{}) }
	return map[string]func(rapid.TB) *story{
		"just received":           taken,
		"unrouted":                func(t rapid.TB) *story { return taken(t).does(tianjin, unrouted()) },
		"diverted to 110":         func(t rapid.TB) *story { return taken(t).does(tianjin, diverted()) },
		"offered to suzhou":       offered,
		"accepted by suzhou":      accepted,
		"in progress at suzhou":   func(t rapid.TB) *story { return accepted(t).does(suzhou, noted(suzhou)) },
		"taken by its own region": func(t rapid.TB) *story { return taken(t).does(tianjin, &jieliv1.Accepted{}) },
		"in progress at its own region": func(t rapid.TB) *story {
			return taken(t).does(tianjin, &jieliv1.Accepted{}, noted(tianjin))
		},
		"returned":       func(t rapid.TB) *story { return offered(t).does(suzhou, notOurPlace(shanghai)) },
		"refused":        func(t rapid.TB) *story { return offered(t).refuses(suzhou, "SUSPENDED") },
		"recalled":       func(t rapid.TB) *story { return offered(t).releases(suzhou) },
		"answered":       answered,
		"closed":         func(t rapid.TB) *story { return answered(t).does(tianjin, &jieliv1.Closed{}) },
		"withdrawn":      func(t rapid.TB) *story { return offered(t).settles(suzhou, &jieliv1.Withdrawn{}) },
		"reopened":       func(t rapid.TB) *story { return answered(t).does(tianjin, &jieliv1.Reopened{Round: 2}) },
		"in arbitration": func(t rapid.TB) *story { return disputed(t) },
	}
}

func unrouted() *jieliv1.Unrouted { return &jieliv1.Unrouted{Reason: jieliv1.Unrouted_NOT_FOUND} }

func diverted() *jieliv1.Diverted {
	return &jieliv1.Diverted{Service: "emergency.police", CallNumber: "110"}
}

// disputed is a ticket that two regions have returned.
func disputed(t rapid.TB) *story {
	return taken(t).does(tianjin, route(suzhou)).does(suzhou, notOurPlace(shanghai)).
		does(tianjin, offer(shanghai, jieliv1.Offered_ONWARD, 1)).does(shanghai, notOurPlace(chengdu)).
		does(tianjin, dispute(jieliv1.Arbitration_SECOND_RETURN))
}

// TestWhoMayDoWhat lists, for each situation, all that may be appended and by whom. Whatever is not listed is refused.
func TestWhoMayDoWhat(t *testing.T) {
	const (
		origin = tianjin
		target = suzhou
	)
	may := map[string]map[string]string{ // situation → kinds by region
		"just received":                 {origin: "UNROUTED DIVERTED OFFERED ACCEPTED"},
		"unrouted":                      {origin: "OFFERED ACCEPTED NOTED WITHDRAWN"},
		"diverted to 110":               {},
		"offered to suzhou":             {origin: "OFFER_REFUSED RECALLED", target: "ACCEPTED RETURNED WITHDRAWN"},
		"accepted by suzhou":            {target: "NOTED ANSWERED WITHDRAWN"},
		"in progress at suzhou":         {target: "NOTED ANSWERED WITHDRAWN"},
		"taken by its own region":       {origin: "OFFERED NOTED ANSWERED WITHDRAWN"},
		"in progress at its own region": {origin: "OFFERED NOTED ANSWERED WITHDRAWN"},
		"returned":                      {origin: "OFFERED ACCEPTED NOTED WITHDRAWN ARBITRATION"},
		"refused":                       {origin: "OFFERED ACCEPTED NOTED WITHDRAWN ARBITRATION"},
		"recalled":                      {origin: "OFFERED ACCEPTED NOTED WITHDRAWN ARBITRATION"},
		"answered":                      {origin: "NOTED CLOSED REOPENED WITHDRAWN"},
		"closed":                        {origin: "REOPENED"},
		"withdrawn":                     {origin: "REOPENED"},
		"reopened":                      {origin: "UNROUTED DIVERTED OFFERED ACCEPTED"},
		"in arbitration":                {origin: "OFFERED ACCEPTED NOTED WITHDRAWN"},
	}
	reached := map[jieliv1.Ticket_State]bool{}
	for name, tell := range situations() {
		t.Run(name, func(t *testing.T) {
			st := tell(t).st
			reached[st.GetState()] = true
			for _, who := range []string{tianjin, suzhou, shanghai, chengdu} {
				for number, kind := range jieliv1.Event_Kind_name {
					if number == 0 {
						continue
					}
					want := strings.Contains(" "+may[name][who]+" ", " "+kind+" ")
					err := ticket.Check(st, who, jieliv1.Event_Kind(number))
					if (err == nil) != want {
						t.Errorf("may %s append %s? should be %v, Check says: %v", who, kind, want, err)
					}
					if err == nil {
						continue
					}
					switch reasonOf(t, err) {
					case ticket.ReasonNoPen, ticket.ReasonNotOrigin, ticket.ReasonWrongState:
					default:
						t.Errorf("Check answers %s to %s by %s", reasonOf(t, err), kind, who)
					}
					if !strings.Contains(err.Error(), st.GetState().String()) || !strings.Contains(err.Error(), st.GetPen()) && kind != "RECEIVED" {
						t.Errorf("the message should name state and who has the pen: %v", err)
					}
				}
			}
		})
	}
	for number, state := range jieliv1.Ticket_State_name {
		if number != 0 && !reached[jieliv1.Ticket_State(number)] {
			t.Errorf("no situation is in state %s", state)
		}
	}
}

// TestStories tells lives of tickets, as they should go and as they must not.
func TestStories(t *testing.T) {
	tests := map[string]func(t *testing.T){
		"a garage in Suzhou: offered, accepted, answered, closed": func(t *testing.T) {
			s := taken(t).wants(jieliv1.Ticket_RECEIVED, tianjin)
			s.does(tianjin, route(suzhou)).wants(jieliv1.Ticket_OFFERED, suzhou)
			s.does(suzhou, &jieliv1.Accepted{Reference: "SZ-88"}).wants(jieliv1.Ticket_ACCEPTED, suzhou)
			s.does(suzhou, noted(suzhou)).wants(jieliv1.Ticket_IN_PROGRESS, suzhou)
			s.does(suzhou, &jieliv1.Answered{}).wants(jieliv1.Ticket_ANSWERED, tianjin)
			s.does(tianjin, &jieliv1.Closed{Resolved: true}).wants(jieliv1.Ticket_CLOSED, tianjin)
			if hop := s.st.GetHops()[0]; hop.GetOutcome() != jieliv1.Hop_ANSWERED || s.st.GetAnsweredBy() != suzhou {
				t.Errorf("suzhou answered: hop %v, answered by %s", hop, s.st.GetAnsweredBy())
			}
			if r := s.st.GetReferences(); len(r) != 1 || r[0].GetRegion() != suzhou || r[0].GetNumber() != "SZ-88" {
				t.Errorf("suzhou's own number should be kept: %v", r)
			}
		},
		"a local matter never moves the pen": func(t *testing.T) {
			s := taken(t).does(tianjin, &jieliv1.Accepted{}, noted(tianjin), &jieliv1.Answered{}).wants(jieliv1.Ticket_ANSWERED, tianjin)
			if s.st.GetPenMove() != 0 || len(s.st.GetHops()) != 0 || s.st.GetAnsweredBy() != tianjin {
				t.Errorf("pen move %d, hops %v, answered by %s", s.st.GetPenMove(), s.st.GetHops(), s.st.GetAnsweredBy())
			}
		},
		"a local matter turns out to be another region's": func(t *testing.T) {
			taken(t).does(tianjin, &jieliv1.Accepted{}, noted(tianjin), offer(suzhou, jieliv1.Offered_OPERATOR, 1)).
				wants(jieliv1.Ticket_OFFERED, suzhou)
		},
		"returned with the right region named: offered onward by itself": func(t *testing.T) {
			s := taken(t).does(tianjin, route(suzhou)).does(suzhou, notOurPlace(shanghai)).wants(jieliv1.Ticket_RETURNED, tianjin)
			s.follows(ticket.Follow{Offer: shanghai})
			s.does(tianjin, offer(shanghai, jieliv1.Offered_ONWARD, 1)).wants(jieliv1.Ticket_OFFERED, shanghai)
			if s.st.GetOnward() != "" {
				t.Errorf("onward is used and should be gone: %s", s.st.GetOnward())
			}
		},
		"returned to sender: who it names is the origin, so people decide": func(t *testing.T) {
			taken(t).does(tianjin, route(suzhou)).does(suzhou, notOurPlace(tianjin)).follows(ticket.Follow{None: true})
		},
		"returned as a duplicate: people decide": func(t *testing.T) {
			taken(t).does(tianjin, route(suzhou)).does(suzhou, duplicate()).follows(ticket.Follow{None: true})
		},
		"a second return is a dispute": func(t *testing.T) {
			s := taken(t).does(tianjin, route(suzhou)).does(suzhou, notOurPlace(shanghai)).
				does(tianjin, offer(shanghai, jieliv1.Offered_ONWARD, 1)).does(shanghai, notOurPlace(chengdu))
			s.follows(ticket.Follow{Arbitration: jieliv1.Arbitration_SECOND_RETURN})
			s.refused(tianjin, offer(chengdu, jieliv1.Offered_ONWARD, 1), ticket.ReasonSecondReturn)
			s.does(tianjin, dispute(jieliv1.Arbitration_SECOND_RETURN)).wants(jieliv1.Ticket_ARBITRATION, tianjin)
		},
		"two regions that name each other are a loop": func(t *testing.T) {
			s := taken(t).does(tianjin, route(suzhou)).does(suzhou, notOurPlace(shanghai)).
				does(tianjin, offer(shanghai, jieliv1.Offered_ONWARD, 1)).does(shanghai, notOurPlace(suzhou))
			s.follows(ticket.Follow{Arbitration: jieliv1.Arbitration_LOOP})
			s.refused(tianjin, offer(suzhou, jieliv1.Offered_ONWARD, 1), ticket.ReasonLoop)
			s.refused(tianjin, dispute(jieliv1.Arbitration_TOO_MANY_OFFERS), ticket.ReasonWrongCause)
			s.does(tianjin, dispute(jieliv1.Arbitration_LOOP))
		},
		"an operator cannot offer it again in the round it was returned in": func(t *testing.T) {
			taken(t).does(tianjin, route(suzhou)).does(suzhou, duplicate()).
				refused(tianjin, offer(suzhou, jieliv1.Offered_OPERATOR, 1), ticket.ReasonLoop)
		},
		"an operator's decision after arbitration opens a new round": func(t *testing.T) {
			s := disputed(t)
			s.refused(tianjin, offer(suzhou, jieliv1.Offered_OPERATOR, 1), ticket.ReasonWrongRound)
			s.refused(tianjin, &jieliv1.Offered{Target: suzhou, Basis: jieliv1.Offered_ROUTE, Round: 2, AsOf: "2026-11-24", RuleDivision: "32"}, ticket.ReasonWrongBasis)
			s.does(tianjin, offer(suzhou, jieliv1.Offered_OPERATOR, 2)).wants(jieliv1.Ticket_OFFERED, suzhou)
			if s.st.GetRound() != 2 || len(s.st.GetReturnedBy()) != 0 || s.st.GetDeliveredOffers() != 0 {
				t.Errorf("round %d, returned by %v, delivered %d", s.st.GetRound(), s.st.GetReturnedBy(), s.st.GetDeliveredOffers())
			}
		},
		"an arbiter's ruling follows a dispute and nothing else": func(t *testing.T) {
			disputed(t).does(tianjin, offer(suzhou, jieliv1.Offered_RULING, 2))
			taken(t).refused(tianjin, offer(suzhou, jieliv1.Offered_RULING, 1), ticket.ReasonWrongBasis)
		},
		"the origin takes a disputed ticket itself": func(t *testing.T) {
			disputed(t).does(tianjin, &jieliv1.Accepted{}, &jieliv1.Answered{}, &jieliv1.Closed{}).wants(jieliv1.Ticket_CLOSED, tianjin)
		},
		"after five delivered offers it is a dispute": func(t *testing.T) {
			s := taken(t)
			for range ticket.MaxDeliveredOffers {
				s.does(tianjin, route(suzhou)).releases(suzhou)
			}
			s.refused(tianjin, route(suzhou), ticket.ReasonTooManyOffers)
			s.follows(ticket.Follow{Arbitration: jieliv1.Arbitration_TOO_MANY_OFFERS})
			s.does(tianjin, dispute(jieliv1.Arbitration_TOO_MANY_OFFERS), offer(suzhou, jieliv1.Offered_OPERATOR, 2))
		},
		"a refused offer counts neither as made nor as delivered": func(t *testing.T) {
			s := taken(t)
			for range ticket.MaxDeliveredOffers + 1 {
				s.does(tianjin, route(suzhou)).refuses(suzhou, "STALE_ROUTE").wants(jieliv1.Ticket_RETURNED, tianjin)
				s.follows(ticket.Follow{None: true})
			}
			if s.st.GetRefusedRevision() != 9 || s.st.GetReason() != "STALE_ROUTE" || s.st.GetDeliveredOffers() != 0 || len(s.st.GetReturnedBy()) != 0 {
				t.Errorf("refused revision %d, reason %s, delivered %d, returned by %v",
					s.st.GetRefusedRevision(), s.st.GetReason(), s.st.GetDeliveredOffers(), s.st.GetReturnedBy())
			}
			s.does(tianjin, offer(suzhou, jieliv1.Offered_OPERATOR, 1))
			if s.st.GetRefusedRevision() != 0 {
				t.Error("the operator did not wait: the refused revision should be forgotten")
			}
		},
		"a refusal for another reason waits for no revision": func(t *testing.T) {
			if s := taken(t).does(tianjin, route(suzhou)).refuses(suzhou, "SUSPENDED"); s.st.GetRefusedRevision() != 0 {
				t.Errorf("refused revision %d", s.st.GetRefusedRevision())
			}
		},
		"an offer that never left counts as nothing": func(t *testing.T) {
			s := taken(t)
			for range ticket.MaxDeliveredOffers + 1 {
				s.does(tianjin, route(suzhou), &jieliv1.Recalled{NeverSent: true}).wants(jieliv1.Ticket_RECALLED, tianjin)
			}
		},
		"a refusal of another offer does not bring the pen home": func(t *testing.T) {
			s := taken(t).does(tianjin, route(suzhou))
			for name, change := range map[string]func(*jieliv1.Decision){
				"another ticket": func(d *jieliv1.Decision) { d.TicketId = otherID },
				"another number": func(d *jieliv1.Decision) { d.Number++ },
				"another hash":   func(d *jieliv1.Decision) { d.EventHash = make([]byte, 32) },
				"another region": func(d *jieliv1.Decision) { d.Region = shanghai },
			} {
				d := decisionOn(s.st, suzhou, jieliv1.Decision_REFUSED, "SUSPENDED")
				change(d)
				if got := reasonOf(t, s.try(tianjin, &jieliv1.OfferRefused{Refusal: signed(t, d)})); got != ticket.ReasonDecisionMismatch {
					t.Errorf("%s: %q", name, got)
				}
				if got := reasonOf(t, ticket.MatchDecision(s.st, d)); got != ticket.ReasonDecisionMismatch {
					t.Errorf("%s: MatchDecision says %q", name, got)
				}
			}
		},
		"a refusal replayed after the next offer does not bring the pen home": func(t *testing.T) {
			s := taken(t).does(tianjin, route(suzhou))
			old := signed(t, decisionOn(s.st, suzhou, jieliv1.Decision_REFUSED, "STALE_ROUTE"))
			s.does(tianjin, &jieliv1.OfferRefused{Refusal: old}, route(suzhou))
			s.refused(tianjin, &jieliv1.OfferRefused{Refusal: old}, ticket.ReasonDecisionMismatch)
		},
		"a release is no refusal and the other way round": func(t *testing.T) {
			s := taken(t).does(tianjin, route(suzhou))
			release := signed(t, decisionOn(s.st, suzhou, jieliv1.Decision_RELEASED, ticket.ReleaseReason))
			refusal := signed(t, decisionOn(s.st, suzhou, jieliv1.Decision_REFUSED, "SUSPENDED"))
			s.refused(tianjin, &jieliv1.OfferRefused{Refusal: release}, ticket.ReasonMalformed)
			s.refused(tianjin, &jieliv1.Recalled{Release: refusal}, ticket.ReasonMalformed)
		},
		"what was accepted cannot be recalled or returned": func(t *testing.T) {
			s := taken(t).does(tianjin, route(suzhou))
			release := signed(t, decisionOn(s.st, suzhou, jieliv1.Decision_RELEASED, ticket.ReleaseReason))
			s.does(suzhou, &jieliv1.Accepted{})
			s.refused(tianjin, &jieliv1.Recalled{Release: release}, ticket.ReasonWrongState)
			s.refused(suzhou, duplicate(), ticket.ReasonWrongState)
		},
		"a note before acceptance would fork the chain when a release crosses it": func(t *testing.T) {
			taken(t).does(tianjin, route(suzhou)).refused(suzhou, noted(suzhou), ticket.ReasonWrongState)
		},
		"only the origin closes": func(t *testing.T) {
			s := taken(t).does(tianjin, route(suzhou)).does(suzhou, &jieliv1.Accepted{})
			s.refused(suzhou, &jieliv1.Closed{}, ticket.ReasonNotOrigin)
			s.does(suzhou, &jieliv1.Answered{}).refused(suzhou, &jieliv1.Closed{}, ticket.ReasonNotOrigin)
		},
		"only the region with the pen answers": func(t *testing.T) {
			taken(t).does(tianjin, route(suzhou)).does(suzhou, &jieliv1.Accepted{}).
				refused(tianjin, &jieliv1.Answered{}, ticket.ReasonNoPen)
		},
		"the holder does not pass it on: every hand-off is between the origin and one other region": func(t *testing.T) {
			taken(t).does(tianjin, route(suzhou)).does(suzhou, &jieliv1.Accepted{}).
				refused(suzhou, offer(shanghai, jieliv1.Offered_OPERATOR, 1), ticket.ReasonNotOrigin)
		},
		"the origin does not offer to itself": func(t *testing.T) {
			taken(t).refused(tianjin, route(tianjin), ticket.ReasonOwnRegion)
		},
		"onward goes to the region that was named, and once": func(t *testing.T) {
			s := taken(t).does(tianjin, route(suzhou)).does(suzhou, notOurPlace(shanghai))
			s.refused(tianjin, offer(chengdu, jieliv1.Offered_ONWARD, 1), ticket.ReasonWrongBasis)
			s.does(tianjin, offer(shanghai, jieliv1.Offered_ONWARD, 1)).refuses(shanghai, "SUSPENDED")
			s.refused(tianjin, offer(shanghai, jieliv1.Offered_ONWARD, 1), ticket.ReasonWrongBasis)
			s.does(tianjin, offer(shanghai, jieliv1.Offered_OPERATOR, 1))
		},
		"the holder withdraws only because the origin asked": func(t *testing.T) {
			s := taken(t).does(tianjin, route(suzhou)).does(suzhou, &jieliv1.Accepted{})
			s.refused(suzhou, &jieliv1.Withdrawn{}, ticket.ReasonRequestRequired)
			s.settles(suzhou, &jieliv1.Withdrawn{}).wants(jieliv1.Ticket_WITHDRAWN, tianjin)
			if hop := s.st.GetHops()[0]; hop.GetOutcome() != jieliv1.Hop_WITHDRAWN {
				t.Errorf("hop %v", hop)
			}
		},
		"a withdrawal that crossed the answer is honoured, a later one is not": func(t *testing.T) {
			s := taken(t).does(tianjin, route(suzhou)).does(suzhou, &jieliv1.Accepted{}, &jieliv1.Answered{})
			s.refused(tianjin, &jieliv1.Withdrawn{}, ticket.ReasonWrongState)
			s.settles(tianjin, &jieliv1.Withdrawn{}).wants(jieliv1.Ticket_WITHDRAWN, tianjin)
			if hop := s.st.GetHops()[0]; hop.GetOutcome() != jieliv1.Hop_ANSWERED {
				t.Errorf("it was answered all the same: %v", hop)
			}
		},
		"a note of the origin goes through the holder": func(t *testing.T) {
			s := taken(t).does(tianjin, route(suzhou)).does(suzhou, &jieliv1.Accepted{})
			s.settles(suzhou, noted(tianjin)).wants(jieliv1.Ticket_IN_PROGRESS, suzhou)
			s.refused(suzhou, noted(tianjin), ticket.ReasonMalformed)
			if got := reasonOf(t, s.trySettling(suzhou, noted(chengdu), requestID)); got != ticket.ReasonNotConcerned {
				t.Errorf("chengdu has nothing to do with it: %q", got)
			}
		},
		"a former holder's note goes through the origin": func(t *testing.T) {
			taken(t).does(tianjin, route(suzhou)).does(suzhou, &jieliv1.Accepted{}, &jieliv1.Answered{}).
				settles(tianjin, noted(suzhou)).wants(jieliv1.Ticket_ANSWERED, tianjin)
		},
		"a reopened ticket is routed anew, to a region that had returned it too": func(t *testing.T) {
			s := taken(t).does(tianjin, route(suzhou)).does(suzhou, duplicate()).does(tianjin, &jieliv1.Accepted{}, &jieliv1.Answered{}, &jieliv1.Closed{})
			s.refused(tianjin, &jieliv1.Reopened{Round: 3}, ticket.ReasonWrongRound)
			s.does(tianjin, &jieliv1.Reopened{Round: 2}).wants(jieliv1.Ticket_RECEIVED, tianjin)
			again := route(suzhou)
			again.Round = 2
			s.does(tianjin, again).wants(jieliv1.Ticket_OFFERED, suzhou)
			if hops := s.st.GetHops(); len(hops) != 2 || hops[0].GetOutcome() != jieliv1.Hop_RETURNED || hops[0].GetReason() != "DUPLICATE" || hops[1].GetRound() != 2 {
				t.Errorf("hops %v", hops)
			}
		},
		"a centre's newest number is kept": func(t *testing.T) {
			s := taken(t).does(tianjin, route(suzhou)).does(suzhou, &jieliv1.Accepted{Reference: "SZ-1"}, &jieliv1.Answered{}).
				does(tianjin, &jieliv1.Reopened{Round: 2}, offer(suzhou, jieliv1.Offered_OPERATOR, 2)).
				does(suzhou, &jieliv1.Accepted{Reference: "SZ-2"})
			if r := s.st.GetReferences(); len(r) != 1 || r[0].GetNumber() != "SZ-2" {
				t.Errorf("references %v", r)
			}
		},
		"the clock of the next author may be behind: time never runs back": func(t *testing.T) {
			s := taken(t)
			s.now = morning.Add(-time.Hour)
			s.does(tianjin, route(suzhou))
			if at := s.events[1].GetTime().AsTime(); !at.Equal(morning) {
				t.Errorf("the offer is of %s", at)
			}
		},
		"times are whole milliseconds": func(t *testing.T) {
			s := taken(t)
			s.now = morning.Add(1234567 * time.Nanosecond)
			s.does(tianjin, unrouted())
			if at := s.events[1].GetTime().AsTime(); !at.Equal(morning.Add(time.Millisecond)) {
				t.Errorf("time %s", at)
			}
		},
	}
	for name, tell := range tests {
		t.Run(name, tell)
	}
}

// refused fails unless a region may not append this, for this reason, and nothing changed by trying.
func (s *story) refused(who string, body proto.Message, reason string) *story {
	s.t.Helper()
	before := proto.CloneOf(s.st)
	if got := reasonOf(s.t, s.try(who, body)); got != reason {
		s.t.Fatalf("%s should be refused %T with %s, got %q\n%s", who, body, reason, got, s)
	}
	if !proto.Equal(before, s.st) {
		s.t.Fatalf("a refused %T changed the ticket", body)
	}
	return s
}

// follows fails unless this is what the origin's node does next by itself.
func (s *story) follows(want ticket.Follow) *story {
	s.t.Helper()
	if got := ticket.AfterBack(s.st); got != want {
		s.t.Fatalf("the node should go on with %+v, got %+v\n%s", want, got, s)
	}
	return s
}

// TestHolder: the giver stays answerable until what it gave away has been acknowledged, so there is always one.
func TestHolder(t *testing.T) {
	s := taken(t)
	holder := func(self string, acknowledged uint32, want string) {
		t.Helper()
		if got := ticket.Holder(s.st, self, acknowledged); got != want {
			t.Errorf("event %d, as %s sees it with %d acknowledged: holder %s, should be %s", s.st.GetLastNumber(), self, acknowledged, got, want)
		}
	}
	holder(tianjin, 0, tianjin)
	s.does(tianjin, route(suzhou))
	holder(tianjin, 0, tianjin) // undelivered: its own worry
	holder(tianjin, 2, suzhou)
	holder(suzhou, 0, suzhou)
	s.does(suzhou, &jieliv1.Accepted{}, &jieliv1.Answered{})
	holder(suzhou, 3, suzhou)
	holder(suzhou, 4, tianjin)
	holder(tianjin, 2, tianjin)
	s.does(tianjin, &jieliv1.Closed{})
	holder(suzhou, 4, tianjin)
	holder(tianjin, 2, tianjin)
}

// TestForeignEvents: what a peer sends is judged by the chain first, then by the pen, then by the state.
func TestForeignEvents(t *testing.T) {
	tests := map[string]struct {
		change func(*jieliv1.Event)
		reason string
	}{
		"as it should be":              {func(*jieliv1.Event) {}, ""},
		"an event missing before it":   {func(ev *jieliv1.Event) { ev.Number++ }, ticket.ReasonChainBroken},
		"an event that was there":      {func(ev *jieliv1.Event) { ev.Number-- }, ticket.ReasonChainBroken},
		"another event before it":      {func(ev *jieliv1.Event) { ev.PreviousHash = make([]byte, 32) }, ticket.ReasonChainBroken},
		"another ticket":               {func(ev *jieliv1.Event) { ev.TicketId = otherID }, ticket.ReasonChainBroken},
		"before the event it follows":  {func(ev *jieliv1.Event) { ev.Time.Seconds -= 3600 }, ticket.ReasonChainBroken},
		"by a region without the pen":  {func(ev *jieliv1.Event) { ev.Author = shanghai }, ticket.ReasonPenMisused},
		"by the origin, who gave it":   {func(ev *jieliv1.Event) { ev.Author = tianjin }, ticket.ReasonPenMisused},
		"a step only the origin takes": {func(ev *jieliv1.Event) { closes(ev) }, ticket.ReasonPenMisused},
		"a step that cannot follow":    {func(ev *jieliv1.Event) { answers(ev) }, ticket.ReasonWrongState},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			s := taken(t).does(tianjin, route(suzhou))
			ev, err := ticket.Next(s.st, ticketID, suzhou, ticket.Draft{Body: &jieliv1.Accepted{}}, s.now, 7)
			if err != nil {
				t.Fatal(err)
			}
			test.change(ev)
			before := proto.CloneOf(s.st)
			if _, err := ticket.Apply(s.st, ev, [32]byte{1}); reasonOf(t, err) != test.reason {
				t.Errorf("should be %q, got %v", test.reason, err)
			}
			if !proto.Equal(before, s.st) {
				t.Error("Apply changed the state it was given")
			}
		})
	}
}

func closes(ev *jieliv1.Event) {
	ev.Kind, ev.Body = jieliv1.Event_CLOSED, &jieliv1.Event_Closed{Closed: &jieliv1.Closed{}}
}

func answers(ev *jieliv1.Event) {
	ev.Kind, ev.Body = jieliv1.Event_ANSWERED, &jieliv1.Event_Answered{Answered: &jieliv1.Answered{}}
}

func TestReplay(t *testing.T) {
	for name, tell := range situations() {
		t.Run(name, func(t *testing.T) {
			s := tell(t)
			st, err := ticket.Replay(s.events, s.hashes)
			if err != nil || !proto.Equal(st, s.st) {
				t.Errorf("a replayed chain gives the same state: %v\n%v\n%v", err, st, s.st)
			}
		})
	}
	t.Run("a chain with a hole names the event", func(t *testing.T) {
		s := disputed(t)
		_, err := ticket.Replay(append(s.events[:2:2], s.events[3:]...), append(s.hashes[:2:2], s.hashes[3:]...))
		if reasonOf(t, err) != ticket.ReasonChainBroken || !strings.Contains(err.Error(), "event 3 of") {
			t.Errorf("got %v", err)
		}
	})
	t.Run("no chain", func(t *testing.T) {
		if _, err := ticket.Replay(nil, nil); reasonOf(t, err) != ticket.ReasonChainBroken {
			t.Errorf("got %v", err)
		}
	})
	t.Run("a chain that does not begin with RECEIVED", func(t *testing.T) {
		s := taken(t).does(tianjin, unrouted())
		s.events[1].Number = 1
		if _, err := ticket.Replay(s.events[1:], s.hashes[1:]); reasonOf(t, err) != ticket.ReasonWrongState {
			t.Errorf("got %v", err)
		}
	})
}

func TestMovesPen(t *testing.T) {
	want := " OFFERED RETURNED ANSWERED WITHDRAWN OFFER_REFUSED RECALLED "
	for number, name := range jieliv1.Event_Kind_name {
		if got := ticket.MovesPen(jieliv1.Event_Kind(number)); got != strings.Contains(want, " "+name+" ") {
			t.Errorf("MovesPen(%s) is %v", name, got)
		}
	}
}

// TestTable: the table is complete in itself: one row at most for a kind in a state, and each kind has one.
func TestTable(t *testing.T) {
	type place struct {
		kind  jieliv1.Event_Kind
		state jieliv1.Ticket_State
	}
	seen, kinds := map[place]bool{}, map[jieliv1.Event_Kind]bool{}
	rows := ticket.Transitions()
	for _, row := range rows {
		kinds[row.Kind] = true
		for _, state := range row.From.List() {
			if seen[place{row.Kind, state}] {
				t.Errorf("two rows for %s in %s", row.Kind, state)
			}
			seen[place{row.Kind, state}] = true
		}
	}
	for number, name := range jieliv1.Event_Kind_name {
		if number != 0 && !kinds[jieliv1.Event_Kind(number)] {
			t.Errorf("no row for %s", name)
		}
	}
	lines := strings.Split(strings.TrimSpace(ticket.Table()), "\n")
	if len(lines) != len(rows)+2 {
		t.Errorf("%d rows make %d lines", len(rows), len(lines))
	}
	for _, line := range lines {
		if strings.Count(line, "|") != 8 {
			t.Errorf("not a row of seven columns: %s", line)
		}
	}
}

func TestNextRefusesWhatIsNoBody(t *testing.T) {
	for name, body := range map[string]any{
		"nothing": nil, "a number": 7, "a ticket": &jieliv1.Ticket{}, "a nil offer": (*jieliv1.Offered)(nil),
	} {
		if _, err := ticket.Next(taken(t).st, ticketID, tianjin, ticket.Draft{Body: body}, morning, 7); reasonOf(t, err) != ticket.ReasonMalformed {
			t.Errorf("%s: %v", name, err)
		}
	}
}
