package api

import (
	"context"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/jieli-gateway/jieli/gateway/fault"
)

const (
	// callTime is how long a call may take when its caller sets no deadline.
	callTime = 10 * time.Second
	// maxCallTime is how long it may take whatever deadline the caller sets.
	maxCallTime = 60 * time.Second
	// answerTime is kept back of a caller's deadline, so that a proper error reaches them before it passes.
	answerTime = 20 * time.Millisecond
	// maxWait is the longest a call may wait for a first entry of the feed.
	maxWait = 60 * time.Second
	// recheckInterval is how often it is looked whether the caller of a long call may still make it.
	recheckInterval = 500 * time.Millisecond
)

// waitOf is how long a request asks to wait; 0 when it does not, or asks for what will be refused.
func waitOf(req any) time.Duration {
	waiting, ok := req.(interface{ GetWait() *durationpb.Duration })
	if !ok || waiting.GetWait() == nil {
		return 0
	}
	return min(max(waiting.GetWait().AsDuration(), 0), maxWait)
}

// withDeadline bounds a call: wait and callTime, or the caller's own deadline, up to maxCallTime.
func withDeadline(ctx context.Context, wait time.Duration) (context.Context, context.CancelFunc) {
	deadline, ok := ctx.Deadline()
	if !ok {
		return context.WithTimeout(ctx, wait+callTime)
	}
	left := time.Until(deadline)
	if left > 2*answerTime {
		left -= answerTime
	}
	return context.WithTimeout(ctx, min(left, wait+maxCallTime))
}

// errDraining ends long calls when the node stops.
func errDraining() error {
	return fault.New(fault.Unavailable, "DRAINING", "this node is stopping; connect again in a moment, and go on from the last cursor")
}

// watch ends a call that goes on for long once its caller may no longer make it, or the server ends. Release must be
// called; it waits for what watch has started.
func (g *gate) watch(ctx context.Context, c *call) (_ context.Context, release func()) {
	// The call's own copy: handlers must not see it change.
	seen := *c
	ctx, cancel := context.WithCancelCause(ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		recheck := time.NewTicker(recheckInterval)
		defer recheck.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-g.draining:
				cancel(errDraining())
				return
			case <-recheck.C:
				if err := g.admit(ctx, &seen); err != nil {
					cancel(err)
					return
				}
			}
		}
	}()
	return ctx, func() {
		cancel(nil)
		<-ended
	}
}

// endOf gives the reason for which watch ended a call, when that is why it failed.
func endOf(ctx context.Context, err error) error {
	if err == nil || ctx.Err() == nil {
		return err
	}
	if _, ok := fault.As(context.Cause(ctx)); ok {
		return context.Cause(ctx)
	}
	return err
}
