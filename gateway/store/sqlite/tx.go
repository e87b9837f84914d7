package sqlite

import (
	"database/sql/driver"
	"errors"
	"fmt"
	"time"

	"github.com/jieli-gateway/jieli/gateway/store"
	jieliv1 "github.com/jieli-gateway/jieli/proto/jieli/v1"
)

// tx writes within one function of a group. Rows are written at once; only this region's events wait for the group's
// signature, and numbers for the ledger.
type tx struct {
	reader
	now time.Time
	// own is how many unsigned events the group had before this function.
	own int
}

var _ store.Tx = (*tx)(nil)

// writable refuses work on a transaction that is over, and what lacks its key.
func (t *tx) writable(complete bool, complaint string) error {
	if err := t.usable(); err != nil {
		return err
	}
	if !complete {
		return errors.New(complaint)
	}
	return nil
}

func (t *tx) PutTicket(n *store.Ticket) error {
	id := n.State.GetId()
	if err := t.writable(id != "", "a ticket needs a state with an id"); err != nil {
		return err
	}
	ref, err := t.group.place(id)
	if err != nil {
		return err
	}
	changed := max(t.group.lastChanged+1, t.now.UnixMicro())
	if err := t.writeTicket(ref, n, changed); err != nil {
		if taken(err) {
			return fmt.Errorf("ticket %s: number %s or external id %s of %s is another ticket's: %w",
				id, n.State.GetNumber(), n.State.GetExternalId(), n.State.GetOrigin(), store.ErrConflict)
		}
		return fmt.Errorf("ticket %s: %w", id, err)
	}
	counts := &t.group.counts
	if ref.exists {
		counts.set(ref.kind, counts.values[ref.kind]-1)
	}
	ref.row, ref.exists, ref.kind = true, true, kindOf(n)
	ref.number, ref.origin, ref.external = n.State.GetNumber(), n.State.GetOrigin(), n.State.GetExternalId()
	counts.set(ref.kind, counts.values[ref.kind]+1)
	t.group.lastChanged = changed
	n.Changed, n.UpdateTime = changed, time.UnixMicro(changed).UTC()
	return nil
}

func (t *tx) writeTicket(ref *ticketRef, n *store.Ticket, changed int64) error {
	s := n.State
	body, err := encodeTicket(n)
	if err != nil {
		return fmt.Errorf("encode: %w", err)
	}
	waiting := s.GetState() == jieliv1.Ticket_UNROUTED || n.WaitRevision != 0
	columns := []driver.Value{ // #nosec G115 -- bits kept
		int64(s.GetState()), n.Holder, s.GetService(), s.GetDivision(), flag(s.GetTest()), flag(waiting), changed,
		moment(n.Due), moment(n.Yellow), moment(n.Timer), flag(n.Provisional), body,
	}
	names := []driver.Value{optional(s.GetNumber()), s.GetOrigin(), optional(s.GetExternalId())}
	const update = `UPDATE ticket SET state = ?, holder = ?, service = ?, division = ?, test = ?, waiting = ?, changed = ?,
		due = ?, yellow = ?, timer = ?, provisional = ?, body = ?`
	switch {
	case !ref.row:
		_, err = t.group.exec(`INSERT INTO ticket (state, holder, service, division, test, waiting, changed,
			due, yellow, timer, provisional, body, number, origin, external_id, n, id)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
			append(append(columns, names...), ref.n, ref.id)...)
	case ref.number == s.GetNumber() && ref.origin == s.GetOrigin() && ref.external == s.GetExternalId():
		// Leaving out the columns of the unique indexes leaves those indexes alone.
		_, err = t.group.exec(update+` WHERE n = ?`, append(columns, ref.n)...)
	default:
		_, err = t.group.exec(update+`, number = ?, origin = ?, external_id = ? WHERE n = ?`,
			append(append(columns, names...), ref.n)...)
	}
	return err
}

func (t *tx) AppendEvent(e *store.Event) error {
	if err := t.writable(e.TicketID != "", "an event needs a ticket id"); err != nil {
		return err
	}
	ref, err := t.group.place(e.TicketID)
	if err != nil {
		return err
	}
	switch has, err := t.group.hasEvent(ref, e.Number); {
	case err != nil:
		return fmt.Errorf("event %d of ticket %s: %w", e.Number, e.TicketID, err)
	case has:
		return fmt.Errorf("event %d of ticket %s: %w", e.Number, e.TicketID, store.ErrConflict)
	}
	if e.Proof == nil {
		err = t.appendOwn(ref.n, e)
	} else {
		err = t.group.insertEvent(ref.n, e)
	}
	if err != nil {
		return fmt.Errorf("event %d of ticket %s: %w", e.Number, e.TicketID, err)
	}
	ref.lastEvent = max(ref.lastEvent, e.Number)
	return nil
}

// appendOwn keeps an event for the group's signature.
func (t *tx) appendOwn(ticket int64, e *store.Event) error {
	g := t.group
	if len(g.unsigned)-t.own >= maxOwnEach {
		return fmt.Errorf("one update appends at most %d events of this region", maxOwnEach)
	}
	kept := copyEvent(e)
	g.unsigned = append(g.unsigned, unsigned{ticket, kept})
	g.own[ticket] = append(g.own[ticket], kept)
	return nil
}

func (t *tx) PutContent(c *store.Content) error {
	if err := t.writable(c.TicketID != "", "content needs a ticket id"); err != nil {
		return err
	}
	ref, err := t.group.place(c.TicketID)
	if err != nil {
		return err
	}
	event := eventID(ref.n, c.Number)
	_, err = t.group.exec(`INSERT INTO content (event, name, commitment, random, data, absence) VALUES (?, ?, ?, ?, ?, ?)`,
		event, c.Name, c.Commitment[:], c.Random, c.Data, int64(c.Absence))
	if taken(err) {
		_, err = t.group.exec(`UPDATE content SET commitment = ?, random = ?, data = ?, absence = ? WHERE event = ? AND name = ?`,
			c.Commitment[:], c.Random, c.Data, int64(c.Absence), event, c.Name)
		t.group.erased = true
	}
	if err != nil {
		return fmt.Errorf("content %s of event %d of ticket %s: %w", c.Name, c.Number, c.TicketID, err)
	}
	return nil
}

func (t *tx) NextCounter(name string) (uint64, error) {
	if err := t.writable(true, ""); err != nil {
		return 0, err
	}
	counters := &t.group.counters
	n, known := counters.values[name]
	if !known {
		var err error
		if n, err = t.group.number(`SELECT value FROM counter WHERE name = ?`, name); err != nil {
			return 0, fmt.Errorf("counter %s: %w", name, err)
		}
		counters.values[name] = n
	}
	counters.set(name, n+1)
	return uint64(n + 1), nil // #nosec G115 -- counts from 1
}

func (t *tx) Enqueue(r *store.OutboxRow) (uint64, error) {
	if err := t.writable(r.Peer != "", "an outbox row needs a peer"); err != nil {
		return 0, err
	}
	g := t.group
	link, err := g.link(r.Peer)
	if err != nil {
		return 0, err
	}
	var event driver.Value
	if r.Kind != store.OutboxEmpty {
		ref, err := g.place(r.TicketID)
		if err != nil {
			return 0, err
		}
		event = eventID(ref.n, r.Number)
	}
	seq := g.sequences.values[r.Peer] + 1
	if seq > maxSequence {
		return 0, fmt.Errorf("outbox to %s: all %d sequences are used", r.Peer, int64(maxSequence))
	}
	_, err = g.exec(`INSERT INTO outbox (id, kind, event, name, hash, time) VALUES (?, ?, ?, ?, ?, ?)`,
		link<<sequenceBits|seq, int64(r.Kind), event, r.Name, r.Hash[:], r.Time.UnixMicro())
	if err != nil {
		return 0, fmt.Errorf("outbox to %s: %w", r.Peer, err)
	}
	g.sequences.set(r.Peer, seq)
	g.changes.Peers = note(g.changes.Peers, r.Peer)
	r.Seq = uint64(seq) // #nosec G115 -- positive
	return r.Seq, nil
}

func (t *tx) EmptyOutboxRow(peer string, seq uint64) error {
	if err := t.writable(true, ""); err != nil {
		return err
	}
	link, err := t.link(peer)
	if err != nil {
		return err
	}
	var changed int64
	if link != 0 && seq <= maxSequence {
		changed, err = t.group.exec(`UPDATE outbox SET kind = 3, event = NULL, name = '', hash = ? WHERE id = ?`,
			make([]byte, 32), outboxID(link, seq))
	}
	if err == nil && changed == 0 {
		err = store.ErrNotFound
	}
	if err != nil {
		return fmt.Errorf("outbox row %d to %s: %w", seq, peer, err)
	}
	return nil
}

func (t *tx) PutLink(l *store.Link) error {
	if err := t.writable(l.Peer != "", "a link needs a peer"); err != nil {
		return err
	}
	link, err := t.group.link(l.Peer)
	if err == nil {
		_, err = t.group.exec(`UPDATE link SET acknowledged = ?, acknowledged_hash = ?, peer_receipt = ?, sent_mark = ?,
			streaming = ?, received = ?, received_hash = ?, receipt_number = ?, peer_epoch = ?,
			fault = ?, fault_detail = ?, fault_time = ? WHERE n = ?`, // #nosec G115 -- bits kept
			int64(l.Acknowledged), l.AcknowledgedHash[:], int64(l.PeerReceipt), int64(l.SentMark),
			flag(l.Streaming), int64(l.Received), l.ReceivedHash[:], int64(l.ReceiptNumber), l.PeerEpoch,
			l.Fault, l.FaultDetail, l.FaultTime.UnixMicro(), link)
	}
	if err != nil {
		return fmt.Errorf("link with %s: %w", l.Peer, err)
	}
	return nil
}

func (t *tx) PutReceipt(r *store.Receipt) error {
	return t.putReceipt(`INSERT OR REPLACE INTO receipt (peer, number, first_sequence, last_sequence, bytes)
		VALUES (?, ?, ?, ?, ?)`, r)
}

func (t *tx) PutPeerReceipt(r *store.Receipt) error {
	return t.putReceipt(`INSERT OR REPLACE INTO peer_receipt (peer, number, first_sequence, last_sequence, bytes)
		VALUES (?, ?, ?, ?, ?)`, r)
}

func (t *tx) putReceipt(text string, r *store.Receipt) error {
	if err := t.writable(r.Peer != "", "a receipt needs a peer"); err != nil {
		return err
	}
	_, err := t.group.exec(text, // #nosec G115 -- bits kept
		r.Peer, int64(r.Number), int64(r.FirstSequence), int64(r.LastSequence), r.Bytes)
	if err != nil {
		return fmt.Errorf("receipt %d of the link with %s: %w", r.Number, r.Peer, err)
	}
	return nil
}

func (t *tx) PutFeed(f *store.FeedRow) error {
	if err := t.writable(f.TicketID != "", "a feed row needs a ticket id"); err != nil {
		return err
	}
	ref, err := t.group.place(f.TicketID)
	if err != nil {
		return err
	}
	seq := t.group.lastFeed + 1
	_, err = t.group.exec(`INSERT INTO feed (seq, kind, ticket, event_number, state, holder, reason, time) VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
		seq, int64(f.Kind), ref.n, int64(f.EventNumber), int64(f.State), f.Holder, f.Reason, t.now.UnixMicro())
	if err != nil {
		return fmt.Errorf("feed row of ticket %s: %w", f.TicketID, err)
	}
	t.group.lastFeed = seq
	f.Seq, f.Time = seq, time.UnixMicro(t.now.UnixMicro()).UTC()
	row := *f
	t.group.changes.Feed = append(t.group.changes.Feed, &row)
	return nil
}

func (t *tx) PutRequest(r *store.Request) error {
	if err := t.writable(r.ID != "", "a request needs an id"); err != nil {
		return err
	}
	_, err := t.group.exec(`INSERT OR REPLACE INTO request
		(id, peer, ticket_id, kind, incoming, bytes, settled, code, answer, time) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		r.ID, r.Peer, r.TicketID, int64(r.Kind), flag(r.Incoming), r.Bytes, flag(r.Settled), r.Code, r.Answer, r.Time.UnixMicro())
	if err != nil {
		return fmt.Errorf("request %s: %w", r.ID, err)
	}
	t.group.erased = t.group.erased || r.Settled
	if !r.Incoming && !r.Settled {
		t.group.changes.Requests = note(t.group.changes.Requests, r.Peer)
	}
	return nil
}

func (t *tx) PutDecision(d *store.Decision) error {
	if err := t.writable(d.TicketID != "", "a decision needs a ticket id"); err != nil {
		return err
	}
	_, err := t.group.exec(`INSERT INTO decision (ticket_id, number, hash, kind, reason, bytes) VALUES (?, ?, ?, ?, ?, ?)`,
		d.TicketID, int64(d.Number), d.Hash[:], int64(d.Kind), d.Reason, d.Bytes)
	if taken(err) {
		err = store.ErrConflict
	}
	if err != nil {
		return fmt.Errorf("decision on event %d of ticket %s: %w", d.Number, d.TicketID, err)
	}
	return nil
}

func (t *tx) PutAnswered(a *store.Answered) error {
	if err := t.writable(a.RequestID != "", "an answered command needs a request id"); err != nil {
		return err
	}
	_, err := t.group.exec(`INSERT INTO answered (digest, ticket_id, time, request_id) VALUES (?, ?, ?, ?)`,
		a.Digest[:], a.TicketID, a.Time.UnixMicro(), a.RequestID)
	if taken(err) { // replaced, it keeps its age
		_, err = t.group.exec(`UPDATE answered SET digest = ?, ticket_id = ?, time = ? WHERE request_id = ?`,
			a.Digest[:], a.TicketID, a.Time.UnixMicro(), a.RequestID)
	}
	if err != nil {
		return fmt.Errorf("request id %s: %w", a.RequestID, err)
	}
	return nil
}

func (t *tx) PutEvidence(e *store.Evidence) error {
	if err := t.writable(e.Peer != "", "evidence needs a peer"); err != nil {
		return err
	}
	args := []driver.Value{e.TicketID, e.Reason, e.Bytes, e.Time.UnixMicro(), e.Peer, int64(e.Seq)} // #nosec G115 -- bits kept
	_, err := t.group.exec(`INSERT INTO evidence (ticket_id, reason, bytes, time, peer, seq) VALUES (?, ?, ?, ?, ?, ?)`, args...)
	if taken(err) { // replaced, it keeps its age
		_, err = t.group.exec(`UPDATE evidence SET ticket_id = ?, reason = ?, bytes = ?, time = ? WHERE peer = ? AND seq = ?`, args...)
	}
	if err != nil {
		return fmt.Errorf("evidence of item %d of %s: %w", e.Seq, e.Peer, err)
	}
	return nil
}

func (t *tx) DeleteEvidence(peer string, seq uint64) error {
	if err := t.writable(true, ""); err != nil {
		return err
	}
	if _, err := t.group.exec(`DELETE FROM evidence WHERE peer = ? AND seq = ?`, peer, int64(seq)); err != nil { // #nosec G115 -- bits kept
		return fmt.Errorf("evidence of item %d of %s: %w", seq, peer, err)
	}
	t.group.erased = true
	return nil
}

func (t *tx) PutStopped(s *store.StoppedTicket) error {
	if err := t.writable(s.Peer != "" && s.TicketID != "", "a stopped ticket needs a peer and a ticket id"); err != nil {
		return err
	}
	_, err := t.group.exec(`INSERT OR REPLACE INTO stopped (peer, ticket_id, reason, by_peer, time) VALUES (?, ?, ?, ?, ?)`,
		s.Peer, s.TicketID, s.Reason, flag(s.ByPeer), s.Time.UnixMicro())
	if err != nil {
		return fmt.Errorf("stopped ticket %s: %w", s.TicketID, err)
	}
	return nil
}

func (t *tx) DeleteStopped(peer, ticketID string) error {
	if err := t.writable(true, ""); err != nil {
		return err
	}
	if _, err := t.group.exec(`DELETE FROM stopped WHERE peer = ? AND ticket_id = ?`, peer, ticketID); err != nil {
		return fmt.Errorf("stopped ticket %s: %w", ticketID, err)
	}
	return nil
}

// Prune counts by first and last number where rows go only from the old end, so that it costs nothing to ask.
func (t *tx) Prune(b store.Bounds, limit int) (int, error) {
	if err := t.writable(true, ""); err != nil {
		return 0, err
	}
	dropped := int64(0)
	for _, p := range []struct {
		bound      int
		count, del string
	}{
		{
			b.Answered, `SELECT (SELECT max(n) FROM answered) - (SELECT min(n) FROM answered) + 1`,
			`DELETE FROM answered WHERE n < (SELECT min(n) FROM answered) + ?`,
		},
		{
			b.Evidence, `SELECT count(*) FROM evidence`,
			`DELETE FROM evidence WHERE n IN (SELECT n FROM evidence ORDER BY n LIMIT ?)`,
		},
		{
			b.Feed, `SELECT (SELECT max(seq) FROM feed) - (SELECT min(seq) FROM feed) + 1`,
			`DELETE FROM feed WHERE seq < (SELECT min(seq) FROM feed) + ?`,
		},
	} {
		if p.bound <= 0 {
			continue
		}
		have, err := t.number(p.count)
		if err != nil {
			return 0, err
		}
		excess := min(have-int64(p.bound), int64(limit)-dropped)
		if excess <= 0 {
			continue
		}
		n, err := t.group.exec(p.del, excess)
		if err != nil {
			return 0, fmt.Errorf("prune: %w", err)
		}
		dropped += n
		t.group.erased = true
	}
	return int(dropped), nil
}
