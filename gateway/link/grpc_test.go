package link

import (
	"context"
	"net"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"

	jieliv1 "github.com/jieli-gateway/jieli/proto/jieli/v1"
)

// served lets nodes speak gRPC over the machine's own network, in real time. Who calls says so in a header, where
// certificates would.
type served struct {
	*world
	mu        sync.Mutex
	addresses map[string]string
	servers   []*grpc.Server
	serving   sync.WaitGroup
}

const regionHeader = "test-region"

func serveWorld(tb testing.TB, regions ...string) *served {
	tb.Helper()
	s := &served{world: newWorld(regions...), addresses: map[string]string{}}
	for _, n := range s.nodes {
		n.dial, n.peerOf = s.dial(n.region), callerRegion
		n.start(nil)
	}
	for _, n := range s.nodes {
		s.serve(tb, n)
	}
	tb.Cleanup(func() {
		s.stop()
		for _, server := range s.servers {
			server.Stop()
		}
		s.serving.Wait()
	})
	return s
}

func (s *served) serve(tb testing.TB, n *node) {
	tb.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	server := grpc.NewServer(grpc.MaxRecvMsgSize(MaxFrameBytes), grpc.MaxSendMsgSize(MaxFrameBytes))
	jieliv1.RegisterLinkServiceServer(server, n.links)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.servers = append(s.servers, server)
	s.addresses[n.region] = listener.Addr().String()
	s.serving.Go(func() { _ = server.Serve(listener) })
}

func (s *served) dial(from string) Dialer {
	return func(_ context.Context, region, _ string) (*grpc.ClientConn, error) {
		s.mu.Lock()
		address := s.addresses[region]
		s.mu.Unlock()
		if address == "" {
			address = "127.0.0.1:1"
		}
		return grpc.NewClient("passthrough:///"+address, grpc.WithTransportCredentials(insecure.NewCredentials()),
			grpc.WithStreamInterceptor(func(ctx context.Context, d *grpc.StreamDesc, c *grpc.ClientConn, method string, next grpc.Streamer, o ...grpc.CallOption) (grpc.ClientStream, error) {
				return next(metadata.AppendToOutgoingContext(ctx, regionHeader, from), d, c, method, o...)
			}))
	}
}

func callerRegion(ctx context.Context) (string, bool) {
	if v := metadata.ValueFromIncomingContext(ctx, regionHeader); len(v) == 1 {
		return v[0], true
	}
	return "", false
}

func TestOverGRPC(t *testing.T) {
	s := serveWorld(t, alpha, beta)
	a, b := s.nodes[alpha], s.nodes[beta]
	big := string(make([]byte, 3<<20))
	if err := a.write(beta, wordTake, big, wordTake); err != nil {
		t.Fatal(err)
	}
	for range 20 {
		a.mustWrite(b, 30, wordTake)
		b.mustWrite(a, 30, wordTake)
	}
	eventually(t, 30*time.Second, "everything has its receipt", func() bool {
		return a.row(beta).Acknowledged == 603 && b.row(alpha).Acknowledged == 600
	})
	sameHistory(t, a, b)
	sameHistory(t, b, a)
	if st := a.status(beta); st.GetState() != StateUp || !st.GetConfirmed() {
		t.Errorf("status: %v", st)
	}

	// One goes in an orderly way, and the other is told.
	b.stop()
	eventually(t, 5*time.Second, "alpha is told", func() bool { return a.status(beta).GetState() == StateDown })
	if l := b.row(alpha); l.Streaming || l.SentMark != 600 {
		t.Errorf("beta left %+v", l)
	}
}

func TestStrangersOverGRPC(t *testing.T) {
	s := serveWorld(t, alpha, beta)
	for _, who := range []string{"", gamma, beta} {
		conn, err := s.dial(who)(t.Context(), beta, "")
		if err != nil {
			t.Fatal(err)
		}
		stream, err := jieliv1.NewLinkServiceClient(conn).Connect(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := stream.Recv(); Reason(err) != ReasonNotMember {
			t.Errorf("region %q was answered %v", who, err)
		}
		if err := conn.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestNobodyListensOverGRPC(t *testing.T) {
	s := &served{world: newWorld(alpha, beta), addresses: map[string]string{}}
	a := s.nodes[alpha]
	a.dial = s.dial(alpha)
	a.start(nil)
	defer s.stop()
	eventually(t, 5*time.Second, "status says so", func() bool { return a.status(beta).GetReason() == ReasonRefused })
}

// BenchmarkHandOff is one item at a time from commit to committed receipt, stores in memory.
func BenchmarkHandOff(b *testing.B) {
	s := serveWorld(b, alpha, beta)
	from := s.nodes[alpha]
	if !becomes(5*time.Second, isUp(from, beta)) {
		b.Fatal("the link does not come up")
	}
	for b.Loop() {
		want := from.row(beta).LastSequence + 1
		if err := from.write(beta, wordTake); err != nil {
			b.Fatal(err)
		}
		for from.row(beta).Acknowledged < want {
			<-from.committed
		}
	}
}

// BenchmarkStream is as many items as the link takes, stores in memory.
func BenchmarkStream(b *testing.B) {
	s := serveWorld(b, alpha, beta)
	from := s.nodes[alpha]
	if !becomes(5*time.Second, isUp(from, beta)) {
		b.Fatal("the link does not come up")
	}
	var n uint64
	for b.Loop() {
		n++
		if err := from.write(beta, wordTake); err != nil {
			b.Fatal(err)
		}
		for from.row(beta).Acknowledged+2048 < n {
			<-from.committed
		}
	}
	for from.row(beta).Acknowledged < n {
		<-from.committed
	}
}
