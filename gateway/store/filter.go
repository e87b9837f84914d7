package store

import (
	"strings"

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
	return f.MatchesMatter(s.GetOrigin(), s.GetService(), s.GetDivision())
}

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
