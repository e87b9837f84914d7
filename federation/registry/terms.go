package registry

import (
	"cmp"
	"errors"
	"slices"

	"google.golang.org/protobuf/proto"

	jieliv1 "github.com/jieli-gateway/jieli/proto/jieli/v1"
	"github.com/jieli-gateway/jieli/regions"
)

// MaxTermRules bounds the rules of terms in a policy.
const MaxTermRules = 1_000

// Terms are the terms of a ticket that a region handles, with the revision of the policy they are by. The error is that
// of an unknown type or urgency.
func (v *View) Terms(region, service string, kind jieliv1.Ticket_Type, urgency jieliv1.Ticket_Urgency) (regions.Terms, uint64, error) {
	terms, err := regions.FindTerms(v.terms, regions.TermQuery{
		Region: region, Service: service, Type: kind.String(), Urgency: urgency.String(),
	})
	return terms, v.policy.GetRevision(), err
}

// orderTerms puts the rules of a policy in order, and says NORMAL where no urgency is said.
func orderTerms(p *jieliv1.Policy) {
	for _, r := range p.GetTerms() {
		if r != nil && r.GetUrgency() == jieliv1.Ticket_URGENCY_UNSPECIFIED {
			r.Urgency = jieliv1.Ticket_NORMAL
		}
	}
	slices.SortStableFunc(p.GetTerms(), compareTermRules)
}

func compareTermRules(a, b *jieliv1.TermRule) int {
	return cmp.Or(cmp.Compare(a.GetRegion(), b.GetRegion()), cmp.Compare(a.GetService(), b.GetService()),
		cmp.Compare(a.GetType(), b.GetType()), cmp.Compare(a.GetUrgency(), b.GetUrgency()))
}

// parseTerms reads the rules of a policy, which must be in order.
func parseTerms(rules []*jieliv1.TermRule) ([]regions.TermRule, *rejection) {
	if len(rules) > MaxTermRules {
		return nil, reject("INVALID_FIELD", "policy.terms: must be at most %d", MaxTermRules)
	}
	parsed := make([]regions.TermRule, 0, len(rules))
	for i, r := range rules {
		if i > 0 && compareTermRules(rules[i-1], r) >= 0 {
			return nil, reject("INVALID_FIELD", "policy.terms: must not have two rules for the same region, service, type and urgency")
		}
		rule, bad := parseTermRule(r)
		if bad != nil {
			return nil, bad
		}
		parsed = append(parsed, rule)
	}
	return parsed, nil
}

func parseTermRule(r *jieliv1.TermRule) (rule regions.TermRule, bad *rejection) {
	if r.GetRegion() != "" && regions.ValidateRegionID(r.GetRegion()) != nil {
		return rule, reject("INVALID_FIELD", "policy.terms.region: must be a region's id, or empty for all")
	}
	if r.GetService() != "" && regions.ValidateServiceCode(r.GetService()) != nil {
		return rule, reject("INVALID_FIELD", "policy.terms.service: must be a service's code, or empty for all")
	}
	if r.GetType() < 0 || r.GetType() > jieliv1.Ticket_PRAISE {
		return rule, reject("INVALID_FIELD", "policy.terms.type: must be a type of matter, or unspecified for all")
	}
	if r.GetUrgency() < jieliv1.Ticket_NORMAL || r.GetUrgency() > jieliv1.Ticket_CRITICAL {
		return rule, reject("INVALID_FIELD", "policy.terms.urgency: must be NORMAL, URGENT or CRITICAL")
	}
	terms, err := regions.ParseTerms(r.GetTerms())
	if invalid := (*regions.InvalidError)(nil); errors.As(err, &invalid) {
		return rule, reject("INVALID_FIELD", "policy.terms.%s: %s", invalid.Field, invalid.Rule)
	}
	if terms == (regions.Terms{}) {
		return rule, reject("INVALID_FIELD", "policy.terms: a rule must have at least one term")
	}
	rule = regions.TermRule{Region: r.GetRegion(), Service: r.GetService(), Urgency: r.GetUrgency().String(), Terms: terms}
	if r.GetType() != jieliv1.Ticket_TYPE_UNSPECIFIED {
		rule.Type = r.GetType().String()
	}
	return rule, nil
}

// checkTermRegions refuses rules for regions that there are not.
func (d *draft) checkTermRegions(p *jieliv1.Policy) *rejection {
	for _, r := range p.GetTerms() {
		if _, ok := d.v.Region(r.GetRegion()); r.GetRegion() != "" && !ok {
			return reject("INVALID_FIELD", "policy.terms.region: %s is not in the registry", r.GetRegion())
		}
	}
	return nil
}

// onlyOwnTerms is the policy with the acting region's own rules in place of those it had. It refuses a policy that
// differs from the present one in anything else.
func (d *draft) onlyOwnTerms(p *jieliv1.Policy) (*jieliv1.Policy, *rejection) {
	own := func(r *jieliv1.TermRule) bool { return r.GetRegion() == d.acting() }
	rest := func(p *jieliv1.Policy) *jieliv1.Policy {
		p = withDefaults(p)
		p.Terms, p.Revision = slices.DeleteFunc(p.Terms, own), 0
		return p
	}
	wanted := clone(p)
	orderTerms(wanted)
	if !proto.Equal(rest(wanted), rest(d.v.policy)) {
		return nil, d.keeps("more of the policy than its own terms")
	}
	kept := clone(d.v.policy)
	kept.Terms = slices.DeleteFunc(kept.Terms, own)
	for _, r := range wanted.GetTerms() {
		if own(r) {
			kept.Terms = append(kept.Terms, r)
		}
	}
	return kept, nil
}
