package ticket

import (
	"slices"

	jieliv1 "github.com/jieli-gateway/jieli/proto/jieli/v1"
)

const (
	// MaxDeliveredOffers is how many offers may be delivered in one round.
	MaxDeliveredOffers = 5
	// maxReturns in one round; then it is a dispute.
	maxReturns = 2
)

// CanOffer tells whether a ticket, as it is, may be offered to a region: not to its origin, and, in one round, not to
// a region that returned it, not after a second return and not after MaxDeliveredOffers delivered offers. From
// ARBITRATION an offer opens a new round. The error is a *Violation with OWN_REGION, LOOP, SECOND_RETURN or
// TOO_MANY_OFFERS. Whether the state lets the origin offer at all is Check's to say.
func CanOffer(st *jieliv1.TicketState, target string) error {
	const field = "offered.target"
	switch {
	case target == st.GetOrigin():
		return violation(ReasonOwnRegion, field, "%s took the call: it accepts the ticket instead of offering it to itself", target)
	case st.GetState() == jieliv1.Ticket_ARBITRATION:
		return nil
	case slices.Contains(st.GetReturnedBy(), target):
		return violation(ReasonLoop, field, "%s has returned the ticket in this round and is not offered it again", target)
	case st.GetDeliveredOffers() >= MaxDeliveredOffers:
		return violation(ReasonTooManyOffers, field,
			"%d offers have been delivered in this round: the origin takes the ticket or decides in arbitration", st.GetDeliveredOffers())
	case st.GetState() == jieliv1.Ticket_RETURNED && len(st.GetReturnedBy()) >= maxReturns:
		return violation(ReasonSecondReturn, field,
			"the ticket has been returned twice in this round: the origin takes it or decides in arbitration")
	}
	return nil
}

// Follow is what the origin's node does by itself once the pen has come back without an answer; exactly one is set.
type Follow struct {
	// Offer is the region to offer it to next, with basis ONWARD.
	Offer string
	// Arbitration is the cause of a dispute to open.
	Arbitration jieliv1.Arbitration_Cause
	// None: the origin's operators decide.
	None bool
}

// AfterBack says what follows a RETURNED, OFFER_REFUSED or RECALLED: a dispute, an offer to the region named onward, or
// nothing. Whether that region exists and may be offered to now, the caller asks the registry; if not, nothing follows.
func AfterBack(st *jieliv1.TicketState) Follow {
	for _, cause := range []jieliv1.Arbitration_Cause{
		jieliv1.Arbitration_LOOP, jieliv1.Arbitration_SECOND_RETURN, jieliv1.Arbitration_TOO_MANY_OFFERS,
	} {
		if disputed(st, cause) {
			return Follow{Arbitration: cause}
		}
	}
	onward := st.GetOnward()
	if st.GetState() != jieliv1.Ticket_RETURNED || onward == "" || onward == st.GetOrigin() {
		return Follow{None: true}
	}
	return Follow{Offer: onward}
}

// disputed tells whether a cause of arbitration is true of the ticket.
func disputed(st *jieliv1.TicketState, cause jieliv1.Arbitration_Cause) bool {
	returned := st.GetState() == jieliv1.Ticket_RETURNED
	if !returned && st.GetState() != jieliv1.Ticket_RECALLED {
		return false
	}
	switch cause {
	case jieliv1.Arbitration_SECOND_RETURN:
		return returned && len(st.GetReturnedBy()) >= maxReturns
	case jieliv1.Arbitration_LOOP:
		return returned && slices.Contains(st.GetReturnedBy(), st.GetOnward())
	case jieliv1.Arbitration_TOO_MANY_OFFERS:
		return st.GetDeliveredOffers() >= MaxDeliveredOffers
	default:
		return false
	}
}

// guardOffered checks target, round and basis of an offer.
func guardOffered(st *jieliv1.TicketState, ev *jieliv1.Event) error {
	o := ev.GetOffered()
	if err := CanOffer(st, o.GetTarget()); err != nil {
		return err
	}
	if round := roundOfOffer(st); o.GetRound() != round {
		return violation(ReasonWrongRound, "offered.round", "the offer belongs to round %d, it says %d", round, o.GetRound())
	}
	inDispute := st.GetState() == jieliv1.Ticket_ARBITRATION
	onward := st.GetState() == jieliv1.Ticket_RETURNED && o.GetTarget() == st.GetOnward()
	fits := false
	switch o.GetBasis() {
	case jieliv1.Offered_OPERATOR:
		fits = true
	case jieliv1.Offered_ROUTE:
		fits = !inDispute
	case jieliv1.Offered_ONWARD:
		fits = onward
	case jieliv1.Offered_RULING:
		fits = inDispute
	}
	if !fits {
		return violation(ReasonWrongBasis, "offered.basis", "a ticket that is %s is not offered to %s with basis %s",
			st.GetState(), o.GetTarget(), o.GetBasis())
	}
	return nil
}

// roundOfOffer is the round an offer made now belongs to.
func roundOfOffer(st *jieliv1.TicketState) uint32 {
	if st.GetState() == jieliv1.Ticket_ARBITRATION {
		return st.GetRound() + 1
	}
	return st.GetRound()
}

func guardOfferRefused(st *jieliv1.TicketState, ev *jieliv1.Event) error {
	return guardDecision(st, ev.GetOfferRefused().GetRefusal(), "offerRefused.refusal")
}

func guardRecalled(st *jieliv1.TicketState, ev *jieliv1.Event) error {
	if ev.GetRecalled().GetNeverSent() {
		return nil
	}
	return guardDecision(st, ev.GetRecalled().GetRelease(), "recalled.release")
}

// guardDecision checks that a contained decision speaks of the open offer. Its signature is verified where the keys
// are known, in federation.
func guardDecision(st *jieliv1.TicketState, signed *jieliv1.SignedDecision, field string) error {
	d, v := decodeDecision(signed.GetDecision())
	if v != nil {
		return v.within(field + ".decision")
	}
	return MatchDecision(st, d)
}

// guardTaken: an origin signs for a ticket because it takes it, not because time has passed.
func guardTaken(_ *jieliv1.TicketState, ev *jieliv1.Event) error {
	if ev.GetAccepted().GetDeemed() {
		return violation(ReasonWrongState, "accepted.deemed", "only a region that was offered the ticket can be deemed to have accepted it")
	}
	return nil
}

// guardNoted checks whose note it is: links run between the origin and regions that were offered the ticket, so
// nobody else can have asked.
func guardNoted(st *jieliv1.TicketState, ev *jieliv1.Event) error {
	from := ev.GetNoted().GetFrom()
	if from == ev.GetAuthor() || from == st.GetOrigin() || slices.ContainsFunc(st.GetHops(), func(h *jieliv1.Hop) bool {
		return h.GetRegion() == from
	}) {
		return nil
	}
	return violation(ReasonNotConcerned, "noted.from", "the ticket has never been with %s", from)
}

// guardWithdrawn: only the origin hears from the caller; another region withdraws when the origin asks.
func guardWithdrawn(st *jieliv1.TicketState, ev *jieliv1.Event) error {
	if ev.GetAuthor() != st.GetOrigin() && ev.GetSettlesRequest() == "" {
		return violation(ReasonRequestRequired, "settlesRequest",
			"%s withdraws the ticket only to settle a request of its origin", ev.GetAuthor())
	}
	return nil
}

// guardWithdrawnAnswered: an answered ticket is closed, unless the caller's wish was under way before the answer came.
func guardWithdrawnAnswered(_ *jieliv1.TicketState, ev *jieliv1.Event) error {
	if ev.GetSettlesRequest() == "" {
		return violation(ReasonWrongState, "kind", "the ticket is ANSWERED: it is closed, not withdrawn")
	}
	return nil
}

func guardReopened(st *jieliv1.TicketState, ev *jieliv1.Event) error {
	if round := st.GetRound() + 1; ev.GetReopened().GetRound() != round {
		return violation(ReasonWrongRound, "reopened.round", "round %d begins, it says %d", round, ev.GetReopened().GetRound())
	}
	return nil
}

func guardArbitration(st *jieliv1.TicketState, ev *jieliv1.Event) error {
	if cause := ev.GetArbitration().GetCause(); !disputed(st, cause) {
		return violation(ReasonWrongCause, "arbitration.cause", "%s is not so: %d returned it in this round, %d offers were delivered",
			cause, len(st.GetReturnedBy()), st.GetDeliveredOffers())
	}
	return nil
}
