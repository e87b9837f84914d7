package link

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/jieli-gateway/jieli/federation/trust"
)

func TestReasonOf(t *testing.T) {
	grpcSays := func(words string) error {
		return status.Error(codes.Unavailable, "connection error: desc = \"transport: Error while dialing: "+words+"\"")
	}
	cases := []struct {
		name string
		err  error
		want string
	}{
		{"no such name", &net.OpError{Op: "dial", Err: &net.DNSError{Err: "no such host", Name: "x"}}, ReasonDNS},
		{"no such name, by gRPC", grpcSays("dial tcp: lookup x on 10.0.0.2:53: no such host"), ReasonDNS},
		{"nobody listens", &net.OpError{Op: "dial", Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}, ReasonRefused},
		{"nobody listens, by gRPC", grpcSays("dial tcp 10.1.1.1:7345: connect: connection refused"), ReasonRefused},
		{"no route", os.NewSyscallError("connect", syscall.EHOSTUNREACH), ReasonUnreachable},
		{"no network, by gRPC", grpcSays("dial tcp 10.1.1.1:7345: connect: network is unreachable"), ReasonUnreachable},
		{"too slow", context.DeadlineExceeded, ReasonTimeout},
		{"too slow, by the network", &net.OpError{Op: "dial", Err: os.ErrDeadlineExceeded}, ReasonTimeout},
		{"too slow, by gRPC", grpcSays("dial tcp 10.1.1.1:7345: i/o timeout"), ReasonTimeout},
		{"our refusal", fmt.Errorf("dial: %w", &trust.Refusal{Reason: trust.ReasonExpired}), ReasonCertificate},
		{"their refusal", grpcSays("remote error: tls: bad certificate"), ReasonCertificate},
		{"no TLS there", fmt.Errorf("dial: %w", tls.RecordHeaderError{Msg: "first record does not look like a TLS handshake"}), ReasonNotANode},
		{"no TLS there, by gRPC", grpcSays("tls: first record does not look like a TLS handshake"), ReasonNotANode},
		{"another server", grpcSays("remote error: tls: no application protocol"), ReasonNotANode},
		{"not let in", status.Error(codes.PermissionDenied, "REVOKED"), ReasonNotMember},
		{"anything else", errors.New("broken pipe"), ReasonBroken},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if got := Reason(c.err); got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}

func TestARefusedCertificateMayBeANodeThatWasRemoved(t *testing.T) {
	words := WordsOf(Reason(status.Error(codes.Unavailable, "remote error: tls: bad certificate")))
	if !strings.Contains(words.Do, "removed from the registry") || !strings.Contains(words.Do, "bootstrap region's admin") || !strings.Contains(words.DoZh, "移除") {
		t.Errorf("got %q and %q", words.Do, words.DoZh)
	}
}
