package federation

import (
	"fmt"
	"log/slog"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"

	"github.com/jieli-gateway/jieli/federation/trust"
)

// Names of the built-in profiles (`raft.profile`).
const (
	ProfileWAN = "wan" // sites tens of milliseconds apart
	ProfileLAN = "lan" // one site, and tests
)

// Settings of Raft that do not depend on distances.
const (
	// maxAppendEntries is how many entries one message to a follower may carry, and how many proposals wait in the
	// leader's queue to be written with one fsync.
	maxAppendEntries = 512
	// maxRPCsInFlight 1 switches pipelining off: with more, a follower whose disk failed for a moment never gets
	// another entry, although heartbeats look healthy.
	maxRPCsInFlight = 1
	// snapshotThreshold is after how many new entries a snapshot is taken.
	snapshotThreshold = 8192
	// trailingLogs is how many entries are kept behind a snapshot, so that a follower that is a little behind gets
	// entries instead of the whole state.
	trailingLogs = 10240
	// snapshotsRetained is how many snapshots are kept.
	snapshotsRetained = 3
	// snapshotInterval is how often Raft looks whether a snapshot is due (between this and twice this).
	snapshotInterval = 2 * time.Minute
)

// Profile holds every duration that follows from how far apart the nodes are.
type Profile struct {
	// Name is for people.
	Name string
	// Heartbeat is how long a follower waits for its leader before it wants an election. Leaders send ten times as
	// often.
	Heartbeat time.Duration
	// Election is how long a candidate waits for votes.
	Election time.Duration
	// Lease is how long a leader goes on without hearing from a quorum. At most Heartbeat.
	Lease time.Duration
	// Commit is how soon followers learn of a commit when no further entry follows it (up to twice this).
	Commit time.Duration
	// RPC bounds one Raft message and its answer; a snapshot gets this for each 256 KiB.
	RPC time.Duration
	// Stall is for how long one write to the log may take before this node stops acting as leader.
	Stall time.Duration
	// Poll is how often the leader asks the other nodes how they are.
	Poll time.Duration
}

// ProfileNamed gives a built-in profile; the empty name stands for wan.
func ProfileNamed(name string) (Profile, error) {
	switch name {
	case ProfileWAN, "":
		return Profile{
			Name: ProfileWAN, Heartbeat: 2 * time.Second, Election: 2 * time.Second, Lease: time.Second,
			Commit: 50 * time.Millisecond, RPC: 10 * time.Second, Stall: 2 * time.Second, Poll: 2 * time.Second,
		}, nil
	case ProfileLAN:
		return Profile{
			Name: ProfileLAN, Heartbeat: 200 * time.Millisecond, Election: 200 * time.Millisecond,
			Lease: 100 * time.Millisecond, Commit: 50 * time.Millisecond, RPC: 2 * time.Second, Stall: 2 * time.Second,
			Poll: 500 * time.Millisecond,
		}, nil
	}
	return Profile{}, fmt.Errorf("raft.profile: %q is not known; use %s or %s", name, ProfileWAN, ProfileLAN)
}

// Override gives the profile with every non-zero duration of other in place of its own.
func (p Profile) Override(other Profile) Profile {
	for _, field := range []struct {
		to   *time.Duration
		from time.Duration
	}{
		{&p.Heartbeat, other.Heartbeat},
		{&p.Election, other.Election},
		{&p.Lease, other.Lease},
		{&p.Commit, other.Commit},
		{&p.RPC, other.RPC},
		{&p.Stall, other.Stall},
		{&p.Poll, other.Poll},
	} {
		if field.from != 0 {
			*field.to = field.from
		}
	}
	return p
}

// Check reports durations that Raft cannot work with.
func (p Profile) Check() error {
	for name, d := range map[string]time.Duration{
		"heartbeat": p.Heartbeat, "election": p.Election, "lease": p.Lease, "commit": p.Commit,
	} {
		if d < 5*time.Millisecond || d > time.Minute {
			return fmt.Errorf("raft.%s: must be 5ms to 1m, is %s", name, d)
		}
	}
	for name, d := range map[string]time.Duration{"rpc": p.RPC, "stall": p.Stall, "poll": p.Poll} {
		if d <= 0 {
			return fmt.Errorf("raft.%s: must be more than 0, is %s", name, d)
		}
	}
	if p.Lease > p.Heartbeat {
		return fmt.Errorf("raft.lease: %s is more than raft.heartbeat (%s): a leader would go on while another is elected", p.Lease, p.Heartbeat)
	}
	if p.Election < p.Heartbeat {
		return fmt.Errorf("raft.election: %s is less than raft.heartbeat (%s)", p.Election, p.Heartbeat)
	}
	return nil
}

// LogValue prints the durations in force.
func (p Profile) LogValue() slog.Value {
	return slog.GroupValue(
		slog.String("profile", p.Name), slog.Duration("heartbeat", p.Heartbeat), slog.Duration("election", p.Election),
		slog.Duration("lease", p.Lease), slog.Duration("commit", p.Commit), slog.Duration("rpc", p.RPC),
		slog.Duration("stall", p.Stall), slog.Duration("poll", p.Poll))
}

// raftConfig is the configuration of Raft under a profile.
func (p Profile) raftConfig(self trust.NodeID, log hclog.Logger) *raft.Config {
	cfg := raft.DefaultConfig()
	cfg.LocalID = serverID(self)
	cfg.HeartbeatTimeout = p.Heartbeat
	cfg.ElectionTimeout = p.Election
	cfg.LeaderLeaseTimeout = p.Lease
	cfg.CommitTimeout = p.Commit
	cfg.MaxAppendEntries = maxAppendEntries
	cfg.BatchApplyCh = true
	// A node that was removed from the registry still serves its own tickets.
	cfg.ShutdownOnRemove = false
	cfg.TrailingLogs = trailingLogs
	cfg.SnapshotThreshold = snapshotThreshold
	cfg.SnapshotInterval = snapshotInterval
	cfg.NoLegacyTelemetry = true
	cfg.Logger = log
	return cfg
}

// serverID is a node's name in Raft. It is never an address: addresses are in the registry and change there.
func serverID(id trust.NodeID) raft.ServerID { return raft.ServerID(id.String()) }

// serverAddress is what Raft takes for a node's address: its name again. The stream layer looks up where that is.
func serverAddress(id trust.NodeID) raft.ServerAddress { return raft.ServerAddress(id.String()) }

// nodeOf reads a name that serverID or serverAddress made; zero if it is not one.
func nodeOf[T ~string](name T) trust.NodeID {
	id, err := trust.ParseShortNodeID(string(name))
	if err != nil {
		return trust.NodeID{}
	}
	return id
}
