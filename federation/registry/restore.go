package registry

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/google/uuid"
	"google.golang.org/protobuf/proto"

	jieliv1 "github.com/jieli-gateway/jieli/proto/jieli/v1"
	"github.com/jieli-gateway/jieli/regions"
)

// Restore reads a snapshot, and nothing after it, into a new machine. It checks what it reads as Apply would have, bounds
// what it holds, and recomputes the state hash.
func Restore(r io.Reader, o Options) (*Machine, error) {
	m := New(o)
	in := &recordReader{r: bufio.NewReaderSize(r, 1<<16)}
	restore := &restoring{m: m, v: m.View().blank(), table: regions.NewBuilder(divisions())}
	for {
		rec, err := in.next()
		if err != nil {
			return nil, fmt.Errorf("read registry snapshot, record %d: %w", in.records, err)
		}
		done, err := restore.take(rec, in.records)
		if err != nil {
			return nil, fmt.Errorf("read registry snapshot, record %d: %w", in.records, err)
		}
		if !done {
			continue
		}
		if _, err := in.r.ReadByte(); !errors.Is(err, io.EOF) {
			return nil, errors.New("read registry snapshot: something follows its footer")
		}
		return m, nil
	}
}

// blank is a view to restore into.
func (v *View) blank() *View { return &View{table: v.table, catalogue: v.catalogue} }

type recordReader struct {
	r       *bufio.Reader
	records uint64
}

func (i *recordReader) next() (*jieliv1.SnapshotRecord, error) {
	n, err := binary.ReadUvarint(i.r)
	if errors.Is(err, io.EOF) {
		return nil, io.ErrUnexpectedEOF // a snapshot ends with its footer
	}
	if err != nil {
		return nil, err
	}
	if n > maxRecord {
		return nil, fmt.Errorf("a record of %d bytes; the limit is %d", n, maxRecord)
	}
	// What a length claims costs no memory before the bytes are there.
	var b []byte
	for left := int(n); left > 0; { // #nosec G115 -- bounded
		step := min(left, readStep)
		at := len(b)
		b = append(b, make([]byte, step)...)
		if _, err := io.ReadFull(i.r, b[at:]); err != nil {
			return nil, io.ErrUnexpectedEOF
		}
		left -= step
	}
	rec := new(jieliv1.SnapshotRecord)
	if err := (proto.UnmarshalOptions{DiscardUnknown: true}).Unmarshal(b, rec); err != nil {
		return nil, err
	}
	i.records++
	return rec, nil
}

// restoring collects a snapshot's records.
type restoring struct {
	m        *Machine
	v        *View
	table    *regions.Builder
	marks    *marksEdit
	services []regions.Service
	served   []string // services that routes name, each once
	known    map[string]bool
	who      map[string]*string
	changes  int    // read of the history
	changed  uint64 // revision of the newest of them
	begun    bool
	kind     int // of the newest record
}

// The kinds of records, in the order in which they come.
const (
	kindHeader = iota
	kindRegion
	kindNode
	kindRoute
	kindService
	kindRequest
	kindStaged
	kindHash
	kindChange
	kindFooter
)

// follows checks that the kinds of records come in their order.
func (t *restoring) follows(kind int) error {
	if kind < t.kind {
		return errors.New("records are out of order")
	}
	t.kind = kind
	return nil
}

func (t *restoring) take(rec *jieliv1.SnapshotRecord, records uint64) (done bool, err error) {
	if h := rec.GetHeader(); h != nil {
		return false, t.header(h)
	}
	if !t.begun {
		return false, errors.New("it does not begin with a header")
	}
	switch r := rec.GetRecord().(type) {
	case *jieliv1.SnapshotRecord_Region:
		return false, errors.Join(t.follows(kindRegion), t.region(r.Region))
	case *jieliv1.SnapshotRecord_Node:
		return false, errors.Join(t.follows(kindNode), t.node(r.Node))
	case *jieliv1.SnapshotRecord_Route:
		return false, errors.Join(t.follows(kindRoute), t.route(r.Route))
	case *jieliv1.SnapshotRecord_Service:
		return false, errors.Join(t.follows(kindService), t.service(r.Service))
	case *jieliv1.SnapshotRecord_Request:
		return false, errors.Join(t.follows(kindRequest), t.request(r.Request))
	case *jieliv1.SnapshotRecord_Staged:
		return false, errors.Join(t.follows(kindStaged), t.staged(r.Staged))
	case *jieliv1.SnapshotRecord_RevisionHash:
		return false, errors.Join(t.follows(kindHash), t.revisionHash(r.RevisionHash))
	case *jieliv1.SnapshotRecord_Change:
		return false, errors.Join(t.follows(kindChange), t.change(r.Change))
	case *jieliv1.SnapshotRecord_Footer:
		return true, errors.Join(t.follows(kindFooter), t.footer(r.Footer, records))
	}
	return false, errors.New("a record of no known kind")
}

func (t *restoring) region(r *jieliv1.Region) error {
	if n := len(t.v.regions); n > 0 && t.v.regions[n-1].GetId() >= r.GetId() {
		return errors.New("regions are out of order")
	}
	if len(t.v.regions) >= MaxRegions {
		return fmt.Errorf("more than %d regions", MaxRegions)
	}
	if bad := checkRegion(r); bad != nil {
		return fmt.Errorf("region %q: %s", r.GetId(), bad.message)
	}
	if _, known := jieliv1.Region_State_name[int32(r.GetState())]; !known || r.GetState() == jieliv1.Region_STATE_UNSPECIFIED {
		return fmt.Errorf("region %s: state %d", r.GetId(), r.GetState())
	}
	if r.GetBootstrap() && t.v.Bootstrap() != "" {
		return fmt.Errorf("region %s: a second one that made the federation", r.GetId())
	}
	if bad := checkChangedBy(r.GetChangedBy()); bad != nil {
		return fmt.Errorf("region %s: %s", r.GetId(), bad.message)
	}
	t.v.regions = append(t.v.regions, r)
	t.v.lanes.add(regionItem(r))
	return nil
}

func (t *restoring) node(n *jieliv1.Node) error {
	if i, found := findNode(t.v.nodes, n.GetRegion(), n.GetName()); found || i != len(t.v.nodes) {
		return errors.New("nodes are out of order")
	}
	if _, ok := t.v.Region(n.GetRegion()); !ok {
		return fmt.Errorf("node %q of no region", n.GetName())
	}
	others := t.v.Nodes(n.GetRegion())
	if len(others) >= MaxNodesPerRegion {
		return fmt.Errorf("more than %d nodes of region %s", MaxNodesPerRegion, n.GetRegion())
	}
	for _, bad := range []*rejection{checkNode(n), checkTickets(n, others), checkChangedBy(n.GetChangedBy())} {
		if bad != nil {
			return fmt.Errorf("node %s/%q: %s", n.GetRegion(), n.GetName(), bad.message)
		}
	}
	t.v.nodes = append(t.v.nodes, n)
	t.v.lanes.add(nodeItem(n))
	return nil
}

func (t *restoring) header(h *jieliv1.SnapshotHeader) error {
	if t.begun {
		return errors.New("a second header")
	}
	if h.GetFormat() != snapshotFormat {
		return fmt.Errorf("format %d; this binary knows %d", h.GetFormat(), snapshotFormat)
	}
	if h.GetLevel() > t.m.options.KnownLevel {
		return fmt.Errorf("level %d: %w", h.GetLevel(), ErrLevelUnknown)
	}
	if h.GetLevel() == 0 {
		return errors.New("level 0")
	}
	dropped, err := uuid.Parse(h.GetDroppedRequest())
	if err != nil {
		return fmt.Errorf("dropped request: %w", err)
	}
	if bad := checkPolicy(h.GetPolicy()); bad != nil {
		return errors.New(bad.message)
	}
	terms, bad := parseTerms(h.GetPolicy().GetTerms())
	if bad != nil {
		return errors.New(bad.message)
	}
	if h.GetClusterId() == "" && (h.GetRevision() > 0 || h.GetPolicy() != nil) {
		return errors.New("changes of no federation")
	}
	if h.GetClusterId() != "" {
		if bad := checkClusterID(h.GetClusterId()); bad != nil {
			return errors.New(bad.message)
		}
	}
	t.begun = true
	t.v.clusterID, t.v.revision, t.v.level, t.v.stamp = h.GetClusterId(), h.GetRevision(), h.GetLevel(), h.GetStamp()
	t.v.policy, t.v.terms, t.v.dropped = h.GetPolicy(), terms, dropped
	t.v.lanes.add(levelItem(t.v.level))
	t.v.lanes.add(clusterItem(t.v.clusterID))
	t.v.lanes.add(policyItem(t.v.policy))
	t.marks = (*marks)(nil).edit()
	t.who, t.known = map[string]*string{}, map[string]bool{}
	return nil
}

func (t *restoring) route(r *jieliv1.Route) error {
	rule, err := ruleOf(r)
	if err != nil {
		return err
	}
	if err := t.table.Add(rule); err != nil {
		return err
	}
	if t.table.Len() > MaxRoutes {
		return fmt.Errorf("more than %d routes", MaxRoutes)
	}
	if _, ok := t.v.Region(rule.Region); !ok {
		return fmt.Errorf("route %s leads to no region", rule)
	}
	if bad := checkChangedBy(r.GetChangedBy()); bad != nil {
		return fmt.Errorf("route %s: %s", rule, bad.message)
	}
	if !t.known[rule.Service] {
		t.known[rule.Service] = true
		t.served = append(t.served, rule.Service)
	}
	who := t.who[r.GetChangedBy()]
	if who == nil {
		s := r.GetChangedBy()
		who = &s
		t.who[s] = who
	}
	m := mark{revision: r.GetRevision(), who: who}
	if r.GetChangeTime() != nil {
		m.stamp = uint64(r.GetChangeTime().AsTime().UnixMilli()) // #nosec G115 -- written by stampTime
	}
	t.marks.set(rule.Key(), m)
	t.v.lanes.add(routeItem(routeOf(rule, m)))
	return nil
}

func (t *restoring) service(s *jieliv1.ServiceEntry) error {
	if i, found := findService(t.v.services, s.GetCode()); found || i != len(t.v.services) {
		return errors.New("services are out of order")
	}
	if len(t.v.services) >= MaxServices {
		return fmt.Errorf("more than %d services", MaxServices)
	}
	service := serviceOf(s)
	if err := service.Validate(); err != nil {
		return fmt.Errorf("service %q: %w", s.GetCode(), err)
	}
	t.v.services = append(t.v.services, s)
	t.services = append(t.services, service)
	t.v.lanes.add(serviceItem(s))
	return nil
}

func (t *restoring) request(r *jieliv1.AppliedRequest) error {
	if len(r.GetId()) != 16 {
		return errors.New("a request id that is not 16 bytes")
	}
	if n := t.v.requestIDs(); len(t.v.requests) >= n {
		return fmt.Errorf("more than %d request ids", n)
	}
	if o := r.GetOutcome(); o.GetRevision() > t.v.revision || len(o.GetReason()) > maxReason || len(o.GetMessage()) > maxMessage {
		return errors.New("an outcome of a later revision, or too long")
	}
	id := [16]byte(r.GetId())
	if _, twice := t.m.remembered[id]; twice {
		return errors.New("a request id stands twice")
	}
	t.m.remember(t.v, id, r.GetOutcome())
	return nil
}

// staged takes the chunks of an import; those of one import follow one another.
func (t *restoring) staged(s *jieliv1.StagedImport) error {
	id, err := uuid.Parse(s.GetImportId())
	if err != nil {
		return fmt.Errorf("import id: %w", err)
	}
	i, found := findStaged(t.v.staged, id)
	if _, ok := t.v.Region(s.GetRegion()); !ok {
		return fmt.Errorf("import %s of no region", id)
	}
	switch {
	case found && i == len(t.v.staged)-1 && t.v.staged[i].region == s.GetRegion():
	case found || i != len(t.v.staged):
		return errors.New("imports are out of order")
	case len(t.v.staged) >= maxImports:
		return fmt.Errorf("more than %d imports", maxImports)
	default:
		t.v.staged = append(t.v.staged, &stagedImport{id: id, region: s.GetRegion()})
	}
	for _, c := range s.GetChunks() {
		routes, bad := readRoutes(c)
		if bad != nil {
			return fmt.Errorf("a chunk of import %s: %s", id, bad.message)
		}
		chunk, err := routes.marshal()
		if err != nil {
			return err
		}
		t.v.staged[i] = t.v.staged[i].with(chunk, s.GetStamp())
		if len(t.v.staged[i].chunks) > MaxChunks || stagedBytes(t.v.staged) > maxStagedBytes {
			return errors.New("imports of too many chunks or bytes")
		}
	}
	return nil
}

func (t *restoring) revisionHash(h *jieliv1.RevisionHash) error {
	if len(h.GetHash()) != 32 || len(t.v.hashes) >= keptHashes {
		return errors.New("a malformed hash, or too many")
	}
	if n := len(t.v.hashes); n > 0 && t.v.hashes[n-1].revision >= h.GetRevision() {
		return errors.New("hashes are out of order")
	}
	if h.GetRevision() >= t.v.revision {
		return errors.New("a hash of a later revision")
	}
	t.v.hashes = append(t.v.hashes, revisionHash{h.GetRevision(), [32]byte(h.GetHash())})
	return nil
}

// change takes one of the history.
func (t *restoring) change(c *jieliv1.Change) error {
	if c.GetRevision() <= t.changed || c.GetRevision() > t.v.revision {
		return errors.New("the history is out of order, or of a later revision")
	}
	if bad := checkChange(c); bad != nil {
		return fmt.Errorf("change at revision %d: %s", c.GetRevision(), bad.message)
	}
	for _, id := range c.GetConcerns() {
		if _, ok := t.v.Region(id); !ok {
			return fmt.Errorf("change at revision %d concerns no region", c.GetRevision())
		}
	}
	t.changed = c.GetRevision()
	t.changes++
	t.v.put(c)
	return nil
}

// footer finishes the state and compares its hash.
func (t *restoring) footer(f *jieliv1.SnapshotFooter, records uint64) error {
	if f.GetRecords() != records-1 {
		return fmt.Errorf("%d records where the footer counts %d", records-1, f.GetRecords())
	}
	var err error
	if t.v.table, err = t.table.Build(); err != nil {
		return err
	}
	if t.v.catalogue, err = regions.NewCatalogue(t.services); err != nil {
		return err
	}
	for _, code := range t.served {
		if _, ok := t.v.catalogue.Get(code); !ok && code != "" {
			return fmt.Errorf("a route names service %s, which there is not", code)
		}
	}
	if (t.v.Bootstrap() == "") != (t.v.clusterID == "") {
		return errors.New("no region made the federation")
	}
	kept := 0
	for range t.v.Changes("", 0) {
		kept++
	}
	if kept != t.changes {
		return fmt.Errorf("a history of %d changes, of which %d are kept", t.changes, kept)
	}
	t.v.routeMarks = t.marks.done()
	t.v.hash = t.v.lanes.at(t.v.revision)
	if string(f.GetStateHash()) != string(t.v.hash[:]) {
		return errors.New("the state hash does not match: the snapshot is damaged, or of another version")
	}
	t.m.publish(t.v)
	return nil
}
