package trust

import (
	"bytes"
	"crypto/tls"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestCertificateReload(t *testing.T) {
	beijing := newTestRegion(t, "beijing")
	if err := Issue(beijing.dir, "1", IssueOptions{}); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(beijing.dir, FileNode)
	var log bytes.Buffer
	certs, err := NewCertificates(path, slog.New(slog.NewTextHandler(&log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	server := start(t, certs, nodeOptions{}, beijing)
	server.members.allow(NodeID{"beijing", "2"}, UseLink, UseRaft)
	client := with(beijing.node(t, "2", IssueOptions{}), ProtocolRaft)
	client.InsecureSkipVerify = true
	shown := func() string { // the serial number that a handshake shows
		t.Helper()
		conn, err := tls.Dial("tcp", server.addr, client)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = conn.Close() }()
		exchange(t, server.acceptRaft(t), conn)
		return conn.ConnectionState().PeerCertificates[0].SerialNumber.String()
	}

	first := shown()
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	stranger := newTestRegion(t, "beijing")
	if err := Issue(stranger.dir, "7", IssueOptions{}); err != nil {
		t.Fatal(err)
	}
	otherNode, err := os.ReadFile(filepath.Join(stranger.dir, FileNode))
	if err != nil {
		t.Fatal(err)
	}
	for _, broken := range []struct {
		name string
		data []byte
	}{
		{"cut off", good[:len(good)/2]},
		{"another node's", otherNode},
		{"empty", nil},
	} {
		log.Reset()
		if err := replaceFile(path, broken.data); err != nil {
			t.Fatal(err)
		}
		for range 3 {
			if got := shown(); got != first {
				t.Errorf("file %s: shows another certificate", broken.name)
			}
		}
		if lines := strings.Count(log.String(), "not reloaded"); lines != 1 {
			t.Errorf("file %s: %d log lines, expected 1:\n%s", broken.name, lines, log.String())
		}
	}
	log.Reset()
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if got := shown(); got != first || strings.Count(log.String(), "not reloaded") != 1 {
		t.Errorf("file gone: shows %s, logged %s", got, log.String())
	}
	if err := createFile(path, good); err != nil {
		t.Fatal(err)
	}
	if err := Rotate(beijing.dir, PartNode); err != nil {
		t.Fatal(err)
	}
	second := shown()
	if second == first {
		t.Error("the new certificate was not taken over")
	}
	if got := certs.Leaf().SerialNumber.String(); got != second {
		t.Errorf("Leaf is %s, shown is %s", got, second)
	}
	if certs.ID() != server.peers.Self() {
		t.Errorf("id changed to %v", certs.ID())
	}
}

func TestRefusalsAreLoggedOncePerMinute(t *testing.T) {
	var log bytes.Buffer
	clock := newTestClock()
	l := refusalLog{log: slog.New(slog.NewTextHandler(&log, nil)), now: clock.now}
	lines := func() int { return strings.Count(log.String(), "peer refused") }
	r := &Refusal{Reason: ReasonExpired, Peer: NodeID{"beijing", "1"}, Remote: "10.0.0.1:4000"}
	for range 5 {
		l.write(r)
	}
	r.Remote = "10.0.0.1:4001" // the same host, another port
	l.write(r)
	if lines() != 1 {
		t.Errorf("%d lines, expected 1", lines())
	}
	clock.add(refusalLogPause)
	l.write(r)
	if lines() != 2 {
		t.Errorf("%d lines after a pause, expected 2", lines())
	}
	l.expected = func(r *Refusal) bool { return r.Reason == ReasonUnknownRegion }
	l.write(&Refusal{Reason: ReasonUnknownRegion, Peer: NodeID{"beijing", "1"}})
	if lines() != 2 {
		t.Errorf("%d lines after an expected refusal, which is a detail; expected 2", lines())
	}
	for i := range 3 * refusalLogEntries {
		l.write(&Refusal{Reason: ReasonExpired, Peer: NodeID{"beijing", string(rune('a' + i))}})
	}
	log.Reset()
	l.write(&Refusal{Reason: ReasonBadID, Err: errors.New(strings.Repeat("x", 60_000))})
	if n := log.Len(); n > 2*refusalLogText {
		t.Errorf("a line of %d bytes for a name that the peer chose", n)
	}
	if len(l.last) > refusalLogEntries {
		t.Errorf("%d kinds remembered, expected at most %d", len(l.last), refusalLogEntries)
	}
}
