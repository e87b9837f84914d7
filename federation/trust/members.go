package trust

import "crypto/x509"

// Use is what a connection is for. Its values are printed in logs and counted in metrics.
type Use string

const (
	// UseLink is everything over gRPC between nodes: links, forwarding, joining.
	UseLink Use = "link"
	// UseRaft is speaking Raft. Only nodes registered for it may.
	UseRaft Use = "raft"
)

// ALPN protocol names, one for each use.
const (
	ProtocolGRPC = "h2"
	ProtocolRaft = "jieli-raft/1"
)

// useOf tells what a connection is for by its ALPN protocol.
func useOf(protocol string) (Use, bool) {
	switch protocol {
	case ProtocolGRPC:
		return UseLink, true
	case ProtocolRaft:
		return UseRaft, true
	}
	return "", false
}

func (u Use) protocol() string {
	if u == UseRaft {
		return ProtocolRaft
	}
	return ProtocolGRPC
}

// Members answers who may connect. The registry implements it over its current snapshot: both methods are called in
// every handshake and, after each change, for every open connection, so they must neither block nor take a lock.
//
// After a change has become visible here, call Peers.Recheck.
type Members interface {
	// Bundle gives the CA certificates that speak for a region, and false if there is no such region or nothing
	// signed by it may be trusted any longer. The slice is only read.
	Bundle(region string) ([]*x509.Certificate, bool)
	// NodeAllowed gives nil if the node is registered, of a region that may connect (active or suspended), and
	// registered for this use. Otherwise it gives a Reason, or an error that wraps one; any other error counts as
	// ReasonUnregisteredNode.
	NodeAllowed(id NodeID, use Use) error
}
