package federation

import (
	"context"
	"fmt"
	"io"
	"log/slog"

	"github.com/hashicorp/go-hclog"
)

// newRaftLogger gives Raft a logger that writes to log. What Raft calls information is of interest only when one looks
// for something, so it is one level lower here, but for errors and warnings.
func newRaftLogger(log *slog.Logger) hclog.Logger {
	logger := hclog.NewInterceptLogger(&hclog.LoggerOptions{Name: "raft", Level: hclog.Off, Output: io.Discard})
	level := hclog.Warn
	if log.Enabled(context.Background(), slog.LevelDebug) {
		level = hclog.Info
	}
	logger.RegisterSink(&raftSink{log: log.With(slog.String("part", "raft")), level: level})
	return logger
}

// raftSink receives Raft's log lines.
type raftSink struct {
	log   *slog.Logger
	level hclog.Level
}

// Accept takes one line.
func (s *raftSink) Accept(_ string, level hclog.Level, message string, args ...any) {
	if level < s.level {
		return
	}
	attrs := make([]slog.Attr, 0, len(args)/2+1)
	attrs = append(attrs, slog.String("detail", message))
	for i := 0; i+1 < len(args); i += 2 {
		attrs = append(attrs, slog.String(fmt.Sprint(args[i]), fmt.Sprint(args[i+1])))
	}
	s.log.LogAttrs(context.Background(), slogLevel(level), "raft", attrs...)
}

// slogLevel lowers Raft's levels: a peer that is away is an error to Raft at each heartbeat, and to people a state
// that status shows.
func slogLevel(level hclog.Level) slog.Level {
	switch level {
	case hclog.Error:
		return slog.LevelWarn
	case hclog.Warn:
		return slog.LevelInfo
	default:
		return slog.LevelDebug
	}
}
