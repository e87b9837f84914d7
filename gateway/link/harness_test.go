package link

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"
	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	"github.com/jieli-gateway/jieli/federation/trust"
	"github.com/jieli-gateway/jieli/gateway/store"
	"github.com/jieli-gateway/jieli/gateway/store/memory"
	"github.com/jieli-gateway/jieli/gateway/ticket"
	jieliv1 "github.com/jieli-gateway/jieli/proto/jieli/v1"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	alpha = "alpha"
	beta  = "beta"
	gamma = "gamma"
)

const testCluster = "11111111-1111-4111-8111-111111111111"

// world is a federation in one process: its registry, its network and its nodes, all in fake time.
type world struct {
	registry *testRegistry
	network  *network
	nodes    map[string]*node
	alarms   *alarms
}

func newWorld(regions ...string) *world {
	w := &world{registry: newTestRegistry(regions...), nodes: map[string]*node{}, alarms: &alarms{}}
	w.network = &network{world: w, cut: map[[2]string]bool{}}
	for _, r := range regions {
		w.nodes[r] = newNode(w, r)
	}
	return w
}

func (w *world) start() {
	for _, n := range w.nodes {
		n.start(nil)
	}
}

// stop ends all nodes in an orderly way.
func (w *world) stop() {
	for _, n := range w.nodes {
		n.stop()
	}
	w.network.wait()
}

// node is one region's node: a store that survives crashes, and links that do not.
type node struct {
	world  *world
	region string
	signer *trust.Ed25519Signer
	skew   time.Duration
	// dial and peerOf, where the node speaks gRPC.
	dial   Dialer
	peerOf func(context.Context) (string, bool)
	// committed has something after each commit.
	committed flag
	// allow lets items pass that would otherwise be stopped.
	allow atomic.Bool

	store    *memory.Store
	registry *testView
	links    *Links
	live     atomic.Pointer[Links] // links, for other goroutines; nil while the node does not run
	ctx      context.Context
	cancel   context.CancelFunc
	done     chan struct{}
	epoch    string

	// crashAt counts down commits to a crash; 0 never.
	crashAt     atomic.Int64
	crashBefore atomic.Bool
	dead        atomic.Bool
	image       atomic.Pointer[memory.Image]
}

func newNode(w *world, region string) *node {
	seed := sha256.Sum256([]byte(region))
	signer, err := trust.NewEd25519Signer(ed25519.NewKeyFromSeed(seed[:]))
	if err != nil {
		panic(err)
	}
	return &node{world: w, region: region, signer: signer, registry: &testView{all: w.registry}, committed: newFlag()}
}

// start runs the node on what an image has, or on an empty store.
func (n *node) start(from *memory.Image) {
	n.dead.Store(false)
	n.store = memory.New(memory.Options{
		From: from, Epoch: n.epoch,
		OnCommit: func(c store.Changes) {
			if l := n.live.Load(); l != nil {
				l.Wake(c.Peers)
				l.Ask(c.Requests)
			}
			n.committed.set()
		},
		BeforeCommit: n.beforeCommit,
		AfterCommit:  n.afterCommit,
	})
	links, err := New(Config{
		Region: n.region, Node: n.region + "-1", Version: "test",
		Peer: func(ctx context.Context) (string, bool) { return n.peerOf(ctx) },
		Log:  slog.New(n.world.alarms.handler(n.region)),
		Now:  func() time.Time { return time.Now().Add(n.skew) },
	}, n.store, &testTickets{node: n}, n.registry, n.signer, n.world.keys, n.dialer())
	if err != nil {
		panic(err)
	}
	if n.dial == nil {
		links.open = func(ctx context.Context, region, _ string) (frames, error) {
			return n.world.network.dial(ctx, n.region, region)
		}
	}
	n.links = links
	n.live.Store(links)
	n.ctx, n.cancel = context.WithCancel(context.Background())
	done := make(chan struct{})
	n.done = done
	go func() {
		defer close(done)
		if err := links.Run(n.ctx); err != nil && !n.dead.Load() {
			panic(err)
		}
	}()
}

// dialer is the node's, or stands in where links.open is replaced.
func (n *node) dialer() Dialer {
	if n.dial != nil {
		return n.dial
	}
	return func(context.Context, string, string) (*grpc.ClientConn, error) { return nil, errPower }
}

// stop ends the node in an orderly way.
func (n *node) stop() {
	if n.live.Swap(nil) == nil {
		return
	}
	n.cancel()
	<-n.done
}

// die cuts the node off and keeps what was durable: a power cut. It may be called within a commit.
func (n *node) die() {
	if n.dead.Swap(true) {
		return
	}
	n.world.network.isolate(n.region)
	n.image.Store(n.store.Clone())
}

// crash kills the node and starts it again on what was durable.
func (n *node) crash() {
	n.die()
	n.rise()
}

// rise starts a node that died.
func (n *node) rise() {
	n.crashAt.Store(0)
	n.stop()
	n.start(n.image.Load())
}

// restore puts an older copy back.
func (n *node) restore(old *memory.Image) {
	n.die()
	n.image.Store(old)
	n.rise()
}

var errPower = errors.New("the power is gone")

func (n *node) beforeCommit() error {
	if n.dead.Load() {
		return errPower
	}
	if n.crashBefore.Load() && n.crashAt.Add(-1) == 0 {
		n.die()
		return errPower
	}
	return nil
}

func (n *node) afterCommit() {
	if !n.crashBefore.Load() && n.crashAt.Add(-1) == 0 {
		n.die()
	}
}

// write gives the node items for a peer, in one commit; after one that will be stopped comes another of its ticket.
func (n *node) write(peer string, words ...string) error {
	return n.store.Update(context.Background(), func(tx store.Tx) error {
		for _, w := range words {
			id := newID()
			if err := enqueue(tx, n.region, peer, id, 1, w); err != nil {
				return err
			}
			if w != wordStop {
				continue
			}
			// What follows in the same ticket would be taken by itself.
			if err := enqueue(tx, n.region, peer, id, 2, wordFollows); err != nil {
				return err
			}
		}
		return nil
	})
}

// enqueue writes one event of a ticket; the word says what the receiver does with it.
func enqueue(tx store.Tx, region, peer, id string, number uint32, word string) error {
	body, err := proto.Marshal(&jieliv1.Event{TicketId: id, Number: number, Author: region, SettlesRequest: word})
	if err != nil {
		return err
	}
	hash := ticket.Hash(body)
	err = tx.AppendEvent(&store.Event{TicketID: id, Number: number, Author: region, Hash: hash, Bytes: body})
	if err != nil {
		return err
	}
	_, err = tx.Enqueue(&store.OutboxRow{Peer: peer, Kind: store.OutboxEvent, TicketID: id, Number: number, Hash: ticket.EventItemHash(hash), Time: time.Now()})
	return err
}

// row reads the durable state of a link.
func (n *node) row(peer string) *store.Link {
	var l *store.Link
	n.view(func(r store.Reader) (err error) {
		l, err = r.Link(peer)
		return err
	})
	return l
}

func (n *node) view(fn func(store.Reader) error) {
	if err := n.store.View(context.Background(), fn); err != nil {
		panic(err)
	}
}

// happened lists what the node's feed says of a kind, in order: ticket, number and reason.
func (n *node) happened(kind jieliv1.FeedEntry_Kind, peer string) (all []string) {
	n.view(func(r store.Reader) error {
		rows, err := r.Feed(0, 1<<20)
		for _, f := range rows {
			if f.Kind == kind && f.Holder == peer {
				all = append(all, fmt.Sprintf("%s/%d%s", f.TicketID, f.EventNumber, f.Reason))
			}
		}
		return err
	})
	return all
}

// outbox lists what the node wrote for a peer and did not recall, in order: ticket and number. Of late are those that
// were meant to be stopped, for they are taken later.
func (n *node) outbox(peer string) (all []string, late map[string]bool) {
	late = map[string]bool{}
	n.view(func(r store.Reader) error {
		rows, err := r.Outbox(peer, 0, 1<<20)
		for _, o := range rows {
			if o.Kind == store.OutboxEmpty {
				continue
			}
			name := fmt.Sprintf("%s/%d", o.TicketID, o.Number)
			all = append(all, name)
			if o.Kind == store.OutboxContent {
				continue
			}
			events, err := r.Events(o.TicketID, o.Number)
			if err != nil {
				return err
			}
			ev := new(jieliv1.Event)
			if err := proto.Unmarshal(events[0].Bytes, ev); err != nil {
				return err
			}
			if w := ev.GetSettlesRequest(); w == wordStop || w == wordFollows {
				late[name] = true
			}
		}
		return err
	})
	return all, late
}

func (n *node) status(peer string) *jieliv1.LinkStatus {
	for _, st := range n.links.Status() {
		if st.GetPeer() == peer {
			return st
		}
	}
	return &jieliv1.LinkStatus{}
}

// eventually waits in fake time until a condition holds.
func eventually(t *testing.T, limit time.Duration, what string, holds func() bool) {
	t.Helper()
	if !becomes(limit, holds) {
		t.Fatalf("within %s this did not happen: %s", limit, what)
	}
}

func becomes(limit time.Duration, holds func() bool) bool {
	for end := time.Now().Add(limit); time.Now().Before(end); {
		if holds() {
			return true
		}
		<-time.After(10 * time.Millisecond)
	}
	return holds()
}

// keys implements trust.Keys for all nodes.
func (w *world) keys(region, keyID string) (trust.Verifier, bool) {
	n, ok := w.nodes[region]
	if !ok || n.signer.KeyID() != keyID {
		return nil, false
	}
	v, err := trust.NewVerifier(n.signer.Algorithm(), n.signer.PublicKey())
	return v, err == nil
}

// alarms collects what nodes log as errors.
type alarms struct {
	mu    sync.Mutex
	lines []string
}

func (a *alarms) add(line string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.lines = append(a.lines, line)
}

func (a *alarms) all() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.lines)
}

func (a *alarms) handler(region string) slog.Handler {
	return slog.NewTextHandler(writerFunc(func(line string) { a.add(region + ": " + line) }), &slog.HandlerOptions{Level: slog.LevelError})
}

type writerFunc func(string)

func (f writerFunc) Write(b []byte) (int, error) {
	f(strings.TrimSpace(string(b)))
	return len(b), nil
}

// testRegistry is the truth; testView is one node's copy of it, which may lag.
type testRegistry struct {
	mu      sync.Mutex
	members map[string]Member
	floor   uint32
	cluster string
	rev     uint64
	changed bell
}

func newTestRegistry(regions ...string) *testRegistry {
	r := &testRegistry{members: map[string]Member{}, cluster: testCluster, rev: 1}
	for _, id := range regions {
		r.members[id] = Member{Region: id, State: jieliv1.Region_ACTIVE, TicketsNode: id + "-1", Address: id + ":7345", DutyPhone: "12345"}
	}
	return r
}

func (r *testRegistry) change(edit func(*testRegistry)) {
	r.mu.Lock()
	r.rev++
	edit(r)
	r.mu.Unlock()
	r.changed.ring()
}

// testView lags behind by lag revisions, and can be corrupted.
type testView struct {
	all *testRegistry
	lag atomic.Uint64
	// other makes the hashes of this node its own.
	other   atomic.Bool
	cluster atomic.Pointer[string]
}

func (v *testView) hash(revision uint64) [32]byte {
	return sha256.Sum256(fmt.Appendf(nil, "%d %t", revision, v.other.Load()))
}

func (v *testView) Standing() Standing {
	v.all.mu.Lock()
	defer v.all.mu.Unlock()
	rev := v.all.rev - min(v.lag.Load(), v.all.rev)
	cluster := v.all.cluster
	if c := v.cluster.Load(); c != nil {
		cluster = *c
	}
	return Standing{ClusterID: cluster, Revision: rev, StateHash: v.hash(rev), VersionFloor: v.all.floor}
}

func (v *testView) HashAt(revision uint64) ([32]byte, bool) { return v.hash(revision), true }

func (v *testView) Member(region string) (Member, bool) {
	v.all.mu.Lock()
	defer v.all.mu.Unlock()
	m, ok := v.all.members[region]
	return m, ok
}

func (v *testView) Members() []Member {
	v.all.mu.Lock()
	defer v.all.mu.Unlock()
	var ms []Member
	for _, m := range v.all.members {
		ms = append(ms, m)
	}
	return ms
}

func (v *testView) Changed() <-chan struct{} { return v.all.changed.next() }

// testTickets takes what comes and keeps the order in which it came. An item's word says what to do with it.
type testTickets struct{ node *node }

// Words of items.
const (
	wordTake   = ""
	wordRefuse = "refuse"
	wordStop   = "stop"
	// wordFollows is taken, unless its ticket stands still.
	wordFollows = "follows"
)

type testChecked struct {
	hash  [32]byte
	bytes []byte
	ev    *jieliv1.Event
	bad   bool
	// needs is the revision of the registry it was written at.
	needs uint64
}

func (c *testChecked) Hash() [32]byte { return c.hash }

func (d *testTickets) Load(r store.Reader, row *store.OutboxRow) (*jieliv1.Item, error) {
	if row.Kind == store.OutboxContent {
		return &jieliv1.Item{Item: &jieliv1.Item_Content{Content: &jieliv1.ContentItem{
			TicketId: row.TicketID, Number: row.Number, Commitment: make([]byte, 32), Content: &jieliv1.Content{Name: row.Name},
		}}}, nil
	}
	events, err := r.Events(row.TicketID, row.Number)
	if err != nil {
		return nil, err
	}
	if len(events) == 0 {
		return nil, store.ErrNotFound
	}
	return &jieliv1.Item{Item: &jieliv1.Item_Event{Event: &jieliv1.EventItem{Event: &jieliv1.SignedEvent{Event: events[0].Bytes}}}}, nil
}

func (d *testTickets) Check(peer string, item *jieliv1.Item) Checked {
	if c := item.GetContent(); c != nil {
		hash := ticket.ContentItemHash(c.GetTicketId(), c.GetNumber(), [32]byte{})
		return &testChecked{hash: hash, ev: &jieliv1.Event{TicketId: c.GetTicketId(), Number: 1000 + c.GetNumber(), SettlesRequest: c.GetContent().GetName()}}
	}
	b := item.GetEvent().GetEvent().GetEvent()
	c := &testChecked{hash: ticket.EventItemHash(ticket.Hash(b)), bytes: b, ev: new(jieliv1.Event)}
	c.bad = proto.Unmarshal(b, c.ev) != nil || ticket.ValidateID("id", c.ev.GetTicketId()) != nil
	c.needs = c.ev.GetRegistryRevision()
	return c
}

func (d *testTickets) Take(tx store.Tx, peer string, seq uint64, lc Checked) (Verdict, error) {
	c := lc.(*testChecked)
	v := Verdict{TicketID: c.ev.GetTicketId()}
	if c.bad {
		return Verdict{StoppedReason: "MALFORMED"}, nil
	}
	if have := d.node.registry.Standing().Revision; c.needs > have {
		return Verdict{}, &Behind{Revision: c.needs}
	}
	switch c.ev.GetSettlesRequest() {
	case wordRefuse:
		v.Refused = &jieliv1.SignedDecision{Decision: []byte("no")}
		return v, d.feed(tx, jieliv1.FeedEntry_EVENT, c.ev, peer, "refused")
	case wordStop:
		if !d.node.allow.Load() {
			v.StoppedReason = "CHAIN_BROKEN"
			return v, nil
		}
	}
	err := tx.AppendEvent(&store.Event{
		TicketID: c.ev.GetTicketId(), Number: c.ev.GetNumber(), Author: peer, Hash: c.hash, Bytes: c.bytes, Proof: &jieliv1.BatchProof{KeyId: "k"},
	})
	if err != nil {
		return v, fmt.Errorf("item %d of %s taken twice: %w", seq, peer, err)
	}
	return v, d.feed(tx, jieliv1.FeedEntry_EVENT, c.ev, peer, "")
}

func (d *testTickets) feed(tx store.Tx, kind jieliv1.FeedEntry_Kind, ev *jieliv1.Event, peer, reason string) error {
	return tx.PutFeed(&store.FeedRow{Kind: kind, TicketID: ev.GetTicketId(), EventNumber: ev.GetNumber(), Holder: peer, Reason: reason})
}

func (d *testTickets) Delivered(tx store.Tx, peer string, rows []*store.OutboxRow, r *jieliv1.Receipt) error {
	what := map[uint64]string{}
	for _, it := range r.GetRefused() {
		if string(it.GetRefusal().GetDecision()) != "no" {
			return &Breach{Message: "a refusal that does not hold"}
		}
		what[it.GetSequence()] = "refused"
	}
	for _, it := range r.GetStopped() {
		what[it.GetSequence()] = it.GetReason()
	}
	for _, row := range rows {
		id := row.TicketID
		if id == "" {
			id = uuid.Nil.String()
		}
		err := d.feed(tx, jieliv1.FeedEntry_DELIVERED, &jieliv1.Event{TicketId: id, Number: row.Number}, peer, what[row.Seq])
		if err != nil {
			return err
		}
	}
	return nil
}

func (d *testTickets) Lifted(tx store.Tx, peer string, rows []*store.OutboxRow) error {
	for _, row := range rows {
		if err := d.feed(tx, jieliv1.FeedEntry_DELIVERED, &jieliv1.Event{TicketId: row.TicketID, Number: row.Number}, peer, "lifted"); err != nil {
			return err
		}
	}
	return nil
}

func (d *testTickets) Resumed(store.Tx, string) error { return store.ErrNotFound }

func (d *testTickets) Requested(tx store.Tx, peer string, r *jieliv1.TicketRequest) (*jieliv1.TicketRequestAnswer, error) {
	if r.GetText() == "an event settles it" {
		return nil, nil
	}
	if _, err := tx.Request(r.GetId()); err == nil {
		return &jieliv1.TicketRequestAnswer{Id: r.GetId(), Code: "NO_PEN"}, nil
	}
	err := tx.PutRequest(&store.Request{ID: r.GetId(), Peer: peer, TicketID: r.GetTicketId(), Incoming: true, Settled: true})
	return &jieliv1.TicketRequestAnswer{Id: r.GetId(), Code: "NO_PEN"}, err
}

func (d *testTickets) Settled(tx store.Tx, peer string, a *jieliv1.TicketRequestAnswer) error {
	r, err := tx.Request(a.GetId())
	if errors.Is(err, store.ErrNotFound) || (err == nil && (r.Settled || r.Peer != peer)) {
		return nil
	}
	if err != nil {
		return err
	}
	r.Settled, r.Code, r.Bytes = true, a.GetCode(), nil
	return tx.PutRequest(r)
}

// network joins nodes by wires, and can cut them.
type network struct {
	world *world
	// delay of each frame, one way.
	delay atomic.Int64

	mu    sync.Mutex
	wires []*wire
	// cut: frames and dials between the two fail without a word, as when packets are dropped.
	cut     map[[2]string]bool
	dials   map[string]int
	running sync.WaitGroup
}

func pair(a, b string) [2]string {
	if a > b {
		a, b = b, a
	}
	return [2]string{a, b}
}

// dial connects from one node to another.
func (n *network) dial(ctx context.Context, from, to string) (frames, error) {
	n.mu.Lock()
	if n.dials == nil {
		n.dials = map[string]int{}
	}
	n.dials[from]++
	cut := n.cut[pair(from, to)]
	n.mu.Unlock()
	if cut {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	target, source := n.world.nodes[to], n.world.nodes[from]
	links := target.live.Load()
	if target.dead.Load() || source.dead.Load() || links == nil {
		return nil, fmt.Errorf("dial %s: %w", to, syscall.ECONNREFUSED)
	}
	w := n.connect(from, to)
	k, err := links.expected(from)
	if err != nil {
		return nil, err
	}
	if _, err := k.accepted(context.Background(), w.accepted); err != nil {
		return nil, err
	}
	return w.dialled, nil
}

// connect makes a wire between two regions, with nobody on either end yet.
func (n *network) connect(from, to string) *wire {
	w := newWire(from, to)
	n.mu.Lock()
	n.wires = append(n.wires, w)
	n.mu.Unlock()
	for _, way := range []*lane{w.forth, w.back} {
		n.running.Go(func() { n.carry(w, way) })
	}
	return w
}

// carry moves frames along one way of a wire.
func (n *network) carry(w *wire, way *lane) {
	for {
		select {
		case <-w.closed:
			return
		case f := <-way.in:
			b := f.bytes
			if d := time.Until(f.sent.Add(time.Duration(n.delay.Load()))); d > 0 {
				select {
				case <-time.After(d):
				case <-w.closed:
					return
				}
			}
			// A connection that has lost something is silent from then on, as one whose packets are dropped.
			if n.isCut(w.from, w.to) {
				w.silent.Store(true)
			}
			if w.silent.Load() {
				continue
			}
			if way.tamper != nil {
				b = way.tamper(b)
			}
			way.keep(b)
			select {
			case <-w.closed:
				return
			case way.out <- b:
			}
		}
	}
}

func (n *network) isCut(a, b string) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.cut[pair(a, b)]
}

// setCut drops everything between two regions, or no more.
func (n *network) setCut(a, b string, cut bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.cut[pair(a, b)] = cut
}

// isolate closes all wires of a region, as its death does.
func (n *network) isolate(region string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, w := range n.wires {
		if w.from == region || w.to == region {
			w.close()
		}
	}
}

// reset closes all wires between two regions.
func (n *network) reset(a, b string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, w := range n.wires {
		if pair(w.from, w.to) == pair(a, b) {
			w.close()
		}
	}
}

// newest is the wire made last.
func (n *network) newest() *wire {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.wires[len(n.wires)-1]
}

func (n *network) wait() {
	n.mu.Lock()
	for _, w := range n.wires {
		w.close()
	}
	n.mu.Unlock()
	n.running.Wait()
}

// wire is one stream between two nodes. Frames travel as bytes.
type wire struct {
	from, to          string
	dialled, accepted *end
	forth, back       *lane
	closed            chan struct{}
	once              sync.Once
	silent            atomic.Bool
}

type lane struct {
	in     chan sentFrame
	out    chan []byte
	tamper func([]byte) []byte
	mu     sync.Mutex
	record [][]byte
}

type sentFrame struct {
	bytes []byte
	sent  time.Time
}

func (l *lane) keep(b []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.record = append(l.record, b)
}

func (l *lane) recorded() [][]byte {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.record)
}

func newWire(from, to string) *wire {
	w := &wire{from: from, to: to, closed: make(chan struct{})}
	w.forth = &lane{in: make(chan sentFrame, 8), out: make(chan []byte, 8)}
	w.back = &lane{in: make(chan sentFrame, 8), out: make(chan []byte, 8)}
	w.dialled = &end{wire: w, send: w.forth.in, recv: w.back.out}
	w.accepted = &end{wire: w, send: w.back.in, recv: w.forth.out}
	return w
}

func (w *wire) close() { w.once.Do(func() { close(w.closed) }) }

// end is one side of a wire; it implements frames.
type end struct {
	wire *wire
	send chan<- sentFrame
	recv <-chan []byte
}

func (e *end) Send(f *jieliv1.Frame) error {
	b, err := proto.Marshal(f)
	if err != nil {
		return err
	}
	select {
	case <-e.wire.closed:
		return io.EOF
	default:
	}
	select {
	case <-e.wire.closed:
		return io.EOF
	case e.send <- sentFrame{b, time.Now()}:
		return nil
	}
}

func (e *end) Recv() (*jieliv1.Frame, error) {
	var b []byte
	select {
	case b = <-e.recv:
	default:
		select {
		case <-e.wire.closed:
			return nil, io.EOF
		case b = <-e.recv:
		}
	}
	f := new(jieliv1.Frame)
	if err := proto.Unmarshal(b, f); err != nil {
		return nil, err
	}
	return frameOf(f, nil)
}

func (e *end) Close() { e.wire.close() }

// stranger plays a peer by hand.
type stranger struct {
	t    *testing.T
	w    *wire
	conn *end
}

// visit opens a stream to a node in the name of a region that has a node which does not run.
func (w *world) visit(t *testing.T, as, to string) *stranger {
	t.Helper()
	wire := w.network.connect(as, to)
	k, err := w.nodes[to].links.expected(as)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := k.accepted(context.Background(), wire.accepted); err != nil {
		t.Fatal(err)
	}
	return &stranger{t: t, w: wire, conn: wire.dialled}
}

func (s *stranger) send(f *jieliv1.Frame) {
	s.t.Helper()
	if err := s.conn.Send(f); err != nil {
		s.t.Fatalf("send: %v", err)
	}
}

// next gives the next frame that is no keepalive; nil when the stream has ended.
func (s *stranger) next() *jieliv1.Frame {
	for {
		f, err := s.conn.Recv()
		if err != nil {
			return nil
		}
		if f.GetKeepalive() == nil {
			return f
		}
	}
}

// goodbye waits for the end of the stream and gives the reason that was said.
func (s *stranger) goodbye() string {
	for {
		f := s.next()
		if f == nil {
			return "nothing said"
		}
		if g := f.GetGoodbye(); g != nil {
			s.conn.Close()
			return g.GetReason()
		}
	}
}

// hello is what a peer with an empty store says.
func emptyHello(w *world, as string) *jieliv1.Hello {
	st := w.nodes[as].registry.Standing()
	return &jieliv1.Hello{
		ClusterId: st.ClusterID, Region: as, VersionMin: 1, VersionMax: 1, Revision: st.Revision, StateHash: st.StateHash[:],
		StoreEpoch: "stranger", AcknowledgedHash: make([]byte, 32), ReceivedHash: make([]byte, 32),
	}
}

// testItem is an event item of a fresh ticket.
func testItem(region, word string) (*jieliv1.Item, [32]byte) {
	return testItemOf(region, newID(), 1, word)
}

func testItemOf(region, id string, number uint32, word string) (*jieliv1.Item, [32]byte) {
	body, err := proto.Marshal(&jieliv1.Event{TicketId: id, Number: number, Author: region, SettlesRequest: word})
	if err != nil {
		panic(err)
	}
	item := &jieliv1.Item{Item: &jieliv1.Item_Event{Event: &jieliv1.EventItem{Event: &jieliv1.SignedEvent{Event: body}}}}
	return item, ticket.EventItemHash(ticket.Hash(body))
}

func newID() string { return uuid.Must(uuid.NewV7()).String() }
