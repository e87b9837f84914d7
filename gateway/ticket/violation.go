package ticket

import (
	"fmt"
	"strings"
)

// Reasons of violations; scripts and peers rely on them.
const (
	// ReasonMalformed: bytes, or a field of an event or decision, break a rule of their own.
	ReasonMalformed = "MALFORMED"
	// ReasonTooLarge: more bytes than MaxEventBytes or MaxDecisionBytes.
	ReasonTooLarge = "TOO_LARGE"
	// ReasonUnknownKind: a kind, field or enum value that a newer version may have written and this one does not know.
	ReasonUnknownKind = "UNKNOWN_KIND"
	// ReasonChainBroken: not the next event of this chain by ticket, number, previous hash or time.
	ReasonChainBroken = "CHAIN_BROKEN"
	// ReasonPenMisused: written by a region that had no right to write it.
	ReasonPenMisused = "PEN_MISUSED"
	// ReasonNoPen: as PEN_MISUSED, said to the region itself: it does not have the pen.
	ReasonNoPen = "NO_PEN"
	// ReasonNotOrigin: as PEN_MISUSED, said to the region itself: only the origin may.
	ReasonNotOrigin = "NOT_ORIGIN"
	// ReasonWrongState: this event cannot follow the ticket's state.
	ReasonWrongState = "WRONG_STATE"
	// ReasonOwnRegion: offered to its own origin.
	ReasonOwnRegion = "OWN_REGION"
	// ReasonLoop: offered to a region that returned it in this round.
	ReasonLoop = "LOOP"
	// ReasonSecondReturn: offered on after a second return in this round.
	ReasonSecondReturn = "SECOND_RETURN"
	// ReasonTooManyOffers: offered after MaxDeliveredOffers delivered ones in this round.
	ReasonTooManyOffers = "TOO_MANY_OFFERS"
	// ReasonWrongRound: names another round than the one it belongs to.
	ReasonWrongRound = "WRONG_ROUND"
	// ReasonWrongBasis: an offer whose basis does not fit where it comes from.
	ReasonWrongBasis = "WRONG_BASIS"
	// ReasonWrongCause: a dispute whose cause is not true of the ticket.
	ReasonWrongCause = "WRONG_CAUSE"
	// ReasonDecisionMismatch: a decision that does not speak of the ticket's open offer.
	ReasonDecisionMismatch = "DECISION_MISMATCH"
	// ReasonRequestRequired: only allowed to settle a request, and settles none.
	ReasonRequestRequired = "REQUEST_REQUIRED"
	// ReasonNotConcerned: speaks for a region the ticket never was with.
	ReasonNotConcerned = "NOT_CONCERNED"
	// ReasonInvalidField: a field of an input breaks a rule.
	ReasonInvalidField = "INVALID_FIELD"
)

// Violation is one broken rule. Find it with errors.As.
type Violation struct {
	// Reason is one of the Reason constants.
	Reason string
	// Field that breaks the rule, by JSON name, e.g. `reporter.phone`; empty where no single one does.
	Field string
	// Message says the rule and what was found, fit for the person who sent the input.
	Message string
}

// Error implements error.
func (v *Violation) Error() string {
	if v.Field == "" {
		return v.Reason + ": " + v.Message
	}
	return v.Reason + ": " + v.Field + ": " + v.Message
}

// within puts the name of the surrounding message before the field.
func (v *Violation) within(name string) *Violation {
	if v.Field != "" {
		name += "." + v.Field
	}
	v.Field = name
	return v
}

func violation(reason, field, format string, args ...any) *Violation {
	return &Violation{Reason: reason, Field: field, Message: fmt.Sprintf(format, args...)}
}

// Violations are all rules that an input breaks, in the order of its fields; never empty when returned as an error.
type Violations []Violation

// Error implements error.
func (vs Violations) Error() string {
	var b strings.Builder
	for i := range vs {
		if i > 0 {
			b.WriteString("; ")
		}
		b.WriteString(vs[i].Field + ": " + vs[i].Message)
	}
	return b.String()
}

// Unwrap gives each violation to errors.As.
func (vs Violations) Unwrap() []error {
	errs := make([]error, len(vs))
	for i := range vs {
		errs[i] = &vs[i]
	}
	return errs
}

// add keeps a violation; nil adds none.
func (vs *Violations) add(v *Violation) {
	if v != nil {
		*vs = append(*vs, *v)
	}
}

// within puts the name of the surrounding message before the fields of the violations added since the first n.
func (vs Violations) within(name string, n int) {
	for i := n; i < len(vs); i++ {
		vs[i] = *vs[i].within(name)
	}
}

// err is the violations as an error, nil when there are none.
func (vs Violations) err() error {
	if len(vs) == 0 {
		return nil
	}
	return vs
}

// first returns the first violation as an error, nil when there is none.
func first(vs ...*Violation) error {
	for _, v := range vs {
		if v != nil {
			return v
		}
	}
	return nil
}

// shorten cuts a value for a message between two characters.
func shorten(s string) string {
	const most = 64
	n := 0
	for i := range s {
		if n == most {
			return s[:i] + "…"
		}
		n++
	}
	return s
}
