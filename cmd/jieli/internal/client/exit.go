package client

import (
	"context"
	"errors"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// Exit codes of the command line.
const (
	ExitFailed      = 1
	ExitUsage       = 2
	ExitUnavailable = 3
	ExitNotFound    = 4
	ExitDenied      = 5
	ExitConflict    = 6
)

// ExitCode is what an error ends the command with.
func ExitCode(err error) int {
	if errors.Is(err, context.DeadlineExceeded) {
		return ExitUnavailable
	}
	s, ok := status.FromError(err)
	if !ok {
		return ExitFailed
	}
	switch s.Code() {
	case codes.Unavailable, codes.DeadlineExceeded, codes.ResourceExhausted:
		return ExitUnavailable
	case codes.NotFound:
		return ExitNotFound
	case codes.PermissionDenied, codes.Unauthenticated:
		return ExitDenied
	case codes.AlreadyExists, codes.Aborted, codes.FailedPrecondition:
		return ExitConflict
	}
	return ExitFailed
}

// Details are what an error of the API says beside its message.
func Details(err error) (reason, correlation string, fields []*errdetails.BadRequest_FieldViolation) {
	s, ok := status.FromError(err)
	if !ok {
		return "", "", nil
	}
	for _, d := range s.Details() {
		switch d := d.(type) {
		case *errdetails.ErrorInfo:
			reason, correlation = d.GetReason(), d.GetMetadata()["correlationId"]
		case *errdetails.BadRequest:
			fields = d.GetFieldViolations()
		}
	}
	return reason, correlation, fields
}
