package desk

import (
	"context"
	"log/slog"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/jieli-gateway/jieli/gateway/fault"
	"github.com/jieli-gateway/jieli/gateway/store"
	"github.com/jieli-gateway/jieli/gateway/ticket"
	jieliv1 "github.com/jieli-gateway/jieli/proto/jieli/v1"
	"github.com/jieli-gateway/jieli/regions"
)

// timerPage bounds how many tickets are changed in one update, which holds up all others.
const timerPage = 50

// deemAccepted signs for every ticket that was offered here and that nobody signed for within the time to return it
// (视为签收). A ticket's timer stands in the store with it and goes with the event it leads to: so it survives a crash, and
// goes off once.
func (d *Desk) deemAccepted(ctx context.Context) error {
	if t := d.cfg.Registry.Table(); t.View == nil || t.Revision() == 0 {
		return nil
	}
	due := store.Filter{State: jieliv1.Ticket_OFFERED, Holder: d.cfg.Region, TimerUntil: d.cfg.Now()}
	return d.each(ctx, due, func(s *step) error {
		if ready := s.windowOver() && s.may(jieliv1.Event_ACCEPTED) && s.confirmed() == nil; !ready {
			return nil
		}
		d.log.Warn("nobody signed for a ticket within the time to return it: it counts as accepted", slog.Any("ticket", s.t.State.GetId()), slog.Any("origin", s.t.State.GetOrigin()))
		if err := s.accepted(&jieliv1.Accepted{Deemed: true}); err != nil {
			return err
		}
		return s.save()
	})
}

// windowOver tells whether a ticket that was offered here can no longer be returned.
func (s *step) windowOver() bool { return !s.t.Timer.IsZero() && !s.now.Before(s.t.Timer) }

// returnable refuses a return that comes too late.
func (s *step) returnable() error {
	if !s.windowOver() {
		return nil
	}
	return fault.New(fault.Precondition, "RETURN_WINDOW_OVER",
		"the ticket could be returned until %s; it counts as accepted since and is to be handled", s.t.Timer.Format(time.RFC3339))
}

// settleDates computes the dates anew that rest on days no calendar had settled, as far as this node's calendar now does.
func (d *Desk) settleDates(ctx context.Context) error {
	return d.each(ctx, store.Filter{Provisional: true}, func(s *step) error {
		before := proto.CloneOf(s.t.State)
		s.redate()
		if proto.Equal(before, s.t.State) {
			return nil
		}
		return s.save()
	})
}

// redate does so for one ticket. Which deadlines run, and from when, stays; only the dates move.
func (s *step) redate() {
	st := s.t.State
	open := false
	from := func(date *int64, term int64, start time.Time) {
		at, provisional := regions.TermOf(term).From(start, s.d.cfg.Calendar)
		if open = open || provisional; *date != 0 && !provisional && !at.IsZero() {
			*date = ticket.Millis(at)
		}
	}
	from(&st.Promised, st.GetAnswerTerm(), st.GetCreateTime().AsTime())
	if st.GetDueAnswer() != 0 {
		st.DueAnswer = st.GetPromised()
	}
	if st.GetDueContact() != 0 {
		from(&st.DueContact, st.GetContactTerm(), time.UnixMilli(st.GetAcceptTime()))
	}
	hops := st.GetHops()
	if st.GetDueDeliver() != 0 {
		from(&st.DueDeliver, st.GetDeliverTerm(), hops[len(hops)-1].GetOfferTime().AsTime())
	}
	if st.GetAcceptProvisional() {
		s.delivered(hops[len(hops)-1].GetDeliverTime().AsTime())
	}
	st.Provisional = open
}

// each changes the tickets a filter selects, some in each update. change saves what it changes.
func (d *Desk) each(ctx context.Context, f store.Filter, change func(*step) error) error {
	for after := int64(0); ; {
		var found []*store.Ticket
		err := d.store.View(ctx, func(r store.Reader) (err error) {
			found, err = r.ListTickets(f, after, timerPage)
			return err
		})
		if err != nil || len(found) == 0 {
			return err
		}
		err = d.store.Update(ctx, func(tx store.Tx) error {
			for _, stale := range found {
				t, err := tx.Ticket(stale.State.GetId())
				if err != nil {
					return err
				}
				if !f.Matches(t) {
					continue
				}
				if err := change(d.step(tx, t, "")); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
		after = found[len(found)-1].Changed
	}
}
