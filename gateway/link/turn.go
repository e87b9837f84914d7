package link

import (
	"errors"
	"fmt"

	"github.com/google/uuid"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/jieli-gateway/jieli/gateway/store"
	"github.com/jieli-gateway/jieli/gateway/ticket"
	jieliv1 "github.com/jieli-gateway/jieli/proto/jieli/v1"
)

// turn is one transaction over a run of arrivals: items judged and applied, the cursor moved, the receipt written, a
// peer's receipts taken, requests answered. It keeps what is to be done once the transaction is durable.
type turn struct {
	*stream
	tx   store.Tx
	l    *store.Link
	from uint64 // cursor before
	// standing is the tickets that stand still because of this side, read when first needed.
	standing map[string]bool

	refused []*jieliv1.RefusedItem
	stopped []*jieliv1.StoppedItem

	// done counts arrivals wholly dealt with; stop is why the next was not. What was written stays.
	done int
	stop error
	// broken is a breach found after something was written: the transaction is undone.
	broken *Breach

	taken         int
	receipt       *jieliv1.SignedReceipt
	receiptNumber uint64
	answers       []*jieliv1.TicketRequestAnswer
	settled       bool
	acknowledged  uint64
	peerReceipts  int
	peerRefused   int
	peerStopped   []*store.StoppedTicket
	peerReasons   []string
}

// take is the transaction.
func (t *turn) take(tx store.Tx, run []*arrival) error {
	t.tx = tx
	var err error
	if t.l, err = tx.Link(t.link.peer); err != nil {
		return err
	}
	t.from = t.l.Received
	for _, a := range run {
		if err := t.arrival(a); err != nil {
			return err
		}
		if t.stop != nil {
			break
		}
		t.done++
	}
	return t.finish()
}

func (t *turn) arrival(a *arrival) error {
	switch {
	case a.batch != nil:
		return t.batch(a.batch)
	case a.receipt != nil:
		return t.takeReceipt(a.receipt.opened, a.receipt.signed)
	case a.request != nil:
		return t.takeRequest(a.request)
	default:
		t.settled = true
		return t.undo(t.link.links.tickets.Settled(t.tx, t.link.peer, a.answer))
	}
}

// undo sorts an error after which nothing of the transaction may stay.
func (t *turn) undo(err error) error {
	if errors.As(err, &t.broken) {
		return t.broken
	}
	return err
}

// batch takes the items that are new. Those at or below the cursor have been decided before and are dropped; they
// still count for the running hash.
func (t *turn) batch(b *arrivedBatch) error {
	if b.first > t.l.Received+1 {
		t.stop = breach("items %d to %d are missing", t.l.Received+1, b.first-1)
		return nil
	}
	known := t.l.Received + 1 - b.first
	if known >= uint64(len(b.items)) {
		return nil // all of it has been decided before
	}
	hash := b.before
	for i := range known {
		hash = ticket.RunningHash(hash, b.checked[i].Hash())
	}
	if hash != t.l.ReceivedHash {
		t.stop = &difference{ReasonPeerRestored, fmt.Sprintf("the peer's items up to %d are not those we have", t.l.Received)}
		return nil
	}
	for i := known; i < uint64(len(b.items)); i++ {
		if err := t.item(b.first+i, b.items[i], b.checked[i]); err != nil || t.stop != nil {
			return err
		}
	}
	return nil
}

// item takes, refuses or stops one item and moves the cursor past it.
func (t *turn) item(seq uint64, item *jieliv1.Item, c Checked) error {
	v, err := t.judge(seq, item, c)
	var behind *Behind
	switch {
	case errors.As(err, &behind):
		t.stop = behind
		return nil
	case err != nil:
		return t.undo(err)
	case v.Refused != nil:
		t.refused = append(t.refused, &jieliv1.RefusedItem{Sequence: seq, Refusal: v.Refused})
	case v.StoppedReason != "":
		if err := t.stopItem(seq, item, v); err != nil || t.stop != nil {
			return err
		}
	}
	t.l.Received, t.l.ReceivedHash = seq, ticket.RunningHash(t.l.ReceivedHash, c.Hash())
	t.taken++
	return nil
}

func (t *turn) judge(seq uint64, item *jieliv1.Item, c Checked) (Verdict, error) {
	if _, empty := c.(emptyItem); empty {
		return Verdict{}, nil
	}
	if err := t.readStanding(); err != nil {
		return Verdict{}, err
	}
	if len(t.standing) > 0 {
		if id := ticketOf(item); t.standing[id] {
			return Verdict{StoppedReason: stoppedPredecessor, TicketID: id}, nil
		}
	}
	return t.link.links.tickets.Take(t.tx, t.link.peer, seq, c)
}

// readStanding reads which tickets of the peer stand still here; later items of them do, too.
func (t *turn) readStanding() error {
	if t.standing != nil {
		return nil
	}
	rows, err := t.tx.Stopped(t.link.peer, 2*maxStopped)
	if err != nil {
		return fmt.Errorf("read stopped tickets: %w", err)
	}
	t.standing = make(map[string]bool)
	for _, row := range rows {
		if !row.ByPeer {
			t.standing[row.TicketID] = true
		}
	}
	return nil
}

// stopItem keeps an item that broke a rule, whole, and lets its ticket stand still on this link.
func (t *turn) stopItem(seq uint64, item *jieliv1.Item, v Verdict) error {
	id := v.TicketID
	if id == "" {
		id = ticketOf(item)
	}
	if !t.standing[id] && len(t.standing) >= maxStopped {
		t.stop = endingf(ReasonTooManyStopped, "%d tickets of the peer stand still; judge them again with `jieli link retry` before more come",
			len(t.standing)).told()
		return nil
	}
	kept, err := proto.Marshal(item)
	if err != nil {
		return fmt.Errorf("keep item %d as evidence: %w", seq, err)
	}
	now := t.link.links.cfg.Now()
	err = t.tx.PutEvidence(&store.Evidence{Peer: t.link.peer, Seq: seq, TicketID: id, Reason: v.StoppedReason, Bytes: kept, Time: now})
	if err != nil {
		return fmt.Errorf("keep item %d as evidence: %w", seq, err)
	}
	if id != "" && !t.standing[id] {
		t.standing[id] = true
		err = t.tx.PutStopped(&store.StoppedTicket{Peer: t.link.peer, TicketID: id, Reason: v.StoppedReason, Time: now})
		if err != nil {
			return fmt.Errorf("stop ticket %s: %w", id, err)
		}
	}
	t.stopped = append(t.stopped, &jieliv1.StoppedItem{Sequence: seq, TicketId: id, Reason: v.StoppedReason})
	return nil
}

// finish moves the cursor and writes the receipt for all new items of the turn.
func (t *turn) finish() error {
	if t.l.Received == t.from {
		return nil
	}
	links := t.link.links
	standing := links.registry.Standing()
	t.l.ReceiptNumber++
	r := &jieliv1.Receipt{
		Number: t.l.ReceiptNumber, ClusterId: standing.ClusterID, Region: links.cfg.Region, Sender: t.link.peer,
		FirstSequence: t.from + 1, LastSequence: t.l.Received, RunningHash: t.l.ReceivedHash[:],
		Refused: t.refused, Stopped: t.stopped,
		Time: timestamppb.New(links.cfg.Now()), Revision: standing.Revision,
	}
	signed, err := t.link.putReceipt(t.tx, r)
	if err != nil {
		return err
	}
	t.receipt, t.receiptNumber = signed, r.GetNumber()
	return t.tx.PutLink(t.l)
}

// takeReceipt commits what a receipt of the peer says of our items.
func (t *turn) takeReceipt(r *jieliv1.Receipt, signed *jieliv1.SignedReceipt) error {
	switch n := r.GetNumber(); {
	case n <= t.l.PeerReceipt:
		return nil // has been taken before
	case n > t.l.PeerReceipt+1:
		t.stop = breach("receipt %d comes where %d was expected", n, t.l.PeerReceipt+1)
		return nil
	}
	rows, hash, err := t.covered(r)
	if err != nil || t.stop != nil {
		return err
	}
	lifted, err := t.liftedRows(r)
	if err != nil || t.stop != nil {
		return err
	}
	t.l.PeerReceipt = r.GetNumber()
	if len(rows) > 0 {
		t.l.Acknowledged, t.l.AcknowledgedHash = r.GetLastSequence(), hash
		t.acknowledged = r.GetLastSequence()
	}
	if err := t.tx.PutLink(t.l); err != nil {
		return err
	}
	kept, err := proto.Marshal(signed)
	if err != nil {
		return fmt.Errorf("keep receipt %d: %w", r.GetNumber(), err)
	}
	err = t.tx.PutPeerReceipt(&store.Receipt{
		Peer: t.link.peer, Number: r.GetNumber(), FirstSequence: r.GetFirstSequence(), LastSequence: r.GetLastSequence(), Bytes: kept,
	})
	if err != nil {
		return fmt.Errorf("keep receipt %d: %w", r.GetNumber(), err)
	}
	return t.undo(t.effects(r, rows, lifted))
}

// covered gives the rows a receipt newly covers and the running hash after them, once it is plain that the receipt
// follows the one before, speaks of what was sent, and of the very same items.
func (t *turn) covered(r *jieliv1.Receipt) ([]*store.OutboxRow, [32]byte, error) {
	first, last, hash := r.GetFirstSequence(), r.GetLastSequence(), t.l.AcknowledgedHash
	if first == 0 {
		return nil, hash, nil
	}
	if first != t.l.Acknowledged+1 {
		t.stop = breach("receipt %d begins at %d, the one before ended at %d", r.GetNumber(), first, t.l.Acknowledged)
		return nil, hash, nil
	}
	if last > t.handed.Load() {
		t.stop = breach("receipt %d is for item %d, which was not sent", r.GetNumber(), last)
		return nil, hash, nil
	}
	rows, err := t.tx.Outbox(t.link.peer, t.l.Acknowledged, int(last-first+1))
	if err != nil {
		return nil, hash, fmt.Errorf("outbox of %s after %d: %w", t.link.peer, t.l.Acknowledged, err)
	}
	for i, row := range rows {
		if row.Seq != first+uint64(i) {
			return nil, hash, fmt.Errorf("outbox of %s: row %d is missing", t.link.peer, first+uint64(i))
		}
		hash = ticket.RunningHash(hash, rowHash(row))
	}
	if uint64(len(rows)) != last-first+1 {
		return nil, hash, fmt.Errorf("outbox of %s: rows after %d are missing", t.link.peer, first+uint64(len(rows))-1)
	}
	if hash != [32]byte(r.GetRunningHash()) {
		t.stop = breach("receipt %d is for other items up to %d than were sent", r.GetNumber(), last)
	}
	return rows, hash, nil
}

// liftedRows gives the rows that a receipt lifts.
func (t *turn) liftedRows(r *jieliv1.Receipt) ([]*store.OutboxRow, error) {
	rows := make([]*store.OutboxRow, 0, len(r.GetLifted()))
	for _, seq := range r.GetLifted() {
		if seq > t.l.Acknowledged {
			t.stop = breach("receipt %d lifts item %d, for which there is no receipt", r.GetNumber(), seq)
			return nil, nil
		}
		row, err := t.tx.Outbox(t.link.peer, seq-1, 1)
		if err != nil {
			return nil, fmt.Errorf("outbox row %d of %s: %w", seq, t.link.peer, err)
		}
		if len(row) != 1 || row[0].Seq != seq {
			t.stop = breach("receipt %d lifts item %d, which there is not", r.GetNumber(), seq)
			return nil, nil
		}
		rows = append(rows, row[0])
	}
	return rows, nil
}

// effects applies a receipt to tickets. A lifted offer that was then refused is refused, not delivered.
func (t *turn) effects(r *jieliv1.Receipt, rows, lifted []*store.OutboxRow) error {
	tickets, peer := t.link.links.tickets, t.link.peer
	refused := make(map[uint64]bool, len(r.GetRefused()))
	for _, it := range r.GetRefused() {
		refused[it.GetSequence()] = true
	}
	var gone []*store.OutboxRow
	for _, row := range lifted {
		if refused[row.Seq] {
			rows = append(rows, row)
		} else {
			gone = append(gone, row)
		}
	}
	t.peerReceipts++
	t.peerRefused += len(r.GetRefused())
	for _, it := range r.GetStopped() {
		t.peerReasons = append(t.peerReasons, it.GetReason())
	}
	if err := t.showStopped(r, rows); err != nil {
		return err
	}
	if len(rows) > 0 {
		if err := tickets.Delivered(t.tx, peer, rows, r); err != nil {
			return err
		}
	}
	if len(gone) > 0 {
		return tickets.Lifted(t.tx, peer, gone)
	}
	return nil
}

// showStopped shows content items that the peer stopped; of events the rules of tickets know more to do.
func (t *turn) showStopped(r *jieliv1.Receipt, rows []*store.OutboxRow) error {
	if len(r.GetStopped()) == 0 {
		return nil
	}
	if err := t.readStanding(); err != nil {
		return err
	}
	reasons := make(map[uint64]string, len(r.GetStopped()))
	for _, it := range r.GetStopped() {
		reasons[it.GetSequence()] = among(stoppedReasons, it.GetReason())
	}
	for _, row := range rows {
		reason, stopped := reasons[row.Seq]
		if !stopped || row.Kind != store.OutboxContent || t.standing[row.TicketID] {
			continue
		}
		st := &store.StoppedTicket{Peer: t.link.peer, TicketID: row.TicketID, Reason: reason, ByPeer: true, Time: t.link.links.cfg.Now()}
		if err := t.tx.PutStopped(st); err != nil {
			return fmt.Errorf("show ticket %s as stopped: %w", row.TicketID, err)
		}
		t.peerStopped = append(t.peerStopped, st)
	}
	return nil
}

func (t *turn) takeRequest(r *jieliv1.TicketRequest) error {
	answer, err := t.link.links.tickets.Requested(t.tx, t.link.peer, r)
	var behind *Behind
	if errors.As(err, &behind) {
		t.stop = behind
		return nil
	}
	if err != nil {
		return t.undo(err)
	}
	if answer != nil {
		t.answers = append(t.answers, answer)
	}
	return nil
}

// ticketOf is the ticket an item is of, as far as that can be told without knowing what it means; empty when it is no
// canonical id.
func ticketOf(item *jieliv1.Item) string {
	id := item.GetContent().GetTicketId()
	if item.GetEvent() != nil {
		id = firstString(item.GetEvent().GetEvent().GetEvent())
	}
	if u, err := uuid.Parse(id); err != nil || u.String() != id {
		return ""
	}
	return id
}

// firstString is field 1 of a message, where it stands first: the ticket id of an event (ticket.proto).
func firstString(message []byte) string {
	number, kind, n := protowire.ConsumeTag(message)
	if n < 0 || number != 1 || kind != protowire.BytesType {
		return ""
	}
	value, n := protowire.ConsumeBytes(message[n:])
	if n < 0 {
		return ""
	}
	return string(value)
}
