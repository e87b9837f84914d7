package federation

import (
	"errors"
	"sync/atomic"
	"time"

	"github.com/hashicorp/raft"
)

// errStalled is what a leader's heartbeats fail with while its disk stalls.
var errStalled = errors.New("this node's disk stalls: the oldest write to the Raft log under way takes too long")

// gate knows when the log write under way began. A leader whose disk stalls would go on sending heartbeats and so
// lead for ever, while every write hangs; behind the gate it falls silent and another is elected. The write itself is
// never failed: it may still land.
type gate struct {
	limit time.Duration
	start time.Time
	since atomic.Int64 // nanoseconds after start at which the write under way began, plus 1; 0: none
}

func newGate(limit time.Duration) *gate { return &gate{limit: limit, start: time.Now()} }

// stalled reports whether the write under way has taken longer than the limit.
func (g *gate) stalled() bool {
	since := g.since.Load()
	return since != 0 && time.Since(g.start)-time.Duration(since-1) > g.limit
}

func (g *gate) enter() { g.since.Store(int64(time.Since(g.start)) + 1) }
func (g *gate) leave() { g.since.Store(0) }

// watchedLog tells the gate of each write. Raft stores entries from one goroutine only.
type watchedLog struct {
	raft.LogStore
	gate *gate
}

// StoreLog stores one entry.
func (w *watchedLog) StoreLog(entry *raft.Log) error { return w.StoreLogs([]*raft.Log{entry}) }

// StoreLogs stores entries durably.
func (w *watchedLog) StoreLogs(entries []*raft.Log) error {
	w.gate.enter()
	defer w.gate.leave()
	return w.LogStore.StoreLogs(entries)
}
