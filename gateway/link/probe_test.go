package link

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unicode"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	jieliv1 "github.com/jieli-gateway/jieli/proto/jieli/v1"
)

// askAs lets n be asked by a region, without a network.
func askAs(n *node, region string) context.Context {
	n.peerOf = func(context.Context) (string, bool) { return region, region != "" }
	return context.Background()
}

func TestProbe(t *testing.T) {
	there := func(r *testRegistry) *jieliv1.ProbeRequest { return ProbeHere(&testView{all: r}) }
	cases := map[string]struct {
		change func(*world)
		ask    func(*jieliv1.ProbeRequest)
		judge  func(*jieliv1.ProbeResponse) // changes the answer before it is judged
		// refusal is what the answer says, reason what the asking side makes of it.
		refusal, reason string
	}{
		"all is well":      {},
		"other federation": {ask: func(q *jieliv1.ProbeRequest) { q.ClusterId = "other" }, refusal: ReasonWrongCluster, reason: ReasonWrongCluster},
		"older version":    {ask: func(q *jieliv1.ProbeRequest) { q.VersionMax = 0 }, refusal: ReasonVersion, reason: ReasonVersion},
		"floor of policy":  {change: func(w *world) { w.registry.change(func(r *testRegistry) { r.floor = 2 }) }, refusal: ReasonVersion, reason: ReasonVersion},
		"suspended": {change: func(w *world) {
			w.registry.change(func(r *testRegistry) {
				r.members[alpha] = Member{Region: alpha, State: jieliv1.Region_SUSPENDED, Address: "x:1"}
			})
		}},
		"pending": {change: func(w *world) {
			w.registry.change(func(r *testRegistry) {
				r.members[alpha] = Member{Region: alpha, State: jieliv1.Region_PENDING, Address: "x:1"}
			})
		}, refusal: ReasonPending, reason: ReasonPending},
		"a word nobody knows": {judge: func(p *jieliv1.ProbeResponse) { p.Refusal = "BECAUSE" }, reason: "OTHER"},
		"their store is old":  {judge: func(p *jieliv1.ProbeResponse) { p.Link = &jieliv1.SeenLink{Reason: ReasonSelfRestored} }, reason: ReasonPeerRestored},
		"our store is old":    {judge: func(p *jieliv1.ProbeResponse) { p.Link = &jieliv1.SeenLink{Reason: ReasonPeerRestored} }, reason: ReasonSelfRestored},
		"their cluster is other": {judge: func(p *jieliv1.ProbeResponse) {
			p.ClusterId, p.Refusal = "other", ReasonWrongCluster
		}, reason: ReasonWrongCluster},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(alpha, beta)
				w.start()
				defer w.stop()
				a, b := w.nodes[alpha], w.nodes[beta]
				eventually(t, time.Second, "the link is up", isUp(a, beta))
				if c.change != nil {
					c.change(w)
				}
				req := there(w.registry)
				if c.ask != nil {
					c.ask(req)
				}
				answer, err := b.links.Probe(askAs(b, alpha), req)
				if err != nil || answer.GetRefusal() != c.refusal || answer.GetRegion() != beta {
					t.Fatalf("answer %v, %v; want refusal %q", answer, err, c.refusal)
				}
				if c.judge != nil {
					c.judge(answer)
				}
				if reason, _ := Judge(a.registry, answer); reason != c.reason {
					t.Errorf("judged %q, want %q", reason, c.reason)
				}
			})
		})
	}
}

// A probe tells where the registries stand, and leaves the live stream alone.
func TestProbeComparesAndDisturbsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(alpha, beta)
		w.start()
		defer w.stop()
		a, b := w.nodes[alpha], w.nodes[beta]
		eventually(t, time.Second, "the link is up", isUp(a, beta))
		live := a.links.link(beta).current()
		w.registry.change(func(*testRegistry) {})
		req := ProbeHere(a.registry)
		req.Revision = 1
		b.links.SetNotTaking(NotTakingDisk)
		answer, err := b.links.Probe(askAs(b, alpha), req)
		if err != nil {
			t.Fatal(err)
		}
		at := a.registry.hash(1)
		if answer.GetRevision() != 2 || !bytes.Equal(answer.GetStateHashAtYours(), at[:]) || answer.GetNotTaking() != NotTakingDisk || answer.GetYourState() != "ACTIVE" {
			t.Errorf("answer: %v", answer)
		}
		if answer.GetLink().GetState() != StateUp || a.links.link(beta).current() != live {
			t.Errorf("the live stream was disturbed: %v", answer.GetLink())
		}
		if _, err := b.links.Probe(askAs(b, ""), req); status.Code(err) != codes.Unauthenticated {
			t.Errorf("a stranger's probe: %v", err)
		}
	})
}

func TestView(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(alpha, beta, gamma)
		w.nodes[alpha].start(nil)
		w.nodes[beta].start(nil)
		defer w.stop()
		a := w.nodes[alpha]
		eventually(t, time.Second, "the link is up and the other is not", func() bool {
			return isUp(a, beta)() && a.status(gamma).GetState() == StateDown
		})
		res, err := a.links.View(askAs(a, beta), &jieliv1.ViewRequest{})
		if err != nil || len(res.GetLinks()) != 2 {
			t.Fatalf("%v, %v", res, err)
		}
		up, down := res.GetLinks()[0], res.GetLinks()[1]
		if up.GetPeer() != beta || up.GetState() != StateUp || up.GetLastSuccess() == nil {
			t.Errorf("beta: %v", up)
		}
		if down.GetPeer() != gamma || down.GetState() != StateDown || down.GetReason() == "" || down.GetSince() == nil {
			t.Errorf("gamma: %v", down)
		}
		if _, err := a.links.View(askAs(a, ""), &jieliv1.ViewRequest{}); status.Code(err) != codes.Unauthenticated {
			t.Errorf("a stranger was told: %v", err)
		}
	})
}

// Whatever a peer answers, what is shown of it is bounded and does not steer a terminal.
func FuzzPeersAnswers(f *testing.F) {
	for _, m := range []proto.Message{
		&jieliv1.ViewResponse{Links: []*jieliv1.SeenLink{{Peer: beta, State: "UP\x1b[2J", Reason: "x"}}},
		&jieliv1.ViewResponse{Links: []*jieliv1.SeenLink{{Peer: beta, State: "UP", Since: &timestamppb.Timestamp{Seconds: 1 << 60}}}},
		&jieliv1.ProbeResponse{Region: beta, ClusterId: testCluster, VersionMin: 1, VersionMax: 1, Refusal: "DRAINING", Link: &jieliv1.SeenLink{Reason: "SELF_RESTORED"}},
	} {
		b, err := proto.Marshal(m)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	registry := &testView{all: newTestRegistry(alpha, beta)}
	f.Fuzz(func(t *testing.T, b []byte) {
		check := func(words string) {
			if len([]rune(words)) > 1000 || strings.ContainsFunc(words, unicode.IsControl) {
				t.Errorf("shown: %q", words)
			}
		}
		if view := new(jieliv1.ViewResponse); proto.Unmarshal(b, view) == nil {
			for _, l := range Seen(view) {
				check(l.GetPeer() + l.GetState() + l.GetReason())
				if _, err := protojson.Marshal(l); err != nil {
					t.Error(err)
				}
			}
		}
		if answer := new(jieliv1.ProbeResponse); proto.Unmarshal(b, answer) == nil {
			reason, message := Judge(registry, answer)
			check(reason + message)
		}
	})
}

// Every reason a link can show has words in both languages.
func TestReasonsHaveWords(t *testing.T) {
	for _, reason := range []string{
		ReasonDNS, ReasonRefused, ReasonTimeout, ReasonUnreachable, ReasonCertificate, ReasonNoAddress, ReasonNotANode, ReasonBroken,
		ReasonNotMember, ReasonPending, ReasonSuspended, ReasonRetired, ReasonRevoked, ReasonWrongCluster, ReasonVersion,
		ReasonPeerRestored, ReasonSelfRestored, ReasonBehind, ReasonDiverged, ReasonPeerDisk, ReasonDraining, ReasonReplaced,
		ReasonProtocol, ReasonTooLarge, ReasonTooManyStopped, ReasonStore, ReasonNotReady,
	} {
		w := WordsOf(reason)
		if w.Means == "" || w.MeansZh == "" || w.Do == "" || w.DoZh == "" {
			t.Errorf("%s: %+v", reason, w)
		}
	}
	if w := WordsOf("OTHER"); w != (Words{}) {
		t.Errorf("words for a reason nobody knows: %+v", w)
	}
}
