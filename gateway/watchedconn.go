package gateway

import (
	"context"
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc/credentials"

	"github.com/jieli-gateway/jieli/federation/trust"
)

// refusalTime is how long a failed write waits for what reading has to say about it.
const refusalTime = 200 * time.Millisecond

// watchedConn is a connection with a node whose handshake is complete on this side. In TLS 1.3 the other side judges us
// after that: its refusal comes as an alert to whoever reads, while whoever writes may only find the connection gone.
// Either of them tells the alert here, and the first error of reading is kept.
type watchedConn struct {
	net.Conn

	mu     sync.Mutex
	given  bool
	err    error
	failed chan struct{} // closed with err
}

func watch(conn net.Conn) *watchedConn {
	return &watchedConn{Conn: conn, failed: make(chan struct{})}
}

// errUsed means that gRPC asked for a second connection.
var errUsed = errors.New("the connection of this test has been used")

// once is a dialer for grpc.WithContextDialer.
func (c *watchedConn) once(context.Context, string) (net.Conn, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.given {
		return nil, errUsed
	}
	c.given = true
	return c, nil
}

// Read implements net.Conn.
func (c *watchedConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if err == nil {
		return n, nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err == nil {
		c.err = err
		close(c.failed)
	}
	return n, err
}

// Write implements net.Conn.
func (c *watchedConn) Write(b []byte) (int, error) {
	n, err := c.Conn.Write(b)
	if err == nil || errors.Is(err, net.ErrClosed) {
		return n, err
	}
	if cause := c.readFailure(); cause != nil {
		return n, cause
	}
	return n, err
}

// readFailure waits a moment for the error that reading ends with; nil when there is none, or only that of our closing.
func (c *watchedConn) readFailure() error {
	timer := time.NewTimer(refusalTime)
	defer timer.Stop()
	select {
	case <-c.failed:
	case <-timer.C:
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if errors.Is(c.err, net.ErrClosed) {
		return nil
	}
	return c.err
}

// why is why the other side did not go on after the handshake.
func (c *watchedConn) why() error {
	if err := c.readFailure(); err != nil {
		return err
	}
	return errors.New("the other side did not go on after the handshake")
}

// watchedCredentials are a client's whose connection is watched.
type watchedCredentials struct {
	*trust.ClientCredentials
	conn *atomic.Pointer[watchedConn]
}

// ClientHandshake implements credentials.TransportCredentials.
func (c watchedCredentials) ClientHandshake(ctx context.Context, authority string, raw net.Conn) (net.Conn, credentials.AuthInfo, error) {
	conn, info, err := c.ClientCredentials.ClientHandshake(ctx, authority, raw)
	if err != nil {
		return nil, nil, err
	}
	watched := watch(conn)
	c.conn.Store(watched)
	return watched, info, nil
}

// Clone implements credentials.TransportCredentials.
func (c watchedCredentials) Clone() credentials.TransportCredentials { return c }

// securedCredentials are those of a connection whose handshake is complete.
type securedCredentials struct{ info credentials.AuthInfo }

// ClientHandshake implements credentials.TransportCredentials.
func (s securedCredentials) ClientHandshake(_ context.Context, _ string, conn net.Conn) (net.Conn, credentials.AuthInfo, error) {
	return conn, s.info, nil
}

// ServerHandshake always fails: these credentials are a client's.
func (securedCredentials) ServerHandshake(net.Conn) (net.Conn, credentials.AuthInfo, error) {
	return nil, nil, errors.New("gateway: credentials of a client")
}

// Info implements credentials.TransportCredentials.
func (securedCredentials) Info() credentials.ProtocolInfo {
	return credentials.ProtocolInfo{SecurityProtocol: "tls"}
}

// Clone implements credentials.TransportCredentials.
func (s securedCredentials) Clone() credentials.TransportCredentials { return s }

// OverrideServerName does nothing.
func (securedCredentials) OverrideServerName(string) error { return nil }
