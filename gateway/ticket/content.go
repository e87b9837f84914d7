package ticket

import (
	"slices"

	jieliv1 "github.com/jieli-gateway/jieli/proto/jieli/v1"
)

// Names of content.
const (
	ContentMatter   = "matter"   // a Matter: what the ticket is about
	ContentReporter = "reporter" // a Reporter: the caller
	ContentText     = "text"     // a Text: the words of a step
)

// contentOf says which content an event of a kind commits to. One of a kind that is not listed has none.
func contentOf(kind jieliv1.Event_Kind) (must, may string) {
	switch kind {
	case jieliv1.Event_RECEIVED:
		return ContentMatter, ContentReporter
	case jieliv1.Event_RETURNED, jieliv1.Event_NOTED, jieliv1.Event_ANSWERED, jieliv1.Event_REOPENED:
		return ContentText, ""
	case jieliv1.Event_CLOSED, jieliv1.Event_WITHDRAWN:
		return "", ContentText
	default:
		return "", ""
	}
}

// validateCommitments checks the commitments of an event of a kind.
func validateCommitments(kind jieliv1.Event_Kind, commitments []*jieliv1.Commitment) *Violation {
	const field = "commitments"
	if len(commitments) > MaxCommitments {
		return eventChecks.fail(field, "at most %d are allowed, there are %d", MaxCommitments, len(commitments))
	}
	must, may := contentOf(kind)
	seen := make([]string, 0, MaxCommitments)
	for _, c := range commitments {
		name := c.GetName()
		if name == "" || (name != must && name != may) {
			return eventChecks.fail(field, "%s has no content %q", kind, shorten(name))
		}
		if slices.Contains(seen, name) {
			return eventChecks.fail(field, "content %q stands there twice", name)
		}
		if v := eventChecks.hash(field+".hash", c.GetHash()); v != nil {
			return v
		}
		seen = append(seen, name)
	}
	if must != "" && !slices.Contains(seen, must) {
		return eventChecks.fail(field, "%s must have content %q", kind, must)
	}
	return nil
}

// ValidateMatter checks content `matter`. The error is Violations.
func ValidateMatter(m *jieliv1.Matter) error {
	var vs Violations
	vs.add(inputChecks.text("title", m.GetTitle(), 1, MaxTitle, false))
	vs.add(inputChecks.text("description", m.GetDescription(), 1, MaxDescription, true))
	vs.add(inputChecks.line("category", m.GetCategory(), MaxCategory))
	vs.add(inputChecks.line("address", m.GetAddress(), MaxAddress))
	vs.location(m.GetLocation())
	return vs.err()
}

// ValidateReporter checks content `reporter`. The error is Violations.
func ValidateReporter(r *jieliv1.Reporter) error {
	var vs Violations
	vs.reporter(r)
	return vs.err()
}

// ValidateWords checks content `text`. The error is Violations.
func ValidateWords(t *jieliv1.Text) error {
	var vs Violations
	vs.add(inputChecks.text("text", t.GetText(), 1, MaxText, true))
	vs.add(inputChecks.text("legalBasis", t.GetLegalBasis(), 0, MaxLegalBasis, true))
	return vs.err()
}

// location checks a point on a map; nil is no point.
func (vs *Violations) location(l *jieliv1.Location) {
	if l == nil {
		return
	}
	n := len(*vs)
	// Written so that NaN, which is neither, is refused.
	if lat := l.GetLatitude(); !(lat >= -90 && lat <= 90) {
		vs.add(inputChecks.fail("latitude", "must be degrees north from -90 to 90"))
	}
	if long := l.GetLongitude(); !(long >= -180 && long <= 180) {
		vs.add(inputChecks.fail("longitude", "must be degrees east from -180 to 180"))
	}
	vs.add(inputChecks.enum("datum", l.GetDatum()))
	vs.within("location", n)
}

// reporter checks the caller's data; nil is none.
func (vs *Violations) reporter(r *jieliv1.Reporter) {
	vs.add(inputChecks.line("name", r.GetName(), MaxName))
	vs.add(inputChecks.phoneOrNone("phone", r.GetPhone()))
	o := r.GetOrganization()
	if o == nil {
		return
	}
	n := len(*vs)
	vs.add(inputChecks.line("name", o.GetName(), MaxOrganization))
	if o.GetCreditCode() != "" {
		vs.add(inputChecks.creditCode("creditCode", o.GetCreditCode()))
	}
	vs.add(inputChecks.line("industry", o.GetIndustry(), MaxIndustry))
	vs.add(inputChecks.line("size", o.GetSize(), MaxSize))
	vs.within("organization", n)
}
