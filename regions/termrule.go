package regions

import "strings"

// TermRule says, for some tickets, which terms differ from the defaults. Region is the one that handles the ticket; it,
// Service and Type are empty for all. Urgency is always one: a rule for all urgencies would loosen what is urgent by
// accident. Of Terms, those that are zero are left to less particular rules.
type TermRule struct {
	Region  string
	Service string // a service holds for those below it
	Type    string
	Urgency string
	Terms   Terms
}

// TermQuery is what terms depend on.
type TermQuery struct {
	Region  string
	Service string
	Type    string
	Urgency string
}

// matches tells whether a rule speaks of a ticket.
func (r *TermRule) matches(q TermQuery) bool {
	return (r.Region == "" || r.Region == q.Region) && r.Urgency == q.Urgency && (r.Type == "" || r.Type == q.Type) &&
		(r.Service == "" || r.Service == q.Service ||
			len(q.Service) > len(r.Service) && q.Service[len(r.Service)] == '.' && strings.HasPrefix(q.Service, r.Service))
}

// before tells whether a rule is more particular than another that speaks of the same ticket: one of a region before
// one for all, then the longer service, then the one of a type. No two are alike as long as no two are for the same.
func (r *TermRule) before(other *TermRule) bool {
	switch {
	case (r.Region != "") != (other.Region != ""):
		return r.Region != ""
	case len(r.Service) != len(other.Service):
		return len(r.Service) > len(other.Service)
	}
	return r.Type != "" && other.Type == ""
}

// FindTerms returns the terms that apply: each by the most particular rule that has it, else by DefaultTerms, whose
// errors it returns.
func FindTerms(rules []TermRule, q TermQuery) (Terms, error) {
	terms, err := DefaultTerms(q.Type, q.Urgency)
	if err != nil {
		return Terms{}, err
	}
	var by [termKinds]*TermRule
	for i := range rules {
		rule := &rules[i]
		if !rule.matches(q) {
			continue
		}
		found := rule.Terms.all()
		for kind, to := range terms.all() {
			if !found[kind].IsZero() && (by[kind] == nil || rule.before(by[kind])) {
				*to, by[kind] = *found[kind], rule
			}
		}
	}
	return terms, nil
}

// termKinds is how many terms there are.
const termKinds = 6

// all are the terms, in order.
func (t *Terms) all() [termKinds]*Term {
	return [...]*Term{&t.Deliver, &t.Accept, &t.Contact, &t.Answer, &t.Return, &t.ReturnComplex}
}
