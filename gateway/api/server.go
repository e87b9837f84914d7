package api

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/grpc"
	"google.golang.org/grpc/health"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/reflection"

	"github.com/jieli-gateway/jieli/gateway/access"
	"github.com/jieli-gateway/jieli/gateway/fault"
	jieliv1 "github.com/jieli-gateway/jieli/proto/jieli/v1"
)

// Bounds of the API port.
const (
	// maxMessageBytes bounds a gRPC request.
	maxMessageBytes = 4 << 20
	// MaxBodyBytes bounds the body of an HTTP request.
	MaxBodyBytes = 1 << 20
	// maxHeaderBytes bounds the headers of a request, over gRPC and HTTP.
	maxHeaderBytes = 16 << 10
	// maxStreams bounds the calls under way on one gRPC connection.
	maxStreams = 1024
	// DefaultMaxConnections bounds the connections open at once; more callers wait in the kernel's queue.
	DefaultMaxConnections = 4096
	// cutOffTime is how long calls may take to notice that they are cut off.
	cutOffTime = 5 * time.Second
)

// Config is what an API must be told.
type Config struct {
	// Address it will listen on, host:port, as configured. Checked by New and again, as it really is, by Serve: one
	// that is not a loopback address needs TLS. Optional.
	Address string
	// TLS for the port; nil: none, for loopback addresses only. NewTLS makes one. To take client certificates it must
	// have ClientCAs and ask for them. NextProtos is set here.
	TLS *tls.Config
	// Region, Node and Version of this node, for status.
	Region, Node, Version string
	// Tokens says who may call. Required.
	Tokens *access.Tokens
	// Certificates says what client certificates may do. Optional.
	Certificates *access.Certificates
	// Metrics takes this package's metrics, and /metrics shows all it has. Default: an empty one.
	Metrics *prometheus.Registry
	// MetricsAnonymous lets /metrics be read without a token; otherwise it needs the role monitor.
	MetricsAnonymous bool
	// MaxConnections defaults to DefaultMaxConnections.
	MaxConnections int
	// Log for what an operator must act on. Default: discard.
	Log *slog.Logger
	// Now is the application's clock. Default: time.Now.
	Now func() time.Time
}

// Parts are what the API speaks for. An interface here is nil or holds something: never a nil pointer.
type Parts struct {
	// Registry answers reads and takes changes. Required.
	Registry Registry
	// Desk handles tickets; nil on a node that runs none.
	Desk Desk
	// Open counts this region's open tickets, for its retirement: the desk. Nil on a node that runs none.
	Open OpenTickets
	// Store tells how the ticket store is; nil on a node that runs none.
	Store Store
	// Links tells how the links are; nil on a node that runs none.
	Links Links
	// Views asks other nodes, and Tester tries to reach them. Optional.
	Views  Views
	Tester LinkTester
	// CertificateEnd is until when this node's certificate is good. Optional.
	CertificateEnd func() time.Time
	// Joining tells how the node's joining stands; nil when it is not joining. Optional.
	Joining func() *Joining
}

// Joining is how a node stands that was told to join a federation and is not in it yet.
type Joining struct {
	// Address of the member it joins through, since when it tries.
	Address string
	Since   time.Time
	// Cause is a word for what the last try failed of, and Error what it said; both are empty before the first has failed.
	Cause, Error string
	// Advice says what to do about that.
	Advice, AdviceZh string
}

// Server is a node's API. It may serve before it has its parts: /healthz and /readyz answer, and calls are
// UNAVAILABLE until Attach.
type Server struct {
	cfg       Config
	gate      *gate
	grpc      *grpc.Server
	web       *http.Server
	health    *health.Server
	documents *openAPI
	started   time.Time
	parts     atomic.Pointer[Parts]
	loading   atomic.Pointer[[]string]

	draining chan struct{}
	drain    sync.Once
	serving  sync.WaitGroup
	boards   sync.Mutex
	board    *switchboard
}

// New makes an API that says it is starting. Serve it; Shutdown must be called, whether it was served or not.
func New(cfg Config) (*Server, error) {
	if cfg.Tokens == nil {
		return nil, errors.New("api: tokens are required")
	}
	if cfg.Address != "" {
		if err := CheckAddress(cfg.Address, cfg.TLS != nil); err != nil {
			return nil, err
		}
	}
	if cfg.Metrics == nil {
		cfg.Metrics = prometheus.NewRegistry()
	}
	if cfg.MaxConnections <= 0 {
		cfg.MaxConnections = DefaultMaxConnections
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	documents, err := loadOpenAPI()
	if err != nil {
		return nil, err
	}
	s := &Server{cfg: cfg, documents: documents, started: cfg.Now(), draining: make(chan struct{})}
	if err := s.build(); err != nil {
		return nil, err
	}
	s.SetLoading("registry", "store")
	return s, nil
}

// build puts the gate, the gRPC server and the HTTP server together.
func (s *Server) build() error {
	counted, err := newMeters(apiPort, s.cfg.Metrics)
	if err != nil {
		return err
	}
	if err := newReady(s.cfg.Metrics, func() bool { return len(*s.loading.Load()) == 0 }); err != nil {
		return fmt.Errorf("register whether the node is ready: %w", err)
	}
	s.gate = &gate{
		on: apiPort, rules: builtin(), tokens: s.cfg.Tokens, certificates: s.cfg.Certificates,
		attempts: access.NewAttempts(s.cfg.Now), meters: counted, log: s.cfg.Log, now: s.cfg.Now,
		complaints: newComplaints(), draining: s.draining,
	}
	s.gate.rules[metricsPage] = rule{roles: []access.Role{access.Monitor}, anonymous: false}
	if s.cfg.MetricsAnonymous {
		s.gate.rules[metricsPage] = rule{anonymous: true}
	}
	s.gate.rules[documentPage] = rule{roles: access.AllRoles()}

	s.grpc = grpc.NewServer(
		grpc.Creds(acceptedCredentials{}),
		grpc.ForceServerCodecV2(newLenientCodec()),
		grpc.MaxRecvMsgSize(maxMessageBytes),
		grpc.MaxConcurrentStreams(maxStreams),
		grpc.MaxHeaderListSize(maxHeaderBytes),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: 10 * time.Second, PermitWithoutStream: true}),
		grpc.KeepaliveParams(keepalive.ServerParameters{Time: time.Minute, Timeout: 20 * time.Second}),
		grpc.WaitForHandlers(true),
		grpc.UnaryInterceptor(s.gate.unary),
		grpc.StreamInterceptor(s.gate.stream),
	)
	inside := newInProcess(s.gate.unary)
	for _, service := range s.services() {
		if err := s.gate.rules.add(service.Desc.ServiceName, apiPort); err != nil {
			return fmt.Errorf("api: %w", err)
		}
		s.grpc.RegisterService(service.Desc, service.Impl)
		inside.add(service.Desc, service.Impl)
	}
	s.health = health.NewServer()
	grpc_health_v1.RegisterHealthServer(s.grpc, s.health)
	reflection.Register(s.grpc)

	handler, err := s.newHandler(inside)
	if err != nil {
		return err
	}
	s.web = newWebServer(handler, s.cfg.Log)
	return nil
}

// services are what centres and admins call.
func (s *Server) services() []Service {
	return []Service{
		{&jieliv1.TicketService_ServiceDesc, &ticketService{api: s}},
		{&jieliv1.EventService_ServiceDesc, &eventService{api: s}},
		{&jieliv1.RegistryService_ServiceDesc, &registryService{api: s}},
		{&jieliv1.StatusService_ServiceDesc, &statusService{api: s}},
	}
}

// Attach gives the API what it speaks for. It may be called again, with other parts.
func (s *Server) Attach(p Parts) error {
	if p.Registry == nil {
		return errors.New("api: a registry is required")
	}
	s.parts.Store(&p)
	return nil
}

// SetLoading says what the node is still loading, in a word each; none means that it is ready. /readyz shows it.
func (s *Server) SetLoading(parts ...string) {
	parts = slices.Clone(parts)
	s.loading.Store(&parts)
	serving := grpc_health_v1.HealthCheckResponse_SERVING
	if len(parts) > 0 {
		serving = grpc_health_v1.HealthCheckResponse_NOT_SERVING
	}
	s.health.SetServingStatus("", serving)
	for _, service := range s.services() {
		s.health.SetServingStatus(service.Desc.ServiceName, serving)
	}
}

// attached gives the parts, or says that the node is still starting.
func (s *Server) attached() (*Parts, error) {
	if p := s.parts.Load(); p != nil {
		return p, nil
	}
	return nil, starts()
}

// starts is what calls are told before the node has all its parts.
func starts() error {
	return fault.New(fault.Unavailable, "STARTING", "this node is starting; /readyz says what it is still loading. Try again in a moment")
}

// Serve answers on a listener, which it owns from then on, until Shutdown; then it returns nil. It refuses a
// listener that others than this machine can reach when there is no TLS.
func (s *Server) Serve(listener net.Listener) error {
	if err := CheckAddress(listener.Addr().String(), s.cfg.TLS != nil); err != nil {
		return errors.Join(err, listener.Close())
	}
	board := newSwitchboard(listener, s.cfg.TLS, s.cfg.MaxConnections, s.cfg.Log)
	if !s.adopt(board) {
		return board.close()
	}
	defer s.serving.Done()

	var servers sync.WaitGroup
	var grpcErr, webErr error
	servers.Go(func() { grpcErr = s.grpc.Serve(board.grpc) })
	servers.Go(func() { webErr = s.web.Serve(board.web) })
	board.run()
	err := board.close()
	servers.Wait()
	if errors.Is(webErr, http.ErrServerClosed) || errors.Is(webErr, net.ErrClosed) {
		webErr = nil
	}
	if errors.Is(grpcErr, grpc.ErrServerStopped) || errors.Is(grpcErr, net.ErrClosed) {
		grpcErr = nil
	}
	return errors.Join(err, grpcErr, webErr)
}

// adopt remembers what is being served, unless the end has come already.
func (s *Server) adopt(board *switchboard) bool {
	s.boards.Lock()
	defer s.boards.Unlock()
	select {
	case <-s.draining:
		return false
	default:
	}
	s.board = board
	s.serving.Add(1)
	return true
}

// Shutdown takes no new calls, ends the long ones, lets the others finish until ctx ends, and then cuts off what is
// left. It returns when nothing of the API runs any more, or an error that says what still does.
func (s *Server) Shutdown(ctx context.Context) error {
	s.SetLoading("stopping")
	s.boards.Lock()
	s.drain.Do(func() { close(s.draining) })
	board := s.board
	s.boards.Unlock()
	if board != nil {
		board.stop()
	}

	grpcEnded := make(chan error, 1)
	go func() { grpcEnded <- s.stopGRPC(ctx) }()
	err := s.web.Shutdown(ctx)
	if err != nil {
		err = errors.Join(err, s.web.Close())
	}
	err = errors.Join(err, <-grpcEnded)
	s.health.Shutdown()
	s.serving.Wait()
	return err
}

// stopGRPC lets calls finish until ctx ends, then cuts them off. A call that does not heed even that is left behind.
func (s *Server) stopGRPC(ctx context.Context) error {
	graceful := make(chan struct{})
	go func() {
		defer close(graceful)
		s.grpc.GracefulStop()
	}()
	select {
	case <-graceful:
		return nil
	case <-ctx.Done():
	}
	go s.grpc.Stop()
	select {
	case <-graceful:
		return ctx.Err()
	case <-time.After(cutOffTime):
		return fmt.Errorf("API: calls still run %s after they were cut off", cutOffTime)
	}
}
