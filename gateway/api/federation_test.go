package api

import (
	"context"
	"crypto/x509"
	"log/slog"
	"net"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	"github.com/jieli-gateway/jieli/federation/trust"
	"github.com/jieli-gateway/jieli/gateway/fault"
	jieliv1 "github.com/jieli-gateway/jieli/proto/jieli/v1"
)

// everybody lets in the nodes whose bundles it has.
type everybody map[string][]*x509.Certificate

func (e everybody) Bundle(region string) ([]*x509.Certificate, bool) {
	bundle, ok := e[region]
	return bundle, ok
}

func (e everybody) NodeAllowed(id trust.NodeID, _ trust.Use) error {
	if _, ok := e[id.Region]; !ok {
		return trust.ReasonUnregisteredNode
	}
	return nil
}

// peerSide is a node of a federation of a test.
type peerSide struct {
	peers    *trust.Peers
	material *trust.Material
}

func newPeerSide(t *testing.T, members everybody, region string) *peerSide {
	t.Helper()
	dir := t.TempDir()
	if err := trust.Init(dir, region); err != nil {
		t.Fatal(err)
	}
	if err := trust.Issue(dir, "a", trust.IssueOptions{}); err != nil {
		t.Fatal(err)
	}
	material, err := trust.Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	members[region] = material.Bundle
	certificates, err := material.Certificates(slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	peers, err := trust.NewPeers(trust.Config{Certificates: certificates, Members: members})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { peers.Close() })
	return &peerSide{peers, material}
}

// federationService tells who calls.
type federationService struct {
	jieliv1.UnimplementedFederationServiceServer
	fail error
}

func (s *federationService) NodeStatus(ctx context.Context, _ *jieliv1.NodeStatusRequest) (*jieliv1.NodeStatusResponse, error) {
	if s.fail != nil {
		return nil, s.fail
	}
	peer := callOf(ctx).peer
	return &jieliv1.NodeStatusResponse{Region: peer.Region, Name: peer.Node}, nil
}

func (s *federationService) FetchRegistry(_ *jieliv1.FetchRegistryRequest, stream grpc.ServerStreamingServer[jieliv1.FetchRegistryResponse]) error {
	deadline, ok := stream.Context().Deadline()
	if ok && time.Until(deadline) < time.Minute {
		return fault.New(fault.Internal, "DEADLINE", "a stream has a deadline")
	}
	panic("in a stream")
}

func TestFederationPort(t *testing.T) {
	members := everybody{}
	server, client := newPeerSide(t, members, "suzhou"), newPeerSide(t, members, "tianjin")
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	mux, err := trust.NewMux(listener, server.peers, trust.MuxConfig{})
	if err != nil {
		t.Fatal(err)
	}
	mux.Start()
	defer mux.Close()
	service := &federationService{}
	grpcServer, err := NewFederationServer(FederationConfig{}, Service{&jieliv1.FederationService_ServiceDesc, service})
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- grpcServer.Serve(mux.GRPC()) }()
	defer func() {
		grpcServer.Stop()
		if err := <-served; err != nil {
			t.Error(err)
		}
	}()
	conn, err := grpc.NewClient(listener.Addr().String(),
		grpc.WithTransportCredentials(client.peers.ClientCredentials(trust.NodeID{Region: "suzhou"})))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	federation := jieliv1.NewFederationServiceClient(conn)

	answer, err := federation.NodeStatus(context.Background(), &jieliv1.NodeStatusRequest{})
	if err != nil || answer.GetRegion() != "tianjin" || answer.GetName() != "a" {
		t.Fatalf("%v, %v; want the caller", answer, err)
	}
	service.fail = fault.New(fault.Precondition, "NOT_LEADER", "no")
	_, err = federation.NodeStatus(context.Background(), &jieliv1.NodeStatusRequest{})
	wantStatus(t, err, codes.FailedPrecondition, "NOT_LEADER")
	stream, err := federation.FetchRegistry(context.Background(), &jieliv1.FetchRegistryRequest{})
	if err != nil {
		t.Fatal(err)
	}
	_, err = stream.Recv()
	wantStatus(t, err, codes.Internal, "INTERNAL")
	if _, err := jieliv1.NewStatusServiceClient(conn).GetStatus(context.Background(), &jieliv1.GetStatusRequest{}); status.Code(err) != codes.Unimplemented {
		t.Fatalf("a centre's method on the federation port: %v", err)
	}
}

func TestFederationPortWithoutAPeer(t *testing.T) {
	// Served, by a slip, without trust's listener: nobody is verified, so nobody is let in.
	server, err := NewFederationServer(FederationConfig{}, Service{&jieliv1.FederationService_ServiceDesc, &federationService{}})
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	defer func() {
		server.Stop()
		if err := <-served; err != nil {
			t.Error(err)
		}
	}()
	conn, err := grpc.NewClient(listener.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if _, err := jieliv1.NewFederationServiceClient(conn).NodeStatus(ctx, &jieliv1.NodeStatusRequest{}); err == nil {
		t.Fatal("somebody unverified was answered")
	}
}

func TestOnlyPeerServicesOnTheFederationPort(t *testing.T) {
	if _, err := NewFederationServer(FederationConfig{}, Service{&jieliv1.StatusService_ServiceDesc, &jieliv1.UnimplementedStatusServiceServer{}}); err == nil {
		t.Fatal("a centre's service is taken")
	}
}

func TestPeerMethodWithoutAPeerIsRefused(t *testing.T) {
	m, err := newMeters(federationPort, nil)
	if err != nil {
		t.Fatal(err)
	}
	g := &gate{on: federationPort, rules: rules{"/a/B": {peer: true}}, meters: m, now: time.Now}
	if err := g.admit(context.Background(), &call{method: "/a/B"}); fault.ReasonOf(err) != "NO_PEER" {
		t.Fatalf("got %v", err)
	}
}
