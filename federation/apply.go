package federation

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/hashicorp/raft"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/jieli-gateway/jieli/federation/registry"
	"github.com/jieli-gateway/jieli/federation/trust"
	jieliv1 "github.com/jieli-gateway/jieli/proto/jieli/v1"
)

const (
	// retryPause is how long a write waits before it tries again, unless the leader moves sooner.
	retryPause = 50 * time.Millisecond
	// errorMargin is how much of a deadline is kept for saying what went wrong.
	errorMargin = 50 * time.Millisecond
	// reasonLevelUnknown is what a machine that has stopped applying answers.
	reasonLevelUnknown = "LEVEL_UNKNOWN"
)

// Propose applies a command of this node's region, here or through the leader, within WriteTimeout. A command that
// the registry rejects gives its outcome and a *Rejection. Otherwise it fails with
//
//   - ErrNoQuorum (a *QuorumError): nothing was changed;
//   - ErrUnknown: perhaps it was. Propose the same command again, with the same request id;
//   - ErrWouldLoseQuorum, ErrSpeaksForAnother, ErrRequestID, ErrLevelUnknown, ErrBusy, ErrClosed: nothing was changed.
//
// Propose itself tries again when the leader moves, which is safe because a request id is applied at most once; so
// the outcome of a first proposal may say that it is repeated.
func (r *Registry) Propose(ctx context.Context, command *jieliv1.Command) (*jieliv1.Outcome, error) {
	begin := time.Now()
	outcome, err := r.propose(ctx, command)
	r.meters.proposed(time.Since(begin), err)
	return outcome, err
}

func (r *Registry) propose(ctx context.Context, command *jieliv1.Command) (*jieliv1.Outcome, error) {
	if err := r.started(); err != nil {
		return nil, err
	}
	if command.GetRegion() != r.cfg.Self.Region {
		return nil, fmt.Errorf("%w: the command is of %q, this node of %q", ErrSpeaksForAnother, command.GetRegion(), r.cfg.Self.Region)
	}
	if err := registry.CheckRequestID(command.GetRequestId(), r.cfg.Now(), r.cfg.RequestAge, r.cfg.RequestAhead); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrRequestID, err)
	}
	encoded, err := registry.Encode(command)
	if err != nil {
		return nil, fmt.Errorf("encode the command: %w", err)
	}
	return r.submit(ctx, command, encoded)
}

// submit tries to have a command applied until the deadline.
func (r *Registry) submit(ctx context.Context, command *jieliv1.Command, encoded []byte) (*jieliv1.Outcome, error) {
	ctx, cancel := withMargin(ctx, r.cfg.WriteTimeout)
	defer cancel()
	begin, given := time.Now(), false
	for {
		moved := r.leaderMoved.wait()
		outcome, perhaps, err := r.submitOnce(ctx, command, encoded)
		given = given || perhaps
		switch {
		case err == nil:
			return outcome, rejectionIn(outcome)
		case isFinal(err):
			return nil, err
		case ctx.Err() == nil:
			r.neighbours.kick()
			waitAny(ctx, moved, retryPause)
		}
		if ctx.Err() != nil {
			return nil, r.gaveUp(begin, given, err)
		}
	}
}

// submitOnce gives a command to whoever leads. When it fails, perhaps tells whether the command may still be applied.
func (r *Registry) submitOnce(ctx context.Context, command *jieliv1.Command, encoded []byte) (outcome *jieliv1.Outcome, perhaps bool, err error) {
	if r.raft.State() == raft.Leader {
		return r.applyAsLeader(ctx, command, encoded)
	}
	leader, ok := r.leader()
	if !ok || leader == r.cfg.Self {
		return nil, false, errors.New("nobody leads")
	}
	return r.forward(ctx, leader, encoded)
}

// forward gives a command to another node. It stops waiting for that one when another leads.
func (r *Registry) forward(ctx context.Context, leader trust.NodeID, encoded []byte) (*jieliv1.Outcome, bool, error) {
	client, err := r.clients.to(leader)
	if err != nil {
		return nil, false, err
	}
	ctx, stop := r.whileLeads(ctx, leader)
	defer stop()
	response, err := client.Forward(ctx, &jieliv1.ForwardRequest{ClusterId: r.View().ClusterID(), Command: encoded})
	if err == nil {
		return response.GetOutcome(), false, nil
	}
	told := fromStatus(err)
	if _, _, ok := ReasonOf(told); ok && !errors.Is(told, ErrUnknown) {
		return nil, false, fmt.Errorf("leader %s: %w", leader, told)
	}
	// Anything else may have come about after the command had been taken.
	return nil, true, fmt.Errorf("leader %s: %w", leader, told)
}

// whileLeads gives a context that ends when Raft here knows of another leader.
func (r *Registry) whileLeads(ctx context.Context, leader trust.NodeID) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			moved := r.leaderMoved.wait()
			if now, ok := r.leader(); ok && now != leader {
				cancel()
			}
			select {
			case <-moved:
			case <-ctx.Done():
				return
			}
		}
	}()
	return ctx, func() { cancel(); <-done }
}

// applyAsLeader applies a command on this node, which must lead.
func (r *Registry) applyAsLeader(ctx context.Context, command *jieliv1.Command, encoded []byte) (outcome *jieliv1.Outcome, perhaps bool, err error) {
	if err := r.mayLead(); err != nil {
		return nil, false, err
	}
	leave, err := r.depart(ctx, command)
	if err != nil {
		return nil, false, err
	}
	defer leave()

	var future raft.Future
	future, err = r.futures.await(ctx, func(timeout time.Duration) raft.Future {
		return r.stamp.inOrder(r.cfg.Now(), func(stamp uint64) raft.Future {
			return r.raft.Apply(registry.Seal(encoded, nil, stamp), timeout)
		})
	})
	switch {
	case err == nil:
	case errors.Is(err, ErrBusy), errors.Is(err, raft.ErrEnqueueTimeout), errors.Is(err, raft.ErrLeadershipTransferInProgress):
		return nil, false, err
	case errors.Is(err, raft.ErrNotLeader):
		return nil, false, ErrNotLeader
	default: // leadership lost, shutdown, a failed write, or no answer in time: it may be applied yet
		return nil, true, fmt.Errorf("%w: %w", ErrUnknown, err)
	}
	applied, ok := future.(raft.ApplyFuture)
	if !ok {
		return nil, true, fmt.Errorf("%w: raft gave a %T", ErrUnknown, future)
	}
	// A registry that has stopped applying rejects what the others may apply.
	if outcome, ok = applied.Response().(*jieliv1.Outcome); !ok || outcome.GetReason() == reasonLevelUnknown {
		return nil, true, fmt.Errorf("%w: it is in the log, but %w", ErrUnknown, ErrLevelUnknown)
	}
	return outcome, false, nil
}

// mayLead reports why this node cannot act as leader now, if it cannot.
func (r *Registry) mayLead() error {
	switch {
	case r.raft.State() != raft.Leader:
		return ErrNotLeader
	case r.gate.stalled():
		return fmt.Errorf("%w: %w", ErrNotLeader, ErrStalled)
	case r.leaderTerm.Load() != r.raft.CurrentTerm():
		return fmt.Errorf("%w: it has not applied all that came before", ErrNotLeader)
	case r.fsm.halted() != "":
		return fmt.Errorf("%w: %w", ErrNotLeader, ErrLevelUnknown)
	}
	return nil
}

// isFinal reports whether another try would fail alike.
func isFinal(err error) bool {
	for _, final := range []error{ErrWouldLoseQuorum, ErrSpeaksForAnother, ErrRequestID, ErrOtherCluster, ErrClosed, ErrBusy} {
		if errors.Is(err, final) {
			return true
		}
	}
	switch status.Code(err) { // a leader that refuses for a reason this version does not know
	case codes.InvalidArgument, codes.PermissionDenied, codes.Unimplemented:
		return true
	}
	return false
}

func rejectionIn(outcome *jieliv1.Outcome) error {
	if outcome.GetReason() == "" {
		return nil
	}
	return &Rejection{Reason: outcome.GetReason(), Message: outcome.GetMessage(), Revision: outcome.GetRevision()}
}

// gaveUp says what is known of a write whose time is over.
func (r *Registry) gaveUp(begin time.Time, given bool, last error) error {
	if given {
		if errors.Is(last, ErrUnknown) {
			return last
		}
		return fmt.Errorf("%w (last: %w)", ErrUnknown, last)
	}
	return r.noQuorum(begin, last)
}

// noQuorum names the voters that have not answered since begin.
func (r *Registry) noQuorum(begin time.Time, last error) error {
	voters := r.voters()
	failure := &QuorumError{Voters: len(voters), Err: last}
	for _, id := range others(r.cfg.Self, voters) {
		if answer := r.neighbours.last(id); answer.status == nil || answer.at.Before(begin) {
			failure.Missing = append(failure.Missing, id)
		}
	}
	if r.gate.stalled() {
		failure.Missing = append(failure.Missing, r.cfg.Self)
	}
	return failure
}

// withMargin bounds a context, and leaves a little of its deadline for an error.
func withMargin(ctx context.Context, limit time.Duration) (context.Context, context.CancelFunc) {
	end := time.Now().Add(limit)
	if deadline, ok := ctx.Deadline(); ok && deadline.Before(end) {
		end = deadline
	}
	margin := min(errorMargin, time.Until(end)/10)
	return context.WithDeadline(ctx, end.Add(-margin))
}

// waitAny waits for a channel, a pause or the end of the context, whichever is first.
func waitAny(ctx context.Context, moved <-chan struct{}, most time.Duration) {
	timer := time.NewTimer(most)
	defer timer.Stop()
	select {
	case <-moved:
	case <-timer.C:
	case <-ctx.Done():
	}
}

// stamps numbers the leader's entries by its clock in milliseconds, never going back, in the order of the log.
type stamps struct {
	mu   sync.Mutex
	last uint64
}

// inOrder gives the next stamp to enqueue, which runs alone.
func (s *stamps) inOrder(now time.Time, enqueue func(stamp uint64) raft.Future) raft.Future {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.last = max(s.last, uint64(max(0, now.UnixMilli())))
	return enqueue(s.last)
}

// after makes the next stamp at least this one.
func (s *stamps) after(stamp uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.last = max(s.last, stamp)
}
