package client

import (
	"context"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// nameSilence says of calls that no node answered which node it was, and what to look at. An answer always has a reason.
func nameSilence(server string) grpc.UnaryClientInterceptor {
	return func(ctx context.Context, method string, req, reply any, cc *grpc.ClientConn, invoke grpc.UnaryInvoker, opts ...grpc.CallOption) error {
		err := invoke(ctx, method, req, reply, cc, opts...)
		if reason, _, _ := Details(err); err == nil || reason != "" {
			return err
		}
		switch s := status.Convert(err); s.Code() {
		case codes.Unavailable:
			return status.Errorf(codes.Unavailable, "no node answers at %s (--server): %s", server, cause(s.Message()))
		case codes.DeadlineExceeded:
			return status.Errorf(codes.DeadlineExceeded, "the node at %s did not answer in time (--timeout)", server)
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
