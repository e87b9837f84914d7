package federation

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/hashicorp/raft"
)

// contact remembers when a leader with a quorum was last heard from, or this node was one. It counts by the monotonic
// clock: setting the machine's clock makes no table stale.
type contact struct {
	start time.Time
	last  *atomic.Int64 // nanoseconds after start, plus 1; 0: never
}

func newContact() contact { return contact{start: time.Now(), last: new(atomic.Int64)} }

// age is how long ago the contact was; since the start if there was none.
func (c contact) age() time.Duration {
	return time.Since(c.start) - time.Duration(max(0, c.last.Load()-1))
}

// at is when it was; zero if never.
func (c contact) at() time.Time {
	last := c.last.Load()
	if last == 0 {
		return time.Time{}
	}
	return c.start.Add(time.Duration(last - 1))
}

func (c contact) set(at time.Time) {
	if !at.IsZero() {
		c.last.Store(int64(at.Sub(c.start)) + 1)
	}
}

// followContact keeps the contact up to date, and tells those who wait when the table becomes stale or fresh by it.
func (r *Registry) followContact(ctx context.Context) {
	ticker := time.NewTicker(max(r.cfg.Profile.Heartbeat/4, 10*time.Millisecond))
	defer ticker.Stop()
	reason := r.View().StaleReason
	lonely := loneliness{log: r.log, self: r.cfg.Self.String(), reason: StaleNotCaughtUp}
	for {
		r.contact.set(r.lastContact())
		r.pastGrace.Store(r.contact.age() > r.machine.View().Policy().GetRegistryGrace().AsDuration())
		if now := r.View().StaleReason; now != reason {
			reason = now
			r.changed.ring()
		}
		if r.View().ClusterID() != "" { // whoever is in no federation yet waits for nobody
			leader := ""
			if id, known := r.leader(); known {
				leader = id.String()
			}
			lonely.look(r.contact.age(), leader, reason, r.fsm.halted())
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
	}
}

// lastContact is when Raft last heard from a leader. A leader that loses its quorum steps down within its lease, so a
// leader that is heard from has one, and one whose disk works is one.
func (r *Registry) lastContact() time.Time {
	if r.raft.State() == raft.Leader && !r.gate.stalled() {
		return time.Now()
	}
	return r.raft.LastContact()
}
