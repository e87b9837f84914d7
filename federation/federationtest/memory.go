package federationtest

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/hashicorp/raft"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"

	"github.com/jieli-gateway/jieli/federation"
	"github.com/jieli-gateway/jieli/federation/trust"
	jieliv1 "github.com/jieli-gateway/jieli/proto/jieli/v1"
)

// Memory is a network in memory, which can lose what one node sends to another. A node takes calls only from nodes
// that its registry knows, as over TLS. It works inside testing/synctest.
type Memory struct {
	mu    sync.Mutex
	nodes map[trust.NodeID]*memoryNode
	cut   map[link]bool
}

// link is one direction between two nodes.
type link struct{ from, to trust.NodeID }

// NewMemory makes a network without nodes.
func NewMemory() *Memory {
	return &Memory{nodes: map[trust.NodeID]*memoryNode{}, cut: map[link]bool{}}
}

// Address is where a node can be reached on a Memory; its name must be a number from 1 to 65535.
func Address(id trust.NodeID) string { return id.Region + ":" + id.Node }

// Attach makes a node reachable by its Address, and gives its network. A node attached again takes the place of its
// earlier self.
func (m *Memory) Attach(id trust.NodeID, registry *federation.Registry) federation.Network {
	node := &memoryNode{net: m, id: id, registry: registry, service: registry.Service(), members: registry.Members()}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.nodes[id] = node
	return node
}

// Detach makes a node unreachable, as a machine that is off.
func (m *Memory) Detach(id trust.NodeID) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.nodes, id)
}

// Cut loses everything from one node to another from now on: requests, and answers to requests the other way.
func (m *Memory) Cut(from, to trust.NodeID) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.cut[link{from, to}] = true
}

// Partition loses everything between the nodes given and all others.
func (m *Memory) Partition(side ...trust.NodeID) {
	m.mu.Lock()
	defer m.mu.Unlock()
	inside := map[trust.NodeID]bool{}
	for _, id := range side {
		inside[id] = true
	}
	for a := range m.nodes {
		for b := range m.nodes {
			if inside[a] != inside[b] {
				m.cut[link{a, b}] = true
			}
		}
	}
}

// Heal ends all losses.
func (m *Memory) Heal() {
	m.mu.Lock()
	defer m.mu.Unlock()
	clear(m.cut)
}

// errLost is what a caller sees when nothing comes back.
var errLost = errors.New("lost by the test's network")

// reach gives the node on the other side, if what is sent gets there.
func (m *Memory) reach(from, to trust.NodeID) (*memoryNode, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	node, ok := m.nodes[to]
	if !ok || m.cut[link{from, to}] {
		return nil, errLost
	}
	return node, nil
}

// memoryNode is one node's network.
type memoryNode struct {
	net      *Memory
	id       trust.NodeID
	registry *federation.Registry
	service  jieliv1.FederationServiceServer
	members  trust.Members

	mu        sync.Mutex
	transport *raft.InmemTransport
	cluster   func() uuid.UUID
}

var _ federation.Network = (*memoryNode)(nil)

// Transport implements federation.Network.
func (n *memoryNode) Transport(w federation.Wiring) (federation.Transport, error) {
	_, transport := raft.NewInmemTransportWithTimeout(raft.ServerAddress(n.id.String()), min(w.Timeout, memoryTimeout))
	n.mu.Lock()
	defer n.mu.Unlock()
	n.transport, n.cluster = transport, w.Cluster
	return &memoryTransport{InmemTransport: transport, node: n}, nil
}

func (n *memoryNode) raftSide() (*raft.InmemTransport, uuid.UUID) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.transport == nil {
		return nil, uuid.Nil
	}
	return n.transport, n.cluster()
}

// Client implements federation.Network.
func (n *memoryNode) Client(expect trust.NodeID, address string) (federation.Client, error) {
	if err := n.members.NodeAllowed(expect, trust.UseLink); err != nil {
		return nil, err
	}
	return &memoryClient{node: n, address: address}, nil
}

// PinnedClient implements federation.Network; the fingerprint is not looked at.
func (n *memoryNode) PinnedClient(address string, _ trust.Fingerprint) (federation.Client, error) {
	return &memoryClient{node: n, address: address}, nil
}

// CheckOwn implements federation.Network.
func (n *memoryNode) CheckOwn([]*x509.Certificate) error { return nil }

// Recheck implements federation.Network: every call is checked anyway.
func (n *memoryNode) Recheck() {}

// memoryTransport carries Raft.
type memoryTransport struct {
	*raft.InmemTransport
	node *memoryNode
}

// send does one exchange with another node. An answer that is lost is noticed only when the time is over.
func (t *memoryTransport) send(target raft.ServerAddress, exchange func() error) error {
	to, err := trust.ParseShortNodeID(string(target))
	if err != nil {
		return err
	}
	from := t.node.id
	there, err := t.node.net.reach(from, to)
	if err != nil {
		time.Sleep(lossTimeout)
		return err
	}
	if err := there.members.NodeAllowed(from, trust.UseRaft); err != nil {
		return fmt.Errorf("%s refuses %s: %w", to, from, err)
	}
	if err := t.node.members.NodeAllowed(to, trust.UseRaft); err != nil {
		return fmt.Errorf("%s does not know %s: %w", from, to, err)
	}
	theirs, cluster := there.raftSide()
	if _, ours := t.node.raftSide(); theirs == nil || cluster == uuid.Nil || cluster != ours {
		return federation.ErrOtherCluster
	}
	t.Connect(target, theirs)
	if err := exchange(); err != nil {
		return err
	}
	if _, err := t.node.net.reach(to, from); err != nil {
		time.Sleep(lossTimeout)
		return err
	}
	return nil
}

// memoryTimeout bounds how long a node that is switched off keeps a caller waiting: calls in memory cannot be cut.
const memoryTimeout = time.Second

// lossTimeout is how long a sender waits for what was lost.
const lossTimeout = 300 * time.Millisecond

func (t *memoryTransport) AppendEntries(id raft.ServerID, target raft.ServerAddress, request *raft.AppendEntriesRequest, response *raft.AppendEntriesResponse) error {
	return t.send(target, func() error { return t.InmemTransport.AppendEntries(id, target, request, response) })
}

func (t *memoryTransport) RequestVote(id raft.ServerID, target raft.ServerAddress, request *raft.RequestVoteRequest, response *raft.RequestVoteResponse) error {
	return t.send(target, func() error { return t.InmemTransport.RequestVote(id, target, request, response) })
}

func (t *memoryTransport) RequestPreVote(id raft.ServerID, target raft.ServerAddress, request *raft.RequestPreVoteRequest, response *raft.RequestPreVoteResponse) error {
	return t.send(target, func() error { return t.InmemTransport.RequestPreVote(id, target, request, response) })
}

func (t *memoryTransport) InstallSnapshot(id raft.ServerID, target raft.ServerAddress, request *raft.InstallSnapshotRequest, response *raft.InstallSnapshotResponse, data io.Reader) error {
	return t.send(target, func() error { return t.InmemTransport.InstallSnapshot(id, target, request, response, data) })
}

func (t *memoryTransport) TimeoutNow(id raft.ServerID, target raft.ServerAddress, request *raft.TimeoutNowRequest, response *raft.TimeoutNowResponse) error {
	return t.send(target, func() error { return t.InmemTransport.TimeoutNow(id, target, request, response) })
}

// memoryClient calls another node's service directly.
type memoryClient struct {
	node    *memoryNode
	address string
}

func (c *memoryClient) Close() error { return nil }

// call does one call. The answer may be lost although the call had its effect.
func call[R any](ctx context.Context, c *memoryClient, do func(context.Context, jieliv1.FederationServiceServer) (R, error)) (R, error) {
	var none R
	to, err := trust.ParseShortNodeID(strings.Replace(c.address, ":", "/", 1))
	if err != nil {
		return none, status.Error(codes.Unavailable, err.Error())
	}
	from := c.node.id
	there, err := c.node.net.reach(from, to)
	if err != nil {
		return none, lost(ctx)
	}
	if err := there.members.NodeAllowed(from, trust.UseLink); err != nil {
		return none, status.Error(codes.Unavailable, fmt.Sprintf("%s refuses %s: %v", to, from, err))
	}
	ctx = peer.NewContext(ctx, &peer.Peer{AuthInfo: trust.PeerInfo{ID: from}})
	response, err := do(ctx, there.service)
	if _, gone := c.node.net.reach(to, from); gone != nil {
		return none, lost(ctx)
	}
	return response, err
}

// lost waits as long as a caller would to whom nothing comes back.
func lost(ctx context.Context) error {
	timer := time.NewTimer(lossTimeout)
	defer timer.Stop()
	select {
	case <-timer.C:
		return status.Error(codes.Unavailable, errLost.Error())
	case <-ctx.Done():
		return status.FromContextError(ctx.Err()).Err()
	}
}

func (c *memoryClient) Forward(ctx context.Context, request *jieliv1.ForwardRequest, _ ...grpc.CallOption) (*jieliv1.ForwardResponse, error) {
	return call(ctx, c, func(ctx context.Context, s jieliv1.FederationServiceServer) (*jieliv1.ForwardResponse, error) {
		return s.Forward(ctx, request)
	})
}

func (c *memoryClient) ReadIndex(ctx context.Context, request *jieliv1.ReadIndexRequest, _ ...grpc.CallOption) (*jieliv1.ReadIndexResponse, error) {
	return call(ctx, c, func(ctx context.Context, s jieliv1.FederationServiceServer) (*jieliv1.ReadIndexResponse, error) {
		return s.ReadIndex(ctx, request)
	})
}

func (c *memoryClient) NodeStatus(ctx context.Context, request *jieliv1.NodeStatusRequest, _ ...grpc.CallOption) (*jieliv1.NodeStatusResponse, error) {
	return call(ctx, c, func(ctx context.Context, s jieliv1.FederationServiceServer) (*jieliv1.NodeStatusResponse, error) {
		return s.NodeStatus(ctx, request)
	})
}

func (c *memoryClient) FetchRegistry(ctx context.Context, request *jieliv1.FetchRegistryRequest, _ ...grpc.CallOption) (grpc.ServerStreamingClient[jieliv1.FetchRegistryResponse], error) {
	return call(ctx, c, func(ctx context.Context, s jieliv1.FederationServiceServer) (grpc.ServerStreamingClient[jieliv1.FetchRegistryResponse], error) {
		stream := &memoryStream{ctx: ctx}
		return stream, s.FetchRegistry(request, (*memoryServerStream)(stream))
	})
}

// memoryStream holds all that a server sent.
type memoryStream struct {
	ctx  context.Context
	sent []*jieliv1.FetchRegistryResponse
}

func (s *memoryStream) Recv() (*jieliv1.FetchRegistryResponse, error) {
	if len(s.sent) == 0 {
		return nil, io.EOF
	}
	next := s.sent[0]
	s.sent = s.sent[1:]
	return next, nil
}

func (s *memoryStream) Header() (metadata.MD, error) { return metadata.MD{}, nil }
func (s *memoryStream) Trailer() metadata.MD         { return nil }
func (s *memoryStream) CloseSend() error             { return nil }
func (s *memoryStream) Context() context.Context     { return s.ctx }
func (s *memoryStream) SendMsg(any) error            { return errors.ErrUnsupported }
func (s *memoryStream) RecvMsg(any) error            { return errors.ErrUnsupported }

// memoryServerStream is the server's side of a memoryStream.
type memoryServerStream memoryStream

func (s *memoryServerStream) Send(message *jieliv1.FetchRegistryResponse) error {
	data := append([]byte(nil), message.GetData()...)
	s.sent = append(s.sent, &jieliv1.FetchRegistryResponse{Data: data})
	return nil
}

func (s *memoryServerStream) SetHeader(metadata.MD) error  { return nil }
func (s *memoryServerStream) SendHeader(metadata.MD) error { return nil }
func (s *memoryServerStream) SetTrailer(metadata.MD)       {}
func (s *memoryServerStream) Context() context.Context     { return s.ctx }
func (s *memoryServerStream) SendMsg(any) error            { return errors.ErrUnsupported }
func (s *memoryServerStream) RecvMsg(any) error            { return errors.ErrUnsupported }
