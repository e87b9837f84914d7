package gateway

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"path/filepath"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc"

	"github.com/jieli-gateway/jieli/federation"
	"github.com/jieli-gateway/jieli/federation/registry"
	"github.com/jieli-gateway/jieli/federation/trust"
	"github.com/jieli-gateway/jieli/gateway/access"
	"github.com/jieli-gateway/jieli/gateway/api"
	"github.com/jieli-gateway/jieli/gateway/desk"
	"github.com/jieli-gateway/jieli/gateway/link"
	"github.com/jieli-gateway/jieli/gateway/store"
	"github.com/jieli-gateway/jieli/gateway/store/sqlite"
	"github.com/jieli-gateway/jieli/gateway/telemetry"
	jieliv1 "github.com/jieli-gateway/jieli/proto/jieli/v1"
	"github.com/jieli-gateway/jieli/regions"
)

const (
	// stopTime bounds each step of an orderly stop.
	stopTime = 10 * time.Second
	// joinTry and joinPause: a joiner that is not approved yet tries again.
	joinTry   = 30 * time.Second
	joinPause = 2 * time.Second
)

// Node is one running node of a region.
type Node struct {
	cfg      Config
	log      *slog.Logger
	material *trust.Material
	metrics  *prometheus.Registry
	readings *telemetry.Readings

	own        func() *x509.Certificate // of this node, as it is now
	peers      *trust.Peers
	mux        *trust.Mux
	registry   *federation.Registry
	network    federation.Network
	federation *grpc.Server
	linking    linkService
	joining    *joining
	api        *api.Server
	listener   net.Listener // of the API

	closers []func() error
}

// Open reads keys, takes the ports and opens the registry; nothing is served before Run. Close must be called.
func Open(ctx context.Context, cfg Config) (*Node, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	n := &Node{cfg: cfg, log: cfg.Log, metrics: prometheus.NewRegistry()}
	n.joining = &joining{log: cfg.Log, now: cfg.Now}
	if err := n.open(ctx); err != nil {
		return nil, errors.Join(err, n.Close())
	}
	return n, nil
}

func (n *Node) open(ctx context.Context) (err error) {
	if n.material, err = trust.Load(n.cfg.PKIDir); err != nil {
		return fmt.Errorf("keys of this node in %s: %w; make them with `jieli pki init` and `jieli pki issue`", n.cfg.PKIDir, err)
	}
	if n.material.Node.IsZero() {
		return fmt.Errorf("there is no certificate of this node in %s; make one with `jieli pki issue`", n.cfg.PKIDir)
	}
	n.log = n.log.With(slog.Any("region", n.material.Region), slog.Any("node", n.material.Node.Node))
	if err := n.checkBootstrap(); err != nil {
		return err
	}
	n.joining.log = n.log
	if n.registry, err = federation.New(federation.Config{
		Self: n.material.Node, Dir: registryDir(n.cfg.DataDir), Version: n.cfg.Version, Profile: n.cfg.Raft,
		Now: n.cfg.Now, Log: n.log, Metrics: n.metrics,
	}); err != nil {
		return fmt.Errorf("registry: %w", err)
	}
	n.onClose(n.registry.Close)
	certificates, err := n.material.Certificates(n.log)
	if err != nil {
		return err
	}
	n.own = certificates.Leaf
	if err := n.openMetrics(certificates); err != nil {
		return err
	}
	if err := n.openFederationPort(ctx, certificates); err != nil {
		return err
	}
	return n.openAPI(ctx)
}

// onClose adds a step to Close; steps run in the opposite order.
func (n *Node) onClose(f func() error) { n.closers = append(n.closers, f) }

func (n *Node) openFederationPort(ctx context.Context, certificates *trust.Certificates) (err error) {
	refused := prometheus.NewCounterVec(prometheus.CounterOpts{
		Namespace: "jieli", Subsystem: "federation", Name: "refused_peers_total",
		Help: "Peers refused at or after the TLS handshake, by reason.",
	}, []string{"reason"})
	n.metrics.MustRegister(refused)
	n.peers, err = trust.NewPeers(trust.Config{
		Certificates: certificates, Members: n.registry.Members(), Log: n.log, Now: n.cfg.Now,
		OnRefusal: func(r *trust.Refusal) { refused.WithLabelValues(string(r.Reason)).Inc() },
		// The members know a newcomer, and call it, before it has the registry in which it could look them up.
		Expected: func(r *trust.Refusal) bool { return r.Reason == trust.ReasonUnknownRegion && n.joining.underWay() },
	})
	if err != nil {
		return err
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", n.cfg.FederationListen)
	if err != nil {
		return fmt.Errorf("federation port %s: %w; is another node running here, or another program on this port?", n.cfg.FederationListen, err)
	}
	if n.mux, err = trust.NewMux(listener, n.peers, trust.MuxConfig{Log: n.log}); err != nil {
		return errors.Join(err, listener.Close())
	}
	// Closed after the registry's connections, before the registry's files: see Close.
	n.closers = append([]func() error{n.peers.Close, n.mux.Close}, n.closers...)
	if n.network, err = federation.NewNetwork(certificates, n.peers, n.mux); err != nil {
		return err
	}
	n.federation, err = api.NewFederationServer(api.FederationConfig{Metrics: n.metrics, Log: n.log, Now: n.cfg.Now, Starting: n.joining.underWay},
		api.Service{Desc: &jieliv1.FederationService_ServiceDesc, Impl: n.registry.Service()},
		api.Service{Desc: &jieliv1.LinkService_ServiceDesc, Impl: &n.linking},
	)
	return err
}

func (n *Node) openAPI(ctx context.Context) error {
	tokens, err := access.Open(TokensFile(n.cfg.DataDir), access.Options{})
	if err != nil {
		return err
	}
	n.api, err = api.New(api.Config{
		Address: n.cfg.APIListen, TLS: n.cfg.APITLS, Region: n.material.Region, Node: n.material.Node.Node, Version: n.cfg.Version,
		Tokens: tokens, Certificates: n.cfg.APICertificates, Metrics: n.metrics, MetricsAnonymous: n.cfg.MetricsAnonymous,
		Log: n.log, Now: n.cfg.Now,
	})
	if err != nil {
		return err
	}
	n.onClose(func() error {
		ctx, cancel := context.WithTimeout(context.Background(), stopTime)
		defer cancel()
		return n.api.Shutdown(ctx)
	})
	if n.listener, err = new(net.ListenConfig).Listen(ctx, "tcp", n.cfg.APIListen); err != nil {
		return fmt.Errorf("API port %s: %w; is another node running here, or another program on this port?", n.cfg.APIListen, err)
	}
	n.onClose(func() error { return ignoreClosed(n.listener.Close()) })
	return nil
}

// Entered tells whether a data directory is that of a node in a federation.
func Entered(dataDir string) bool { return federation.Entered(registryDir(dataDir)) }

func registryDir(dataDir string) string { return filepath.Join(dataDir, "registry") }

// TokensFile is where a node keeps its tokens.
func TokensFile(dataDir string) string { return filepath.Join(dataDir, "tokens.json") }

// APIAddress is where the API listens.
func (n *Node) APIAddress() string { return n.listener.Addr().String() }

// Run serves until ctx ends or a part fails. The API answers first, so that /readyz can say what is still loading.
func (n *Node) Run(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return n.api.Serve(n.listener) })
	group.Go(func() error {
		watchHeap(ctx)
		return nil
	})
	n.mux.Start()
	group.Go(func() error { return n.federation.Serve(n.mux.GRPC()) })
	group.Go(func() error {
		<-ctx.Done()
		n.stop()
		return nil
	})
	group.Go(func() error {
		if err := n.runParts(ctx, group); err != nil && ctx.Err() == nil {
			return err
		}
		return nil
	})
	if err := group.Wait(); err != nil && !errors.Is(err, net.ErrClosed) {
		return err
	}
	return nil
}

// stop takes no more calls and lets those under way finish.
func (n *Node) stop() {
	ctx, cancel := context.WithTimeout(context.Background(), stopTime)
	defer cancel()
	n.log.Info("stopping: no more calls are taken")
	if err := n.api.Shutdown(ctx); err != nil {
		n.log.Warn("calls under way were cut off", slog.Any("error", err))
	}
	stopped := make(chan struct{})
	go func() {
		n.federation.GracefulStop()
		close(stopped)
	}()
	select {
	case <-stopped:
	case <-ctx.Done():
		n.federation.Stop()
		<-stopped
	}
}

// runParts starts registry, store, desk and links, each when what it needs is there.
func (n *Node) runParts(ctx context.Context, group *errgroup.Group) error {
	if err := n.registry.Start(n.network); err != nil {
		return err
	}
	parts := api.Parts{
		Registry:       n.registry,
		Views:          newViews(n.material.Region, linkRegistry{n.registry}, linkDialer(n.peers)),
		Tester:         newLinkTester(n.material.Region, n.peers, n.own, linkRegistry{n.registry}, n.linking.status, n.cfg.Now),
		CertificateEnd: func() time.Time { return n.own().NotAfter },
		Joining:        n.joining.status,
	}
	if err := n.api.Attach(parts); err != nil {
		return err
	}
	if err := n.enter(ctx); err != nil {
		return err
	}
	self := n.material.Node
	entry, ok := n.registry.View().Node(self.Region, self.Node)
	if !ok {
		return fmt.Errorf("node %s is not in the registry this node has; register it at a member with `jieli node set`", self)
	}
	if !entry.GetTickets() {
		n.log.Info("this node carries the registry only")
		n.joining.over()
		n.api.SetLoading()
		<-ctx.Done()
		return nil
	}
	return n.runTickets(ctx, group, parts)
}

// enter makes or joins a federation, or finds that the node is in one.
func (n *Node) enter(ctx context.Context) error {
	if here := n.registry.View().ClusterID(); here != "" {
		return n.staysIn(here)
	}
	n.api.SetLoading("federation", "store")
	switch {
	case n.cfg.Bootstrap != nil:
		return n.bootstrap(ctx)
	case n.cfg.Join != nil:
		return n.join(ctx)
	}
	return errors.New("this node is in no federation: start it once with --bootstrap to make one, or with --join to join one")
}

// staysIn refuses to start a node of one federation that is told to join another: it would go on in the old one, and
// nobody would see why it never appears in the new one.
func (n *Node) staysIn(cluster string) error {
	if n.cfg.Join == nil || n.cfg.Join.ClusterID == cluster {
		return nil
	}
	return fmt.Errorf("this node is in federation %s already, and --cluster-id names %s: if it was bootstrapped by mistake and has no tickets, "+
		"remove registry in its data directory, and start it again with --join", cluster, n.cfg.Join.ClusterID)
}

// checkBootstrap refuses what a federation cannot begin with, before anything is on disk.
func (n *Node) checkBootstrap() error {
	if n.cfg.Bootstrap == nil || Entered(n.cfg.DataDir) {
		return nil
	}
	region, _ := Entry(n.material, n.cfg.Bootstrap.Region, n.cfg.Advertise, true, true)
	if err := registry.CheckRegion(region); err != nil {
		return fmt.Errorf("a new federation cannot begin with this region: %w", err)
	}
	return nil
}

func (n *Node) bootstrap(ctx context.Context) error {
	b := n.cfg.Bootstrap
	region, node := Entry(n.material, b.Region, n.cfg.Advertise, true, true)
	node.Version = n.cfg.Version
	var services []*jieliv1.ServiceEntry
	for _, s := range regions.DefaultServices() {
		services = append(services, &jieliv1.ServiceEntry{Code: s.Code, NameZh: s.NameZH, NameEn: s.NameEN, Aliases: s.Aliases, Emergency: s.Emergency})
	}
	_, err := n.registry.Bootstrap(ctx, federation.BootstrapRequest{Region: region, Node: node, Services: services, Actor: b.Actor})
	return err
}

// join tries until the members know and have approved this node's region.
func (n *Node) join(ctx context.Context) error {
	n.joining.begin(n.cfg.Join.Address)
	for {
		try, cancel := context.WithTimeout(ctx, joinTry)
		err := n.registry.Join(try, *n.cfg.Join)
		cancel()
		if err == nil || ctx.Err() != nil {
			return ctx.Err()
		}
		if errors.Is(err, federation.ErrHasRegistry) || errors.Is(err, federation.ErrOtherCluster) {
			return err
		}
		if n.registry.View().ClusterID() != "" {
			return nil // the registry is here; the leader comes when it can
		}
		n.joining.failed(err)
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(joinPause):
		}
	}
}

// runTickets opens the store and runs desk and links until ctx ends.
func (n *Node) runTickets(ctx context.Context, group *errgroup.Group, parts api.Parts) (err error) {
	n.api.SetLoading("store")
	signer, ok := n.material.Signer(func(id string) bool {
		_, known := n.registry.View().SigningKey(n.material.Region, id)
		return known
	})
	if !ok {
		return fmt.Errorf("the registry knows no signing key of this node; update the region's entry from `jieli pki show -o json`")
	}
	meters, err := telemetry.NewMeters(n.metrics)
	if err != nil {
		return err
	}
	tracer, err := n.tracer()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, tracer.close()) }()
	var d *desk.Desk
	st, err := sqlite.Open(ctx, sqlite.Options{
		Dir: filepath.Join(n.cfg.DataDir, "store"), Logger: n.log, Now: n.cfg.Now,
		Sealer: steppedSealer{desk.NewSealer(n.material.Region, func() string { return n.registry.View().ClusterID() }, signer)},
		OnCommit: func(c store.Changes) {
			failpoint("committed")
			d.Committed(c)
		},
		Observe: meters.Commit,
	})
	if err != nil {
		return fmt.Errorf("ticket store: %w", err)
	}
	defer func() { err = errors.Join(err, st.Close()) }()
	watch := newDisk(st, n.cfg.SoftFree, n.cfg.HardFree)
	d, err = desk.New(desk.Config{
		Region: n.material.Region, Store: tracer.store(st), Registry: deskRegistry{n.registry}, Signer: signer, Vault: n.material.Vault,
		Intake: watch.intake, OnDelivered: meters.Delivered, Log: n.log, Now: n.cfg.Now,
	})
	if err != nil {
		return err
	}
	links, err := link.New(link.Config{
		Region: n.material.Region, Node: n.material.Node.Node, Version: n.cfg.Version, Peer: peerRegion,
		Log: n.log, Registerer: n.metrics, Now: n.cfg.Now,
	}, tracer.store(st), tracer.tickets(steppedDesk{d}), linkRegistry{n.registry}, signer, d.Keys(), linkDialer(n.peers))
	if err != nil {
		return err
	}
	d.UsePeers(links)
	if err := n.addTickets(st, links); err != nil {
		return err
	}
	watch.notTaking = links.SetNotTaking
	watch.look()
	parts.Desk, parts.Open = tracer.desk(d), d
	parts.Store, parts.Links = &storeStatus{region: n.material.Region, store: st, disk: watch}, links
	if err := n.api.Attach(parts); err != nil {
		return err
	}
	n.linking.links.Store(links)
	n.joining.over()
	n.api.SetLoading()
	n.log.Info("ready", slog.Any("api", n.APIAddress()), slog.Any("federation", n.cfg.FederationListen), slog.Any("revision", n.registry.View().Revision()))
	running, ctx := errgroup.WithContext(ctx)
	running.Go(func() error { return links.Run(ctx) })
	running.Go(func() error { return d.Run(ctx) })
	running.Go(func() error { return n.watchDisk(ctx, watch) })
	running.Go(func() error { return n.prune(ctx, st) })
	return running.Wait()
}

// Close ends what Run has not. The registry goes before its network.
func (n *Node) Close() error {
	var failures []error
	for i := len(n.closers) - 1; i >= 0; i-- {
		failures = append(failures, n.closers[i]())
	}
	n.closers = nil
	return errors.Join(failures...)
}

func ignoreClosed(err error) error {
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}
