package registry

import (
	"errors"
	"fmt"
	"slices"

	"github.com/google/uuid"
	"google.golang.org/protobuf/proto"

	jieliv1 "github.com/jieli-gateway/jieli/proto/jieli/v1"
	"github.com/jieli-gateway/jieli/regions"
)

// Limits of route changes.
const (
	// MaxRouteChanges is how many routes one command may set and delete.
	MaxRouteChanges = 1000
	// MaxChunks is how many chunks an import may have.
	MaxChunks  = 5000
	maxImports = 4
	// maxStagedBytes bounds what all imports under way take: 5,000,000 routes take some 250 MB.
	maxStagedBytes = 512 << 20
	importAgeMs    = 60 * 60 * 1000
)

// parsedRoutes are changes of routes, each good by itself.
type parsedRoutes struct {
	set []regions.Rule
	del []regions.Key
}

func parseRoutes(c *jieliv1.ChangeRoutes) (p parsedRoutes, err error) {
	for i, r := range c.GetSet() {
		rule, err := ruleOf(r)
		if err != nil {
			return p, fmt.Errorf("set[%d]: %w", i, err)
		}
		p.set = append(p.set, rule)
	}
	for i, k := range c.GetDelete() {
		key, err := regions.ParseKey(k.GetDivision(), k.GetService(), k.GetValidFrom())
		if err != nil {
			return p, fmt.Errorf("delete[%d]: %w", i, err)
		}
		p.del = append(p.del, key)
	}
	return p, nil
}

func (p parsedRoutes) len() int { return len(p.set) + len(p.del) }

// marshal serializes the changes and nothing else that the command said.
func (p parsedRoutes) marshal() ([]byte, error) {
	c := new(jieliv1.ChangeRoutes)
	for _, r := range p.set {
		c.Set = append(c.Set, routeOf(r, mark{}))
	}
	for _, k := range p.del {
		c.Delete = append(c.Delete, &jieliv1.RouteKey{Division: k.Division.String(), Service: k.Service, ValidFrom: k.ValidFrom.String()})
	}
	b, err := proto.MarshalOptions{Deterministic: true}.Marshal(c)
	if err != nil {
		return nil, fmt.Errorf("changes of routes: %w", err)
	}
	return b, nil
}

func (d *draft) changeRoutes(c *jieliv1.ChangeRoutes) *rejection {
	p, bad := readRoutes(c)
	if bad != nil {
		return bad
	}
	if p.len() == 0 {
		return reject("INVALID_FIELD", "changeRoutes: sets and deletes nothing")
	}
	return d.editRoutes(p)
}

// readRoutes reads the changes of one command.
func readRoutes(c *jieliv1.ChangeRoutes) (parsedRoutes, *rejection) {
	if n := len(c.GetSet()) + len(c.GetDelete()); n > MaxRouteChanges {
		return parsedRoutes{}, reject("TOO_MANY_CHANGES", "a command changes at most %d routes, not %d", MaxRouteChanges, n)
	}
	p, err := parseRoutes(c)
	if err != nil {
		return p, reject("INVALID_FIELD", "%v", err)
	}
	return p, nil
}

// heldRules are the present rules of some keys, in order of key.
type heldRules []regions.Rule

func (h heldRules) get(key regions.Key) (regions.Rule, bool) {
	i, ok := slices.BinarySearchFunc(h, key, func(r regions.Rule, k regions.Key) int { return r.Key().Compare(k) })
	if !ok {
		return regions.Rule{}, false
	}
	return h[i], true
}

// heldBy finds the present rules of the keys that changes touch. It walks each county once: to ask the table for each
// key would cost an import of 700,000 routes the better part of a minute.
func heldBy(table *regions.Table, p parsedRoutes) (held heldRules) {
	keys := make([]regions.Key, 0, p.len())
	for _, r := range p.set {
		keys = append(keys, r.Key())
	}
	keys = append(keys, p.del...)
	slices.SortFunc(keys, regions.Key.Compare)
	keys = slices.Compact(keys)
	for len(keys) > 0 {
		left := len(keys)
		for rule := range table.Rules(keys[0]) {
			for len(keys) > 0 && keys[0].Compare(rule.Key()) < 0 {
				keys = keys[1:] // no rule has it
			}
			if len(keys) > 0 && keys[0] == rule.Key() {
				held, keys = append(held, rule), keys[1:]
			}
			if len(keys) == 0 || county(keys[0].Division) != county(rule.Division) {
				break
			}
		}
		if len(keys) == left {
			return held // the table ends before the next key
		}
	}
	return held
}

// checkRoutes checks whether the acting region may make the changes, and gives the rules that they touch.
func (d *draft) checkRoutes(p parsedRoutes) (heldRules, *rejection) {
	held := heldBy(d.v.table, p)
	for _, rule := range p.set {
		if bad := d.checkRule(rule, held); bad != nil {
			return nil, bad
		}
	}
	for _, key := range p.del {
		if old, ok := held.get(key); ok {
			if bad := d.owns(old.Region); bad != nil {
				return nil, bad
			}
		}
	}
	return held, nil
}

// checkRule: a route leads to a member, for a service there is, and is set by that member or the one that keeps the
// rest; taking a place over from another region is for the latter alone.
func (d *draft) checkRule(rule regions.Rule, held heldRules) *rejection {
	r, ok := d.v.Region(rule.Region)
	if !ok || (r.GetState() != jieliv1.Region_ACTIVE && r.GetState() != jieliv1.Region_SUSPENDED) {
		return reject("REGION_NOT_FOUND", "route %s: region %q is not a member", rule, rule.Region)
	}
	if bad := d.owns(rule.Region); bad != nil {
		return bad
	}
	if rule.Service != "" {
		if _, ok := d.v.catalogue.Get(rule.Service); !ok {
			return reject("SERVICE_NOT_FOUND", "route %s: no service %s", rule, rule.Service)
		}
	}
	if old, ok := held.get(rule.Key()); ok && old.Region != rule.Region {
		return d.owns(old.Region)
	}
	return nil
}

// leaveOutSame leaves out what sets a route to what it is already: it changes nothing, and is to look so.
func (p parsedRoutes) leaveOutSame(held heldRules) (parsedRoutes, heldRules) {
	same := map[regions.Key]bool{}
	for _, r := range p.set {
		if old, ok := held.get(r.Key()); ok && old == r {
			same[r.Key()] = true
		}
	}
	if len(same) == 0 {
		return p, held
	}
	ofSame := func(r regions.Rule) bool { return same[r.Key()] }
	p.set = slices.DeleteFunc(slices.Clone(p.set), ofSame)
	p.del = slices.DeleteFunc(slices.Clone(p.del), func(k regions.Key) bool { return same[k] })
	return p, slices.DeleteFunc(held, ofSame)
}

// count tells the history what becomes of which routes.
func (d *draft) count(p parsedRoutes, held heldRules, written map[regions.Key]bool) {
	for _, k := range p.del {
		if old, ok := held.get(k); ok && !written[k] {
			d.routes.add(k, old, regions.Rule{})
		}
	}
	for _, r := range p.set {
		old, _ := held.get(r.Key())
		d.routes.add(r.Key(), old, r)
	}
}

// editRoutes changes table, marks and hash; all or nothing.
func (d *draft) editRoutes(p parsedRoutes) *rejection {
	held, bad := d.checkRoutes(p)
	if bad != nil {
		return bad
	}
	written := make(map[regions.Key]bool, len(p.set))
	for _, r := range p.set {
		if written[r.Key()] {
			return reject("INVALID_FIELD", "set: route %s stands twice", r.Key())
		}
		written[r.Key()] = true
	}
	p, held = p.leaveOutSame(held)
	if p.len() == 0 {
		return nil
	}
	table, err := d.v.table.With(p.set, p.del)
	if err != nil {
		return routeRejection(err)
	}
	if table.Len() > MaxRoutes {
		return reject("TOO_MANY_ROUTES", "the registry holds at most %d routes", MaxRoutes)
	}
	d.v.table = table
	d.count(p, held, written)
	for _, r := range held {
		d.v.lanes.sub(routeItem(routeOf(r, d.v.routeMarks.get(r.Key()))))
	}
	who := d.who
	m := mark{revision: d.revision(), stamp: d.v.stamp, who: &who}
	edit := d.v.routeMarks.edit()
	for _, k := range p.del {
		edit.delete(k)
	}
	for _, r := range p.set {
		edit.set(r.Key(), m)
		d.v.lanes.add(routeItem(routeOf(r, m)))
	}
	d.v.routeMarks = edit.done()
	d.changed = true
	return nil
}

func routeRejection(err error) *rejection {
	var (
		tie     *regions.TieError
		missing *regions.MissingRuleError
	)
	switch {
	case errors.As(err, &tie):
		return reject("ROUTE_TIE", "%v", err)
	case errors.As(err, &missing):
		return reject("ROUTE_NOT_FOUND", "%v", err)
	}
	return reject("INVALID_FIELD", "%v", err)
}

// stageRoutes keeps a chunk aside. It moves no revision: nothing has taken effect.
func (d *draft) stageRoutes(c *jieliv1.StageRoutes) *rejection {
	id, err := uuid.Parse(c.GetImportId())
	if err != nil || id.String() != c.GetImportId() {
		return reject("INVALID_FIELD", "importId: must be a UUID in canonical text")
	}
	p, bad := readRoutes(c.GetChanges())
	if bad != nil {
		return bad
	}
	if p.len() == 0 {
		return reject("INVALID_FIELD", "changes: sets and deletes nothing")
	}
	if _, bad := d.checkRoutes(p); bad != nil {
		return bad
	}
	chunk, err := p.marshal()
	if err != nil {
		return reject("INVALID_FIELD", "changes: cannot be kept")
	}
	d.dropOldImports()
	i, ok := findStaged(d.v.staged, id)
	old := &stagedImport{id: id, region: d.acting()}
	switch {
	case ok:
		old = d.v.staged[i]
		if old.region != d.acting() {
			return reject("NOT_YOUR_ENTRY", "import %s is of region %s", id, old.region)
		}
	case len(d.v.staged) >= maxImports:
		return reject("TOO_MANY_IMPORTS", "%d imports are under way already; finish or abandon one", maxImports)
	}
	if n := len(old.chunks); int(c.GetChunk()) != n {
		return reject("CHUNK_OUT_OF_ORDER", "chunk: import %s has %d chunks, so the next is %d, not %d", id, n, n, c.GetChunk())
	}
	if len(old.chunks) >= MaxChunks {
		return reject("TOO_MANY_CHANGES", "an import has at most %d chunks", MaxChunks)
	}
	if stagedBytes(d.v.staged)+len(chunk) > maxStagedBytes {
		return reject("TOO_MANY_CHANGES", "the imports under way would take more than %d bytes; finish or abandon one", maxStagedBytes)
	}
	next := old.with(chunk, d.v.stamp)
	d.v.staged = slices.Clone(d.v.staged)
	if ok {
		d.v.staged[i] = next
	} else {
		d.v.staged = slices.Insert(d.v.staged, i, next)
	}
	return nil
}

func stagedBytes(all []*stagedImport) (n int) {
	for _, s := range all {
		n += s.size
	}
	return n
}

// dropOldImports forgets imports that nobody has gone on with for an hour.
func (d *draft) dropOldImports() {
	kept := make([]*stagedImport, 0, len(d.v.staged))
	for _, s := range d.v.staged {
		if s.stamp+importAgeMs >= d.v.stamp {
			kept = append(kept, s)
		}
	}
	d.v.staged = kept
}

// finishImport makes a staged import take effect as one change. Chunks move no revision, so expectedRevision still is
// the one at which the difference was shown.
func (d *draft) finishImport(c *jieliv1.FinishImport) *rejection {
	id, err := uuid.Parse(c.GetImportId())
	if err != nil {
		return reject("INVALID_FIELD", "importId: must be a UUID")
	}
	i, ok := findStaged(d.v.staged, id)
	if !ok {
		return reject("IMPORT_NOT_FOUND", "no import %s is under way", c.GetImportId())
	}
	s := d.v.staged[i]
	if s.region != d.acting() {
		return reject("NOT_YOUR_ENTRY", "import %s is of region %s", id, s.region)
	}
	if !c.GetAbandon() {
		if want := d.cmd.GetExpectedRevision(); want != 0 && want != d.v.revision {
			return reject("REVISION_MOVED_ON", "the registry is at revision %d, not %d: compare again", d.v.revision, want)
		}
		if int(c.GetChunks()) != len(s.chunks) {
			return reject("CHUNK_MISSING", "import %s has %d chunks, not %d", id, len(s.chunks), c.GetChunks())
		}
		if bad := d.applyChunks(s); bad != nil {
			return bad
		}
	}
	d.v.staged = slices.Delete(slices.Clone(d.v.staged), i, i+1)
	return nil
}

func (d *draft) applyChunks(s *stagedImport) *rejection {
	var whole parsedRoutes
	for _, b := range s.chunks {
		var c jieliv1.ChangeRoutes
		if err := proto.Unmarshal(b, &c); err != nil {
			return reject("CORRUPT_ENTRY", "a staged chunk cannot be read")
		}
		p, bad := readRoutes(&c)
		if bad != nil {
			return bad
		}
		whole.set, whole.del = append(whole.set, p.set...), append(whole.del, p.del...)
	}
	return d.editRoutes(whole)
}
