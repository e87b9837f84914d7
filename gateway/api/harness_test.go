package api

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"

	"github.com/jieli-gateway/jieli/federation/registry"
	"github.com/jieli-gateway/jieli/gateway/access"
	jieliv1 "github.com/jieli-gateway/jieli/proto/jieli/v1"
)

// centre is a node's API as a centre sees it, with fakes behind it.
type centre struct {
	t        testing.TB
	api      *Server
	desk     *fakeDesk
	registry *fakeRegistry
	tokens   *access.Tokens
	url      string
	address  string
	conn     *grpc.ClientConn
	log      *logBook
	metrics  *prometheus.Registry
	// Tokens of one person with each role, and of systems.
	operator, admin, auditor, monitor string
	system, adminSystem               string
}

// logBook keeps log lines.
type logBook struct {
	mu    sync.Mutex
	lines bytes.Buffer
}

func (l *logBook) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.lines.Write(p)
}

func (l *logBook) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.lines.String()
}

// newCentre starts an API on a loopback port; change may alter its configuration.
func newCentre(t testing.TB, change ...func(*Config)) *centre {
	t.Helper()
	tokens, err := access.Open(filepath.Join(t.TempDir(), "tokens.json"), access.Options{})
	if err != nil {
		t.Fatal(err)
	}
	c := &centre{
		t: t, desk: &fakeDesk{waiting: make(chan struct{}, 1)}, tokens: tokens, log: &logBook{}, metrics: prometheus.NewRegistry(),
		registry: &fakeRegistry{machine: sharedMachine(t), status: &jieliv1.RegistryStatus{ClusterId: "c", Leader: "jingjinji/a"}},
	}
	c.registry.answer = func(*jieliv1.Command) (*jieliv1.Outcome, error) { return &jieliv1.Outcome{Revision: 43}, nil }
	c.registry.now = func() time.Time { return today }
	cfg := Config{
		Region: "jingjinji", Node: "a", Version: "test", Tokens: tokens, Metrics: c.metrics,
		Log: slog.New(slog.NewJSONHandler(c.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
	for _, f := range change {
		f(&cfg)
	}
	c.operator = c.token(access.Person, "李雷", access.Operator)
	c.admin = c.token(access.Person, "韩梅梅", access.Admin)
	c.auditor = c.token(access.Person, "auditor", access.Auditor)
	c.monitor = c.token(access.System, "prometheus", access.Monitor)
	c.system = c.token(access.System, "crm", access.Operator)
	c.adminSystem = c.token(access.System, "console", access.Admin)
	if c.api, err = New(cfg); err != nil {
		t.Fatal(err)
	}
	if err := c.api.Attach(Parts{Registry: c.registry, Desk: c.desk, Open: openTickets(3)}); err != nil {
		t.Fatal(err)
	}
	c.api.SetLoading()
	c.serve(cfg.TLS != nil)
	return c
}

func (c *centre) serve(withTLS bool) {
	c.t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		c.t.Fatal(err)
	}
	c.address = listener.Addr().String()
	c.url = "http://" + c.address
	if withTLS {
		c.url = "https://" + c.address
	}
	served := make(chan error, 1)
	go func() { served <- c.api.Serve(listener) }()
	if c.conn, err = grpc.NewClient(c.address, grpc.WithTransportCredentials(insecure.NewCredentials())); err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(func() {
		c.conn.Close()
		http.DefaultClient.CloseIdleConnections()
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := c.api.Shutdown(ctx); err != nil {
			c.t.Errorf("shutdown: %v", err)
		}
		if err := <-served; err != nil {
			c.t.Errorf("serve: %v", err)
		}
	})
}

// machines holds the registry of tests that do not change it; making one takes some keys.
var machines struct {
	once sync.Once
	one  *registry.Machine
}

func sharedMachine(t testing.TB) *registry.Machine {
	t.Helper()
	machines.once.Do(func() { machines.one = newMachine(t) })
	return machines.one
}

func (c *centre) token(kind access.Kind, name string, roles ...access.Role) string {
	c.t.Helper()
	token, _, err := c.tokens.Create(access.Spec{Name: name, Kind: kind, Roles: roles})
	if err != nil {
		c.t.Fatal(err)
	}
	return token
}

// as gives a context with a token, and with the operator where one is named.
func as(token string, operator ...string) context.Context {
	md := metadata.MD{}
	if token != "" {
		md.Append("authorization", "Bearer "+token)
	}
	md.Append(operatorHeader, operator...)
	return metadata.NewOutgoingContext(context.Background(), md)
}

// answer is what HTTP answered.
type answer struct {
	code   int
	header http.Header
	body   []byte
}

// status is the body of a refusal.
type statusBody struct {
	Code    int    `json:"code"`
	Message string `json:"message"`
	Details []struct {
		Type            string            `json:"@type"`
		Reason          string            `json:"reason"`
		Domain          string            `json:"domain"`
		Metadata        map[string]string `json:"metadata"`
		FieldViolations []struct {
			Field       string `json:"field"`
			Description string `json:"description"`
		} `json:"fieldViolations"`
	} `json:"details"`
}

func (s statusBody) reason() string {
	for _, d := range s.Details {
		if d.Reason != "" {
			return d.Reason
		}
	}
	return ""
}

func (s statusBody) field() string {
	for _, d := range s.Details {
		for _, v := range d.FieldViolations {
			return v.Field
		}
	}
	return ""
}

// refusal reads an answer as a refusal.
func (a answer) refusal(t testing.TB) statusBody {
	t.Helper()
	var s statusBody
	if err := json.Unmarshal(a.body, &s); err != nil {
		t.Fatalf("the body of a refusal is not a Status: %v\n%s", err, a.body)
	}
	return s
}

// request makes an HTTP request; headers come in pairs.
func (c *centre) request(method, path, token, body string, headers ...string) answer {
	c.t.Helper()
	req, err := http.NewRequest(method, c.url+path, bytes.NewReader([]byte(body)))
	if err != nil {
		c.t.Fatal(err)
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	response, err := http.DefaultClient.Do(req)
	if err != nil {
		c.t.Fatal(err)
	}
	defer response.Body.Close()
	read, err := io.ReadAll(response.Body)
	if err != nil {
		c.t.Fatal(err)
	}
	return answer{response.StatusCode, response.Header, read}
}
