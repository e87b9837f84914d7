// Package fault holds the errors the gateway gives to its callers: a kind that is stable on the wire, a
// reason in UPPER_SNAKE that scripts rely on, words that say what, where and what to do, and the fields
// that are wrong. gateway/api maps kinds to gRPC codes and HTTP statuses; nothing else does.
package fault

import (
	"errors"
	"fmt"
	"strings"
)

// Kind is the class of an error. The set does not grow lightly: clients switch on it.
type Kind int

// Kinds and the gRPC codes they become.
const (
	Internal        Kind = iota // INTERNAL: a bug or broken data here
	Invalid                     // INVALID_ARGUMENT: the input breaks a rule of its own
	NotFound                    // NOT_FOUND
	Exists                      // ALREADY_EXISTS: the name or number is taken with other content
	Precondition                // FAILED_PRECONDITION: not in this state
	Aborted                     // ABORTED: somebody was faster; read again
	Denied                      // PERMISSION_DENIED
	Unauthenticated             // UNAUTHENTICATED
	Exhausted                   // RESOURCE_EXHAUSTED: a limit, not a fault of the input
	Unavailable                 // UNAVAILABLE: cannot now; try again
	OutOfRange                  // OUT_OF_RANGE: a cursor too old
)

// Field is one wrong field of an input.
type Field struct {
	// Name is its JSON path, e.g. `reporter.phone`.
	Name string
	// Rule says what it breaks, in words.
	Rule string
}

// Error is what a caller is told.
type Error struct {
	Kind    Kind
	Reason  string
	Message string
	Fields  []Field
	// Err is the cause, for the log only; it never leaves the node.
	Err error
}

// New makes an error; the message says what, where and what to do.
func New(k Kind, reason, format string, args ...any) *Error {
	return &Error{Kind: k, Reason: reason, Message: fmt.Sprintf(format, args...)}
}

// InvalidFields makes an INVALID_ARGUMENT / INVALID_FIELD error of the wrong fields.
func InvalidFields(fields ...Field) *Error {
	var b strings.Builder
	for i, f := range fields {
		if i > 0 {
			b.WriteString("; ")
		}
		b.WriteString(f.Name + ": " + f.Rule)
	}
	return &Error{Kind: Invalid, Reason: "INVALID_FIELD", Message: b.String(), Fields: fields}
}

// Wrap keeps the cause of an error for the log.
func (e *Error) Wrap(err error) *Error {
	e.Err = err
	return e
}

// Error implements error.
func (e *Error) Error() string {
	if e.Err != nil {
		return e.Reason + ": " + e.Message + ": " + e.Err.Error()
	}
	return e.Reason + ": " + e.Message
}

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Err }

// As finds the Error in a chain.
func As(err error) (*Error, bool) {
	var e *Error
	ok := errors.As(err, &e)
	return e, ok
}

// ReasonOf gives the reason of an error, or "" when it has none.
func ReasonOf(err error) string {
	if e, ok := As(err); ok {
		return e.Reason
	}
	return ""
}
