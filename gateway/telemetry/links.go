package telemetry

import (
	"context"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/jieli-gateway/jieli/gateway/link"
	jieliv1 "github.com/jieli-gateway/jieli/proto/jieli/v1"
)

// Links tell how they are: link.Links.
type Links interface {
	Status() []*jieliv1.LinkStatus
}

// linkStates are all a link can be in.
func linkStates() []string {
	return []string{link.StateUp, link.StateConnecting, link.StateBehind, link.StateDown, link.StateStopped}
}

// AddLinks reads the links. A link that status does not show any more, because the region has left, has no metrics.
func (r *Readings) AddLinks(l Links, now func() time.Time) error {
	p := r.newPart("links")
	up := p.gauge("link_up", "1 while the link with a region is up.", "peer")
	state := p.gauge("link_state", "1 for the state the link with a region is in, 0 for the others.", "peer", "state")
	reason := p.gauge("link_reason", "1 for the reason the link with a region is not up, or is up and carries no new offers.", "peer", "reason")
	changed := p.gauge("link_changed_timestamp_seconds", "Since when the link is in its state.", "peer")
	heard := p.gauge("link_heard_timestamp_seconds", "When the region was last heard from; 0 if not since this node started.", "peer")
	backlog := p.gauge("link_backlog_items", "Items for the region that it has not confirmed by a receipt.", "peer")
	oldest := p.gauge("link_oldest_item_age_seconds", "How long the oldest of these has been waiting; 0 when there is none.", "peer")
	requests := p.gauge("link_open_requests", "Requests to the region, such as a recall, that are not settled.", "peer")
	stopped := p.gauge("link_stopped_tickets", "Tickets that stand still on this link, 100 at most.", "peer")
	roundTrip := p.gauge("link_round_trip_seconds", "Round trip of the last keepalive; only while the link is up.", "peer")
	skew := p.gauge("link_clock_skew_seconds", "The region's clock minus ours; only while the link is up.", "peer")
	return p.add(func(_ context.Context, to scrape) error {
		for _, s := range l.Status() {
			peer := s.GetPeer()
			to.set(up, flag(s.GetState() == link.StateUp), peer)
			for _, one := range linkStates() {
				to.set(state, flag(s.GetState() == one), peer, one)
			}
			if s.GetReason() != "" {
				to.set(reason, 1, peer, s.GetReason())
			}
			to.set(changed, unix(timeOf(s.GetSince())), peer)
			to.set(heard, unix(timeOf(s.GetLastSuccess())), peer)
			to.set(backlog, float64(s.GetBacklog()), peer)
			age := time.Duration(0)
			if s.GetOldest() != nil {
				age = max(0, now().Sub(s.GetOldest().AsTime()))
			}
			to.set(oldest, age.Seconds(), peer)
			to.set(requests, float64(s.GetOpenRequests()), peer)
			to.set(stopped, float64(len(s.GetStopped())), peer)
			if s.GetRoundTrip() != nil {
				to.set(roundTrip, s.GetRoundTrip().AsDuration().Seconds(), peer)
			}
			if s.GetClockSkew() != nil {
				to.set(skew, s.GetClockSkew().AsDuration().Seconds(), peer)
			}
		}
		return nil
	})
}

// timeOf is the time of a field; zero when it is absent.
func timeOf(t *timestamppb.Timestamp) time.Time {
	if t == nil {
		return time.Time{}
	}
	return t.AsTime()
}
