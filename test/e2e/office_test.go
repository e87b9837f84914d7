package e2e

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// office is a centre's own CA with what it gave out: a certificate for the API, and one for the ticket system.
type office struct {
	ca, certificate, key string // files
	client               *tls.Config
}

// makeOffice makes them in a directory.
func makeOffice(t *testing.T, dir string) office {
	t.Helper()
	must(t, os.MkdirAll(dir, 0o700))
	now := time.Now()
	authority := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "the centre's CA"}, NotBefore: now.Add(-time.Hour), NotAfter: now.Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	authorityKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	root, err := x509.CreateCertificate(rand.Reader, authority, authority, &authorityKey.PublicKey, authorityKey)
	must(t, err)
	give := func(serial int64, name string, usage x509.ExtKeyUsage) (certificate []byte, key *ecdsa.PrivateKey) {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		must(t, err)
		certificate, err = x509.CreateCertificate(rand.Reader, &x509.Certificate{
			SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: name}, NotBefore: now.Add(-time.Hour), NotAfter: now.Add(time.Hour),
			KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{usage}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		}, authority, &key.PublicKey, authorityKey)
		must(t, err)
		return certificate, key
	}
	o := office{ca: filepath.Join(dir, "clients.pem"), certificate: filepath.Join(dir, "api.pem"), key: filepath.Join(dir, "api.key")}
	server, serverKey := give(2, "api", x509.ExtKeyUsageServerAuth)
	encoded, err := x509.MarshalPKCS8PrivateKey(serverKey)
	must(t, err)
	writePEM(t, o.ca, "CERTIFICATE", root)
	writePEM(t, o.certificate, "CERTIFICATE", server)
	writePEM(t, o.key, "PRIVATE KEY", encoded)

	pool := x509.NewCertPool()
	parsed, err := x509.ParseCertificate(root)
	must(t, err)
	pool.AddCert(parsed)
	system, systemKey := give(3, "ticket-system", x509.ExtKeyUsageClientAuth)
	o.client = &tls.Config{
		MinVersion: tls.VersionTLS13, RootCAs: pool, ServerName: "127.0.0.1",
		Certificates: []tls.Certificate{{Certificate: [][]byte{system}, PrivateKey: systemKey}},
	}
	return o
}

func writePEM(t *testing.T, file, kind string, der []byte) {
	t.Helper()
	must(t, os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600))
}
