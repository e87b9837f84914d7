package client

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	jieliv1 "github.com/jieli-gateway/jieli/proto/jieli/v1"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestExitCodes(t *testing.T) {
	for name, tc := range map[string]struct {
		err  error
		want int
	}{
		"plain":              {errors.New("disk on fire"), ExitFailed},
		"invalid argument":   {status.Error(codes.InvalidArgument, ""), ExitFailed},
		"internal":           {status.Error(codes.Internal, ""), ExitFailed},
		"unavailable":        {status.Error(codes.Unavailable, ""), ExitUnavailable},
		"late":               {status.Error(codes.DeadlineExceeded, ""), ExitUnavailable},
		"own deadline":       {fmt.Errorf("look up: %w", context.DeadlineExceeded), ExitUnavailable},
		"full":               {status.Error(codes.ResourceExhausted, ""), ExitUnavailable},
		"not found":          {status.Error(codes.NotFound, ""), ExitNotFound},
		"denied":             {status.Error(codes.PermissionDenied, ""), ExitDenied},
		"unknown caller":     {status.Error(codes.Unauthenticated, ""), ExitDenied},
		"there already":      {status.Error(codes.AlreadyExists, ""), ExitConflict},
		"somebody faster":    {status.Error(codes.Aborted, ""), ExitConflict},
		"not in this state":  {status.Error(codes.FailedPrecondition, ""), ExitConflict},
		"wrapped not found":  {fmt.Errorf("line 3: %w", status.Error(codes.NotFound, "")), ExitNotFound},
		"wrapped and joined": {errors.Join(errors.New("more"), status.Error(codes.NotFound, "")), ExitNotFound},
	} {
		t.Run(name, func(t *testing.T) {
			if got := ExitCode(tc.err); got != tc.want {
				t.Errorf("got %d, want %d", got, tc.want)
			}
		})
	}
}

// desk answers with an error of its own, and remembers who called.
type desk struct {
	jieliv1.UnimplementedTicketServiceServer
	answer error
	seen   metadata.MD
}

func (d *desk) GetTicket(ctx context.Context, _ *jieliv1.GetTicketRequest) (*jieliv1.Ticket, error) {
	d.seen, _ = metadata.FromIncomingContext(ctx)
	if d.answer == nil {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	return nil, d.answer
}

func serve(t *testing.T, d *desk) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := grpc.NewServer()
	jieliv1.RegisterTicketServiceServer(s, d)
	done := make(chan error, 1)
	go func() { done <- s.Serve(l) }()
	t.Cleanup(func() {
		s.Stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return l.Addr().String()
}

func get(t *testing.T, o Options) error {
	t.Helper()
	c, err := Dial(o)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	ctx, cancel := c.Context(t.Context())
	defer cancel()
	_, err = c.Tickets.GetTicket(ctx, &jieliv1.GetTicketRequest{})
	return err
}

func TestAnAnswerStaysAsItIs(t *testing.T) {
	answer, err := status.New(codes.Unavailable, "no quorum: suzhou/n1 is missing").WithDetails(
		&errdetails.ErrorInfo{Reason: "NO_QUORUM", Metadata: map[string]string{"correlationId": "c-1"}},
		&errdetails.BadRequest{FieldViolations: []*errdetails.BadRequest_FieldViolation{{Field: "ticket.title", Description: "is missing"}}},
	)
	if err != nil {
		t.Fatal(err)
	}
	d := &desk{answer: answer.Err()}
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte("jieli_abc\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	err = get(t, Options{Server: serve(t, d), TokenFile: file, Operator: "王芳"})
	reason, correlation, fields := Details(err)
	if status.Convert(err).Message() != "no quorum: suzhou/n1 is missing" || reason != "NO_QUORUM" || correlation != "c-1" || len(fields) != 1 {
		t.Errorf("got %v (%s, %s, %v)", err, reason, correlation, fields)
	}
	if d.seen.Get("authorization")[0] != "Bearer jieli_abc" || d.seen.Get("jieli-operator")[0] != "%E7%8E%8B%E8%8A%B3" {
		t.Errorf("called as %v", d.seen)
	}
}

func TestSilenceNamesTheNode(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nobody := l.Addr().String()
	l.Close()
	err = get(t, Options{Server: nobody})
	if message := status.Convert(err).Message(); !strings.HasPrefix(message, "no node answers at "+nobody+" (--server): dial tcp") || ExitCode(err) != ExitUnavailable {
		t.Errorf("got %v", err)
	}
	for message, want := range map[string]string{
		"connection error: desc = \"error reading server preface: EOF\"":                              "--ca-file",
		"transport: authentication handshake failed: first record does not look like a TLS handshake": "leave out --ca-file",
		"x509: certificate signed by unknown authority":                                               "name the CA",
		"connection refused": "",
	} {
		if got := hint(message).English; !strings.Contains(got, want) || (want == "") != (got == "") {
			t.Errorf("%s: got %q", message, got)
		}
	}
	silent := serve(t, &desk{})
	err = get(t, Options{Server: silent, Timeout: 50 * time.Millisecond})
	if message := status.Convert(err).Message(); message != "the node at "+silent+" did not answer in time (--timeout)" || ExitCode(err) != ExitUnavailable {
		t.Errorf("got %v", err)
	}
}

func TestDialRefusesWhatCannotWork(t *testing.T) {
	dir := t.TempDir()
	two := filepath.Join(dir, "two")
	if err := os.WriteFile(two, []byte("jieli_a\njieli_b\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		o    Options
		want string
	}{
		"no port":               {Options{Server: "suzhou"}, "--server must be host:port"},
		"no token file":         {Options{TokenFile: filepath.Join(dir, "nosuch")}, "--token-file"},
		"two tokens":            {Options{TokenFile: two}, "must hold one token"},
		"no CA file":            {Options{CAFile: filepath.Join(dir, "nosuch")}, "--ca-file"},
		"CA file without a CA":  {Options{CAFile: two}, "no certificate in it"},
		"CA file for elsewhere": {Options{Server: "sz.example:8345", CAFile: two}, "no certificate in it"},
	} {
		t.Run(name, func(t *testing.T) {
			c, err := Dial(tc.o)
			if err == nil {
				c.Close()
			}
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %v, want %q", err, tc.want)
			}
		})
	}
}
