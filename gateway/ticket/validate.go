package ticket

import (
	"time"

	jieliv1 "github.com/jieli-gateway/jieli/proto/jieli/v1"
)

// validateEvent checks everything an event shows by itself but its encoding.
func validateEvent(ev *jieliv1.Event) error {
	if v := eventChecks.enum("kind", ev.GetKind()); v != nil {
		return v
	}
	if body := kindOf(ev); body != ev.GetKind() {
		return eventChecks.fail("body", "kind is %s, the body is of %s", ev.GetKind(), body)
	}
	return first(
		eventChecks.uuidv7("ticketId", ev.GetTicketId()),
		validatePlace(ev),
		eventChecks.region("author", ev.GetAuthor()),
		eventChecks.time("time", ev.GetTime()),
		validateMillis(ev),
		validateCommitments(ev.GetKind(), ev.GetCommitments()),
		validateSettles(ev),
		validateBody(ev),
	)
}

// validatePlace checks that number 1, and only it, is RECEIVED and has no event before.
func validatePlace(ev *jieliv1.Event) *Violation {
	switch n := ev.GetNumber(); {
	case n == 0:
		return eventChecks.fail("number", "numbers count from 1")
	case (n == 1) != (ev.GetKind() == jieliv1.Event_RECEIVED):
		return eventChecks.fail("number", "event 1 is RECEIVED and no other is; this is %s with number %d", ev.GetKind(), n)
	case n > 1:
		return eventChecks.hash("previousHash", ev.GetPreviousHash())
	case len(ev.GetPreviousHash()) != 0:
		return eventChecks.fail("previousHash", "event 1 has none")
	}
	return nil
}

func validateMillis(ev *jieliv1.Event) *Violation {
	if ev.GetTime().GetNanos()%int32(time.Millisecond) != 0 {
		return eventChecks.fail("time", "must be whole milliseconds")
	}
	return nil
}

// validateSettles checks that only events that can settle a request say so.
func validateSettles(ev *jieliv1.Event) *Violation {
	switch ev.GetKind() {
	case jieliv1.Event_NOTED, jieliv1.Event_WITHDRAWN, jieliv1.Event_RECALLED:
		return eventChecks.uuidv7OrNone("settlesRequest", ev.GetSettlesRequest())
	}
	if ev.GetSettlesRequest() != "" {
		return eventChecks.fail("settlesRequest", "%s settles no request", ev.GetKind())
	}
	return nil
}

func validateBody(ev *jieliv1.Event) *Violation {
	var vs Violations
	switch ev.GetKind() {
	case jieliv1.Event_RECEIVED:
		vs.received(ev.GetReceived())
	case jieliv1.Event_UNROUTED:
		vs.add(eventChecks.enum("reason", ev.GetUnrouted().GetReason()))
	case jieliv1.Event_DIVERTED:
		vs.add(eventChecks.service("service", ev.GetDiverted().GetService()))
		vs.add(eventChecks.phone("callNumber", ev.GetDiverted().GetCallNumber()))
	case jieliv1.Event_OFFERED:
		vs.offered(ev.GetOffered())
	case jieliv1.Event_ACCEPTED:
		vs.accepted(ev.GetAccepted())
	case jieliv1.Event_RETURNED:
		vs.returned(ev.GetReturned(), ev.GetAuthor())
	case jieliv1.Event_OFFER_REFUSED:
		vs.signedDecision("refusal", ev.GetOfferRefused().GetRefusal(), jieliv1.Decision_REFUSED)
	case jieliv1.Event_RECALLED:
		vs.recalled(ev.GetRecalled())
	case jieliv1.Event_NOTED:
		vs.noted(ev)
	case jieliv1.Event_REOPENED:
		if ev.GetReopened().GetRound() < 2 {
			vs.add(eventChecks.fail("round", "a reopened ticket is in round 2 or later"))
		}
	case jieliv1.Event_ARBITRATION:
		vs.add(eventChecks.enum("cause", ev.GetArbitration().GetCause()))
	case jieliv1.Event_ANSWERED, jieliv1.Event_CLOSED, jieliv1.Event_WITHDRAWN:
		// They say nothing that could be wrong.
	}
	if len(vs) == 0 {
		return nil
	}
	m := ev.ProtoReflect()
	vs.within(m.WhichOneof(m.Descriptor().Oneofs().ByName("body")).JSONName(), 0)
	return &vs[0]
}

func (vs *Violations) received(r *jieliv1.Received) {
	if err := CheckNumber(r.GetNumber()); err != nil {
		vs.add(eventChecks.fail("number", "not a ticket number: %s", shorten(r.GetNumber())))
	}
	vs.add(eventChecks.codeOrNone("externalId", r.GetExternalId()))
	vs.add(eventChecks.enum("type", r.GetType()))
	vs.add(eventChecks.serviceOrNone("service", r.GetService()))
	vs.add(eventChecks.enum("channel", r.GetChannel()))
	vs.add(eventChecks.enum("urgency", r.GetUrgency()))
	vs.add(eventChecks.division("division", r.GetDivision()))
	vs.add(eventChecks.timeOrNone("reportedAt", r.GetReportedAt()))
	vs.deadlines(r.GetDeadlines())
}

// accepted checks a signature for a ticket. One that is deemed was made by nobody, who gives no number.
func (vs *Violations) accepted(a *jieliv1.Accepted) {
	vs.add(eventChecks.codeOrNone("reference", a.GetReference()))
	if a.GetDeemed() && a.GetReference() != "" {
		vs.add(eventChecks.fail("reference", "nobody signed for a ticket that is deemed accepted"))
	}
	vs.deadlines(a.GetDeadlines())
}

// offered checks an offer. Day and rule belong to ROUTE, which is judged by them, and to no other basis.
func (vs *Violations) offered(o *jieliv1.Offered) {
	vs.add(eventChecks.region("target", o.GetTarget()))
	vs.add(eventChecks.enum("basis", o.GetBasis()))
	vs.deadlines(o.GetDeadlines())
	if o.GetRound() == 0 {
		vs.add(eventChecks.fail("round", "rounds count from 1"))
	}
	if o.GetBasis() == jieliv1.Offered_ROUTE {
		vs.add(eventChecks.day("asOf", o.GetAsOf()))
		vs.add(eventChecks.division("ruleDivision", o.GetRuleDivision()))
		vs.add(eventChecks.serviceOrNone("ruleService", o.GetRuleService()))
		return
	}
	if o.GetAsOf() != "" || o.GetRuleDivision() != "" || o.GetRuleService() != "" {
		vs.add(eventChecks.fail("asOf", "day and rule go with basis ROUTE only"))
	}
}

func (vs *Violations) returned(r *jieliv1.Returned, author string) {
	vs.add(eventChecks.enum("reason", r.GetReason()))
	switch r.GetReason() {
	case jieliv1.Returned_NOT_OUR_PLACE, jieliv1.Returned_NOT_OUR_MATTER:
		vs.add(eventChecks.region("onward", r.GetOnward()))
		if r.GetOnward() == author {
			vs.add(eventChecks.fail("onward", "must be another region than the one that returns it"))
		}
	default:
		if r.GetOnward() != "" {
			vs.add(eventChecks.fail("onward", "goes with NOT_OUR_PLACE and NOT_OUR_MATTER only"))
		}
	}
}

func (vs *Violations) recalled(r *jieliv1.Recalled) {
	switch {
	case r.GetNeverSent() && r.GetRelease() != nil:
		vs.add(eventChecks.fail("release", "an offer that was never sent has none"))
	case !r.GetNeverSent():
		vs.signedDecision("release", r.GetRelease(), jieliv1.Decision_RELEASED)
	}
}

// noted checks whose note it is: the author's own, or that of a region which asked for it by a request.
func (vs *Violations) noted(ev *jieliv1.Event) {
	from := ev.GetNoted().GetFrom()
	vs.add(eventChecks.region("from", from))
	if own := from == ev.GetAuthor(); own != (ev.GetSettlesRequest() == "") {
		vs.add(eventChecks.fail("from", "a note of another region settles its request, one's own settles none"))
	}
}

// Limits of what a signature comes with, in bytes; they leave room for other algorithms than Ed25519.
const (
	maxKeyID     = 64
	maxSignature = 1024
)

// signedDecision checks a decision that an event contains, but not its signature.
func (vs *Violations) signedDecision(field string, s *jieliv1.SignedDecision, kind jieliv1.Decision_Kind) {
	n := len(*vs)
	if len(s.GetKeyId()) == 0 || len(s.GetKeyId()) > maxKeyID {
		vs.add(eventChecks.fail("keyId", "must have 1 to %d bytes", maxKeyID))
	}
	if len(s.GetSignature()) == 0 || len(s.GetSignature()) > maxSignature {
		vs.add(eventChecks.fail("signature", "must have 1 to %d bytes", maxSignature))
	}
	d, v := decodeDecision(s.GetDecision())
	if v == nil && d.GetKind() != kind {
		v = eventChecks.fail("kind", "must be %s, is %s", kind, d.GetKind())
	}
	if v != nil {
		vs.add(v.within("decision"))
	}
	vs.within(field, n)
}
