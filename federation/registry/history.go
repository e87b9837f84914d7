package registry

import (
	"cmp"
	"iter"
	"slices"
	"strings"

	jieliv1 "github.com/jieli-gateway/jieli/proto/jieli/v1"
)

// keptChanges is how many changes are kept for each region, and how many that concern no single one. A change takes some
// 300 bytes, and is held once however many regions it concerns.
const keptChanges = 1000

// pastOf is what happened to one region, oldest first; "" is the region of what concerns them all.
type pastOf struct {
	region  string
	changes []*jieliv1.Change // append-only, as the tails of View are
}

func findPast(ps []pastOf, region string) (int, bool) {
	return slices.BinarySearchFunc(ps, region, func(p pastOf, region string) int { return strings.Compare(p.region, region) })
}

// keep puts a change into the history, and lets go of the oldest of each region concerned. A snapshot's changes, kept one
// after another, come to the same history.
func (v *View) keep(c *jieliv1.Change) {
	v.past = slices.Clone(v.past)
	concerns := c.GetConcerns()
	if len(concerns) == 0 {
		concerns = []string{""}
	}
	for _, region := range concerns {
		i, ok := findPast(v.past, region)
		if !ok {
			v.past = slices.Insert(v.past, i, pastOf{region: region})
		}
		kept := append(v.past[i].changes, c)
		v.past[i].changes = kept[max(0, len(kept)-keptChanges):]
	}
}

// Changes walks what is kept of the history, newest first, from before a revision on; 0 begins at the newest. With a
// region it is what concerns it: its entry, its nodes, and routes to or from it. Else it is everything.
func (v *View) Changes(region string, before uint64) iter.Seq[*jieliv1.Change] {
	past := v.past
	if region != "" {
		i, ok := findPast(past, region)
		if !ok {
			return func(func(*jieliv1.Change) bool) {}
		}
		past = past[i : i+1]
	}
	return newestFirst(past, before)
}

// newestFirst merges what several regions have kept: a change that concerns more than one comes once.
func newestFirst(past []pastOf, before uint64) iter.Seq[*jieliv1.Change] {
	return func(yield func(*jieliv1.Change) bool) {
		left := make([]int, len(past)) // of each, how many are still to come
		for i, p := range past {
			left[i] = len(p.changes)
			if before > 0 {
				left[i], _ = slices.BinarySearchFunc(p.changes, before, func(c *jieliv1.Change, before uint64) int {
					return cmp.Compare(c.GetRevision(), before)
				})
			}
		}
		for {
			var next *jieliv1.Change
			for i, p := range past {
				if left[i] > 0 && p.changes[left[i]-1].GetRevision() > next.GetRevision() {
					next = p.changes[left[i]-1]
				}
			}
			if next == nil || !yield(next) {
				return
			}
			for i, p := range past {
				if left[i] > 0 && p.changes[left[i]-1] == next {
					left[i]--
				}
			}
		}
	}
}

// maxFields bounds the fields that a change may name.
const maxFields = 32

// checkChange checks one of the history that comes in a snapshot: that it is of a form that describe makes.
func checkChange(c *jieliv1.Change) *rejection {
	if bad := checkText("change.actor", c.GetActor(), 1, maxActor); bad != nil {
		return bad
	}
	if _, known := jieliv1.Change_Kind_name[int32(c.GetKind())]; !known || c.GetTime() == nil {
		return reject("INVALID_FIELD", "change: kind %d, or no time", c.GetKind())
	}
	if !strictlyRising(c.GetConcerns(), func(id string) string { return id }) ||
		!strictlyRising(c.GetRoutes(), (*jieliv1.RouteCounts).GetRegion) {
		return reject("INVALID_FIELD", "change: regions are out of order, or stand twice")
	}
	texts := []string{c.GetRegion(), c.GetSubject()}
	for _, f := range c.GetFields() {
		texts = append(texts, f.GetField(), f.GetBefore(), f.GetAfter())
	}
	for _, r := range c.GetRoutes() {
		texts = append(texts, r.GetRegion())
	}
	if len(c.GetFields()) > maxFields || slices.ContainsFunc(texts, func(s string) bool { return len(s) > maxShown }) {
		return reject("INVALID_FIELD", "change: more fields or longer texts than there can be")
	}
	return nil
}

// strictlyRising tells whether things are in order of their names, none twice.
func strictlyRising[T any](all []T, name func(T) string) bool {
	for i := 1; i < len(all); i++ {
		if name(all[i-1]) >= name(all[i]) {
			return false
		}
	}
	return true
}
