package trust

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"sync"
	"time"
)

// Certificates is a node's own certificate and key. Each handshake looks whether the file has changed and reads it
// again if so; as long as it cannot be read, or names another node, the old pair stays in use.
type Certificates struct {
	path string
	id   NodeID
	log  *slog.Logger

	mu     sync.Mutex
	pair   *tls.Certificate
	seen   fileVersion // of the pair in use
	failed string      // what was logged last about a file that would not load
}

// fileVersion is what tells one version of a file from the next.
type fileVersion struct {
	modified time.Time
	size     int64
}

func versionOf(info fs.FileInfo) fileVersion {
	return fileVersion{modified: info.ModTime(), size: info.Size()}
}

// NewCertificates reads the file (private key, leaf and CA certificate as PEM: the node.pem of a pki directory).
func NewCertificates(path string, log *slog.Logger) (*Certificates, error) {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	pair, id, version, err := readPair(path)
	if err != nil {
		return nil, err
	}
	return &Certificates{path: path, id: id, log: log, pair: pair, seen: version}, nil
}

// ID is the node the certificate names. It never changes: a file that names another node is not taken over.
func (c *Certificates) ID() NodeID { return c.id }

// Leaf is the certificate in use now, for showing when it expires.
func (c *Certificates) Leaf() *x509.Certificate { return c.current().Leaf }

// current gives the pair in use, after a look at the file.
func (c *Certificates) current() *tls.Certificate {
	c.mu.Lock()
	defer c.mu.Unlock()
	info, err := os.Stat(c.path)
	if err == nil && versionOf(info) == c.seen {
		return c.pair
	}
	var pair *tls.Certificate
	var id NodeID
	var version fileVersion
	if err == nil {
		pair, id, version, err = readPair(c.path)
	}
	if err == nil && id != c.id {
		err = fmt.Errorf("%s: it names %s, this process is %s", c.path, id, c.id)
	}
	if err != nil {
		c.logFailure(err)
		return c.pair
	}
	c.pair, c.seen, c.failed = pair, version, ""
	c.log.Info("certificate reloaded", slog.String("file", c.path), slog.Time("expires", pair.Leaf.NotAfter))
	return c.pair
}

// logFailure writes one line for each new cause, however many handshakes meet it.
func (c *Certificates) logFailure(err error) {
	if cause := err.Error(); cause != c.failed {
		c.failed = cause
		c.log.Error("certificate not reloaded, the old one stays in use",
			slog.String("file", c.path), slog.Time("expires", c.pair.Leaf.NotAfter), slog.Any("error", err))
	}
}

func (c *Certificates) forServer(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	return c.current(), nil
}

// forClient ignores the CAs the server says it would accept: a node has one certificate.
func (c *Certificates) forClient(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
	return c.current(), nil
}

// readPair reads a key with its chain and the identity in the leaf.
func readPair(path string) (*tls.Certificate, NodeID, fileVersion, error) {
	data, info, err := readPrivate(path)
	if err != nil {
		return nil, NodeID{}, fileVersion{}, err
	}
	pair, err := tls.X509KeyPair(data, data)
	if err != nil {
		return nil, NodeID{}, fileVersion{}, fmt.Errorf("%s: %w", path, err)
	}
	if pair.Leaf == nil {
		return nil, NodeID{}, fileVersion{}, fmt.Errorf("%s: %w", path, errors.New("no leaf certificate"))
	}
	id, err := nodeIDFromCertificate(pair.Leaf)
	if err != nil {
		return nil, NodeID{}, fileVersion{}, fmt.Errorf("%s: %w", path, err)
	}
	return &pair, id, versionOf(info), nil
}
