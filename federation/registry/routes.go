package registry

import (
	"errors"
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
	MaxChunks   = 5000
	maxImports  = 4
	importAgeMs = 60 * 60 * 1000
)

func (d *draft) changeRoutes(c *jieliv1.ChangeRoutes) *rejection {
	set, del, bad := d.readRoutes(c)
	if bad != nil {
		return bad
	}
	if len(set)+len(del) == 0 {
		return reject("INVALID_FIELD", "changeRoutes: sets and deletes nothing")
	}
	return d.editRoutes(set, del)
}

// readRoutes checks each change by itself.
func (d *draft) readRoutes(c *jieliv1.ChangeRoutes) (set []regions.Rule, del []regions.Key, bad *rejection) {
	if n := len(c.GetSet()) + len(c.GetDelete()); n > MaxRouteChanges {
		return nil, nil, reject("TOO_MANY_CHANGES", "a command changes at most %d routes, not %d", MaxRouteChanges, n)
	}
	for i, r := range c.GetSet() {
		rule, err := ruleOf(r)
		if err != nil {
			return nil, nil, reject("INVALID_FIELD", "set[%d]: %v", i, err)
		}
		if bad := d.checkRule(rule); bad != nil {
			return nil, nil, bad
		}
		set = append(set, rule)
	}
	for i, k := range c.GetDelete() {
		key, err := regions.ParseKey(k.GetDivision(), k.GetService(), k.GetValidFrom())
		if err != nil {
			return nil, nil, reject("INVALID_FIELD", "delete[%d]: %v", i, err)
		}
		if old, ok := d.v.table.Get(key); ok {
			if bad := d.owns(old.Region); bad != nil {
				return nil, nil, bad
			}
		}
		del = append(del, key)
	}
	return set, del, nil
}

// checkRule: a route leads to a member, for a service there is, and is set by that member or the one that keeps the
// rest; taking a place over from another region is for the latter alone.
func (d *draft) checkRule(rule regions.Rule) *rejection {
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
	if old, ok := d.v.table.Get(rule.Key()); ok && old.Region != rule.Region {
		return d.owns(old.Region)
	}
	return nil
}

// editRoutes changes table, marks and hash; all or nothing.
func (d *draft) editRoutes(set []regions.Rule, del []regions.Key) *rejection {
	before := make([]*jieliv1.Route, 0, len(set)+len(del))
	taken := make(map[regions.Key]bool, len(set)+len(del))
	take := func(k regions.Key) {
		if old, ok := d.v.Route(k); ok && !taken[k] {
			before = append(before, old)
		}
		taken[k] = true
	}
	for _, k := range del {
		take(k)
	}
	written := make(map[regions.Key]bool, len(set))
	for _, r := range set {
		if written[r.Key()] {
			return reject("INVALID_FIELD", "set: route %s stands twice", r.Key())
		}
		written[r.Key()] = true
		take(r.Key())
	}
	table, err := d.v.table.With(set, del)
	if err != nil {
		return routeRejection(err)
	}
	if table.Len() > MaxRoutes {
		return reject("TOO_MANY_ROUTES", "the registry holds at most %d routes", MaxRoutes)
	}
	d.v.table = table
	if d.marks == nil {
		d.marks = d.v.routeMarks.edit()
	}
	who := d.who
	m := mark{revision: d.revision(), stamp: d.v.stamp, who: &who}
	for _, r := range before {
		d.v.lanes.sub(routeItem(r))
	}
	for _, k := range del {
		d.marks.delete(k)
	}
	for _, r := range set {
		d.marks.set(r.Key(), m)
		d.v.lanes.add(routeItem(routeOf(r, m)))
	}
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
	if _, _, bad := d.readRoutes(c.GetChanges()); bad != nil {
		return bad
	}
	chunk, err := proto.MarshalOptions{Deterministic: true}.Marshal(c.GetChanges())
	if err != nil {
		return reject("INVALID_FIELD", "changes: cannot be kept")
	}
	d.dropOldImports()
	i, ok := findStaged(d.v.staged, id)
	next := &stagedImport{id: id, region: d.acting(), stamp: d.v.stamp}
	switch {
	case ok:
		old := d.v.staged[i]
		if old.region != d.acting() {
			return reject("NOT_YOUR_ENTRY", "import %s is of region %s", id, old.region)
		}
		next.chunks = old.chunks
	case len(d.v.staged) >= maxImports:
		return reject("TOO_MANY_IMPORTS", "%d imports are under way already; finish or abandon one", maxImports)
	}
	if int(c.GetChunk()) != len(next.chunks) {
		return reject("CHUNK_OUT_OF_ORDER", "chunk: import %s has %d chunks, so the next is %d, not %d", id, len(next.chunks), len(next.chunks), c.GetChunk())
	}
	if len(next.chunks) >= MaxChunks {
		return reject("TOO_MANY_CHANGES", "an import has at most %d chunks", MaxChunks)
	}
	next.chunks = append(next.chunks[:len(next.chunks):len(next.chunks)], chunk)
	d.v.staged = slices.Clone(d.v.staged)
	if ok {
		d.v.staged[i] = next
	} else {
		d.v.staged = slices.Insert(d.v.staged, i, next)
	}
	return nil
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
	var set []regions.Rule
	var del []regions.Key
	for _, b := range s.chunks {
		var c jieliv1.ChangeRoutes
		if err := proto.Unmarshal(b, &c); err != nil {
			return reject("CORRUPT_ENTRY", "a staged chunk cannot be read")
		}
		st, dl, bad := d.readRoutes(&c)
		if bad != nil {
			return bad
		}
		set, del = append(set, st...), append(del, dl...)
	}
	return d.editRoutes(set, del)
}
