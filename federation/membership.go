package federation

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/hashicorp/raft"

	"github.com/jieli-gateway/jieli/federation/registry"
	"github.com/jieli-gateway/jieli/federation/trust"
	jieliv1 "github.com/jieli-gateway/jieli/proto/jieli/v1"
)

// maxSteps bounds the steps made in one go; the next look makes the rest.
const maxSteps = 64

// membership is the leader's right to change who is in the Raft configuration: one at a time.
type membership struct {
	turn   chan struct{}
	glance chan struct{}

	mu      *sync.Mutex
	leaving map[trust.NodeID]int // nodes being put out of office, and by how many commands
}

func newMembership() membership {
	return membership{
		turn: make(chan struct{}, 1), glance: make(chan struct{}, 1), mu: new(sync.Mutex), leaving: map[trust.NodeID]int{},
	}
}

func (m *membership) lock(ctx context.Context) error {
	select {
	case m.turn <- struct{}{}:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("wait for another change of who votes: %w", ctx.Err())
	}
}

func (m *membership) unlock() { <-m.turn }

// leave marks nodes as being put out of office; the function it gives takes the mark away.
func (m *membership) leave(nodes []trust.NodeID) (done func()) {
	m.mark(nodes, 1)
	return func() {
		m.mark(nodes, -1)
		m.look()
	}
}

func (m *membership) mark(nodes []trust.NodeID, by int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, id := range nodes {
		if m.leaving[id] += by; m.leaving[id] == 0 {
			delete(m.leaving, id)
		}
	}
}

func (m *membership) leaves(id trust.NodeID) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.leaving[id] > 0
}

// look has the leader think again about who votes.
func (m *membership) look() {
	select {
	case m.glance <- struct{}{}:
	default:
	}
}

// keepMembership brings the Raft configuration to what the registry says, for as long as this node leads.
func (r *Registry) keepMembership(ctx context.Context) {
	ticker := time.NewTicker(r.cfg.Profile.Poll)
	defer ticker.Stop()
	for {
		changed := r.machine.Changed()
		if err := r.reconcile(ctx); err != nil && ctx.Err() == nil {
			r.log.Warn("who votes could not be changed; it is tried again", slog.Any("error", err))
		}
		select {
		case <-changed:
		case <-r.membership.glance:
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
	}
}

func (r *Registry) reconcile(ctx context.Context) error {
	if r.fsm.halted() != "" {
		return r.resign(ctx)
	}
	if err := r.membership.lock(ctx); err != nil {
		return err
	}
	defer r.membership.unlock()
	_, err := r.carryOut(ctx)
	return err
}

// carryOut makes the plan's steps one by one, planning anew for each. It reports whether leadership was given away.
// The caller has the turn.
func (r *Registry) carryOut(ctx context.Context) (gone bool, err error) {
	for range maxSteps {
		servers, index := r.servers()
		steps := Plan(r.cfg.Self, servers, r.candidates())
		if len(steps) > 0 && steps[0].changesVotes() {
			// A vote given to a node that has just gone away could cost the quorum: ask before each such step.
			r.neighbours.askNow(ctx, others(r.cfg.Self, r.raftNodes()))
			steps = Plan(r.cfg.Self, servers, r.candidates())
		}
		if len(steps) == 0 {
			return false, nil
		}
		step := steps[0]
		if err := r.change(ctx, step, index); err != nil {
			return false, fmt.Errorf("%s: %w", step, err)
		}
		r.log.Info("raft configuration changed", slog.String("step", string(step.Kind)), slog.String("node", step.Node.String()))
		if step.Kind == Transfer {
			return true, nil
		}
	}
	return false, nil
}

// change makes one step, provided the configuration is still the one it was planned for.
func (r *Registry) change(ctx context.Context, step Change, index uint64) error {
	ctx, cancel := context.WithTimeout(ctx, r.cfg.WriteTimeout)
	defer cancel()
	id, address := serverID(step.Node), serverAddress(step.Node)
	_, err := r.futures.await(ctx, func(timeout time.Duration) raft.Future {
		switch step.Kind {
		case AddFollower:
			return r.raft.AddNonvoter(id, address, index, timeout)
		case Promote:
			return r.raft.AddVoter(id, address, index, timeout)
		case Demote:
			return r.raft.DemoteVoter(id, index, timeout)
		case Remove:
			return r.raft.RemoveServer(id, index, timeout)
		default:
			return r.raft.LeadershipTransferToServer(id, address)
		}
	})
	return err
}

// resign gives leadership away without a wish to whom.
func (r *Registry) resign(ctx context.Context) error {
	if len(r.voters()) < 2 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, r.cfg.WriteTimeout)
	defer cancel()
	_, err := r.futures.await(ctx, func(time.Duration) raft.Future { return r.raft.LeadershipTransfer() })
	return err
}

// candidates is what the leader knows of the nodes that carry the registry.
func (r *Registry) candidates() []Candidate {
	view := r.machine.View()
	applied := r.fsm.applied.Load()
	var list []Candidate
	for _, region := range view.Regions() {
		for _, node := range view.Nodes(region.GetId()) {
			if !node.GetRaft() {
				continue
			}
			id := trust.NodeID{Region: region.GetId(), Node: node.GetName()}
			status := r.neighbours.last(id).status
			list = append(list, Candidate{
				Node:      id,
				Eligible:  region.GetState() == jieliv1.Region_ACTIVE && !r.membership.leaves(id),
				Member:    mayFollow(region),
				Reachable: status != nil,
				Ready:     status != nil && status.GetAppliedIndex()+readyLag >= applied && status.GetLevel() >= view.Level(),
			})
		}
	}
	return list
}

// depart moves leadership and votes away from the nodes that a command puts out of office, before it is applied; the
// function it gives says that the command has been. It fails with ErrWouldLoseQuorum if nobody can take over, and with
// ErrNotLeader once leadership has been handed over: then the next leader goes on.
func (r *Registry) depart(ctx context.Context, command *jieliv1.Command) (done func(), err error) {
	nodes := r.putOutOfOffice(command)
	if len(nodes) == 0 || !standsAChance(r.machine.View(), command) {
		return func() {}, nil
	}
	done = r.membership.leave(nodes)
	if err := r.moveAway(ctx, nodes); err != nil {
		done()
		return nil, err
	}
	return done, nil
}

// moveAway makes nodes lose leadership and votes.
func (r *Registry) moveAway(ctx context.Context, nodes []trust.NodeID) error {
	if err := r.membership.lock(ctx); err != nil {
		return err
	}
	defer r.membership.unlock()
	r.neighbours.askNow(ctx, others(r.cfg.Self, r.raftNodes()))
	servers, _ := r.servers()
	if left := votersAfter(Plan(r.cfg.Self, servers, r.candidates()), servers, nodes); len(left) > 0 {
		return fmt.Errorf("%w: nobody who can be reached now can take over from %s", ErrWouldLoseQuorum, left[0])
	}
	gone, err := r.carryOut(ctx)
	switch {
	case err != nil:
		return fmt.Errorf("move votes away: %w", err)
	case gone:
		return fmt.Errorf("%w: it has handed over, since its own region is to be put out of office", ErrNotLeader)
	}
	if servers, _ = r.servers(); len(votersAfter(nil, servers, nodes)) > 0 {
		return fmt.Errorf("%w: nodes that should take over went away meanwhile", ErrWouldLoseQuorum)
	}
	return nil
}

// votersAfter lists which of the nodes would vote still after a plan. A plan that ends with the leader handing over
// leaves the rest to the next one.
func votersAfter(plan []Change, servers []Server, nodes []trust.NodeID) []trust.NodeID {
	votes := map[trust.NodeID]bool{}
	for _, server := range servers {
		votes[server.Node] = server.Voter
	}
	for _, step := range plan {
		switch step.Kind {
		case Promote:
			votes[step.Node] = true
		case Transfer:
			return nil
		default:
			votes[step.Node] = false
		}
	}
	var left []trust.NodeID
	for _, id := range nodes {
		if votes[id] {
			left = append(left, id)
		}
	}
	return left
}

// putOutOfOffice lists the nodes in the Raft configuration that may no longer vote once a command is applied.
func (r *Registry) putOutOfOffice(command *jieliv1.Command) []trust.NodeID {
	affected := affectedBy(command)
	if affected == nil {
		return nil
	}
	servers, _ := r.servers()
	var nodes []trust.NodeID
	for _, server := range servers {
		if server.Voter && affected(server.Node) {
			nodes = append(nodes, server.Node)
		}
	}
	return nodes
}

// affectedBy tells which nodes a command puts out of office; nil: none.
func affectedBy(command *jieliv1.Command) func(trust.NodeID) bool {
	switch change := command.GetChange().(type) {
	case *jieliv1.Command_ChangeRegionState:
		if change.ChangeRegionState.GetState() == jieliv1.Region_ACTIVE {
			return nil
		}
		return func(id trust.NodeID) bool { return id.Region == change.ChangeRegionState.GetRegion() }
	case *jieliv1.Command_RemoveNode:
		return func(id trust.NodeID) bool {
			return id == trust.NodeID{Region: change.RemoveNode.GetRegion(), Node: change.RemoveNode.GetName()}
		}
	case *jieliv1.Command_PutNode:
		node := change.PutNode.GetNode()
		if node.GetRaft() {
			return nil
		}
		return func(id trust.NodeID) bool { return id == trust.NodeID{Region: node.GetRegion(), Node: node.GetName()} }
	}
	return nil
}

// standsAChance tells whether a command that puts nodes out of office may be applied at all. No votes are moved for
// one that the registry will reject: any region could cause that at will.
func standsAChance(view *registry.View, command *jieliv1.Command) bool {
	if expected := command.GetExpectedRevision(); expected != 0 && expected != view.Revision() {
		return false
	}
	acting, keeper := command.GetRegion(), view.Bootstrap()
	switch change := command.GetChange().(type) {
	case *jieliv1.Command_ChangeRegionState:
		id := change.ChangeRegionState.GetRegion()
		if id == keeper {
			return false // it stays until members vote
		}
		return acting == keeper || acting == id && change.ChangeRegionState.GetState() == jieliv1.Region_RETIRED
	case *jieliv1.Command_RemoveNode:
		return acting == keeper || acting == change.RemoveNode.GetRegion()
	case *jieliv1.Command_PutNode:
		return acting == keeper || acting == change.PutNode.GetNode().GetRegion()
	}
	return false
}
