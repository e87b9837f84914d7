package gateway

import (
	"context"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/jieli-gateway/jieli/gateway/link"
	jieliv1 "github.com/jieli-gateway/jieli/proto/jieli/v1"
)

const (
	// viewTime bounds asking all others what they see; viewsAtOnce how many are asked at a time.
	viewTime    = 3 * time.Second
	viewsAtOnce = 64
	// viewFresh is how long an answer serves whoever asks next, so that many who watch cost the peers no more than one.
	viewFresh = time.Second
)

// views asks other regions' nodes what they see of their links. It implements api.Views.
type views struct {
	self     string // region
	registry memberNodes
	dial     link.Dialer

	asking chan struct{} // holds one while asking: one round at a time, and for whoever waits
	taken  time.Time
	last   []*jieliv1.View
}

func newViews(self string, registry memberNodes, dial link.Dialer) *views {
	return &views{self: self, registry: registry, dial: dial, asking: make(chan struct{}, 1)}
}

// memberNodes lists regions and the nodes of each that run tickets. linkRegistry implements it.
type memberNodes interface {
	Members() []link.Member
	TicketNodes(region string) []*jieliv1.Node
}

// Views asks every node of other regions that runs tickets, at once, for at most viewTime; in order of region and name.
// Who would not wait for an earlier round gets none.
func (v *views) Views(ctx context.Context) []*jieliv1.View {
	select {
	case v.asking <- struct{}{}:
		defer func() { <-v.asking }()
	case <-ctx.Done():
		return nil
	}
	if time.Since(v.taken) < viewFresh {
		return v.last
	}
	// The round goes on when its caller gives up: the answers are for whoever asks next, too. Otherwise those who give up
	// soon, again and again, would cost the peers a round each, and leave behind a view of everybody being away.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), viewTime)
	defer cancel()
	nodes := v.others()
	seen := make([]*jieliv1.View, len(nodes))
	var round errgroup.Group
	round.SetLimit(viewsAtOnce)
	for i, n := range nodes {
		round.Go(func() error {
			seen[i] = v.ask(ctx, n)
			return nil
		})
	}
	_ = round.Wait() // what failed stands in the view
	v.taken, v.last = time.Now(), seen
	return seen
}

// others are the nodes to ask.
func (v *views) others() []*jieliv1.Node {
	var nodes []*jieliv1.Node
	for _, m := range v.registry.Members() {
		if m.Region != v.self && (m.State == jieliv1.Region_ACTIVE || m.State == jieliv1.Region_SUSPENDED) {
			nodes = append(nodes, v.registry.TicketNodes(m.Region)...)
		}
	}
	slices.SortStableFunc(nodes, func(a, b *jieliv1.Node) int { return strings.Compare(a.GetRegion(), b.GetRegion()) })
	return nodes
}

// ask asks one node.
func (v *views) ask(ctx context.Context, n *jieliv1.Node) *jieliv1.View {
	view := &jieliv1.View{Region: n.GetRegion(), Node: n.GetName()}
	conn, err := v.dial(ctx, n.GetRegion(), n.GetAddress())
	if err != nil {
		view.Reason, view.Message = link.Reason(err), link.Clip(err.Error())
		return view
	}
	defer func() { _ = conn.Close() }() // it was used for one question only
	res, err := jieliv1.NewLinkServiceClient(conn).View(ctx, &jieliv1.ViewRequest{}, grpc.MaxCallRecvMsgSize(link.MaxAnswerBytes))
	if err != nil {
		view.Reason, view.Message = unanswered(err)
		return view
	}
	view.Answered, view.Links = true, link.Seen(res)
	return view
}

// unanswered is why a node that was reached did not answer a question.
func unanswered(err error) (reason, message string) {
	message = link.Clip(status.Convert(err).Message())
	switch code := status.Code(err); {
	case code == codes.Unimplemented:
		return link.ReasonVersion, "its binary is too old to be asked"
	case code == codes.Unavailable && strings.HasPrefix(message, link.ReasonNotReady):
		return link.ReasonNotReady, message
	case code == codes.ResourceExhausted:
		return link.ReasonTooLarge, message
	}
	return link.Reason(err), message
}
