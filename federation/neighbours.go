package federation

import (
	"context"
	"sync"
	"time"

	"github.com/hashicorp/raft"

	"github.com/jieli-gateway/jieli/federation/trust"
	jieliv1 "github.com/jieli-gateway/jieli/proto/jieli/v1"
)

const (
	// maxQuestions bounds the nodes that are waited for at once.
	maxQuestions = 64
	// askAgain is how long the answers of all serve whoever asks next for a status, so that many who do cost the other
	// nodes no more than one.
	askAgain = time.Second
	// askTime bounds asking all of them for a status.
	askTime = 3 * time.Second
)

// readyLag is how many entries a follower may be behind and still be made a voter.
const readyLag = 1024

// neighbours is what this node knows of how the others are. The leader asks every node that carries the registry, to
// decide who votes and to compare state hashes; a node without a leader asks the voters, to say who is missing.
type neighbours struct {
	registry *Registry
	kicked   chan struct{}
	asking   sync.WaitGroup
	// turn holds one while all are asked for a status, and guards when that was last begun.
	turn  chan struct{}
	begun time.Time

	mu      sync.Mutex
	answers map[trust.NodeID]answer
	waiting map[trust.NodeID]bool // asked and not answered yet
}

// answer is what a node said the last time.
type answer struct {
	status    *jieliv1.NodeStatusResponse // nil: it did not answer
	at        time.Time                   // when that was known
	roundTrip time.Duration
}

func newNeighbours(r *Registry) *neighbours {
	return &neighbours{
		registry: r, kicked: make(chan struct{}, 1), turn: make(chan struct{}, 1),
		answers: map[trust.NodeID]answer{}, waiting: map[trust.NodeID]bool{},
	}
}

// run asks again and again until the context ends.
func (n *neighbours) run(ctx context.Context) {
	defer n.asking.Wait()
	ticker := time.NewTicker(n.registry.cfg.Profile.Poll)
	defer ticker.Stop()
	for {
		for _, id := range n.whom() {
			n.ask(ctx, id)
		}
		select {
		case <-ticker.C:
		case <-n.kicked:
		case <-ctx.Done():
			return
		}
	}
}

// kick has everybody asked now.
func (n *neighbours) kick() {
	select {
	case n.kicked <- struct{}{}:
	default:
	}
}

// whom lists the nodes this node needs to know about now.
func (n *neighbours) whom() []trust.NodeID {
	r := n.registry
	if r.raft.State() == raft.Leader {
		return others(r.cfg.Self, r.raftNodes())
	}
	if _, ok := r.leader(); ok {
		return nil
	}
	return others(r.cfg.Self, r.voters())
}

func others(self trust.NodeID, nodes []trust.NodeID) []trust.NodeID {
	rest := make([]trust.NodeID, 0, len(nodes))
	for _, id := range nodes {
		if id != self {
			rest = append(rest, id)
		}
	}
	return rest
}

// ask asks a node in the background, unless it has not answered the last question yet.
func (n *neighbours) ask(ctx context.Context, id trust.NodeID) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.waiting[id] {
		return
	}
	n.waiting[id] = true
	n.asking.Go(func() {
		n.learn(id, n.registry.askNode(ctx, id))
		n.mu.Lock()
		defer n.mu.Unlock()
		delete(n.waiting, id)
	})
}

// askForStatus asks nodes, unless that was done a moment ago, and tells since when an answer counts. It goes on when its
// caller gives up: that says nothing of the nodes, and the answers are for the leader and for whoever asks next, too.
func (n *neighbours) askForStatus(ctx context.Context, nodes []trust.NodeID) (since time.Time) {
	select {
	case n.turn <- struct{}{}:
		defer func() { <-n.turn }()
	case <-ctx.Done():
		return time.Now()
	}
	if time.Since(n.begun) < askAgain {
		return n.begun
	}
	begun := time.Now()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), askTime)
	defer cancel()
	n.askNow(ctx, nodes)
	n.begun = begun
	return begun
}

// askNow asks nodes and waits for what they say, for statusTimeout each. When ctx ends, those left are not asked.
func (n *neighbours) askNow(ctx context.Context, nodes []trust.NodeID) {
	var asking sync.WaitGroup
	slots := make(chan struct{}, maxQuestions)
	for _, id := range nodes {
		slots <- struct{}{}
		asking.Go(func() {
			defer func() { <-slots }()
			if ctx.Err() == nil {
				n.learn(id, n.registry.askNode(context.WithoutCancel(ctx), id)) // which has its own time
			}
		})
	}
	asking.Wait()
}

// learn remembers an answer, unless a newer one is known.
func (n *neighbours) learn(id trust.NodeID, now answer) {
	n.mu.Lock()
	before := n.answers[id]
	if before.at.Before(now.at) {
		n.answers[id] = now
	}
	n.mu.Unlock()
	if changedForPlan(before, now) {
		n.registry.membership.look()
	}
}

// changedForPlan reports whether an answer may lead to another plan of who votes.
func changedForPlan(before, now answer) bool {
	return now.status != nil && before.status.GetAppliedIndex() != now.status.GetAppliedIndex() ||
		(before.status == nil) != (now.status == nil)
}

// last gives what a node said the last time.
func (n *neighbours) last(id trust.NodeID) answer {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.answers[id]
}

// askNode asks a node how it is, and compares its registry with ours.
func (r *Registry) askNode(ctx context.Context, id trust.NodeID) answer {
	ctx, cancel := context.WithTimeout(ctx, statusTimeout)
	defer cancel()
	begin := time.Now()
	client, err := r.clients.to(id)
	if err != nil {
		return answer{at: begin}
	}
	status, err := client.NodeStatus(ctx, &jieliv1.NodeStatusRequest{ClusterId: r.View().ClusterID()})
	end := time.Now()
	if err != nil {
		return answer{at: end}
	}
	r.CompareHash(id, status.GetRevision(), status.GetStateHash())
	return answer{status: status, at: end, roundTrip: end.Sub(begin)}
}

// raftNodes lists the registered nodes that carry the registry.
func (r *Registry) raftNodes() []trust.NodeID {
	view := r.View()
	var nodes []trust.NodeID
	for _, region := range view.Regions() {
		for _, node := range view.Nodes(region.GetId()) {
			if node.GetRaft() && mayFollow(region) {
				nodes = append(nodes, trust.NodeID{Region: node.GetRegion(), Node: node.GetName()})
			}
		}
	}
	return nodes
}

func mayFollow(region *jieliv1.Region) bool {
	return region.GetState() == jieliv1.Region_ACTIVE || region.GetState() == jieliv1.Region_SUSPENDED
}
