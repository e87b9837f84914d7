package regions

import (
	"iter"
	"slices"
	"strings"
)

// Table says which region serves which matter in which place. It is immutable:
// With returns a new table that shares all it can with the old one, so that a
// node can publish each change to its readers by swapping one pointer.
//
// Rules stand in a tree by the first three pairs of digits of their division
// (see node), and those of a county's townships and villages in one hash (see
// shard). A look-up walks a path of four nodes; a change copies the path, and
// the one shard it touches.
//
// Names of services and regions are stored once each, and stay known to all
// tables made from the one that met them first.
type Table struct {
	divisions *Divisions
	services  *dictionary
	regions   *dictionary
	root      *node // nil if there are no rules
	count     int
}

// NewTable returns a table of rules; the divisions tell it which codes are
// known and which were retired. Errors are as of With. For very many rules a
// Builder needs less memory.
func NewTable(divisions *Divisions, rules ...Rule) (*Table, error) {
	empty := &Table{divisions: divisions, services: newDictionary(), regions: newDictionary()}
	return empty.With(rules, nil)
}

// With returns a table without the rules of the keys in del and with the rules
// in set; deletions come first, and a rule in set replaces one with its key.
// All of it happens or none: the error is an *InvalidError, a *TieError or a
// *MissingRuleError. It depends only on the rules in the table and the
// arguments, never on how the table came to have them, so that all nodes
// reject a change alike.
//
// With knows nothing of whether divisions, services and regions exist; the
// writer checks that, with the newest data there is.
func (t *Table) With(set []Rule, del []Key) (*Table, error) {
	e := newEdit(t, len(set)+len(del))
	for _, key := range del {
		if err := e.delete(key); err != nil {
			return nil, err
		}
	}
	for _, rule := range set {
		if err := e.set(rule); err != nil {
			return nil, err
		}
	}
	return e.apply()
}

// Builder collects the rules of a new table: an import, or a snapshot.
type Builder struct{ edit *edit }

// NewBuilder returns a builder without rules.
func NewBuilder(divisions *Divisions) *Builder {
	return &Builder{newEdit(&Table{divisions: divisions, services: newDictionary(), regions: newDictionary()}, 0)}
}

// Add takes a rule; the error is an *InvalidError.
func (b *Builder) Add(rule Rule) error { return b.edit.set(rule) }

// Len returns the number of rules taken so far.
func (b *Builder) Len() int { return len(b.edit.changes) }

// Build returns the table of all rules added; the error is a *TieError. The
// builder must not be used afterwards.
func (b *Builder) Build() (*Table, error) { return b.edit.apply() }

// Len returns the number of rules.
func (t *Table) Len() int { return t.count }

// Divisions returns the divisions that the table works with.
func (t *Table) Divisions() *Divisions { return t.divisions }

// Get returns the rule with a key.
func (t *Table) Get(key Key) (Rule, bool) {
	for rule := range t.Rules(key) {
		return rule, rule.Key() == key
	}
	return Rule{}, false
}

// Rules returns the rules from a key on, in the order of their keys: the zero
// Key gives all. To list page by page, start each page at the key of the first
// rule that the page before had no room for. Rules inside a division follow one
// another, the division's own first.
func (t *Table) Rules(from Key) iter.Seq[Rule] {
	return func(yield func(Rule) bool) {
		if t.root != nil {
			t.walk(t.root, 0, 0, from, yield)
		}
	}
}

// walk yields the rules at and below a node whose division has the digits
// given, n of them, and reports whether to go on.
func (t *Table) walk(at *node, digits uint64, n int, from Key, yield func(Rule) bool) bool {
	if len(at.own) > 0 && !t.yieldGroup(at.own, Code(digits<<lengthBits|uint64(n)), from, yield) {
		return false
	}
	if at.deep != nil && !t.walkShard(at.deep, digits, from, yield) {
		return false
	}
	if at.kids == nil {
		return true
	}
	unit := powersOfTen[codeDigits-n-2]
	for pair, kid := range at.kids {
		if kid == nil {
			continue
		}
		kidDigits := digits + uint64(pair)*unit
		if from.Division.digits() >= kidDigits+unit {
			continue // all of it comes before from
		}
		if !t.walk(kid, kidDigits, n+2, from, yield) {
			return false
		}
	}
	return true
}

// walkShard yields the rules of a county's townships and villages.
func (t *Table) walkShard(s *shard, county uint64, from Key, yield func(Rule) bool) bool {
	first := 0
	if code := from.Division; code.digits() > county {
		if code.digits() >= county+powersOfTen[codeDigits-6] {
			return true
		}
		first = s.firstFrom(suffixOf(code))
	}
	for first < len(s.entries) {
		group := s.groupAt(first)
		code := codeOf(county, group[0].suffix)
		if !t.yieldGroup(group, code, from, yield) {
			return false
		}
		first += len(group)
	}
	return true
}

// yieldGroup yields the rules of one division, by service and first day.
func (t *Table) yieldGroup(group []entry, code Code, from Key, yield func(Rule) bool) bool {
	if code < from.Division {
		return true
	}
	if len(group) > 1 {
		group = slices.Clone(group)
		slices.SortStableFunc(group, func(a, b entry) int {
			return strings.Compare(t.services.names[a.service], t.services.names[b.service])
		})
	}
	for _, e := range group {
		rule := t.rule(code, e)
		if code == from.Division && rule.Key().Compare(from) < 0 {
			continue
		}
		if !yield(rule) {
			return false
		}
	}
	return true
}

// rule unpacks the entry of a division.
func (t *Table) rule(code Code, packed entry) Rule {
	return unpack(code, packed, t.services, t.regions)
}

func unpack(code Code, packed entry, services, regions *dictionary) Rule {
	return Rule{
		Division:  code,
		Service:   services.names[packed.service],
		Region:    regions.names[packed.region],
		ValidFrom: packed.from,
		ValidTo:   open(packed.to),
	}
}
