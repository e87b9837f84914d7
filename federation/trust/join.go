package trust

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"sync/atomic"
	"time"
)

// PinnedClientConfig is the TLS configuration of a joiner, who has no registry yet and knows of a member only its
// address and the fingerprint of its region's CA, given out of band. It accepts a peer that sends a CA certificate
// with this fingerprint, is signed by exactly that CA, and is a node of the region which that CA names. A nil now
// stands for time.Now.
//
// Use it for the first exchange only: nothing here knows whether the member has been suspended or revoked.
func PinnedClientConfig(own *Certificates, pin Fingerprint, now func() time.Time) *tls.Config {
	if now == nil {
		now = time.Now
	}
	return &tls.Config{
		MinVersion:             tls.VersionTLS13,
		SessionTicketsDisabled: true,
		NextProtos:             []string{ProtocolGRPC},
		GetClientCertificate:   own.forClient,
		Time:                   now,
		InsecureSkipVerify:     true, // VerifyConnection does all checks, against the pinned CA
		VerifyConnection: func(state tls.ConnectionState) error {
			_, err := pinnedPeer(state, pin, now())
			return err
		},
	}
}

// PinnedCredentials are PinnedClientConfig for a gRPC client. PeerFromContext gives the verified member.
func PinnedCredentials(own *Certificates, pin Fingerprint, now func() time.Time) *ClientCredentials {
	cfg := PinnedClientConfig(own, pin, now)
	return &ClientCredentials{
		secure: func(ctx context.Context, raw net.Conn) (net.Conn, NodeID, error) {
			conn, err := handshakeAsClient(ctx, raw, cfg)
			if err != nil {
				return nil, NodeID{}, err
			}
			id, err := VerifiedPeer(conn)
			if err != nil {
				_ = raw.Close()
				return nil, NodeID{}, err
			}
			return conn, id, nil
		},
		failure: new(atomic.Pointer[error]),
	}
}

// VerifiedPeer gives the node on the other side of a connection made with one of this package's configurations, once
// its handshake is complete.
func VerifiedPeer(conn *tls.Conn) (NodeID, error) {
	state := conn.ConnectionState()
	if !state.HandshakeComplete || len(state.PeerCertificates) == 0 {
		return NodeID{}, errors.New("trust: the handshake is not complete")
	}
	return nodeIDFromCertificate(state.PeerCertificates[0])
}

// pinnedPeer makes every check that can be made with no more than a fingerprint.
func pinnedPeer(state tls.ConnectionState, pin Fingerprint, now time.Time) (NodeID, error) {
	refuse := func(reason Reason, peer NodeID, err error) (NodeID, error) {
		return NodeID{}, &Refusal{Reason: reason, Peer: peer, Use: UseLink, Err: err}
	}
	chain := state.PeerCertificates
	if len(chain) == 0 {
		return refuse(ReasonNoCertificate, NodeID{}, nil)
	}
	if state.NegotiatedProtocol != ProtocolGRPC || state.DidResume {
		return refuse(ReasonHandshake, NodeID{}, fmt.Errorf("only a full handshake for %s is taken", ProtocolGRPC))
	}
	peer, err := nodeIDFromCertificate(chain[0])
	if err != nil {
		return refuse(ReasonBadID, NodeID{}, err)
	}
	authority := findPinned(chain[1:], pin)
	if authority == nil {
		return refuse(ReasonBadChain, peer, fmt.Errorf("the peer sends no CA certificate with fingerprint %s; is this the fingerprint that `jieli pki show` prints there", pin))
	}
	// Without this a CA could vouch for a node of any region.
	if err := checkAuthority(authority, peer.Region); err != nil {
		return refuse(ReasonBadChain, peer, fmt.Errorf("the CA with this fingerprint does not speak for region %s: %w", peer.Region, err))
	}
	if _, err := verifyChain(chain, peer.Region, []*x509.Certificate{authority}, now); err != nil {
		return refuse(chainReason(err), peer, err)
	}
	return peer, nil
}

func findPinned(certs []*x509.Certificate, pin Fingerprint) *x509.Certificate {
	for _, cert := range certs {
		if FingerprintOf(cert) == pin {
			return cert
		}
	}
	return nil
}
