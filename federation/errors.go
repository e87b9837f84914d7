package federation

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/jieli-gateway/jieli/federation/trust"
)

// What a write or a strong read can fail with, beside the context's own errors and a *Rejection.
var (
	// ErrNoQuorum means that no leader with a quorum could be reached in time: nothing was changed. The error that
	// wraps it is a *QuorumError naming the voters that did not answer.
	ErrNoQuorum = errors.New("the registry has no quorum")
	// ErrUnknown means that a write was given to a leader and nobody knows what became of it. Trying again with the
	// same request id is safe: it is applied at most once.
	ErrUnknown = errors.New("the outcome is unknown: try again with the same request id")
	// ErrNotLeader means that this node does not lead, or does not yet.
	ErrNotLeader = errors.New("this node does not lead the registry")
	// ErrWouldLoseQuorum means that a change would take away votes which nobody else can take over.
	ErrWouldLoseQuorum = errors.New("the registry would be left without a quorum")
	// ErrSpeaksForAnother means that a node sent a command in the name of a region that is not its own.
	ErrSpeaksForAnother = errors.New("a node may send commands of its own region only")
	// ErrLevelUnknown means that this node's binary does not know the level of the registry.
	ErrLevelUnknown = errors.New("this node has stopped applying the registry: its binary does not know the registry's level; upgrade it")
	// ErrStalled means that this node's disk stalls and nobody else is known to lead.
	ErrStalled = errors.New("this node's disk stalls")
	// ErrBusy means that too many writes are under way on this node.
	ErrBusy = errors.New("too many registry writes are under way; try again later")
	// ErrClosed means that this node is shutting down.
	ErrClosed = errors.New("this node is shutting down")
	// ErrRequestID means that a command's request id is not a UUIDv7 of about now.
	ErrRequestID = errors.New("the request id cannot be used")
)

// kind is how an error travels between nodes.
type kind struct {
	err    error
	code   codes.Code
	reason string // stable: stands in ErrorInfo and in metrics
}

func kinds() []kind {
	return []kind{
		{ErrUnknown, codes.Unavailable, "OUTCOME_UNKNOWN"},
		{ErrNoQuorum, codes.Unavailable, "NO_QUORUM"},
		{ErrNotLeader, codes.FailedPrecondition, "NOT_LEADER"},
		{ErrWouldLoseQuorum, codes.FailedPrecondition, "WOULD_LOSE_QUORUM"},
		{ErrSpeaksForAnother, codes.PermissionDenied, "SPEAKS_FOR_ANOTHER"},
		{ErrOtherCluster, codes.FailedPrecondition, "WRONG_CLUSTER"},
		{ErrNoRegistry, codes.Unavailable, "NO_REGISTRY"},
		{ErrLevelUnknown, codes.Unavailable, "LEVEL_UNKNOWN"},
		{ErrStalled, codes.Unavailable, "DISK_STALLED"},
		{ErrBusy, codes.ResourceExhausted, "BUSY"},
		{ErrClosed, codes.Unavailable, "CLOSING"},
		{ErrRequestID, codes.InvalidArgument, "REQUEST_ID"},
	}
}

// errorDomain stands in ErrorInfo.
const errorDomain = "jieli"

// ReasonOf gives the stable reason of an error of this package (NO_QUORUM, OUTCOME_UNKNOWN, …, or that of a
// rejection), and its gRPC code; false if it is none of them.
func ReasonOf(err error) (reason string, code codes.Code, ok bool) {
	var rejection *Rejection
	if errors.As(err, &rejection) {
		return rejection.Reason, codes.FailedPrecondition, true
	}
	for _, k := range kinds() {
		if errors.Is(err, k.err) {
			return k.reason, k.code, true
		}
	}
	return "", codes.Unknown, false
}

// Rejection says that the registry refused a command. It is recorded, and the same on every node.
type Rejection struct {
	Reason   string // stable, UPPER_SNAKE
	Message  string // what was wrong, in words
	Revision uint64 // of the registry then
}

// Error tells what was refused and why.
func (r *Rejection) Error() string { return fmt.Sprintf("rejected: %s: %s", r.Reason, r.Message) }

// QuorumError names the voters without which there is no quorum.
type QuorumError struct {
	// Voters is how many there are; Missing did not answer this node.
	Voters  int
	Missing []trust.NodeID
	// Err is what the last try failed with; may be nil.
	Err error
}

// Error tells which voters are missing.
func (e *QuorumError) Error() string {
	var b strings.Builder
	b.WriteString(ErrNoQuorum.Error())
	switch {
	case e.Voters == 0:
		b.WriteString(": this node does not know the voters yet")
	case len(e.Missing) == 0:
		fmt.Fprintf(&b, ": all %d voters answer, but none leads yet", e.Voters)
	default:
		names := make([]string, 0, len(e.Missing))
		for _, id := range e.Missing {
			names = append(names, id.String())
		}
		slices.Sort(names)
		fmt.Fprintf(&b, ": missing %s of %d voters", strings.Join(names, ", "), e.Voters)
	}
	if e.Err != nil {
		fmt.Fprintf(&b, " (last: %v)", e.Err)
	}
	return b.String()
}

// Unwrap makes errors.Is(err, ErrNoQuorum) true.
func (e *QuorumError) Unwrap() []error {
	if e.Err == nil {
		return []error{ErrNoQuorum}
	}
	return []error{ErrNoQuorum, e.Err}
}

// toStatus is how an error is told to another node.
func toStatus(err error) error {
	if err == nil {
		return nil
	}
	reason, code, ok := ReasonOf(err)
	switch {
	case ok:
	case errors.Is(err, context.DeadlineExceeded):
		return status.FromContextError(context.DeadlineExceeded).Err()
	case errors.Is(err, context.Canceled):
		return status.FromContextError(context.Canceled).Err()
	default:
		return status.Error(codes.Internal, err.Error())
	}
	s, detailErr := status.New(code, err.Error()).WithDetails(&errdetails.ErrorInfo{Reason: reason, Domain: errorDomain})
	if detailErr != nil {
		return status.Error(code, err.Error())
	}
	return s.Err()
}

// fromStatus is the inverse: what another node told, as an error of this package where it is one.
func fromStatus(err error) error {
	s, ok := status.FromError(err)
	if !ok {
		return err
	}
	for _, detail := range s.Details() {
		info, ok := detail.(*errdetails.ErrorInfo)
		if !ok || info.GetDomain() != errorDomain {
			continue
		}
		for _, k := range kinds() {
			if k.reason == info.GetReason() {
				return &remoteError{kind: k.err, message: s.Message()}
			}
		}
	}
	return err
}

// remoteError is an error that another node told.
type remoteError struct {
	kind    error
	message string
}

func (e *remoteError) Error() string { return e.message }
func (e *remoteError) Unwrap() error { return e.kind }
