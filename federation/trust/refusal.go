package trust

import (
	"errors"
	"fmt"
	"strings"
)

// Reason is the coded reason of a refusal. It is an error, so that Members can return it as it is and
// errors.Is(err, ReasonExpired) works on anything that wraps it. The values are stable: they are metric labels.
type Reason string

// Reasons for refusing a peer.
const (
	ReasonNoCertificate    Reason = "NO_CERTIFICATE"    // none was presented
	ReasonBadID            Reason = "BAD_ID"            // not exactly one URI SAN, or not a node's SPIFFE id
	ReasonUnknownRegion    Reason = "UNKNOWN_REGION"    // the registry has no bundle for the region in the certificate
	ReasonBadChain         Reason = "BAD_CHAIN"         // not signed by a CA of the region in the certificate
	ReasonExpired          Reason = "EXPIRED"           // outside its validity, or its CA is
	ReasonUnregisteredNode Reason = "UNREGISTERED_NODE" // the region is known, this node of it is not
	ReasonRevoked          Reason = "REVOKED"           // the region or node was cut off
	ReasonRaftNotAllowed   Reason = "RAFT_NOT_ALLOWED"  // a member, but not registered to speak Raft
	ReasonWrongPeer        Reason = "WRONG_PEER"        // a valid node, but not the one that was dialled
	ReasonTooMany          Reason = "TOO_MANY"          // the peer has too many connections open already
	ReasonHandshake        Reason = "HANDSHAKE_FAILED"  // TLS below 1.3, a resumed session, no common protocol, a timeout
)

// Error gives the code and what it means, with what can be done.
func (r Reason) Error() string {
	if meaning := r.meaning(); meaning != "" {
		return string(r) + " (" + meaning + ")"
	}
	return string(r)
}

func (r Reason) meaning() string {
	switch r {
	case ReasonNoCertificate:
		return "no client certificate was presented; nodes connect with the one from `jieli pki issue`"
	case ReasonBadID:
		return "the certificate must have exactly one URI, spiffe://<region>/node/<name>"
	case ReasonUnknownRegion:
		return "the registry has no CA for this region; register and approve it, or wait until this node has caught up"
	case ReasonBadChain:
		return "the certificate is not signed by a CA registered for the region it names; after a CA rotation, update the region's entry first"
	case ReasonExpired:
		return "the certificate or its CA is outside its validity; check the clocks, or run `jieli pki rotate` there"
	case ReasonUnregisteredNode:
		return "this node is not registered, or was removed; its region's admin or the bootstrap region's admin adds it with `jieli node set`"
	case ReasonRevoked:
		return "it was cut off in the registry"
	case ReasonRaftNotAllowed:
		return "this node is not registered to speak Raft"
	case ReasonWrongPeer:
		return "another node answered than was dialled; check the address in the registry"
	case ReasonTooMany:
		return "this peer has too many connections open"
	case ReasonHandshake:
		return "the TLS handshake failed"
	}
	return ""
}

// Refusal says which peer was refused and why. What stands in Peer is what the certificate claimed: it is proven only
// when the reason is about a node's rights (UNREGISTERED_NODE, REVOKED, RAFT_NOT_ALLOWED, TOO_MANY).
type Refusal struct {
	Reason   Reason
	Peer     NodeID // zero if the certificate names none
	Expected NodeID // whom we meant to reach; zero on accepted connections
	Use      Use    // empty if the peer never said
	Remote   string // network address, if known
	Open     bool   // the connection was open and has been closed
	Err      error  // detail, may be nil
}

// Error tells who was refused, on which side, and why.
func (r *Refusal) Error() string {
	var b strings.Builder
	peer := "a peer"
	if !r.Peer.IsZero() {
		peer = r.Peer.String()
	}
	fmt.Fprintf(&b, "refused %s", peer)
	if r.Remote != "" {
		fmt.Fprintf(&b, " at %s", r.Remote)
	}
	if !r.Expected.IsZero() {
		fmt.Fprintf(&b, ", dialled as %s", r.Expected)
	}
	fmt.Fprintf(&b, ": %s", r.Reason.Error())
	if r.Err != nil {
		fmt.Fprintf(&b, ": %v", r.Err)
	}
	return b.String()
}

// Unwrap gives the reason and the detail, for errors.Is and errors.As.
func (r *Refusal) Unwrap() []error {
	if r.Err == nil {
		return []error{r.Reason}
	}
	return []error{r.Reason, r.Err}
}

// ReasonOf finds the coded reason in an error, if it has one.
func ReasonOf(err error) (Reason, bool) {
	var reason Reason
	ok := errors.As(err, &reason)
	return reason, ok
}
