package ticket_test

import (
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/jieli-gateway/jieli/gateway/ticket"
	jieliv1 "github.com/jieli-gateway/jieli/proto/jieli/v1"
)

// afterDays is a moment some days after the call.
func afterDays(n int) *timestamppb.Timestamp { return timestamppb.New(morning.AddDate(0, 0, n)) }

// promising adds to an offer that it is to be delivered within an hour and the answer to come within days.
func promising(o *jieliv1.Offered, days uint32) *jieliv1.Offered {
	o.Deadlines = &jieliv1.Deadlines{
		PolicyRevision: 4,
		Terms: &jieliv1.Terms{
			Deliver: &jieliv1.Term{ClockSeconds: 3600}, Accept: &jieliv1.Term{WorkingDays: 1},
			Answer: &jieliv1.Term{WorkingDays: days}, Return: &jieliv1.Term{WorkingDays: 1},
		},
		Due: &jieliv1.Due{Deliver: afterDays(0), Answer: afterDays(int(days))},
	}
	return o
}

// called is a ticket whose caller was promised an answer within ten days.
func called(t *testing.T) *story {
	s := &story{t: t, now: morning}
	r := received()
	r.Deadlines = &jieliv1.Deadlines{PolicyRevision: 3, Terms: &jieliv1.Terms{Answer: &jieliv1.Term{WorkingDays: 10}}, Due: &jieliv1.Due{Answer: afterDays(10)}}
	return s.does(tianjin, r)
}

// due checks which deadlines run.
func (s *story) due(want *jieliv1.Due) *story {
	s.t.Helper()
	if !proto.Equal(ticket.Due(s.st), want) {
		s.t.Fatalf("after\n%s%v is due; want %v", s, ticket.Due(s.st), want)
	}
	return s
}

func (s *story) delivered() *story {
	ticket.Delivered(s.st, ticket.Signing{From: morning, Accept: morning.AddDate(0, 0, 1), Deem: morning.AddDate(0, 0, 2)})
	return s
}

func TestWhichDeadlinesRun(t *testing.T) {
	ten, seven := &jieliv1.Due{Answer: afterDays(10)}, &jieliv1.Due{Answer: afterDays(7)}
	offered := &jieliv1.Due{Deliver: afterDays(0), Answer: afterDays(7)}
	signing := &jieliv1.Due{Accept: afterDays(1), Answer: afterDays(7)}
	for name, tell := range map[string]func(s *story){
		"from call to answer": func(s *story) {
			s.due(ten).does(tianjin, promising(route(suzhou), 7)).due(offered).delivered().due(signing)
			s.does(suzhou, &jieliv1.Accepted{Deadlines: &jieliv1.Deadlines{Due: &jieliv1.Due{Contact: afterDays(3)}}})
			s.due(&jieliv1.Due{Contact: afterDays(3), Answer: afterDays(7)})
			s.settles(suzhou, noted(tianjin)).due(&jieliv1.Due{Contact: afterDays(3), Answer: afterDays(7)})
			s.does(suzhou, noted(suzhou)).due(seven).does(suzhou, &jieliv1.Answered{}).due(nil)
			s.does(tianjin, &jieliv1.Closed{}).due(nil).does(tianjin, &jieliv1.Reopened{Round: 2}).due(seven)
		},
		"a later promise does not hold": func(s *story) {
			s.does(tianjin, promising(route(suzhou), 12)).due(&jieliv1.Due{Deliver: afterDays(0), Answer: afterDays(10)})
			if s.st.GetAnswerTerm() != -10 || s.st.GetPolicyRevision() != 4 {
				s.t.Fatalf("the terms in force are %v", s.st)
			}
		},
		"a return leaves the earliest promise": func(s *story) {
			s.does(tianjin, promising(route(suzhou), 7)).delivered().does(suzhou, notOurPlace(shanghai)).due(seven)
			s.does(tianjin, promising(offer(shanghai, jieliv1.Offered_ONWARD, 1), 9)).due(offered)
		},
		"a refusal ends the time to deliver": func(s *story) {
			s.does(tianjin, promising(route(suzhou), 7)).refuses(suzhou, "STALE_ROUTE").due(seven)
		},
		"a recall ends the time to sign": func(s *story) {
			s.does(tianjin, promising(route(suzhou), 7)).delivered().releases(suzhou).due(seven)
			if s.st.GetDeemTime() != 0 {
				s.t.Fatal("a ticket that was recalled still counts as accepted some day")
			}
		},
		"the origin takes it by its own terms": func(s *story) {
			s.does(tianjin, &jieliv1.Accepted{Deadlines: &jieliv1.Deadlines{Due: &jieliv1.Due{Contact: afterDays(1), Answer: afterDays(4)}}})
			s.due(&jieliv1.Due{Contact: afterDays(1), Answer: afterDays(4)})
		},
		"a withdrawal ends all": func(s *story) {
			s.does(tianjin, unrouted()).due(ten).does(tianjin, &jieliv1.Withdrawn{}).due(nil)
		},
		"an emergency has none": func(s *story) { s.does(tianjin, diverted()).due(nil) },
		"what an older version offers promises no more": func(s *story) {
			s.does(tianjin, route(suzhou)).due(ten).delivered().does(suzhou, &jieliv1.Accepted{}).due(ten)
		},
		"what is delivered late changes nothing": func(s *story) {
			s.does(tianjin, promising(route(suzhou), 7)).does(suzhou, &jieliv1.Accepted{}).due(seven).delivered().due(seven)
		},
	} {
		t.Run(name, func(t *testing.T) { tell(called(t)) })
	}
}

// An origin cannot be deemed to have taken its own ticket.
func TestOnlyTargetsAreDeemed(t *testing.T) {
	s := called(t)
	s.refused(tianjin, &jieliv1.Accepted{Deemed: true}, ticket.ReasonWrongState)
	s.does(tianjin, route(suzhou)).does(suzhou, &jieliv1.Accepted{Deemed: true}).wants(jieliv1.Ticket_ACCEPTED, suzhou)
}

// A chain of a version without deadlines folds to none.
func TestChainsWithoutDeadlines(t *testing.T) {
	s := taken(t).due(nil).does(tianjin, route(suzhou)).due(nil).does(suzhou, &jieliv1.Accepted{}).due(nil)
	if s.st.GetPromised() != 0 {
		t.Fatalf("somebody promised %v", s.st)
	}
}
