package federationtest

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/keepalive"

	"github.com/jieli-gateway/jieli/federation"
	"github.com/jieli-gateway/jieli/federation/trust"
	jieliv1 "github.com/jieli-gateway/jieli/proto/jieli/v1"
)

// Patience bounds each wait of a Cluster.
const Patience = 60 * time.Second

// Options change what Start does.
type Options struct {
	// Services are registered with each node's gRPC server, beside the federation's own. Optional.
	Services func(node *ClusterNode, server grpc.ServiceRegistrar)
	// Configure changes a node's configuration before it is made. Optional.
	Configure func(*federation.Config)
	// Log of all nodes. Optional.
	Log *slog.Logger
}

// Cluster is a federation over mTLS on loopback, all in this process.
type Cluster struct {
	t       testing.TB
	opts    Options
	regions []string
	pki     map[string]string // directory of each region's keys
	nodes   map[trust.NodeID]*ClusterNode
}

// ClusterNode is one node of a Cluster.
type ClusterNode struct {
	ID           trust.NodeID
	Address      string // host:port of its federation port
	Dir          string // its data directory
	Material     *trust.Material
	Certificates *trust.Certificates
	Registry     *federation.Registry
	Peers        *trust.Peers
	Mux          *trust.Mux
	Server       *grpc.Server

	served chan error
	closed bool
}

// Start makes a federation of one node "1" in each region: the first bootstraps it, the others are registered,
// approved and joined. It is closed when the test ends.
func Start(t testing.TB, opts Options, regions ...string) *Cluster {
	t.Helper()
	c := New(t, opts)
	for i, region := range regions {
		if i == 0 {
			c.Bootstrap(region)
		} else {
			c.AddRegion(region)
		}
	}
	return c
}

// New makes a cluster without nodes.
func New(t testing.TB, opts Options) *Cluster {
	return &Cluster{t: t, opts: opts, pki: map[string]string{}, nodes: map[trust.NodeID]*ClusterNode{}}
}

// Node gives the node "1" of a region.
func (c *Cluster) Node(region string) *ClusterNode {
	c.t.Helper()
	return c.Get(trust.NodeID{Region: region, Node: "1"})
}

// Get gives a node.
func (c *Cluster) Get(id trust.NodeID) *ClusterNode {
	c.t.Helper()
	node, ok := c.nodes[id]
	if !ok {
		c.t.Fatalf("the test has no node %s", id)
	}
	return node
}

// Bootstrap makes the federation with a region's node "1".
func (c *Cluster) Bootstrap(region string) *ClusterNode {
	c.t.Helper()
	n := c.StartNode(c.NewNode(trust.NodeID{Region: region, Node: "1"}))
	ctx, cancel := c.patience()
	defer cancel()
	if _, err := n.Registry.Bootstrap(ctx, federation.BootstrapRequest{Region: c.Region(region), Node: c.Entry(n)}); err != nil {
		c.t.Fatal(err)
	}
	return n
}

// AddRegion registers and approves a region with a node "1", starts it and has it join.
func (c *Cluster) AddRegion(region string) *ClusterNode {
	c.t.Helper()
	first := c.first()
	n := c.NewNode(trust.NodeID{Region: region, Node: "1"})
	c.Propose(first, RegisterRegion(c.t, first.ID.Region, c.Region(region), c.Entry(n)))
	c.Propose(first, ChangeState(c.t, first.ID.Region, region, jieliv1.Region_ACTIVE))
	c.StartNode(n)
	c.Join(n)
	return n
}

// Join has a started node join through the first one.
func (c *Cluster) Join(n *ClusterNode) {
	c.t.Helper()
	first := c.first()
	ctx, cancel := c.patience()
	defer cancel()
	err := n.Registry.Join(ctx, federation.JoinRequest{
		ClusterID: first.Registry.View().ClusterID(), Address: first.Address,
		BundleFingerprint: first.Material.Show().BundleFingerprint,
	})
	if err != nil {
		c.t.Fatalf("%s: %v", n.ID, err)
	}
}

// first is the bootstrap region's node.
func (c *Cluster) first() *ClusterNode { return c.Node(c.regions[0]) }

// Region is a region's entry, made from its keys.
func (c *Cluster) Region(region string) *jieliv1.Region {
	c.t.Helper()
	material, err := trust.Load(c.pki[region])
	if err != nil {
		c.t.Fatal(err)
	}
	show := material.Show()
	return &jieliv1.Region{
		Id: region, NameZh: region, NameEn: region, Bundle: show.Bundle, LegalName: region, DocumentNumber: "1",
		DutyPhone: "+86 10 12345", DataContact: "data@" + region + ".example",
		NumberPrefix: strings.ToUpper(strings.ReplaceAll(region, "-", ""))[:min(8, len(region))],
		SigningKeys: []*jieliv1.SigningKey{{
			KeyId: show.SigningKeyID, Algorithm: show.SigningAlgorithm, PublicKey: show.SigningPublicKey,
		}},
	}
}

// Entry is a node's entry; each region's node "1" runs tickets.
func (c *Cluster) Entry(n *ClusterNode) *jieliv1.Node {
	entry := Node(n.ID, n.Address)
	entry.Tickets = n.ID.Node == "1"
	return entry
}

// NewNode makes keys and a directory for a node, and chooses its port. It makes the region's CA if need be.
func (c *Cluster) NewNode(id trust.NodeID) *ClusterNode {
	c.t.Helper()
	dir, ok := c.pki[id.Region]
	if !ok {
		dir = filepath.Join(c.t.TempDir(), "pki")
		if err := trust.Init(dir, id.Region); err != nil {
			c.t.Fatal(err)
		}
		c.pki[id.Region] = dir
		c.regions = append(c.regions, id.Region)
	}
	out := filepath.Join(c.t.TempDir(), "node")
	if err := trust.Issue(dir, id.Node, trust.IssueOptions{Out: out}); err != nil {
		c.t.Fatal(err)
	}
	n := &ClusterNode{ID: id, Dir: filepath.Join(c.t.TempDir(), "registry"), Address: freeAddress(c.t)}
	var err error
	if n.Material, err = trust.Load(out); err != nil {
		c.t.Fatal(err)
	}
	if n.Certificates, err = n.Material.Certificates(c.opts.Log); err != nil {
		c.t.Fatal(err)
	}
	c.nodes[id] = n
	return n
}

// freeAddress finds a port that nobody has now. It may be taken before it is used, which is rare enough for a test.
func freeAddress(t testing.TB) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // it does not wait
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().String()
}

// StartNode starts a node, or starts it again after Stop.
func (c *Cluster) StartNode(n *ClusterNode) *ClusterNode {
	c.t.Helper()
	if err := c.startNode(n); err != nil {
		c.t.Fatalf("start %s: %v", n.ID, err)
	}
	c.t.Cleanup(func() { c.Stop(n) })
	return n
}

func (c *Cluster) startNode(n *ClusterNode) error {
	lan, err := federation.ProfileNamed(federation.ProfileLAN)
	if err != nil {
		return err
	}
	lan.Poll = 100 * time.Millisecond
	cfg := federation.Config{Self: n.ID, Dir: n.Dir, Profile: lan, Version: "test", Log: c.opts.Log}
	if c.opts.Configure != nil {
		c.opts.Configure(&cfg)
	}
	if n.Registry, err = federation.New(cfg); err != nil {
		return err
	}
	if n.Peers, err = trust.NewPeers(trust.Config{Certificates: n.Certificates, Members: n.Registry.Members(), Log: c.opts.Log}); err != nil {
		return err
	}
	listener, err := net.Listen("tcp", n.Address) //nolint:noctx // it does not wait
	if err != nil {
		return err
	}
	if n.Mux, err = trust.NewMux(listener, n.Peers, trust.MuxConfig{Log: c.opts.Log}); err != nil {
		return err
	}
	network, err := federation.NewNetwork(n.Certificates, n.Peers, n.Mux)
	if err != nil {
		return err
	}
	n.Server = grpc.NewServer(grpc.Creds(trust.ServerCredentials()),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: 10 * time.Second, PermitWithoutStream: true}))
	jieliv1.RegisterFederationServiceServer(n.Server, n.Registry.Service())
	if c.opts.Services != nil {
		c.opts.Services(n, n.Server)
	}
	n.Mux.Start()
	n.served, n.closed = make(chan error, 1), false
	go func() { n.served <- n.Server.Serve(n.Mux.GRPC()) }()
	return n.Registry.Start(network)
}

// Stop closes a node in good order.
func (c *Cluster) Stop(n *ClusterNode) {
	c.t.Helper()
	if n.closed {
		return
	}
	if err := n.Registry.Close(); err != nil {
		c.t.Errorf("%s: %v", n.ID, err)
	}
	c.closeNetwork(n)
}

// Kill cuts a node off without a word, as a machine that loses its power, and then stops it.
func (c *Cluster) Kill(n *ClusterNode) {
	c.t.Helper()
	c.closeNetwork(n)
	if err := n.Registry.Close(); err != nil {
		c.t.Errorf("%s: %v", n.ID, err)
	}
}

func (c *Cluster) closeNetwork(n *ClusterNode) {
	n.closed = true
	n.Server.Stop()
	if err := <-n.served; err != nil && !errors.Is(err, net.ErrClosed) {
		c.t.Errorf("%s: gRPC server: %v", n.ID, err)
	}
	if err := n.Mux.Close(); err != nil {
		c.t.Errorf("%s: %v", n.ID, err)
	}
	if err := n.Peers.Close(); err != nil {
		c.t.Errorf("%s: %v", n.ID, err)
	}
}

// Propose has a node propose a command, which must be applied.
func (c *Cluster) Propose(n *ClusterNode, command *jieliv1.Command) *jieliv1.Outcome {
	c.t.Helper()
	ctx, cancel := c.patience()
	defer cancel()
	outcome, err := n.Registry.Propose(ctx, command)
	if err != nil {
		c.t.Fatalf("%s: %v", n.ID, err)
	}
	return outcome
}

// Leader waits until one of the nodes given leads.
func (c *Cluster) Leader(nodes ...*ClusterNode) *ClusterNode {
	c.t.Helper()
	var leader *ClusterNode
	c.Wait("a leader", func() bool {
		for _, n := range nodes {
			if n.Registry.Status(context.Background(), false).GetRaftState() == "Leader" {
				leader = n
				return true
			}
		}
		return false
	})
	return leader
}

// Voters lists who votes, as a node knows it, in order.
func Voters(r *federation.Registry) []string {
	var voters []string
	for _, node := range r.Status(context.Background(), false).GetNodes() {
		if node.GetVoter() {
			voters = append(voters, fmt.Sprintf("%s/%s", node.GetRegion(), node.GetName()))
		}
	}
	return voters
}

// Wait looks every few milliseconds until a condition holds, and fails the test if it does not in time.
func (c *Cluster) Wait(what string, condition func() bool) {
	c.t.Helper()
	deadline, ticker := time.NewTimer(Patience), time.NewTicker(5*time.Millisecond)
	defer deadline.Stop()
	defer ticker.Stop()
	for !condition() {
		select {
		case <-ticker.C:
		case <-deadline.C:
			c.t.Fatalf("waited %s in vain for %s", Patience, what)
		}
	}
}

func (c *Cluster) patience() (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.Background(), Patience)
}
