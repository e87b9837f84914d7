package registry

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/google/uuid"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	jieliv1 "github.com/jieli-gateway/jieli/proto/jieli/v1"
	"github.com/jieli-gateway/jieli/regions"
)

const (
	snapshotFormat = 1
	// maxRecord bounds a record: the largest are regions and chunks of imports, each made by one command.
	maxRecord = 2 * MaxCommandBytes
	// readStep is how much of a long record is read before more memory is taken for it.
	readStep = 1 << 20
)

// WriteTo writes the view as a snapshot: a stream of records, each behind its length as a varint. Equal states give
// equal bytes. It holds one record in memory at a time.
func (v *View) WriteTo(w io.Writer) (int64, error) {
	out := &recordWriter{w: bufio.NewWriterSize(w, 1<<16)}
	out.put(&jieliv1.SnapshotRecord{Record: &jieliv1.SnapshotRecord_Header{Header: &jieliv1.SnapshotHeader{
		Format: snapshotFormat, ClusterId: v.clusterID, Revision: v.revision, Level: v.level, Stamp: v.stamp,
		Policy: v.policy, DroppedRequest: uuid.UUID(v.dropped).String(),
	}}})
	for _, r := range v.regions {
		out.put(&jieliv1.SnapshotRecord{Record: &jieliv1.SnapshotRecord_Region{Region: r}})
	}
	for _, n := range v.nodes {
		out.put(&jieliv1.SnapshotRecord{Record: &jieliv1.SnapshotRecord_Node{Node: n}})
	}
	for r := range v.RoutesFrom(regions.Key{}) {
		out.put(&jieliv1.SnapshotRecord{Record: &jieliv1.SnapshotRecord_Route{Route: r}})
		if out.err != nil {
			break
		}
	}
	for _, s := range v.services {
		out.put(&jieliv1.SnapshotRecord{Record: &jieliv1.SnapshotRecord_Service{Service: s}})
	}
	for _, r := range v.requests {
		out.put(&jieliv1.SnapshotRecord{Record: &jieliv1.SnapshotRecord_Request{Request: &jieliv1.AppliedRequest{Id: r.id[:], Outcome: r.outcome(false)}}})
	}
	for _, s := range v.staged {
		s.put(out)
	}
	for _, h := range v.hashes {
		out.put(&jieliv1.SnapshotRecord{Record: &jieliv1.SnapshotRecord_RevisionHash{RevisionHash: &jieliv1.RevisionHash{Revision: h.revision, Hash: h.hash[:]}}})
	}
	out.put(&jieliv1.SnapshotRecord{Record: &jieliv1.SnapshotRecord_Footer{Footer: &jieliv1.SnapshotFooter{Records: out.records, StateHash: v.hash[:]}}})
	if out.err == nil {
		out.err = out.w.Flush()
	}
	if out.err != nil {
		return out.bytes, fmt.Errorf("write registry snapshot: %w", out.err)
	}
	return out.bytes, nil
}

// put writes a record for each chunk, so that none is large.
func (s *stagedImport) put(out *recordWriter) {
	for _, b := range s.chunks {
		c := new(jieliv1.ChangeRoutes)
		if err := proto.Unmarshal(b, c); err != nil && out.err == nil {
			out.err = fmt.Errorf("a chunk of import %s: %w", s.id, err)
		}
		out.put(&jieliv1.SnapshotRecord{Record: &jieliv1.SnapshotRecord_Staged{Staged: &jieliv1.StagedImport{
			ImportId: s.id.String(), Region: s.region, Stamp: s.stamp, Chunks: []*jieliv1.ChangeRoutes{c},
		}}})
	}
}

type recordWriter struct {
	w       *bufio.Writer
	buf     []byte
	records uint64
	bytes   int64
	err     error
}

func (o *recordWriter) put(r *jieliv1.SnapshotRecord) {
	if o.err != nil {
		return
	}
	o.buf = o.buf[:0]
	o.buf = protowire.AppendVarint(o.buf, uint64(proto.Size(r))) // #nosec G115 -- a size
	o.buf, o.err = proto.MarshalOptions{Deterministic: true, UseCachedSize: true}.MarshalAppend(o.buf, r)
	if o.err != nil {
		return
	}
	n, err := o.w.Write(o.buf)
	o.bytes += int64(n)
	o.records++
	o.err = err
}

// Restore reads a snapshot into a new machine. It validates what it reads and recomputes the state hash.
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
		if done {
			return m, nil
		}
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
	who      map[string]*string
	begun    bool
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
		if n := len(t.v.regions); n > 0 && t.v.regions[n-1].GetId() >= r.Region.GetId() {
			return false, errors.New("regions are out of order")
		}
		t.v.regions = append(t.v.regions, r.Region)
		t.v.lanes.add(regionItem(r.Region))
	case *jieliv1.SnapshotRecord_Node:
		if i, found := findNode(t.v.nodes, r.Node.GetRegion(), r.Node.GetName()); found || i != len(t.v.nodes) {
			return false, errors.New("nodes are out of order")
		}
		t.v.nodes = append(t.v.nodes, r.Node)
		t.v.lanes.add(nodeItem(r.Node))
	case *jieliv1.SnapshotRecord_Route:
		return false, t.route(r.Route)
	case *jieliv1.SnapshotRecord_Service:
		return false, t.service(r.Service)
	case *jieliv1.SnapshotRecord_Request:
		return false, t.request(r.Request)
	case *jieliv1.SnapshotRecord_Staged:
		return false, t.staged(r.Staged)
	case *jieliv1.SnapshotRecord_RevisionHash:
		return false, t.revisionHash(r.RevisionHash)
	case *jieliv1.SnapshotRecord_Footer:
		return true, t.footer(r.Footer, records)
	default:
		return false, errors.New("a record of no known kind")
	}
	return false, nil
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
	t.begun = true
	t.v.clusterID, t.v.revision, t.v.level, t.v.stamp = h.GetClusterId(), h.GetRevision(), h.GetLevel(), h.GetStamp()
	t.v.policy, t.v.dropped = h.GetPolicy(), dropped
	t.v.lanes.add(levelItem(t.v.level))
	t.v.lanes.add(clusterItem(t.v.clusterID))
	t.v.lanes.add(policyItem(t.v.policy))
	t.marks = (*marks)(nil).edit()
	t.who = map[string]*string{}
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
	t.v.services = append(t.v.services, s)
	t.services = append(t.services, regions.Service{Code: s.GetCode(), NameZH: s.GetNameZh(), NameEN: s.GetNameEn(), Aliases: s.GetAliases(), Emergency: s.GetEmergency()})
	t.v.lanes.add(serviceItem(s))
	return nil
}

func (t *restoring) request(r *jieliv1.AppliedRequest) error {
	if len(r.GetId()) != 16 {
		return errors.New("a request id that is not 16 bytes")
	}
	if len(t.v.requests) >= maxRequestIDs {
		return fmt.Errorf("more than %d request ids", maxRequestIDs)
	}
	done := appliedRequest{id: [16]byte(r.GetId()), revision: r.GetOutcome().GetRevision()}
	if o := r.GetOutcome(); o.GetReason() != "" {
		done.rejected = &rejection{reason: o.GetReason(), message: o.GetMessage()}
	}
	if _, twice := t.m.remembered[done.id]; twice {
		return errors.New("a request id stands twice")
	}
	t.m.remembered[done.id] = uint64(len(t.v.requests))
	t.v.requests = append(t.v.requests, done)
	return nil
}

// staged takes the chunks of an import; those of one import follow one another.
func (t *restoring) staged(s *jieliv1.StagedImport) error {
	id, err := uuid.Parse(s.GetImportId())
	if err != nil {
		return fmt.Errorf("import id: %w", err)
	}
	i, found := findStaged(t.v.staged, id)
	switch {
	case found && i == len(t.v.staged)-1:
	case found || i != len(t.v.staged):
		return errors.New("imports are out of order")
	case len(t.v.staged) >= maxImports:
		return fmt.Errorf("more than %d imports", maxImports)
	default:
		t.v.staged = append(t.v.staged, &stagedImport{id: id, region: s.GetRegion()})
	}
	for _, c := range s.GetChunks() {
		routes, err := parseRoutes(c)
		if err != nil {
			return fmt.Errorf("a chunk of import %s: %w", id, err)
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
	t.v.hashes = append(t.v.hashes, revisionHash{h.GetRevision(), [32]byte(h.GetHash())})
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
	t.v.routeMarks = t.marks.done()
	t.v.hash = t.v.lanes.at(t.v.revision)
	if string(f.GetStateHash()) != string(t.v.hash[:]) {
		return errors.New("the state hash does not match: the snapshot is damaged, or of another version")
	}
	t.m.publish(t.v)
	return nil
}
