package regions

import (
	"time"

	"google.golang.org/protobuf/types/known/durationpb"

	jieliv1 "github.com/jieli-gateway/jieli/proto/jieli/v1"
)

// ParseTerm reads a term of the public contract; nil is the zero Term, no limit. The error is an *InvalidError with
// Field "term": one that is given has working days or clock hours, in whole seconds.
func ParseTerm(m *jieliv1.Term) (Term, error) {
	if m == nil {
		return Term{}, nil
	}
	// More than fits an int is too many anyway.
	t := Term{Workdays: int(min(m.GetWorkingDays(), MaxTermWorkdays+1))}
	if c := m.GetClock(); c != nil {
		if c.CheckValid() != nil || c.GetNanos() != 0 || c.GetSeconds() <= 0 || c.GetSeconds() > int64(MaxTermClock/time.Second) {
			return Term{}, &InvalidError{Field: "term", Value: c.String(), Rule: "a term in clock hours has whole seconds, 1 to 366 days of them"}
		}
		t.Clock = c.AsDuration()
	}
	if t.IsZero() {
		return Term{}, &InvalidError{Field: "term", Rule: "a term is in clock hours or in working days: neither is given"}
	}
	return t, t.Validate()
}

// Message is the term in the public contract; nil for the zero Term.
func (t Term) Message() *jieliv1.Term {
	switch {
	case t.IsZero():
		return nil
	case t.Workdays != 0:
		return &jieliv1.Term{WorkingDays: uint32(t.Workdays)} // #nosec G115 -- at most MaxTermWorkdays
	}
	return &jieliv1.Term{Clock: durationpb.New(t.Clock)}
}

// ParseTerms reads terms of the public contract. The error is an *InvalidError whose Field is the name of the term.
func ParseTerms(m *jieliv1.Terms) (Terms, error) {
	var t Terms
	for _, f := range []struct {
		name string
		from *jieliv1.Term
		to   *Term
	}{
		{"deliver", m.GetDeliver(), &t.Deliver},
		{"accept", m.GetAccept(), &t.Accept},
		{"contact", m.GetContact(), &t.Contact},
		{"answer", m.GetAnswer(), &t.Answer},
		{"return", m.GetReturn(), &t.Return},
		{"returnComplex", m.GetReturnComplex(), &t.ReturnComplex},
	} {
		term, err := ParseTerm(f.from)
		if invalid, ok := err.(*InvalidError); ok { //nolint:errorlint // it is ParseTerm's own
			return Terms{}, &InvalidError{Field: f.name, Value: invalid.Value, Rule: invalid.Rule}
		}
		*f.to = term
	}
	return t, nil
}
