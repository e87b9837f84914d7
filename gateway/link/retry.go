package link

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/jieli-gateway/jieli/gateway/store"
	jieliv1 "github.com/jieli-gateway/jieli/proto/jieli/v1"
)

// ReasonEvidenceGone is why nothing can be judged again: the items a ticket stands still for are not kept any more.
const ReasonEvidenceGone = "EVIDENCE_GONE"

// ErrStoppedByPeer means that the ticket stands still because a peer stopped it, so it must be judged again there.
var ErrStoppedByPeer = errors.New("the peer stopped this ticket: it must be judged again there")

// ErrNotRunning means that links have not begun yet, or have ended; try again.
var ErrNotRunning = errors.New("links are not running")

// Retry judges the kept items of a stopped ticket again, in order, and takes those that pass now, up to the first that
// does not; its reason is returned. The sender is told in a receipt that lifts the items taken. store.ErrNotFound when
// the ticket does not stand still; ErrStoppedByPeer when only a peer can help.
func (l *Links) Retry(ctx context.Context, ticketID string) (taken int, reason string, err error) {
	peers, err := l.stoppedWith(ctx, ticketID)
	if err != nil {
		return 0, "", err
	}
	for _, peer := range peers {
		n, why, err := l.retryWith(ctx, peer, ticketID)
		taken += n
		if err != nil || why != "" {
			return taken, why, err
		}
	}
	return taken, "", nil
}

// stoppedWith gives the peers with which a ticket stands still because of this side.
func (l *Links) stoppedWith(ctx context.Context, ticketID string) ([]string, error) {
	var peers []string
	byPeer := ""
	err := l.store.View(ctx, func(r store.Reader) error {
		links, err := r.Links()
		if err != nil {
			return err
		}
		for _, row := range links {
			stopped, err := r.Stopped(row.Peer, 2*maxStopped)
			if err != nil {
				return err
			}
			for _, t := range stopped {
				switch {
				case t.TicketID != ticketID:
				case t.ByPeer:
					byPeer = row.Peer
				default:
					peers = append(peers, row.Peer)
				}
			}
		}
		return nil
	})
	switch {
	case err != nil:
		return nil, fmt.Errorf("look for ticket %s among the stopped: %w", clip(ticketID), err)
	case len(peers) > 0:
		return peers, nil
	case byPeer != "":
		return nil, fmt.Errorf("ticket %s, region %s: %w", ticketID, byPeer, ErrStoppedByPeer)
	}
	return nil, fmt.Errorf("ticket %s does not stand still: %w", clip(ticketID), store.ErrNotFound)
}

// retryWith judges what one peer sent.
func (l *Links) retryWith(ctx context.Context, peer, ticketID string) (int, string, error) {
	k := l.link(peer)
	if k == nil {
		return 0, "", fmt.Errorf("ticket %s, region %s: %w", ticketID, peer, ErrNotRunning)
	}
	var kept []*store.Evidence
	err := l.store.View(ctx, func(r store.Reader) error {
		var err error
		kept, err = r.Evidence(peer, ticketID)
		return err
	})
	if err != nil {
		return 0, "", fmt.Errorf("read what was kept of ticket %s: %w", ticketID, err)
	}
	t := &retrial{link: k, ticketID: ticketID, items: make([]retriedItem, len(kept))}
	for i, e := range kept {
		item := new(jieliv1.Item)
		if err := proto.Unmarshal(e.Bytes, item); err != nil {
			return 0, "", fmt.Errorf("kept item %d of region %s cannot be read: %w", e.Seq, peer, err)
		}
		t.items[i] = retriedItem{seq: e.Seq, checked: l.tickets.Check(peer, item)}
	}
	// The outcome is waited for, for the receipt must be passed on if it was written.
	if err := l.store.Update(context.WithoutCancel(ctx), t.take); err != nil {
		return 0, "", fmt.Errorf("judge ticket %s again: %w", ticketID, err)
	}
	if t.signed != nil {
		if s := k.current(); s != nil {
			s.out.receipt(t.receipt.GetNumber(), t.signed)
		}
		k.log.Info("items of a stopped ticket were taken after all", slog.String("ticket", ticketID),
			slog.Int("items", len(t.receipt.GetLifted())), slog.String("reason", t.reason))
	}
	return len(t.receipt.GetLifted()), t.reason, nil
}

// retrial is one stopped ticket judged again in one transaction.
type retrial struct {
	*link
	ticketID string
	items    []retriedItem

	receipt *jieliv1.Receipt
	signed  *jieliv1.SignedReceipt
	// reason the first item that is still not taken is stopped for.
	reason string
}

type retriedItem struct {
	seq     uint64
	checked Checked
}

func (t *retrial) take(tx store.Tx) error {
	t.receipt = &jieliv1.Receipt{}
	if len(t.items) == 0 {
		t.reason = ReasonEvidenceGone
		return nil
	}
	for _, it := range t.items {
		v, err := t.links.tickets.Take(tx, t.peer, it.seq, it.checked)
		var behind *Behind
		switch {
		case errors.As(err, &behind):
			t.reason = ReasonBehind
		case err != nil:
			return err
		case v.StoppedReason != "":
			t.reason = v.StoppedReason
		}
		if t.reason != "" {
			break
		}
		if v.Refused != nil {
			t.receipt.Refused = append(t.receipt.Refused, &jieliv1.RefusedItem{Sequence: it.seq, Refusal: v.Refused})
		}
		t.receipt.Lifted = append(t.receipt.Lifted, it.seq)
		if err := tx.DeleteEvidence(t.peer, it.seq); err != nil {
			return fmt.Errorf("drop kept item %d: %w", it.seq, err)
		}
	}
	if err := t.settle(tx); err != nil || len(t.receipt.GetLifted()) == 0 {
		return err
	}
	return t.tell(tx)
}

// settle lets the ticket go on, or notes why it still does not.
func (t *retrial) settle(tx store.Tx) error {
	if t.reason != "" && t.reason != ReasonBehind {
		return tx.PutStopped(&store.StoppedTicket{Peer: t.peer, TicketID: t.ticketID, Reason: t.reason, Time: t.links.cfg.Now()})
	}
	if t.reason != "" {
		return nil
	}
	if err := tx.DeleteStopped(t.peer, t.ticketID); err != nil {
		return fmt.Errorf("let ticket %s go on: %w", t.ticketID, err)
	}
	// An offer that was refused in the end may have left no ticket.
	if err := t.links.tickets.Resumed(tx, t.ticketID); err != nil && !errors.Is(err, store.ErrNotFound) {
		return err
	}
	return nil
}

// tell writes the receipt that lifts what was taken.
func (t *retrial) tell(tx store.Tx) error {
	l, err := tx.Link(t.peer)
	if err != nil {
		return err
	}
	standing := t.links.registry.Standing()
	l.ReceiptNumber++
	t.receipt.Number, t.receipt.ClusterId = l.ReceiptNumber, standing.ClusterID
	t.receipt.Region, t.receipt.Sender = t.links.cfg.Region, t.peer
	t.receipt.Time, t.receipt.Revision = timestamppb.New(t.links.cfg.Now()), standing.Revision
	if t.signed, err = t.putReceipt(tx, t.receipt); err != nil {
		return err
	}
	return tx.PutLink(l)
}

// putReceipt signs and keeps a receipt of ours.
func (l *link) putReceipt(tx store.Tx, r *jieliv1.Receipt) (*jieliv1.SignedReceipt, error) {
	signed, kept, err := signReceipt(l.links.signer, r)
	if err != nil {
		return nil, err
	}
	err = tx.PutReceipt(&store.Receipt{
		Peer: l.peer, Number: r.GetNumber(), FirstSequence: r.GetFirstSequence(), LastSequence: r.GetLastSequence(), Bytes: kept,
	})
	if err != nil {
		return nil, fmt.Errorf("keep receipt %d: %w", r.GetNumber(), err)
	}
	return signed, nil
}
