package trust

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"sync"
	"syscall"
	"time"
)

const (
	// DefaultMaxHandshakes bounds handshakes under way at once; more callers wait in the kernel's queue.
	DefaultMaxHandshakes = 128
	// DefaultBacklog bounds the accepted connections of one protocol that nobody has taken yet.
	DefaultBacklog = 64

	firstAcceptPause   = 5 * time.Millisecond
	longestAcceptPause = time.Second
)

// MuxConfig are the bounds of a Mux. Zero values stand for the defaults.
type MuxConfig struct {
	HandshakeTimeout time.Duration // default HandshakeTimeout
	MaxHandshakes    int           // default DefaultMaxHandshakes
	Backlog          int           // default DefaultBacklog
	Log              *slog.Logger  // optional
}

// Mux serves gRPC and Raft on one port: it does the TLS handshakes, checks the peers, and hands each connection to
// the listener of its ALPN protocol. A Raft connection of a node that may not speak Raft never gets to Raft.
type Mux struct {
	listener net.Listener
	peers    *Peers
	cfg      MuxConfig
	planes   map[Use]*plane
	slots    chan struct{} // one for each handshake under way

	ctx     context.Context // ends with Close; handshakes end with it
	cancel  context.CancelFunc
	running sync.WaitGroup
}

// NewMux makes a mux over a TCP listener, which it owns from then on. Start it, and Close it.
func NewMux(listener net.Listener, peers *Peers, cfg MuxConfig) (*Mux, error) {
	if listener == nil || peers == nil {
		return nil, errors.New("trust: a mux needs a listener and peers")
	}
	if cfg.HandshakeTimeout <= 0 {
		cfg.HandshakeTimeout = HandshakeTimeout
	}
	if cfg.MaxHandshakes <= 0 {
		cfg.MaxHandshakes = DefaultMaxHandshakes
	}
	if cfg.Backlog <= 0 {
		cfg.Backlog = DefaultBacklog
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	ctx, cancel := context.WithCancel(context.Background())
	return &Mux{
		listener: listener,
		peers:    peers,
		cfg:      cfg,
		planes: map[Use]*plane{
			UseLink: newPlane(listener.Addr(), cfg.Backlog),
			UseRaft: newPlane(listener.Addr(), cfg.Backlog),
		},
		slots:  make(chan struct{}, cfg.MaxHandshakes),
		ctx:    ctx,
		cancel: cancel,
	}, nil
}

// GRPC is the listener for a gRPC server with ServerCredentials. Its connections are *Conn.
func (m *Mux) GRPC() net.Listener { return m.planes[UseLink] }

// Raft is the listener for a Raft transport. Its connections are *Conn, of peers that may speak Raft.
func (m *Mux) Raft() net.Listener { return m.planes[UseRaft] }

// Start begins to accept.
func (m *Mux) Start() {
	m.running.Go(m.accept)
}

// Close stops accepting, closes both listeners and every accepted connection, and waits until all goroutines have
// ended.
func (m *Mux) Close() error {
	m.cancel()
	err := m.listener.Close()
	if errors.Is(err, net.ErrClosed) {
		err = nil
	}
	m.closePlanes(net.ErrClosed)
	m.running.Wait()
	m.peers.closeAccepted()
	return err
}

func (m *Mux) closePlanes(cause error) {
	for _, plane := range m.planes {
		plane.close(cause)
	}
}

// accept takes connections until the mux is closed or the listener breaks.
func (m *Mux) accept() {
	pause := firstAcceptPause
	for {
		select {
		case m.slots <- struct{}{}:
		case <-m.ctx.Done():
			return
		}
		raw, err := m.listener.Accept()
		if err == nil {
			pause = firstAcceptPause
			m.running.Go(func() {
				defer func() { <-m.slots }()
				m.handshake(raw)
			})
			continue
		}
		<-m.slots
		if m.ctx.Err() != nil {
			return
		}
		if !isTemporary(err) {
			m.cfg.Log.Error("federation port no longer accepts connections",
				slog.String("address", m.listener.Addr().String()), slog.Any("error", err))
			m.closePlanes(fmt.Errorf("federation port %s: %w", m.listener.Addr(), err))
			return
		}
		m.cfg.Log.Warn("federation port cannot accept, will try again",
			slog.String("address", m.listener.Addr().String()), slog.Duration("pause", pause), slog.Any("error", err))
		if !m.wait(pause) {
			return
		}
		pause = min(2*pause, longestAcceptPause)
	}
}

// wait pauses; it reports false if the mux was closed meanwhile.
func (m *Mux) wait(pause time.Duration) bool {
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-m.ctx.Done():
		return false
	}
}

// isTemporary reports whether accepting may work again soon: out of file handles or memory, or the caller hung up.
func isTemporary(err error) bool {
	for _, cause := range []error{syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM, syscall.ECONNABORTED, syscall.EINTR} {
		if errors.Is(err, cause) {
			return true
		}
	}
	return false
}

// handshake brings one connection from TCP to the listener of its protocol, or closes it.
func (m *Mux) handshake(raw net.Conn) {
	ctx, cancel := context.WithTimeout(m.ctx, m.cfg.HandshakeTimeout)
	defer cancel()
	tlsConn := tls.Server(raw, m.peers.serverConfig(raw.RemoteAddr().String()))
	if err := tlsConn.HandshakeContext(ctx); err != nil {
		m.handshakeFailed(raw, err)
		return
	}
	conn, err := m.peers.admit(tlsConn, NodeID{}, true)
	if err != nil {
		return // logged and counted, unless we are closing
	}
	if err := m.planes[conn.peer.use].push(conn); err != nil {
		conn.cut()
		if m.ctx.Err() == nil && !errors.Is(err, net.ErrClosed) { // that is a node that is stopping
			m.cfg.Log.Warn("connection closed: nobody takes it",
				slog.String("peer", conn.Peer().String()), slog.String("use", string(conn.peer.use)), slog.Any("error", err))
		}
	}
}

// handshakeFailed closes the connection, and counts a failure that was not a refusal of ours already. A caller that
// only connects and goes away, as health probes do, is nothing to count.
func (m *Mux) handshakeFailed(raw net.Conn, err error) {
	_ = raw.Close()
	if _, counted := ReasonOf(err); counted || m.ctx.Err() != nil {
		return
	}
	if errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET) {
		m.cfg.Log.Debug("caller went away before the handshake", slog.String("remote", raw.RemoteAddr().String()))
		return
	}
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, os.ErrDeadlineExceeded) {
		err = fmt.Errorf("not complete within %s: %w", m.cfg.HandshakeTimeout, err)
	}
	_ = m.peers.refused(&Refusal{Reason: ReasonHandshake, Remote: raw.RemoteAddr().String(), Err: err})
}

// errBacklogFull means that a protocol's server does not take its connections.
var errBacklogFull = errors.New("too many connections wait to be taken")

// plane is the listener of one protocol: a bounded queue of connections whose handshake is complete.
type plane struct {
	addr  net.Addr
	queue chan *Conn

	mu    sync.Mutex
	cause error         // why it is closed
	done  chan struct{} // closed with it
}

func newPlane(addr net.Addr, backlog int) *plane {
	return &plane{addr: addr, queue: make(chan *Conn, backlog), done: make(chan struct{})}
}

// Accept waits for the next connection.
func (p *plane) Accept() (net.Conn, error) {
	select {
	case conn := <-p.queue:
		return conn, nil
	case <-p.done:
		p.mu.Lock()
		defer p.mu.Unlock()
		return nil, p.cause
	}
}

// Close stops this protocol only, and closes its connections that nobody has taken.
func (p *plane) Close() error {
	p.close(net.ErrClosed)
	return nil
}

// Addr is the address of the port.
func (p *plane) Addr() net.Addr { return p.addr }

func (p *plane) push(conn *Conn) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cause != nil {
		return p.cause
	}
	select {
	case p.queue <- conn:
		return nil
	default:
		return errBacklogFull
	}
}

func (p *plane) close(cause error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cause != nil {
		return
	}
	p.cause = cause
	close(p.done)
	for {
		select {
		case conn := <-p.queue:
			conn.cut()
		default:
			return
		}
	}
}
