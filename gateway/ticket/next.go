package ticket

import (
	"slices"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	jieliv1 "github.com/jieli-gateway/jieli/proto/jieli/v1"
)

// Draft is what a region says with its next event.
type Draft struct {
	// Body is the body of the event, e.g. a *jieliv1.Offered; it gives the kind.
	Body any
	// SettlesRequest is the id of the request the event settles, if any.
	SettlesRequest string
	// Commitments bind the event's content.
	Commitments []*jieliv1.Commitment
}

// Next builds the event that region self appends to a ticket now, after Check, Encode's checks and those of Apply: they
// cannot refuse it later. st is nil for RECEIVED. Its time is now in whole milliseconds, but never before the event
// before it, whose author's clock may be ahead. The error is a *Violation.
func Next(st *jieliv1.TicketState, id, self string, d Draft, now time.Time, revision uint64) (*jieliv1.Event, error) {
	ev := &jieliv1.Event{
		TicketId: id, Number: st.GetLastNumber() + 1, PreviousHash: slices.Clone(st.GetLastHash()), Author: self,
		Time: timestamppb.New(NextTime(st, now)), RegistryRevision: revision,
		Commitments: d.Commitments, SettlesRequest: d.SettlesRequest,
	}
	if err := setBody(ev, d.Body); err != nil {
		return nil, err
	}
	if err := Check(st, self, ev.GetKind()); err != nil {
		return nil, err
	}
	if err := validateEvent(ev); err != nil {
		return nil, err
	}
	if _, err := judge(st, ev); err != nil {
		return nil, err
	}
	return ev, nil
}

// NextTime is the time of an event that is appended now.
func NextTime(st *jieliv1.TicketState, now time.Time) time.Time {
	now = now.Truncate(time.Millisecond)
	if before := st.GetUpdateTime().AsTime(); st != nil && before.After(now) {
		return before
	}
	return now
}

// Check tells whether region self may append an event of a kind to a ticket now, as far as state and pen go; what the
// event says is judged with it, by Next and Apply. The error is a *Violation: NO_PEN, NOT_ORIGIN or WRONG_STATE; its
// message names the state and who has the pen.
func Check(st *jieliv1.TicketState, self string, kind jieliv1.Event_Kind) error {
	_, v := permit(st, self, kind)
	return first(v)
}
