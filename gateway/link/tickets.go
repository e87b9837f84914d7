package link

import (
	"fmt"

	"github.com/jieli-gateway/jieli/gateway/store"
	jieliv1 "github.com/jieli-gateway/jieli/proto/jieli/v1"
)

// Tickets is what a link asks of the rules of tickets. gateway/desk implements it.
type Tickets interface {
	// Load builds the item an outbox row points at, with chain and content as allowed now. It is not asked for
	// rows of kind OutboxEmpty.
	Load(r store.Reader, row *store.OutboxRow) (*jieliv1.Item, error)
	// Check verifies what can be verified without the store: bytes, signatures, commitments. It runs beside
	// commits, on several goroutines at once. What it returns is good for any time, and for several Takes.
	Check(peer string, item *jieliv1.Item) Checked
	// Take judges and applies one checked item within the receiver's transaction. It fails with *Behind, having
	// written nothing, when it cannot judge yet; any other error rolls the transaction back and ends the stream.
	Take(tx store.Tx, peer string, seq uint64, c Checked) (Verdict, error)
	// Delivered applies the effects of a receipt to the rows it newly covers: delivered, refused, stopped. It may
	// fail with *Breach when the receipt says what it may not.
	Delivered(tx store.Tx, peer string, rows []*store.OutboxRow, r *jieliv1.Receipt) error
	// Lifted: the peer has taken items it had stopped.
	Lifted(tx store.Tx, peer string, rows []*store.OutboxRow) error
	// Resumed: this node has taken, on retry, all it had stopped of a ticket.
	Resumed(tx store.Tx, ticketID string) error
	// Requested handles a peer's request. A nil answer means that an event settles it, and travels as an item.
	Requested(tx store.Tx, peer string, r *jieliv1.TicketRequest) (*jieliv1.TicketRequestAnswer, error)
	// Settled handles a peer's coded answer to a request of ours.
	Settled(tx store.Tx, peer string, a *jieliv1.TicketRequestAnswer) error
}

// Checked is an item as far as it can be judged without the store.
type Checked interface {
	// Hash of the item, for the running hash.
	Hash() [32]byte
}

// Verdict says what became of an item; the zero Verdict is: taken.
type Verdict struct {
	// Refused is the signed, final refusal of an offer.
	Refused *jieliv1.SignedDecision
	// StoppedReason is the coded rule the item breaks; its ticket stands still on this link.
	StoppedReason string
	// TicketID is the ticket the item is of, where it can be made out.
	TicketID string
}

// Behind is an error of Tickets: judging needs a registry revision that this node has not applied yet.
type Behind struct {
	// Revision that is needed.
	Revision uint64
}

// Error implements error.
func (b *Behind) Error() string {
	return fmt.Sprintf("needs revision %d of the registry, which is not here yet", b.Revision)
}

// Breach is the peer breaking the protocol of links. The stream ends with PROTOCOL and the transaction is rolled back.
type Breach struct {
	// Message says which rule, in words.
	Message string
}

// Error implements error.
func (b *Breach) Error() string { return b.Message }

func breach(format string, args ...any) *Breach {
	return &Breach{Message: fmt.Sprintf(format, args...)}
}
