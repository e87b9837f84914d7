package ticket

import (
	"errors"
	"time"

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
	vs.add(eventChecks.millisOrNone("due.deliver", due.GetDeliver()))
	vs.add(eventChecks.millisOrNone("due.contact", due.GetContact()))
	vs.add(eventChecks.millisOrNone("due.answer", due.GetAnswer()))
	if due.GetAccept() != nil {
		vs.add(eventChecks.fail("due.accept", "runs from delivery and is in no event"))
	}
	vs.within("deadlines", n)
}

// promise takes over what a hand-off promises: its terms, and its date for the answer unless an earlier one was promised
// to the caller before, which then stays with its term.
func promise(st *jieliv1.TicketState, d *jieliv1.Deadlines) {
	if d == nil {
		return
	}
	terms, err := regions.ParseTerms(d.GetTerms())
	if err != nil {
		return // the event has been checked
	}
	st.PolicyRevision = d.GetPolicyRevision()
	st.DeliverTerm, st.AcceptTerm, st.ContactTerm = terms.Deliver.Number(), terms.Accept.Number(), terms.Contact.Number()
	st.ReturnTerm = terms.Return.Number()
	if answer := millis(d.GetDue().GetAnswer()); st.GetPromised() == 0 || answer != 0 && answer <= st.GetPromised() {
		st.Promised, st.AnswerTerm, st.Provisional = answer, terms.Answer.Number(), d.GetProvisional()
	} else {
		st.Provisional = st.GetProvisional() || d.GetProvisional()
	}
}

// run starts the time to deliver a ticket or to contact the caller beside that of the answer, which runs all along, and
// ends all others.
func run(st *jieliv1.TicketState, deliver, contact *timestamppb.Timestamp) {
	rest(st)
	st.DueDeliver, st.DueContact, st.DueAnswer = millis(deliver), millis(contact), st.GetPromised()
}

// rest ends all deadlines: nobody has to do anything by a certain time. What was promised is kept for a reopening.
func rest(st *jieliv1.TicketState) {
	st.DueDeliver, st.DueAccept, st.DueContact, st.DueAnswer, st.DeemTime, st.AcceptProvisional = 0, 0, 0, 0, 0, false
}

// Due are the deadlines that run; nil for none.
func Due(st *jieliv1.TicketState) *jieliv1.Due {
	due := &jieliv1.Due{
		Deliver: stamp(st.GetDueDeliver()), Accept: stamp(st.GetDueAccept()), Contact: stamp(st.GetDueContact()), Answer: stamp(st.GetDueAnswer()),
	}
	if due.GetDeliver() == nil && due.GetAccept() == nil && due.GetContact() == nil && due.GetAnswer() == nil {
		return nil
	}
	return due
}

// millis is a time in milliseconds since 1970; 0 for none.
func millis(t *timestamppb.Timestamp) int64 {
	if t == nil {
		return 0
	}
	return t.AsTime().UnixMilli()
}

func stamp(millis int64) *timestamppb.Timestamp {
	if millis == 0 {
		return nil
	}
	return timestamppb.New(time.UnixMilli(millis))
}

// Signing is the time to sign for an offered ticket, as a region sees it. Zero times are never.
type Signing struct {
	// From is when the offer was delivered.
	From time.Time
	// Accept is when it must be signed for, and Deem when it counts as accepted.
	Accept, Deem time.Time
	// Provisional: they rest on days that no calendar settles yet.
	Provisional bool
}

// Delivered starts the time to sign for an offered ticket and ends the time to deliver it: to be called on either side
// where delivery is seen. It changes nothing when no offer is open.
func Delivered(st *jieliv1.TicketState, s Signing) {
	if st.GetState() != jieliv1.Ticket_OFFERED {
		return
	}
	st.GetHops()[len(st.GetHops())-1].DeliverTime = timestamppb.New(s.From.Truncate(time.Millisecond))
	run(st, nil, nil)
	st.DueAccept, st.DeemTime, st.AcceptProvisional = Millis(s.Accept), Millis(s.Deem), s.Provisional
}

// Millis is a time as a state has it; 0 for the zero time.
func Millis(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}
