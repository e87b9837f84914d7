package gateway

import (
	"context"
	"errors"
	"net"
	"sync"

	"google.golang.org/grpc/credentials"
)

// watchedConn is a connection whose handshake is complete, to be used by gRPC once. It keeps the first error of reading,
// where TLS says that the other side refused us; gRPC would tell it as part of its own words, if at all.
type watchedConn struct {
	net.Conn

	mu    sync.Mutex
	given bool
	err   error
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
	if err != nil {
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.err == nil {
			c.err = err
		}
	}
	return n, err
}

// why is the first error of reading.
func (c *watchedConn) why() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err == nil {
		return errors.New("the other side did not go on after the handshake")
	}
	return c.err
}

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
