package federation

import (
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/google/uuid"
	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/keepalive"

	"github.com/jieli-gateway/jieli/federation/trust"
	jieliv1 "github.com/jieli-gateway/jieli/proto/jieli/v1"
)

const (
	// maxRaftConns is how many idle connections to one node are kept for Raft: entries, heartbeats, votes.
	maxRaftConns = 3
	// maxBackoff bounds the pause between two tries to connect to a node.
	maxBackoff = 2 * time.Second
	// keepaliveAfter and keepalivePatience notice a connection that died without a word. Servers let peers ask
	// every 10 s.
	keepaliveAfter    = 15 * time.Second
	keepalivePatience = 5 * time.Second
)

// Wiring is what a Network needs of its node.
type Wiring struct {
	// Address gives host:port of a registered node.
	Address func(trust.NodeID) (string, bool)
	// Cluster is the id of the federation, uuid.Nil before there is one.
	Cluster func() uuid.UUID
	// Refused is told of each Raft connection that was refused after TLS.
	Refused func(peer trust.NodeID, err error)
	// Timeout bounds one Raft message and its answer.
	Timeout time.Duration
	// Log and RaftLog are the node's loggers.
	Log     *slog.Logger
	RaftLog hclog.Logger
}

// Client calls another node. Close it.
type Client interface {
	jieliv1.FederationServiceClient
	Close() error
}

// Network is how a node reaches the others: over mTLS (NewNetwork), or in memory in tests.
type Network interface {
	// Transport gives Raft its transport; it is called once.
	Transport(w Wiring) (Transport, error)
	// Client calls the node expected at host:port. It connects when it is first used.
	Client(expect trust.NodeID, address string) (Client, error)
	// PinnedClient calls a member of which a joiner knows no more than the address and its CA's fingerprint.
	PinnedClient(address string, pin trust.Fingerprint) (Client, error)
	// CheckOwn tells whether this node's certificate is signed by a CA of the bundle that others know its region by.
	CheckOwn(bundle []*x509.Certificate) error
	// Recheck closes the connections, of any use, that the registry no longer allows. It does not block.
	Recheck()
}

// NewNetwork is the network of design §4: mTLS on one port, each peer verified against the CA of its own region. The
// mux must be started and closed by its owner; Raft takes its Raft connections.
func NewNetwork(certificates *trust.Certificates, peers *trust.Peers, mux *trust.Mux) (Network, error) {
	if certificates == nil || peers == nil || mux == nil {
		return nil, errors.New("federation: a network needs certificates, peers and a mux")
	}
	return &tlsNetwork{certificates: certificates, peers: peers, mux: mux}, nil
}

type tlsNetwork struct {
	certificates *trust.Certificates
	peers        *trust.Peers
	mux          *trust.Mux
}

func (n *tlsNetwork) Transport(w Wiring) (Transport, error) {
	layer := newStreamLayer(n.mux.Raft(), n.peers.DialRaft, w)
	return raft.NewNetworkTransportWithConfig(&raft.NetworkTransportConfig{
		Stream: layer, MaxPool: maxRaftConns, MaxRPCsInFlight: maxRPCsInFlight, Timeout: w.Timeout, Logger: w.RaftLog,
		MsgpackUseNewTimeFormat: true,
	}), nil
}

func (n *tlsNetwork) Client(expect trust.NodeID, address string) (Client, error) {
	return dialClient(address, n.peers.ClientCredentials(expect))
}

func (n *tlsNetwork) PinnedClient(address string, pin trust.Fingerprint) (Client, error) {
	return dialClient(address, trust.PinnedCredentials(n.certificates, pin, nil))
}

func (n *tlsNetwork) CheckOwn(bundle []*x509.Certificate) error {
	leaf := n.certificates.Leaf()
	for _, authority := range bundle {
		if leaf.CheckSignatureFrom(authority) == nil {
			return nil
		}
	}
	return fmt.Errorf("this node's certificate is not signed by a CA in its region's entry in the registry; update the entry from `jieli pki show -o json`, or issue the certificate anew")
}

func (n *tlsNetwork) Recheck() { n.peers.Recheck() }

// grpcClient is a Client over a connection of its own.
type grpcClient struct {
	jieliv1.FederationServiceClient
	conn *grpc.ClientConn
}

func (c *grpcClient) Close() error { return c.conn.Close() }

func dialClient(address string, credentials credentials.TransportCredentials) (Client, error) {
	conn, err := grpc.NewClient("passthrough:///"+address,
		grpc.WithTransportCredentials(credentials),
		grpc.WithConnectParams(grpc.ConnectParams{
			Backoff:           backoff.Config{BaseDelay: 100 * time.Millisecond, Multiplier: 1.6, Jitter: 0.2, MaxDelay: maxBackoff},
			MinConnectTimeout: trust.HandshakeTimeout,
		}),
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: keepaliveAfter, Timeout: keepalivePatience}),
		grpc.WithDisableServiceConfig(),
		grpc.WithNoProxy(),
	)
	if err != nil {
		return nil, fmt.Errorf("connect to %s: %w", address, err)
	}
	return &grpcClient{FederationServiceClient: jieliv1.NewFederationServiceClient(conn), conn: conn}, nil
}
