package federation

import (
	"context"
	"encoding/hex"
	"slices"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/jieli-gateway/jieli/federation/trust"
	jieliv1 "github.com/jieli-gateway/jieli/proto/jieli/v1"
)

// Status says how the registry is, from here. With peers, every node of the Raft configuration is asked how it is, or was
// within the last second; each has a second to answer. It also answers before Start and after Close.
func (r *Registry) Status(ctx context.Context, withPeers bool) *jieliv1.RegistryStatus {
	view := r.View()
	hash := view.StateHash()
	status := &jieliv1.RegistryStatus{
		ClusterId: view.ClusterID(), Revision: view.Revision(), StateHash: hex.EncodeToString(hash[:]), Level: view.Level(),
		Stale: view.Stale, StaleReason: view.StaleReason, AppliedIndex: r.fsm.applied.Load(),
		RaftBytes: uint64(max(0, r.storage.size())), Routes: uint64(view.Routes().Len()), RaftState: "Stopped",
	}
	if at := r.contact.at(); !at.IsZero() {
		status.LastContact = timestamppb.New(at)
	}
	if r.started() != nil {
		return status
	}
	status.RaftState, status.Term = r.raft.State().String(), r.raft.CurrentTerm()
	if leader, ok := r.leader(); ok {
		status.Leader = leader.String()
	}
	servers, _ := r.servers()
	slices.SortFunc(servers, func(a, b Server) int { return compareNodes(a.Node, b.Node) })
	for _, server := range servers {
		if server.Voter {
			status.Voters++
		}
		address, _ := r.address(server.Node) // none if it is no longer registered
		status.Nodes = append(status.Nodes, &jieliv1.RaftNode{
			Region: server.Node.Region, Name: server.Node.Node, Address: address, Voter: server.Voter,
		})
	}
	if status.GetVoters() > 0 {
		status.Quorum = status.GetVoters()/2 + 1
	}
	if withPeers {
		r.askAll(ctx, servers, status)
	}
	return status
}

// askAll asks each node and writes down what it says; nodes[i] is of servers[i].
func (r *Registry) askAll(ctx context.Context, servers []Server, status *jieliv1.RegistryStatus) {
	nodes := make([]trust.NodeID, 0, len(servers))
	for _, server := range servers {
		nodes = append(nodes, server.Node)
	}
	since := r.neighbours.askForStatus(ctx, others(r.cfg.Self, nodes))
	for i, server := range servers {
		node := status.GetNodes()[i]
		if server.Node == r.cfg.Self {
			node.Reachable, node.Revision, node.RaftState = true, r.machine.View().Revision(), status.GetRaftState()
			continue
		}
		got := r.neighbours.last(server.Node)
		if got.status == nil || got.at.Before(since) {
			continue
		}
		node.Reachable, node.Revision, node.RaftState = true, got.status.GetRevision(), got.status.GetRaftState()
		node.RoundTrip = durationpb.New(got.roundTrip.Round(time.Microsecond))
		if ours := status.GetRevision(); ours > node.GetRevision() {
			node.Lag = ours - node.GetRevision()
		}
	}
}
