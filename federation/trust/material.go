package trust

import (
	"crypto/ed25519"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"path/filepath"
	"time"
)

// Material is what a node has in its pki directory.
type Material struct {
	Region string
	// Node is this node; zero if no certificate has been issued here.
	Node NodeID
	// Leaf and Issuer are the node's certificate and the CA that signed it; nil if none has been issued here.
	Leaf   *x509.Certificate
	Issuer *x509.Certificate
	// Bundle is the region's CA certificates, the current one first.
	Bundle []*x509.Certificate
	// CanIssue tells whether the CA's private key is here.
	CanIssue bool
	// Signers are the region's signing keys, the newest first; none on a node that carries the registry only.
	Signers []*Ed25519Signer
	// Vault encrypts content; nil on a node that carries the registry only.
	Vault *Vault

	dir string
}

// Load reads a pki directory, and checks that what is in it belongs together. It does not judge expiry: an expired
// certificate must be shown, and peers refuse it anyway.
func Load(dir string) (*Material, error) {
	ca, err := loadAuthority(filepath.Join(dir, FileAuthority))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("pki directory %s: no %s in it; make one with `jieli pki init`: %w", dir, FileAuthority, err)
	}
	if err != nil {
		return nil, fmt.Errorf("pki directory: %w", err)
	}
	m := &Material{Region: ca.region, Bundle: ca.certs, CanIssue: ca.key != nil, dir: dir}
	for _, load := range []func() error{m.loadNode, m.loadSigning, m.loadContent} {
		if err := load(); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("pki directory: %w", err)
		}
	}
	return m, nil
}

func (m *Material) loadNode() error {
	path := filepath.Join(m.dir, FileNode)
	pair, id, _, err := readPair(path)
	if err != nil {
		return err
	}
	if id.Region != m.Region {
		return fmt.Errorf("%s: it names %s, but the CA beside it is of %s", path, id, m.Region)
	}
	for _, issuer := range m.Bundle {
		if pair.Leaf.CheckSignatureFrom(issuer) == nil {
			m.Node, m.Leaf, m.Issuer = id, pair.Leaf, issuer
			return nil
		}
	}
	return fmt.Errorf("%s: it is not signed by a CA in %s", path, FileAuthority)
}

func (m *Material) loadSigning() error {
	path := filepath.Join(m.dir, FileSigning)
	blocks, err := readBlocks(path, blockPrivateKey)
	if err != nil {
		return err
	}
	for _, block := range blocks {
		parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		key, ok := parsed.(ed25519.PrivateKey)
		if !ok {
			return fmt.Errorf("%s: expected an Ed25519 private key, found %T", path, parsed)
		}
		signer, err := NewEd25519Signer(key)
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		m.Signers = append(m.Signers, signer)
	}
	return nil
}

func (m *Material) loadContent() error {
	path := filepath.Join(m.dir, FileContent)
	blocks, err := readBlocks(path, blockContentKey)
	if err != nil {
		return err
	}
	keys := make([][]byte, 0, len(blocks))
	for _, block := range blocks {
		keys = append(keys, block.Bytes)
	}
	if m.Vault, err = NewVault(keys...); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

// Certificates opens the node's certificate for TLS.
func (m *Material) Certificates(log *slog.Logger) (*Certificates, error) {
	if m.Node.IsZero() {
		return nil, fmt.Errorf("pki directory %s: no node certificate in it; make one with `jieli pki issue`", m.dir)
	}
	return NewCertificates(filepath.Join(m.dir, FileNode), log)
}

// Signer picks the newest signing key that the registry knows; false if it knows none of them.
func (m *Material) Signer(known func(keyID string) bool) (Signer, bool) {
	for _, signer := range m.Signers {
		if known(signer.KeyID()) {
			return signer, true
		}
	}
	return nil, false
}

// Show is what a region's and a node's entry in the registry need; nothing in it is secret. In JSON, byte strings are
// base64, as in protobuf JSON.
type Show struct {
	Region string `json:"region"`
	Node   string `json:"node,omitempty"`
	// SPIFFEID is the node's identity in its certificate.
	SPIFFEID string `json:"spiffeId,omitempty"`
	// Bundle is the region's CA certificates as DER, the current one first.
	Bundle [][]byte `json:"bundle"`
	// BundleFingerprint is what a joiner pins: of the CA that signed the node's certificate, or of the current CA if
	// no certificate has been issued.
	BundleFingerprint Fingerprint `json:"bundleFingerprint"`
	// SigningAlgorithm, SigningKeyID and SigningPublicKey are of the current signing key.
	SigningAlgorithm string `json:"signingAlgorithm,omitempty"`
	SigningKeyID     string `json:"signingKeyId,omitempty"`
	SigningPublicKey []byte `json:"signingPublicKey,omitempty"`
	// ContentKeyID is of the current content key.
	ContentKeyID string `json:"contentKeyId,omitempty"`
	// CertificateExpires is of the node's certificate.
	CertificateExpires time.Time `json:"certificateExpires,omitzero"`
	// CAExpires is of the current CA certificate.
	CAExpires time.Time `json:"caExpires"`
}

// Show gives what others may know.
func (m *Material) Show() Show {
	show := Show{Region: m.Region, BundleFingerprint: FingerprintOf(m.Bundle[0]), CAExpires: m.Bundle[0].NotAfter}
	for _, cert := range m.Bundle {
		show.Bundle = append(show.Bundle, cert.Raw)
	}
	if m.Leaf != nil {
		show.Node, show.SPIFFEID = m.Node.Node, m.Node.SPIFFE()
		show.BundleFingerprint, show.CertificateExpires = FingerprintOf(m.Issuer), m.Leaf.NotAfter
	}
	if len(m.Signers) > 0 {
		current := m.Signers[0]
		show.SigningAlgorithm, show.SigningKeyID, show.SigningPublicKey = current.Algorithm(), current.KeyID(), current.PublicKey()
	}
	if m.Vault != nil {
		show.ContentKeyID = m.Vault.KeyID()
	}
	return show
}
