package registry

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/google/uuid"
	"google.golang.org/protobuf/proto"

	jieliv1 "github.com/jieli-gateway/jieli/proto/jieli/v1"
	"github.com/jieli-gateway/jieli/regions"
)

// ErrLevelUnknown says that a snapshot is of a level this binary does not know.
var ErrLevelUnknown = errors.New("the registry is at a level this binary does not know: upgrade it")

// Options of a machine.
type Options struct {
	// KnownLevel is the highest level known; default KnownLevel. Tests use others.
	KnownLevel uint32
}

// Machine applies log entries. One goroutine may apply; any may read views.
type Machine struct {
	options Options
	// remembered finds a request id in the view's requests: its place counted from the first ever.
	remembered map[[16]byte]uint64
	forgotten  uint64 // how many have been dropped from the front
	reasons    map[string]*string
	view       atomic.Pointer[View]
	halted     atomic.Pointer[string]

	mu      sync.Mutex
	changed chan struct{}
}

// New makes an empty machine.
func New(o Options) *Machine {
	if o.KnownLevel == 0 {
		o.KnownLevel = KnownLevel
	}
	m := &Machine{options: o, remembered: map[[16]byte]uint64{}, reasons: map[string]*string{}, changed: make(chan struct{})}
	m.view.Store(emptyView())
	return m
}

func emptyView() *View {
	table, err := regions.NewTable(divisions())
	if err != nil {
		panic("an empty routing table cannot be made: " + err.Error())
	}
	catalogue, err := regions.NewCatalogue(nil)
	if err != nil {
		panic("an empty catalogue cannot be made: " + err.Error())
	}
	v := &View{level: 1, table: table, catalogue: catalogue}
	v.lanes.add(levelItem(1))
	v.hash = v.lanes.at(0)
	return v
}

// divisions are the embedded ones; that they decode is tested where they are embedded.
func divisions() *regions.Divisions {
	d, err := regions.LoadDivisions()
	if err != nil {
		panic("the embedded divisions cannot be read: " + err.Error())
	}
	return d
}

// View is the newest published view.
func (m *Machine) View() *View { return m.view.Load() }

// Changed is closed when a newer view is published; take it before View.
func (m *Machine) Changed() <-chan struct{} {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.changed
}

func (m *Machine) publish(v *View) {
	m.view.Store(v)
	m.mu.Lock()
	defer m.mu.Unlock()
	close(m.changed)
	m.changed = make(chan struct{})
}

// Halted tells why the machine has stopped applying.
func (m *Machine) Halted() (reason string, halted bool) {
	if r := m.halted.Load(); r != nil {
		return *r, true
	}
	return "", false
}

// Swap takes over the state of a machine just restored. The other must not be used afterwards.
func (m *Machine) Swap(from *Machine) {
	m.remembered, m.forgotten, m.reasons = from.remembered, from.forgotten, from.reasons
	m.halted.Store(from.halted.Load())
	m.publish(from.View())
}

// Apply applies one log entry. It accepts any bytes and never panics.
func (m *Machine) Apply(data []byte) *jieliv1.Outcome { return m.ApplyBatch([][]byte{data})[0] }

// ApplyBatch applies entries in order and publishes one view at the end. Once halted it changes nothing and answers
// LEVEL_UNKNOWN.
func (m *Machine) ApplyBatch(datas [][]byte) []*jieliv1.Outcome {
	outcomes := make([]*jieliv1.Outcome, len(datas))
	v := m.View()
	for i, data := range datas {
		v, outcomes[i] = m.apply(v, data)
	}
	if v != m.View() {
		m.publish(v)
	}
	return outcomes
}

// apply leads from one state to the next; the same state when nothing changed, not even what is remembered.
func (m *Machine) apply(v *View, data []byte) (*View, *jieliv1.Outcome) {
	if reason, halted := m.Halted(); halted {
		return v, rejected(v, reject("LEVEL_UNKNOWN", "%s", reason))
	}
	cmd, stamp, bad := open(data)
	if bad != nil {
		return v, rejected(v, bad)
	}
	id, err := parseRequestID(cmd.GetRequestId())
	if err != nil {
		return v, rejected(v, reject("BAD_REQUEST_ID", "requestId: %v", err))
	}
	if at, ok := m.remembered[id]; ok {
		return v, v.repeated(v.requests[at-m.forgotten])
	}
	if slices.Compare(id[:], v.dropped[:]) <= 0 {
		return v, rejected(v, reject("REQUEST_TOO_OLD", "requestId: older than the registry remembers; whether it was applied can no longer be told"))
	}
	d := newDraft(v, cmd, stamp)
	bad = m.run(d)
	if reason, halted := m.Halted(); halted {
		return v, rejected(v, reject("LEVEL_UNKNOWN", "%s", reason))
	}
	if bad != nil {
		d = newDraft(v, nil, stamp) // nothing of it stays
	} else if d.changed {
		d.finish()
	}
	next := d.v
	outcome := &jieliv1.Outcome{Revision: next.revision}
	if bad != nil {
		outcome = rejected(next, bad)
	}
	if bad == nil && next.level > m.options.KnownLevel {
		reason := fmt.Sprintf("the registry was raised to level %d and this binary knows level %d: upgrade it", next.level, m.options.KnownLevel)
		m.halted.Store(&reason)
		return v, outcome
	}
	m.remember(next, id, outcome)
	return next, outcome
}

// run carries a command out on a draft. A mistake in this binary must not take a node down again and again, nor let it
// leave out what others may carry out: the machine halts before the entry, as it would before a level it does not know,
// and a binary without the mistake goes on from there.
func (m *Machine) run(d *draft) (bad *rejection) {
	defer func() {
		if fault := recover(); fault != nil {
			reason := fmt.Sprintf("this binary cannot apply request %s (%v): upgrade it", d.cmd.GetRequestId(), fault)
			m.halted.Store(&reason)
		}
	}()
	return d.run(m.options)
}

// remember keeps a request id, and drops the oldest beyond the policy's number.
func (m *Machine) remember(v *View, id [16]byte, o *jieliv1.Outcome) {
	r := appliedRequest{id: id, revision: o.GetRevision()}
	if o.GetReason() != "" {
		r.reason = m.shared(o.GetReason())
		if o.GetMessage() != "" {
			v.texts = append(v.texts, rejectionText{id, o.GetMessage()})
			v.texts = v.texts[max(0, len(v.texts)-keptTexts):]
		}
	}
	m.remembered[id] = m.forgotten + uint64(len(v.requests))
	v.requests = append(v.requests, r)
	for len(v.requests) > v.requestIDs() {
		old := v.requests[0]
		delete(m.remembered, old.id)
		v.requests = v.requests[1:]
		if len(v.texts) > 0 && v.texts[0].id == old.id {
			v.texts = v.texts[1:]
		}
		m.forgotten++
		if slices.Compare(old.id[:], v.dropped[:]) > 0 {
			v.dropped = old.id
		}
	}
}

// shared is a reason that all requests rejected for it share.
func (m *Machine) shared(reason string) *string {
	if m.reasons[reason] == nil {
		m.reasons[reason] = &reason
	}
	return m.reasons[reason]
}

func rejected(v *View, r *rejection) *jieliv1.Outcome {
	return &jieliv1.Outcome{Revision: v.revision, Reason: r.reason, Message: r.message}
}

// draft is a state under change by one command: a copy of the view whose parts are copied before they are touched.
type draft struct {
	v       *View
	before  *View
	cmd     *jieliv1.Command
	who     string
	keeper  string // region that keeps what no region owns
	changed bool   // the revision moves on
	routes  routesChanged
}

func newDraft(v *View, cmd *jieliv1.Command, stamp uint64) *draft {
	next := *v
	next.stamp = max(next.stamp, stamp)
	d := &draft{v: &next, before: v, cmd: cmd}
	if cmd != nil {
		d.who = cmd.GetRegion() + ": " + cmd.GetActor()
		d.keeper = v.Bootstrap()
	}
	return d
}

// revision is the one this command will have.
func (d *draft) revision() uint64 { return d.v.revision + 1 }

// finish numbers the change, keeps it in the history, and computes the state hash.
func (d *draft) finish() {
	d.record()
	if d.v.revision > 0 {
		d.v.hashes = append(d.v.hashes, revisionHash{d.v.revision, d.v.hash})
		if n := len(d.v.hashes); n > keptHashes {
			d.v.hashes = d.v.hashes[n-keptHashes:]
		}
	}
	d.v.revision++
	d.v.hash = d.v.lanes.at(d.v.revision)
}

// putRegion inserts or replaces a region, stamped with this change. What is as it was stays as it is, here and below.
func (d *draft) putRegion(r *jieliv1.Region) {
	i, ok := findRegion(d.v.regions, r.GetId())
	if ok {
		old := d.v.regions[i]
		r.Revision, r.ChangedBy, r.ChangeTime = old.GetRevision(), old.GetChangedBy(), old.GetChangeTime()
		if proto.Equal(old, r) {
			return
		}
	}
	r.Revision, r.ChangedBy, r.ChangeTime = d.revision(), d.who, stampTime(d.v.stamp)
	if ok {
		d.v.lanes.replace(regionItem(d.v.regions[i]), regionItem(r))
		d.v.regions = slices.Clone(d.v.regions)
		d.v.regions[i] = r
	} else {
		d.v.lanes.add(regionItem(r))
		d.v.regions = slices.Insert(slices.Clone(d.v.regions), i, r)
	}
	d.changed = true
}

// putNode inserts or replaces a node, stamped with this change.
func (d *draft) putNode(n *jieliv1.Node) {
	i, ok := findNode(d.v.nodes, n.GetRegion(), n.GetName())
	if ok {
		old := d.v.nodes[i]
		n.Revision, n.ChangedBy, n.ChangeTime = old.GetRevision(), old.GetChangedBy(), old.GetChangeTime()
		if proto.Equal(old, n) {
			return
		}
	}
	n.Revision, n.ChangedBy, n.ChangeTime = d.revision(), d.who, stampTime(d.v.stamp)
	if ok {
		d.v.lanes.replace(nodeItem(d.v.nodes[i]), nodeItem(n))
		d.v.nodes = slices.Clone(d.v.nodes)
		d.v.nodes[i] = n
	} else {
		d.v.lanes.add(nodeItem(n))
		d.v.nodes = slices.Insert(slices.Clone(d.v.nodes), i, n)
	}
	d.changed = true
}

func (d *draft) deleteNode(i int) {
	d.v.lanes.sub(nodeItem(d.v.nodes[i]))
	d.v.nodes = slices.Delete(slices.Clone(d.v.nodes), i, i+1)
	d.changed = true
}

func (d *draft) putService(s *jieliv1.ServiceEntry) {
	i, ok := findService(d.v.services, s.GetCode())
	if ok {
		s.Revision = d.v.services[i].GetRevision()
		if proto.Equal(d.v.services[i], s) {
			return
		}
	}
	s.Revision = d.revision()
	if ok {
		d.v.lanes.replace(serviceItem(d.v.services[i]), serviceItem(s))
		d.v.services = slices.Clone(d.v.services)
		d.v.services[i] = s
	} else {
		d.v.lanes.add(serviceItem(s))
		d.v.services = slices.Insert(slices.Clone(d.v.services), i, s)
	}
	d.changed = true
}

func (d *draft) putPolicy(p *jieliv1.Policy) {
	if p.Revision = d.v.policy.GetRevision(); d.v.policy != nil && proto.Equal(d.v.policy, p) {
		return
	}
	p.Revision = d.revision()
	d.v.lanes.replace(policyItem(d.v.policy), policyItem(p))
	d.v.policy = p
	d.v.terms, _ = parseTerms(p.GetTerms()) // checked before
	d.changed = true
}

// stagedImport is an import under way; immutable, replaced by each chunk.
type stagedImport struct {
	id     uuid.UUID
	region string
	stamp  uint64
	chunks [][]byte // serialized ChangeRoutes, as parsedRoutes.message makes them
	size   int      // bytes of all chunks
}

// with is the import with one chunk more.
func (s *stagedImport) with(chunk []byte, stamp uint64) *stagedImport {
	next := *s
	next.stamp = stamp
	next.chunks = append(s.chunks[:len(s.chunks):len(s.chunks)], chunk)
	next.size += len(chunk)
	return &next
}

func findStaged(ss []*stagedImport, id uuid.UUID) (int, bool) {
	return slices.BinarySearchFunc(ss, id, func(s *stagedImport, id uuid.UUID) int { return cmp.Compare(string(s.id[:]), string(id[:])) })
}
