package federation

import "sync"

// bell wakes everybody who waits for something to have changed. Take the channel, look, then wait: a ring in between
// is not missed.
type bell struct {
	mu sync.Mutex
	ch chan struct{}
}

// wait gives a channel that is closed by the next ring.
func (b *bell) wait() <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.ch == nil {
		b.ch = make(chan struct{})
	}
	return b.ch
}

func (b *bell) ring() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.ch != nil {
		close(b.ch)
		b.ch = nil
	}
}
