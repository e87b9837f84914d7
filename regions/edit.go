package regions

import (
	"cmp"
	"slices"
	"strings"
)

// edit is a set of changes to a table, on the way to the next table.
type edit struct {
	table    *Table
	services dictionaryDraft
	regions  dictionaryDraft
	changes  []change
	count    int // rules in the next table, as far as the changes are applied
}

// change sets or deletes the rule of one key.
type change struct {
	division Code
	entry    entry // of a deletion: service and from count
	delete   bool
}

func newEdit(t *Table, size int) *edit {
	return &edit{
		table:    t,
		services: t.services.draft(),
		regions:  t.regions.draft(),
		changes:  make([]change, 0, size),
		count:    t.count,
	}
}

func (e *edit) set(rule Rule) error {
	if err := rule.Validate(); err != nil {
		return err
	}
	e.changes = append(e.changes, change{division: rule.Division, entry: entry{
		suffix:  suffixWithin(rule.Division),
		service: e.services.number(rule.Service),
		region:  e.regions.number(rule.Region),
		from:    rule.ValidFrom,
		to:      closed(rule.ValidTo),
	}})
	return nil
}

func (e *edit) delete(key Key) error {
	if err := key.validate(); err != nil {
		return err
	}
	e.changes = append(e.changes, change{delete: true, division: key.Division, entry: entry{
		service: e.services.number(key.Service),
		from:    key.ValidFrom,
	}})
	return nil
}

// suffixWithin returns the suffix of a township or village, 0 for the others.
func suffixWithin(code Code) uint32 {
	if code.Len() <= 6 {
		return 0
	}
	return suffixOf(code)
}

// apply returns the next table.
func (e *edit) apply() (*Table, error) {
	if len(e.changes) == 0 {
		return e.table, nil
	}
	// Services are ordered by name and not by number: numbers depend on the
	// order in which names were met, and the first error must not.
	names := e.services.names
	slices.SortFunc(e.changes, func(a, b change) int {
		if a.division != b.division {
			return cmp.Compare(a.division, b.division)
		}
		if a.entry.service != b.entry.service {
			return strings.Compare(names[a.entry.service], names[b.entry.service])
		}
		if a.entry.from != b.entry.from {
			return cmp.Compare(a.entry.from, b.entry.from)
		}
		switch {
		case a.delete == b.delete:
			return cmp.Or(cmp.Compare(a.entry.to, b.entry.to),
				strings.Compare(e.regions.names[a.entry.region], e.regions.names[b.entry.region]))
		case a.delete:
			return -1
		default:
			return 1
		}
	})
	root, err := e.applyNode(e.table.root, e.changes, 0)
	if err != nil {
		return nil, err
	}
	return &Table{
		divisions: e.table.divisions,
		services:  e.services.dictionary,
		regions:   e.regions.dictionary,
		root:      root,
		count:     e.count,
	}, nil
}

// applyNode returns what a node, which may be nil, becomes by changes to the
// divisions at and below it; n is the number of its digits. It is nil if no
// rule is left.
func (e *edit) applyNode(old *node, changes []change, n int) (*node, error) {
	next := &node{}
	if old != nil {
		*next = *old
	}
	own, below := splitChanges(changes, func(c change) bool { return c.division.Len() == n })
	if len(own) > 0 {
		group, err := e.applyGroup(nil, next.own, own)
		if err != nil {
			return nil, err
		}
		next.own = slices.Clip(group)
	}
	if len(below) > 0 {
		var err error
		if n == 6 {
			next.deep, err = e.applyShard(next.deep, below)
		} else {
			next.kids, err = e.applyKids(next.kids, below, n+2)
		}
		if err != nil {
			return nil, err
		}
	}
	if len(next.own) == 0 && next.kids == nil && next.deep == nil {
		return nil, nil
	}
	return next, nil
}

// applyKids returns what the nodes below one become; n is the number of their
// digits. It is nil if none is left.
func (e *edit) applyKids(old *[100]*node, changes []change, n int) (*[100]*node, error) {
	next := new([100]*node)
	if old != nil {
		*next = *old
	}
	for len(changes) > 0 {
		kid := changes[0].division.cut(n)
		var here []change
		here, changes = splitChanges(changes, func(c change) bool { return c.division.cut(n) == kid })
		at := &next[kid.digits()/powersOfTen[codeDigits-n]%100]
		changed, err := e.applyNode(*at, here, n)
		if err != nil {
			return nil, err
		}
		*at = changed
	}
	for _, kid := range next {
		if kid != nil {
			return next, nil
		}
	}
	return nil, nil
}

// applyShard returns what a shard, which may be nil, becomes; nil if no rule is
// left in it.
func (e *edit) applyShard(old *shard, changes []change) (*shard, error) {
	var rest []entry // of old, not yet taken over
	if old != nil {
		rest = old.entries
	}
	entries := make([]entry, 0, len(rest)+len(changes))
	for len(changes) > 0 {
		division := changes[0].division
		suffix := suffixOf(division)
		var here []change
		here, changes = splitChanges(changes, func(c change) bool { return c.division == division })

		var group []entry
		before := 0
		if old != nil {
			first := old.firstFrom(suffix)
			before = first - (len(old.entries) - len(rest))
			if first < len(old.entries) && old.entries[first].suffix == suffix {
				group = old.groupAt(first)
			}
		}
		entries = append(entries, rest[:before]...)
		rest = rest[before+len(group):]
		var err error
		if entries, err = e.applyGroup(entries, group, here); err != nil {
			return nil, err
		}
	}
	entries = append(entries, rest...)
	if spare := cap(entries) - len(entries); spare > len(entries)/8 {
		entries = slices.Clone(entries)
	}
	return newShard(entries), nil
}

// splitChanges divides changes where in first stops holding.
func splitChanges(changes []change, first func(change) bool) (head, tail []change) {
	n := 0
	for n < len(changes) && first(changes[n]) {
		n++
	}
	return changes[:n], changes[n:]
}

// applyGroup appends to dst what the entries of one division become by changes
// to it, which are ordered by the names of services.
func (e *edit) applyGroup(dst, old []entry, changes []change) ([]entry, error) {
	type run struct {
		service uint32
		entries []entry
	}
	var changed []run
	for len(changes) > 0 {
		service := changes[0].entry.service
		var here []change
		here, changes = splitChanges(changes, func(c change) bool { return c.entry.service == service })
		first, end := serviceRun(old, service)
		entries, err := e.mergeRun(old[first:end], here)
		if err != nil {
			return nil, err
		}
		e.count += len(entries) - (end - first)
		changed = append(changed, run{service, entries})
	}
	slices.SortFunc(changed, func(a, b run) int { return cmp.Compare(a.service, b.service) })
	for _, run := range changed {
		first, end := serviceRun(old, run.service)
		dst = append(dst, old[:first]...)
		dst = append(dst, run.entries...)
		old = old[end:]
	}
	return append(dst, old...), nil
}

// serviceRun returns where the entries of a service are in those of a division.
func serviceRun(group []entry, service uint32) (first, end int) {
	byService := func(e entry, service uint32) int { return cmp.Compare(e.service, service) }
	first, _ = slices.BinarySearchFunc(group, service, byService)
	end, _ = slices.BinarySearchFunc(group, service+1, byService)
	return first, end
}

// mergeRun returns what the entries of one division and service become by
// changes to them; both are ordered by first day, and of changes to one day the
// deletion comes first.
func (e *edit) mergeRun(old []entry, changes []change) ([]entry, error) {
	division := changes[0].division
	merged := make([]entry, 0, len(old)+len(changes))
	for _, c := range changes {
		for len(old) > 0 && old[0].from < c.entry.from {
			merged, old = append(merged, old[0]), old[1:]
		}
		found := len(old) > 0 && old[0].from == c.entry.from
		if found {
			old = old[1:] // deleted or replaced
		}
		if !c.delete {
			merged = append(merged, c.entry)
		} else if !found {
			return nil, &MissingRuleError{Key: e.rule(division, c.entry).Key()}
		}
	}
	merged = append(merged, old...)
	for i := 1; i < len(merged); i++ {
		if before, after := merged[i-1], merged[i]; before.to >= after.from {
			return nil, e.tie(division, before, after, changes)
		}
	}
	return merged, nil
}

// tie returns the error for two entries that overlap; the one that was being
// written is its Rule.
func (e *edit) tie(division Code, before, after entry, changes []change) error {
	written, existing := before, after
	if slices.ContainsFunc(changes, func(c change) bool { return !c.delete && c.entry == after }) {
		written, existing = after, before
	}
	return &TieError{Rule: e.rule(division, written), Existing: e.rule(division, existing)}
}

// rule unpacks the entry of a division, with the names as they are being edited.
func (e *edit) rule(division Code, packed entry) Rule {
	return unpack(division, packed, e.services.dictionary, e.regions.dictionary)
}
