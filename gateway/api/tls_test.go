package api

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"

	"github.com/jieli-gateway/jieli/gateway/access"
	jieliv1 "github.com/jieli-gateway/jieli/proto/jieli/v1"
)

// authority is a CA of a test.
type authority struct {
	t    *testing.T
	dir  string
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pool *x509.CertPool
	file string
}

func newAuthority(t *testing.T, name string) *authority {
	t.Helper()
	a := &authority{t: t, dir: t.TempDir(), pool: x509.NewCertPool()}
	template := &x509.Certificate{
		Subject: pkix.Name{CommonName: name}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	a.key = newPrivateKey(t)
	der := sign(t, template, template, &a.key.PublicKey, a.key)
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	a.cert, a.file = cert, filepath.Join(a.dir, "ca.pem")
	a.pool.AddCert(cert)
	writePEM(t, a.file, "CERTIFICATE", der)
	return a
}

func newPrivateKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func sign(t *testing.T, template, parent *x509.Certificate, public *ecdsa.PublicKey, key *ecdsa.PrivateKey) []byte {
	t.Helper()
	serial, err := rand.Int(rand.Reader, big.NewInt(1<<62))
	if err != nil {
		t.Fatal(err)
	}
	template.SerialNumber = serial
	template.NotBefore, template.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	der, err := x509.CreateCertificate(rand.Reader, template, parent, public, key)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

func writePEM(t *testing.T, path, kind string, der []byte) {
	t.Helper()
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
}

// issue makes a certificate and key, as files and for use.
func (a *authority) issue(commonName string) (TLSFiles, tls.Certificate) {
	a.t.Helper()
	key := newPrivateKey(a.t)
	der := sign(a.t, &x509.Certificate{
		Subject: pkix.Name{CommonName: commonName}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}, a.cert, &key.PublicKey, a.key)
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		a.t.Fatal(err)
	}
	files := TLSFiles{Certificate: filepath.Join(a.dir, commonName+".pem"), Key: filepath.Join(a.dir, commonName+".key")}
	writePEM(a.t, files.Certificate, "CERTIFICATE", der)
	writePEM(a.t, files.Key, "PRIVATE KEY", keyDER)
	pair, err := tls.LoadX509KeyPair(files.Certificate, files.Key)
	if err != nil {
		a.t.Fatal(err)
	}
	return files, pair
}

// client gives an HTTP client that trusts the authority.
func (a *authority) client(certificates ...tls.Certificate) *http.Client {
	transport := &http.Transport{
		TLSClientConfig:   &tls.Config{RootCAs: a.pool, Certificates: certificates},
		ForceAttemptHTTP2: true, // offers both, as browsers and curl do
	}
	a.t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

func get(client *http.Client, url, token string) (int, string, error) {
	req, err := http.NewRequest(http.MethodGet, url, nil)
	if err != nil {
		return 0, "", err
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	response, err := client.Do(req)
	if err != nil {
		return 0, "", err
	}
	body, err := io.ReadAll(response.Body)
	return response.StatusCode, string(body), errors.Join(err, response.Body.Close())
}

func TestBothFacesOverTLS(t *testing.T) {
	server, clients := newAuthority(t, "server"), newAuthority(t, "clients")
	files, _ := server.issue("node")
	files.ClientCA = clients.file
	config, err := NewTLS(files, nil)
	if err != nil {
		t.Fatal(err)
	}
	granted, err := access.NewCertificates(access.Grant{CommonName: "crm.tianjin", Roles: []access.Role{access.Operator}})
	if err != nil {
		t.Fatal(err)
	}
	c := newCentre(t, func(cfg *Config) { cfg.TLS, cfg.Certificates = config, granted })
	_, known := clients.issue("crm.tianjin")
	_, unknown := clients.issue("somebody")
	_, foreign := server.issue("crm.tianjin")

	call := func(ctx context.Context, certificates ...tls.Certificate) error {
		t.Helper()
		conn, err := grpc.NewClient(c.address, grpc.WithTransportCredentials(credentials.NewTLS(&tls.Config{RootCAs: server.pool, Certificates: certificates})))
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		_, err = jieliv1.NewTicketServiceClient(conn).AcceptTicket(ctx, &jieliv1.AcceptTicketRequest{Id: "T-1"})
		return err
	}
	if err := call(as(c.operator)); err != nil {
		t.Fatalf("gRPC with a token: %v", err)
	}
	if err := call(as(""), known); err != nil {
		t.Fatalf("gRPC with a certificate: %v", err)
	}
	if _, actor, _ := c.desk.seen(); actor.Name != "crm.tianjin" {
		t.Fatalf("by %+v", actor)
	}
	wantStatus(t, call(as(""), unknown), codes.Unauthenticated, "NO_TOKEN")
	wantStatus(t, call(as("")), codes.Unauthenticated, "NO_TOKEN")
	wantStatus(t, call(as("jieli_no"), known), codes.Unauthenticated, "BAD_TOKEN")
	if err := call(as(""), foreign); err == nil {
		t.Fatal("a certificate of another CA is taken")
	}

	if code, body, err := get(server.client(), c.url+"/v1/tickets/T-1", c.operator); err != nil || code != 200 {
		t.Fatalf("HTTP with a token: %d %s %v", code, body, err)
	}
	if code, body, err := get(server.client(known), c.url+"/v1/tickets/T-1", ""); err != nil || code != 200 {
		t.Fatalf("HTTP with a certificate: %d %s %v", code, body, err)
	}
	if code, body, err := get(server.client(unknown), c.url+"/v1/tickets/T-1", ""); err != nil || code != 401 {
		t.Fatalf("HTTP with a certificate that gives nothing: %d %s %v", code, body, err)
	}
	insist := server.client()
	insist.Transport.(*http.Transport).TLSClientConfig.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
		return &foreign, nil // though the server has said that it does not take that CA
	}
	if code, _, err := get(insist, c.url+"/v1/tickets/T-1", ""); err == nil {
		t.Fatalf("a certificate of another CA is taken over HTTP: %d", code)
	}
}

func TestCertificateIsReadAgain(t *testing.T) {
	first, second := newAuthority(t, "first"), newAuthority(t, "second")
	files, _ := first.issue("node")
	pair := &keyPair{files: files}
	if err := pair.load(); err != nil {
		t.Fatal(err)
	}
	issuer := func() string {
		t.Helper()
		pair.looked = time.Time{}
		leaf, err := x509.ParseCertificate(pair.current().Certificate[0])
		if err != nil {
			t.Fatal(err)
		}
		return leaf.Issuer.CommonName
	}
	pair.log = slog.New(slog.DiscardHandler)
	if got := issuer(); got != "first" {
		t.Fatal(got)
	}
	newer, _ := second.issue("node")
	copyFile(t, newer.Certificate, files.Certificate)
	if got := issuer(); got != "first" {
		t.Fatalf("with a certificate that does not fit its key: %s", got)
	}
	copyFile(t, newer.Key, files.Key)
	if got := issuer(); got != "second" {
		t.Fatalf("with both replaced: %s", got)
	}
	if err := os.Remove(files.Key); err != nil {
		t.Fatal(err)
	}
	if got := issuer(); got != "second" {
		t.Fatalf("with the key gone: %s", got)
	}
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	data, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(to, append(data, '\n'), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestAddressesWithoutTLS(t *testing.T) {
	c := newCentre(t)
	for address, want := range map[string]struct{ plain, withTLS bool }{
		"127.0.0.1:8345":          {true, true},
		"127.8.8.8:8345":          {true, true},
		"[::1]:8345":              {true, true},
		"[::ffff:127.0.0.1]:8345": {true, true},
		"localhost:8345":          {true, true},
		"0.0.0.0:8345":            {false, true},
		"[::]:8345":               {false, true},
		":8345":                   {false, true},
		"192.0.2.1:8345":          {false, true},
		"api.suzhou.example:8345": {false, true},
		"8345":                    {false, false},
		"":                        {false, false},
	} {
		if err := CheckAddress(address, false); (err == nil) != want.plain {
			t.Errorf("%q without TLS: %v", address, err)
		} else if err != nil && want.withTLS && !strings.Contains(err.Error(), "api.tls.certificate") {
			t.Errorf("%q: the error does not say what to do: %v", address, err)
		}
		if err := CheckAddress(address, true); (err == nil) != want.withTLS {
			t.Errorf("%q with TLS: %v", address, err)
		}
	}
	if _, err := New(Config{Tokens: c.tokens, Address: "0.0.0.0:0"}); err == nil {
		t.Error("New takes an open address without TLS")
	}
	api, err := New(Config{Tokens: c.tokens})
	if err != nil {
		t.Fatal(err)
	}
	defer api.Shutdown(context.Background())
	listener, err := net.Listen("tcp", "0.0.0.0:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := api.Serve(listener); err == nil {
		t.Error("Serve takes an open address without TLS")
	}
	if _, err := listener.Accept(); err == nil {
		t.Error("the refused listener is still open")
	}
}
