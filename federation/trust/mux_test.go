package trust

import (
	"context"
	"errors"
	"io"
	"net"
	"syscall"
	"testing"
	"time"
)

func TestStalledHandshakeIsCutOff(t *testing.T) {
	server, client, _ := pair(t, nodeOptions{mux: MuxConfig{HandshakeTimeout: 100 * time.Millisecond, MaxHandshakes: 1}})
	stalled, err := net.Dial("tcp", server.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = stalled.Close() }()

	// The only place is taken; the next caller waits its turn.
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	dialled, err := client.peers.DialRaft(ctx, server.addr, server.id)
	if err != nil {
		t.Fatal(err)
	}
	exchange(t, server.acceptRaft(t), dialled)
	expectClosed(t, stalled, patience)
	if r := server.refusal(t); r.Reason != ReasonHandshake || !errors.Is(r, context.DeadlineExceeded) {
		t.Errorf("counted %v", r)
	}
}

func TestCallerThatOnlyConnectsIsNotCounted(t *testing.T) {
	server, client, _ := pair(t, nodeOptions{mux: MuxConfig{MaxHandshakes: 1}})
	probe, err := net.Dial("tcp", server.addr)
	if err != nil {
		t.Fatal(err)
	}
	_ = probe.Close()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	dialled, err := client.peers.DialRaft(ctx, server.addr, server.id) // comes after the probe: one place only
	if err != nil {
		t.Fatal(err)
	}
	exchange(t, server.acceptRaft(t), dialled)
	server.refusesNobody(t)
}

func TestNobodyTakesConnections(t *testing.T) {
	server, client, _ := pair(t, nodeOptions{mux: MuxConfig{Backlog: 1}})
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	var conns [2]net.Conn
	for i := range conns {
		conn, err := client.peers.DialRaft(ctx, server.addr, server.id)
		if err != nil {
			t.Fatal(err)
		}
		conns[i] = conn
	}
	// One of them waits in the queue, the other is closed, whichever came first.
	closed := make(chan struct{}, 2)
	for _, conn := range conns {
		go func() {
			_, _ = conn.Read(make([]byte, 1)) // returns when it is closed
			closed <- struct{}{}
		}()
	}
	select {
	case <-closed:
	case <-time.After(patience):
		t.Fatal("neither was closed")
	}
	if err := server.mux.Raft().Close(); err != nil { // closes what waits
		t.Fatal(err)
	}
	select {
	case <-closed:
	case <-time.After(patience):
		t.Fatal("the waiting connection was not closed")
	}
	if _, err := server.mux.Raft().Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("accepted after Close: %v", err)
	}
}

func TestTooManyConnectionsOfOnePeer(t *testing.T) {
	server, client, _ := pair(t, nodeOptions{maxPerPeer: 1})
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	dial := func() net.Conn {
		conn, err := client.peers.DialRaft(ctx, server.addr, server.id)
		if err != nil {
			t.Fatal(err)
		}
		return conn
	}
	first := dial()
	accepted := server.acceptRaft(t)
	expectClosed(t, dial(), patience)
	if r := server.refusal(t); r.Reason != ReasonTooMany || r.Peer != client.id {
		t.Errorf("counted %v", r)
	}
	exchange(t, first, accepted)
	_ = accepted.Close()
	second := dial() // there is room again
	exchange(t, server.acceptRaft(t), second)
}

func TestCloseEndsEverything(t *testing.T) {
	server, client, _ := pair(t, nodeOptions{})
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	dialled, err := client.peers.DialRaft(ctx, server.addr, server.id)
	if err != nil {
		t.Fatal(err)
	}
	accepted := server.acceptRaft(t)
	stalled, err := net.Dial("tcp", server.addr) // its handshake is under way
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = stalled.Close() }()

	if err := server.mux.Close(); err != nil {
		t.Fatal(err)
	}
	expectClosed(t, accepted, atOnce)
	expectClosed(t, dialled, atOnce)
	expectClosed(t, stalled, atOnce)
	for _, listener := range []net.Listener{server.mux.GRPC(), server.mux.Raft()} {
		if _, err := listener.Accept(); !errors.Is(err, net.ErrClosed) {
			t.Errorf("accepted after Close: %v", err)
		}
		if listener.Addr().String() != server.addr {
			t.Errorf("address %s, expected %s", listener.Addr(), server.addr)
		}
	}
	if err := server.mux.Close(); err != nil {
		t.Errorf("second Close: %v", err)
	}
	server.refusesNobody(t)

	if err := client.peers.Close(); err != nil {
		t.Fatal(err)
	}
	if conn, err := client.peers.DialRaft(ctx, server.addr, server.id); err == nil {
		_ = conn.Close()
		t.Error("dialled after Close")
	}
}

// faultyListener fails a few times before it accepts.
type faultyListener struct {
	net.Listener
	faults chan error
}

func (l *faultyListener) Accept() (net.Conn, error) {
	select {
	case err := <-l.faults:
		return nil, err
	default:
		return l.Listener.Accept()
	}
}

func TestAcceptGoesOnAfterTemporaryFaults(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	faulty := &faultyListener{Listener: ln, faults: make(chan error, 2)}
	faulty.faults <- &net.OpError{Op: "accept", Err: syscall.EMFILE}
	faulty.faults <- &net.OpError{Op: "accept", Err: syscall.ECONNABORTED}
	server, client, _ := pair(t, nodeOptions{listener: faulty})
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	dialled, err := client.peers.DialRaft(ctx, server.addr, server.id)
	if err != nil {
		t.Fatal(err)
	}
	exchange(t, server.acceptRaft(t), dialled)
}

func TestBrokenListenerEndsBothPlanes(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	faulty := &faultyListener{Listener: ln, faults: make(chan error, 1)}
	faulty.faults <- io.ErrUnexpectedEOF
	beijing := newTestRegion(t, "beijing")
	server := start(t, beijing.node(t, "1", IssueOptions{}), nodeOptions{listener: faulty}, beijing)
	for _, listener := range []net.Listener{server.mux.GRPC(), server.mux.Raft()} {
		if _, err := listener.Accept(); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("expected the cause, got %v", err)
		}
	}
}
