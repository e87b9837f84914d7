package link

import (
	"context"
	"sync"

	jieliv1 "github.com/jieli-gateway/jieli/proto/jieli/v1"
)

// arrival is one frame that has come and waits to be made durable. Exactly one of its fields is set.
type arrival struct {
	batch   *arrivedBatch
	receipt *arrivedReceipt
	request *jieliv1.TicketRequest
	answer  *jieliv1.TicketRequestAnswer
	bytes   int
}

// arrivedBatch is a batch whose items have been checked.
type arrivedBatch struct {
	first uint64
	// before is the running hash before the first item.
	before  [32]byte
	items   []*jieliv1.Item
	checked []Checked
}

// arrivedReceipt is a receipt; opened once its signature has been verified.
type arrivedReceipt struct {
	signed *jieliv1.SignedReceipt
	opened *jieliv1.Receipt
}

// items is how much of a transaction it will take.
func (a *arrival) items() int {
	if a.batch != nil {
		return len(a.batch.items)
	}
	return 1
}

// inbox holds arrivals in order between the reader and the committer, bounded in frames and bytes. A full inbox stops
// reading, and so, through the transport, the peer.
type inbox struct {
	mu      sync.Mutex
	waiting []*arrival
	bytes   int
	filled  flag
	emptied flag
}

func newInbox() *inbox { return &inbox{filled: newFlag(), emptied: newFlag()} }

// put adds an arrival once there is room. One that is larger than all room gets in alone.
func (b *inbox) put(ctx context.Context, a *arrival) error {
	for !b.tryPut(a) {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-b.emptied:
		}
	}
	b.filled.set()
	return nil
}

func (b *inbox) tryPut(a *arrival) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.waiting) > 0 && (len(b.waiting) >= inboxFrames || b.bytes+a.bytes > inboxBytes) {
		return false
	}
	b.waiting = append(b.waiting, a)
	b.bytes += a.bytes
	return true
}

// take waits for arrivals and takes all that wait, bounded by turnItems. It never waits for more to come.
func (b *inbox) take(ctx context.Context) ([]*arrival, error) {
	for {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if run := b.tryTake(); len(run) > 0 {
			b.emptied.set()
			return run, nil
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-b.filled:
		}
	}
}

func (b *inbox) tryTake() []*arrival {
	b.mu.Lock()
	defer b.mu.Unlock()
	n, items := 0, 0
	for n < len(b.waiting) && (n == 0 || items+b.waiting[n].items() <= turnItems) {
		items += b.waiting[n].items()
		b.bytes -= b.waiting[n].bytes
		n++
	}
	run := append([]*arrival(nil), b.waiting[:n]...)
	b.waiting = append(b.waiting[:0], b.waiting[n:]...)
	clear(b.waiting[len(b.waiting):cap(b.waiting)])
	return run
}
