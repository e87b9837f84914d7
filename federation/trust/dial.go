package trust

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"sync/atomic"

	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/peer"
)

// DialRaft opens a Raft connection to the node expected, at a host:port. The context bounds dialling; the handshake
// takes at most HandshakeTimeout. In TLS 1.3 the other side judges us after our handshake is complete: if it refuses,
// the first Read fails. Close the connection; Recheck may close it too.
func (p *Peers) DialRaft(ctx context.Context, addr string, expect NodeID) (net.Conn, error) {
	var dialer net.Dialer
	raw, err := dialer.DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("dial Raft of %s: %w", expect, err)
	}
	conn, err := p.secure(ctx, raw, expect, UseRaft)
	if err != nil {
		return nil, fmt.Errorf("dial Raft of %s: %w", expect, err)
	}
	return conn, nil
}

// secure does the handshake on a connection that this node dialled, and takes it among the open ones. It closes raw
// if anything fails.
func (p *Peers) secure(ctx context.Context, raw net.Conn, expect NodeID, use Use) (*Conn, error) {
	tlsConn, err := handshakeAsClient(ctx, raw, p.clientConfig(expect, use, raw.RemoteAddr().String()))
	if err != nil {
		return nil, err
	}
	return p.admit(tlsConn, expect, false)
}

func handshakeAsClient(ctx context.Context, raw net.Conn, cfg *tls.Config) (*tls.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, HandshakeTimeout)
	defer cancel()
	tlsConn := tls.Client(raw, cfg)
	if err := tlsConn.HandshakeContext(ctx); err != nil {
		_ = raw.Close()
		return nil, err
	}
	return tlsConn, nil
}

// PeerInfo is the credentials.AuthInfo of a connection between nodes.
type PeerInfo struct {
	credentials.CommonAuthInfo
	ID NodeID // verified
}

// AuthType names the way the peer was authenticated.
func (PeerInfo) AuthType() string { return "spiffe" }

func newPeerInfo(id NodeID) PeerInfo {
	return PeerInfo{CommonAuthInfo: credentials.CommonAuthInfo{SecurityLevel: credentials.PrivacyAndIntegrity}, ID: id}
}

// PeerFromContext gives the verified node on the other side of a gRPC call, in a handler or from a client stream's
// context.
func PeerFromContext(ctx context.Context) (NodeID, bool) {
	p, ok := peer.FromContext(ctx)
	if !ok {
		return NodeID{}, false
	}
	info, ok := p.AuthInfo.(PeerInfo)
	return info.ID, ok
}

// protocolInfo is what both credentials tell gRPC about themselves.
var protocolInfo = credentials.ProtocolInfo{SecurityProtocol: "tls"}

// errDirection means that credentials for one side were given to the other.
var errDirection = errors.New("trust: these credentials are for the other side of a connection")

// ServerCredentials are for the gRPC server that serves Mux.GRPC: the handshake is done already, and handlers find
// the peer by PeerFromContext.
func ServerCredentials() credentials.TransportCredentials { return serverCredentials{} }

type serverCredentials struct{}

func (serverCredentials) ServerHandshake(raw net.Conn) (net.Conn, credentials.AuthInfo, error) {
	conn, ok := raw.(*Conn)
	if !ok {
		return nil, nil, errors.New("trust: the connection does not come from a mux: serve Mux.GRPC()")
	}
	return conn, newPeerInfo(conn.Peer()), nil
}

func (serverCredentials) ClientHandshake(context.Context, string, net.Conn) (net.Conn, credentials.AuthInfo, error) {
	return nil, nil, errDirection
}

func (serverCredentials) Info() credentials.ProtocolInfo            { return protocolInfo }
func (c serverCredentials) Clone() credentials.TransportCredentials { return c }
func (serverCredentials) OverrideServerName(string) error           { return nil }

// ClientCredentials are for a gRPC client of the node expected (or of any node of its region). Recheck closes their
// connections too.
func (p *Peers) ClientCredentials(expect NodeID) *ClientCredentials {
	return &ClientCredentials{
		secure: func(ctx context.Context, raw net.Conn) (net.Conn, NodeID, error) {
			conn, err := p.secure(ctx, raw, expect, UseLink)
			if err != nil {
				return nil, NodeID{}, err
			}
			return conn, conn.Peer(), nil
		},
		failure: new(atomic.Pointer[error]),
	}
}

// ClientCredentials is the client's side of gRPC between nodes. gRPC turns a failed handshake into text; LastFailure
// keeps the error.
type ClientCredentials struct {
	secure  func(ctx context.Context, raw net.Conn) (net.Conn, NodeID, error)
	failure *atomic.Pointer[error] // shared by clones
}

// LastFailure is the error of the newest handshake, nil if it went well. ReasonOf finds our reason in it. If the
// other side refused us, it comes as a TLS alert, or not at all here but as a broken connection.
func (c *ClientCredentials) LastFailure() error {
	if failure := c.failure.Load(); failure != nil {
		return *failure
	}
	return nil
}

// ClientHandshake implements credentials.TransportCredentials.
func (c *ClientCredentials) ClientHandshake(ctx context.Context, _ string, raw net.Conn) (net.Conn, credentials.AuthInfo, error) {
	conn, id, err := c.secure(ctx, raw)
	c.failure.Store(&err)
	if err != nil {
		return nil, nil, err
	}
	return conn, newPeerInfo(id), nil
}

// ServerHandshake always fails: these credentials are a client's.
func (c *ClientCredentials) ServerHandshake(net.Conn) (net.Conn, credentials.AuthInfo, error) {
	return nil, nil, errDirection
}

// Info implements credentials.TransportCredentials.
func (c *ClientCredentials) Info() credentials.ProtocolInfo { return protocolInfo }

// Clone implements credentials.TransportCredentials.
func (c *ClientCredentials) Clone() credentials.TransportCredentials { return c }

// OverrideServerName does nothing: peers are known by SPIFFE id, not by host name.
func (c *ClientCredentials) OverrideServerName(string) error { return nil }
