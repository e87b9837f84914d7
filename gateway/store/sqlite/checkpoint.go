package sqlite

import (
	"fmt"
	"log/slog"
	"time"
)

// Sizes of the write-ahead log, in frames of a page each (4 KiB).
const (
	// checkpointAt is when the log is first moved into the database: 16 MiB. More saves little, and the next start after a
	// crash has to read it back.
	checkpointAt = 4000
	// checkpointAgain is how much more is written before the next try, when readers kept the log from being used again.
	checkpointAgain = 2000
	// forceAt is when readers are held back for a moment, so that the log is used again from its beginning: 64 MiB.
	forceAt = 16000
)

// lookEvery is after how many commits the log is looked at, which costs as much as writing a few rows; a commit adds at
// most some 2000 frames.
const lookEvery = 8

// readersWait is how long new views wait at most while a checkpoint waits for those under way.
const readersWait = 250 * time.Millisecond

// checkpoints keeps the write-ahead log short. SQLite's own way is not enough: as long as views overlap, there is always
// one that still reads the log, which then grows for ever, and each commit tries again, with two more syncs (seen: four
// busy readers, 400 MB after a minute, a tenth of the speed).
//
// It belongs to the writer's goroutine.
type checkpoints struct {
	c      *conn
	pool   *pool
	logger *slog.Logger

	commits int   // since the log was last looked at
	frames  int64 // in the log then
	next    int64 // so many, and it is tried again
	// Since the log was last emptied:
	written bool
	erased  bool // something that must leave the disk
	idle    bool // nothing since the last tidying
}

func newCheckpoints(c *conn, p *pool, l *slog.Logger) *checkpoints {
	return &checkpoints{c: c, pool: p, logger: l, next: checkpointAt}
}

// committed notes a commit and checkpoints when the log has grown enough.
func (k *checkpoints) committed(erased bool) {
	k.written, k.idle = true, false
	k.erased = k.erased || erased
	if k.commits++; k.commits < lookEvery {
		return
	}
	k.commits = 0
	frames, _, err := k.run("NOOP")
	if err != nil {
		k.failed(err)
		return
	}
	if frames < k.frames { // it is used again from its beginning
		k.next = checkpointAt
	}
	k.frames = frames
	if frames < k.next {
		return
	}
	k.next = frames + checkpointAgain
	if frames >= forceAt {
		k.force("RESTART")
		return
	}
	if _, _, err := k.run("PASSIVE"); err != nil {
		k.failed(err)
	}
}

// tidy empties the log when something was erased, whose old bytes are still in it, or when nothing has been written for
// a while, so that the next start has nothing to read back.
func (k *checkpoints) tidy() {
	due := k.written && (k.erased || k.idle)
	k.idle = true
	if due && k.force("TRUNCATE") {
		k.written, k.erased = false, false
	}
}

// force checkpoints while no view reads. A view that takes longer than readersWait puts it off.
func (k *checkpoints) force(mode string) bool {
	resume, quiet := k.pool.pause(readersWait)
	defer resume()
	if !quiet {
		k.logger.Warn("a long view keeps the store's log from being emptied; it is tried again",
			slog.Int64("logBytes", k.frames*pageBytes))
		return false
	}
	_, busy, err := k.run(mode)
	if err != nil {
		k.failed(err)
	}
	return err == nil && !busy
}

// run runs a checkpoint and tells the log's frames and whether somebody was in the way.
func (k *checkpoints) run(mode string) (frames int64, busy bool, err error) {
	err = k.c.each(`PRAGMA wal_checkpoint(`+mode+`)`, nil, func(row row) error {
		busy, frames = row.flag(0), row.integer(1)
		return nil
	})
	if err != nil {
		err = fmt.Errorf("checkpoint %s: %w", mode, err)
	}
	return frames, busy, err
}

// failed reports what loses nothing: the log still has everything.
func (k *checkpoints) failed(err error) {
	k.logger.Warn("moving the store's log into its database failed; it is tried again", slog.Any("error", err))
}
