package trust

import (
	"context"
	"crypto/tls"
	"errors"
	"testing"
	"time"

	"google.golang.org/grpc"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
)

// TestJoiner: with address and fingerprint alone, the joiner reaches a member that has its entry already.
func TestJoiner(t *testing.T) {
	beijing, tianjin := newTestRegion(t, "beijing"), newTestRegion(t, "tianjin")
	member := start(t, beijing.node(t, "1", IssueOptions{}), nodeOptions{}, beijing, tianjin)
	service := serveGRPC(t, member)
	joiner := tianjin.node(t, "1", IssueOptions{})
	member.members.allow(joiner.ID(), UseLink)

	creds := PinnedCredentials(joiner, FingerprintOf(beijing.ca.certs[0]), nil)
	conn, err := grpc.NewClient(member.addr, grpc.WithTransportCredentials(creds))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	stream, err := healthpb.NewHealthClient(conn).Watch(ctx, &healthpb.HealthCheckRequest{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := stream.Recv(); err != nil {
		t.Fatal(err)
	}
	if id, ok := PeerFromContext(stream.Context()); !ok || id != member.id {
		t.Errorf("the joiner reached %v, expected %v", id, member.id)
	}
	if id := <-service.seen; id != joiner.ID() {
		t.Errorf("the member saw %v, expected %v", id, joiner.ID())
	}
}

func TestJoinerRefuses(t *testing.T) {
	beijing, tianjin, other := newTestRegion(t, "beijing"), newTestRegion(t, "tianjin"), newTestRegion(t, "beijing")
	joiner := tianjin.node(t, "9", IssueOptions{})
	pin := FingerprintOf(beijing.ca.certs[0])
	good := *beijing.node(t, "1", IssueOptions{}).current()
	longAgo := func() time.Time { return time.Now().Add(-100 * 24 * time.Hour) }

	// Shows the pinned CA, but is signed by another.
	swapped := *other.node(t, "1", IssueOptions{}).current()
	swapped.Certificate = [][]byte{swapped.Certificate[0], beijing.ca.certs[0].Raw}

	for _, test := range []struct {
		name      string
		server    tls.Certificate
		protocols []string
		pin       Fingerprint
		reason    Reason
	}{
		{"wrong fingerprint", good, []string{ProtocolGRPC}, FingerprintOf(tianjin.ca.certs[0]), ReasonBadChain},
		{"fingerprint of the leaf", good, []string{ProtocolGRPC}, FingerprintOf(good.Leaf), ReasonBadChain},
		{"signed by another CA than it shows", swapped, []string{ProtocolGRPC}, pin, ReasonBadChain},
		{"a region that the CA does not speak for", beijing.forge(t, nil, "spiffe://tianjin/node/1"), []string{ProtocolGRPC}, pin, ReasonBadChain},
		{"expired", *beijing.node(t, "1", IssueOptions{Now: longAgo}).current(), []string{ProtocolGRPC}, pin, ReasonExpired},
		{"two URI SANs", beijing.forge(t, nil, "spiffe://beijing/node/1", "spiffe://beijing/node/2"), []string{ProtocolGRPC}, pin, ReasonBadID},
		{"no gRPC there", good, nil, pin, ReasonHandshake},
	} {
		t.Run(test.name, func(t *testing.T) {
			addr := serveTLS(t, &tls.Config{Certificates: []tls.Certificate{test.server}, NextProtos: test.protocols})
			conn, err := tls.Dial("tcp", addr, PinnedClientConfig(joiner, test.pin, nil))
			if err == nil {
				_ = conn.Close()
				t.Fatal("it was not refused")
			}
			if !errors.Is(err, test.reason) {
				t.Errorf("expected %s, got %v", test.reason, err)
			}
		})
	}
}

func TestVerifiedPeerNeedsAHandshake(t *testing.T) {
	if id, err := VerifiedPeer(tls.Client(nil, &tls.Config{ServerName: "beijing"})); err == nil {
		t.Errorf("found %v before any handshake", id)
	}
}
