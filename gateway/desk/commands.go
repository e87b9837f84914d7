package desk

import (
	"context"
	"errors"

	"google.golang.org/protobuf/proto"

	"github.com/jieli-gateway/jieli/gateway/fault"
	"github.com/jieli-gateway/jieli/gateway/store"
	"github.com/jieli-gateway/jieli/gateway/ticket"
	jieliv1 "github.com/jieli-gateway/jieli/proto/jieli/v1"
)

// Limits of what commands say.
const (
	maxText  = 20_000
	maxBasis = 2_000
)

// command is what every ticket command has.
type command interface {
	proto.Message
	GetId() string
	GetRequestId() string
	GetExpectedEvent() uint32
}

// command loads the ticket, lets fn change it, saves it and returns it as it then is.
func (d *Desk) command(ctx context.Context, actor Actor, name string, req command, fn func(*step) error) (*jieliv1.Ticket, error) {
	if err := validateRequestID(req.GetRequestId()); err != nil {
		return nil, err
	}
	if table := d.cfg.Registry.Table(); table.View == nil || table.Revision() == 0 {
		return nil, fault.New(fault.Unavailable, "NO_REGISTRY", "this node has no registry yet: bootstrap or join a federation first, see `jieli status`")
	}
	digest, err := digestOf(name, req)
	if err != nil {
		return nil, err
	}
	var t *store.Ticket
	err = d.store.Update(ctx, func(tx store.Tx) error {
		t, err = findTicket(tx, req.GetId())
		if err != nil {
			return err
		}
		done, err := answeredBefore(tx, req.GetRequestId(), digest)
		if err != nil {
			return err
		}
		if !done {
			s := d.step(tx, t, actor.String())
			if err := s.ready(req.GetExpectedEvent()); err != nil {
				return err
			}
			if err := fn(s); err != nil {
				return err
			}
			if err := s.save(); err != nil {
				return err
			}
			if err := d.answered(tx, req.GetRequestId(), digest, t.State.GetId()); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, toFault(err)
	}
	// Read after the commit, so that showing one ticket holds up nobody who writes another.
	return d.Get(ctx, actor, &jieliv1.GetTicketRequest{Id: t.State.GetId()})
}

// ready refuses a command on a ticket that has moved on, stands still, or is shared with a peer not heard from yet.
func (s *step) ready(expected uint32) error {
	if last := s.t.State.GetLastNumber(); expected != 0 && expected != last {
		return fault.New(fault.Aborted, "EVENT_MOVED_ON", "the ticket is at event %d, not %d: read it again", last, expected)
	}
	return s.confirmed()
}

// confirmed: after a start nothing is appended to a ticket shared with a peer before the peer has been heard from, so
// that a copied-back store cannot fork it (docs/protocol.md §5).
func (s *step) confirmed() error {
	if p := s.sharedWith(); p != "" && !s.d.peers.Confirmed(p) {
		return fault.New(fault.Unavailable, "PEER_UNCONFIRMED",
			"the ticket is shared with region %s, which has not been heard from with a matching history since this node started; see `jieli link list`, or excuse it with `jieli link excuse %s`", p, p)
	}
	return nil
}

// sharedWith is the region whose copy of the ticket may be newer than ours; empty for none.
func (s *step) sharedWith() string {
	if !s.isOrigin() {
		return s.t.State.GetOrigin()
	}
	hops := s.t.State.GetHops()
	if len(hops) == 0 {
		return ""
	}
	return hops[len(hops)-1].GetRegion()
}

func answeredBefore(tx store.Tx, requestID string, digest [32]byte) (bool, error) {
	if requestID == "" {
		return false, nil
	}
	a, err := tx.Answered(requestID)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return false, nil
	case err != nil:
		return false, err
	case a.Digest != digest:
		return false, requestIDUsed(requestID)
	}
	return true, nil
}

// findTicket reads a ticket by id or number.
func findTicket(r store.Reader, idOrNumber string) (*store.Ticket, error) {
	var (
		t   *store.Ticket
		err error
	)
	switch {
	case ticket.ValidateID("id", idOrNumber) == nil:
		t, err = r.Ticket(idOrNumber)
	case ticket.CheckNumber(idOrNumber) == nil:
		t, err = r.TicketByNumber(idOrNumber)
	case ticket.Misheard(idOrNumber):
		return nil, fault.InvalidFields(fault.Field{Name: "id", Rule: ticket.CheckDigitRule})
	default:
		return nil, fault.InvalidFields(fault.Field{Name: "id", Rule: quote(idOrNumber) + " is neither a ticket id (UUID) nor a ticket number (letters-date-counter-check digit)"})
	}
	if errors.Is(err, store.ErrNotFound) {
		return nil, fault.New(fault.NotFound, "TICKET_NOT_FOUND", "no ticket %s on this node", quote(idOrNumber))
	}
	return t, err
}

// Offer offers a ticket to a region, or, with none named, to whom the routing table says.
func (d *Desk) Offer(ctx context.Context, actor Actor, req *jieliv1.OfferTicketRequest) (*jieliv1.Ticket, error) {
	return d.command(ctx, actor, "offer", req, func(s *step) error {
		if err := ticket.Check(s.t.State, s.self(), jieliv1.Event_OFFERED); err != nil {
			return err
		}
		to, basis := req.GetTo(), jieliv1.Offered_OPERATOR
		o := &jieliv1.Offered{}
		if to == "" {
			r := route(s.table, s.t.State.GetDivision(), s.t.State.GetService(), today(s.now))
			if r.unrouted != 0 {
				return fault.New(fault.Precondition, "NO_ROUTE", "no rule says who serves division %s; name a region with `to`, or have a route added", s.t.State.GetDivision())
			}
			to, basis = r.region, jieliv1.Offered_ROUTE
			o.AsOf, o.RuleDivision, o.RuleService = today(s.now).String(), r.rule.Division.String(), r.rule.Service
		}
		if to == s.self() {
			return fault.New(fault.Precondition, "OWN_REGION", "the ticket is this region's own matter: accept it instead")
		}
		if err := s.offerError(to); err != nil {
			return err
		}
		if err := s.room(maxOfferedBulk); err != nil {
			return err
		}
		if err := ticket.CanOffer(s.t.State, to); err != nil && s.t.State.GetState() != jieliv1.Ticket_ARBITRATION {
			return err
		}
		o.Target, o.Basis, o.Stale = to, basis, s.table.PastGrace
		s.t.WaitRevision = 0
		return s.offer(o)
	})
}

// Accept signs for an offered ticket, or takes one of the origin's own.
func (d *Desk) Accept(ctx context.Context, actor Actor, req *jieliv1.AcceptTicketRequest) (*jieliv1.Ticket, error) {
	if err := ticket.ValidateReference("reference", req.GetReference()); err != nil {
		return nil, toFault(err)
	}
	return d.command(ctx, actor, "accept", req, func(s *step) error {
		if err := ticket.Check(s.t.State, s.self(), jieliv1.Event_ACCEPTED); err != nil {
			return err
		}
		s.t.WaitRevision = 0
		return s.accepted(&jieliv1.Accepted{Reference: req.GetReference()})
	})
}

// Return gives a ticket back to its origin.
func (d *Desk) Return(ctx context.Context, actor Actor, req *jieliv1.ReturnTicketRequest) (*jieliv1.Ticket, error) {
	if err := d.validateReturn(req); err != nil {
		return nil, err
	}
	return d.command(ctx, actor, "return", req, func(s *step) error {
		if err := ticket.Check(s.t.State, s.self(), jieliv1.Event_RETURNED); err != nil {
			return err
		}
		if err := s.returnable(); err != nil {
			return err
		}
		w, err := d.text(s.t.State.GetId(), req.GetText(), req.GetBasis())
		if err != nil {
			return err
		}
		return s.append(&jieliv1.Returned{Reason: req.GetReason(), Onward: req.GetOnward()}, "", w...)
	})
}

func (d *Desk) validateReturn(req *jieliv1.ReturnTicketRequest) error {
	if err := ticket.ValidateText("text", req.GetText(), 1, maxText, true); err != nil {
		return toFault(err)
	}
	if err := ticket.ValidateText("basis", req.GetBasis(), 0, maxBasis, true); err != nil {
		return toFault(err)
	}
	needsOnward := false
	switch req.GetReason() {
	case jieliv1.Returned_NOT_OUR_PLACE, jieliv1.Returned_NOT_OUR_MATTER:
		needsOnward = true
	case jieliv1.Returned_DUPLICATE, jieliv1.Returned_OUT_OF_SCOPE:
	default:
		return fault.InvalidFields(fault.Field{Name: "reason", Rule: "must be NOT_OUR_PLACE, NOT_OUR_MATTER, DUPLICATE or OUT_OF_SCOPE"})
	}
	switch {
	case needsOnward && req.GetOnward() == "":
		return fault.InvalidFields(fault.Field{Name: "onward", Rule: "must name the region that should have it, for this reason"})
	case !needsOnward && req.GetOnward() != "":
		return fault.InvalidFields(fault.Field{Name: "onward", Rule: "goes with NOT_OUR_PLACE and NOT_OUR_MATTER only"})
	case req.GetOnward() == d.cfg.Region:
		return fault.InvalidFields(fault.Field{Name: "onward", Rule: "cannot be this region itself"})
	case needsOnward && regionState(d.cfg.Registry.Table(), req.GetOnward()) == jieliv1.Region_STATE_UNSPECIFIED:
		return fault.InvalidFields(fault.Field{Name: "onward", Rule: "no region " + quote(req.GetOnward()) + " in the registry; see `jieli region list`"})
	}
	return nil
}

// Note adds a note. Without the pen the holder is asked to add it.
func (d *Desk) Note(ctx context.Context, actor Actor, req *jieliv1.NoteTicketRequest) (*jieliv1.Ticket, error) {
	if err := ticket.ValidateText("text", req.GetText(), 1, maxText, true); err != nil {
		return nil, toFault(err)
	}
	return d.command(ctx, actor, "note", req, func(s *step) error {
		if !s.hasPen() && s.mayAsk(jieliv1.TicketRequest_NOTE) {
			_, err := s.request(jieliv1.TicketRequest_NOTE, req.GetText())
			return err
		}
		if err := ticket.Check(s.t.State, s.self(), jieliv1.Event_NOTED); err != nil {
			return err
		}
		if err := s.room(maxBulk); err != nil {
			return err
		}
		w, err := d.text(s.t.State.GetId(), req.GetText(), "")
		if err != nil {
			return err
		}
		return s.append(&jieliv1.Noted{From: s.self()}, "", w...)
	})
}

// Answer answers a ticket.
func (d *Desk) Answer(ctx context.Context, actor Actor, req *jieliv1.AnswerTicketRequest) (*jieliv1.Ticket, error) {
	if err := ticket.ValidateText("text", req.GetText(), 1, maxText, true); err != nil {
		return nil, toFault(err)
	}
	return d.command(ctx, actor, "answer", req, func(s *step) error {
		if err := ticket.Check(s.t.State, s.self(), jieliv1.Event_ANSWERED); err != nil {
			return err
		}
		w, err := d.text(s.t.State.GetId(), req.GetText(), "")
		if err != nil {
			return err
		}
		return s.append(&jieliv1.Answered{}, "", w...)
	})
}

// Close closes an answered ticket after follow-up.
func (d *Desk) Close(ctx context.Context, actor Actor, req *jieliv1.CloseTicketRequest) (*jieliv1.Ticket, error) {
	if err := ticket.ValidateText("text", req.GetText(), 0, maxText, true); err != nil {
		return nil, toFault(err)
	}
	return d.command(ctx, actor, "close", req, func(s *step) error {
		if err := ticket.Check(s.t.State, s.self(), jieliv1.Event_CLOSED); err != nil {
			return err
		}
		w, err := d.text(s.t.State.GetId(), req.GetText(), "")
		if err != nil {
			return err
		}
		return s.append(&jieliv1.Closed{Resolved: req.GetResolved()}, "", w...)
	})
}

// Reopen opens a ticket again and routes it anew.
func (d *Desk) Reopen(ctx context.Context, actor Actor, req *jieliv1.ReopenTicketRequest) (*jieliv1.Ticket, error) {
	if err := ticket.ValidateText("text", req.GetText(), 1, maxText, true); err != nil {
		return nil, toFault(err)
	}
	return d.command(ctx, actor, "reopen", req, func(s *step) error {
		if err := ticket.Check(s.t.State, s.self(), jieliv1.Event_REOPENED); err != nil {
			return err
		}
		if err := s.room(maxBulk); err != nil {
			return err
		}
		w, err := d.text(s.t.State.GetId(), req.GetText(), "")
		if err != nil {
			return err
		}
		if err := s.append(&jieliv1.Reopened{Round: s.t.State.GetRound() + 1}, "", w...); err != nil {
			return err
		}
		_, err = s.route()
		return err
	})
}

// Withdraw takes a ticket back at the caller's wish; with the pen elsewhere the holder is asked.
func (d *Desk) Withdraw(ctx context.Context, actor Actor, req *jieliv1.WithdrawTicketRequest) (*jieliv1.Ticket, error) {
	if err := ticket.ValidateText("text", req.GetText(), 0, maxText, true); err != nil {
		return nil, toFault(err)
	}
	return d.command(ctx, actor, "withdraw", req, func(s *step) error {
		switch {
		case !s.isOrigin():
			return fault.New(fault.Precondition, "NOT_ORIGIN", "only %s, which took the call, may withdraw it", s.t.State.GetOrigin())
		case s.hasPen():
			if err := ticket.Check(s.t.State, s.self(), jieliv1.Event_WITHDRAWN); err != nil {
				return err
			}
			w, err := d.text(s.t.State.GetId(), req.GetText(), "")
			if err != nil {
				return err
			}
			return s.append(&jieliv1.Withdrawn{}, "", w...)
		case s.t.WithdrawRequest != "":
			return nil
		}
		id, err := s.request(jieliv1.TicketRequest_WITHDRAW, req.GetText())
		if err != nil {
			return err
		}
		s.t.WithdrawRequest = id
		if back, err := s.takeBackUnsent(); err != nil || !back {
			return err
		}
		return s.afterBack()
	})
}

// Recall asks for an offer back that is not yet accepted.
func (d *Desk) Recall(ctx context.Context, actor Actor, req *jieliv1.RecallTicketRequest) (*jieliv1.Ticket, error) {
	return d.command(ctx, actor, "recall", req, func(s *step) error {
		switch {
		case !s.isOrigin():
			return fault.New(fault.Precondition, "NOT_ORIGIN", "only %s, which made the offer, may recall it", s.t.State.GetOrigin())
		case s.t.State.GetState() != jieliv1.Ticket_OFFERED:
			return fault.New(fault.Precondition, "WRONG_STATE", "the ticket is %s: only an offer that is neither accepted nor returned can be recalled", s.t.State.GetState())
		case s.t.RecallRequest != "":
			return nil
		}
		back, err := s.takeBackUnsent()
		if err != nil {
			return err
		}
		if back {
			return s.afterBack()
		}
		s.t.RecallRequest, err = s.request(jieliv1.TicketRequest_RECALL, "")
		return err
	})
}
