package demo

import (
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/encoding/protojson"

	"github.com/jieli-gateway/jieli/gateway/ticket"
	jieliv1 "github.com/jieli-gateway/jieli/proto/jieli/v1"
	"github.com/jieli-gateway/jieli/regions"
)

func TestSampleIsWhatAHotlineHears(t *testing.T) {
	lines, err := readInput("")
	if err != nil {
		t.Fatal(err)
	}
	var unrouted, emergency bool
	types, regionsSeen, plays := map[jieliv1.Ticket_Type]bool{}, map[string]bool{}, map[string]bool{}
	for i, l := range lines {
		in := new(jieliv1.Ticket)
		if err := protojson.Unmarshal(l.Ticket, in); err != nil {
			t.Fatalf("line %d: %v", i+1, err)
		}
		if err := ticket.ValidateSubmission(in, time.Date(2026, 11, 24, 0, 0, 0, 0, time.UTC)); err != nil {
			t.Errorf("line %d: %v", i+1, err)
		}
		if c := in.GetCategory(); c != "" {
			if _, ok := regions.DefaultCatalogue().Resolve(c); !ok {
				t.Errorf("line %d: category %s is no service", i+1, c)
			}
		}
		if p := in.GetReporter().GetPhone(); p != "" && !strings.HasPrefix(p, "199") {
			t.Errorf("line %d: %s could be somebody's phone", i+1, p)
		}
		types[in.GetType()], regionsSeen[l.Region], plays[l.Play] = true, true, true
		unrouted = unrouted || in.GetDivision() == "440106"
		emergency = emergency || strings.HasPrefix(in.GetService(), "emergency.")
	}
	if !unrouted || !emergency {
		t.Errorf("unrouted %v, emergency %v, want one of each", unrouted, emergency)
	}
	if len(types) != 6 || len(regionsSeen) != 3 || !plays["return"] || !plays["reopen"] {
		t.Errorf("types %v, regions %v, plays %v", types, regionsSeen, plays)
	}
}

// ticketOf makes a ticket whose events have these hashes.
func ticketOf(id, origin, external string, state jieliv1.Ticket_State, hashes ...string) *jieliv1.Ticket {
	t := &jieliv1.Ticket{Id: id, Origin: origin, ExternalId: external, State: state}
	authors := []string{"a", "a", "b", "b", "a"}
	kinds := []jieliv1.Event_Kind{jieliv1.Event_RECEIVED, jieliv1.Event_OFFERED, jieliv1.Event_ACCEPTED, jieliv1.Event_ANSWERED, jieliv1.Event_CLOSED}
	for i, h := range hashes {
		t.Events = append(t.Events, &jieliv1.EventRecord{Number: uint32(i + 1), Kind: kinds[i], Hash: h, Author: authors[i]})
	}
	if len(hashes) > 1 {
		t.Hops = []*jieliv1.Hop{{Region: "b", Event: 2}}
	}
	return t
}

func TestCountsComeFromTickets(t *testing.T) {
	whole := ticketOf("1", "a", "x1", jieliv1.Ticket_CLOSED, "h1", "h2", "h3", "h4", "h5")
	there := ticketOf("1", "a", "x1", jieliv1.Ticket_ANSWERED, "h1", "h2", "h3", "h4")
	for name, tc := range map[string]struct {
		b     book
		taken []string
		want  Summary
	}{
		"handed off and closed": {
			book{"a": {"1": whole}, "b": {"1": there}},
			[]string{"1"},
			Summary{HandedOff: 1, Delivered: 1, Accepted: 1, Answered: 1, Closed: 1},
		},
		"never arrived": {
			book{"a": {"1": whole}, "b": {}},
			[]string{"1"},
			Summary{HandedOff: 1, Accepted: 1, Answered: 1, Closed: 1, Lost: 1},
		},
		"gone at its origin": {book{"a": {}, "b": {"1": there}}, []string{"1"}, Summary{Lost: 1}},
		"told differently": {
			book{"a": {"1": whole}, "b": {"1": ticketOf("1", "a", "x1", jieliv1.Ticket_ACCEPTED, "h1", "h2", "other")}},
			[]string{"1"},
			Summary{HandedOff: 1, Delivered: 1, Accepted: 1, Answered: 1, Closed: 1, Divergent: 1},
		},
		"one number twice": {
			book{"a": {"1": ticketOf("1", "a", "x", jieliv1.Ticket_ACCEPTED, "h1"), "2": ticketOf("2", "a", "x", jieliv1.Ticket_ACCEPTED, "g1")}},
			[]string{"1", "2"},
			Summary{Local: 2, Duplicated: 1},
		},
		"another offer arrived": {
			book{"a": {"1": whole}, "b": {"1": ticketOf("1", "a", "x1", jieliv1.Ticket_OFFERED, "h1", "other")}},
			[]string{"1"},
			Summary{HandedOff: 1, Accepted: 1, Answered: 1, Closed: 1, Lost: 1, Divergent: 1},
		},
		"forgot what it wrote": {
			book{"a": {"1": whole}, "b": {"1": ticketOf("1", "a", "x1", jieliv1.Ticket_OFFERED, "h1", "h2")}},
			[]string{"1"},
			Summary{HandedOff: 1, Delivered: 1, Accepted: 1, Answered: 1, Closed: 1, Divergent: 1},
		},
		"another ticket under the same id": {
			book{"a": {"1": ticketOf("1", "a", "x1", jieliv1.Ticket_ACCEPTED, "h1")}, "b": {"1": ticketOf("1", "a", "x1", jieliv1.Ticket_ACCEPTED, "g1")}},
			[]string{"1"},
			Summary{Local: 1, Duplicated: 1},
		},
		"one number under a second id elsewhere": {
			book{"a": {"1": whole}, "b": {"1": there, "2": ticketOf("2", "a", "x1", jieliv1.Ticket_ACCEPTED, "g1")}},
			[]string{"1"},
			Summary{HandedOff: 1, Delivered: 1, Accepted: 1, Answered: 1, Closed: 1, Duplicated: 1},
		},
		"of an earlier play": {book{"a": {"1": whole}, "b": {"1": there}}, nil, Summary{}},
		"unrouted":           {book{"a": {"1": ticketOf("1", "a", "x", jieliv1.Ticket_UNROUTED, "h1")}}, []string{"1"}, Summary{Unrouted: 1}},
	} {
		t.Run(name, func(t *testing.T) {
			taken := map[string]bool{}
			for _, id := range tc.taken {
				taken[id] = true
			}
			if got := tc.b.count(taken); *got != tc.want {
				t.Errorf("got  %+v\nwant %+v", *got, tc.want)
			}
		})
	}
}
