package federation

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"github.com/jieli-gateway/jieli/federation/trust"
)

// Which nodes vote. Never two in one region: a region that loses its power or its line must not take more than one
// vote with it. One voter until three regions may have one, then three, then five; more only make writes slower. Nodes
// are never removed for being away: that would prune a region that is merely cut off.

// Candidate is what the leader knows of a registered node.
type Candidate struct {
	Node trust.NodeID
	// Eligible: the node may vote. Its region is active and it carries the registry.
	Eligible bool
	// Member: the node may follow. Its region is active or suspended and it carries the registry.
	Member bool
	// Reachable: it answered the last time it was asked.
	Reachable bool
	// Ready: reachable, it has nearly all entries, and it knows the level.
	Ready bool
}

// Server is a node of the Raft configuration.
type Server struct {
	Node  trust.NodeID
	Voter bool
}

// ChangeKind is one step from a Raft configuration to the next.
type ChangeKind string

// Steps.
const (
	AddFollower ChangeKind = "ADD_FOLLOWER" // begin to send it the registry
	Promote     ChangeKind = "PROMOTE"      // let it vote
	Transfer    ChangeKind = "TRANSFER"     // make it the leader
	Demote      ChangeKind = "DEMOTE"       // it follows, but votes no longer
	Remove      ChangeKind = "REMOVE"       // it is no longer sent the registry
)

// Change is one step of a plan.
type Change struct {
	Kind ChangeKind
	Node trust.NodeID
}

func (c Change) changesVotes() bool {
	return c.Kind == Promote || c.Kind == Demote || c.Kind == Transfer
}

// String says the step in words for logs.
func (c Change) String() string { return fmt.Sprintf("%s %s", c.Kind, c.Node) }

// Plan gives the steps, in order, that bring the Raft configuration to where it should be. The same input gives the
// same plan, and a configuration that is right gives none. A step that would leave the voters without a reachable
// majority is not in it, nor is what comes after. The leader makes the plan and counts as ready.
func Plan(leader trust.NodeID, servers []Server, candidates []Candidate) []Change {
	p := newPlanner(leader, servers, candidates)
	p.addFollowers()
	target := p.chooseVoters()
	for before := -1; before != len(p.changes) && !p.left; {
		before = len(p.changes)
		p.promote(target)
		p.transfer(target)
		p.demote(target) // which may let another be promoted
	}
	p.remove()
	return p.changes
}

type planner struct {
	leader     trust.NodeID
	candidates map[trust.NodeID]Candidate
	servers    map[trust.NodeID]bool // with whether it votes
	changes    []Change
	left       bool // leadership has been given away: the new leader does the rest
}

func newPlanner(leader trust.NodeID, servers []Server, candidates []Candidate) *planner {
	p := &planner{leader: leader, candidates: map[trust.NodeID]Candidate{}, servers: map[trust.NodeID]bool{}}
	for _, candidate := range candidates {
		if candidate.Node == leader {
			candidate.Reachable, candidate.Ready = true, true
		}
		p.candidates[candidate.Node] = candidate
	}
	for _, server := range servers {
		p.servers[server.Node] = server.Voter
	}
	return p
}

// addFollowers takes in registered nodes that have come up.
func (p *planner) addFollowers() {
	for _, id := range sortedNodes(p.candidates) {
		candidate := p.candidates[id]
		if _, known := p.servers[id]; !known && candidate.Member && candidate.Reachable {
			p.step(AddFollower, id)
		}
	}
}

// chooseVoters picks the voters there should be: at most one in a region.
func (p *planner) chooseVoters() map[trust.NodeID]bool {
	best := map[string]trust.NodeID{} // of each region that may have a voter
	for _, id := range sortedNodes(p.candidates) {
		if !p.candidates[id].Eligible {
			continue
		}
		if current, ok := best[id.Region]; !ok || p.rank(id) < p.rank(current) {
			best[id.Region] = id
		}
	}
	wanted := voterCount(len(best))
	ranked := slices.SortedFunc(maps.Values(best), func(a, b trust.NodeID) int {
		return cmp.Or(cmp.Compare(p.rank(a), p.rank(b)), compareNodes(a, b))
	})
	target := map[trust.NodeID]bool{}
	present := 0 // target voters that vote already
	for _, id := range ranked {
		if len(target) == wanted || p.rank(id) == rankUnusable {
			break
		}
		target[id] = true
		if p.servers[id] {
			present++
		}
	}
	// An even number of voters tolerates no more failures than one fewer: do not grow to one.
	if len(target)%2 == 0 && len(target) > present {
		for _, id := range slices.Backward(ranked[:len(target)]) {
			if !p.servers[id] {
				delete(target, id)
				break
			}
		}
	}
	return target
}

// voterCount is how many voters a federation has whose given number of regions may have one.
func voterCount(regions int) int {
	switch {
	case regions >= 5:
		return 5
	case regions >= 3:
		return 3
	}
	return 1
}

// Ranks, the best first: whoever votes stays, so that nothing moves without a reason.
const (
	rankLeader = iota
	rankVoter
	rankVoterAway
	rankReady
	rankUnusable
)

func (p *planner) rank(id trust.NodeID) int {
	candidate := p.candidates[id]
	switch votes := p.servers[id]; {
	case votes && id == p.leader:
		return rankLeader
	case votes && candidate.Reachable:
		return rankVoter
	case votes:
		return rankVoterAway
	case candidate.Ready:
		return rankReady
	}
	return rankUnusable
}

// promote lets target nodes vote. A region's old voter goes first, for there are never two; only where the leader hands
// over to the one other node that may vote are there two for a moment.
func (p *planner) promote(target map[trust.NodeID]bool) {
	for _, id := range sortedNodes(target) {
		if p.servers[id] {
			continue
		}
		old, found := p.voterIn(id.Region)
		switch {
		case !found:
		case old == p.leader && len(target) == 1:
		case old == p.leader || !p.try(Demote, old):
			continue
		}
		p.try(Promote, id)
	}
}

func (p *planner) voterIn(region string) (trust.NodeID, bool) {
	for _, id := range sortedNodes(p.servers) {
		if p.servers[id] && id.Region == region {
			return id, true
		}
	}
	return trust.NodeID{}, false
}

// transfer gives leadership away if the leader should not vote.
func (p *planner) transfer(target map[trust.NodeID]bool) {
	if target[p.leader] || len(target) == 0 {
		return
	}
	for _, id := range sortedNodes(target) {
		if p.servers[id] && p.candidates[id].Reachable {
			p.changes = append(p.changes, Change{Transfer, id})
			p.left = true
			return
		}
	}
}

// demote takes the vote from whoever should not have it; those that are away first, since each of them makes a
// majority harder to reach.
func (p *planner) demote(target map[trust.NodeID]bool) {
	if p.left || len(target) == 0 {
		return
	}
	surplus := make([]trust.NodeID, 0, len(p.servers))
	for _, id := range sortedNodes(p.servers) {
		if p.servers[id] && !target[id] && id != p.leader {
			surplus = append(surplus, id)
		}
	}
	slices.SortStableFunc(surplus, func(a, b trust.NodeID) int {
		return cmp.Compare(p.rank(b), p.rank(a))
	})
	for _, id := range surplus {
		p.try(Demote, id)
	}
}

// remove drops nodes that are no longer registered to carry the registry.
func (p *planner) remove() {
	if p.left {
		return
	}
	for _, id := range sortedNodes(p.servers) {
		if !p.candidates[id].Member && !p.servers[id] && id != p.leader {
			p.step(Remove, id)
		}
	}
}

// try takes a step that changes who votes, if a majority of the voters after it can be reached.
func (p *planner) try(kind ChangeKind, id trust.NodeID) bool {
	if !p.hasQuorum() {
		return false // nothing can be committed now
	}
	before := p.servers[id]
	p.servers[id] = kind == Promote
	if !p.hasQuorum() {
		p.servers[id] = before
		return false
	}
	p.changes = append(p.changes, Change{kind, id})
	return true
}

func (p *planner) step(kind ChangeKind, id trust.NodeID) {
	if kind == Remove {
		delete(p.servers, id)
	} else {
		p.servers[id] = false
	}
	p.changes = append(p.changes, Change{kind, id})
}

func (p *planner) hasQuorum() bool {
	voters, reachable := 0, 0
	for id, votes := range p.servers {
		if !votes {
			continue
		}
		voters++
		if id == p.leader || p.candidates[id].Reachable {
			reachable++
		}
	}
	return voters > 0 && reachable >= voters/2+1
}

func compareNodes(a, b trust.NodeID) int {
	return cmp.Or(cmp.Compare(a.Region, b.Region), cmp.Compare(a.Node, b.Node))
}

func sortedNodes[V any](nodes map[trust.NodeID]V) []trust.NodeID {
	return slices.SortedFunc(maps.Keys(nodes), compareNodes)
}
