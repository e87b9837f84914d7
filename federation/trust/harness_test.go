package trust

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"log/slog"
	"maps"
	"net"
	"net/url"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience bounds every wait in these tests; none is meant to come near it.
const patience = 10 * time.Second

// testMembers is a registry: a snapshot behind an atomic pointer, as the real one is.
type testMembers struct{ state atomic.Pointer[memberState] }

type memberState struct {
	bundles map[string][]*x509.Certificate
	nodes   map[NodeID]map[Use]error // nil error: allowed
}

func newTestMembers() *testMembers {
	m := &testMembers{}
	m.state.Store(&memberState{bundles: map[string][]*x509.Certificate{}, nodes: map[NodeID]map[Use]error{}})
	return m
}

func (m *testMembers) change(edit func(*memberState)) {
	old := m.state.Load()
	next := &memberState{bundles: maps.Clone(old.bundles), nodes: maps.Clone(old.nodes)}
	edit(next)
	m.state.Store(next)
}

func (m *testMembers) allow(id NodeID, uses ...Use) {
	m.change(func(s *memberState) {
		s.nodes[id] = map[Use]error{}
		for _, use := range uses {
			s.nodes[id][use] = nil
		}
	})
}

func (m *testMembers) forbid(id NodeID, why error) {
	m.change(func(s *memberState) { s.nodes[id] = map[Use]error{UseLink: why, UseRaft: why} })
}

func (m *testMembers) setBundle(region string, bundle []*x509.Certificate) {
	m.change(func(s *memberState) { s.bundles[region] = bundle })
}

func (m *testMembers) Bundle(region string) ([]*x509.Certificate, bool) {
	bundle, ok := m.state.Load().bundles[region]
	return bundle, ok
}

func (m *testMembers) NodeAllowed(id NodeID, use Use) error {
	uses, ok := m.state.Load().nodes[id]
	if !ok {
		return ReasonUnregisteredNode
	}
	why, ok := uses[use]
	if !ok {
		return ReasonRaftNotAllowed
	}
	return why
}

// testRegion is a region's keys, in a directory of their own.
type testRegion struct {
	name string
	dir  string
	ca   *authority
}

func newTestRegion(t *testing.T, name string) *testRegion {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "pki")
	if err := Init(dir, name); err != nil {
		t.Fatal(err)
	}
	ca, err := loadAuthority(filepath.Join(dir, FileAuthority))
	if err != nil {
		t.Fatal(err)
	}
	return &testRegion{name: name, dir: dir, ca: ca}
}

// node issues a certificate for a node of the region, in a directory of its own.
func (r *testRegion) node(t *testing.T, name string, opts IssueOptions) *Certificates {
	t.Helper()
	opts.Out = filepath.Join(t.TempDir(), "node")
	if err := Issue(r.dir, name, opts); err != nil {
		t.Fatal(err)
	}
	certs, err := NewCertificates(filepath.Join(opts.Out, FileNode), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return certs
}

// forge signs a leaf that Issue would not make.
func (r *testRegion) forge(t *testing.T, edit func(*x509.Certificate), uris ...string) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	serial, err := newSerial()
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: serial, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature, BasicConstraintsValid: true,
	}
	for _, uri := range uris {
		parsed, err := url.Parse(uri)
		if err != nil {
			t.Fatal(err)
		}
		template.URIs = append(template.URIs, parsed)
	}
	if edit != nil {
		edit(template)
	}
	leaf, err := signCertificate(template, r.ca.certs[0], key, r.ca.key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{leaf.Raw, r.ca.certs[0].Raw}, PrivateKey: key, Leaf: leaf}
}

// testNode is a node that accepts and dials.
type testNode struct {
	id       NodeID
	members  *testMembers
	peers    *Peers
	mux      *Mux
	addr     string
	refusals chan *Refusal
}

type nodeOptions struct {
	mux        MuxConfig
	maxPerPeer int
	listener   net.Listener
}

// start runs a node with a registry of its own, in which the regions given have their bundles; their nodes are not
// registered.
func start(t *testing.T, certs *Certificates, opts nodeOptions, regions ...*testRegion) *testNode {
	t.Helper()
	n := &testNode{id: certs.ID(), members: newTestMembers(), refusals: make(chan *Refusal, 256)}
	for _, region := range regions {
		n.members.setBundle(region.name, region.ca.certs)
	}
	peers, err := NewPeers(Config{
		Certificates: certs, Members: n.members, MaxPerPeer: opts.maxPerPeer,
		OnRefusal: func(r *Refusal) { n.refusals <- r },
	})
	if err != nil {
		t.Fatal(err)
	}
	if opts.listener == nil {
		if opts.listener, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
			t.Fatal(err)
		}
	}
	mux, err := NewMux(opts.listener, peers, opts.mux)
	if err != nil {
		t.Fatal(err)
	}
	n.peers, n.mux, n.addr = peers, mux, opts.listener.Addr().String()
	mux.Start()
	t.Cleanup(func() {
		if err := mux.Close(); err != nil {
			t.Errorf("close mux: %v", err)
		}
		if err := peers.Close(); err != nil {
			t.Errorf("close peers: %v", err)
		}
		if open := peers.Open(); len(open) != 0 {
			t.Errorf("connections still open after Close: %v", open)
		}
	})
	return n
}

// refusal waits for the next refusal that the node counts.
func (n *testNode) refusal(t *testing.T) *Refusal {
	t.Helper()
	select {
	case r := <-n.refusals:
		return r
	case <-time.After(patience):
		t.Fatalf("%s refused nobody", n.id)
		return nil
	}
}

func (n *testNode) refusesNobody(t *testing.T) {
	t.Helper()
	select {
	case r := <-n.refusals:
		t.Fatalf("%s refused somebody: %v", n.id, r)
	default:
	}
}

func (n *testNode) acceptRaft(t *testing.T) net.Conn {
	t.Helper()
	type result struct {
		conn net.Conn
		err  error
	}
	got := make(chan result, 1)
	go func() {
		conn, err := n.mux.Raft().Accept()
		got <- result{conn, err}
	}()
	select {
	case r := <-got:
		if r.err != nil {
			t.Fatal(r.err)
		}
		return r.conn
	case <-time.After(patience):
		t.Fatalf("%s got no Raft connection", n.id)
		return nil
	}
}

// expectClosed waits until the other side, or we, have closed the connection; it fails if that takes longer than
// limit.
func expectClosed(t *testing.T, conn net.Conn, limit time.Duration) {
	t.Helper()
	_ = readClosed(t, conn, limit)
}

// readClosed is expectClosed, and gives the error that the read ended with.
func readClosed(t *testing.T, conn net.Conn, limit time.Duration) error {
	t.Helper()
	if err := conn.SetReadDeadline(time.Now().Add(limit)); err != nil {
		return err // closed already
	}
	_, err := conn.Read(make([]byte, 1))
	if err == nil {
		t.Fatal("read something, expected the connection to be closed")
	}
	var timeout net.Error
	if errors.As(err, &timeout) && timeout.Timeout() {
		t.Fatalf("still open after %s", limit)
	}
	return err
}

// exchange sends one byte through an open connection.
func exchange(t *testing.T, from, to net.Conn) {
	t.Helper()
	if _, err := from.Write([]byte{7}); err != nil {
		t.Fatal(err)
	}
	if err := to.SetReadDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, 1)
	if _, err := to.Read(got); err != nil || got[0] != 7 {
		t.Fatalf("read %v, %v", got, err)
	}
	if err := to.SetReadDeadline(time.Time{}); err != nil {
		t.Fatal(err)
	}
}

// testClock is moved by hand; it is used from one goroutine.
type testClock struct{ at time.Time }

func newTestClock() *testClock                { return &testClock{at: time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)} }
func (c *testClock) now() time.Time           { return c.at }
func (c *testClock) add(passed time.Duration) { c.at = c.at.Add(passed) }
