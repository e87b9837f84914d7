package ticket

import (
	"slices"

	jieliv1 "github.com/jieli-gateway/jieli/proto/jieli/v1"
)

// What each event changes in a ticket's state beyond state, pen and chain, which Apply changes after these. They see
// the state as it was before the event and change it in place.

func foldReceived(st *jieliv1.TicketState, ev *jieliv1.Event, _ [HashBytes]byte) {
	r := ev.GetReceived()
	st.Id = ev.GetTicketId()
	st.Number = r.GetNumber()
	st.ExternalId = r.GetExternalId()
	st.Origin = ev.GetAuthor()
	st.Pen = ev.GetAuthor()
	st.Round = 1
	st.Type = r.GetType()
	st.Service = r.GetService()
	st.Channel = r.GetChannel()
	st.Urgency = r.GetUrgency()
	st.Division = r.GetDivision()
	st.Publishable = r.GetPublishable()
	st.Test = r.GetTest()
	st.ReportedAt = copyTime(r.GetReportedAt())
	st.CreateTime = copyTime(ev.GetTime())
	st.Complex = r.GetComplex()
	promise(st, r.GetDeadlines())
	run(st, nil, nil)
}

func foldDiverted(st *jieliv1.TicketState, ev *jieliv1.Event, _ [HashBytes]byte) {
	rest(st)
	st.CallNumber = ev.GetDiverted().GetCallNumber()
}

func foldOffered(st *jieliv1.TicketState, ev *jieliv1.Event, hash [HashBytes]byte) {
	o := ev.GetOffered()
	if round := roundOfOffer(st); round != st.GetRound() {
		beginRound(st, round)
	}
	forgetBack(st)
	st.OfferNumber = ev.GetNumber()
	st.OfferHash = slices.Clone(hash[:])
	st.OfferedTo = o.GetTarget()
	st.Hops = append(st.Hops, &jieliv1.Hop{
		Region: o.GetTarget(), Round: st.GetRound(), Event: ev.GetNumber(), Basis: o.GetBasis(),
		OfferTime: copyTime(ev.GetTime()),
	})
	st.AcceptTime = 0
	promise(st, o.GetDeadlines())
	run(st, o.GetDeadlines().GetDue().GetDeliver(), nil)
}

// foldAccepted: the target signed for it, by the terms of the offer.
func foldAccepted(st *jieliv1.TicketState, ev *jieliv1.Event, _ [HashBytes]byte) {
	st.DeliveredOffers++
	endOffer(st, ev, jieliv1.Hop_ACCEPTED, "")
	signedFor(st, ev)
}

// foldTaken: the origin took it itself, by its own terms.
func foldTaken(st *jieliv1.TicketState, ev *jieliv1.Event, _ [HashBytes]byte) {
	forgetBack(st)
	promise(st, ev.GetAccepted().GetDeadlines())
	signedFor(st, ev)
}

// signedFor keeps who signed for it and when.
func signedFor(st *jieliv1.TicketState, ev *jieliv1.Event) {
	keepReference(st, ev)
	st.AcceptTime = millis(ev.GetTime())
	run(st, nil, ev.GetAccepted().GetDeadlines().GetDue().GetContact())
}

// foldNoted: the holder's first note tells that it has seen to the caller.
func foldNoted(st *jieliv1.TicketState, ev *jieliv1.Event, _ [HashBytes]byte) {
	if ev.GetNoted().GetFrom() == ev.GetAuthor() {
		run(st, nil, nil)
	}
}

func foldReturned(st *jieliv1.TicketState, ev *jieliv1.Event, _ [HashBytes]byte) {
	r := ev.GetReturned()
	st.DeliveredOffers++
	if !slices.Contains(st.GetReturnedBy(), ev.GetAuthor()) {
		st.ReturnedBy = append(st.ReturnedBy, ev.GetAuthor())
	}
	st.Onward = r.GetOnward()
	st.Reason = r.GetReason().String()
	endOffer(st, ev, jieliv1.Hop_RETURNED, st.GetReason())
	run(st, nil, nil)
}

// foldOfferRefused: a refused offer counts neither as made to that region nor as delivered. Only a stale route is worth
// offering again by the table, once it has the refusing region's revision.
func foldOfferRefused(st *jieliv1.TicketState, ev *jieliv1.Event, _ [HashBytes]byte) {
	d, v := decodeDecision(ev.GetOfferRefused().GetRefusal().GetDecision())
	if v != nil {
		return // the guard has refused it
	}
	st.Reason = d.GetReason()
	if d.GetReason() == ReasonStaleRoute {
		st.RefusedRevision = d.GetRevision()
	}
	endOffer(st, ev, jieliv1.Hop_REFUSED, d.GetReason())
	run(st, nil, nil)
}

// ReasonStaleRoute is the reason of a refusal by a region whose routing table is newer and says otherwise.
const ReasonStaleRoute = "STALE_ROUTE"

// foldRecalled: what the target released counts as delivered, for it may have been there; what was never sent does not.
func foldRecalled(st *jieliv1.TicketState, ev *jieliv1.Event, _ [HashBytes]byte) {
	if !ev.GetRecalled().GetNeverSent() {
		st.DeliveredOffers++
	}
	endOffer(st, ev, jieliv1.Hop_RECALLED, "")
	run(st, nil, nil)
}

func foldAnswered(st *jieliv1.TicketState, ev *jieliv1.Event, _ [HashBytes]byte) {
	rest(st)
	st.AnsweredBy = ev.GetAuthor()
	if ev.GetAuthor() != st.GetOrigin() {
		endHop(st, ev, jieliv1.Hop_ANSWERED, "")
	}
}

func foldWithdrawn(st *jieliv1.TicketState, ev *jieliv1.Event, _ [HashBytes]byte) {
	rest(st)
	forgetBack(st)
	if ev.GetAuthor() != st.GetOrigin() {
		endOffer(st, ev, jieliv1.Hop_WITHDRAWN, "")
	}
}

func foldReopened(st *jieliv1.TicketState, ev *jieliv1.Event, _ [HashBytes]byte) {
	beginRound(st, ev.GetReopened().GetRound())
	forgetBack(st)
	st.AcceptTime = 0
	run(st, nil, nil) // by the promise of the call: a reopening does not move it
}

// beginRound lets every region be offered the ticket again.
func beginRound(st *jieliv1.TicketState, round uint32) {
	st.Round = round
	st.ReturnedBy = nil
	st.DeliveredOffers = 0
}

// forgetBack drops what a return or refusal said of where the ticket should go: that has been decided now.
func forgetBack(st *jieliv1.TicketState) {
	st.Onward = ""
	st.RefusedRevision = 0
}

// endOffer closes the open offer with its outcome.
func endOffer(st *jieliv1.TicketState, ev *jieliv1.Event, outcome jieliv1.Hop_Outcome, reason string) {
	st.OfferedTo = ""
	endHop(st, ev, outcome, reason)
}

// endHop writes the outcome of the newest offer.
func endHop(st *jieliv1.TicketState, ev *jieliv1.Event, outcome jieliv1.Hop_Outcome, reason string) {
	hop := st.GetHops()[len(st.GetHops())-1]
	hop.Outcome = outcome
	hop.OutcomeTime = copyTime(ev.GetTime())
	hop.Reason = reason
}

// keepReference keeps the accepting centre's own number, the newest of each region.
func keepReference(st *jieliv1.TicketState, ev *jieliv1.Event) {
	number := ev.GetAccepted().GetReference()
	if number == "" {
		return
	}
	for _, r := range st.GetReferences() {
		if r.GetRegion() == ev.GetAuthor() {
			r.Number = number
			return
		}
	}
	st.References = append(st.References, &jieliv1.Reference{Region: ev.GetAuthor(), Number: number})
}
