package federation

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/hashicorp/raft"
)

// futures waits for Raft, whose own waits have no end: neither that for an answer nor, in places, that for its queue.
// What is no longer waited for still counts until Raft has answered it, which bounds how much can pile up while a disk
// stalls.
type futures struct {
	slots   chan struct{} // one for each call under way
	waiting sync.WaitGroup
}

func newFutures(limit int) *futures { return &futures{slots: make(chan struct{}, limit)} }

// await starts something of Raft and waits until it is answered, but no longer than the context. The future is nil if
// it was not answered in time.
func (f *futures) await(ctx context.Context, start func(timeout time.Duration) raft.Future) (raft.Future, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	select {
	case f.slots <- struct{}{}:
	default:
		return nil, ErrBusy
	}
	timeout := remaining(ctx)
	type answer struct {
		future raft.Future
		err    error
	}
	answered := make(chan answer, 1)
	f.waiting.Go(func() {
		defer func() { <-f.slots }()
		future := start(timeout)
		answered <- answer{future, future.Error()}
	})
	select {
	case a := <-answered:
		return a.future, a.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// settle waits until Raft has answered everything.
func (f *futures) settle(limit time.Duration) error {
	settled := make(chan struct{})
	go func() {
		f.waiting.Wait()
		close(settled)
	}()
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case <-settled:
		return nil
	case <-timer.C:
		return fmt.Errorf("raft has not answered %d calls within %s", len(f.slots), limit)
	}
}

// remaining is how long a context may still take; Raft takes 0 for no limit, so never that.
func remaining(ctx context.Context) time.Duration {
	deadline, ok := ctx.Deadline()
	if !ok {
		return defaultWriteTimeout
	}
	return max(time.Until(deadline), time.Millisecond)
}
