package desk

import (
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/jieli-gateway/jieli/gateway/ticket"
	jieliv1 "github.com/jieli-gateway/jieli/proto/jieli/v1"
	"github.com/jieli-gateway/jieli/regions"
)

// taken are the deadlines of a ticket that this origin takes now: the answer it promises by its own policy.
func (s *step) taken(r *jieliv1.Received) (*jieliv1.Deadlines, error) {
	terms, revision, err := s.table.Terms(s.self(), r.GetService(), r.GetType(), r.GetUrgency())
	if err != nil {
		return nil, err
	}
	at := ticket.NextTime(nil, s.now)
	answer, provisional := terms.Answer.From(at, s.d.cfg.Calendar)
	return &jieliv1.Deadlines{
		PolicyRevision: revision, Terms: &jieliv1.Terms{Answer: terms.Answer.Message()},
		Due: &jieliv1.Due{Answer: moment(answer)}, Provisional: provisional,
	}, nil
}

// handOff are the deadlines of an offer made now: by the policy for the region that is to handle the ticket, but with no
// later answer than was promised before.
func (s *step) handOff(target string) (*jieliv1.Deadlines, error) {
	st := s.t.State
	terms, revision, err := s.table.Terms(target, st.GetService(), st.GetType(), st.GetUrgency())
	if err != nil {
		return nil, err
	}
	d := &jieliv1.Deadlines{PolicyRevision: revision, Due: &jieliv1.Due{}, Terms: &jieliv1.Terms{
		Deliver: terms.Deliver.Message(), Accept: terms.Accept.Message(), Contact: terms.Contact.Message(),
		Return: returnTerm(st, terms).Message(),
	}}
	deliver, open := terms.Deliver.From(ticket.NextTime(st, s.now), s.d.cfg.Calendar)
	d.Due.Deliver, d.Provisional = moment(deliver), open
	s.answerBy(d, terms.Answer)
	return d, nil
}

// signed are the deadlines of a signature made now: at the origin by its own policy, elsewhere by the terms of the offer.
func (s *step) signed() (*jieliv1.Deadlines, error) {
	st := s.t.State
	if !s.isOrigin() {
		if st.GetContactTerm() == 0 {
			return nil, nil // the offer came from an older version
		}
		d := &jieliv1.Deadlines{PolicyRevision: st.GetPolicyRevision(), Due: &jieliv1.Due{}}
		s.contactBy(d, regions.TermOf(st.GetContactTerm()))
		return d, nil
	}
	terms, revision, err := s.table.Terms(s.self(), st.GetService(), st.GetType(), st.GetUrgency())
	if err != nil {
		return nil, err
	}
	d := &jieliv1.Deadlines{
		PolicyRevision: revision, Due: &jieliv1.Due{}, Terms: &jieliv1.Terms{Contact: terms.Contact.Message()},
	}
	s.answerBy(d, terms.Answer)
	s.contactBy(d, terms.Contact)
	return d, nil
}

// answerBy promises an answer within a term of the call, or earlier where that was promised before.
func (s *step) answerBy(d *jieliv1.Deadlines, term regions.Term) {
	st := s.t.State
	answer, open := term.From(st.GetCreateTime().AsTime(), s.d.cfg.Calendar)
	if kept := st.GetPromised(); kept != 0 && (answer.IsZero() || answer.UnixMilli() > kept) {
		answer, term, open = time.UnixMilli(kept), regions.TermOf(st.GetAnswerTerm()), st.GetProvisional()
	}
	d.Due.Answer, d.Terms.Answer = moment(answer), term.Message()
	d.Provisional = d.GetProvisional() || open
}

// contactBy starts the time to contact the caller.
func (s *step) contactBy(d *jieliv1.Deadlines, term regions.Term) {
	contact, open := term.From(ticket.NextTime(s.t.State, s.now), s.d.cfg.Calendar)
	d.Due.Contact, d.Provisional = moment(contact), d.GetProvisional() || open
}

// returnTerm is how long a ticket may be returned.
func returnTerm(st *jieliv1.TicketState, t regions.Terms) regions.Term {
	if st.GetComplex() {
		return t.ReturnComplex
	}
	return t.Return
}

// accepted appends ACCEPTED.
func (s *step) accepted(a *jieliv1.Accepted) (err error) {
	if a.Deadlines, err = s.signed(); err != nil {
		return err
	}
	return s.append(a, "")
}

// delivered starts the time to sign for an offer that has been delivered at a moment. It ends with the time to return
// it, after which it counts as accepted anyway.
func (s *step) delivered(at time.Time) {
	st := s.t.State
	accept, openAccept := regions.TermOf(st.GetAcceptTerm()).From(at, s.d.cfg.Calendar)
	deem, openDeem := regions.TermOf(st.GetReturnTerm()).From(at, s.d.cfg.Calendar)
	if !deem.IsZero() && (accept.IsZero() || deem.Before(accept)) {
		accept = deem
	}
	ticket.Delivered(st, ticket.Signing{From: at, Accept: accept, Deem: deem, Provisional: openAccept || openDeem})
}

// schedule derives what a store finds tickets by from the deadlines that run.
func (s *step) schedule() {
	st := s.t.State
	s.t.Due, s.t.Yellow, s.t.Timer, s.t.Provisional = time.Time{}, time.Time{}, time.Time{}, false
	if !s.isOrigin() && !s.hasPen() {
		return // where the pen has left nothing is to be done, and what is done elsewhere is not heard of
	}
	var offered, delivered *timestamppb.Timestamp
	if hops := st.GetHops(); len(hops) > 0 {
		offered, delivered = hops[len(hops)-1].GetOfferTime(), hops[len(hops)-1].GetDeliverTime()
	}
	s.runs(offered.AsTime(), st.GetDueDeliver())
	s.runs(delivered.AsTime(), st.GetDueAccept())
	s.runs(time.UnixMilli(st.GetAcceptTime()), st.GetDueContact())
	s.runs(st.GetCreateTime().AsTime(), st.GetDueAnswer())
	if deem := st.GetDeemTime(); deem != 0 && s.hasPen() && !s.isOrigin() {
		s.t.Timer = time.UnixMilli(deem).UTC()
	}
	s.t.Provisional = !s.t.Due.IsZero() && (st.GetProvisional() || st.GetAcceptProvisional())
}

// runs notes one deadline, in milliseconds since 1970; 0 is none.
func (s *step) runs(from time.Time, due int64) {
	if due == 0 {
		return
	}
	at := time.UnixMilli(due).UTC()
	s.t.Due = earlier(s.t.Due, at)
	s.t.Yellow = earlier(s.t.Yellow, regions.YellowFrom(from, at, s.d.cfg.Calendar))
}

// earlier is the earlier of two moments; the zero time is none.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || b.Before(a) {
		return b
	}
	return a
}

// moment is a date in the public contract; nil for the zero time, which is none.
func moment(t time.Time) *timestamppb.Timestamp {
	if t.IsZero() {
		return nil
	}
	return timestamp(t)
}
