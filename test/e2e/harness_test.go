// Package e2e runs whole federations as real processes on loopback, and looks at their APIs and stores.
package e2e

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/jieli-gateway/jieli/federation/trust"
	"github.com/jieli-gateway/jieli/gateway"
	"github.com/jieli-gateway/jieli/gateway/access"
	jieliv1 "github.com/jieli-gateway/jieli/proto/jieli/v1"
)

// binary is built once for all tests.
var binary string

func TestMain(m *testing.M) {
	os.Exit(func() int {
		dir, err := os.MkdirTemp("", "jieli-e2e-")
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer func() { _ = os.RemoveAll(dir) }()
		binary = filepath.Join(dir, "jieli")
		build := exec.Command("go", "build", "-tags", "hashicorpmetrics failpoints", "-o", binary, "../../cmd/jieli")
		if out, err := build.CombinedOutput(); err != nil {
			fmt.Fprintf(os.Stderr, "build jieli: %v\n%s", err, out)
			return 1
		}
		return m.Run()
	}())
}

// patience bounds every wait: far longer than anything here takes on a busy machine.
const patience = 60 * time.Second

// node is one process.
type node struct {
	t        *testing.T
	id       trust.NodeID
	dir      string
	api, fed string
	prefix   string
	token    string
	material *trust.Material
	cmd      *exec.Cmd
	exited   chan struct{}
	conn     *grpc.ClientConn
	tickets  jieliv1.TicketServiceClient
	events   jieliv1.EventServiceClient
	registry jieliv1.RegistryServiceClient
	status   jieliv1.StatusServiceClient
}

// federation is regions that know each other.
type federation struct {
	t     *testing.T
	nodes []*node
	first *node
	id    string
}

func prefixes() map[string]string {
	return map[string]string{"jingjinji": "JJJ", "changsanjiao": "CSJ", "chengyu": "CY", "suzhou": "SZ"}
}

func places() map[string][]string {
	return map[string][]string{"jingjinji": {"11", "12", "13"}, "changsanjiao": {"31", "32", "33", "34"}, "chengyu": {"50", "51"}}
}

// newNode makes keys, a token and a configuration.
func newNode(t *testing.T, id trust.NodeID, pkiFrom string) *node {
	t.Helper()
	n := &node{t: t, id: id, dir: t.TempDir(), api: freeAddress(t), fed: freeAddress(t), prefix: prefixes()[id.Region]}
	pki := filepath.Join(n.dir, "pki")
	if pkiFrom == "" {
		must(t, trust.Init(pki, id.Region))
		must(t, trust.Issue(pki, id.Node, trust.IssueOptions{}))
	} else {
		must(t, trust.Issue(pkiFrom, id.Node, trust.IssueOptions{Out: pki, RegionKeys: true}))
	}
	m, err := trust.Load(pki)
	must(t, err)
	n.material = m
	must(t, os.MkdirAll(filepath.Join(n.dir, "data"), 0o700))
	tokens, err := access.Open(gateway.TokensFile(filepath.Join(n.dir, "data")), access.Options{})
	must(t, err)
	n.token, _, err = tokens.Create(access.Spec{Name: "test", Kind: access.Person, Roles: access.AllRoles()})
	must(t, err)
	config := fmt.Sprintf(`dataDir: %[1]s/data
pkiDir: %[1]s/pki
region: {nameZh: %[2]s, legalName: %[2]s, dutyPhone: "12345", numberPrefix: %[3]s}
federation: {listen: "%[4]s"}
api: {listen: "%[5]s"}
raft: {profile: lan}
store: {softFreeMiB: 20, hardFreeMiB: 10}
`, n.dir, id.Region, n.prefix, n.fed, n.api)
	must(t, os.WriteFile(n.config(), []byte(config), 0o600))
	n.conn, err = grpc.NewClient("passthrough:///"+n.api, grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithConnectParams(grpc.ConnectParams{MinConnectTimeout: time.Second}))
	must(t, err)
	t.Cleanup(func() { _ = n.conn.Close() })
	n.tickets, n.events = jieliv1.NewTicketServiceClient(n.conn), jieliv1.NewEventServiceClient(n.conn)
	n.registry, n.status = jieliv1.NewRegistryServiceClient(n.conn), jieliv1.NewStatusServiceClient(n.conn)
	return n
}

func (n *node) config() string   { return filepath.Join(n.dir, "jieli.yaml") }
func (n *node) storeDir() string { return filepath.Join(n.dir, "data", "store") }

// start runs the process; it is killed at the end of the test if it still runs.
func (n *node) start(flags ...string) { n.startWith(nil, flags...) }

// startWith is start with more environment.
func (n *node) startWith(env []string, flags ...string) {
	n.t.Helper()
	log, err := os.OpenFile(filepath.Join(n.dir, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	must(n.t, err)
	defer func() { _ = log.Close() }()
	cmd := exec.Command(binary, append([]string{"serve", "--config", n.config()}, flags...)...)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.Env = append(os.Environ(), env...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	must(n.t, cmd.Start())
	exited := make(chan struct{})
	go func() { _ = cmd.Wait(); close(exited) }()
	n.cmd, n.exited = cmd, exited
	n.t.Cleanup(func() {
		_ = cmd.Process.Kill()
		<-exited
		if n.t.Failed() {
			b, _ := os.ReadFile(filepath.Join(n.dir, "log"))
			lines := slices.DeleteFunc(strings.Split(string(b), "\n"), func(line string) bool {
				return strings.Contains(line, `msg="call failed"`) // the tests' own, again and again
			})
			n.t.Logf("log of %s:\n%s", n.id, strings.Join(lines[max(0, len(lines)-25):], "\n"))
		}
	})
}

// kill is kill -9: nothing is flushed, nothing is said.
func (n *node) kill() {
	_ = n.cmd.Process.Kill()
	<-n.exited
}

// stop is an orderly stop.
func (n *node) stop() {
	n.t.Helper()
	_ = n.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-n.exited:
	case <-time.After(patience):
		n.t.Fatalf("%s did not stop on SIGTERM", n.id)
	}
}

// ctx signs calls of this node's API.
func (n *node) ctx() context.Context {
	return metadata.AppendToOutgoingContext(n.t.Context(), "authorization", "Bearer "+n.token)
}

func (n *node) ready() {
	n.t.Helper()
	wait(n.t, n.id.String()+" to be ready", func() bool {
		res, err := http.Get("http://" + n.api + "/readyz")
		if err != nil {
			return false
		}
		_ = res.Body.Close()
		return res.StatusCode == http.StatusOK
	})
}

// linkTo is this node's link with a region.
func (n *node) linkTo(region string) *jieliv1.LinkStatus {
	res, err := n.status.ListLinks(n.ctx(), &jieliv1.ListLinksRequest{})
	if err != nil {
		return &jieliv1.LinkStatus{}
	}
	for _, l := range res.GetLinks() {
		if l.GetPeer() == region {
			return l
		}
	}
	return &jieliv1.LinkStatus{}
}

// newFederation brings regions up: the first bootstraps, the others are registered, approved and join.
func newFederation(t *testing.T, regions ...string) *federation {
	t.Helper()
	f := &federation{t: t}
	for i, region := range regions {
		n := newNode(t, trust.NodeID{Region: region, Node: "n1"}, "")
		f.nodes = append(f.nodes, n)
		if i == 0 {
			f.first = n
			n.start("--bootstrap")
			n.ready()
			s, err := n.status.GetStatus(n.ctx(), &jieliv1.GetStatusRequest{})
			must(t, err)
			f.id = s.GetRegistry().GetClusterId()
		} else {
			f.admit(n)
			n.start(f.joinFlags()...)
		}
		for _, place := range places()[region] {
			f.route(place, region)
		}
	}
	f.settle()
	return f
}

func (f *federation) admit(n *node) {
	f.t.Helper()
	region, entry := gateway.Entry(n.material, &jieliv1.Region{NameZh: n.id.Region, LegalName: n.id.Region, DutyPhone: "12345", NumberPrefix: n.prefix}, n.fed, true, true)
	_, err := f.first.registry.RegisterRegion(f.first.ctx(), &jieliv1.RegisterRegionRequest{Region: region, Nodes: []*jieliv1.Node{entry}})
	must(f.t, err)
	_, err = f.first.registry.ApproveRegion(f.first.ctx(), &jieliv1.ChangeRegionRequest{Id: n.id.Region})
	must(f.t, err)
}

func (f *federation) joinFlags() []string {
	return []string{"--join", f.first.fed, "--cluster-id", f.id, "--fingerprint", f.first.material.Show().BundleFingerprint.String()}
}

func (f *federation) route(place, region string) {
	f.t.Helper()
	_, err := f.first.registry.SetRoute(f.first.ctx(), &jieliv1.SetRouteRequest{Route: &jieliv1.Route{Division: place, Region: region}})
	must(f.t, err)
}

// settle waits until all nodes have the same table and every link is up.
func (f *federation) settle() {
	f.t.Helper()
	for _, n := range f.nodes {
		n.ready()
	}
	for _, n := range f.nodes {
		wait(f.t, n.id.String()+" to see everybody", func() bool {
			s, err := n.status.GetStatus(n.ctx(), &jieliv1.GetStatusRequest{})
			if err != nil || s.GetRegistry().GetStale() || s.GetRegistry().GetRevision() < f.revision() {
				return false
			}
			for _, l := range s.GetLinks() {
				if l.GetState() != "UP" {
					return false
				}
			}
			return true
		})
	}
}

// revision is the newest any node has.
func (f *federation) revision() (newest uint64) {
	for _, n := range f.nodes {
		if s, err := n.status.GetStatus(n.ctx(), &jieliv1.GetStatusRequest{}); err == nil {
			newest = max(newest, s.GetRegistry().GetRevision())
		}
	}
	return newest
}

// wait asks until it is so.
func wait(t *testing.T, what string, ask func() bool) {
	t.Helper()
	deadline := time.After(patience)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !ask() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("waited %s for %s", patience, what)
		}
	}
}

// again repeats a call while the node is away.
func again(ctx context.Context, call func() error) error {
	tick := time.NewTicker(30 * time.Millisecond)
	defer tick.Stop()
	for {
		err := call()
		switch status.Code(err) {
		case codes.Unavailable, codes.DeadlineExceeded, codes.ResourceExhausted:
		default:
			return err
		}
		select {
		case <-ctx.Done():
			return errors.Join(ctx.Err(), err)
		case <-tick.C:
		}
	}
}

func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
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
