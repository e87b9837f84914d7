package sqlite

import (
	"context"
	"database/sql/driver"
	"fmt"
	"math"
	"runtime"
	"slices"

	"google.golang.org/protobuf/proto"

	"github.com/jieli-gateway/jieli/gateway/store"
	jieliv1 "github.com/jieli-gateway/jieli/proto/jieli/v1"
)

// reader reads through one connection: a snapshot of what is durable, or, with a group, the newest state of the group
// commit under way, some of which is not in the database yet.
type reader struct {
	c     *conn
	ctx   context.Context // of a View, which it can end
	group *group
	// shorts are short numbers of tickets this view has met.
	shorts map[string]int64
}

var _ store.Reader = (*reader)(nil)

// each runs a query; see conn.each.
func (r *reader) each(text string, args []driver.Value, fn func(row) error) error {
	if r.group != nil {
		return r.group.each(text, args, fn)
	}
	// On a machine with nothing idle the writer, back from a sync, would wait its turn behind whole views; giving way
	// here doubles what it gets done then (measured) and costs a view nothing otherwise.
	runtime.Gosched()
	n := 0
	return r.c.each(text, args, func(row row) error {
		if n++; n%256 == 0 {
			runtime.Gosched()
			if err := r.ctx.Err(); err != nil {
				return err
			}
		}
		return fn(row)
	})
}

// one runs a query for its first row; see conn.one.
func (r *reader) one(text string, args []driver.Value, fn func(row) error) (found bool, err error) {
	err = r.each(text, args, func(row row) error {
		found = true
		if err := fn(row); err != nil {
			return err
		}
		return errStop
	})
	return found, err
}

// usable refuses work after the function it was given to has returned.
func (r *reader) usable() error {
	switch {
	case r.c == nil:
		return errOver
	case r.group != nil:
		return r.group.broken
	default:
		return r.ctx.Err()
	}
}

// settle writes rows that other rows point at, before a query joins them.
func (r *reader) settle() error {
	if err := r.usable(); err != nil {
		return err
	}
	if r.group != nil {
		return r.group.settle()
	}
	return nil
}

// short finds a ticket's short number; 0 when the store has none for it.
func (r *reader) short(id string) (int64, error) {
	if err := r.usable(); err != nil {
		return 0, err
	}
	if r.group != nil {
		t, err := r.group.ticket(id)
		if err != nil {
			return 0, err
		}
		return t.n, nil
	}
	if n := r.shorts[id]; n != 0 {
		return n, nil
	}
	var n int64
	_, err := r.one(`SELECT n FROM ticket WHERE id = ?`, []driver.Value{id}, func(row row) error {
		n = row.integer(0)
		return nil
	})
	r.met(id, n)
	return n, err
}

// met remembers, for the rest of a view, a ticket's short number.
func (r *reader) met(id string, n int64) {
	if r.group != nil || n == 0 {
		return
	}
	if r.shorts == nil {
		r.shorts = map[string]int64{}
	}
	r.shorts[id] = n
}

// list collects what a query finds.
func list[T any](r *reader, text string, args []driver.Value, scan func(row) (*T, error)) ([]*T, error) {
	if err := r.usable(); err != nil {
		return nil, err
	}
	var found []*T
	err := r.each(text, args, func(row row) error {
		v, err := scan(row)
		if err == nil && v != nil {
			found = append(found, v)
		}
		return err
	})
	return found, err
}

// find returns the first thing a query finds, or nil.
func find[T any](r *reader, text string, args []driver.Value, scan func(row) (*T, error)) (*T, error) {
	if err := r.usable(); err != nil {
		return nil, err
	}
	var found *T
	_, err := r.one(text, args, func(row row) (err error) {
		found, err = scan(row)
		return err
	})
	return found, err
}

func (r *reader) Ticket(id string) (*store.Ticket, error) {
	if err := r.usable(); err != nil {
		return nil, err
	}
	if r.group != nil {
		if ref := r.group.tickets[id]; ref != nil && !ref.exists {
			return nil, fmt.Errorf("ticket %s: %w", id, store.ErrNotFound)
		}
	}
	met := false
	t, err := find(r, `SELECT `+ticketColumns+` FROM ticket WHERE id = ?`, []driver.Value{id}, func(row row) (*store.Ticket, error) {
		met = true
		return r.scanTicket(row)
	})
	if err == nil && !met && r.group != nil {
		r.group.tickets[id] = &ticketRef{id: id} // PutTicket need not look again
	}
	if err == nil && t == nil {
		err = store.ErrNotFound
	}
	if err != nil {
		return nil, fmt.Errorf("ticket %s: %w", id, err)
	}
	return t, nil
}

func (r *reader) TicketByNumber(number string) (*store.Ticket, error) {
	t, err := r.ticketOf(`SELECT n FROM ticket WHERE number = ?`, number)
	if err == nil && t == nil {
		err = store.ErrNotFound
	}
	if err != nil {
		return nil, fmt.Errorf("ticket of number %s: %w", number, err)
	}
	return t, nil
}

func (r *reader) TicketByExternalID(origin, externalID string) (*store.Ticket, error) {
	t, err := r.ticketOf(`SELECT n FROM ticket WHERE external_id = ? AND origin = ?`, externalID, origin)
	if err == nil && t == nil {
		err = store.ErrNotFound
	}
	if err != nil {
		return nil, fmt.Errorf("ticket %s of %s: %w", externalID, origin, err)
	}
	return t, nil
}

// ticketOf finds the ticket whose short number a query finds; nil for none, which is what is mostly hoped for, and
// costs less with one column.
func (r *reader) ticketOf(text string, args ...driver.Value) (*store.Ticket, error) {
	n, err := r.number(text, args...)
	if err != nil || n == 0 {
		return nil, err
	}
	return find(r, `SELECT `+ticketColumns+` FROM ticket WHERE n = ?`, []driver.Value{n}, r.scanTicket)
}

// scanTicket reads a ticket and, within a group, remembers what PutTicket will ask about it.
func (r *reader) scanTicket(row row) (*store.Ticket, error) {
	t, err := scanTicket(row)
	if err != nil || t == nil {
		return t, err
	}
	if r.group != nil {
		r.group.remember(row.integer(0), t)
	}
	r.met(t.State.GetId(), row.integer(0))
	return t, nil
}

func (r *reader) CountTickets() (map[jieliv1.Ticket_State]uint64, error) {
	counts := map[jieliv1.Ticket_State]uint64{}
	err := r.counts(func(k kind, n int64) {
		if !k.test {
			counts[k.state] += uint64(n) // #nosec G115 -- counts are not negative
		}
	})
	return counts, err
}

func (r *reader) CountHeld(region string) (uint64, error) {
	var held uint64
	err := r.counts(func(k kind, n int64) {
		if k.holder == region && !store.Finished(k.state) {
			held += uint64(n) // #nosec G115 -- counts are not negative
		}
	})
	return held, err
}

func (r *reader) CountWaiting(region string) (map[jieliv1.Ticket_State]uint64, error) {
	waiting := map[jieliv1.Ticket_State]uint64{}
	err := r.counts(func(k kind, n int64) {
		if k.holder == region && !k.test && store.ForPeople(k.state) && n > 0 {
			waiting[k.state] += uint64(n) // #nosec G115 -- counts are not negative
		}
	})
	return waiting, err
}

// counts calls fn with each kind of ticket there is and how many there are.
func (r *reader) counts(fn func(kind, int64)) error {
	if err := r.usable(); err != nil {
		return err
	}
	if r.group != nil {
		for k, n := range r.group.counts.values {
			if n > 0 {
				fn(k, n)
			}
		}
		return nil
	}
	return readCounts(r.c, fn)
}

func readCounts(c *conn, fn func(kind, int64)) error {
	return c.each(`SELECT state, holder, test, tickets FROM ticket_count WHERE tickets > 0`, nil, func(row row) error {
		fn(kind{jieliv1.Ticket_State(row.integer(0)), row.text(1), row.flag(2)}, row.integer(3)) // #nosec G115 -- written from one
		return nil
	})
}

func (r *reader) Events(ticketID string, from uint32) ([]*store.Event, error) {
	n, err := r.short(ticketID)
	if err != nil || n == 0 {
		return nil, err
	}
	events, err := list(r, `SELECT id, kind, author, hash, bytes, proof, actor, from_future FROM event
		WHERE id BETWEEN ? AND ? ORDER BY id`,
		[]driver.Value{eventID(n, from), eventID(n, math.MaxUint32)}, func(row row) (*store.Event, error) {
			e := &store.Event{
				TicketID: ticketID, Number: eventNumber(row.integer(0)), Kind: jieliv1.Event_Kind(row.integer(1)), // #nosec G115 -- written from one
				Author: row.text(2), Hash: row.hash(3), Bytes: row.blob(4), Actor: row.text(6), FromFuture: row.flag(7),
			}
			if p := row.blob(5); p != nil {
				e.Proof = &jieliv1.BatchProof{}
				if err := proto.Unmarshal(p, e.Proof); err != nil {
					return nil, fmt.Errorf("event %d of ticket %s: proof: %w", e.Number, ticketID, err)
				}
			}
			return e, nil
		})
	if err != nil || r.group == nil {
		return events, err
	}
	return r.group.addUnsigned(events, n, from), nil
}

func (r *reader) Contents(ticketID string) ([]*store.Content, error) {
	n, err := r.short(ticketID)
	if err != nil || n == 0 {
		return nil, err
	}
	return list(r, `SELECT event, name, commitment, random, data, absence FROM content
		WHERE event BETWEEN ? AND ? ORDER BY event, name`,
		[]driver.Value{eventID(n, 0), eventID(n, math.MaxUint32)}, func(row row) (*store.Content, error) {
			return &store.Content{
				TicketID: ticketID, Number: eventNumber(row.integer(0)), Name: row.text(1), Commitment: row.hash(2),
				Random: row.blob(3), Data: row.blob(4), Absence: jieliv1.Content_Absence(row.integer(5)), // #nosec G115 -- written from one
			}, nil
		})
}

func (r *reader) Feed(after int64, limit int) ([]*store.FeedRow, error) {
	if err := r.settle(); err != nil {
		return nil, err
	}
	return list(r, `SELECT f.seq, f.kind, t.id, f.event_number, f.state, f.holder, f.reason, f.time
		FROM feed f JOIN ticket t ON t.n = f.ticket WHERE f.seq > ? ORDER BY f.seq LIMIT ?`,
		[]driver.Value{after, atMost(limit)}, func(row row) (*store.FeedRow, error) {
			return &store.FeedRow{
				Seq: row.integer(0), Kind: jieliv1.FeedEntry_Kind(row.integer(1)), TicketID: row.text(2), // #nosec G115 -- written from one
				EventNumber: uint32(row.integer(3)), State: jieliv1.Ticket_State(row.integer(4)), // #nosec G115 -- written from one
				Holder: row.text(5), Reason: row.text(6), Time: row.time(7),
			}, nil
		})
}

func (r *reader) FeedEnd() (int64, error) { return r.number(`SELECT max(seq) FROM feed`) }

func (r *reader) FeedStart() (int64, error) { return r.number(`SELECT min(seq) FROM feed`) }

// number returns the one number a query finds; 0 for NULL.
func (r *reader) number(text string, args ...driver.Value) (int64, error) {
	if err := r.usable(); err != nil {
		return 0, err
	}
	var n int64
	_, err := r.one(text, args, func(row row) error {
		n = row.integer(0)
		return nil
	})
	return n, err
}

const linkColumns = `peer, last_sequence, acknowledged, acknowledged_hash, peer_receipt, sent_mark, streaming, received,
	received_hash, receipt_number, peer_epoch, fault, fault_detail, fault_time`

func (r *reader) scanLink(row row) (*store.Link, error) {
	l := &store.Link{ // #nosec G115 -- bits kept
		Peer: row.text(0), LastSequence: uint64(row.integer(1)), Acknowledged: uint64(row.integer(2)),
		AcknowledgedHash: row.hash(3), PeerReceipt: uint64(row.integer(4)), SentMark: uint64(row.integer(5)),
		Streaming: row.flag(6), Received: uint64(row.integer(7)), ReceivedHash: row.hash(8),
		ReceiptNumber: uint64(row.integer(9)), PeerEpoch: row.text(10),
		Fault: row.text(11), FaultDetail: row.text(12), FaultTime: row.time(13),
	}
	if r.group != nil {
		if seq, ok := r.group.sequences.values[l.Peer]; ok {
			l.LastSequence = uint64(seq) // #nosec G115 -- bits kept
		}
	}
	return l, nil
}

func (r *reader) Link(peer string) (*store.Link, error) {
	l, err := find(r, `SELECT `+linkColumns+` FROM link WHERE peer = ?`, []driver.Value{peer}, r.scanLink)
	if err != nil {
		return nil, fmt.Errorf("link with %s: %w", peer, err)
	}
	if l == nil {
		l = &store.Link{Peer: peer}
	}
	return l, nil
}

func (r *reader) Links() ([]*store.Link, error) {
	return list(r, `SELECT `+linkColumns+` FROM link ORDER BY peer`, nil, r.scanLink)
}

// link finds a link's short number; 0 when there is none.
func (r *reader) link(peer string) (int64, error) {
	if err := r.usable(); err != nil {
		return 0, err
	}
	if r.group != nil {
		if n, ok := r.group.links[peer]; ok {
			return n, nil
		}
	}
	return r.number(`SELECT n FROM link WHERE peer = ?`, peer)
}

const outboxColumns = `o.id, o.kind, t.id, o.event, o.name, o.hash, o.time
	FROM outbox o LEFT JOIN ticket t ON t.n = o.event >> 32`

func (r *reader) scanOutbox(peer string) func(row) (*store.OutboxRow, error) {
	return func(row row) (*store.OutboxRow, error) {
		r.met(row.text(2), row.integer(3)>>numberBits)
		return &store.OutboxRow{ // #nosec G115 -- written from one
			Peer: peer, Seq: uint64(row.integer(0) & maxSequence), Kind: store.OutboxKind(row.integer(1)),
			TicketID: row.text(2), Number: eventNumber(row.integer(3)), Name: row.text(4), Hash: row.hash(5), Time: row.time(6),
		}, nil
	}
}

func (r *reader) Outbox(peer string, after uint64, limit int) ([]*store.OutboxRow, error) {
	n, err := r.link(peer)
	if err != nil || n == 0 {
		return nil, err
	}
	if err := r.settle(); err != nil {
		return nil, err
	}
	return list(r, `SELECT `+outboxColumns+` WHERE o.id > ? AND o.id <= ? ORDER BY o.id LIMIT ?`,
		[]driver.Value{outboxID(n, after), outboxID(n, maxSequence), atMost(limit)}, r.scanOutbox(peer))
}

func (r *reader) OutboxRow(peer, ticketID string, number uint32) (*store.OutboxRow, error) {
	row, err := r.outboxRow(peer, ticketID, number)
	if err == nil && row == nil {
		err = store.ErrNotFound
	}
	if err != nil {
		return nil, fmt.Errorf("outbox row to %s of event %d of ticket %s: %w", peer, number, ticketID, err)
	}
	return row, nil
}

func (r *reader) outboxRow(peer, ticketID string, number uint32) (*store.OutboxRow, error) {
	n, err := r.link(peer)
	if err != nil || n == 0 {
		return nil, err
	}
	ticket, err := r.short(ticketID)
	if err != nil || ticket == 0 {
		return nil, err
	}
	if err := r.settle(); err != nil {
		return nil, err
	}
	// The unary + keeps SQLite from walking the peer's whole outbox for the order's sake.
	return find(r, `SELECT `+outboxColumns+` WHERE o.kind = 1 AND o.event = ? AND +o.id BETWEEN ? AND ?
		ORDER BY +o.id DESC LIMIT 1`,
		[]driver.Value{eventID(ticket, number), outboxID(n, 0), outboxID(n, maxSequence)}, r.scanOutbox(peer))
}

func (r *reader) Receipts(peer string, after uint64, limit int) ([]*store.Receipt, error) {
	return list(r, `SELECT peer, number, first_sequence, last_sequence, bytes FROM receipt
		WHERE peer = ? AND number > ? ORDER BY number LIMIT ?`,
		[]driver.Value{peer, int64(min(after, math.MaxInt64)), atMost(limit)}, func(row row) (*store.Receipt, error) { // #nosec G115 -- bounded
			return &store.Receipt{ // #nosec G115 -- written from one
				Peer: row.text(0), Number: uint64(row.integer(1)), FirstSequence: uint64(row.integer(2)),
				LastSequence: uint64(row.integer(3)), Bytes: row.blob(4),
			}, nil
		})
}

const requestColumns = `id, peer, ticket_id, kind, incoming, bytes, settled, code, answer, time`

func scanRequest(row row) (*store.Request, error) {
	return &store.Request{
		ID: row.text(0), Peer: row.text(1), TicketID: row.text(2), Kind: jieliv1.TicketRequest_Kind(row.integer(3)), // #nosec G115 -- written from one
		Incoming: row.flag(4), Bytes: row.blob(5), Settled: row.flag(6), Code: row.text(7), Answer: row.blob(8), Time: row.time(9),
	}, nil
}

func (r *reader) Request(id string) (*store.Request, error) {
	q, err := find(r, `SELECT `+requestColumns+` FROM request WHERE id = ?`, []driver.Value{id}, scanRequest)
	if err == nil && q == nil {
		err = store.ErrNotFound
	}
	if err != nil {
		return nil, fmt.Errorf("request %s: %w", id, err)
	}
	return q, nil
}

func (r *reader) OpenRequests(peer string, limit int) ([]*store.Request, error) {
	return list(r, `SELECT `+requestColumns+` FROM request
		WHERE peer = ? AND settled = 0 AND incoming = 0 ORDER BY time, id LIMIT ?`,
		[]driver.Value{peer, atMost(limit)}, scanRequest)
}

func (r *reader) CountOpenRequests(peer string) (uint64, error) {
	n, err := r.number(`SELECT count(*) FROM request WHERE peer = ? AND settled = 0 AND incoming = 0`, peer)
	return uint64(n), err // #nosec G115 -- counts are not negative
}

func (r *reader) Decision(ticketID string, number uint32) (*store.Decision, error) {
	d, err := find(r, `SELECT hash, kind, reason, bytes FROM decision WHERE ticket_id = ? AND number = ?`,
		[]driver.Value{ticketID, int64(number)}, func(row row) (*store.Decision, error) {
			return &store.Decision{
				TicketID: ticketID, Number: number, Hash: row.hash(0), Kind: jieliv1.Decision_Kind(row.integer(1)), // #nosec G115 -- written from one
				Reason: row.text(2), Bytes: row.blob(3),
			}, nil
		})
	if err == nil && d == nil {
		err = store.ErrNotFound
	}
	if err != nil {
		return nil, fmt.Errorf("decision on event %d of ticket %s: %w", number, ticketID, err)
	}
	return d, nil
}

func (r *reader) Answered(requestID string) (*store.Answered, error) {
	a, err := find(r, `SELECT digest, ticket_id, time FROM answered WHERE request_id = ?`, []driver.Value{requestID},
		func(row row) (*store.Answered, error) {
			return &store.Answered{RequestID: requestID, Digest: row.hash(0), TicketID: row.text(1), Time: row.time(2)}, nil
		})
	if err == nil && a == nil {
		err = store.ErrNotFound
	}
	if err != nil {
		return nil, fmt.Errorf("request id %s: %w", requestID, err)
	}
	return a, nil
}

func (r *reader) Evidence(peer, ticketID string) ([]*store.Evidence, error) {
	kept, err := list(r, `SELECT peer, seq, ticket_id, reason, bytes, time FROM evidence WHERE peer = ? AND ticket_id = ?`,
		[]driver.Value{peer, ticketID}, func(row row) (*store.Evidence, error) {
			return &store.Evidence{
				Peer: row.text(0), Seq: uint64(row.integer(1)), TicketID: row.text(2), Reason: row.text(3), // #nosec G115 -- bits kept
				Bytes: row.blob(4), Time: row.time(5),
			}, nil
		})
	// Sequences are a peer's word and may be beyond what SQL can sort.
	slices.SortFunc(kept, func(a, b *store.Evidence) int {
		if a.Seq < b.Seq {
			return -1
		}
		return 1
	})
	return kept, err
}

func (r *reader) Stopped(peer string, limit int) ([]*store.StoppedTicket, error) {
	scan := func(row row) (*store.StoppedTicket, error) {
		return &store.StoppedTicket{
			Peer: row.text(0), TicketID: row.text(1), Reason: row.text(2), ByPeer: row.flag(3), Time: row.time(4),
		}, nil
	}
	const columns = `SELECT peer, ticket_id, reason, by_peer, time FROM stopped`
	if peer == "" {
		return list(r, columns+` ORDER BY peer, ticket_id LIMIT ?`, []driver.Value{atMost(limit)}, scan)
	}
	return list(r, columns+` WHERE peer = ? ORDER BY ticket_id LIMIT ?`, []driver.Value{peer, atMost(limit)}, scan)
}

func (r *reader) WaitingTickets(after string, limit int) ([]string, error) {
	if err := r.usable(); err != nil {
		return nil, err
	}
	var ids []string
	err := r.each(`SELECT id FROM ticket WHERE waiting = 1 AND id > ? ORDER BY id LIMIT ?`,
		[]driver.Value{after, atMost(limit)}, func(row row) error {
			ids = append(ids, row.text(0))
			return nil
		})
	return ids, err
}

// atMost is a LIMIT: SQLite takes a negative one for none at all.
func atMost(limit int) int64 { return int64(max(limit, 0)) }
