package gateway

import (
	"context"
	"errors"
	"net"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/connectivity"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/status"

	"github.com/jieli-gateway/jieli/federation/trust"
	"github.com/jieli-gateway/jieli/gateway/link"
	jieliv1 "github.com/jieli-gateway/jieli/proto/jieli/v1"
)

// linkDialer connects to another region's node that runs tickets. It returns once the connection stands, or with the
// cause it does not: what TCP said, or how TLS refused.
func linkDialer(peers *trust.Peers) link.Dialer {
	return func(ctx context.Context, region, address string) (*grpc.ClientConn, error) {
		creds := watchedCredentials{peers.ClientCredentials(trust.NodeID{Region: region}), new(atomic.Pointer[watchedConn])}
		var tcp atomic.Pointer[error]
		conn, err := grpc.NewClient("passthrough:///"+address,
			grpc.WithTransportCredentials(creds),
			grpc.WithContextDialer(func(ctx context.Context, addr string) (net.Conn, error) {
				c, err := (&net.Dialer{}).DialContext(ctx, "tcp", addr)
				if err != nil {
					tcp.Store(&err)
				}
				return c, err
			}),
			grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(link.MaxFrameBytes), grpc.MaxCallSendMsgSize(link.MaxFrameBytes)),
			grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: 20 * time.Second, Timeout: 10 * time.Second}),
			grpc.WithConnectParams(grpc.ConnectParams{Backoff: backoff.DefaultConfig, MinConnectTimeout: 10 * time.Second}),
			grpc.WithInitialWindowSize(linkWindow), grpc.WithInitialConnWindowSize(linkWindow),
		)
		if err != nil {
			return nil, err
		}
		conn.Connect()
		for {
			state := conn.GetState()
			switch state {
			case connectivity.Ready:
				return conn, nil
			case connectivity.TransientFailure, connectivity.Shutdown:
				return nil, errors.Join(dialFailure(tcp.Load(), creds), conn.Close())
			case connectivity.Idle:
				conn.Connect()
			}
			if !conn.WaitForStateChange(ctx, state) {
				return nil, errors.Join(ctx.Err(), conn.Close())
			}
		}
	}
}

// linkWindow is HTTP/2's window for links: enough for full batches over 50 ms.
const linkWindow = 4 << 20

// dialFailure is why a connection did not come about. gRPC tells it as text only, if at all.
func dialFailure(tcp *error, creds watchedCredentials) error {
	if tcp != nil {
		return *tcp
	}
	if err := creds.LastFailure(); err != nil {
		return err
	}
	if conn := creds.conn.Load(); conn != nil {
		return conn.why()
	}
	return errors.New("the connection failed")
}

// linkService is served from the beginning; links come when the store is open.
type linkService struct {
	jieliv1.UnimplementedLinkServiceServer
	links atomic.Pointer[link.Links]
}

// Connect implements jieliv1.LinkServiceServer.
func (s *linkService) Connect(stream jieliv1.LinkService_ConnectServer) error {
	l, err := s.ready()
	if err != nil {
		return err
	}
	return l.Connect(stream)
}

// View implements jieliv1.LinkServiceServer.
func (s *linkService) View(ctx context.Context, req *jieliv1.ViewRequest) (*jieliv1.ViewResponse, error) {
	l, err := s.ready()
	if err != nil {
		return nil, err
	}
	return l.View(ctx, req)
}

// Probe implements jieliv1.LinkServiceServer.
func (s *linkService) Probe(ctx context.Context, req *jieliv1.ProbeRequest) (*jieliv1.ProbeResponse, error) {
	l, err := s.ready()
	if err != nil {
		return nil, err
	}
	return l.Probe(ctx, req)
}

// status is how the links are; none before there are any.
func (s *linkService) status() []*jieliv1.LinkStatus {
	if l := s.links.Load(); l != nil {
		return l.Status()
	}
	return nil
}

// ready gives the links, or says that there are none yet; the words begin with the reason, for whoever asks.
func (s *linkService) ready() (*link.Links, error) {
	if l := s.links.Load(); l != nil {
		return l, nil
	}
	return nil, status.Error(codes.Unavailable, link.ReasonNotReady+": this node runs no tickets, or is still starting")
}

// peerRegion is the region of whoever opened a stream, as its certificate says.
func peerRegion(ctx context.Context) (string, bool) {
	id, ok := trust.PeerFromContext(ctx)
	return id.Region, ok
}
