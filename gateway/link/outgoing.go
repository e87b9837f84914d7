package link

import (
	"sync"

	jieliv1 "github.com/jieli-gateway/jieli/proto/jieli/v1"
)

// outgoing is what waits for the writer. Who commits must never wait for the network, or two full streams could wait
// for each other for ever; so nothing here blocks, and all of it is bounded: of keepalives the newest is enough,
// receipts that do not fit are read from the store later, and a peer that does not read its answers loses the stream.
type outgoing struct {
	mu       sync.Mutex
	ready    flag
	ask      *jieliv1.Keepalive
	echo     *jieliv1.Keepalive
	receipts []*jieliv1.SignedReceipt // next, next+1, …
	next     uint64                   // number of the next receipt to send
	newest   uint64                   // number of the newest receipt that is committed; those not in receipts are in the store
	answers  []*jieliv1.TicketRequestAnswer
	// work carries batches and requests, whose makers may wait.
	work chan *jieliv1.Frame
}

// newOutgoing begins after the newest receipt the peer has committed; those up to our newest are in the store.
func newOutgoing(peerHas, newest uint64) *outgoing {
	return &outgoing{ready: newFlag(), next: peerHas + 1, newest: newest, work: make(chan *jieliv1.Frame)}
}

// keepalive replaces the keepalive, or the echo, that waits.
func (o *outgoing) keepalive(k *jieliv1.Keepalive) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if k.GetEcho() {
		o.echo = k
	} else {
		o.ask = k
	}
	o.ready.set()
}

// maxReceipts bounds receipts kept here instead of read from the store.
const maxReceipts = 256

// receipt adds a receipt that has been committed. Two goroutines commit (a stream's and Retry's), so numbers may come
// out of order; what does not follow is read from the store.
func (o *outgoing) receipt(number uint64, r *jieliv1.SignedReceipt) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if number == o.next+uint64(len(o.receipts)) && len(o.receipts) < maxReceipts {
		o.receipts = append(o.receipts, r)
	}
	o.newest = max(o.newest, number)
	o.ready.set()
}

// announce tells the number of the newest receipt in the store.
func (o *outgoing) announce(newest uint64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.newest = max(o.newest, newest)
}

// answer adds an answer; false when too many wait.
func (o *outgoing) answer(a *jieliv1.TicketRequestAnswer) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.answers) >= maxAnswers {
		return false
	}
	o.answers = append(o.answers, a)
	o.ready.set()
	return true
}

// pop takes the most urgent frame that waits; nil when none does. With refill, receipts must be read from the store
// before anything less urgent goes.
func (o *outgoing) pop() (f *jieliv1.Frame, refill bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	switch {
	case o.echo != nil:
		f, o.echo = keepaliveFrame(o.echo), nil
	case o.ask != nil:
		f, o.ask = keepaliveFrame(o.ask), nil
	case len(o.receipts) > 0:
		f, o.receipts = receiptFrame(o.receipts[0]), o.receipts[1:]
		o.next++
	case o.next <= o.newest:
		return nil, true
	case len(o.answers) > 0:
		f, o.answers = answerFrame(o.answers[0]), o.answers[1:]
	}
	return f, false
}

// sentReceipts is the number after which receipts are to be read from the store.
func (o *outgoing) sentReceipts() uint64 {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.next - 1
}

// refill takes receipts from the store that follow sentReceipts.
func (o *outgoing) refill(rs []*jieliv1.SignedReceipt) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.receipts = rs
	o.newest = max(o.newest, o.next+uint64(len(rs))-1)
}
