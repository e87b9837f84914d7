package registry

import (
	"maps"

	"google.golang.org/protobuf/types/known/timestamppb"

	jieliv1 "github.com/jieli-gateway/jieli/proto/jieli/v1"
	"github.com/jieli-gateway/jieli/regions"
)

// mark says who changed a route, when, and at which revision.
type mark struct {
	revision uint64
	stamp    uint64
	who      *string // shared by all marks of one change
}

// marks hold the mark of each route beside the table. Immutable; with copies only the county it touches.
type marks struct {
	counties map[regions.Code]map[regions.Key]mark
}

const countyDigits = 6

func county(code regions.Code) regions.Code {
	if code.Len() > countyDigits {
		return code.Prefix(countyDigits)
	}
	return code
}

func (m *marks) get(key regions.Key) mark {
	if m == nil {
		return mark{}
	}
	return m.counties[county(key.Division)][key]
}

// marksEdit is one change of marks.
type marksEdit struct {
	next   *marks
	copied map[regions.Code]bool
}

// edit begins a change; top is copied once, each county when first touched.
func (m *marks) edit() *marksEdit {
	next := &marks{counties: map[regions.Code]map[regions.Key]mark{}}
	if m != nil {
		next.counties = maps.Clone(m.counties)
	}
	return &marksEdit{next: next, copied: map[regions.Code]bool{}}
}

func (e *marksEdit) county(key regions.Key) map[regions.Key]mark {
	at := county(key.Division)
	if !e.copied[at] {
		e.copied[at] = true
		if old := e.next.counties[at]; old != nil {
			e.next.counties[at] = maps.Clone(old)
		} else {
			e.next.counties[at] = map[regions.Key]mark{}
		}
	}
	return e.next.counties[at]
}

// done gives the marks; the edit must not be used afterwards.
func (e *marksEdit) done() *marks { return e.next }

func (e *marksEdit) set(key regions.Key, m mark) { e.county(key)[key] = m }

// delete forgets a mark, and a county without any.
func (e *marksEdit) delete(key regions.Key) {
	here := e.county(key)
	delete(here, key)
	if at := county(key.Division); len(here) == 0 {
		delete(e.next.counties, at)
		delete(e.copied, at)
	}
}

func routeOf(rule regions.Rule, m mark) *jieliv1.Route {
	r := &jieliv1.Route{
		Division: rule.Division.String(), Service: rule.Service, Region: rule.Region,
		ValidFrom: rule.ValidFrom.String(), ValidTo: rule.ValidTo.String(), Revision: m.revision,
	}
	if m.who != nil {
		r.ChangedBy = *m.who
		r.ChangeTime = stampTime(m.stamp)
	}
	return r
}

// ruleOf reads a route's rule.
func ruleOf(r *jieliv1.Route) (regions.Rule, error) {
	return regions.ParseRule(r.GetDivision(), r.GetService(), r.GetRegion(), r.GetValidFrom(), r.GetValidTo())
}

func stampTime(stamp uint64) *timestamppb.Timestamp {
	const perSecond = 1000
	return &timestamppb.Timestamp{
		Seconds: int64(stamp / perSecond),             // #nosec G115 -- a stamp is milliseconds of a real clock
		Nanos:   int32(stamp % perSecond * 1_000_000), // #nosec G115 -- below 10^9
	}
}
