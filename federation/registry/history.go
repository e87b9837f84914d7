package registry

import (
	"cmp"
	"container/heap"
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

// keep puts a change into the history, and lets go of the oldest of each region concerned. A snapshot's changes, put one
// after another, come to the same history.
func (v *View) keep(c *jieliv1.Change) {
	v.past = slices.Clone(v.past)
	v.put(c)
}

// put is keep on a history that nobody else reads yet.
func (v *View) put(c *jieliv1.Change) {
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

// newestFirst merges what several regions have kept: a change that concerns more than one comes once. Each step costs
// the logarithm of their number, for any caller may walk all there is.
func newestFirst(past []pastOf, before uint64) iter.Seq[*jieliv1.Change] {
	return func(yield func(*jieliv1.Change) bool) {
		var left tails
		for _, p := range past {
			n := len(p.changes)
			if before > 0 {
				n, _ = slices.BinarySearchFunc(p.changes, before, func(c *jieliv1.Change, before uint64) int {
					return cmp.Compare(c.GetRevision(), before)
				})
			}
			if n > 0 {
				left = append(left, p.changes[:n])
			}
		}
		heap.Init(&left)
		var last *jieliv1.Change
		for len(left) > 0 {
			next := left.newest(0)
			if next != last && !yield(next) {
				return
			}
			last, left[0] = next, left[0][:len(left[0])-1]
			if len(left[0]) == 0 {
				heap.Pop(&left)
			} else {
				heap.Fix(&left, 0)
			}
		}
	}
}

// tails are, of several regions, the changes still to come, none of them empty; a heap with the newest change on top.
type tails [][]*jieliv1.Change

func (t tails) newest(i int) *jieliv1.Change { return t[i][len(t[i])-1] }

// Len implements heap.Interface.
func (t tails) Len() int { return len(t) }

// Less implements heap.Interface.
func (t tails) Less(i, j int) bool { return t.newest(i).GetRevision() > t.newest(j).GetRevision() }

// Swap implements heap.Interface.
func (t tails) Swap(i, j int) { t[i], t[j] = t[j], t[i] }

// Push implements heap.Interface.
func (t *tails) Push(x any) { *t = append(*t, x.([]*jieliv1.Change)) }

// Pop implements heap.Interface.
func (t *tails) Pop() any {
	last := (*t)[len(*t)-1]
	*t = (*t)[:len(*t)-1]
	return last
}

// maxFields bounds the fields that a change may name.
const maxFields = 32

// checkChange checks one of the history that comes in a snapshot: that it is of a form that describe makes.
func checkChange(c *jieliv1.Change) *rejection {
	if bad := checkText("change.actor", c.GetActor(), 1, maxActor); bad != nil {
		return bad
	}
	if _, known := jieliv1.Change_Kind_name[int32(c.GetKind())]; !known || c.GetTime().CheckValid() != nil {
		return reject("INVALID_FIELD", "change: kind %d, or no valid time", c.GetKind())
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
