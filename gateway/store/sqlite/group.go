package sqlite

import (
	"database/sql/driver"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"time"

	"github.com/jieli-gateway/jieli/gateway/store"
	jieliv1 "github.com/jieli-gateway/jieli/proto/jieli/v1"
)

// errOver is what a transaction says that is used after its function has returned.
var errOver = errors.New("the function this was given to has returned")

// Bounds of one group commit, so that the first caller does not wait for ever and the write-ahead log does not swell.
const (
	maxFunctions = 512
	maxBytes     = 8 << 20
	// maxOwn bounds the events one signature covers; trust.MaxBatch is eight times as many.
	maxOwn = 8192
	// maxOwnEach bounds those of one function, which may be the last of its group.
	maxOwnEach = maxOwn / 2
)

// group is one group commit: functions that run one after the other in one transaction.
//
// A function that fails after it has written is undone by rolling the transaction back and writing again what the
// functions before it wrote, from a log of statements; the group then ends, so that no function is written more than
// twice. Savepoints would cost every function a fifth more instead of only those that fail: SQLite copies each page it
// changes for the first time in each savepoint (DESIGN.md).
type group struct {
	*ledger
	c        *conn
	sealer   store.Sealer
	began    marks
	log      []write
	bytes    int
	tickets  map[string]*ticketRef
	rowless  []*ticketRef // known by number only, until settle
	unsigned []unsigned
	own      map[int64][]*store.Event // the same by ticket
	changes  store.Changes
	// broken is the first failure that was not a taken value: the transaction is lost.
	broken error
	// erased: the write-ahead log may hold what should be gone from the disk.
	erased bool
	// last: something was undone, nothing more is taken in.
	last bool
}

// write is a statement that has been executed.
type write struct {
	text string
	args []driver.Value
}

// unsigned is an event of this region that is written at the end of the group, with its proof.
type unsigned struct {
	ticket int64
	event  *store.Event
}

// ticketRef is what a group knows of a ticket, or of an id that may become one.
type ticketRef struct {
	id                       string
	n                        int64 // 0 when the id has no short number yet
	row                      bool  // there is a row
	exists                   bool  // which holds a ticket
	number, origin, external string
	kind                     kind
	// lastEvent is the greatest event number, once counted.
	lastEvent uint32
	counted   bool
}

// newGroup begins a transaction.
func newGroup(c *conn, l *ledger, sealer store.Sealer) (*group, error) {
	g := &group{ledger: l, c: c, sealer: sealer, began: l.marks, tickets: map[string]*ticketRef{}, own: map[int64][]*store.Event{}}
	return g, g.begin()
}

func (g *group) begin() error {
	_, err := g.c.exec(`BEGIN IMMEDIATE`)
	return err
}

// rollback ends the transaction without its writes. A failed statement may have ended it already.
func (g *group) rollback() {
	_, _ = g.c.exec(`ROLLBACK`)
}

// full tells whether the group should be committed before another function is run.
func (g *group) full(functions int) bool {
	return g.broken != nil || g.last || functions >= maxFunctions || g.bytes >= maxBytes || len(g.unsigned) >= maxOwn
}

// run calls a function and undoes it if it fails.
func (g *group) run(now time.Time, fn func(store.Tx) error) outcome {
	if g.broken != nil {
		return outcome{err: g.broken}
	}
	marks, written, own, changes := g.marks, len(g.log), len(g.unsigned), g.changes
	t := &tx{reader: reader{c: g.c, group: g}, now: now, own: own}
	o := call(t, fn)
	if o.ok() {
		o.err = g.settle()
	}
	t.c = nil
	if o.err == nil {
		o.err = g.broken // whatever the function made of it
	}
	if o.ok() {
		g.keep()
		return o
	}
	g.undo(marks)
	g.changes = changes
	for _, u := range g.unsigned[own:] {
		g.own[u.ticket] = g.own[u.ticket][:len(g.own[u.ticket])-1]
	}
	g.unsigned = g.unsigned[:own]
	g.rowless = g.rowless[:0]
	clear(g.tickets)
	if len(g.log) > written {
		g.log = g.log[:written]
		g.replay()
	}
	return o
}

// call runs a function; a panic is its caller's.
func call(t *tx, fn func(store.Tx) error) (o outcome) {
	defer func() {
		if p := recover(); p != nil {
			o = outcome{panicked: fmt.Sprintf("%v\n\nin an update of the store:\n%s", p, debug.Stack())}
		}
	}()
	return outcome{err: fn(t)}
}

// replay starts the transaction again with what the log has.
func (g *group) replay() {
	g.last = true
	if g.broken != nil {
		return
	}
	g.rollback()
	if g.broken = g.begin(); g.broken != nil {
		return
	}
	for _, w := range g.log {
		if _, g.broken = g.c.exec(w.text, w.args...); g.broken != nil {
			return
		}
	}
}

// commit signs what is unsigned and makes everything durable. On an error nothing of the group is kept.
func (g *group) commit() error {
	err := g.finish()
	if err != nil {
		g.rollback()
		return err
	}
	g.written()
	return nil
}

func (g *group) finish() error {
	switch {
	case g.broken != nil:
		return g.broken
	case len(g.log) == 0 && len(g.unsigned) == 0 && !g.changedSince(g.began):
		g.rollback()
		return nil
	}
	if err := g.seal(); err != nil {
		return err
	}
	if err := g.flush(g.began, g.exec); err != nil {
		return err
	}
	_, err := g.c.exec(`COMMIT`)
	return err
}

// seal signs the group's own events, all with one signature, and writes them.
func (g *group) seal() error {
	if len(g.unsigned) == 0 {
		return nil
	}
	if g.sealer != nil {
		hashes := make([][32]byte, len(g.unsigned))
		for i, u := range g.unsigned {
			hashes[i] = u.event.Hash
		}
		proofs, err := g.sealer.Seal(hashes)
		if err != nil {
			return fmt.Errorf("sign %d events: %w", len(hashes), err)
		}
		if len(proofs) != len(hashes) {
			return fmt.Errorf("sign %d events: the sealer gave %d proofs", len(hashes), len(proofs))
		}
		for i := range proofs {
			g.unsigned[i].event.Proof = proofs[i]
		}
	}
	for _, u := range g.unsigned {
		if err := g.insertEvent(u.ticket, u.event); err != nil {
			return err
		}
	}
	return nil
}

func (g *group) insertEvent(ticket int64, e *store.Event) error {
	proof, err := encodeProof(e.Proof)
	if err != nil {
		return fmt.Errorf("event %d of ticket %s: proof: %w", e.Number, e.TicketID, err)
	}
	_, err = g.exec(`INSERT INTO event (id, kind, author, hash, bytes, proof, actor, from_future) VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
		eventID(ticket, e.Number), int64(e.Kind), e.Author, e.Hash[:], e.Bytes, proof, e.Actor, flag(e.FromFuture))
	return err
}

// exec runs a writing statement and remembers it.
func (g *group) exec(text string, args ...driver.Value) (int64, error) {
	if g.broken != nil {
		return 0, g.broken
	}
	n, err := g.c.exec(text, args...)
	switch {
	case err == nil:
		g.log = append(g.log, write{text, args})
		for _, a := range args {
			if b, ok := a.([]byte); ok {
				g.bytes += len(b)
			}
		}
	case !taken(err):
		g.broken = err
	}
	return n, err
}

// each runs a query; see conn.each.
func (g *group) each(text string, args []driver.Value, fn func(row) error) error {
	if g.broken != nil {
		return g.broken
	}
	var own error // the callback's, which breaks nothing
	err := g.c.each(text, args, func(row row) error {
		own = fn(row)
		return own
	})
	if err != nil && !errors.Is(err, own) {
		g.broken = err
	}
	return err
}

// number returns the one number a query finds; 0 for NULL or none.
func (g *group) number(text string, args ...driver.Value) (n int64, err error) {
	err = g.each(text, args, func(row row) error {
		n = row.integer(0)
		return nil
	})
	return n, err
}

// ticket finds what there is of a ticket.
func (g *group) ticket(id string) (*ticketRef, error) {
	if t := g.tickets[id]; t != nil {
		return t, nil
	}
	t := &ticketRef{id: id}
	// Most ids that are asked for here are new, and each column of a result costs, also of an empty one.
	n, err := g.number(`SELECT n FROM ticket WHERE id = ?`, id)
	if err != nil {
		return nil, err
	}
	if n == 0 {
		g.tickets[id] = t
		return t, nil
	}
	err = g.each(`SELECT n, number, origin, external_id, state, holder, test, body IS NOT NULL FROM ticket WHERE n = ?`,
		[]driver.Value{n}, func(row row) error {
			t.n, t.row, t.number, t.origin, t.external = row.integer(0), true, row.text(1), row.text(2), row.text(3)
			t.kind, t.exists = kind{jieliv1.Ticket_State(row.integer(4)), row.text(5), row.flag(6)}, row.flag(7) // #nosec G115 -- written from one
			return nil
		})
	if err != nil {
		return nil, err
	}
	g.tickets[id] = t
	return t, nil
}

// place finds a ticket's short number, or gives it one, for what is about to be written.
func (g *group) place(id string) (*ticketRef, error) {
	t, err := g.ticket(id)
	if err != nil || t.n != 0 {
		return t, err
	}
	if g.lastTicket == maxTicket {
		return nil, fmt.Errorf("ticket %s: the store holds %d tickets, as many as it can", id, maxTicket)
	}
	g.lastTicket++
	t.n, t.counted = g.lastTicket, true
	g.rowless = append(g.rowless, t)
	return t, nil
}

// remember notes what a read ticket's row has.
func (g *group) remember(n int64, t *store.Ticket) {
	id := t.State.GetId()
	if g.tickets[id] != nil {
		return
	}
	g.tickets[id] = &ticketRef{
		n: n, id: id, row: true, exists: true,
		number: t.State.GetNumber(), origin: t.State.GetOrigin(), external: t.State.GetExternalId(), kind: kindOf(t),
	}
}

// settle gives tickets that are only pointed at a row that keeps their place.
func (g *group) settle() error {
	for _, t := range g.rowless {
		if t.row {
			continue
		}
		if _, err := g.exec(`INSERT INTO ticket (n, id) VALUES (?, ?)`, t.n, t.id); err != nil {
			return err
		}
		t.row = true
	}
	g.rowless = g.rowless[:0]
	return nil
}

// hasEvent tells whether a ticket has an event of this number, and counts its events the first time.
func (g *group) hasEvent(t *ticketRef, number uint32) (bool, error) {
	if !t.counted {
		last, err := g.number(`SELECT max(id) FROM event WHERE id BETWEEN ? AND ?`, eventID(t.n, 0), eventID(t.n, 1<<numberBits-1))
		if err != nil {
			return false, err
		}
		t.lastEvent, t.counted = eventNumber(last), true
		for _, e := range g.own[t.n] {
			t.lastEvent = max(t.lastEvent, e.Number)
		}
	}
	if number > t.lastEvent {
		return false, nil
	}
	for _, e := range g.own[t.n] {
		if e.Number == number {
			return true, nil
		}
	}
	n, err := g.number(`SELECT count(*) FROM event WHERE id = ?`, eventID(t.n, number))
	return n > 0, err
}

// addUnsigned merges a ticket's unsigned events into those read.
func (g *group) addUnsigned(events []*store.Event, ticket int64, from uint32) []*store.Event {
	if len(g.own[ticket]) == 0 {
		return events
	}
	for _, e := range g.own[ticket] {
		if e.Number >= from {
			events = append(events, copyEvent(e))
		}
	}
	slices.SortFunc(events, func(a, b *store.Event) int { return int(int64(a.Number) - int64(b.Number)) })
	return events
}

// link finds a link's short number, making its row the first time.
func (g *group) link(peer string) (int64, error) {
	if n, ok := g.links[peer]; ok {
		return n, nil
	}
	find := func() (n int64, err error) {
		err = g.each(`SELECT n, last_sequence FROM link WHERE peer = ?`, []driver.Value{peer}, func(row row) error {
			n = row.integer(0)
			if _, ok := g.sequences.values[peer]; !ok {
				g.sequences.values[peer] = row.integer(1)
			}
			return nil
		})
		return n, err
	}
	n, err := find()
	if err == nil && n == 0 {
		if _, err = g.exec(`INSERT INTO link (peer) VALUES (?)`, peer); err == nil {
			n, err = find()
		}
	}
	switch {
	case err != nil:
		return 0, err
	case n > maxLink:
		return 0, fmt.Errorf("link with %s: the store has %d links, as many as it can", peer, maxLink)
	}
	g.links[peer] = n
	return n, nil
}

// note adds a peer to those something changed for.
func note(peers []string, peer string) []string {
	if slices.Contains(peers, peer) {
		return peers
	}
	return append(peers, peer)
}

func copyEvent(e *store.Event) *store.Event {
	c := *e
	c.Bytes = slices.Clone(e.Bytes)
	return &c
}
