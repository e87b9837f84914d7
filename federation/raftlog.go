package federation

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"
)

// newRaftLogger gives Raft a logger that writes to log what somebody may have to act on; see raftSink.
func newRaftLogger(log *slog.Logger) hclog.Logger {
	logger := hclog.NewInterceptLogger(&hclog.LoggerOptions{Name: "raft", Level: hclog.Off, Output: io.Discard})
	level := hclog.Error
	if log.Enabled(context.Background(), slog.LevelDebug) {
		level = hclog.Info
	}
	logger.RegisterSink(&raftSink{log: log.With(slog.String("part", "raft")), level: level, said: map[string]*saying{}})
	return logger
}

// raftSink receives Raft's log lines. Raft warns of elections, its ordinary course, and calls a peer that is away an error
// at each heartbeat, for as long as it is away. All that is a state, which status shows and loneliness.go tells of once;
// here it is shown at debug level only. What is left, mostly of the disk, is a warning, once a minute.
type raftSink struct {
	log   *slog.Logger
	level hclog.Level

	mu   sync.Mutex
	said map[string]*saying // by Raft's words, which are a few dozen
}

// saying is when a message was last let through, and how often it came since.
type saying struct {
	at    time.Time
	since int
}

// sayAgain is how long the same message is held back.
const sayAgain = time.Minute

// ofPeers are Raft's errors that a peer causes by being away, or by having been.
func ofPeers() map[string]bool {
	return map[string]bool{
		"failed to heartbeat to": true, "failed to appendEntries to": true, "failed to pipeline appendEntries": true,
		"failed to start pipeline replication to": true, "failed to make requestVote RPC": true, "failed to send snapshot to": true,
		"failed to decode incoming command": true, "failed to flush response": true, "peer has newer term, stopping replication": true,
		"failed to accept connection": true, // federation.stream and the mux tell of that
	}
}

// Accept takes one line.
func (s *raftSink) Accept(_ string, level hclog.Level, message string, args ...any) {
	if level < s.level {
		return
	}
	to := slog.LevelDebug
	attrs := make([]slog.Attr, 0, len(args)/2+2)
	attrs = append(attrs, slog.String("detail", message))
	if level >= hclog.Error && !ofPeers()[message] {
		again, held := s.hold(message)
		if held {
			return
		}
		if again > 0 {
			attrs = append(attrs, slog.Int("repeated", again))
		}
		to = slog.LevelWarn
	}
	for i := 0; i+1 < len(args); i += 2 {
		attrs = append(attrs, slog.String(fmt.Sprint(args[i]), fmt.Sprint(args[i+1])))
	}
	s.log.LogAttrs(context.Background(), to, "raft", attrs...)
}

// hold tells whether a message was let through less than a minute ago, and otherwise how often it came since.
func (s *raftSink) hold(message string) (again int, held bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	last, now := s.said[message], time.Now()
	if last != nil && now.Sub(last.at) < sayAgain {
		last.since++
		return 0, true
	}
	if last != nil {
		again = last.since
	}
	s.said[message] = &saying{at: now}
	return again, false
}
