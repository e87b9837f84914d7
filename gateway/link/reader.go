package link

import (
	"runtime"
	"sync"

	"google.golang.org/protobuf/proto"

	"github.com/jieli-gateway/jieli/gateway/ticket"
	jieliv1 "github.com/jieli-gateway/jieli/proto/jieli/v1"
)

// read takes frames until the stream is closed. It goes on reading after the stream has ended here, so that the peer
// can finish what it is sending and read our goodbye.
func (s *stream) read() error {
	for {
		s.receiving.begin(s.now())
		f, err := s.conn.Recv()
		s.receiving.end()
		if err != nil {
			return lost(err)
		}
		if s.ctx.Err() != nil {
			continue
		}
		s.heard.ring()
		s.link.heardFrom()
		if err := s.receive(f); err != nil {
			s.stop(asEnding(err))
		}
	}
}

// receive deals with one frame, or leaves it to the committer.
func (s *stream) receive(f *jieliv1.Frame) error {
	a := &arrival{bytes: proto.Size(f)}
	switch m := f.GetMessage().(type) {
	case *jieliv1.Frame_Keepalive:
		return s.hearKeepalive(m.Keepalive)
	case *jieliv1.Frame_Goodbye:
		return peersEnding(m.Goodbye.GetReason(), m.Goodbye.GetMessage())
	case *jieliv1.Frame_Batch:
		b, err := s.checkBatch(m.Batch)
		if err != nil {
			return err
		}
		a.batch = b
	case *jieliv1.Frame_Receipt:
		a.receipt = &arrivedReceipt{signed: m.Receipt}
	case *jieliv1.Frame_Request:
		a.request = m.Request
	case *jieliv1.Frame_Answer:
		a.answer = m.Answer
	default:
		return breach("a frame that has no place after the hello")
	}
	if err := s.in.put(s.ctx, a); err != nil {
		return nil //nolint:nilerr // the stream has ended
	}
	return nil
}

// checkBatch checks a batch's form and its items, several at once where there are many.
func (s *stream) checkBatch(b *jieliv1.Batch) (*arrivedBatch, error) {
	n := len(b.GetItems())
	if n == 0 || n > MaxBatchItems {
		return nil, breach("a batch of %d items; 1 to %d are allowed", n, MaxBatchItems)
	}
	if b.GetFirstSequence() == 0 || b.GetFirstSequence() > maxSequence {
		return nil, breach("a batch with first sequence %d", b.GetFirstSequence())
	}
	if len(b.GetRunningHash()) != 32 {
		return nil, breach("a batch without a running hash of 32 bytes")
	}
	for i, item := range b.GetItems() {
		if item.GetItem() == nil {
			return nil, breach("item %d is of no kind that version %d of links knows", b.GetFirstSequence()+uint64(i), VersionMax)
		}
	}
	a := &arrivedBatch{
		first: b.GetFirstSequence(), before: [32]byte(b.GetRunningHash()),
		items: b.GetItems(), checked: make([]Checked, n),
	}
	s.checkItems(a)
	return a, nil
}

// maxSequence keeps sums of sequences from wrapping and fits every store's integers.
const maxSequence = 1 << 62

// checkShare is how many items are worth a goroutine.
const checkShare = 16

func (s *stream) checkItems(a *arrivedBatch) {
	check := func(from, to int) {
		for i := from; i < to; i++ {
			a.checked[i] = s.checkItem(a.items[i])
		}
	}
	n := len(a.items)
	workers := min(runtime.GOMAXPROCS(0), (n+checkShare-1)/checkShare)
	if workers <= 1 {
		check(0, n)
		return
	}
	var all sync.WaitGroup
	for w := range workers {
		all.Go(func() { check(n*w/workers, n*(w+1)/workers) })
	}
	all.Wait()
}

func (s *stream) checkItem(item *jieliv1.Item) Checked {
	if item.GetEmpty() != nil {
		return emptyItem{}
	}
	return s.link.links.tickets.Check(s.link.peer, item)
}

// emptyItem keeps the place of what was never sent; it needs no judging.
type emptyItem struct{}

func (emptyItem) Hash() [32]byte { return ticket.EmptyItemHash() }
