package gateway

import (
	"context"
	"log/slog"
	"net"
	"path/filepath"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"

	"github.com/jieli-gateway/jieli/federation"
	"github.com/jieli-gateway/jieli/federation/trust"
	"github.com/jieli-gateway/jieli/gateway/access"
	"github.com/jieli-gateway/jieli/gateway/link"
	jieliv1 "github.com/jieli-gateway/jieli/proto/jieli/v1"
)

// patience bounds every wait: far longer than anything here takes on a busy machine.
const patience = 60 * time.Second

// centre is a region's node, running in this process, with a client of its API.
type centre struct {
	t        *testing.T
	node     *Node
	token    string
	tickets  jieliv1.TicketServiceClient
	registry jieliv1.RegistryServiceClient
}

// startCentres runs a node for each region, in one federation, where each serves the divisions named for it. Settings
// are made to each configuration. It returns when all links are up.
func startCentres(t *testing.T, serves map[string]string, settings func(*Config), names ...string) map[string]*centre {
	t.Helper()
	centres := map[string]*centre{}
	first := names[0]
	for i, name := range names {
		cfg, material := centreConfig(t, name)
		entry := &jieliv1.Region{NameZh: name, LegalName: name, DutyPhone: "12345", NumberPrefix: []string{"JJJ", "CSJ", "CY"}[i]}
		if i == 0 {
			cfg.Bootstrap = &Bootstrap{Region: entry, Actor: "test"}
		} else {
			f := centres[first]
			region, node := Entry(material, entry, cfg.FederationListen, true, true)
			_, err := f.registry.RegisterRegion(f.ctx(), &jieliv1.RegisterRegionRequest{Region: region, Nodes: []*jieliv1.Node{node}})
			must(t, err)
			_, err = f.registry.ApproveRegion(f.ctx(), &jieliv1.ChangeRegionRequest{Id: name})
			must(t, err)
			cfg.Join = &federation.JoinRequest{
				Address: f.node.cfg.FederationListen, ClusterID: f.node.registry.View().ClusterID(),
				BundleFingerprint: f.node.material.Show().BundleFingerprint,
			}
		}
		if settings != nil {
			settings(&cfg)
		}
		centres[name] = startCentre(t, cfg)
		if place := serves[name]; place != "" {
			f := centres[first]
			_, err := f.registry.SetRoute(f.ctx(), &jieliv1.SetRouteRequest{Route: &jieliv1.Route{Division: place, Region: name}})
			must(t, err)
		}
	}
	for _, c := range centres {
		eventually(t, c.node.material.Region+" to see everybody", func() bool {
			return c.node.registry.View().Revision() == centres[first].node.registry.View().Revision() && c.linksUp() == len(names)-1
		})
	}
	return centres
}

func centreConfig(t *testing.T, region string) (Config, *trust.Material) {
	t.Helper()
	dir := t.TempDir()
	pki := filepath.Join(dir, "pki")
	must(t, trust.Init(pki, region))
	must(t, trust.Issue(pki, "n1", trust.IssueOptions{}))
	material, err := trust.Load(pki)
	must(t, err)
	profile, err := federation.ProfileNamed(federation.ProfileLAN)
	must(t, err)
	return Config{
		DataDir: dir, PKIDir: pki, FederationListen: freeAddress(t), APIListen: freeAddress(t), MetricsAnonymous: true,
		Raft: profile, SoftFree: 20 << 20, HardFree: 10 << 20, Version: "v1.2.3", Log: slog.New(slog.DiscardHandler),
	}, material
}

// startCentre runs a node until the end of the test, and returns when it is ready.
func startCentre(t *testing.T, cfg Config) *centre {
	t.Helper()
	tokens, err := access.Open(TokensFile(cfg.DataDir), access.Options{})
	must(t, err)
	c := &centre{t: t}
	c.token, _, err = tokens.Create(access.Spec{Name: "test", Kind: access.Person, Roles: access.AllRoles()})
	must(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	c.node, err = Open(ctx, cfg)
	must(t, err)
	ended := make(chan error, 1)
	go func() { ended <- c.node.Run(ctx) }()
	conn, err := grpc.NewClient("passthrough:///"+c.node.APIAddress(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	must(t, err)
	t.Cleanup(func() {
		_ = conn.Close()
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("node of %s: %v", c.node.material.Region, err)
		}
		if err := c.node.Close(); err != nil {
			t.Errorf("close the node of %s: %v", c.node.material.Region, err)
		}
	})
	c.tickets, c.registry = jieliv1.NewTicketServiceClient(conn), jieliv1.NewRegistryServiceClient(conn)
	eventually(t, c.node.material.Region+" to be ready", func() bool { return value(t, c.node, "jieli_ready", nil) == 1 })
	return c
}

// ctx signs calls of this node's API.
func (c *centre) ctx() context.Context {
	return metadata.AppendToOutgoingContext(c.t.Context(), "authorization", "Bearer "+c.token)
}

func (c *centre) linksUp() (up int) {
	links := c.node.linking.links.Load()
	if links == nil {
		return 0
	}
	for _, l := range links.Status() {
		if l.GetState() == link.StateUp {
			up++
		}
	}
	return up
}

// sees waits until this centre has the ticket in a state.
func (c *centre) sees(id string, state jieliv1.Ticket_State) *jieliv1.Ticket {
	c.t.Helper()
	var seen *jieliv1.Ticket
	eventually(c.t, "ticket to be "+state.String()+" at "+c.node.material.Region, func() bool {
		got, err := c.tickets.GetTicket(c.ctx(), &jieliv1.GetTicketRequest{Id: id})
		seen = got
		return err == nil && got.GetState() == state
	})
	return seen
}

func eventually(t *testing.T, what string, ask func() bool) {
	t.Helper()
	deadline := time.After(patience)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !ask() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("waited %s for %s", patience, what)
		}
	}
}

func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	must(t, err)
	defer func() { _ = l.Close() }()
	return l.Addr().String()
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
