package api

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"sync"
	"time"

	"google.golang.org/grpc/credentials"
)

const (
	// openingTime is how long a new connection may take for its TLS handshake and its first bytes.
	openingTime = 10 * time.Second
	// acceptPause is how long accepting rests after it failed, for want of file handles for instance.
	acceptPause = 50 * time.Millisecond
)

// preface is what every HTTP/2 connection begins with.
const preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

// switchboard serves one port: it does the TLS handshakes and hands each connection to gRPC, when it speaks HTTP/2,
// or to the HTTP server. It bounds the connections open at once.
type switchboard struct {
	listener  net.Listener
	tls       *tls.Config // nil: none
	log       *slog.Logger
	places    chan struct{}
	grpc, web *counter
	ctx       context.Context // of the handshakes under way, which stop ends
	cancel    context.CancelFunc
	opening   sync.WaitGroup
}

func newSwitchboard(listener net.Listener, config *tls.Config, places int, log *slog.Logger) *switchboard {
	if config != nil {
		config = config.Clone()
		// In the server's order: a client that speaks both gets JSON, and gRPC clients offer h2 alone.
		config.NextProtos = []string{"http/1.1", "h2"}
	}
	ctx, cancel := context.WithCancel(context.Background())
	return &switchboard{
		listener: listener, tls: config, log: log, places: make(chan struct{}, places),
		grpc: newCounter(listener.Addr()), web: newCounter(listener.Addr()),
		ctx: ctx, cancel: cancel,
	}
}

// run accepts until stop or close.
func (b *switchboard) run() {
	for {
		select {
		case b.places <- struct{}{}:
		case <-b.ctx.Done():
			return
		}
		if !b.accept() {
			return
		}
	}
}

// accept takes one connection, which has a place already; false when there will be no more.
func (b *switchboard) accept() bool {
	conn, err := b.listener.Accept()
	if err == nil {
		b.opening.Go(func() { b.open(conn) })
		return true
	}
	<-b.places
	if errors.Is(err, net.ErrClosed) || b.ctx.Err() != nil {
		return false
	}
	b.log.Warn("accepting API connections failed; trying again", slog.Any("error", err))
	select {
	case <-time.After(acceptPause):
		return true
	case <-b.ctx.Done():
		return false
	}
}

// stop ends accepting and handshakes; connections handed on stay open.
func (b *switchboard) stop() {
	b.cancel()
	_ = b.listener.Close()
}

// close stops, waits for what open has begun, and ends both counters.
func (b *switchboard) close() error {
	b.cancel()
	err := b.listener.Close()
	if errors.Is(err, net.ErrClosed) {
		err = nil
	}
	b.grpc.end()
	b.web.end()
	b.opening.Wait()
	return err
}

// open finds out what a connection speaks and hands it on.
func (b *switchboard) open(raw net.Conn) {
	ctx, cancel := context.WithTimeout(b.ctx, openingTime)
	defer cancel()
	conn := &accepted{Conn: raw, release: sync.OnceFunc(func() { <-b.places })}
	to, err := b.greet(ctx, conn)
	if err == nil {
		err = to.take(ctx, conn)
	}
	if err != nil {
		_ = conn.Close()
		b.log.Debug("an API connection did not come about", slog.String("remote", raw.RemoteAddr().String()), slog.Any("error", err))
	}
}

// greet does the handshake, where there is one, and tells who is to have the connection.
func (b *switchboard) greet(ctx context.Context, conn *accepted) (*counter, error) {
	if b.tls != nil {
		secured := tls.Server(conn.Conn, b.tls)
		if err := secured.HandshakeContext(ctx); err != nil {
			return nil, err
		}
		state := secured.ConnectionState()
		conn.Conn, conn.state = secured, &state
		if state.NegotiatedProtocol == "h2" {
			return b.grpc, nil
		}
		return b.web, nil
	}
	// A read has no context: when it ends, so does the read.
	unblock := context.AfterFunc(ctx, func() { _ = conn.SetReadDeadline(time.Unix(1, 0)) })
	defer unblock()
	http2, err := conn.peekPreface()
	if err != nil {
		return nil, err
	}
	if !unblock() {
		return nil, ctx.Err()
	}
	if http2 {
		return b.grpc, nil
	}
	return b.web, nil
}

// accepted is a connection with what was learnt while opening it.
type accepted struct {
	net.Conn
	head    []byte // read already, still to be given to whoever reads
	state   *tls.ConnectionState
	release func()
}

// peekPreface reads until it is clear whether the connection begins as HTTP/2 does.
func (c *accepted) peekPreface() (bool, error) {
	head := make([]byte, 0, len(preface))
	for len(head) < len(preface) {
		n, err := c.Conn.Read(head[len(head):cap(head)])
		head = head[:len(head)+n]
		c.head = head
		if !bytes.HasPrefix([]byte(preface), head) {
			return false, nil
		}
		if err != nil {
			return false, err
		}
	}
	return true, nil
}

// Read implements net.Conn.
func (c *accepted) Read(p []byte) (int, error) {
	if len(c.head) > 0 {
		n := copy(p, c.head)
		c.head = c.head[n:]
		return n, nil
	}
	return c.Conn.Read(p)
}

// Close implements net.Conn.
func (c *accepted) Close() error {
	defer c.release()
	return c.Conn.Close()
}

// authInfo is what gRPC and the gate know of the connection.
func (c *accepted) authInfo() credentials.AuthInfo {
	if c.state == nil {
		return plainInfo{credentials.CommonAuthInfo{SecurityLevel: credentials.NoSecurity}}
	}
	return credentials.TLSInfo{
		State:          *c.state,
		CommonAuthInfo: credentials.CommonAuthInfo{SecurityLevel: credentials.PrivacyAndIntegrity},
	}
}

// plainInfo is the AuthInfo of a connection without TLS.
type plainInfo struct{ credentials.CommonAuthInfo }

// AuthType implements credentials.AuthInfo.
func (plainInfo) AuthType() string { return "plain" }

// counter is a listener of connections that somebody else has accepted.
type counter struct {
	addr  net.Addr
	queue chan net.Conn
	ended chan struct{}
	once  sync.Once
}

func newCounter(addr net.Addr) *counter {
	return &counter{addr: addr, queue: make(chan net.Conn), ended: make(chan struct{})}
}

// take waits until somebody accepts the connection.
func (l *counter) take(ctx context.Context, conn net.Conn) error {
	select {
	case l.queue <- conn:
		return nil
	case <-l.ended:
		return net.ErrClosed
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (l *counter) end() { l.once.Do(func() { close(l.ended) }) }

// Accept implements net.Listener.
func (l *counter) Accept() (net.Conn, error) {
	select {
	case conn := <-l.queue:
		return conn, nil
	case <-l.ended:
		return nil, net.ErrClosed
	}
}

// Close implements net.Listener.
func (l *counter) Close() error {
	l.end()
	return nil
}

// Addr implements net.Listener.
func (l *counter) Addr() net.Addr { return l.addr }

// acceptedCredentials are those of the gRPC server behind a switchboard: the handshake is done already.
type acceptedCredentials struct{}

// ServerHandshake implements credentials.TransportCredentials.
func (acceptedCredentials) ServerHandshake(conn net.Conn) (net.Conn, credentials.AuthInfo, error) {
	c, ok := conn.(*accepted)
	if !ok {
		return nil, nil, errors.New("api: a connection that the switchboard has not accepted")
	}
	return c, c.authInfo(), nil
}

// ClientHandshake always fails: these credentials are a server's.
func (acceptedCredentials) ClientHandshake(context.Context, string, net.Conn) (net.Conn, credentials.AuthInfo, error) {
	return nil, nil, errors.New("api: credentials of a server")
}

// Info implements credentials.TransportCredentials.
func (acceptedCredentials) Info() credentials.ProtocolInfo {
	return credentials.ProtocolInfo{SecurityProtocol: "accepted"}
}

// Clone implements credentials.TransportCredentials.
func (acceptedCredentials) Clone() credentials.TransportCredentials { return acceptedCredentials{} }

// OverrideServerName does nothing.
func (acceptedCredentials) OverrideServerName(string) error { return nil }
