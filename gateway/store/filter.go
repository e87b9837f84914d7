package store

import (
	"strings"
	"time"

	jieliv1 "github.com/jieli-gateway/jieli/proto/jieli/v1"
)

// Matches tells whether a ticket is one the filter selects.
func (f Filter) Matches(t *Ticket) bool {
	s := t.State
	switch {
	case f.State != jieliv1.Ticket_STATE_UNSPECIFIED && s.GetState() != f.State,
		f.Holder != "" && t.Holder != f.Holder,
		f.ExternalID != "" && s.GetExternalId() != f.ExternalID,
		!f.UpdatedAfter.IsZero() && !t.UpdateTime.After(f.UpdatedAfter):
		return false
	}
	return f.MatchesMatter(s.GetOrigin(), s.GetService(), s.GetDivision()) &&
		f.MatchesTimes(s.GetState(), t.Due, t.Yellow, t.Timer, t.Provisional)
}

// ByTimes tells whether the filter looks at deadlines or timers.
func (f Filter) ByTimes() bool {
	return !f.DueBefore.IsZero() || !f.TimerUntil.IsZero() || f.Light != jieliv1.Ticket_LIGHT_UNSPECIFIED || f.Provisional
}

// MatchesTimes looks only at a ticket's deadlines and its timer. In a state that rests it has none.
func (f Filter) MatchesTimes(state jieliv1.Ticket_State, due, yellow, timer time.Time, provisional bool) bool {
	switch {
	case f.ByTimes() && Resting(state),
		!f.DueBefore.IsZero() && (due.IsZero() || !due.Before(f.DueBefore)),
		!f.TimerUntil.IsZero() && (timer.IsZero() || timer.After(f.TimerUntil)),
		f.Light != jieliv1.Ticket_LIGHT_UNSPECIFIED && f.Light != LightAt(f.At, due, yellow),
		f.Provisional && !provisional:
		return false
	}
	return true
}

// LightAt is the light at a moment of a ticket with these times.
func LightAt(at, due, yellow time.Time) jieliv1.Ticket_Light {
	switch {
	case due.IsZero():
		return jieliv1.Ticket_LIGHT_UNSPECIFIED
	case !at.Before(due):
		return jieliv1.Ticket_RED
	case !at.Before(yellow):
		return jieliv1.Ticket_YELLOW
	}
	return jieliv1.Ticket_GREEN
}

// Resting tells whether no deadline runs in this state: whoever had to answer has.
func Resting(s jieliv1.Ticket_State) bool { return s == jieliv1.Ticket_ANSWERED || Finished(s) }

// MatchesMatter looks only at what a ticket was taken with: origin, service and division.
func (f Filter) MatchesMatter(origin, service, division string) bool {
	return (f.Origin == "" || f.Origin == origin) &&
		(f.Service == "" || service == f.Service || strings.HasPrefix(service, f.Service+".")) &&
		strings.HasPrefix(division, f.Division)
}

// ForPeople tells whether a ticket in this state goes on only when somebody at its holder decides, or, with UNROUTED, a
// route appears.
func ForPeople(s jieliv1.Ticket_State) bool {
	return s == jieliv1.Ticket_UNROUTED || s == jieliv1.Ticket_RETURNED || s == jieliv1.Ticket_ARBITRATION
}

// Finished tells whether nobody has to act on a ticket in this state any more.
func Finished(s jieliv1.Ticket_State) bool {
	return s == jieliv1.Ticket_CLOSED || s == jieliv1.Ticket_WITHDRAWN || s == jieliv1.Ticket_DIVERTED
}
