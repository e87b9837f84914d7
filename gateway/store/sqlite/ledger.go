package sqlite

import (
	"database/sql/driver"

	"github.com/jieli-gateway/jieli/gateway/store"
	jieliv1 "github.com/jieli-gateway/jieli/proto/jieli/v1"
)

// kind is what tickets are counted by.
type kind struct {
	state  jieliv1.Ticket_State
	holder string
	test   bool
}

func kindOf(t *store.Ticket) kind {
	return kind{t.State.GetState(), t.Holder, t.State.GetTest()}
}

// ledger holds the numbers the writer gives out, so that a commit writes each once however often it was used. It is
// never ahead of the database but while a group runs, and is read anew after one that failed.
type ledger struct {
	marks
	counters  tally[string]
	sequences tally[string] // peer -> greatest sequence of its outbox
	counts    tally[kind]
	links     map[string]int64 // peer -> link.n
}

// marks are the greatest numbers given.
type marks struct {
	lastTicket  int64 // ticket.n
	lastFeed    int64
	lastChanged int64
}

// maxCounters bounds how many counters are remembered between commits.
const maxCounters = 1024

// readLedger reads the numbers; a few rows, however many tickets there are.
func readLedger(c *conn) (*ledger, error) {
	l := &ledger{
		counters: newTally[string](), sequences: newTally[string](), counts: newTally[kind](), links: map[string]int64{},
	}
	for text, to := range map[string]*int64{
		`SELECT max(n) FROM ticket`: &l.lastTicket,
		`SELECT max(seq) FROM feed`: &l.lastFeed,
		`SELECT changed FROM store`: &l.lastChanged,
	} {
		if _, err := c.one(text, nil, func(row row) error { *to = row.integer(0); return nil }); err != nil {
			return nil, err
		}
	}
	return l, readCounts(c, func(k kind, n int64) { l.counts.values[k] = n })
}

// keep makes what the running function did to the numbers final for this group.
func (l *ledger) keep() {
	l.counters.keep()
	l.sequences.keep()
	l.counts.keep()
}

// undo takes back what the running function did to the numbers.
func (l *ledger) undo(m marks) {
	l.marks = m
	l.counters.undo()
	l.sequences.undo()
	l.counts.undo()
	clear(l.links)
}

// changedSince tells whether a commit has numbers to write.
func (l *ledger) changedSince(m marks) bool {
	return l.lastChanged != m.lastChanged || len(l.counters.dirty)+len(l.sequences.dirty)+len(l.counts.dirty) > 0
}

// flush writes what has changed into the database.
func (l *ledger) flush(m marks, exec func(string, ...driver.Value) (int64, error)) error {
	for name := range l.counters.dirty {
		if _, err := exec(`INSERT INTO counter (name, value) VALUES (?, ?)
			ON CONFLICT (name) DO UPDATE SET value = excluded.value`, name, l.counters.values[name]); err != nil {
			return err
		}
	}
	for peer := range l.sequences.dirty {
		if _, err := exec(`UPDATE link SET last_sequence = ? WHERE peer = ?`, l.sequences.values[peer], peer); err != nil {
			return err
		}
	}
	for k := range l.counts.dirty {
		if _, err := exec(`INSERT INTO ticket_count (state, holder, test, tickets) VALUES (?, ?, ?, ?)
			ON CONFLICT (state, holder, test) DO UPDATE SET tickets = excluded.tickets`,
			int64(k.state), k.holder, flag(k.test), l.counts.values[k]); err != nil {
			return err
		}
	}
	if l.lastChanged != m.lastChanged {
		if _, err := exec(`UPDATE store SET changed = ?`, l.lastChanged); err != nil {
			return err
		}
	}
	return nil
}

// written forgets what was to be written, after the commit.
func (l *ledger) written() {
	clear(l.counters.dirty)
	clear(l.sequences.dirty)
	clear(l.counts.dirty)
	if len(l.counters.values) > maxCounters {
		clear(l.counters.values)
	}
}

// tally is a set of numbers of which one function's changes can be undone.
type tally[K comparable] struct {
	values map[K]int64
	dirty  map[K]bool
	before map[K]int64 // what the running function found
}

func newTally[K comparable]() tally[K] {
	return tally[K]{values: map[K]int64{}, dirty: map[K]bool{}, before: map[K]int64{}}
}

func (t *tally[K]) set(k K, n int64) {
	if _, ok := t.before[k]; !ok {
		t.before[k] = t.values[k]
	}
	t.values[k] = n
	t.dirty[k] = true
}

func (t *tally[K]) keep() { clear(t.before) }

func (t *tally[K]) undo() {
	for k, n := range t.before {
		t.values[k] = n
	}
	clear(t.before)
}
