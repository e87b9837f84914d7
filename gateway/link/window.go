package link

import (
	"context"
	"sync"
)

// window bounds what has been sent on a stream and not been receipted.
type window struct {
	mu     sync.Mutex
	sent   []sentBatch // in order of last
	items  int
	bytes  int
	opened flag
}

type sentBatch struct {
	last  uint64
	items int
	bytes int
}

func newWindow() *window { return &window{opened: newFlag()} }

// wait returns once there is room for another batch, or ctx ends.
func (w *window) wait(ctx context.Context) error {
	for !w.hasRoom() {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-w.opened:
		}
	}
	return nil
}

func (w *window) hasRoom() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.items < windowItems && w.bytes < windowBytes
}

// add counts a batch that is about to be sent.
func (w *window) add(last uint64, items, bytes int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.sent = append(w.sent, sentBatch{last, items, bytes})
	w.items += items
	w.bytes += bytes
}

// release forgets batches that a receipt covers wholly.
func (w *window) release(acknowledged uint64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := 0
	for ; n < len(w.sent) && w.sent[n].last <= acknowledged; n++ {
		w.items -= w.sent[n].items
		w.bytes -= w.sent[n].bytes
	}
	if n == 0 {
		return
	}
	w.sent = append(w.sent[:0], w.sent[n:]...)
	w.opened.set()
}
