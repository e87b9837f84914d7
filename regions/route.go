package regions

// Query asks which region serves a matter in a place on a day.
type Query struct {
	Division Code
	Service  string // a service's code; "" if it is not known: only rules for all matters answer
	AsOf     Day    // the zero Day meets only rules that were valid since ever
}

// Reason says why no region was found.
type Reason string

// Reasons of an Answer. The zero Reason is that of an answer with a region.
const (
	// NotFound: no rule for the place and the matter is valid on the day.
	NotFound Reason = "NOT_FOUND"
	// DivisionSplit: the division was retired, and its successors are served by
	// different regions, or some of them by none.
	DivisionSplit Reason = "DIVISION_SPLIT"
	// UnknownDivision: there is and was no such division, and no rule names it.
	UnknownDivision Reason = "UNKNOWN_DIVISION"
)

// Answer is what a table says to a Query.
type Answer struct {
	Reason Reason // "" if a region was found
	Rule   Rule   // the rule that won; Rule.Region is the region
	// Via is the successor that stood in for a retired division; zero if the
	// division was looked up as itself. Of several successors, all of them in
	// the region found, it is the first.
	Via Code
}

// Found reports whether the answer has a region.
func (a Answer) Found() bool { return a.Reason == "" }

// Lookup answers a query: the rule for the longest prefix of the division wins,
// and of those the one for the most specific service. It allocates nothing.
//
// A retired division is looked up as its successors, unless a rule that is valid
// on the day names it, or a division inside it, by its old code: so a split can be
// settled by a rule for the old code. A division that the embedded data does not have is
// unknown unless some rule names it, or a wider division that the data does not
// have either: so rules for next year's divisions can be loaded today.
func (t *Table) Lookup(q Query) Answer {
	p := t.places.path(q.Division)
	services := t.services.covering(q.Service)
	if t.divisions.current(q.Division) {
		return t.answer(q.Division, &p, 0, services, q.AsOf)
	}
	if was := t.divisions.retiredPrefix(q.Division); was != 0 {
		if own := t.answer(q.Division, &p, levelOf(was), services, q.AsOf); own.Found() {
			return own
		}
		return t.lookupSuccessors(was, services, q.AsOf)
	}
	if !t.names(q.Division, &p) {
		return Answer{Reason: UnknownDivision}
	}
	return t.answer(q.Division, &p, 0, services, q.AsOf)
}

// answer returns the answer for a division as itself, from rules for it and
// those it lies in, the widest of which has the level given.
func (t *Table) answer(code Code, p *path, widest int, services chain, day Day) Answer {
	for level := p.level; level >= widest; level-- {
		if group := p.at(level); len(group) > 0 {
			if e, found := services.winner(group, day); found {
				return Answer{Rule: t.rule(code.cut(levels[level]), *e)}
			}
		}
	}
	return Answer{Reason: NotFound}
}

// lookupSuccessors answers for a retired division: with the one region that
// serves all its successors.
func (t *Table) lookupSuccessors(was Code, services chain, day Day) Answer {
	var first Answer
	for i, successor := range t.divisions.successors(was) {
		p := t.places.path(successor)
		next := t.answer(successor, &p, 0, services, day)
		next.Via = successor
		if i == 0 {
			first = next
			continue
		}
		if next.Reason != first.Reason || next.Rule.Region != first.Rule.Region {
			return Answer{Reason: DivisionSplit}
		}
	}
	if !first.Found() {
		return Answer{Reason: NotFound}
	}
	return first
}

// names reports whether a rule, valid or not, names the division or a prefix of
// it that is not in the embedded data.
func (t *Table) names(code Code, p *path) bool {
	for level := p.level; level >= 0; level-- {
		if len(p.at(level)) > 0 && !t.divisions.current(code.cut(levels[level])) {
			return true
		}
	}
	return false
}

// winner returns the entry of one division that wins on a day.
func (c chain) winner(group []entry, day Day) (*entry, bool) {
	for _, service := range c {
		if e, active := activeEntry(group, service, day); active {
			return e, true
		}
	}
	return nil, false
}
