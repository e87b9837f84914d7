package client

import (
	"context"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/jieli-gateway/jieli/cmd/jieli/internal/lang"
)

// silence is a call that no node answered, in both languages.
type silence struct {
	words *lang.Error
	code  codes.Code
}

// Error implements error.
func (s *silence) Error() string { return s.words.Error() }

// Unwrap gives the words.
func (s *silence) Unwrap() error { return s.words }

// GRPCStatus is what a status of gRPC would be.
func (s *silence) GRPCStatus() *status.Status { return status.New(s.code, s.words.Error()) }

// nameSilence says of calls that no node answered which node it was, and what to look at. An answer always has a reason.
func nameSilence(server string) grpc.UnaryClientInterceptor {
	return func(ctx context.Context, method string, req, reply any, cc *grpc.ClientConn, invoke grpc.UnaryInvoker, opts ...grpc.CallOption) error {
		err := invoke(ctx, method, req, reply, cc, opts...)
		if reason, _, _ := Details(err); err == nil || reason != "" {
			return err
		}
		switch s := status.Convert(err); s.Code() {
		case codes.Unavailable:
			return &silence{code: s.Code(), words: lang.Errorf("no node answers at %s (--server): %s", "%s（--server）没有节点应答：%s", server, cause(s.Message()))}
		case codes.DeadlineExceeded:
			return &silence{code: s.Code(), words: lang.Errorf("the node at %s did not answer in time (--timeout)", "节点 %s 未在时限内应答（--timeout）", server)}
		}
		return err
	}
}

// cause takes the words of the transport out of what it says.
func cause(message string) string {
	message = strings.TrimPrefix(message, `connection error: desc = "`)
	message = strings.TrimPrefix(message, "transport: ")
	message = strings.TrimPrefix(message, "Error while dialing: ")
	return strings.TrimSuffix(message, `"`)
}
