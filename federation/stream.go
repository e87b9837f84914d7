package federation

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/hashicorp/raft"

	"github.com/jieli-gateway/jieli/federation/trust"
)

// maxGreetings bounds the accepted connections whose greeting is under way; more wait in the listener's queue.
const maxGreetings = 32

// streamLayer carries Raft over connections between nodes: it greets, it dials nodes by name, and it closes what is
// open when it is closed (Raft's own transport leaves accepted connections alive).
type streamLayer struct {
	listener net.Listener
	dial     func(ctx context.Context, addr string, expect trust.NodeID) (net.Conn, error)
	address  func(trust.NodeID) (string, bool)
	cluster  func() uuid.UUID
	refused  func(peer trust.NodeID, err error)
	log      *slog.Logger

	ready   chan net.Conn
	slots   chan struct{}
	ctx     context.Context // ends with Close
	cancel  context.CancelFunc
	running sync.WaitGroup

	mu     sync.Mutex
	closed bool
	open   map[*liveConn]struct{}
}

// newStreamLayer accepts from the listener until it is closed. The other functions are as in Wiring.
func newStreamLayer(listener net.Listener, dial func(context.Context, string, trust.NodeID) (net.Conn, error), w Wiring) *streamLayer {
	ctx, cancel := context.WithCancel(context.Background())
	s := &streamLayer{
		listener: listener, dial: dial, address: w.Address, cluster: w.Cluster, refused: w.Refused, log: w.Log,
		ready: make(chan net.Conn), slots: make(chan struct{}, maxGreetings), ctx: ctx, cancel: cancel,
		open: map[*liveConn]struct{}{},
	}
	s.running.Go(s.accept)
	return s
}

func (s *streamLayer) accept() {
	for {
		conn, err := s.listener.Accept()
		if err != nil {
			if s.ctx.Err() == nil && !errors.Is(err, net.ErrClosed) {
				s.log.Error("Raft no longer accepts connections", slog.Any("error", err))
			}
			return
		}
		live, err := s.keep(conn)
		if err != nil {
			return
		}
		select {
		case s.slots <- struct{}{}:
		case <-s.ctx.Done():
			return
		}
		s.running.Go(func() {
			defer func() { <-s.slots }()
			s.take(live)
		})
	}
}

// take greets an accepted connection and hands it to Raft.
func (s *streamLayer) take(conn *liveConn) {
	if err := welcome(conn, s.cluster(), time.Now().Add(greetingTimeout)); err != nil {
		_ = conn.Close() // it is being thrown away
		if s.ctx.Err() == nil {
			s.refused(conn.peer(), err)
		}
		return
	}
	select {
	case s.ready <- conn:
	case <-s.ctx.Done():
		_ = conn.Close() // it is being thrown away
	}
}

// Accept gives the next connection of a node of this federation.
func (s *streamLayer) Accept() (net.Conn, error) {
	select {
	case conn := <-s.ready:
		return conn, nil
	case <-s.ctx.Done():
		return nil, net.ErrClosed
	}
}

// Dial connects to a node by its name.
func (s *streamLayer) Dial(name raft.ServerAddress, timeout time.Duration) (net.Conn, error) {
	id := nodeOf(name)
	addr, ok := s.address(id)
	if !ok {
		return nil, fmt.Errorf("dial Raft of %s: it is not registered", name)
	}
	cluster := s.cluster()
	if cluster == uuid.Nil {
		return nil, fmt.Errorf("dial Raft of %s: %w", name, ErrNoRegistry)
	}
	ctx, cancel := context.WithTimeout(s.ctx, min(timeout, greetingTimeout))
	defer cancel()
	conn, err := s.dial(ctx, addr, id)
	if err != nil {
		return nil, err
	}
	live, err := s.keep(conn)
	if err != nil {
		return nil, err
	}
	deadline, _ := ctx.Deadline() // there always is one
	if err := greet(live, cluster, deadline); err != nil {
		_ = live.Close() // it is being thrown away
		return nil, fmt.Errorf("dial Raft of %s at %s: %w", name, addr, err)
	}
	return live, nil
}

// Addr is the address of the listener.
func (s *streamLayer) Addr() net.Addr { return s.listener.Addr() }

// Close stops accepting, closes every connection and waits for what is under way.
func (s *streamLayer) Close() error {
	s.cancel()
	err := s.listener.Close()
	s.mu.Lock()
	s.closed = true
	open := make([]*liveConn, 0, len(s.open))
	for conn := range s.open {
		open = append(open, conn)
	}
	s.mu.Unlock()
	for _, conn := range open {
		_ = conn.Close() // nobody is left to be told
	}
	s.running.Wait()
	return err
}

func (s *streamLayer) keep(conn net.Conn) (*liveConn, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		_ = conn.Close() // it is being thrown away
		return nil, net.ErrClosed
	}
	live := &liveConn{Conn: conn, layer: s}
	s.open[live] = struct{}{}
	return live, nil
}

func (s *streamLayer) forget(conn *liveConn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.open, conn)
}

// liveConn is a connection that its layer can still close.
type liveConn struct {
	net.Conn
	layer *streamLayer
}

// Close closes the connection.
func (c *liveConn) Close() error {
	c.layer.forget(c)
	return c.Conn.Close()
}

// peer is who is on the other side; zero if the connection does not know.
func (c *liveConn) peer() trust.NodeID {
	if known, ok := c.Conn.(interface{ Peer() trust.NodeID }); ok {
		return known.Peer()
	}
	return trust.NodeID{}
}
