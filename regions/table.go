package regions

import (
	"errors"
	"iter"
	"slices"
	"strings"
)

// Table says which region serves which matter in which place. It is immutable:
// With returns a new table that shares all it can with the old one, so that a
// node can publish each change to its readers by swapping one pointer.
//
// The rules of a county, its townships and villages are one unit, and so are
// those of each prefecture and province by itself (see place). A look-up finds
// its county's unit in one hash and its village's rules in another (see shard),
// and looks further only if none of them wins; a change copies the units it
// touches and the list of all units.
//
// Names of services and regions are stored once each. Those that no rule has
// any more are forgotten when a table is built anew, or when there are too many.
type Table struct {
	divisions *Divisions
	services  *dictionary
	regions   *dictionary
	places    places
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
	next, err := t.edited(set, del)
	var full *tooManyNamesError
	if errors.As(err, &full) {
		// Names that no rule has any more may take up the room.
		return t.rebuilt().edited(set, del)
	}
	return next, err
}

func (t *Table) edited(set []Rule, del []Key) (*Table, error) {
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

// rebuilt returns a table of the same rules that knows only their names.
func (t *Table) rebuilt() *Table {
	b := NewBuilder(t.divisions)
	for rule := range t.Rules(Key{}) {
		if err := b.Add(rule); err != nil {
			panic(err) // the rule was good when it came into the table
		}
	}
	fresh, err := b.Build()
	if err != nil {
		panic(err) // as above
	}
	return fresh
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
		for _, place := range t.places.from(placeOf(from.Division)) {
			if !t.yieldGroup(place.own, place.code, from, yield) {
				return
			}
			if place.deep.rules == 0 {
				continue
			}
			for _, division := range place.deep.divisions() {
				if !t.yieldGroup(division.entries, codeOf(place.code.digits(), division.suffix), from, yield) {
					return
				}
			}
		}
	}
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
