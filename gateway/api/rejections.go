package api

import (
	"errors"
	"strings"

	"google.golang.org/grpc/codes"

	"github.com/jieli-gateway/jieli/federation"
	"github.com/jieli-gateway/jieli/gateway/fault"
)

// registryFault turns an error of the registry into what its caller is told.
func registryFault(err error) error {
	var rejected *federation.Rejection
	if errors.As(err, &rejected) {
		return rejection(rejected.Reason, rejected.Message)
	}
	switch {
	case errors.Is(err, federation.ErrNoRegistry):
		return fault.New(fault.Unavailable, "NO_REGISTRY",
			"this node has no registry yet: bootstrap or join a federation first, see `jieli status`").Wrap(err)
	case errors.Is(err, federation.ErrRequestID):
		_, rule, ok := strings.Cut(err.Error(), "requestId: ")
		if !ok {
			rule = "must be a UUIDv7 made about now"
		}
		return fault.InvalidFields(fault.Field{Name: "requestId", Rule: rule})
	}
	reason, code, ok := federation.ReasonOf(err)
	if !ok {
		return err
	}
	return fault.New(kindOfCode(code), reason, "%s", err.Error())
}

// kindOfCode is the kind of fault that becomes a code.
func kindOfCode(code codes.Code) fault.Kind {
	for kind := fault.Internal; kind <= fault.OutOfRange; kind++ {
		if codeOf(kind) == code {
			return kind
		}
	}
	return fault.Internal
}

// rejection turns a recorded rejection of a command into what its caller is told.
func rejection(reason, message string) error {
	e := fault.New(kindOfRejection(reason), reason, "%s", message)
	// The registry begins what it says of a field with the field's path.
	path, rule, ok := strings.Cut(message, ": ")
	if ok && reason == "INVALID_FIELD" && isPath(path) {
		e.Fields = []fault.Field{{Name: path, Rule: rule}}
	}
	return e
}

// isPath tells whether a text may be the path of a field.
func isPath(text string) bool {
	return text != "" && !strings.ContainsFunc(text, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune(".[]_", r)
	})
}

// kindOfRejection maps the reasons of rejections. One that is not here is of the registry's state.
func kindOfRejection(reason string) fault.Kind {
	switch reason {
	case "INVALID_FIELD", "BAD_REQUEST_ID", "UNKNOWN_COMMAND", "TOO_MANY_CHANGES", "COMMAND_TOO_LARGE", "KEY_DROPPED":
		return fault.Invalid
	case "REGION_ID_USED", "PREFIX_USED", "ROUTE_TIE", "SERVICE_WORD_USED", "ALREADY_BOOTSTRAPPED":
		return fault.Exists
	case "REGION_NOT_FOUND", "NODE_NOT_FOUND", "ROUTE_NOT_FOUND", "SERVICE_NOT_FOUND", "IMPORT_NOT_FOUND":
		return fault.NotFound
	case "NOT_YOUR_ENTRY":
		return fault.Denied
	case "REVISION_MOVED_ON":
		return fault.Aborted
	case "LEVEL_UNKNOWN":
		return fault.Unavailable
	default:
		return fault.Precondition
	}
}
