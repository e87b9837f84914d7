package federation

import (
	"context"
	"fmt"

	"github.com/jieli-gateway/jieli/federation/registry"
)

// Reasons for which a table is a last known one.
const (
	// StaleNotCaughtUp: since the start no leader has confirmed the table yet.
	StaleNotCaughtUp = "NOT_CAUGHT_UP"
	// StaleNoQuorumContact: no leader with a quorum has been heard from for longer than policy.registryGrace.
	StaleNoQuorumContact = "NO_QUORUM_CONTACT"
	// StaleLevelUnknown: the registry has a level that this binary does not know, or it cannot be read any further.
	StaleLevelUnknown = "LEVEL_UNKNOWN"
)

// Snapshot is the registry as one node knows it: an immutable table, and whether it is a last known one.
type Snapshot struct {
	*registry.View
	// Stale tells that newer tables may exist which this node does not get.
	Stale bool
	// StaleReason is one of the constants, empty unless Stale.
	StaleReason string
}

// View is the newest table that this node has. It never blocks and takes no lock. Before the node is in a federation
// the table is empty and its cluster id too.
func (r *Registry) View() Snapshot {
	view := r.machine.View()
	if seed := r.seed.Load(); seed != nil && seed.Revision() > view.Revision() {
		view = seed
	}
	reason := r.staleReason()
	return Snapshot{View: view, Stale: reason != "", StaleReason: reason}
}

func (r *Registry) staleReason() string {
	switch {
	case r.fsm.halted() != "":
		return StaleLevelUnknown
	case !r.caughtUp.Load():
		return StaleNotCaughtUp
	case r.pastGrace.Load():
		return StaleNoQuorumContact
	}
	return ""
}

// Changed gives a channel that is closed when View may answer something else. Take it before looking.
func (r *Registry) Changed() <-chan struct{} { return r.changed.wait() }

// WaitRevision waits until this node has at least a revision.
func (r *Registry) WaitRevision(ctx context.Context, revision uint64) (Snapshot, error) {
	for {
		changed := r.Changed()
		if view := r.View(); view.Revision() >= revision {
			return view, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return Snapshot{}, fmt.Errorf("wait for revision %d of the registry, have %d: %w", revision, r.View().Revision(), ctx.Err())
		}
	}
}
