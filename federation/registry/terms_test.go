package registry

import (
	"testing"

	jieliv1 "github.com/jieli-gateway/jieli/proto/jieli/v1"
	"github.com/jieli-gateway/jieli/regions"
)

// Terms are the defaults, else what the policy says for all, else what it says for the region.
func TestTerms(t *testing.T) {
	f := members(t)
	answers := func(region string, want int) {
		t.Helper()
		terms, revision, err := f.View().Terms(region, "urban.housing", jieliv1.Ticket_COMPLAINT, jieliv1.Ticket_NORMAL)
		if err != nil || terms.Answer != regions.Workdays(want) || revision != f.View().Policy().GetRevision() {
			t.Errorf("%s answers within %v by policy %d, %v; want %d days by policy %d", region, terms.Answer, revision, err, want,
				f.View().Policy().GetRevision())
		}
	}
	answers(south, 15)
	f.must(setPolicy(north, terms(answerIn(south, 6).GetTerms()[0], answerIn("", 10).GetTerms()[0])))
	answers(south, 6)
	answers(north, 10)
	if _, _, err := f.View().Terms(south, "", jieliv1.Ticket_TYPE_UNSPECIFIED, jieliv1.Ticket_NORMAL); err == nil {
		t.Error("a ticket of no type has terms")
	}
}

// A member changes its own terms and nothing else; what it is shown it may send back.
func TestOwnTerms(t *testing.T) {
	f := members(t)
	f.must(setPolicy(north, terms(answerIn("", 10).GetTerms()[0], answerIn(west, 9).GetTerms()[0], answerIn(south, 8).GetTerms()[0])))
	shown := f.View().Policy() // with defaults filled in
	for _, r := range shown.GetTerms() {
		if r.GetRegion() == south {
			r.Terms.Answer.WorkingDays = 4
		}
	}
	f.must(setPolicy(south, shown))
	for region, want := range map[string]int{south: 4, west: 9, north: 10} {
		terms, _, err := f.View().Terms(region, "", jieliv1.Ticket_HELP, jieliv1.Ticket_NORMAL)
		if err != nil || terms.Answer != regions.Workdays(want) {
			t.Errorf("%s: %v, %v", region, terms.Answer, err)
		}
	}
	if v := f.View(); v.policy.GetRegistryGrace() != nil || v.policy.GetRequestIds() != 0 {
		t.Errorf("defaults became part of the policy: %v", v.policy)
	}
	shown.RequestIds = 5000
	if o := f.try(setPolicy(south, shown)); o.GetReason() != "NOT_YOUR_ENTRY" {
		t.Errorf("a member changed more than its terms: %v", o)
	}
	again := restored(t, snapshotOf(t, f.View()), Options{})
	if terms, _, err := again.View().Terms(south, "", jieliv1.Ticket_HELP, jieliv1.Ticket_NORMAL); err != nil || terms.Answer != regions.Workdays(4) {
		t.Errorf("after a snapshot: %v, %v", terms.Answer, err)
	}
}
