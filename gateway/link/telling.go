package link

import (
	"log/slog"
	"time"
)

// mostLines bounds the lines a minute that a link's changes may be in the log: a peer can come and go as fast as it likes.
const mostLines = 20

// telling bounds lines of the log. The zero value has told nothing yet. Not safe for concurrent use.
type telling struct {
	begun  time.Time // of the minute that lines are counted in
	lines  int
	untold int // since the last line
}

// logger is where to log now: nowhere beyond the bound. The first line after that says how many there would have been.
func (t *telling) logger(log *slog.Logger, now time.Time) *slog.Logger {
	if now.Sub(t.begun) >= time.Minute {
		t.begun, t.lines = now, 0
	}
	if t.lines == mostLines {
		t.untold++
		return slog.New(slog.DiscardHandler)
	}
	if t.lines++; t.untold > 0 {
		log = log.With(slog.Int("untold", t.untold))
		t.untold = 0
	}
	return log
}
