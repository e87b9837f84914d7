package main

import (
	"cmp"
	"strings"

	"github.com/spf13/cobra"

	"github.com/jieli-gateway/jieli/cmd/jieli/internal/show"
	jieliv1 "github.com/jieli-gateway/jieli/proto/jieli/v1"
	"github.com/jieli-gateway/jieli/regions"
)

// termFlags are the terms that a policy can set, with the flag of each.
var termFlags = []struct {
	name, usage string
	of          func(*jieliv1.Terms) **jieliv1.Term
}{
	{"deliver", "from an offer until the other node has the ticket: 3d working days, 24h or 30m clock time, or default", func(t *jieliv1.Terms) **jieliv1.Term { return &t.Deliver }},
	{"accept", "from delivery until it is signed for, likewise", func(t *jieliv1.Terms) **jieliv1.Term { return &t.Accept }},
	{"contact", "from signing for it until the caller was first contacted, likewise", func(t *jieliv1.Terms) **jieliv1.Term { return &t.Contact }},
	{"answer", "from the call until the answer, likewise", func(t *jieliv1.Terms) **jieliv1.Term { return &t.Answer }},
	{"return", "from delivery until it can no longer be returned, likewise", func(t *jieliv1.Terms) **jieliv1.Term { return &t.Return }},
	{"return-complex", "the same for a complex matter, likewise", func(t *jieliv1.Terms) **jieliv1.Term { return &t.ReturnComplex }},
}

// termEdit is what the flags of `policy set` say of terms: the rule, and its terms as they were typed.
type termEdit struct {
	region, service, kind, urgency string
	terms                          []string // as termFlags
}

func (e *termEdit) flags(c *cobra.Command) {
	f := c.Flags()
	f.StringVar(&e.region, "for-region", "", "terms: of tickets that this region handles (default: all)")
	f.StringVar(&e.service, "service", "", "terms: of this service and those below it (default: all)")
	f.StringVar(&e.kind, "type", "", "terms: of this type, e.g. COMPLAINT (default: all)")
	f.StringVar(&e.urgency, "urgency", "NORMAL", "terms: of this urgency")
	e.terms = make([]string, len(termFlags))
	for i, t := range termFlags {
		f.StringVar(&e.terms[i], t.name, "", t.usage)
	}
}

// asked tells whether a term is to be changed.
func (e *termEdit) asked() bool { return strings.Join(e.terms, "") != "" }

// apply changes the rule in a policy: one that has no term left is dropped.
func (e *termEdit) apply(p *jieliv1.Policy) error {
	rule, err := e.rule(p)
	if err != nil {
		return err
	}
	for i, t := range termFlags {
		switch text := e.terms[i]; text {
		case "":
		case "default":
			*t.of(rule.GetTerms()) = nil
		default:
			term, err := regions.ParseTermText(text)
			if err != nil {
				return usage("--%s must be working days, as 3d, clock time, as 24h or 30m, or default; it is %q", "--%s 须为工作日（如 3d）、自然时间（如 24h 或 30m）或 default；现为 %q", t.name, text)
			}
			*t.of(rule.GetTerms()) = term.Message()
		}
	}
	var kept []*jieliv1.TermRule
	for _, r := range p.GetTerms() {
		if termsText(r.GetTerms()) != "" {
			kept = append(kept, r)
		}
	}
	p.Terms = kept
	return nil
}

// rule finds the rule that the flags name, or adds it.
func (e *termEdit) rule(p *jieliv1.Policy) (*jieliv1.TermRule, error) {
	wanted := &jieliv1.TermRule{Region: e.region, Service: e.service, Terms: &jieliv1.Terms{}}
	if e.kind != "" {
		v, err := enum("--type", e.kind, jieliv1.Ticket_Type_value)
		if err != nil {
			return nil, err
		}
		wanted.Type = jieliv1.Ticket_Type(v)
	}
	v, err := enum("--urgency", e.urgency, jieliv1.Ticket_Urgency_value)
	if err != nil {
		return nil, err
	}
	wanted.Urgency = jieliv1.Ticket_Urgency(v)
	for _, r := range p.GetTerms() {
		if r.GetRegion() == wanted.GetRegion() && r.GetService() == wanted.GetService() &&
			r.GetType() == wanted.GetType() && r.GetUrgency() == wanted.GetUrgency() {
			return r, nil
		}
	}
	p.Terms = append(p.Terms, wanted)
	return wanted, nil
}

// termsText lists terms: `answer 3d, return 2d`.
func termsText(t *jieliv1.Terms) string {
	var parts []string
	if t == nil {
		return ""
	}
	for _, f := range termFlags {
		if term, err := regions.ParseTerm(*f.of(t)); err == nil && !term.IsZero() {
			parts = append(parts, f.name+" "+term.String())
		}
	}
	return strings.Join(parts, ", ")
}

// addTerms shows the rules of terms, a line each.
func (a *app) addTerms(t *show.Table, rules []*jieliv1.TermRule) {
	for _, r := range rules {
		kind := "*"
		if r.GetType() != jieliv1.Ticket_TYPE_UNSPECIFIED {
			kind = a.printer().Word(r.GetType().String())
		}
		t.Add("terms", strings.Join([]string{
			cmp.Or(r.GetRegion(), "*"), cmp.Or(r.GetService(), "*"), kind, a.printer().Word(r.GetUrgency().String()),
		}, " ")+": "+termsText(r.GetTerms()))
	}
}
