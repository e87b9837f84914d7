package trust

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"github.com/spiffe/go-spiffe/v2/spiffeid"
)

const (
	// MaxBundle is how many CA certificates a region may have at once: the current one and, while it is being
	// rotated, older ones.
	MaxBundle = 4
	// MaxCertificateBytes bounds one certificate in a bundle, as DER. Ours take about 450 bytes.
	MaxCertificateBytes = 4096
)

// Fingerprint is the SHA-256 of a CA certificate's DER bytes: what a joiner is told out of band.
type Fingerprint [sha256.Size]byte

// FingerprintOf computes the fingerprint of a certificate.
func FingerprintOf(cert *x509.Certificate) Fingerprint { return sha256.Sum256(cert.Raw) }

// ParseFingerprint reads 64 hex digits, in either case, with or without colons between bytes.
func ParseFingerprint(s string) (Fingerprint, error) {
	digits := strings.ReplaceAll(strings.TrimSpace(s), ":", "")
	if len(digits) != 2*sha256.Size {
		return Fingerprint{}, fmt.Errorf("bundle fingerprint: expected %d hex digits, got %d characters", 2*sha256.Size, len(digits))
	}
	var fp Fingerprint
	if _, err := hex.Decode(fp[:], []byte(digits)); err != nil {
		return Fingerprint{}, fmt.Errorf("bundle fingerprint: %w", err)
	}
	return fp, nil
}

// String gives 64 lower-case hex digits.
func (f Fingerprint) String() string { return hex.EncodeToString(f[:]) }

// MarshalText lets a fingerprint stand in JSON and YAML as hex.
func (f Fingerprint) MarshalText() ([]byte, error) { return []byte(f.String()), nil }

// UnmarshalText reads what ParseFingerprint reads.
func (f *Fingerprint) UnmarshalText(text []byte) error {
	parsed, err := ParseFingerprint(string(text))
	if err == nil {
		*f = parsed
	}
	return err
}

// ParseBundle parses and checks a region's CA certificates, given as DER: one to MaxBundle of them, none twice, each
// of at most MaxCertificateBytes, allowed to sign certificates, and naming exactly this region's trust domain
// (spiffe://<region>) as its URI. Validity times are not judged: an expired CA simply verifies nobody.
//
// Certificate parsing differs a little between Go releases, so a registry checks a bundle where the write is taken,
// not while applying it.
func ParseBundle(region string, ders [][]byte) ([]*x509.Certificate, error) {
	if err := CheckRegion(region); err != nil {
		return nil, err
	}
	if len(ders) == 0 || len(ders) > MaxBundle {
		return nil, fmt.Errorf("bundle of %s: must have 1 to %d CA certificates, has %d", region, MaxBundle, len(ders))
	}
	bundle := make([]*x509.Certificate, 0, len(ders))
	for i, der := range ders {
		if len(der) > MaxCertificateBytes {
			return nil, fmt.Errorf("bundle of %s: certificate %d has %d bytes, at most %d are allowed", region, i, len(der), MaxCertificateBytes)
		}
		cert, err := x509.ParseCertificate(der)
		if err != nil {
			return nil, fmt.Errorf("bundle of %s: certificate %d: %w", region, i, err)
		}
		if err := checkAuthority(cert, region); err != nil {
			return nil, fmt.Errorf("bundle of %s: certificate %d: %w", region, i, err)
		}
		if hasCertificate(bundle, cert) {
			return nil, fmt.Errorf("bundle of %s: certificate %d is there twice", region, i)
		}
		bundle = append(bundle, cert)
	}
	return bundle, nil
}

// checkAuthority reports why cert cannot be a CA of the region, if it cannot.
func checkAuthority(cert *x509.Certificate, region string) error {
	domain, err := authorityRegion(cert)
	if err != nil {
		return err
	}
	if domain != region {
		return fmt.Errorf("it is a CA of region %s", domain)
	}
	return nil
}

// authorityRegion reads which region's CA a certificate says it is.
func authorityRegion(cert *x509.Certificate) (string, error) {
	switch {
	case !cert.BasicConstraintsValid || !cert.IsCA || cert.KeyUsage&x509.KeyUsageCertSign == 0:
		return "", errors.New("it is not a CA certificate")
	case len(cert.URIs) != 1:
		return "", fmt.Errorf("it must have exactly one URI, spiffe://<region>, and has %d", len(cert.URIs))
	}
	id, err := spiffeid.FromURI(cert.URIs[0])
	if err != nil {
		return "", err
	}
	if id.Path() != "" {
		return "", fmt.Errorf("its URI %s must name a trust domain only", id)
	}
	region := id.TrustDomain().Name()
	return region, CheckRegion(region)
}

func hasCertificate(certs []*x509.Certificate, wanted *x509.Certificate) bool {
	for _, cert := range certs {
		if cert.Equal(wanted) {
			return true
		}
	}
	return false
}
