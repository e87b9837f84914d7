package sqlite

import (
	"context"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/jieli-gateway/jieli/gateway/store"
)

// maxWaiting bounds how many updates wait; beyond it callers wait to be let in, as long as their contexts allow.
const maxWaiting = 4096

// tidyInterval is how often the write-ahead log is emptied when that has become worthwhile, and so how long erased
// bytes may stay in it.
const tidyInterval = time.Minute

// request is an update that waits for its group.
type request struct {
	ctx   context.Context
	fn    func(store.Tx) error
	state atomic.Int32
	done  chan outcome // room for one
}

const (
	waiting int32 = iota
	running
	abandoned
)

// outcome is what became of a function.
type outcome struct {
	err      error
	panicked any
}

func (o outcome) ok() bool { return o.err == nil && o.panicked == nil }

// writer owns the one connection that writes and the goroutine that uses it.
type writer struct {
	c      *conn
	opts   Options
	log    *slog.Logger
	ledger *ledger // nil after a failed commit, until it is read again
	queue  chan *request
	done   chan struct{} // closed when the goroutine has ended
	// checkpoints of the write-ahead log
	checkpoints *checkpoints
	// answers of the group under way.
	answers []answer
}

type answer struct {
	to *request
	o  outcome
}

// loop commits groups until the queue is closed and empty.
func (w *writer) loop() {
	defer close(w.done)
	ticker := time.NewTicker(w.opts.tidyInterval)
	defer ticker.Stop()
	for {
		select {
		case r, ok := <-w.queue:
			if !ok {
				return
			}
			w.commit(r)
		case <-ticker.C:
			w.checkpoints.tidy()
		}
	}
}

// commit runs the first request and all that wait behind it in one transaction, then answers them.
func (w *writer) commit(first *request) {
	began := time.Now()
	g, err := w.begin()
	w.answers = w.answers[:0]
	for r, more := first, true; more; r, more = w.next(g, err) {
		switch {
		case !r.state.CompareAndSwap(waiting, running):
			continue // its caller has gone
		case err != nil:
			w.answers = append(w.answers, answer{r, outcome{err: err}})
		case r.ctx.Err() != nil:
			w.answers = append(w.answers, answer{r, outcome{err: r.ctx.Err()}})
		default:
			w.answers = append(w.answers, answer{r, g.run(w.opts.Now(), r.fn)})
		}
	}
	if err == nil {
		err = w.finish(g)
	}
	took := time.Since(began)
	for i, a := range w.answers {
		if err != nil && a.o.ok() {
			a.o.err = err
		}
		a.to.done <- a.o
		w.answers[i] = answer{}
	}
	w.observe(g, took, err)
	if err == nil {
		w.checkpoints.committed(g.erased) // after the answers: these callers need not wait for it
	}
}

// observe tells of a commit that had something to write, or of why there was none.
func (w *writer) observe(g *group, took time.Duration, err error) {
	if w.opts.Observe == nil || (err == nil && len(g.log) == 0) {
		return
	}
	c := store.Commit{Updates: len(w.answers), Took: took, Err: err}
	if g != nil {
		c.Events, c.Bytes = len(g.unsigned), g.bytes
	}
	w.opts.Observe(c)
}

// next takes one more waiting request into the group, if there is one and it fits. It never waits for one to arrive.
func (w *writer) next(g *group, failed error) (*request, bool) {
	if failed != nil || g.full(len(w.answers)) {
		return nil, false
	}
	select {
	case r, ok := <-w.queue:
		return r, ok
	default:
		return nil, false
	}
}

// begin starts a group's transaction.
func (w *writer) begin() (*group, error) {
	if w.ledger == nil {
		l, err := readLedger(w.c)
		if err != nil {
			return nil, fmt.Errorf("store %s: read after a failed commit: %w", w.opts.Dir, err)
		}
		w.ledger = l
	}
	g, err := newGroup(w.c, w.ledger, w.opts.Sealer)
	if err != nil {
		g.rollback() // should a transaction have been left open
		return nil, fmt.Errorf("store %s: begin a transaction: %w", w.opts.Dir, err)
	}
	return g, nil
}

// finish makes a group durable and tells who waits for its changes.
func (w *writer) finish(g *group) error {
	if err := g.commit(); err != nil {
		w.ledger = nil
		w.log.Error("a group commit failed: none of its updates is kept",
			slog.String("dir", w.opts.Dir), slog.Int("updates", len(w.answers)), slog.Any("error", err))
		return fmt.Errorf("store %s: commit %d updates: %w", w.opts.Dir, len(w.answers), err)
	}
	if w.opts.OnCommit != nil && !g.changes.None() {
		w.opts.OnCommit(g.changes)
	}
	return nil
}
