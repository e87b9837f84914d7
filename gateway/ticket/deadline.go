package ticket

import (
	"errors"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	jieliv1 "github.com/jieli-gateway/jieli/proto/jieli/v1"
	"github.com/jieli-gateway/jieli/regions"
)

// Which deadlines run is folded from the chain; the dates themselves are in the events, computed by their authors, so
// that no later policy and no other calendar moves them. Only the time to sign for a ticket is left to each of the two
// regions: it runs from delivery, which is no event.

// deadlines checks what a step promises; nil is nothing, as from older versions.
func (vs *Violations) deadlines(d *jieliv1.Deadlines) {
	if d == nil {
		return
	}
	n := len(*vs)
	terms, err := regions.ParseTerms(d.GetTerms())
	if invalid := (*regions.InvalidError)(nil); errors.As(err, &invalid) {
		vs.add(eventChecks.regions("terms."+invalid.Field, err))
	}
	if !terms.ReturnComplex.IsZero() {
		vs.add(eventChecks.fail("terms.returnComplex", "an event has the term that applies in return"))
	}
	due := d.GetDue()
	vs.add(eventChecks.timeOrNone("due.deliver", due.GetDeliver()))
	vs.add(eventChecks.timeOrNone("due.contact", due.GetContact()))
	vs.add(eventChecks.timeOrNone("due.answer", due.GetAnswer()))
	if due.GetAccept() != nil {
		vs.add(eventChecks.fail("due.accept", "runs from delivery and is in no event"))
	}
	vs.within("deadlines", n)
}

// promise takes over what a hand-off promises: its terms, and its date for the answer unless an earlier one was promised
// to the caller before, which then stays with its term.
func promise(st *jieliv1.TicketState, d *jieliv1.Deadlines) {
	before := st.GetDeadlines()
	if d == nil {
		return
	}
	now := &jieliv1.Deadlines{PolicyRevision: d.GetPolicyRevision(), Terms: &jieliv1.Terms{}, Provisional: d.GetProvisional()}
	if d.GetTerms() != nil {
		now.Terms = proto.CloneOf(d.GetTerms())
	}
	answer := d.GetDue().GetAnswer()
	if kept := st.GetPromised(); kept != nil && (answer == nil || kept.AsTime().Before(answer.AsTime())) {
		now.Terms.Answer = before.GetTerms().GetAnswer()
		now.Provisional = now.GetProvisional() || before.GetProvisional()
	} else {
		st.Promised = copyTime(answer)
	}
	st.Deadlines = now
}

// run starts the deadlines of a step beside that of the answer, which runs all along, and ends all others.
func run(st *jieliv1.TicketState, due *jieliv1.Due) {
	due.Answer = copyTime(st.GetPromised())
	rest(st)
	if due.GetDeliver() != nil || due.GetAccept() != nil || due.GetContact() != nil || due.GetAnswer() != nil {
		st.Due = due
	}
}

// rest ends all deadlines: nobody has to do anything by a certain time. What was promised is kept for a reopening.
func rest(st *jieliv1.TicketState) { st.Due, st.DeemTime, st.AcceptProvisional = nil, nil, false }

// Signing is the time to sign for an offered ticket, as a region sees it.
type Signing struct {
	// From is when the offer was delivered.
	From *timestamppb.Timestamp
	// Accept is when it must be signed for, and Deem when it counts as accepted; nil for never.
	Accept, Deem *timestamppb.Timestamp
	// Provisional: they rest on days that no calendar settles yet.
	Provisional bool
}

// Delivered starts the time to sign for an offered ticket and ends the time to deliver it: to be called on either side
// where delivery is seen. It changes nothing when no offer is open.
func Delivered(st *jieliv1.TicketState, s Signing) {
	if st.GetState() != jieliv1.Ticket_OFFERED {
		return
	}
	st.GetHops()[len(st.GetHops())-1].DeliverTime = s.From
	run(st, &jieliv1.Due{Accept: s.Accept})
	st.DeemTime, st.AcceptProvisional = s.Deem, s.Provisional
}
