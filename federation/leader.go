package federation

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/hashicorp/raft"
)

// lead does what falls to the leader, whenever this node is it.
func (r *Registry) lead(ctx context.Context) {
	var stop func()
	resign := func() {
		if stop != nil {
			stop()
			stop = nil
		}
	}
	defer resign()
	for {
		select {
		case leads := <-r.raft.LeaderCh():
			resign() // also when this node lost leadership and has it again
			if leads {
				stop = r.takeOffice(ctx)
			}
		case <-ctx.Done():
			return
		}
	}
}

// takeOffice begins to lead; the function it gives ends that and waits for it.
func (r *Registry) takeOffice(ctx context.Context) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		r.inOffice(ctx)
	}()
	return func() {
		cancel()
		<-done
		r.leaderTerm.Store(0)
		r.leaderMoved.ring()
	}
}

func (r *Registry) inOffice(ctx context.Context) {
	term := r.raft.CurrentTerm()
	if err := r.catchUpAsLeader(ctx); err != nil {
		if ctx.Err() == nil {
			r.log.Warn("new leader has not caught up with its own log", slog.Uint64("term", term), slog.Any("error", err))
		}
		return
	}
	r.stamp.after(r.machine.View().Stamp())
	r.leaderTerm.Store(term)
	r.leaderMoved.ring()
	r.log.Info("this node leads the registry", slog.Uint64("term", term), slog.Uint64("revision", r.machine.View().Revision()))
	r.neighbours.kick()
	r.keepMembership(ctx)
}

// catchUpAsLeader waits until everything that earlier leaders committed is applied here.
func (r *Registry) catchUpAsLeader(ctx context.Context) error {
	for {
		limited, cancel := context.WithTimeout(ctx, r.cfg.WriteTimeout)
		_, err := r.futures.await(limited, func(timeout time.Duration) raft.Future { return r.raft.Barrier(timeout) })
		cancel()
		if err == nil {
			return nil
		}
		if r.raft.State() != raft.Leader {
			return fmt.Errorf("barrier: %w", err)
		}
		if !pause(ctx, retryPause) {
			return ctx.Err()
		}
	}
}
