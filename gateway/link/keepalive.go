package link

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	jieliv1 "github.com/jieli-gateway/jieli/proto/jieli/v1"
)

// keepaliveState is what two sides tell each other while a stream lives.
type keepaliveState struct {
	mu sync.Mutex
	// The keepalive asked last.
	number  uint64
	askedAt time.Duration
	asked   time.Time
	// The peer's registry and intake as last said.
	revision  uint64
	table     [32]byte
	notTaking string
	// notTakingAt is since when the peer says so.
	notTakingAt time.Time
	// Of the last echo.
	measured  bool
	roundTrip time.Duration
	skew      time.Duration
	warned    bool
}

func (k *keepaliveState) said(revision uint64, table [32]byte, notTaking string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.notTaking != notTaking {
		k.notTakingAt = time.Now()
	}
	k.revision, k.table, k.notTaking = revision, table, notTaking
}

// heardTable is the peer's registry as last said.
func (k *keepaliveState) heardTable() (revision uint64, table [32]byte) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.revision, k.table
}

// heardTaking tells whether the peer takes new offers, as last said.
func (k *keepaliveState) heardTaking() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.notTaking == ""
}

// watch keeps the stream alive, and ends it when nothing comes or nothing goes.
func (s *stream) watch() error {
	s.askKeepalive()
	s.compareTables()
	every := time.NewTicker(watchEvery)
	defer every.Stop()
	last := s.now()
	for {
		select {
		case <-s.ctx.Done():
			return nil
		case <-every.C:
		}
		now := s.now()
		// A reader that waits for room here is no silence of the peer.
		if s.receiving.lasts(now) >= silenceTimeout {
			return endingf(ReasonTimeout, "nothing came for %s", silenceTimeout)
		}
		if s.sending.lasts(now) >= sendTimeout {
			return endingf(ReasonTimeout, "the peer took nothing for %s", sendTimeout)
		}
		if now-last >= keepaliveEvery {
			last = now
			s.askKeepalive()
		}
	}
}

// askKeepalive sends a keepalive to be echoed.
func (s *stream) askKeepalive() {
	k := s.newKeepalive()
	s.keepalive.mu.Lock()
	s.keepalive.number++
	s.keepalive.askedAt, s.keepalive.asked = s.now(), k.GetTime().AsTime()
	k.Number = s.keepalive.number
	s.keepalive.mu.Unlock()
	s.out.keepalive(k)
}

func (s *stream) newKeepalive() *jieliv1.Keepalive {
	standing := s.link.links.registry.Standing()
	return &jieliv1.Keepalive{
		Revision: standing.Revision, StateHash: standing.StateHash[:],
		Time: timestamppb.New(s.link.links.cfg.Now()), NotTaking: s.link.links.notTaking(),
	}
}

// hearKeepalive takes a keepalive or an echo.
func (s *stream) hearKeepalive(k *jieliv1.Keepalive) error {
	if len(k.GetStateHash()) != 32 {
		return breach("a keepalive without a state hash of 32 bytes")
	}
	s.keepalive.said(k.GetRevision(), [32]byte(k.GetStateHash()), k.GetNotTaking())
	s.compareTables()
	if k.GetEcho() {
		s.measure(k)
		return nil
	}
	echo := s.newKeepalive()
	echo.Number, echo.Echo = k.GetNumber(), true
	s.out.keepalive(echo)
	return nil
}

// measure takes round trip and clock skew from an echo of the newest keepalive.
func (s *stream) measure(echo *jieliv1.Keepalive) {
	k := &s.keepalive
	k.mu.Lock()
	if echo.GetNumber() != k.number {
		k.mu.Unlock()
		return
	}
	k.measured = true
	k.roundTrip = s.now() - k.askedAt
	k.skew = echo.GetTime().AsTime().Sub(k.asked.Add(k.roundTrip / 2))
	skew := k.skew
	far := skew.Abs() >= skewWarning
	warn := far && !k.warned
	k.warned = far
	k.mu.Unlock()
	if warn {
		s.link.log.Warn("the peer's clock and ours differ; set the one that is wrong",
			slog.Duration("skew", skew.Round(time.Millisecond)))
	}
}

// compareTables compares the two registries at the lower of their revisions, where this side knows the hash. The
// other side does the same, so one of the two always can.
func (s *stream) compareTables() {
	registry := s.link.links.registry
	revision, table := s.keepalive.heardTable()
	standing := registry.Standing()
	if revision == 0 || revision > standing.Revision {
		return
	}
	ours := standing.StateHash
	if revision < standing.Revision {
		at, ok := registry.HashAt(revision)
		if !ok {
			return
		}
		ours = at
	}
	s.link.setDiverged(ours != table, revision)
}

// setDiverged notes whether the peer's registry differs from ours, and alarms when that is new.
func (l *link) setDiverged(differs bool, revision uint64) {
	l.mu.Lock()
	was := l.diverged
	log := l.log
	l.diverged = differs
	if was != differs {
		l.divergedAt = time.Now()
		log = l.differences.logger(l.log, l.divergedAt)
	}
	l.mu.Unlock()
	switch {
	case differs == was:
	case differs:
		log.Error("the peer's registry differs from ours at the same revision; no new offers go to it",
			slog.Uint64("revision", revision))
		l.meters.fault(ReasonDiverged)
		l.links.cfg.HashMismatch(l.peer)
	default:
		log.Warn("the peer's registry agrees with ours again", slog.Uint64("revision", revision))
	}
}

// alive asks for a sign of life and tells whether one comes.
func (s *stream) alive(ctx context.Context) bool {
	if s.ctx.Err() != nil {
		return false
	}
	heard := s.heard.next()
	s.askKeepalive()
	timer := time.NewTimer(probeTimeout)
	defer timer.Stop()
	select {
	case <-heard:
		return true
	case <-s.ctx.Done():
	case <-timer.C:
	case <-ctx.Done():
	}
	return false
}
