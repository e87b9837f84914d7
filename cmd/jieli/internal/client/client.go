// Package client reaches a node's API for the command line, and says what its errors mean there.
package client

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"

	"github.com/jieli-gateway/jieli/cmd/jieli/internal/lang"
	jieliv1 "github.com/jieli-gateway/jieli/proto/jieli/v1"
)

const (
	// DefaultServer is where a node's API listens by default.
	DefaultServer = "127.0.0.1:8345"
	// DefaultTimeout bounds one call.
	DefaultTimeout = 15 * time.Second

	maxMessage = 16 << 20
)

// Options of a connection.
type Options struct {
	Server    string
	TokenFile string
	// Token is used when no file is named; default: JIELI_TOKEN.
	Token    string
	CAFile   string
	Operator string
	Timeout  time.Duration
}

// Client calls a node. Close it.
type Client struct {
	conn    *grpc.ClientConn
	options Options
	token   string

	Tickets  jieliv1.TicketServiceClient
	Events   jieliv1.EventServiceClient
	Registry jieliv1.RegistryServiceClient
	Status   jieliv1.StatusServiceClient
}

// Dial makes a client; it connects when first used. A node that is not on this machine is reached over TLS.
func Dial(o Options) (*Client, error) {
	if o.Server == "" {
		o.Server = DefaultServer
	}
	if o.Timeout <= 0 {
		o.Timeout = DefaultTimeout
	}
	token, err := o.token()
	if err != nil {
		return nil, err
	}
	host, _, err := net.SplitHostPort(o.Server)
	if err != nil {
		return nil, lang.Errorf("--server must be host:port; it is %q", "--server 须为 host:port；现为 %q", o.Server)
	}
	creds := insecure.NewCredentials()
	if ip := net.ParseIP(host); o.CAFile != "" || (host != "localhost" && (ip == nil || !ip.IsLoopback())) {
		if creds, err = o.tls(); err != nil {
			return nil, err
		}
	}
	conn, err := grpc.NewClient("passthrough:///"+o.Server, grpc.WithTransportCredentials(creds),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maxMessage)), grpc.WithUnaryInterceptor(nameSilence(o.Server)))
	if err != nil {
		return nil, lang.Errorf("connect to %s: %w", "连接 %s：%w", o.Server, err)
	}
	return &Client{
		conn: conn, options: o, token: token,
		Tickets: jieliv1.NewTicketServiceClient(conn), Events: jieliv1.NewEventServiceClient(conn),
		Registry: jieliv1.NewRegistryServiceClient(conn), Status: jieliv1.NewStatusServiceClient(conn),
	}, nil
}

func (o Options) tls() (credentials.TransportCredentials, error) {
	cfg := &tls.Config{MinVersion: tls.VersionTLS12}
	if o.CAFile != "" {
		pem, err := os.ReadFile(filepath.Clean(o.CAFile))
		if err != nil {
			return nil, fmt.Errorf("--ca-file: %w", err)
		}
		cfg.RootCAs = x509.NewCertPool()
		if !cfg.RootCAs.AppendCertsFromPEM(pem) {
			return nil, lang.Errorf("--ca-file %s: no certificate in it", "--ca-file %s：其中没有证书", o.CAFile)
		}
	}
	return credentials.NewTLS(cfg), nil
}

func (o Options) token() (string, error) {
	if o.TokenFile == "" {
		return strings.TrimSpace(first(o.Token, os.Getenv("JIELI_TOKEN"))), nil
	}
	b, err := os.ReadFile(filepath.Clean(o.TokenFile))
	if err != nil {
		return "", fmt.Errorf("--token-file: %w", err)
	}
	token := strings.TrimSpace(string(b))
	if token == "" || strings.ContainsAny(token, " \n\t") {
		return "", lang.Errorf("--token-file %s: must hold one token and nothing else", "--token-file %s：须只含一个令牌", o.TokenFile)
	}
	return token, nil
}

func first(s ...string) string {
	for _, v := range s {
		if v != "" {
			return v
		}
	}
	return ""
}

// Context bounds a call and says who makes it.
func (c *Client) Context(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(c.Signed(ctx), c.options.Timeout)
}

// Signed says who makes a call, without a bound of its own.
func (c *Client) Signed(ctx context.Context) context.Context {
	var pairs []string
	if c.token != "" {
		pairs = append(pairs, "authorization", "Bearer "+c.token)
	}
	if c.options.Operator != "" {
		pairs = append(pairs, "jieli-operator", url.PathEscape(c.options.Operator))
	}
	return metadata.AppendToOutgoingContext(ctx, pairs...)
}

// Close ends the connection.
func (c *Client) Close() error {
	if err := c.conn.Close(); err != nil && !errors.Is(err, grpc.ErrClientConnClosing) { //nolint:staticcheck // the only way to tell
		return err
	}
	return nil
}
