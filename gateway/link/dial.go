package link

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"math/rand/v2"
	"net"
	"strings"
	"syscall"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/jieli-gateway/jieli/federation/trust"
)

// Reason gives the coded reason of a failure to reach a peer. An error that has gone through gRPC is only text, and
// is known by its words.
func Reason(err error) string {
	var (
		dns     *net.DNSError
		network net.Error
		alert   tls.AlertError
		invalid x509.CertificateInvalidError
		record  tls.RecordHeaderError
	)
	_, refusal := trust.ReasonOf(err)
	switch {
	case errors.As(err, &dns):
		return ReasonDNS
	case errors.As(err, &record):
		return ReasonNotANode
	case refusal, errors.As(err, &alert), errors.As(err, &invalid):
		return ReasonCertificate
	case errors.Is(err, syscall.ECONNREFUSED):
		return ReasonRefused
	case errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH):
		return ReasonUnreachable
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &network) && network.Timeout():
		return ReasonTimeout
	}
	return reasonOfWords(err)
}

// away tells whether a reason is what a peer that is being restarted looks like from outside.
func away(reason string) bool {
	switch reason {
	case ReasonRefused, ReasonUnreachable, ReasonTimeout, ReasonBroken, ReasonDNS:
		return true
	}
	return false
}

func reasonOfWords(err error) string {
	words := strings.ToLower(err.Error())
	for _, w := range []struct{ word, reason string }{
		{"no such host", ReasonDNS},
		{"server misbehaving", ReasonDNS},
		{"produced zero addresses", ReasonDNS},
		{"first record does not look like a tls handshake", ReasonNotANode},
		{"no application protocol", ReasonNotANode},
		{"x509:", ReasonCertificate},
		{"tls:", ReasonCertificate},
		{"handshake", ReasonCertificate},
		{"refused spiffe:", ReasonCertificate},
		{"connection refused", ReasonRefused},
		{"no route to host", ReasonUnreachable},
		{"network is unreachable", ReasonUnreachable},
		{"i/o timeout", ReasonTimeout},
		{"deadline exceeded", ReasonTimeout},
	} {
		if strings.Contains(words, w.word) {
			return w.reason
		}
	}
	switch status.Code(err) {
	case codes.PermissionDenied, codes.Unauthenticated:
		return ReasonNotMember
	case codes.DeadlineExceeded:
		return ReasonTimeout
	}
	return ReasonBroken
}

// backoff says how long to wait before dialling again.
type backoff struct {
	// failures in a row.
	failures int
}

// next counts a failure and gives the wait after it: 100 ms, doubled each time up to 30 s, of which a random part
// between a half and the whole is used, so that two sides do not dial in step.
func (b *backoff) next() time.Duration {
	d := backoffMost
	if b.failures < 9 {
		d = min(backoffFirst<<b.failures, backoffMost)
	}
	b.failures++
	return d/2 + rand.N(d/2+1)
}

func (b *backoff) reset() { b.failures = 0 }
