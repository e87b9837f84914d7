package link

import (
	"fmt"

	"github.com/jieli-gateway/jieli/gateway/store"
	"github.com/jieli-gateway/jieli/gateway/ticket"
	jieliv1 "github.com/jieli-gateway/jieli/proto/jieli/v1"
)

// history is this side's account of the exchange with a peer, as far as a hello of the peer can be compared with it.
type history struct {
	link *store.Link
	// sent is the running hash of our items at the peer's `received`; sentKnown is false when we have no such item.
	sent      [32]byte
	sentKnown bool
	// receipt is the receipt of ours the peer says is its newest; nil when we have none of that number.
	receipt *jieliv1.Receipt
}

// difference says that the two accounts cannot both be whole: one side was restored from an older copy.
type difference struct {
	// reason is PEER_RESTORED, or SELF_RESTORED where it is plain that this side is the one.
	reason string
	detail string
}

// Error implements error.
func (d *difference) Error() string { return d.reason + ": " + d.detail }

// compare finds how a hello differs from our account; nil when it does not. Most checks have their mirror image on the
// other side; a difference only one side can see reaches the other by its goodbye.
func (h history) compare(hello *jieliv1.Hello) *difference {
	self := func(format string, args ...any) *difference {
		return &difference{ReasonSelfRestored, fmt.Sprintf(format, args...)}
	}
	peer := func(format string, args ...any) *difference {
		return &difference{ReasonPeerRestored, fmt.Sprintf(format, args...)}
	}
	l := h.link
	switch {
	// The peer remembers what we do not: this store is the old copy.
	case hello.GetReceived() > l.LastSequence:
		return self("the peer has our items up to %d, this store only up to %d", hello.GetReceived(), l.LastSequence)
	case hello.GetAcknowledged() > l.Received:
		return self("the peer has our receipt for its items up to %d, this store only has them up to %d", hello.GetAcknowledged(), l.Received)
	case hello.GetReceipt() > l.ReceiptNumber:
		return self("the peer has our receipt %d, this store wrote only %d", hello.GetReceipt(), l.ReceiptNumber)
	// We remember what the peer does not.
	case hello.GetReceived() < l.Acknowledged:
		return peer("the peer gave a receipt for our items up to %d and now has them only up to %d", l.Acknowledged, hello.GetReceived())
	case hello.GetLastSequence() < l.Received:
		return peer("we have the peer's items up to %d and it now has only %d", l.Received, hello.GetLastSequence())
	// We remember the same things differently.
	case !h.sentKnown:
		return self("our item %d, which the peer has, cannot be found", hello.GetReceived())
	case h.sent != [32]byte(hello.GetReceivedHash()) && hello.GetReceived() > l.Acknowledged:
		// Rows never change. An old copy that has written others since is the only way to this.
		return self("our items up to %d are not those the peer has", hello.GetReceived())
	case h.sent != [32]byte(hello.GetReceivedHash()):
		return peer("our items up to %d, which the peer gave a receipt for, are not those it now has", hello.GetReceived())
	case hello.GetAcknowledged() == l.Received && l.ReceivedHash != [32]byte(hello.GetAcknowledgedHash()):
		return peer("the peer's items up to %d are not those we have", l.Received)
	}
	if r := h.receipt; r.GetLastSequence() == hello.GetAcknowledged() && r.GetLastSequence() > 0 &&
		string(r.GetRunningHash()) != string(hello.GetAcknowledgedHash()) {
		return peer("the peer's items up to %d are not those our receipt %d is for", r.GetLastSequence(), r.GetNumber())
	}
	return nil
}

// rowHash is the item hash of an outbox row.
func rowHash(row *store.OutboxRow) [32]byte {
	if row.Kind == store.OutboxEmpty {
		return ticket.EmptyItemHash()
	}
	return row.Hash
}

// rowPage is how many outbox rows are read at a time.
const rowPage = 1024

// hashAt runs the hash over a peer's outbox from the newest receipt up to a sequence. ok is false when the rows do not
// go that far, or when the sequence lies before the receipt.
func hashAt(r store.Reader, l *store.Link, seq uint64) (hash [32]byte, ok bool, err error) {
	at, hash := l.Acknowledged, l.AcknowledgedHash
	if seq < at || seq > l.LastSequence {
		return hash, false, nil
	}
	for at < seq {
		rows, err := r.Outbox(l.Peer, at, int(min(seq-at, rowPage)))
		if err != nil {
			return hash, false, fmt.Errorf("outbox of %s after %d: %w", l.Peer, at, err)
		}
		for _, row := range rows {
			if row.Seq != at+1 {
				return hash, false, nil
			}
			at, hash = row.Seq, ticket.RunningHash(hash, rowHash(row))
		}
		if len(rows) == 0 {
			return hash, false, nil
		}
	}
	return hash, true, nil
}
