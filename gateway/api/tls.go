package api

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"
)

// TLSFiles are the files of the API's TLS.
type TLSFiles struct {
	// Certificate and Key are PEM files; the certificate may have its intermediates after it. Required.
	Certificate, Key string
	// ClientCA is a PEM file of the CAs whose client certificates are taken. Optional.
	ClientCA string
}

// reloadInterval is how often it is looked whether the certificate has changed.
const reloadInterval = time.Second

// NewTLS makes the API's TLS configuration. Certificate and key are read again when their files change; while they
// cannot be read, or do not belong together, the old pair stays in use. The client CAs are read once.
func NewTLS(files TLSFiles, log *slog.Logger) (*tls.Config, error) {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	pair := &keyPair{files: files, log: log}
	if err := pair.load(); err != nil {
		return nil, fmt.Errorf("API certificate: %w", err)
	}
	config := &tls.Config{
		MinVersion:     tls.VersionTLS12,
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return pair.current(), nil },
		// A resumed session would let in a client certificate whose CA has been taken away.
		SessionTicketsDisabled: true,
	}
	if files.ClientCA == "" {
		return config, nil
	}
	pem, err := os.ReadFile(files.ClientCA)
	if err != nil {
		return nil, fmt.Errorf("API client CAs: %w", err)
	}
	config.ClientCAs = x509.NewCertPool()
	if !config.ClientCAs.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("API client CAs: %s has no certificate in PEM", files.ClientCA)
	}
	config.ClientAuth = tls.VerifyClientCertIfGiven
	return config, nil
}

// keyPair is a certificate with its key, as they are on disk.
type keyPair struct {
	files TLSFiles
	log   *slog.Logger

	mu      sync.Mutex
	pair    *tls.Certificate
	seen    [2]fileStamp
	looked  time.Time
	failing bool
}

// fileStamp tells whether a file has changed.
type fileStamp struct {
	time time.Time
	size int64
}

// current gives the pair, read again if the files have changed.
func (p *keyPair) current() *tls.Certificate {
	p.mu.Lock()
	defer p.mu.Unlock()
	if now := time.Now(); now.Sub(p.looked) >= reloadInterval {
		p.looked = now
		err := p.loadChanged()
		if err != nil && !p.failing {
			p.log.Error("the API's certificate cannot be read again; the old one stays in use", slog.Any("error", err))
		}
		p.failing = err != nil
	}
	return p.pair
}

func (p *keyPair) loadChanged() error {
	seen, err := p.stamps()
	if err != nil {
		return err
	}
	if seen == p.seen {
		return nil
	}
	return p.load()
}

// load reads the pair.
func (p *keyPair) load() error {
	seen, err := p.stamps()
	if err != nil {
		return err
	}
	pair, err := tls.LoadX509KeyPair(p.files.Certificate, p.files.Key)
	if err != nil {
		return err
	}
	p.pair, p.seen = &pair, seen
	return nil
}

func (p *keyPair) stamps() (stamps [2]fileStamp, err error) {
	for i, path := range []string{p.files.Certificate, p.files.Key} {
		info, statErr := os.Stat(path)
		if statErr != nil {
			err = errors.Join(err, statErr)
			continue
		}
		stamps[i] = fileStamp{info.ModTime(), info.Size()}
	}
	return stamps, err
}
