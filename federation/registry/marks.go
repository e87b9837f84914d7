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

// marks hold the mark of each route beside the table, by province and county. Immutable; a change copies only the
// provinces and counties that it touches.
type marks struct {
	provinces map[regions.Code]provinceMarks
}

type (
	provinceMarks map[regions.Code]countyMarks
	countyMarks   map[regions.Key]mark
)

const (
	provinceDigits = 2
	countyDigits   = 6
)

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
	return m.provinces[key.Division.Prefix(provinceDigits)][county(key.Division)][key]
}

// marksEdit is one change of marks.
type marksEdit struct {
	next      *marks
	provinces map[regions.Code]bool // copied
	counties  map[regions.Code]bool // copied
}

// edit begins a change.
func (m *marks) edit() *marksEdit {
	next := &marks{provinces: map[regions.Code]provinceMarks{}}
	if m != nil {
		next.provinces = maps.Clone(m.provinces)
	}
	return &marksEdit{next: next, provinces: map[regions.Code]bool{}, counties: map[regions.Code]bool{}}
}

// province gives a province's marks, copied when first touched.
func (e *marksEdit) province(at regions.Code) provinceMarks {
	if !e.provinces[at] {
		e.provinces[at] = true
		e.next.provinces[at] = copied(e.next.provinces[at])
	}
	return e.next.provinces[at]
}

// county gives the marks of the county that a key is of, likewise.
func (e *marksEdit) county(key regions.Key) countyMarks {
	province, at := e.province(key.Division.Prefix(provinceDigits)), county(key.Division)
	if !e.counties[at] {
		e.counties[at] = true
		province[at] = copied(province[at])
	}
	return province[at]
}

// copied is a copy of a map that may be written to.
func copied[M ~map[K]V, K comparable, V any](m M) M {
	if m == nil {
		return M{}
	}
	return maps.Clone(m)
}

// done gives the marks; the edit must not be used afterwards.
func (e *marksEdit) done() *marks { return e.next }

func (e *marksEdit) set(key regions.Key, m mark) { e.county(key)[key] = m }

// delete forgets a mark, and what is left without any.
func (e *marksEdit) delete(key regions.Key) {
	here := e.county(key)
	delete(here, key)
	if len(here) > 0 {
		return
	}
	at := key.Division.Prefix(provinceDigits)
	delete(e.next.provinces[at], county(key.Division))
	delete(e.counties, county(key.Division))
	if len(e.next.provinces[at]) == 0 {
		delete(e.next.provinces, at)
		delete(e.provinces, at)
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
