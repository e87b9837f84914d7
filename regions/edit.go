package regions

import (
	"cmp"
	"slices"
	"strings"
)

// edit is a set of changes to a table, on the way to the next table.
type edit struct {
	table    *Table
	services draft
	regions  draft
	changes  []change
	count    int // rules in the next table, as far as the changes are applied

	// Scratch space for one shard after another. Without it, building a table
	// would leave its shards scattered among garbage, and look-ups slow.
	before, after []placed
	said          *sayings
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
		services: draft{dictionary: t.services},
		regions:  draft{dictionary: t.regions},
		changes:  make([]change, 0, size),
		count:    t.count,
		said:     newSayings(),
	}
}

func (e *edit) set(rule Rule) error {
	if err := rule.Validate(); err != nil {
		return err
	}
	service, ok := e.services.number(rule.Service)
	if !ok {
		return tooManyNames("service", rule.Service)
	}
	region, ok := e.regions.number(rule.Region)
	if !ok {
		return tooManyNames("region", rule.Region)
	}
	e.changes = append(e.changes, change{division: rule.Division, entry: entry{
		service: service,
		region:  region,
		from:    rule.ValidFrom,
		to:      closed(rule.ValidTo),
	}})
	return nil
}

func (e *edit) delete(key Key) error {
	if err := key.validate(); err != nil {
		return err
	}
	// A service that no rule names is given a number all the same: that the rule
	// is missing must be found in its turn, or nodes that met the name before
	// would report another of several errors.
	service, ok := e.services.number(key.Service)
	if !ok {
		return tooManyNames("service", key.Service)
	}
	e.changes = append(e.changes, change{delete: true, division: key.Division, entry: entry{
		service: service,
		from:    key.ValidFrom,
	}})
	return nil
}

// tooManyNamesError says that a table has no number left for a name.
type tooManyNamesError struct{ InvalidError }

func tooManyNames(field, name string) error {
	return &tooManyNamesError{InvalidError{
		Field: field,
		Value: name,
		Rule:  "the routes of a table may name at most 65,535 services and as many regions",
	}}
}

func (e *tooManyNamesError) Unwrap() error { return &e.InvalidError }

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
	changed, err := e.changedPlaces()
	if err != nil {
		return nil, err
	}
	return &Table{
		divisions: e.table.divisions,
		services:  e.services.linked(),
		regions:   e.regions.dictionary,
		places:    e.table.places.with(changed),
		count:     e.count,
	}, nil
}

// changedPlaces returns what the places that the changes touch become, by code.
func (e *edit) changedPlaces() ([]*place, error) {
	var changed []*place
	for rest := e.changes; len(rest) > 0; {
		code := placeOf(rest[0].division)
		var here []change
		here, rest = splitChanges(rest, func(c change) bool { return placeOf(c.division) == code })
		next, err := e.changedPlace(code, here)
		if err != nil {
			return nil, err
		}
		changed = append(changed, next)
	}
	return changed, nil
}

// placeOf returns the code of the place that has the rules of a division.
func placeOf(code Code) Code {
	if code.Len() <= 6 {
		return code
	}
	return code.cut(6)
}

// changedPlace returns what a place becomes by changes to it and what is in it.
func (e *edit) changedPlace(code Code, changes []change) (*place, error) {
	next := &place{code: code}
	if old := e.table.places.find(code.digits(), code.Len()); old != nil {
		*next = *old
	}
	own, deep := splitChanges(changes, func(c change) bool { return c.division == code })
	var err error
	if len(own) > 0 {
		if next.own, err = e.applyGroup(next.own, own); err != nil {
			return nil, err
		}
	}
	if len(deep) > 0 {
		if next.deep, err = e.applyShard(&next.deep, deep); err != nil {
			return nil, err
		}
	}
	return next, nil
}

// applyShard returns what a shard becomes by changes to its divisions.
func (e *edit) applyShard(old *shard, changes []change) (shard, error) {
	e.before = old.appendDivisions(e.before[:0])
	rest := e.before // not yet taken over
	next := e.after[:0]
	for len(changes) > 0 {
		division := changes[0].division
		var here []change
		here, changes = splitChanges(changes, func(c change) bool { return c.division == division })

		changed := placed{suffix: suffixOf(division)}
		before, found := slices.BinarySearchFunc(rest, changed.suffix, func(d placed, suffix uint32) int {
			return cmp.Compare(d.suffix, suffix)
		})
		next = append(next, rest[:before]...)
		rest = rest[before:]
		var group []entry
		if found {
			group, rest = rest[0].entries, rest[1:]
		}
		var err error
		if changed.entries, err = e.applyGroup(group, here); err != nil {
			return shard{}, err
		}
		if len(changed.entries) > 0 {
			next = append(next, changed)
		}
	}
	e.after = append(next, rest...)
	return newShard(e.after, e.said), nil
}

// splitChanges divides changes where in first stops holding.
func splitChanges(changes []change, first func(change) bool) (head, tail []change) {
	n := 0
	for n < len(changes) && first(changes[n]) {
		n++
	}
	return changes[:n], changes[n:]
}

// applyGroup returns what the entries of one division become by changes to it,
// which are ordered by the names of services.
func (e *edit) applyGroup(old []entry, changes []change) ([]entry, error) {
	type run struct {
		service uint16
		entries []entry
	}
	var changed []run
	added := 0
	for len(changes) > 0 {
		service := changes[0].entry.service
		var here []change
		here, changes = splitChanges(changes, func(c change) bool { return c.entry.service == service })
		first, end := serviceRun(old, service)
		entries, err := e.mergeRun(old[first:end], here)
		if err != nil {
			return nil, err
		}
		added += len(entries) - (end - first)
		changed = append(changed, run{service, entries})
	}
	e.count += added
	if len(changed) == 1 && len(changed[0].entries) == len(old)+added {
		return changed[0].entries, nil // no other service has rules here
	}
	slices.SortFunc(changed, func(a, b run) int { return cmp.Compare(a.service, b.service) })
	next := make([]entry, 0, len(old)+added)
	for _, run := range changed {
		first, end := serviceRun(old, run.service)
		next = append(next, old[:first]...)
		next = append(next, run.entries...)
		old = old[end:]
	}
	return append(next, old...), nil
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
