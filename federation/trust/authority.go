package trust

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"math/big"
	"net"
	"net/url"
	"time"
)

const (
	authorityValidity = 10 * 365 * 24 * time.Hour
	// backdate lets a fresh certificate pass on a machine whose clock is behind.
	backdate = time.Hour
)

// authority is a region's CA: its key, where this machine has it, and its certificates.
type authority struct {
	region string
	key    *ecdsa.PrivateKey   // nil: certificates only, as on a node that cannot issue
	certs  []*x509.Certificate // the current one first, then those it replaced
}

// newAuthority makes a CA certificate for a region: P-256, 10 years, the trust domain as its URI, no CA below it.
func newAuthority(region string, now time.Time) (*authority, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	serial, err := newSerial()
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		SerialNumber: serial,
		// The serial makes the names of an old and a new CA differ, for people and for chain building.
		Subject:               pkix.Name{Organization: []string{"Jieli"}, CommonName: fmt.Sprintf("%s CA %.8x", region, serial)},
		NotBefore:             now.Add(-backdate),
		NotAfter:              now.Add(authorityValidity),
		URIs:                  []*url.URL{{Scheme: "spiffe", Host: region}},
		KeyUsage:              x509.KeyUsageCertSign,
		BasicConstraintsValid: true,
		IsCA:                  true,
		MaxPathLenZero:        true,
	}
	cert, err := signCertificate(template, template, key, key)
	if err != nil {
		return nil, err
	}
	return &authority{region: region, key: key, certs: []*x509.Certificate{cert}}, nil
}

// leafOptions describe a node's certificate.
type leafOptions struct {
	id       NodeID
	dnsNames []string
	ips      []net.IP
	validity time.Duration
	now      time.Time
}

// issue makes a key and a certificate for a node, and gives them as the contents of node.pem: key, leaf, CA.
func (a *authority) issue(opts leafOptions) ([]byte, error) {
	if a.key == nil {
		return nil, errors.New("the CA's private key is not in this directory: issue the certificate where the CA is")
	}
	if opts.id.Region != a.region {
		return nil, fmt.Errorf("the CA of %s cannot issue for %s", a.region, opts.id)
	}
	current := a.certs[0]
	expires := opts.now.Add(opts.validity)
	if expires.After(current.NotAfter) {
		return nil, fmt.Errorf("a certificate until %s would outlive its CA, which ends %s: ask for less, or rotate the CA",
			expires.Format(time.DateOnly), current.NotAfter.Format(time.DateOnly))
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	serial, err := newSerial()
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		SerialNumber:          serial,
		Subject:               pkix.Name{Organization: []string{"Jieli"}, CommonName: opts.id.String()},
		NotBefore:             opts.now.Add(-backdate),
		NotAfter:              expires,
		URIs:                  []*url.URL{{Scheme: "spiffe", Host: opts.id.Region, Path: nodePathRoot + opts.id.Node}},
		DNSNames:              opts.dnsNames,
		IPAddresses:           opts.ips,
		KeyUsage:              x509.KeyUsageDigitalSignature,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		BasicConstraintsValid: true,
	}
	leaf, err := signCertificate(template, current, key, a.key)
	if err != nil {
		return nil, err
	}
	encoded, err := encodePrivateKey(key)
	if err != nil {
		return nil, err
	}
	return append(encoded, encodeCertificates(leaf, current)...), nil
}

// encode gives the contents of ca.pem; without the key if this authority has none.
func (a *authority) encode() ([]byte, error) {
	var out []byte
	if a.key != nil {
		encoded, err := encodePrivateKey(a.key)
		if err != nil {
			return nil, err
		}
		out = encoded
	}
	return append(out, encodeCertificates(a.certs...)...), nil
}

// loadAuthority reads a ca.pem.
func loadAuthority(path string) (*authority, error) {
	blocks, err := readBlocks(path, blockPrivateKey, blockCertificate)
	if err != nil {
		return nil, err
	}
	a := &authority{}
	var ders [][]byte
	for _, block := range blocks {
		if block.Type == blockCertificate {
			ders = append(ders, block.Bytes)
			continue
		}
		if a.key != nil {
			return nil, fmt.Errorf("%s: holds more than one private key", path)
		}
		if a.key, err = parseECKey(block.Bytes); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
	}
	if len(ders) == 0 {
		return nil, fmt.Errorf("%s: holds no CA certificate", path)
	}
	first, err := x509.ParseCertificate(ders[0])
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if a.region, err = authorityRegion(first); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if a.certs, err = ParseBundle(a.region, ders); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if a.key != nil && !a.key.PublicKey.Equal(a.certs[0].PublicKey) {
		return nil, fmt.Errorf("%s: the private key does not belong to the first certificate", path)
	}
	return a, nil
}

func parseECKey(der []byte) (*ecdsa.PrivateKey, error) {
	parsed, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		return nil, err
	}
	key, ok := parsed.(*ecdsa.PrivateKey)
	if !ok {
		return nil, fmt.Errorf("expected an ECDSA private key, found %T", parsed)
	}
	return key, nil
}

func signCertificate(template, parent *x509.Certificate, key, signer *ecdsa.PrivateKey) (*x509.Certificate, error) {
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), signer)
	if err != nil {
		return nil, err
	}
	return x509.ParseCertificate(der)
}

// newSerial gives a random serial number of 127 bits, as RFC 5280 allows.
func newSerial() (*big.Int, error) {
	return rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
}
