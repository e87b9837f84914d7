package link

import (
	"cmp"
	"context"
	"log/slog"
	"maps"
	"slices"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/jieli-gateway/jieli/gateway/store"
	jieliv1 "github.com/jieli-gateway/jieli/proto/jieli/v1"
)

func sortedKeys[K cmp.Ordered, V any](m map[K]V) []K { return slices.Sorted(maps.Keys(m)) }

// shownStopped bounds the stopped tickets a link's status lists.
const shownStopped = 100

// Status shows all links in order of peer. A region that has left the federation is shown while something is left to
// be settled with it.
func (l *Links) Status() []*jieliv1.LinkStatus {
	ctx, cancel := context.WithTimeout(context.Background(), statusTimeout)
	defer cancel()
	var shown []*jieliv1.LinkStatus
	for _, k := range l.all() {
		st := k.status()
		if err := k.statusOfStore(ctx, st); err != nil {
			k.log.Warn("the backlog of a link cannot be read", slog.Any("error", err))
		}
		m, _ := l.registry.Member(k.peer)
		st.DutyPhone = m.DutyPhone
		if !m.exchanges() && st.GetBacklog() == 0 && len(st.GetStopped()) == 0 && st.GetOpenRequests() == 0 {
			continue
		}
		if st.GetState() == StateUp && st.GetReason() == "" && m.State == jieliv1.Region_SUSPENDED {
			st.Reason, st.Message = ReasonSuspended, "the region is suspended: what is under way finishes, nothing new is offered"
		}
		shown = append(shown, st)
	}
	return shown
}

// status is what the link itself knows.
func (l *link) status() *jieliv1.LinkStatus {
	l.mu.Lock()
	st := &jieliv1.LinkStatus{
		Peer: l.peer, State: l.state, Reason: l.reason, Message: l.message, Since: timestamppb.New(l.since),
		Confirmed: l.confirmed || l.excused,
	}
	if l.holder == nil && !l.nextTry.IsZero() {
		st.NextTry = timestamppb.New(l.nextTry)
	}
	diverged, divergedAt := l.diverged, l.divergedAt
	var s *stream
	if l.live {
		s = l.holder
	}
	l.mu.Unlock()
	if at := l.heardAt.Load(); at > 0 {
		st.LastSuccess = timestamppb.New(time.Unix(0, at))
	}
	if s == nil {
		return st
	}
	k := &s.keepalive
	k.mu.Lock()
	if k.measured {
		st.RoundTrip, st.ClockSkew = durationpb.New(k.roundTrip), durationpb.New(k.skew)
	}
	notTaking, notTakingAt := k.notTaking, k.notTakingAt
	k.mu.Unlock()
	if st.GetState() != StateUp {
		return st
	}
	switch {
	case diverged:
		st.Since = timestamppb.New(divergedAt)
		st.Reason, st.Message = ReasonDiverged, "the peer's registry differs from ours at the same revision: nothing new is offered"
	case notTaking == NotTakingDisk:
		st.Since = timestamppb.New(notTakingAt)
		st.Reason, st.Message = ReasonPeerDisk, "the peer's disk is nearly full: it takes no new offers"
	case notTaking != "":
		st.Since = timestamppb.New(notTakingAt)
		st.Reason, st.Message = ReasonDraining, "the peer takes no new offers now: "+clip(notTaking)
	}
	return st
}

// statusOfStore adds what is durable.
func (l *link) statusOfStore(ctx context.Context, st *jieliv1.LinkStatus) error {
	return l.links.store.View(ctx, func(r store.Reader) error {
		row, err := r.Link(l.peer)
		if err != nil {
			return err
		}
		st.Backlog = row.LastSequence - min(row.Acknowledged, row.LastSequence)
		oldest, err := r.Outbox(l.peer, row.Acknowledged, 1)
		if err != nil {
			return err
		}
		if len(oldest) > 0 {
			st.Oldest = timestamppb.New(oldest[0].Time)
		}
		if st.OpenRequests, err = r.CountOpenRequests(l.peer); err != nil {
			return err
		}
		stopped, err := r.Stopped(l.peer, shownStopped)
		for _, t := range stopped {
			st.Stopped = append(st.Stopped, &jieliv1.StoppedTicket{
				TicketId: t.TicketID, Reason: t.Reason, Since: timestamppb.New(t.Time), ByPeer: t.ByPeer,
			})
		}
		return err
	})
}
