package federation

import (
	"log/slog"
	"time"
)

// silenceLimit is how long no leader must have been heard from before that is worth a line; elections are shorter.
const silenceLimit = 10 * time.Second

// loneliness tells, once each, when this node has no leader and when it has one again, who it is, and when and why the
// table here is a last known one.
type loneliness struct {
	log    *slog.Logger
	self   string    // of whose leading leader.go tells
	silent time.Time // since when; zero: a leader is heard from
	leader string
	reason string
}

// look is told how long ago a leader with a quorum was heard from, who leads as far as is known, and why the table is
// stale.
func (l *loneliness) look(age time.Duration, leader, reason, detail string) {
	switch {
	case age >= silenceLimit && l.silent.IsZero():
		l.silent = time.Now().Add(-age)
		l.log.Warn("no leader of the registry is heard from: tickets go on, the registry cannot be changed; look at the voters and the network to them",
			slog.Time("since", l.silent))
	case age < silenceLimit && !l.silent.IsZero():
		l.log.Info("the registry's leader is heard from again", slog.String("leader", leader), slog.Duration("after", time.Since(l.silent).Round(time.Second)))
		l.silent, l.leader = time.Time{}, leader
	case leader != "" && leader != l.leader && age < silenceLimit:
		l.leader = leader
		if leader != l.self {
			l.log.Info("the registry is led", slog.String("leader", leader))
		}
	}
	if reason == l.reason {
		return
	}
	was := l.reason
	l.reason = reason
	switch reason {
	case StaleLevelUnknown:
		l.log.Error("this node no longer follows the registry and serves its last table: upgrade the binary", slog.String("reason", reason), slog.String("detail", detail))
	case StaleNoQuorumContact:
		l.log.Warn("the registry's grace is over: offers go only to regions with the very same table", slog.String("reason", reason))
	case "":
		if was != StaleNotCaughtUp { // every start begins with that
			l.log.Info("the registry here is the newest again")
		}
	}
}
