// Package connect runs the example connector against real nodes, and docs/connect.md as it is written.
package connect

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
	"google.golang.org/protobuf/encoding/protojson"

	"github.com/jieli-gateway/jieli/federation/trust"
	"github.com/jieli-gateway/jieli/gateway"
	"github.com/jieli-gateway/jieli/gateway/access"
	jieliv1 "github.com/jieli-gateway/jieli/proto/jieli/v1"
)

// patience bounds every wait: far longer than anything here takes on a busy machine.
const patience = 60 * time.Second

// programs is where jieli and connector were built, once for all tests.
var programs string

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(built{m})
}

type built struct{ m *testing.M }

func (b built) Run() int {
	dir, err := os.MkdirTemp("", "jieli-connect-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { _ = os.RemoveAll(dir) }()
	programs = dir
	// As make does, so that what it has compiled need not be compiled again.
	build := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-tags", "hashicorpmetrics", "-ldflags", "-s -w",
		"-o", dir+"/", "./cmd/jieli", "./examples/connector")
	build.Dir, build.Env = "../..", append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "build: %v\n%s", err, out)
		return 1
	}
	return b.m.Run()
}

// program is a process that may be killed and started again.
type program struct {
	t      *testing.T
	name   string
	args   []string
	log    string
	cmd    *exec.Cmd
	exited chan struct{}
}

// start runs the process; it is killed at the end of the test if it still runs.
func (p *program) start(more ...string) {
	p.t.Helper()
	log, err := os.OpenFile(p.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	must(p.t, err)
	defer func() { _ = log.Close() }()
	cmd := exec.Command(filepath.Join(programs, p.name), append(p.args, more...)...)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	must(p.t, cmd.Start())
	exited := make(chan struct{})
	go func() { _ = cmd.Wait(); close(exited) }()
	p.cmd, p.exited = cmd, exited
	p.t.Cleanup(func() { _ = cmd.Process.Kill(); <-exited })
}

// kill is kill -9: nothing is flushed, nothing is said.
func (p *program) kill() {
	_ = p.cmd.Process.Kill()
	<-p.exited
}

// region is a centre with its node.
type region struct {
	t         *testing.T
	id, dir   string
	api, fed  string
	token     string
	material  *trust.Material
	node      *program
	connector *program
}

func newRegion(t *testing.T, id, prefix string) *region {
	t.Helper()
	r := &region{t: t, id: id, dir: t.TempDir(), api: freeAddress(t), fed: freeAddress(t)}
	pki, data := filepath.Join(r.dir, "pki"), filepath.Join(r.dir, "data")
	must(t, trust.Init(pki, id))
	must(t, trust.Issue(pki, "n1", trust.IssueOptions{}))
	var err error
	r.material, err = trust.Load(pki)
	must(t, err)
	must(t, os.MkdirAll(data, 0o700))
	tokens, err := access.Open(gateway.TokensFile(data), access.Options{})
	must(t, err)
	r.token, _, err = tokens.Create(access.Spec{Name: "test", Kind: access.Person, Roles: access.AllRoles()})
	must(t, err)
	system, _, err := tokens.Create(access.Spec{Name: "ticket-system", Kind: access.System, Roles: []access.Role{access.Operator}})
	must(t, err)
	must(t, os.WriteFile(filepath.Join(r.dir, "token"), []byte(system), 0o600))
	config := fmt.Sprintf(`{dataDir: %q, pkiDir: %q, federation: {listen: %q}, api: {listen: %q}, raft: {profile: lan},
  region: {nameZh: %s, legalName: %s, dutyPhone: "12345", numberPrefix: %s}, store: {softFreeMiB: 20, hardFreeMiB: 10}}`,
		data, pki, r.fed, r.api, id, id, prefix)
	file := filepath.Join(r.dir, "jieli.yaml")
	must(t, os.WriteFile(file, []byte(config), 0o600))
	r.node = &program{t: t, name: "jieli", args: []string{"serve", "--config", file}, log: filepath.Join(r.dir, "node.log")}
	r.connector = &program{
		t: t, name: "connector", log: filepath.Join(r.dir, "connector.log"),
		args: []string{"http://" + r.api, filepath.Join(r.dir, "token"), id, r.database(), "../../configs/mapping.yaml"},
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("%s: node:\n%s\nconnector:\n%s", id, tail(r.node.log), tail(r.connector.log))
		}
	})
	return r
}

func (r *region) database() string { return filepath.Join(r.dir, "cases.db") }

// federate starts two nodes: the first makes the federation, the second joins it.
func federate(t *testing.T, first, second *region, routes map[string]string) {
	t.Helper()
	first.node.start("--bootstrap")
	first.ready()
	var status struct{ Registry struct{ ClusterID string } }
	must(t, first.call("GET", "/v1/status", nil, &status))
	entry, node := gateway.Entry(second.material, &jieliv1.Region{
		NameZh: second.id, LegalName: second.id, DutyPhone: "12345", NumberPrefix: "CSJ",
	}, second.fed, true, true)
	register, err := protojson.Marshal(&jieliv1.RegisterRegionRequest{Region: entry, Nodes: []*jieliv1.Node{node}})
	must(t, err)
	must(t, first.call("POST", "/v1/regions", json.RawMessage(register), nil))
	must(t, first.call("POST", "/v1/regions/"+second.id+":approve", struct{}{}, nil))
	for division, region := range routes {
		must(t, first.call("POST", "/v1/routes", map[string]any{"route": map[string]any{"division": division, "region": region}}, nil))
	}
	second.node.start("--join", first.fed, "--cluster-id", status.Registry.ClusterID,
		"--fingerprint", first.material.Show().BundleFingerprint.String())
	second.ready()
	for _, r := range []*region{first, second} {
		wait(t, "the link of "+r.id+" to be up", func() bool {
			var links struct{ Links []struct{ State string } }
			return r.call("GET", "/v1/status/links", nil, &links) == nil && len(links.Links) == 1 && links.Links[0].State == "UP"
		})
	}
}

func (r *region) ready() {
	r.t.Helper()
	wait(r.t, r.id+" to be ready", func() bool {
		res, err := http.Get("http://" + r.api + "/readyz")
		if err != nil {
			return false
		}
		_ = res.Body.Close()
		return res.StatusCode == http.StatusOK
	})
}

// call asks the region's node as its admin.
func (r *region) call(method, path string, in, out any) error {
	var body io.Reader
	if in != nil {
		text, err := json.Marshal(in)
		must(r.t, err)
		body = bytes.NewReader(text)
	}
	req, err := http.NewRequestWithContext(r.t.Context(), method, "http://"+r.api+path, body)
	must(r.t, err)
	req.Header.Set("Authorization", "Bearer "+r.token)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		return err
	}
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("%s %s: %s: %s", method, path, res.Status, text)
	}
	if out == nil {
		return nil
	}
	return json.Unmarshal(text, out)
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

func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	defer func() { _ = l.Close() }()
	return l.Addr().String()
}

// tail gives the last lines of a file.
func tail(file string) string {
	b, _ := os.ReadFile(file)
	lines := strings.Split(string(b), "\n")
	return strings.Join(lines[max(0, len(lines)-15):], "\n")
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
