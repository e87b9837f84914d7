package regions

import "iter"

// Difference is what changes from one set of rules to another, each part by key.
type Difference struct {
	Added   []Rule
	Removed []Rule
	Changed []ChangedRule // same key, but another region or last day
}

// ChangedRule is a rule before and after a change.
type ChangedRule struct{ Before, After Rule }

// Empty reports whether nothing changes.
func (d Difference) Empty() bool {
	return len(d.Added) == 0 && len(d.Removed) == 0 && len(d.Changed) == 0
}

// Diff tells what changes from one table to another: what an import or another
// change would do, before it is done.
func Diff(before, after *Table) Difference {
	var d Difference
	nextOld, stopOld := iter.Pull(before.Rules(Key{}))
	defer stopOld()
	nextNew, stopNew := iter.Pull(after.Rules(Key{}))
	defer stopNew()
	old, hasOld := nextOld()
	fresh, hasNew := nextNew()
	for hasOld || hasNew {
		var order int
		switch {
		case !hasOld:
			order = 1
		case !hasNew:
			order = -1
		default:
			order = old.Key().Compare(fresh.Key())
		}
		switch {
		case order < 0:
			d.Removed = append(d.Removed, old)
		case order > 0:
			d.Added = append(d.Added, fresh)
		case old != fresh:
			d.Changed = append(d.Changed, ChangedRule{Before: old, After: fresh})
		}
		if order <= 0 {
			old, hasOld = nextOld()
		}
		if order >= 0 {
			fresh, hasNew = nextNew()
		}
	}
	return d
}
