package trust

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"testing"
	"time"
)

// hostile dials with whatever certificate and configuration it likes, and gives how the server took it: the error of
// the handshake or of the first read.
func hostile(t *testing.T, addr string, cfg *tls.Config) error {
	t.Helper()
	cfg.InsecureSkipVerify = true
	if cfg.NextProtos == nil {
		cfg.NextProtos = []string{ProtocolGRPC}
	}
	raw, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = raw.Close() }()
	if err := raw.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	conn := tls.Client(raw, cfg)
	if err := conn.Handshake(); err != nil {
		return err
	}
	return readClosed(t, conn, patience)
}

func TestServerRefuses(t *testing.T) {
	beijing, tianjin, stranger := newTestRegion(t, "beijing"), newTestRegion(t, "tianjin"), newTestRegion(t, "stranger")
	otherTianjin := newTestRegion(t, "tianjin") // the same region id, another CA
	server := start(t, beijing.node(t, "1", IssueOptions{}), nodeOptions{}, beijing, tianjin)
	known, revoked := NodeID{"tianjin", "1"}, NodeID{"tianjin", "2"}
	server.members.allow(known, UseLink)
	server.members.allow(NodeID{"stranger", "1"}, UseLink)
	server.members.allow(NodeID{"beijing", "1"}, UseLink, UseRaft)
	server.members.forbid(revoked, fmt.Errorf("region tianjin: %w", ReasonRevoked))

	longAgo := func() time.Time { return time.Now().Add(-100 * 24 * time.Hour) }
	later := func() time.Time { return time.Now().Add(48 * time.Hour) }
	for _, test := range []struct {
		name   string
		cfg    *tls.Config
		reason Reason
		peer   NodeID // as claimed
	}{
		{"no certificate", &tls.Config{}, ReasonNoCertificate, NodeID{}},
		{"wrong CA", with(otherTianjin.node(t, "1", IssueOptions{})), ReasonBadChain, known},
		{"expired", with(tianjin.node(t, "1", IssueOptions{Now: longAgo})), ReasonExpired, known},
		{"not valid yet", with(tianjin.node(t, "1", IssueOptions{Now: later})), ReasonExpired, known},
		{"unregistered node", with(tianjin.node(t, "9", IssueOptions{})), ReasonUnregisteredNode, NodeID{"tianjin", "9"}},
		{"region without bundle", with(stranger.node(t, "1", IssueOptions{})), ReasonUnknownRegion, NodeID{"stranger", "1"}},
		{"revoked", with(tianjin.node(t, "2", IssueOptions{})), ReasonRevoked, revoked},
		{"raft by a node that may not", with(tianjin.node(t, "1", IssueOptions{}), ProtocolRaft), ReasonRaftNotAllowed, known},
		{
			"speaks for another region, with its own valid CA",
			forged(tianjin.forge(t, nil, "spiffe://beijing/node/1")), ReasonBadChain,
			NodeID{"beijing", "1"},
		},
		{
			"two URI SANs",
			forged(tianjin.forge(t, nil, "spiffe://tianjin/node/1", "spiffe://beijing/node/1")), ReasonBadID,
			NodeID{},
		},
		{"no URI SAN", forged(tianjin.forge(t, nil)), ReasonBadID, NodeID{}},
		{"not a node's id", forged(tianjin.forge(t, nil, "spiffe://tianjin/user/1")), ReasonBadID, NodeID{}},
		{
			"a leaf that is a CA",
			forged(tianjin.forge(t, func(c *x509.Certificate) {
				c.IsCA, c.KeyUsage = true, x509.KeyUsageCertSign
			}, "spiffe://tianjin/node/1")), ReasonBadChain, known,
		},
		{"the CA itself", forged(tls.Certificate{
			Certificate: [][]byte{tianjin.ca.certs[0].Raw}, PrivateKey: tianjin.ca.key,
		}), ReasonBadID, NodeID{}},
		{"another protocol", with(tianjin.node(t, "1", IssueOptions{}), "http/1.1"), ReasonHandshake, NodeID{}},
		{"TLS 1.2", &tls.Config{MaxVersion: tls.VersionTLS12}, ReasonHandshake, NodeID{}},
	} {
		t.Run(test.name, func(t *testing.T) {
			if err := hostile(t, server.addr, test.cfg); err == nil {
				t.Error("it was not refused")
			}
			r := server.refusal(t)
			if r.Reason != test.reason || r.Peer != test.peer {
				t.Errorf("expected %s %q, counted %s %q: %v", test.reason, test.peer, r.Reason, r.Peer, r)
			}
			if r.Remote == "" || !errors.Is(r, test.reason) {
				t.Errorf("the refusal should carry address and reason: %#v", r)
			}
			server.refusesNobody(t)
		})
	}
}

// TestServerRefusesNoProtocol is apart from the table because TLS lets a client without ALPN pass: we do not.
func TestServerRefusesNoProtocol(t *testing.T) {
	beijing := newTestRegion(t, "beijing")
	server := start(t, beijing.node(t, "1", IssueOptions{}), nodeOptions{}, beijing)
	server.members.allow(NodeID{"beijing", "2"}, UseLink, UseRaft)
	cfg := with(beijing.node(t, "2", IssueOptions{}))
	cfg.NextProtos = []string{}
	if err := hostile(t, server.addr, cfg); err == nil {
		t.Error("it was not refused")
	}
	if r := server.refusal(t); r.Reason != ReasonHandshake {
		t.Errorf("counted %v", r)
	}
}

// with makes a TLS client of a node's certificate.
func with(certs *Certificates, protocols ...string) *tls.Config {
	return forged(*certs.current(), protocols...)
}

func forged(cert tls.Certificate, protocols ...string) *tls.Config {
	return &tls.Config{Certificates: []tls.Certificate{cert}, NextProtos: protocols}
}

func TestDiallerRefuses(t *testing.T) {
	beijing, tianjin := newTestRegion(t, "beijing"), newTestRegion(t, "tianjin")
	otherTianjin := newTestRegion(t, "tianjin")
	client := start(t, beijing.node(t, "1", IssueOptions{}), nodeOptions{}, beijing, tianjin)
	client.members.allow(NodeID{"tianjin", "1"}, UseLink, UseRaft)
	client.members.allow(NodeID{"tianjin", "2"}, UseLink)
	client.members.allow(NodeID{"beijing", "1"}, UseLink, UseRaft)
	longAgo := func() time.Time { return time.Now().Add(-100 * 24 * time.Hour) }

	for _, test := range []struct {
		name   string
		server tls.Certificate
		expect NodeID
		reason Reason
	}{
		{"wrong CA", *otherTianjin.node(t, "1", IssueOptions{}).current(), NodeID{"tianjin", "1"}, ReasonBadChain},
		{"expired", *tianjin.node(t, "1", IssueOptions{Now: longAgo}).current(), NodeID{"tianjin", "1"}, ReasonExpired},
		{"another node", *tianjin.node(t, "1", IssueOptions{}).current(), NodeID{"tianjin", "7"}, ReasonWrongPeer},
		{"another region", *tianjin.node(t, "1", IssueOptions{}).current(), NodeID{"beijing", ""}, ReasonWrongPeer},
		{"speaks for another region", tianjin.forge(t, nil, "spiffe://beijing/node/1"), NodeID{"beijing", "1"}, ReasonBadChain},
		{"not a Raft node", *tianjin.node(t, "2", IssueOptions{}).current(), NodeID{"tianjin", "2"}, ReasonRaftNotAllowed},
		{"unregistered", *tianjin.node(t, "9", IssueOptions{}).current(), NodeID{"tianjin", ""}, ReasonUnregisteredNode},
		{"two URI SANs", tianjin.forge(t, nil, "spiffe://tianjin/node/1", "spiffe://tianjin/node/2"), NodeID{"tianjin", "1"}, ReasonBadID},
	} {
		t.Run(test.name, func(t *testing.T) {
			addr := serveTLS(t, &tls.Config{
				Certificates: []tls.Certificate{test.server}, NextProtos: []string{ProtocolGRPC, ProtocolRaft},
				ClientAuth: tls.RequestClientCert,
			})
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			conn, err := client.peers.DialRaft(ctx, addr, test.expect)
			if err == nil {
				_ = conn.Close()
				t.Fatal("it was not refused")
			}
			if reason, _ := ReasonOf(err); reason != test.reason {
				t.Errorf("expected %s, got %v", test.reason, err)
			}
			if r := client.refusal(t); r.Reason != test.reason || r.Expected != test.expect || r.Remote != addr {
				t.Errorf("expected %s from %s, counted %v", test.reason, addr, r)
			}
			client.refusesNobody(t)
		})
	}
}

// serveTLS answers handshakes until the test ends.
func serveTLS(t *testing.T, cfg *tls.Config) (addr string) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			raw, err := ln.Accept()
			if err != nil {
				return
			}
			conn := tls.Server(raw, cfg)
			_ = conn.SetDeadline(time.Now().Add(patience))
			if conn.Handshake() == nil {
				_, _ = conn.Write([]byte{7}) // tickets, if any, have come before this
				_, _ = conn.Read(make([]byte, 1))
			}
			_ = conn.Close()
		}
	}()
	t.Cleanup(func() {
		_ = ln.Close()
		<-done
	})
	return ln.Addr().String()
}

// TestNoResumption: a client that keeps sessions cannot resume one, and is refused as soon as its bundle is gone. In
// go-spiffe's own TLS configuration such a peer was let in.
func TestNoResumption(t *testing.T) {
	beijing, tianjin := newTestRegion(t, "beijing"), newTestRegion(t, "tianjin")
	server := start(t, beijing.node(t, "1", IssueOptions{}), nodeOptions{}, beijing, tianjin)
	server.members.allow(NodeID{"tianjin", "1"}, UseLink, UseRaft)
	cfg := with(tianjin.node(t, "1", IssueOptions{}), ProtocolRaft)
	cfg.InsecureSkipVerify = true
	cfg.ClientSessionCache = tls.NewLRUClientSessionCache(8)
	cfg.ServerName = "beijing"

	for range 2 {
		conn, err := tls.DialWithDialer(&net.Dialer{Timeout: patience}, "tcp", server.addr, cfg)
		if err != nil {
			t.Fatal(err)
		}
		accepted := server.acceptRaft(t)
		exchange(t, accepted, conn) // reading is what would take in a session ticket
		if conn.ConnectionState().DidResume {
			t.Fatal("the session was resumed")
		}
		_ = conn.Close()
		_ = accepted.Close()
	}
	if _, ok := cfg.ClientSessionCache.Get("beijing"); ok {
		t.Error("the server gave a session ticket")
	}
	server.members.change(func(s *memberState) { delete(s.bundles, "tianjin") })
	if err := hostile(t, server.addr, cfg); err == nil {
		t.Error("let in after its bundle was removed")
	}
	if r := server.refusal(t); r.Reason != ReasonUnknownRegion {
		t.Errorf("counted %v", r)
	}
}

// TestDiallerDoesNotResume: a server that does give tickets gets full handshakes from us.
func TestDiallerDoesNotResume(t *testing.T) {
	beijing, tianjin := newTestRegion(t, "beijing"), newTestRegion(t, "tianjin")
	client := start(t, beijing.node(t, "1", IssueOptions{}), nodeOptions{}, beijing, tianjin)
	client.members.allow(NodeID{"tianjin", "1"}, UseLink)
	addr := serveTLS(t, &tls.Config{
		Certificates: []tls.Certificate{*tianjin.node(t, "1", IssueOptions{}).current()}, NextProtos: []string{ProtocolGRPC},
	})
	cfg := client.peers.ClientConfig(NodeID{Region: "tianjin"}, UseLink)
	dial := func() (*tls.Conn, error) { return tls.DialWithDialer(&net.Dialer{Timeout: patience}, "tcp", addr, cfg) }
	for range 2 {
		conn, err := dial()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := conn.Read(make([]byte, 1)); err != nil {
			t.Fatal(err)
		}
		if conn.ConnectionState().DidResume {
			t.Fatal("the session was resumed")
		}
		if id, err := VerifiedPeer(conn); err != nil || id != (NodeID{"tianjin", "1"}) {
			t.Errorf("peer is %v, %v", id, err)
		}
		_ = conn.Close()
	}
	client.members.change(func(s *memberState) { delete(s.bundles, "tianjin") })
	if conn, err := dial(); err == nil {
		_ = conn.Close()
		t.Error("connected after its bundle was removed")
	}
}

// TestResumedStateIsRefused holds even if somebody switches tickets on one day.
func TestResumedStateIsRefused(t *testing.T) {
	beijing := newTestRegion(t, "beijing")
	certs := beijing.node(t, "1", IssueOptions{})
	node := start(t, certs, nodeOptions{}, beijing)
	node.members.allow(certs.ID(), UseLink)
	state := tls.ConnectionState{
		Version: tls.VersionTLS13, NegotiatedProtocol: ProtocolGRPC,
		PeerCertificates: []*x509.Certificate{certs.Leaf()},
	}
	if _, refusal := node.peers.verify(state, NodeID{}); refusal != nil {
		t.Fatalf("a full handshake was refused: %v", refusal)
	}
	state.DidResume = true
	if _, refusal := node.peers.verify(state, NodeID{}); refusal == nil || refusal.Reason != ReasonHandshake {
		t.Errorf("expected %s, got %v", ReasonHandshake, refusal)
	}
}

// TestServerConfigAlone: the configuration refuses by itself too, without a mux, and knows the caller's address.
func TestServerConfigAlone(t *testing.T) {
	beijing := newTestRegion(t, "beijing")
	node := start(t, beijing.node(t, "1", IssueOptions{}), nodeOptions{}, beijing)
	node.members.allow(NodeID{"beijing", "2"}, UseLink)
	addr := serveTLS(t, node.peers.ServerConfig())
	if err := hostile(t, addr, with(beijing.node(t, "3", IssueOptions{}))); err == nil {
		t.Error("an unregistered node was let in")
	}
	if r := node.refusal(t); r.Reason != ReasonUnregisteredNode || r.Remote == "" || r.Remote == addr {
		t.Errorf("counted %v", r)
	}
	conn, err := tls.Dial("tcp", addr, node.peers.ClientConfig(node.id, UseLink))
	if err == nil {
		_ = conn.Close()
		t.Error("this node is not registered in its own registry, and must not be dialled")
	}
	if r := node.refusal(t); r.Reason != ReasonUnregisteredNode || r.Peer != node.id {
		t.Errorf("counted %v", r)
	}
}
