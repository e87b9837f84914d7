package memory

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jieli-gateway/jieli/gateway/store"
)

// errOver is what a transaction says that is used after its function has returned.
var errOver = errors.New("this update is over")

// tx writes into a state of its own; the store takes that over when the function succeeds.
type tx struct {
	reader
	next state
	now  time.Time
	// own lists the keys of this region's events that wait for their proof.
	own     []string
	changes store.Changes
	peers   map[string]bool
	over    bool
}

var _ store.Tx = (*tx)(nil)

func newTx(from *state, now time.Time) *tx {
	t := &tx{next: *from, now: now, peers: map[string]bool{}}
	t.reader = reader{&t.next}
	return t
}

func (t *tx) PutTicket(n *store.Ticket) error {
	id := n.State.GetId()
	if err := t.usable(id != "", "a ticket needs a state with an id"); err != nil {
		return err
	}
	number, external := n.State.GetNumber(), key(n.State.GetExternalId(), n.State.GetOrigin())
	if taken, ok := t.next.numbers.get(number); ok && taken != id {
		return fmt.Errorf("ticket %s: number %s is ticket %s's: %w", id, number, taken, store.ErrConflict)
	}
	if taken, ok := t.next.externals.get(external); ok && taken != id {
		return fmt.Errorf("ticket %s: external id %s of %s is ticket %s's: %w",
			id, n.State.GetExternalId(), n.State.GetOrigin(), taken, store.ErrConflict)
	}
	if old, ok := t.next.tickets.get(id); ok {
		t.next.numbers = t.next.numbers.delete(old.State.GetNumber())
		t.next.externals = t.next.externals.delete(key(old.State.GetExternalId(), old.State.GetOrigin()))
		t.next.changed = t.next.changed.delete(big(uint64(old.Changed)))
	}
	t.next.lastChanged = max(t.next.lastChanged+1, t.now.UnixMicro())
	n.Changed, n.UpdateTime = t.next.lastChanged, time.UnixMicro(t.next.lastChanged).UTC()
	if number != "" {
		t.next.numbers = t.next.numbers.put(number, id)
	}
	if n.State.GetExternalId() != "" {
		t.next.externals = t.next.externals.put(external, id)
	}
	t.next.changed = t.next.changed.put(big(uint64(n.Changed)), id)
	t.next.tickets = t.next.tickets.put(id, copyTicket(n))
	return nil
}

func (t *tx) AppendEvent(e *store.Event) error {
	if err := t.usable(e.TicketID != "", "an event needs a ticket id"); err != nil {
		return err
	}
	k := prefix(e.TicketID) + big(uint64(e.Number))
	if _, taken := t.next.events.get(k); taken {
		return fmt.Errorf("event %d of ticket %s: %w", e.Number, e.TicketID, store.ErrConflict)
	}
	t.next.events = t.next.events.put(k, copyEvent(e))
	if e.Proof == nil {
		t.own = append(t.own, k)
	}
	return nil
}

func (t *tx) PutContent(c *store.Content) error {
	if err := t.usable(c.TicketID != "", "content needs a ticket id"); err != nil {
		return err
	}
	t.next.contents = t.next.contents.put(prefix(c.TicketID)+big(uint64(c.Number))+c.Name, copyContent(c))
	return nil
}

func (t *tx) NextCounter(name string) (uint64, error) {
	if err := t.usable(true, ""); err != nil {
		return 0, err
	}
	n, _ := t.next.counters.get(name)
	t.next.counters = t.next.counters.put(name, n+1)
	return n + 1, nil
}

func (t *tx) Enqueue(r *store.OutboxRow) (uint64, error) {
	if err := t.usable(r.Peer != "", "an outbox row needs a peer"); err != nil {
		return 0, err
	}
	link, err := t.Link(r.Peer)
	if err != nil {
		return 0, err
	}
	link.LastSequence++
	r.Seq = link.LastSequence
	row := copyOutboxRow(r)
	t.next.links = t.next.links.put(r.Peer, link)
	t.next.outbox = t.next.outbox.put(prefix(r.Peer)+big(r.Seq), row)
	if r.Kind == store.OutboxEvent {
		t.next.outboxEvents = t.next.outboxEvents.put(outboxEventKey(row), row)
	}
	if !t.peers[r.Peer] {
		t.peers[r.Peer] = true
		t.changes.Peers = append(t.changes.Peers, r.Peer)
	}
	return r.Seq, nil
}

func (t *tx) EmptyOutboxRow(peer string, seq uint64) error {
	if err := t.usable(true, ""); err != nil {
		return err
	}
	row, ok := t.next.outbox.get(prefix(peer) + big(seq))
	if !ok {
		return fmt.Errorf("outbox row %d to %s: %w", seq, peer, store.ErrNotFound)
	}
	t.next.outboxEvents = t.next.outboxEvents.delete(outboxEventKey(row))
	empty := &store.OutboxRow{Peer: peer, Seq: seq, Kind: store.OutboxEmpty, Time: row.Time}
	t.next.outbox = t.next.outbox.put(prefix(peer)+big(seq), empty)
	return nil
}

func outboxEventKey(r *store.OutboxRow) string {
	return prefix(r.Peer, r.TicketID) + big(uint64(r.Number)) + big(r.Seq)
}

func (t *tx) PutLink(l *store.Link) error {
	if err := t.usable(l.Peer != "", "a link needs a peer"); err != nil {
		return err
	}
	now, err := t.Link(l.Peer)
	if err != nil {
		return err
	}
	next := copyLink(l)
	next.LastSequence = now.LastSequence
	t.next.links = t.next.links.put(l.Peer, next)
	return nil
}

func (t *tx) PutReceipt(r *store.Receipt) error {
	if err := t.usable(r.Peer != "", "a receipt needs a peer"); err != nil {
		return err
	}
	t.next.receipts = t.next.receipts.put(prefix(r.Peer)+big(r.Number), copyReceipt(r))
	return nil
}

func (t *tx) PutPeerReceipt(r *store.Receipt) error {
	if err := t.usable(r.Peer != "", "a receipt needs a peer"); err != nil {
		return err
	}
	t.next.peerReceipts = t.next.peerReceipts.put(prefix(r.Peer)+big(r.Number), copyReceipt(r))
	return nil
}

func (t *tx) PutFeed(f *store.FeedRow) error {
	if err := t.usable(f.TicketID != "", "a feed row needs a ticket id"); err != nil {
		return err
	}
	t.next.lastFeed++
	f.Seq, f.Time = t.next.lastFeed, whole(t.now)
	row := copyFeedRow(f)
	t.changes.Feed = append(t.changes.Feed, row)
	row = copyFeedRow(f)
	row.AtHand = nil
	t.next.feed = t.next.feed.put(big(uint64(f.Seq)), row)
	return nil
}

func (t *tx) PutRequest(r *store.Request) error {
	if err := t.usable(r.ID != "", "a request needs an id"); err != nil {
		return err
	}
	if old, ok := t.next.requests.get(r.ID); ok {
		t.next.open = t.next.open.delete(openKey(old))
	}
	next := copyRequest(r)
	t.next.requests = t.next.requests.put(r.ID, next)
	if !next.Incoming && !next.Settled {
		t.next.open = t.next.open.put(openKey(next), next)
		if !slices.Contains(t.changes.Requests, r.Peer) {
			t.changes.Requests = append(t.changes.Requests, r.Peer)
		}
	}
	return nil
}

// openKey sorts open requests by peer and age; the sign bit is turned so that times before 1970 sort first.
func openKey(r *store.Request) string {
	return prefix(r.Peer) + big(uint64(r.Time.UnixMicro())^1<<63) + r.ID
}

func (t *tx) PutDecision(d *store.Decision) error {
	if err := t.usable(d.TicketID != "", "a decision needs a ticket id"); err != nil {
		return err
	}
	k := prefix(d.TicketID) + big(uint64(d.Number))
	if _, taken := t.next.decisions.get(k); taken {
		return fmt.Errorf("decision on event %d of ticket %s: %w", d.Number, d.TicketID, store.ErrConflict)
	}
	t.next.decisions = t.next.decisions.put(k, copyDecision(d))
	return nil
}

func (t *tx) PutAnswered(a *store.Answered) error {
	if err := t.usable(a.RequestID != "", "an answered command needs a request id"); err != nil {
		return err
	}
	t.next.answered, t.next.answeredAges = putAged(t, t.next.answered, t.next.answeredAges, a.RequestID, copyAnswered(a))
	return nil
}

func (t *tx) PutEvidence(e *store.Evidence) error {
	if err := t.usable(e.Peer != "", "evidence needs a peer"); err != nil {
		return err
	}
	k := prefix(e.Peer) + big(e.Seq)
	t.next.evidence, t.next.evidenceAges = putAged(t, t.next.evidence, t.next.evidenceAges, k, copyEvidence(e))
	return nil
}

// putAged keeps a value's age when it is replaced.
func putAged[V any](t *tx, values tree[aged[V]], ages tree[string], k string, value V) (tree[aged[V]], tree[string]) {
	old, ok := values.get(k)
	if !ok {
		t.next.lastAge++
		old.age = t.next.lastAge
	}
	return values.put(k, aged[V]{value, old.age}), ages.put(big(old.age), k)
}

func (t *tx) DeleteEvidence(peer string, seq uint64) error {
	if err := t.usable(true, ""); err != nil {
		return err
	}
	k := prefix(peer) + big(seq)
	if old, ok := t.next.evidence.get(k); ok {
		t.next.evidence = t.next.evidence.delete(k)
		t.next.evidenceAges = t.next.evidenceAges.delete(big(old.age))
	}
	return nil
}

func (t *tx) PutStopped(s *store.StoppedTicket) error {
	if err := t.usable(s.Peer != "" && s.TicketID != "", "a stopped ticket needs a peer and a ticket id"); err != nil {
		return err
	}
	t.next.stopped = t.next.stopped.put(key(s.Peer, s.TicketID), copyStopped(s))
	return nil
}

func (t *tx) DeleteStopped(peer, ticketID string) error {
	if err := t.usable(true, ""); err != nil {
		return err
	}
	t.next.stopped = t.next.stopped.delete(key(peer, ticketID))
	return nil
}

func (t *tx) Prune(b store.Bounds, limit int) (int, error) {
	if err := t.usable(true, ""); err != nil {
		return 0, err
	}
	dropped := 0
	beyond := func(have, bound int) int {
		if bound <= 0 {
			return 0
		}
		return max(0, min(have-bound, limit-dropped))
	}
	for range beyond(t.next.answered.len(), b.Answered) {
		t.next.answered, t.next.answeredAges = dropOldest(t.next.answered, t.next.answeredAges)
		dropped++
	}
	for range beyond(t.next.evidence.len(), b.Evidence) {
		t.next.evidence, t.next.evidenceAges = dropOldest(t.next.evidence, t.next.evidenceAges)
		dropped++
	}
	for range beyond(t.next.feed.len(), b.Feed) {
		for k := range t.next.feed.from("") {
			t.next.feed = t.next.feed.delete(k)
			break
		}
		dropped++
	}
	return dropped, nil
}

func dropOldest[V any](values tree[aged[V]], ages tree[string]) (tree[aged[V]], tree[string]) {
	for age, k := range ages.from("") {
		return values.delete(k), ages.delete(age)
	}
	return values, ages
}

// usable refuses work on a transaction that is over, and what lacks its key.
func (t *tx) usable(complete bool, complaint string) error {
	switch {
	case t.over:
		return errOver
	case !complete:
		return errors.New(complaint)
	}
	return nil
}
