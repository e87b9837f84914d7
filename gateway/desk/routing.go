package desk

import (
	jieliv1 "github.com/jieli-gateway/jieli/proto/jieli/v1"

	"github.com/jieli-gateway/jieli/gateway/fault"
	"github.com/jieli-gateway/jieli/gateway/ticket"
)

// route decides, by the table, where a ticket that this origin has the pen of goes next: it accepts it itself, offers
// it, or, where the ticket is new, records that nobody serves it. A ticket that waited already and still has no way
// stays as it is; routed tells which.
func (s *step) route() (moved bool, err error) {
	st := s.t.State
	r := route(s.table, st.GetDivision(), st.GetService(), today(s.now))
	if r.unrouted == 0 {
		if r.region == s.self() {
			s.t.WaitRevision = 0
			return true, s.accepted(&jieliv1.Accepted{})
		}
		full, err := s.bulky(maxOfferedBulk)
		if err != nil {
			return false, err
		}
		why := s.mayOffer(r.region)
		if why == 0 {
			offer := &jieliv1.Offered{
				Target: r.region, Basis: jieliv1.Offered_ROUTE, AsOf: today(s.now).String(),
				RuleDivision: r.rule.Division.String(), RuleService: r.rule.Service, Stale: s.table.PastGrace,
			}
			if ticket.CanOffer(st, r.region) == nil && !full {
				s.t.WaitRevision = 0
				return true, s.offer(offer)
			}
			// Who serves it by the table has already said no in this round, or it is too bulky: that is for people to decide.
			s.t.WaitRevision = 0
			return false, nil
		}
		r.unrouted = why
	}
	if st.GetState() != jieliv1.Ticket_RECEIVED {
		return false, nil
	}
	return true, s.append(&jieliv1.Unrouted{Reason: r.unrouted}, "")
}

// offer appends OFFERED in the round it belongs to.
func (s *step) offer(o *jieliv1.Offered) error {
	o.Round = s.t.State.GetRound()
	if s.t.State.GetState() == jieliv1.Ticket_ARBITRATION {
		o.Round++
	}
	var err error
	if o.Deadlines, err = s.handOff(o.GetTarget()); err != nil {
		return err
	}
	return s.append(o, "")
}

// mayOffer says why no offer may go to a region now; 0 when it may.
func (s *step) mayOffer(target string) jieliv1.Unrouted_Reason {
	if regionState(s.table, s.self()) != jieliv1.Region_ACTIVE ||
		regionState(s.table, target) != jieliv1.Region_ACTIVE || !hasTickets(s.table, target) {
		return jieliv1.Unrouted_SUSPENDED
	}
	if !s.d.peers.Taking(target) {
		return jieliv1.Unrouted_SUSPENDED
	}
	if s.d.peers.Diverged(target) || (s.table.PastGrace && !s.d.peers.SameTable(target)) {
		return jieliv1.Unrouted_REGISTRY_UNCERTAIN
	}
	return 0
}

// offerError is mayOffer for people.
func (s *step) offerError(target string) error {
	switch s.mayOffer(target) {
	case 0:
		return nil
	case jieliv1.Unrouted_SUSPENDED:
		if state := regionState(s.table, s.self()); state != jieliv1.Region_ACTIVE {
			return fault.New(fault.Precondition, "SUSPENDED", "this region is %s in the registry and makes no new offers", state)
		}
		state := regionState(s.table, target)
		if state == jieliv1.Region_STATE_UNSPECIFIED {
			return fault.InvalidFields(fault.Field{Name: "to", Rule: "no region " + quote(target) + " in the registry; see `jieli region list`"})
		}
		if state != jieliv1.Region_ACTIVE {
			return fault.New(fault.Precondition, "SUSPENDED", "region %s is %s and takes no new offers", target, state)
		}
		if hasTickets(s.table, target) {
			return fault.New(fault.Unavailable, "PEER_NOT_TAKING", "region %s takes no new offers just now; `jieli link list` says why and whom to phone", target)
		}
		return fault.New(fault.Precondition, "NO_NODE", "region %s has no node that runs tickets; see `jieli node list`", target)
	default:
		return fault.New(fault.Unavailable, "REGISTRY_UNCERTAIN",
			"this node's registry is too old, or differs from that of %s, to offer by; see `jieli status`", target)
	}
}

// afterBack is what the origin's node does by itself when the pen has come home without an answer: it takes the matter
// back if the caller wished so meanwhile, opens a dispute, or offers it onward. Otherwise its operators decide.
func (s *step) afterBack() error {
	if s.t.WithdrawRequest != "" {
		return s.withdrawNow()
	}
	f := ticket.AfterBack(s.t.State)
	full, err := s.bulky(maxOfferedBulk)
	if err != nil {
		return err
	}
	switch {
	case f.Arbitration != 0:
		return s.append(&jieliv1.Arbitration{Cause: f.Arbitration}, "")
	case f.Offer != "" && s.mayOffer(f.Offer) == 0 && !full:
		return s.offer(&jieliv1.Offered{Target: f.Offer, Basis: jieliv1.Offered_ONWARD, Stale: s.table.PastGrace})
	}
	return nil
}
