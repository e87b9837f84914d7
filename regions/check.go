package regions

import "slices"

// Report is what an operator should look at in a table.
type Report struct {
	// Unserved has the divisions for which no rule is valid, each as its widest
	// prefix: a whole province without rules is one code.
	Unserved []Code
	// Partly has those for which rules are valid for some services only, so that
	// a matter of unknown service finds no region.
	Partly []Code
	// Idle has the rules that never win, by key.
	Idle []IdleRule
}

// IdleRule is a rule that no ticket will meet, with the reason.
type IdleRule struct {
	Rule   Rule
	Reason IdleReason
}

// IdleReason says why a rule never wins.
type IdleReason string

// Reasons of an IdleRule.
const (
	// IdleExpired: its last day has passed.
	IdleExpired IdleReason = "EXPIRED"
	// IdleShadowed: each division inside its own has a rule that beats it, so
	// that it wins only where no more is known of the place than its division.
	// It is judged on its first day, if that is still to come.
	IdleShadowed IdleReason = "SHADOWED"
	// IdleUnknownDivision: its division is neither in use nor was it once. It is
	// a slip of the pen, or newer than the embedded data.
	IdleUnknownDivision IdleReason = "UNKNOWN_DIVISION"
)

// Check looks over a table as it is on a day: everywhere, or only within the
// divisions given. Places are checked down to the township; one with rules for
// some of its villages only counts as partly served.
func (t *Table) Check(day Day, within ...Code) Report {
	c := check{table: t, day: day}
	places := within
	if len(places) == 0 {
		places = t.divisions.Children(0)
	}
	for _, code := range places {
		if t.divisions.current(code) {
			c.note(code, c.visit(code, c.servedAbove(code)))
		}
	}
	for rule := range t.Rules(Key{}) {
		if len(within) > 0 && !anyContains(within, rule.Division) {
			continue
		}
		if reason := c.idle(rule); reason != "" {
			c.found.Idle = append(c.found.Idle, IdleRule{Rule: rule, Reason: reason})
		}
	}
	return c.found
}

func anyContains(divisions []Code, code Code) bool {
	return slices.ContainsFunc(divisions, func(division Code) bool { return division.Contains(code) })
}

// check is one run of Table.Check.
type check struct {
	table *Table
	day   Day
	found Report
}

// service says how well a place is served as a whole.
type service int

const (
	unserved service = iota
	partlyServed
	served
	mixed // differs between the places inside
	serviceKinds
)

// note records a place that is not served; of a mixed one the places inside are
// recorded already.
func (c *check) note(code Code, s service) {
	switch s {
	case unserved:
		c.found.Unserved = append(c.found.Unserved, code)
	case partlyServed:
		c.found.Partly = append(c.found.Partly, code)
	}
}

// visit tells how well a division is served, given how well rules for wider
// divisions serve it. It notes the places inside if they differ.
func (c *check) visit(code Code, above service) service {
	here := max(above, c.servedBy(c.entries(code)))
	if here == served || !c.rulesInside(code) {
		return here
	}
	children := c.children(code)
	if len(children) == 0 {
		return partlyServed // a township with rules for some of its villages
	}
	before := c.found
	var count [serviceKinds]int
	for _, child := range children {
		s := c.visit(child, here)
		c.note(child, s)
		count[s]++
	}
	for _, s := range [...]service{unserved, partlyServed, served} {
		if count[s] == len(children) {
			c.found = before // the division stands for all inside it
			return s
		}
	}
	return mixed
}

// servedAbove tells how well rules for wider divisions serve a division.
func (c *check) servedAbove(code Code) service {
	best := unserved
	p := c.table.places.path(code)
	for level := range p.level {
		best = max(best, c.servedBy(p.at(level)))
	}
	return best
}

// servedBy tells how well the rules of one division serve it.
func (c *check) servedBy(group []entry) service {
	best := unserved
	for _, e := range group {
		switch {
		case e.from > c.day || e.to < c.day:
		case e.service == 0:
			return served
		default:
			best = partlyServed
		}
	}
	return best
}

// entries returns the rules of exactly one division.
func (c *check) entries(code Code) []entry {
	p := c.table.places.path(code)
	return p.at(p.level)
}

// rulesInside reports whether there are rules for divisions inside one: for a
// township, rules valid on the day; else any.
func (c *check) rulesInside(code Code) bool {
	if code.Len() < 9 {
		inside := c.table.places.from(code + 1)
		if len(inside) > 0 && inside[0].code <= code.last() {
			return true
		}
		here := c.table.places.find(code.digits(), code.Len())
		return here != nil && here.deep.rules > 0
	}
	county := c.table.places.find(code.digits(), 6)
	if county == nil {
		return false
	}
	first := suffixOf(code)
	end := first + uint32(2*powersOfTen[3])
	return slices.ContainsFunc(county.deep.divisions(), func(d placed) bool {
		return d.suffix > first && d.suffix < end && c.servedBy(d.entries) != unserved
	})
}

// children returns the divisions directly inside one by their codes, hidden
// ones included.
func (c *check) children(code Code) []Code {
	divisions := c.table.divisions
	var children []Code
	for i, end := divisions.inside(code); i < end; {
		children = append(children, divisions.codes[i])
		_, i = divisions.inside(divisions.codes[i])
	}
	return children
}

// idle tells why a rule never wins, or returns "" for one that can.
func (c *check) idle(rule Rule) IdleReason {
	switch {
	case closed(rule.ValidTo) < c.day:
		return IdleExpired
	case !c.table.divisions.Knows(rule.Division):
		return IdleUnknownDivision
	}
	services := c.table.services.covering(rule.Service)
	if c.beatenInside(rule.Division, services, max(c.day, rule.ValidFrom)) {
		return IdleShadowed
	}
	return ""
}

// beatenInside reports whether each division inside one has a rule, its own or
// by those inside it, for one of the services.
func (c *check) beatenInside(code Code, services chain, day Day) bool {
	if code.Len() >= 9 || !c.rulesInside(code) {
		return false
	}
	children := c.children(code)
	for _, child := range children {
		if _, found := services.winner(c.entries(child), day); !found && !c.beatenInside(child, services, day) {
			return false
		}
	}
	return len(children) > 0
}
