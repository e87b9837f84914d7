package desk

import (
	"fmt"
	"log/slog"

	"github.com/jieli-gateway/jieli/gateway/link"
	"github.com/jieli-gateway/jieli/gateway/store"
	"github.com/jieli-gateway/jieli/gateway/ticket"
	jieliv1 "github.com/jieli-gateway/jieli/proto/jieli/v1"
)

// Delivered implements link.Tickets: what a peer's receipt means for the rows it newly covers.
func (d *Desk) Delivered(tx store.Tx, peer string, rows []*store.OutboxRow, r *jieliv1.Receipt) error {
	refused := make(map[uint64]*jieliv1.SignedDecision, len(r.GetRefused()))
	for _, it := range r.GetRefused() {
		refused[it.GetSequence()] = it.GetRefusal()
	}
	stopped := make(map[uint64]string, len(r.GetStopped()))
	for _, it := range r.GetStopped() {
		stopped[it.GetSequence()] = answerCode(it.GetReason())
	}
	for _, row := range rows {
		if row.Kind != store.OutboxEvent {
			continue
		}
		if err := d.delivered(tx, peer, row, refused[row.Seq], stopped[row.Seq]); err != nil {
			return fmt.Errorf("receipt of %s for sequence %d: %w", peer, row.Seq, err)
		}
	}
	return nil
}

func (d *Desk) delivered(tx store.Tx, peer string, row *store.OutboxRow, refusal *jieliv1.SignedDecision, stopped string) error {
	t, err := tx.Ticket(row.TicketID)
	if err != nil {
		return err
	}
	s := d.step(tx, t, "region "+peer)
	switch {
	case stopped != "":
		return s.stoppedByPeer(peer, stopped)
	case refusal != nil:
		if !s.isOrigin() {
			return &link.Breach{Message: "the receipt refuses what is no offer"}
		}
		if err := s.takeDecision(refusal); err != nil {
			return err
		}
		return s.save()
	}
	if s.isOrigin() { // an origin sends offers only
		d.cfg.OnDelivered(peer, s.now.Sub(row.Time))
	}
	if err := s.acknowledge(row.Number); err != nil {
		return err
	}
	return s.save()
}

// acknowledge notes that the peer has made an event of ours durable. When that event gave up the pen, the ticket has
// a new holder, and a region that is not its origin erases the reporter's data.
func (s *step) acknowledge(number uint32) error {
	if number <= s.t.Acknowledged {
		return nil
	}
	s.t.Acknowledged = number
	st := s.t.State
	if st.GetPenMove() != number || st.GetPenMoveAuthor() != s.self() {
		return nil
	}
	if s.isOrigin() {
		s.delivered(s.now)
	} else if err := s.forget(onlyReporter, jieliv1.Content_WITHHELD); err != nil {
		return err
	}
	return s.feed(&store.FeedRow{Kind: jieliv1.FeedEntry_DELIVERED, EventNumber: number})
}

// stoppedByPeer shows that a peer could not take an event of ours: this region stays the holder.
func (s *step) stoppedByPeer(peer, reason string) error {
	s.t.Stopped = reason
	s.d.log.Error("a peer could not take an event: its ticket stands still on this link; settle it with the peer, then they run `jieli link retry`", slog.Any("peer", peer), slog.Any("ticket", s.t.State.GetId()), slog.Any("reason", reason))
	err := s.tx.PutStopped(&store.StoppedTicket{Peer: peer, TicketID: s.t.State.GetId(), Reason: reason, ByPeer: true, Time: s.now})
	if err != nil {
		return err
	}
	if err := s.feed(&store.FeedRow{Kind: jieliv1.FeedEntry_STOPPED, Reason: reason}); err != nil {
		return err
	}
	return s.save()
}

// Lifted implements link.Tickets: the peer has taken, after all, what it had stopped.
func (d *Desk) Lifted(tx store.Tx, peer string, rows []*store.OutboxRow) error {
	for _, row := range rows {
		t, err := tx.Ticket(row.TicketID)
		if err != nil {
			return err
		}
		s := d.step(tx, t, "region "+peer)
		t.Stopped = ""
		if err := tx.DeleteStopped(peer, row.TicketID); err != nil {
			return err
		}
		if row.Kind == store.OutboxEvent {
			if err := s.acknowledge(row.Number); err != nil {
				return err
			}
		}
		if err := s.save(); err != nil {
			return err
		}
	}
	return nil
}

// Resumed implements link.Tickets: this node has taken, on retry, what it had stopped of a ticket.
func (d *Desk) Resumed(tx store.Tx, ticketID string) error {
	t, err := tx.Ticket(ticketID)
	if err != nil {
		return err
	}
	t.Stopped = ""
	t.Holder = ticket.Holder(t.State, d.cfg.Region, t.Acknowledged)
	return tx.PutTicket(t)
}
