package federation

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hashicorp/raft"

	jieliv1 "github.com/jieli-gateway/jieli/proto/jieli/v1"
)

// ReadStrong waits until this node's table holds every write that was answered before the call, and gives it, within
// ReadTimeout. It fails with ErrNoQuorum when no leader confirms it in time.
func (r *Registry) ReadStrong(ctx context.Context) (Snapshot, error) {
	if err := r.started(); err != nil {
		return Snapshot{}, err
	}
	ctx, cancel := withMargin(ctx, r.cfg.ReadTimeout)
	defer cancel()
	begin := time.Now()
	for {
		moved := r.leaderMoved.wait()
		err := r.confirm(ctx)
		switch {
		case err == nil:
			return r.View(), nil
		case errors.Is(err, ErrClosed), errors.Is(err, ErrOtherCluster), errors.Is(err, ErrLevelUnknown), errors.Is(err, ErrNoRegistry):
			return Snapshot{}, fmt.Errorf("strong read of the registry: %w", err)
		case ctx.Err() == nil:
			r.neighbours.kick()
			waitAny(ctx, moved, retryPause)
		}
		if ctx.Err() != nil {
			return Snapshot{}, fmt.Errorf("strong read of the registry: %w", r.noQuorum(begin, err))
		}
	}
}

// confirm learns from the leader which entry must be applied here, and waits until it is.
func (r *Registry) confirm(ctx context.Context) error {
	if r.View().ClusterID() == "" {
		return ErrNoRegistry
	}
	index, err := r.readIndex(ctx)
	if err != nil {
		return err
	}
	if err := r.waitApplied(ctx, index); err != nil {
		return err
	}
	if why := r.fsm.halted(); why != "" {
		return fmt.Errorf("%w (%s)", ErrLevelUnknown, why)
	}
	return nil
}

func (r *Registry) readIndex(ctx context.Context) (uint64, error) {
	if r.raft.State() == raft.Leader {
		return r.readIndexAsLeader(ctx)
	}
	leader, ok := r.leader()
	if !ok || leader == r.cfg.Self {
		return 0, errors.New("nobody leads")
	}
	client, err := r.clients.to(leader)
	if err != nil {
		return 0, err
	}
	ctx, stop := r.whileLeads(ctx, leader)
	defer stop()
	response, err := client.ReadIndex(ctx, &jieliv1.ReadIndexRequest{ClusterId: r.View().ClusterID()})
	if err != nil {
		return 0, fmt.Errorf("leader %s: %w", leader, fromStatus(err))
	}
	return response.GetIndex(), nil
}

// readIndexAsLeader gives the index that a reader must have applied to see all that was answered before the call. The
// commit index is taken first, then a quorum confirms that nobody else leads: so nobody else can have answered a write
// by then.
func (r *Registry) readIndexAsLeader(ctx context.Context) (uint64, error) {
	if err := r.mayLead(); err != nil {
		return 0, err
	}
	term, commit := r.raft.CurrentTerm(), r.raft.CommitIndex()
	if _, err := r.futures.await(ctx, func(time.Duration) raft.Future { return r.raft.VerifyLeader() }); err != nil {
		return 0, fmt.Errorf("confirm leadership: %w", err)
	}
	if r.raft.CurrentTerm() != term || r.raft.State() != raft.Leader {
		return 0, ErrNotLeader
	}
	return r.visibleIndex(commit), nil
}

// visibleIndex is the newest entry up to index that reaches the registry. Raft keeps no-ops and barriers to itself, so
// nobody could wait until those are applied.
func (r *Registry) visibleIndex(index uint64) uint64 {
	for ; index > r.fsm.applied.Load(); index-- {
		var entry raft.Log
		if err := r.logs.GetLog(index, &entry); err != nil {
			break // compacted: then a snapshot has it, and so has the registry
		}
		if entry.Type == raft.LogCommand || entry.Type == raft.LogConfiguration {
			return index
		}
	}
	return min(index, r.fsm.applied.Load())
}

// waitApplied waits until the registry here has applied an entry.
func (r *Registry) waitApplied(ctx context.Context, index uint64) error {
	for {
		advanced := r.fsm.advanced.wait()
		if r.fsm.applied.Load() >= index {
			return nil
		}
		select {
		case <-advanced:
		case <-ctx.Done():
			return fmt.Errorf("wait for entry %d, have %d: %w", index, r.fsm.applied.Load(), ctx.Err())
		}
	}
}
