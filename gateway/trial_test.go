package gateway

import (
	"context"
	"crypto/sha256"
	"fmt"
	"strings"
	"testing"

	"github.com/jieli-gateway/jieli/gateway/fault"
	"github.com/jieli-gateway/jieli/gateway/link"
	jieliv1 "github.com/jieli-gateway/jieli/proto/jieli/v1"
)

// table is a fake registry: hashes follow from revisions, and it keeps those above 10.
type table struct {
	link.Registry
	revision uint64
	states   map[string]jieliv1.Region_State
	nodes    []*jieliv1.Node
}

func hashOf(revision uint64) [32]byte { return sha256.Sum256(fmt.Append(nil, revision)) }

func (r table) Standing() link.Standing {
	return link.Standing{ClusterID: "c", Revision: r.revision, StateHash: hashOf(r.revision)}
}

func (r table) HashAt(revision uint64) ([32]byte, bool) { return hashOf(revision), revision > 10 }

func (r table) Member(region string) (link.Member, bool) {
	state, ok := r.states[region]
	return link.Member{Region: region, State: state, DutyPhone: "12345"}, ok
}

func (r table) TicketNodes(string) []*jieliv1.Node { return r.nodes }

func TestRegistriesAreCompared(t *testing.T) {
	at := func(revision uint64) []byte { h := hashOf(revision); return h[:] }
	for name, c := range map[string]struct {
		answer      *jieliv1.ProbeResponse
		self, peer  jieliv1.Region_State
		reason, say string
	}{
		"the same":         {answer: &jieliv1.ProbeResponse{Revision: 20, StateHash: at(20)}, say: "the same table"},
		"differ":           {answer: &jieliv1.ProbeResponse{Revision: 20, StateHash: at(7)}, reason: "REGISTRY_DIFFERS", say: "revision 20"},
		"they are behind":  {answer: &jieliv1.ProbeResponse{Revision: 15, StateHash: at(15)}, say: "at revision 15, this node at 20; the same"},
		"behind, differ":   {answer: &jieliv1.ProbeResponse{Revision: 15, StateHash: at(7)}, reason: "REGISTRY_DIFFERS", say: "revision 15"},
		"we are behind":    {answer: &jieliv1.ProbeResponse{Revision: 25, StateHash: at(25), StateHashAtYours: at(20)}, say: "at revision 25, this node at 20; the same"},
		"ahead, differ":    {answer: &jieliv1.ProbeResponse{Revision: 25, StateHash: at(25), StateHashAtYours: at(7)}, reason: "REGISTRY_DIFFERS", say: "revision 20"},
		"too far apart":    {answer: &jieliv1.ProbeResponse{Revision: 5, StateHash: at(5)}, say: "too far apart"},
		"no hash":          {answer: &jieliv1.ProbeResponse{Revision: 20}, reason: "REGISTRY_DIFFERS"},
		"peer suspended":   {answer: &jieliv1.ProbeResponse{Revision: 20, StateHash: at(20)}, peer: jieliv1.Region_SUSPENDED, reason: "SUSPENDED", say: "(peer)"},
		"we are suspended": {answer: &jieliv1.ProbeResponse{Revision: 20, StateHash: at(20)}, self: jieliv1.Region_SUSPENDED, reason: "SUSPENDED", say: "(me)"},
		"they say we are":  {answer: &jieliv1.ProbeResponse{Revision: 20, StateHash: at(20), YourState: "SUSPENDED"}, reason: "SUSPENDED", say: "(me)"},
	} {
		t.Run(name, func(t *testing.T) {
			registry := table{revision: 20, states: map[string]jieliv1.Region_State{"me": c.self, "peer": c.peer}}
			r := &trial{linkTester: &linkTester{self: "me", registry: registry}, member: link.Member{Region: "peer", State: c.peer}, answer: c.answer}
			o := r.compare(t.Context())
			s := o.step("registry", 0)
			if o.reason != c.reason || !strings.Contains(s.GetMessage(), c.say) || s.GetMessageZh() == "" || s.GetMessageZh() == s.GetMessage() {
				t.Errorf("got %v; want %q, %q", s, c.reason, c.say)
			}
		})
	}
}

// The first failed step is the last one tried; a region without a node that runs tickets is told of as such.
func TestStepsAfterAFailureAreSkipped(t *testing.T) {
	registry := table{states: map[string]jieliv1.Region_State{"me": jieliv1.Region_ACTIVE, "peer": jieliv1.Region_ACTIVE}}
	tester := newLinkTester("me", nil, nil, registry, nil, nil)
	for name, c := range map[string]struct {
		nodes []*jieliv1.Node
		want  string
	}{
		"no node":        {nil, "name FAILED NO_ADDRESS, tcp SKIPPED, tls SKIPPED, identity SKIPPED, hello SKIPPED, registry SKIPPED"},
		"no port":        {[]*jieliv1.Node{{Address: "somewhere"}}, "name FAILED NO_ADDRESS, tcp SKIPPED, tls SKIPPED, identity SKIPPED, hello SKIPPED, registry SKIPPED"},
		"nobody listens": {[]*jieliv1.Node{{Address: "127.0.0.1:1"}}, "name OK, tcp FAILED REFUSED, tls SKIPPED, identity SKIPPED, hello SKIPPED, registry SKIPPED"},
	} {
		t.Run(name, func(t *testing.T) {
			registry.nodes = c.nodes
			tester.registry = registry
			res, err := tester.TestLink(t.Context(), "peer")
			if err != nil || res.GetOk() || res.GetDutyPhone() != "12345" || len(res.GetNodes()) != 1 {
				t.Fatalf("%v, %v", res, err)
			}
			var got []string
			for _, s := range res.GetNodes()[0].GetSteps() {
				got = append(got, strings.TrimSpace(s.GetName()+" "+s.GetResult().String()+" "+s.GetReason()))
			}
			if s := strings.Join(got, ", "); s != c.want {
				t.Errorf("got %q, want %q", s, c.want)
			}
		})
	}
}

func TestLinkTestsAreRefused(t *testing.T) {
	registry := table{states: map[string]jieliv1.Region_State{"me": jieliv1.Region_ACTIVE, "peer": jieliv1.Region_ACTIVE}}
	tester := newLinkTester("me", nil, nil, registry, nil, nil)
	for range testsAtOnce {
		tester.slots <- struct{}{}
	}
	for region, want := range map[string]string{"me": "OWN_REGION", "nowhere": "REGION_NOT_FOUND", "peer": "TOO_MANY_TESTS"} {
		if _, err := tester.TestLink(context.Background(), region); fault.ReasonOf(err) != want {
			t.Errorf("%s: %v, want %s", region, err, want)
		}
	}
}
