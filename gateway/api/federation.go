package api

import (
	"fmt"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/grpc"
	"google.golang.org/grpc/keepalive"

	"github.com/jieli-gateway/jieli/federation/trust"
)

// maxPeerMessageBytes bounds a message between nodes.
const maxPeerMessageBytes = 8 << 20

// FederationConfig is what the federation port's server must be told.
type FederationConfig struct {
	// Metrics takes the port's metrics; may be the API's. Optional.
	Metrics prometheus.Registerer
	// Log for what an operator must act on. Default: discard.
	Log *slog.Logger
	// Now is the application's clock. Default: time.Now.
	Now func() time.Time
	// Starting tells whether the node is still coming into the federation: then calls that come too early are a detail
	// in the log. Optional.
	Starting func() bool
}

// NewFederationServer makes the gRPC server of the federation port, to be served on trust's Mux.GRPC. Its calls pass
// the same gate as those of the API, and each must come from a node that the handshake has verified; every method of
// the services must be annotated as a peer's. The caller serves it and stops it.
func NewFederationServer(cfg FederationConfig, services ...Service) (*grpc.Server, error) {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	counted, err := newMeters(federationPort, cfg.Metrics)
	if err != nil {
		return nil, err
	}
	g := &gate{
		on: federationPort, rules: rules{}, meters: counted, log: cfg.Log, now: cfg.Now,
		complaints: newComplaints(), starting: cfg.Starting,
	}
	server := grpc.NewServer(
		grpc.Creds(trust.ServerCredentials()),
		grpc.MaxRecvMsgSize(maxPeerMessageBytes),
		grpc.MaxConcurrentStreams(maxStreams),
		grpc.MaxHeaderListSize(maxHeaderBytes),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: 10 * time.Second, PermitWithoutStream: true}),
		grpc.KeepaliveParams(keepalive.ServerParameters{Time: 20 * time.Second, Timeout: 10 * time.Second}),
		grpc.UnaryInterceptor(g.unary),
		grpc.StreamInterceptor(g.stream),
	)
	for _, service := range services {
		if err := g.rules.add(service.Desc.ServiceName, federationPort); err != nil {
			return nil, fmt.Errorf("federation port: %w", err)
		}
		server.RegisterService(service.Desc, service.Impl)
	}
	return server, nil
}
