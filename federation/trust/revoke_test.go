package trust

import (
	"context"
	"crypto/x509"
	"errors"
	"path/filepath"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"
)

// atOnce is how soon a revocation must take effect on open connections (design §4).
const atOnce = time.Second

// pair starts two nodes that know and allow each other for everything.
func pair(t *testing.T, opts nodeOptions) (server, client *testNode, regions [2]*testRegion) {
	t.Helper()
	beijing, tianjin := newTestRegion(t, "beijing"), newTestRegion(t, "tianjin")
	server = start(t, beijing.node(t, "1", IssueOptions{}), opts, beijing, tianjin)
	client = start(t, tianjin.node(t, "1", IssueOptions{}), nodeOptions{}, beijing, tianjin)
	for _, node := range []*testNode{server, client} {
		node.members.allow(server.id, UseLink, UseRaft)
		node.members.allow(client.id, UseLink, UseRaft)
	}
	return server, client, [2]*testRegion{beijing, tianjin}
}

// callers reports each caller's verified identity.
type callers struct {
	*health.Server
	seen chan NodeID
}

func (c callers) Watch(req *healthpb.HealthCheckRequest, stream healthpb.Health_WatchServer) error {
	id, _ := PeerFromContext(stream.Context())
	c.seen <- id
	return c.Server.Watch(req, stream)
}

// serveGRPC runs a gRPC server on a node's port.
func serveGRPC(t *testing.T, node *testNode) callers {
	t.Helper()
	service := callers{health.NewServer(), make(chan NodeID, 16)}
	server := grpc.NewServer(grpc.Creds(ServerCredentials()))
	healthpb.RegisterHealthServer(server, service)
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = server.Serve(node.mux.GRPC())
	}()
	t.Cleanup(func() {
		server.Stop()
		<-done
	})
	return service
}

// watch opens a stream from client to server and waits until it is up.
func watch(ctx context.Context, t *testing.T, client, server *testNode) (*ClientCredentials, *grpc.ClientConn, healthpb.Health_WatchClient) {
	t.Helper()
	creds := client.peers.ClientCredentials(server.id)
	conn, err := grpc.NewClient(server.addr, grpc.WithTransportCredentials(creds))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	stream, err := healthpb.NewHealthClient(conn).Watch(ctx, &healthpb.HealthCheckRequest{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := stream.Recv(); err != nil {
		t.Fatalf("stream did not come up: %v (handshake: %v)", err, creds.LastFailure())
	}
	return creds, conn, stream
}

// expectEnd waits for a stream to break.
func expectEnd(t *testing.T, stream healthpb.Health_WatchClient, limit time.Duration) {
	t.Helper()
	broken := make(chan error, 1)
	go func() {
		_, err := stream.Recv()
		broken <- err
	}()
	select {
	case err := <-broken:
		if status.Code(err) != codes.Unavailable {
			t.Errorf("stream ended with %v", err)
		}
	case <-time.After(limit):
		t.Fatalf("stream still open after %s", limit)
	}
}

func TestBothPlanesOnOnePort(t *testing.T) {
	server, client, _ := pair(t, nodeOptions{})
	service := serveGRPC(t, server)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()

	creds, _, stream := watch(ctx, t, client, server)
	if id := <-service.seen; id != client.id {
		t.Errorf("the handler saw %v as its caller, expected %v", id, client.id)
	}
	if id, ok := PeerFromContext(stream.Context()); !ok || id != server.id {
		t.Errorf("the client saw %v as its server, expected %v", id, server.id)
	}
	if err := creds.LastFailure(); err != nil {
		t.Errorf("a failure is kept after a good handshake: %v", err)
	}
	dialled, err := client.peers.DialRaft(ctx, server.addr, server.id)
	if err != nil {
		t.Fatal(err)
	}
	accepted := server.acceptRaft(t)
	if id := accepted.(*Conn).Peer(); id != client.id {
		t.Errorf("Raft connection of %v, expected %v", id, client.id)
	}
	exchange(t, dialled, accepted)
	exchange(t, accepted, dialled)
	if n := len(server.peers.Open()); n != 2 {
		t.Errorf("the server has %d connections open, expected 2: %v", n, server.peers.Open())
	}
	for _, open := range client.peers.Open() {
		if open.Accepted || open.Peer != server.id || open.Remote != server.addr || open.Expires.IsZero() {
			t.Errorf("unexpected connection %+v", open)
		}
	}
	_ = dialled.Close()
	_ = accepted.Close()
	if n := len(server.peers.Open()); n != 1 {
		t.Errorf("the server has %d connections open after one was closed, expected 1", n)
	}
	server.refusesNobody(t)
	client.refusesNobody(t)
}

// TestRevokedWhileConnected: every way in which a registry change can take a peer's right away, on both planes and on
// both sides, closes what is open within a second and lets nothing new in.
func TestRevokedWhileConnected(t *testing.T) {
	forNode := func(why error) func(*testMembers, NodeID) {
		return func(m *testMembers, peer NodeID) { m.forbid(peer, why) }
	}
	for _, change := range []struct {
		name   string
		revoke func(m *testMembers, peer NodeID)
		reason Reason
	}{
		{"region revoked", forNode(ReasonRevoked), ReasonRevoked},
		{"node removed", func(m *testMembers, peer NodeID) {
			m.change(func(s *memberState) { delete(s.nodes, peer) })
		}, ReasonUnregisteredNode},
		{"bundle removed", func(m *testMembers, peer NodeID) {
			m.change(func(s *memberState) { delete(s.bundles, peer.Region) })
		}, ReasonUnknownRegion},
		{"bundle emptied", func(m *testMembers, peer NodeID) { m.setBundle(peer.Region, nil) }, ReasonUnknownRegion},
		{"an error without a reason", forNode(errors.New("no")), ReasonUnregisteredNode},
	} {
		for _, side := range []string{"accepting", "dialling"} {
			t.Run(change.name+", seen by the "+side+" side", func(t *testing.T) {
				server, client, _ := pair(t, nodeOptions{})
				serveGRPC(t, server)
				ctx, cancel := context.WithTimeout(t.Context(), patience)
				defer cancel()
				_, conn, stream := watch(ctx, t, client, server)
				dialled, err := client.peers.DialRaft(ctx, server.addr, server.id)
				if err != nil {
					t.Fatal(err)
				}
				accepted := server.acceptRaft(t)
				exchange(t, accepted, dialled)

				judge, peer := server, client
				if side == "dialling" {
					judge, peer = client, server
				}
				judge.peers.Recheck() // nothing has changed, nothing happens
				judge.refusesNobody(t)
				change.revoke(judge.members, peer.id)
				judge.peers.Recheck()

				expectClosed(t, dialled, atOnce)
				expectClosed(t, accepted, atOnce)
				expectEnd(t, stream, atOnce)
				for closed := 0; closed < 2; {
					r := judge.refusal(t)
					if r.Reason != change.reason || r.Peer != peer.id {
						t.Fatalf("expected %s of %s, counted %v", change.reason, peer.id, r)
					}
					if r.Open { // else the gRPC client has tried again already, and was refused for that
						closed++
					}
				}
				if open := judge.peers.Open(); len(open) != 0 {
					t.Errorf("still open: %v", open)
				}
				if _, err := healthpb.NewHealthClient(conn).Check(ctx, &healthpb.HealthCheckRequest{}); status.Code(err) != codes.Unavailable {
					t.Errorf("a new call was answered with %v", err)
				}
			})
		}
	}
}

// TestRaftRightTakenAway closes the Raft connection only.
func TestRaftRightTakenAway(t *testing.T) {
	server, client, _ := pair(t, nodeOptions{})
	serveGRPC(t, server)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	_, conn, _ := watch(ctx, t, client, server)
	dialled, err := client.peers.DialRaft(ctx, server.addr, server.id)
	if err != nil {
		t.Fatal(err)
	}
	server.acceptRaft(t)
	server.members.allow(client.id, UseLink)
	server.peers.Recheck()
	expectClosed(t, dialled, atOnce)
	if r := server.refusal(t); r.Reason != ReasonRaftNotAllowed || r.Use != UseRaft || !r.Open {
		t.Errorf("counted %+v", r)
	}
	if _, err := healthpb.NewHealthClient(conn).Check(ctx, &healthpb.HealthCheckRequest{}); err != nil {
		t.Errorf("the link should have stayed: %v", err)
	}
	server.refusesNobody(t)
}

// TestRotationOfCAKeepsConnections tells how a region changes its CA: nothing is cut while the registry has both.
func TestRotationOfCAKeepsConnections(t *testing.T) {
	server, client, regions := pair(t, nodeOptions{})
	tianjin := regions[1]
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	dialled, err := client.peers.DialRaft(ctx, server.addr, server.id)
	if err != nil {
		t.Fatal(err)
	}
	accepted := server.acceptRaft(t)

	if err := Rotate(tianjin.dir, PartCA); err != nil {
		t.Fatal(err)
	}
	after, err := loadAuthority(filepath.Join(tianjin.dir, FileAuthority))
	if err != nil {
		t.Fatal(err)
	}
	if len(after.certs) != 2 || !after.certs[1].Equal(tianjin.ca.certs[0]) {
		t.Fatalf("the bundle should hold the new and the old CA, holds %d certificates", len(after.certs))
	}
	server.members.setBundle("tianjin", after.certs)
	server.peers.Recheck()
	exchange(t, dialled, accepted)
	server.refusesNobody(t)

	// The old CA is dropped while the node still uses it: now it is cut.
	server.members.setBundle("tianjin", []*x509.Certificate{after.certs[0]})
	server.peers.Recheck()
	expectClosed(t, dialled, atOnce)
	if r := server.refusal(t); r.Reason != ReasonBadChain || !r.Open {
		t.Errorf("counted %+v", r)
	}
}

// TestRevokedBetweenHandshakeAndAdmission: a change that nobody saw during the handshake is seen when the connection
// is taken among the open ones.
func TestRevokedBetweenHandshakeAndAdmission(t *testing.T) {
	server, client, _ := pair(t, nodeOptions{})
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	dialled, err := client.peers.DialRaft(ctx, server.addr, server.id)
	if err != nil {
		t.Fatal(err)
	}
	server.acceptRaft(t)
	server.members.forbid(client.id, ReasonRevoked)
	// No Recheck: the open connection stays, but a new one must not get past admission. The same TLS state again:
	if _, err := server.peers.admit(server.peers.snapshot()[0].Conn, NodeID{}, true); !errors.Is(err, ReasonRevoked) {
		t.Errorf("admitted: %v", err)
	}
	expectClosed(t, dialled, atOnce)
}

// TestCredentialsOnTheWrongSide are errors, not panics or open doors.
func TestCredentialsOnTheWrongSide(t *testing.T) {
	server, client, _ := pair(t, nodeOptions{})
	if _, _, err := ServerCredentials().ClientHandshake(t.Context(), "", nil); !errors.Is(err, errDirection) {
		t.Errorf("server credentials dialled: %v", err)
	}
	if _, _, err := client.peers.ClientCredentials(server.id).ServerHandshake(nil); !errors.Is(err, errDirection) {
		t.Errorf("client credentials accepted: %v", err)
	}
	if _, _, err := ServerCredentials().ServerHandshake(nil); err == nil {
		t.Error("a connection that is not the mux's was taken")
	}
	// A client that speaks no TLS at all gets nothing.
	serveGRPC(t, server)
	conn, err := grpc.NewClient(server.addr, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if _, err := healthpb.NewHealthClient(conn).Check(ctx, &healthpb.HealthCheckRequest{}); status.Code(err) != codes.Unavailable {
		t.Errorf("plain text was answered with %v", err)
	}
	if r := server.refusal(t); r.Reason != ReasonHandshake {
		t.Errorf("counted %v", r)
	}
	if _, ok := PeerFromContext(ctx); ok {
		t.Error("a peer was found where there is none")
	}
}

// TestClientCredentialsKeepTheReason: gRPC would only give text.
func TestClientCredentialsKeepTheReason(t *testing.T) {
	server, client, _ := pair(t, nodeOptions{})
	serveGRPC(t, server)
	client.members.forbid(server.id, ReasonRevoked)
	creds := client.peers.ClientCredentials(server.id)
	conn, err := grpc.NewClient(server.addr, grpc.WithTransportCredentials(creds))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if _, err := healthpb.NewHealthClient(conn).Check(ctx, &healthpb.HealthCheckRequest{}); status.Code(err) != codes.Unavailable {
		t.Errorf("answered with %v", err)
	}
	if err := creds.LastFailure(); !errors.Is(err, ReasonRevoked) {
		t.Errorf("kept %v", err)
	}
}
