package api

import (
	"context"
	"errors"
	"strings"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/protoadapt"

	"github.com/jieli-gateway/jieli/gateway/fault"
)

const (
	// errorDomain is the domain of every google.rpc.ErrorInfo.
	errorDomain = "jieli"
	// correlationKey is the metadata key of the correlation id in it.
	correlationKey = "correlationId"
)

// codeOf maps kinds of faults to gRPC codes.
func codeOf(k fault.Kind) codes.Code {
	switch k {
	case fault.Invalid:
		return codes.InvalidArgument
	case fault.NotFound:
		return codes.NotFound
	case fault.Exists:
		return codes.AlreadyExists
	case fault.Precondition:
		return codes.FailedPrecondition
	case fault.Aborted:
		return codes.Aborted
	case fault.Denied:
		return codes.PermissionDenied
	case fault.Unauthenticated:
		return codes.Unauthenticated
	case fault.Exhausted:
		return codes.ResourceExhausted
	case fault.Unavailable:
		return codes.Unavailable
	case fault.OutOfRange:
		return codes.OutOfRange
	default:
		return codes.Internal
	}
}

// statusOf makes of an error what its caller is told: code, words, an ErrorInfo with the reason and the correlation
// id, and the wrong fields. Of what went wrong inside, the caller is told the correlation id and nothing else.
func statusOf(err error, correlationID string) *status.Status {
	if e, ok := fault.As(err); ok && e.Kind != fault.Internal {
		return newStatus(codeOf(e.Kind), e.Reason, e.Message, correlationID, badRequest(e.Fields)...)
	}
	var carrier interface{ GRPCStatus() *status.Status }
	if errors.As(err, &carrier) && !insideOnly(carrier.GRPCStatus().Code()) {
		return enrich(carrier.GRPCStatus(), correlationID)
	}
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return newStatus(codes.DeadlineExceeded, "DEADLINE_EXCEEDED",
			"not done in time, and it may still happen: repeat it with the same requestId", correlationID)
	case errors.Is(err, context.Canceled):
		return newStatus(codes.Canceled, "CANCELLED", "the caller went away", correlationID)
	}
	reason := "INTERNAL"
	if e, ok := fault.As(err); ok {
		reason = e.Reason
	}
	return newStatus(codes.Internal, reason,
		"internal error; the log of this node has more under the correlation id "+correlationID, correlationID)
}

// insideOnly tells which codes speak of what went wrong inside.
func insideOnly(c codes.Code) bool {
	return c == codes.OK || c == codes.Unknown || c == codes.Internal || c == codes.DataLoss
}

// newStatus makes a status with its details.
func newStatus(code codes.Code, reason, message, correlationID string, more ...protoadapt.MessageV1) *status.Status {
	info := &errdetails.ErrorInfo{Reason: reason, Domain: errorDomain}
	if correlationID != "" {
		info.Metadata = map[string]string{correlationKey: correlationID}
	}
	plain := status.New(code, strings.ToValidUTF8(message, "\uFFFD"))
	st, err := plain.WithDetails(append([]protoadapt.MessageV1{protoadapt.MessageV1Of(info)}, more...)...)
	if err != nil {
		return plain // only a status of code OK takes no details
	}
	return st
}

// badRequest lists wrong fields; none when there are none.
func badRequest(fields []fault.Field) []protoadapt.MessageV1 {
	if len(fields) == 0 {
		return nil
	}
	violations := make([]*errdetails.BadRequest_FieldViolation, len(fields))
	for i, f := range fields {
		violations[i] = &errdetails.BadRequest_FieldViolation{
			Field:       strings.ToValidUTF8(f.Name, "\uFFFD"),
			Description: strings.ToValidUTF8(f.Rule, "\uFFFD"),
		}
	}
	return []protoadapt.MessageV1{protoadapt.MessageV1Of(&errdetails.BadRequest{FieldViolations: violations})}
}

// enrich completes a status that somebody else made.
func enrich(st *status.Status, correlationID string) *status.Status {
	reason := strings.ToUpper(snake(st.Code().String()))
	var more []protoadapt.MessageV1
	for _, detail := range st.Details() {
		switch d := detail.(type) {
		case *errdetails.ErrorInfo:
			reason = d.GetReason()
		case protoadapt.MessageV1:
			more = append(more, d)
		}
	}
	return newStatus(st.Code(), reason, st.Message(), correlationID, more...)
}

// snake writes CamelCase with underscores between its words.
func snake(camel string) string {
	var b strings.Builder
	for i, r := range camel {
		if i > 0 && r >= 'A' && r <= 'Z' {
			b.WriteByte('_')
		}
		b.WriteRune(r)
	}
	return b.String()
}

// reasonOf gives the reason in a status, "" when it has none.
func reasonOf(st *status.Status) string {
	for _, detail := range st.Details() {
		if info, ok := detail.(*errdetails.ErrorInfo); ok {
			return info.GetReason()
		}
	}
	return ""
}
