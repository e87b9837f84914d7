package regions

import (
	"errors"
	"time"

	jieliv1 "github.com/jieli-gateway/jieli/proto/jieli/v1"
)

// ParseTerm reads a term of the public contract; nil is the zero Term, no limit. The error is an *InvalidError with
// Field "term": one that is given has working days or clock time.
func ParseTerm(m *jieliv1.Term) (Term, error) {
	if m == nil {
		return Term{}, nil
	}
	// More than fits an int is too many anyway.
	t := Term{Workdays: int(min(m.GetWorkingDays(), MaxTermWorkdays+1)), Clock: time.Duration(m.GetClockSeconds()) * time.Second}
	if t.IsZero() {
		return Term{}, &InvalidError{Field: "term", Rule: "a term is in clock hours or in working days: neither is given"}
	}
	return t, t.Validate()
}

// Message is the term in the public contract; nil for the zero Term.
func (t Term) Message() *jieliv1.Term {
	if t.IsZero() {
		return nil
	}
	return &jieliv1.Term{WorkingDays: uint32(t.Workdays), ClockSeconds: uint32(t.Clock / time.Second)} // #nosec G115 -- validated
}

// Number is a valid term as one number: seconds of clock time, or, negative, working days; 0 for the zero Term.
func (t Term) Number() int64 {
	if t.Workdays != 0 {
		return -int64(t.Workdays)
	}
	return int64(t.Clock / time.Second)
}

// TermOf is the term of a number.
func TermOf(number int64) Term {
	if number < 0 {
		return Term{Workdays: int(-number)}
	}
	return Term{Clock: time.Duration(number) * time.Second}
}

// ParseTerms reads terms of the public contract. The error is an *InvalidError whose Field is the name of the term.
func ParseTerms(m *jieliv1.Terms) (t Terms, err error) {
	from := [termKinds]*jieliv1.Term{
		m.GetDeliver(), m.GetAccept(), m.GetContact(), m.GetAnswer(), m.GetReturn(), m.GetReturnComplex(),
	}
	for kind, to := range t.all() {
		if *to, err = ParseTerm(from[kind]); err != nil {
			return Terms{}, named(err, termNames[kind])
		}
	}
	return t, nil
}

// termNames are the names of the terms in the public contract, in the order of Terms.
var termNames = [termKinds]string{"deliver", "accept", "contact", "answer", "return", "returnComplex"}

// named is an error of ParseTerm under the name of its term.
func named(err error, field string) error {
	var invalid *InvalidError
	if !errors.As(err, &invalid) {
		return err
	}
	return &InvalidError{Field: field, Value: invalid.Value, Rule: invalid.Rule}
}
