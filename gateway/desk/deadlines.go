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
		if st.GetDeadlines() == nil {
			return nil, nil // the offer came from an older version
		}
		d := &jieliv1.Deadlines{PolicyRevision: st.GetDeadlines().GetPolicyRevision(), Due: &jieliv1.Due{Answer: st.GetPromised()}}
		return d, s.contactBy(d, st.GetDeadlines().GetTerms().GetContact())
	}
	terms, revision, err := s.table.Terms(s.self(), st.GetService(), st.GetType(), st.GetUrgency())
	if err != nil {
		return nil, err
	}
	d := &jieliv1.Deadlines{
		PolicyRevision: revision, Due: &jieliv1.Due{}, Terms: &jieliv1.Terms{Contact: terms.Contact.Message()},
	}
	s.answerBy(d, terms.Answer)
	return d, s.contactBy(d, d.GetTerms().GetContact())
}

// answerBy promises an answer within a term of the call, or earlier where that was promised before.
func (s *step) answerBy(d *jieliv1.Deadlines, term regions.Term) {
	st := s.t.State
	answer, open := term.From(st.GetCreateTime().AsTime(), s.d.cfg.Calendar)
	d.Due.Answer, d.Terms.Answer = moment(answer), term.Message()
	if kept := st.GetPromised(); kept != nil && (answer.IsZero() || !answer.Before(kept.AsTime())) {
		d.Due.Answer, d.Terms.Answer = kept, st.GetDeadlines().GetTerms().GetAnswer()
		open = st.GetDeadlines().GetProvisional()
	}
	d.Provisional = d.GetProvisional() || open
}

// contactBy starts the time to contact the caller.
func (s *step) contactBy(d *jieliv1.Deadlines, term *jieliv1.Term) error {
	t, err := regions.ParseTerm(term)
	if err != nil {
		return err
	}
	contact, open := t.From(ticket.NextTime(s.t.State, s.now), s.d.cfg.Calendar)
	d.Due.Contact, d.Provisional = moment(contact), d.GetProvisional() || open
	return nil
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
func (s *step) delivered(at time.Time) error {
	terms, err := regions.ParseTerms(s.t.State.GetDeadlines().GetTerms())
	if err != nil {
		return err
	}
	s.startSigning(terms, at)
	return nil
}

// startSigning is delivered by given terms.
func (s *step) startSigning(terms regions.Terms, at time.Time) {
	accept, openAccept := terms.Accept.From(at, s.d.cfg.Calendar)
	deem, openDeem := terms.Return.From(at, s.d.cfg.Calendar)
	if !deem.IsZero() && (accept.IsZero() || deem.Before(accept)) {
		accept = deem
	}
	ticket.Delivered(s.t.State, ticket.Signing{
		From: timestamp(at), Accept: moment(accept), Deem: moment(deem), Provisional: openAccept || openDeem,
	})
}

// schedule derives what a store finds tickets by from the deadlines that run.
func (s *step) schedule() {
	st := s.t.State
	s.t.Due, s.t.Yellow, s.t.Timer, s.t.Provisional = time.Time{}, time.Time{}, time.Time{}, false
	due := st.GetDue()
	if due == nil || !s.isOrigin() && !s.hasPen() {
		return // where the pen has left nothing is to be done, and what is done elsewhere is not heard of
	}
	var offered, delivered *timestamppb.Timestamp
	if hops := st.GetHops(); len(hops) > 0 {
		offered, delivered = hops[len(hops)-1].GetOfferTime(), hops[len(hops)-1].GetDeliverTime()
	}
	for _, one := range [...]struct{ from, due *timestamppb.Timestamp }{
		{offered, due.GetDeliver()},
		{delivered, due.GetAccept()},
		{st.GetAcceptTime(), due.GetContact()},
		{st.GetCreateTime(), due.GetAnswer()},
	} {
		if one.due == nil {
			continue
		}
		at := one.due.AsTime()
		s.t.Due = earlier(s.t.Due, at)
		s.t.Yellow = earlier(s.t.Yellow, regions.YellowFrom(one.from.AsTime(), at, s.d.cfg.Calendar))
	}
	if deem := st.GetDeemTime(); deem != nil && s.hasPen() && !s.isOrigin() {
		s.t.Timer = deem.AsTime()
	}
	s.t.Provisional = st.GetDeadlines().GetProvisional() || st.GetAcceptProvisional()
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
