package link

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/jieli-gateway/jieli/gateway/store"
)

// commit makes what comes in durable, in the order in which it came, all that waits in one transaction.
func (s *stream) commit() error {
	for {
		run, err := s.in.take(s.ctx)
		if err != nil {
			return nil //nolint:nilerr // the stream has ended
		}
		for len(run) > 0 && s.ctx.Err() == nil {
			n, err := s.commitRun(run)
			run = run[n:]
			var behind *Behind
			switch {
			case errors.As(err, &behind):
				if err := s.awaitRevision(behind.Revision); err != nil {
					return err
				}
			case err != nil:
				return err
			}
		}
	}
}

// commitRun commits as much of a run as it can. It returns how many arrivals are wholly dealt with, and what stopped
// it: *Behind when the next one must wait, *difference when the two histories differ, *Breach when the peer broke the
// protocol. What came before is committed all the same, so that nobody has to send it again.
func (s *stream) commitRun(run []*arrival) (int, error) {
	run, stop := s.openReceipts(run)
	if len(run) == 0 {
		return 0, s.note(stop)
	}
	t, err := s.turn(run)
	if t.broken != nil && len(run) > 1 {
		// What the arrival wrote before it broke a rule had to be undone, and with it what came before it.
		run, stop = run[:t.done], t.broken
		if len(run) == 0 {
			return 0, stop
		}
		t, err = s.turn(run)
	}
	if err != nil {
		return 0, err
	}
	s.committed(t)
	if t.stop != nil {
		stop = t.stop
	}
	return t.done, s.note(stop)
}

// turn runs one transaction over a run.
func (s *stream) turn(run []*arrival) (*turn, error) {
	t := &turn{stream: s}
	err := s.update(func(tx store.Tx) error { return t.take(tx, run) })
	if err == nil || t.broken != nil {
		return t, err
	}
	return t, fmt.Errorf("commit what came from %s: %w", s.link.peer, err)
}

// note commits the fault when two histories differ.
func (s *stream) note(stop error) error {
	var d *difference
	if errors.As(stop, &d) {
		if err := s.link.fault(s, d); err != nil {
			return err
		}
	}
	return stop
}

// openReceipts verifies the receipts of a run. It cuts the run before one that cannot be taken, or not yet.
func (s *stream) openReceipts(run []*arrival) ([]*arrival, error) {
	links := s.link.links
	for i, a := range run {
		if a.receipt == nil || a.receipt.opened != nil {
			continue
		}
		standing := links.registry.Standing()
		r, err := openReceipt(links.keys, standing.ClusterID, s.link.peer, links.cfg.Region, a.receipt.signed)
		switch {
		case err == nil:
			a.receipt.opened = r
		case errors.Is(err, errUnknownKey) && r.GetRevision() > standing.Revision:
			return run[:i], &Behind{Revision: r.GetRevision()}
		case errors.Is(err, errUnknownKey):
			return run[:i], breach("receipt %d is signed with key %q, which the registry does not know as one of %s",
				r.GetNumber(), clip(a.receipt.signed.GetKeyId()), s.link.peer)
		default:
			return run[:i], err
		}
	}
	return run, nil
}

// committed passes on what a transaction came to, now that it is durable. It never waits.
func (s *stream) committed(t *turn) {
	if t.receipt != nil {
		s.out.receipt(t.receiptNumber, t.receipt)
	}
	for _, a := range t.answers {
		if !s.out.answer(a) {
			s.stop(asEnding(breach("the peer asks and does not read the answers")))
			break
		}
	}
	if t.acknowledged > 0 {
		s.window.release(t.acknowledged)
	}
	if t.settled || t.taken > 0 {
		s.recheck.set() // requests beyond the first page may have their turn now
	}
	s.link.meters.committed(t)
	for _, it := range t.peerStopped {
		s.link.log.Error("the peer stopped a content item; settle it with the peer, then they run `jieli link retry`",
			slog.String("ticket", it.TicketID), slog.String("reason", it.Reason))
	}
}

// awaitRevision waits until this node has applied a revision of the registry.
func (s *stream) awaitRevision(revision uint64) error {
	s.link.behind(s, revision)
	ctx, cancel := context.WithTimeout(s.ctx, behindTimeout)
	defer cancel()
	for {
		changed := s.link.links.registry.Changed()
		have := s.link.links.registry.Standing().Revision
		if have >= revision {
			s.link.up(s)
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			if s.ctx.Err() != nil {
				return nil
			}
			return endingf(ReasonBehind, "the peer's registry is at revision %d, this node's at %d; nothing came for %s",
				revision, have, behindTimeout.Round(time.Second)).told()
		}
	}
}
