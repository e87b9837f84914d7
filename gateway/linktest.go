package gateway

import (
	"context"
	"crypto/x509"
	"sync"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/jieli-gateway/jieli/federation/trust"
	"github.com/jieli-gateway/jieli/gateway/fault"
	"github.com/jieli-gateway/jieli/gateway/link"
	jieliv1 "github.com/jieli-gateway/jieli/proto/jieli/v1"
)

// The longest each step of a test may take; all of them together stay below the 10 s a call has.
const (
	nameTime     = 2 * time.Second
	tcpTime      = 2500 * time.Millisecond
	tlsTime      = 2 * time.Second
	identityTime = 1500 * time.Millisecond
	helloTime    = 1500 * time.Millisecond
	// testsAtOnce bounds the tests under way.
	testsAtOnce = 4
)

// linkTester tries to reach the nodes of a region as links do: with this node's certificate, and the registry's word on
// who may answer. It opens a connection of its own and no stream, so a live link goes on. It implements api.LinkTester.
type linkTester struct {
	self     string // region
	peers    *trust.Peers
	own      func() *x509.Certificate
	registry testedRegistry
	links    func() []*jieliv1.LinkStatus
	now      func() time.Time
	slots    chan struct{}
}

// testedRegistry is what a test asks of the registry. linkRegistry implements it.
type testedRegistry interface {
	link.Registry
	TicketNodes(region string) []*jieliv1.Node
}

// newLinkTester makes a tester; own gives this node's certificate, links how its links are.
func newLinkTester(self string, peers *trust.Peers, own func() *x509.Certificate, registry testedRegistry, links func() []*jieliv1.LinkStatus, now func() time.Time) *linkTester {
	return &linkTester{
		self: self, peers: peers, own: own, registry: registry, links: links, now: now,
		slots: make(chan struct{}, testsAtOnce),
	}
}

// TestLink tries each of the region's nodes that run tickets, side by side.
func (t *linkTester) TestLink(ctx context.Context, region string) (*jieliv1.TestLinkResponse, error) {
	member, known := t.registry.Member(region)
	switch {
	case !known:
		return nil, fault.New(fault.NotFound, "REGION_NOT_FOUND", "the registry knows no region %s; see `jieli region list`", region)
	case region == t.self:
		return nil, fault.New(fault.Invalid, "OWN_REGION", "%s is this node's own region; name another one", region)
	}
	select {
	case t.slots <- struct{}{}:
		defer func() { <-t.slots }()
	default:
		return nil, fault.New(fault.Exhausted, "TOO_MANY_TESTS", "%d tests run already; try again in a moment", testsAtOnce)
	}
	res := &jieliv1.TestLinkResponse{Region: region, DutyPhone: member.DutyPhone, Ok: true}
	nodes := t.registry.TicketNodes(region)
	if len(nodes) == 0 {
		nodes = []*jieliv1.Node{{Region: region}}
	}
	res.Nodes = make([]*jieliv1.NodeTest, len(nodes))
	var trying sync.WaitGroup
	for i, n := range nodes {
		trying.Go(func() { res.Nodes[i] = t.try(ctx, member, n) })
	}
	trying.Wait()
	for _, n := range res.GetNodes() {
		for _, step := range n.GetSteps() {
			res.Ok = res.GetOk() && step.GetResult() == jieliv1.TestStep_OK
		}
	}
	return res, nil
}

// try takes one node through all steps, up to the first that fails.
func (t *linkTester) try(ctx context.Context, member link.Member, n *jieliv1.Node) *jieliv1.NodeTest {
	r := &trial{linkTester: t, member: member, node: n}
	defer r.close()
	out := &jieliv1.NodeTest{Node: n.GetName(), Address: n.GetAddress()}
	failed := false
	for _, step := range []struct {
		name  string
		limit time.Duration
		do    func(context.Context) outcome
	}{
		{"name", nameTime, r.name},
		{"tcp", tcpTime, r.tcp},
		{"tls", tlsTime, r.tls},
		{"identity", identityTime, r.identity},
		{"hello", helloTime, r.hello},
		{"registry", identityTime, r.compare},
	} {
		if failed {
			out.Steps = append(out.Steps, &jieliv1.TestStep{Name: step.name, Result: jieliv1.TestStep_SKIPPED})
			continue
		}
		begun := time.Now()
		stepCtx, cancel := context.WithTimeout(ctx, step.limit)
		found := step.do(stepCtx)
		cancel()
		out.Steps = append(out.Steps, found.step(step.name, time.Since(begun)))
		failed = found.reason != ""
	}
	return out
}

// outcome is what a step found; it went well when there is no reason.
type outcome struct {
	reason  string
	en, zh  string
	details string // in the words of whoever noticed, added to both
}

func (o outcome) step(name string, took time.Duration) *jieliv1.TestStep {
	s := &jieliv1.TestStep{Name: name, Result: jieliv1.TestStep_OK, Took: durationpb.New(took), Message: o.en, MessageZh: o.zh}
	if o.reason != "" {
		words := link.WordsOf(o.reason)
		s.Result, s.Reason, s.Advice, s.AdviceZh = jieliv1.TestStep_FAILED, o.reason, words.Do, words.DoZh
		if s.GetMessage() == "" {
			s.Message, s.MessageZh = words.Means, words.MeansZh
		}
	}
	if o.details != "" {
		s.Message += " (" + o.details + ")"
		s.MessageZh += "（" + o.details + "）"
	}
	return s
}

// failure is the outcome of a step that an error ended.
func failure(err error) outcome {
	return outcome{reason: link.Reason(err), details: link.Clip(err.Error())}
}
