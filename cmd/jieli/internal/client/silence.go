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
			return &silence{code: s.Code(), words: lang.Errorf("no node answers at %s (--server): %s%s", "%s（--server）没有节点应答：%s%s",
				server, cause(s.Message()), hint(s.Message()))}
		case codes.DeadlineExceeded:
			return &silence{code: s.Code(), words: lang.Errorf("the node at %s did not answer in time (--timeout)", "节点 %s 未在时限内应答（--timeout）", server)}
		}
		return err
	}
}

// hint says what to look at where the transport's words do not.
func hint(message string) lang.Words {
	switch {
	case strings.Contains(message, "server preface"):
		return lang.Words{English: "; name the port of its API, and its CAs (--ca-file) if that has TLS", Chinese: "；请指明其接口端口，接口启用 TLS 时还须指明其 CA（--ca-file）"}
	case strings.Contains(message, "does not look like a TLS handshake"):
		return lang.Words{English: "; it has no TLS there: leave out --ca-file, or go there from its own machine", Chinese: "；该处没有 TLS：请去掉 --ca-file，或在其本机上连接"}
	case strings.Contains(message, "unknown authority"):
		return lang.Words{English: "; name the CA of its API (--ca-file)", Chinese: "；请指明其接口的 CA（--ca-file）"}
	}
	return lang.Words{}
}

// cause takes the words of the transport out of what it says.
func cause(message string) string {
	message = strings.TrimPrefix(message, `connection error: desc = "`)
	message = strings.TrimPrefix(message, "transport: ")
	message = strings.TrimPrefix(message, "Error while dialing: ")
	return strings.TrimSuffix(message, `"`)
}
