package memory

import (
	"fmt"
	"iter"
	"math"

	"github.com/jieli-gateway/jieli/gateway/store"
	jieliv1 "github.com/jieli-gateway/jieli/proto/jieli/v1"
)

// reader reads one state.
type reader struct {
	at *state
}

var _ store.Reader = reader{}

func (r reader) Ticket(id string) (*store.Ticket, error) {
	t, ok := r.at.tickets.get(id)
	if !ok {
		return nil, fmt.Errorf("ticket %s: %w", id, store.ErrNotFound)
	}
	return copyTicket(t), nil
}

func (r reader) TicketByNumber(number string) (*store.Ticket, error) {
	id, ok := r.at.numbers.get(number)
	if !ok {
		return nil, fmt.Errorf("ticket of number %s: %w", number, store.ErrNotFound)
	}
	return r.Ticket(id)
}

func (r reader) TicketByExternalID(origin, externalID string) (*store.Ticket, error) {
	id, ok := r.at.externals.get(key(externalID, origin))
	if !ok {
		return nil, fmt.Errorf("ticket %s of %s: %w", externalID, origin, store.ErrNotFound)
	}
	return r.Ticket(id)
}

func (r reader) ListTickets(f store.Filter, after int64, limit int) ([]*store.Ticket, error) {
	if after == math.MaxInt64 {
		return nil, nil
	}
	var found []*store.Ticket
	for _, id := range r.at.changed.from(big(uint64(max(after, -1) + 1))) {
		if len(found) >= limit {
			break
		}
		if t, _ := r.at.tickets.get(id); f.Matches(t) {
			found = append(found, copyTicket(t))
		}
	}
	return found, nil
}

func (r reader) CountTickets() (map[jieliv1.Ticket_State]uint64, error) {
	counts := map[jieliv1.Ticket_State]uint64{}
	for _, t := range r.at.tickets.from("") {
		if !t.State.GetTest() {
			counts[t.State.GetState()]++
		}
	}
	return counts, nil
}

func (r reader) CountHeld(region string) (uint64, error) {
	var n uint64
	for _, t := range r.at.tickets.from("") {
		if t.Holder == region && !store.Finished(t.State.GetState()) {
			n++
		}
	}
	return n, nil
}

func (r reader) CountWaiting(region string) (map[jieliv1.Ticket_State]uint64, error) {
	counts := map[jieliv1.Ticket_State]uint64{}
	for _, t := range r.at.tickets.from("") {
		if t.Holder == region && !t.State.GetTest() && store.ForPeople(t.State.GetState()) {
			counts[t.State.GetState()]++
		}
	}
	return counts, nil
}

func (r reader) Events(ticketID string, from uint32) ([]*store.Event, error) {
	var events []*store.Event
	for _, e := range r.at.events.under(prefix(ticketID)) {
		if e.Number >= from {
			events = append(events, copyEvent(e))
		}
	}
	return events, nil
}

func (r reader) Contents(ticketID string) ([]*store.Content, error) {
	return take(r.at.contents.under(prefix(ticketID)), math.MaxInt, copyContent), nil
}

func (r reader) Feed(after int64, limit int) ([]*store.FeedRow, error) {
	if after == math.MaxInt64 {
		return nil, nil
	}
	return take(r.at.feed.from(big(uint64(max(after, -1)+1))), limit, copyFeedRow), nil
}

func (r reader) FeedEnd() (int64, error) {
	if f, ok := r.at.feed.last(); ok {
		return f.Seq, nil
	}
	return 0, nil
}

func (r reader) FeedStart() (int64, error) {
	for _, f := range r.at.feed.from("") {
		return f.Seq, nil
	}
	return 0, nil
}

func (r reader) Link(peer string) (*store.Link, error) {
	if l, ok := r.at.links.get(peer); ok {
		return copyLink(l), nil
	}
	return &store.Link{Peer: peer}, nil
}

func (r reader) Links() ([]*store.Link, error) {
	return take(r.at.links.from(""), math.MaxInt, copyLink), nil
}

func (r reader) Outbox(peer string, after uint64, limit int) ([]*store.OutboxRow, error) {
	if after == math.MaxUint64 {
		return nil, nil
	}
	return take(within(r.at.outbox, prefix(peer), big(after+1)), limit, copyOutboxRow), nil
}

func (r reader) OutboxRow(peer, ticketID string, number uint32) (*store.OutboxRow, error) {
	var newest *store.OutboxRow
	for _, row := range r.at.outboxEvents.under(prefix(peer, ticketID) + big(uint64(number))) {
		newest = row
	}
	if newest == nil {
		return nil, fmt.Errorf("outbox row to %s of event %d of ticket %s: %w", peer, number, ticketID, store.ErrNotFound)
	}
	return copyOutboxRow(newest), nil
}

func (r reader) Receipts(peer string, after uint64, limit int) ([]*store.Receipt, error) {
	if after == math.MaxUint64 {
		return nil, nil
	}
	return take(within(r.at.receipts, prefix(peer), big(after+1)), limit, copyReceipt), nil
}

func (r reader) Request(id string) (*store.Request, error) {
	q, ok := r.at.requests.get(id)
	if !ok {
		return nil, fmt.Errorf("request %s: %w", id, store.ErrNotFound)
	}
	return copyRequest(q), nil
}

func (r reader) OpenRequests(peer string, limit int) ([]*store.Request, error) {
	return take(r.at.open.under(prefix(peer)), limit, copyRequest), nil
}

func (r reader) CountOpenRequests(peer string) (uint64, error) {
	var n uint64
	for range r.at.open.under(prefix(peer)) {
		n++
	}
	return n, nil
}

func (r reader) Decision(ticketID string, number uint32) (*store.Decision, error) {
	d, ok := r.at.decisions.get(prefix(ticketID) + big(uint64(number)))
	if !ok {
		return nil, fmt.Errorf("decision on event %d of ticket %s: %w", number, ticketID, store.ErrNotFound)
	}
	return copyDecision(d), nil
}

func (r reader) Answered(requestID string) (*store.Answered, error) {
	a, ok := r.at.answered.get(requestID)
	if !ok {
		return nil, fmt.Errorf("request id %s: %w", requestID, store.ErrNotFound)
	}
	return copyAnswered(a.value), nil
}

func (r reader) Evidence(peer, ticketID string) ([]*store.Evidence, error) {
	var kept []*store.Evidence
	for _, e := range r.at.evidence.under(prefix(peer)) {
		if e.value.TicketID == ticketID {
			kept = append(kept, copyEvidence(e.value))
		}
	}
	return kept, nil
}

func (r reader) Stopped(peer string, limit int) ([]*store.StoppedTicket, error) {
	if peer == "" {
		return take(r.at.stopped.from(""), limit, copyStopped), nil
	}
	return take(r.at.stopped.under(prefix(peer)), limit, copyStopped), nil
}

func (r reader) WaitingTickets(after string, limit int) ([]string, error) {
	var ids []string
	for id, t := range r.at.tickets.from(after) {
		if len(ids) >= limit {
			break
		}
		if id != after && (t.State.GetState() == jieliv1.Ticket_UNROUTED || t.WaitRevision != 0) {
			ids = append(ids, id)
		}
	}
	return ids, nil
}

// within yields what is filed under a prefix from a place within it on.
func within[V any](t tree[V], prefix, from string) iter.Seq2[string, V] {
	return func(yield func(string, V) bool) {
		for k, v := range t.from(prefix + from) {
			if len(k) < len(prefix) || k[:len(prefix)] != prefix || !yield(k, v) {
				return
			}
		}
	}
}

// take copies up to limit values.
func take[V any](values iter.Seq2[string, V], limit int, copyOf func(V) V) []V {
	var taken []V
	for _, v := range values {
		if len(taken) >= limit {
			break
		}
		taken = append(taken, copyOf(v))
	}
	return taken
}
