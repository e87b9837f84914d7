package ticket

import (
	"bytes"
	"fmt"
	"slices"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	jieliv1 "github.com/jieli-gateway/jieli/proto/jieli/v1"
)

// Apply folds the next event of a chain into a ticket's state and returns the new state; st, nil for event 1, stays as
// it was. The event must come from Decode, Encode or Next, which check what it shows by itself; hash is that of its bytes.
//
// The error is a *Violation: CHAIN_BROKEN, PEN_MISUSED, WRONG_STATE, or the reason of the rule it breaks. Signatures, of
// the event and of a decision it contains, are not verified here.
func Apply(st *jieliv1.TicketState, ev *jieliv1.Event, hash [HashBytes]byte) (*jieliv1.TicketState, error) {
	row, err := judge(st, ev)
	if err != nil {
		return nil, err
	}
	next := &jieliv1.TicketState{}
	if st != nil {
		next = proto.CloneOf(st)
	}
	row.apply(next, ev, hash)
	return next, nil
}

// Replay folds a whole chain from event 1. The error wraps a *Violation and names the event.
func Replay(events []*jieliv1.Event, hashes [][HashBytes]byte) (*jieliv1.TicketState, error) {
	if len(events) == 0 || len(events) != len(hashes) {
		return nil, violation(ReasonChainBroken, "", "a chain has at least one event, and a hash for each: %d events, %d hashes",
			len(events), len(hashes))
	}
	var st *jieliv1.TicketState
	for i, ev := range events {
		row, err := judge(st, ev)
		if err != nil {
			return nil, fmt.Errorf("event %d of %d: %w", i+1, len(events), err)
		}
		if st == nil {
			st = &jieliv1.TicketState{}
		}
		row.apply(st, ev, hashes[i])
	}
	return st, nil
}

// judge finds the row by which an event may follow a state, or says why it may not.
func judge(st *jieliv1.TicketState, ev *jieliv1.Event) (*Transition, error) {
	if err := checkChain(st, ev); err != nil {
		return nil, err
	}
	row, v := permit(st, ev.GetAuthor(), ev.GetKind())
	if v != nil {
		if v.Reason == ReasonNoPen || v.Reason == ReasonNotOrigin {
			v.Reason = ReasonPenMisused
		}
		return nil, v
	}
	if row.guard != nil {
		if err := row.guard(st, ev); err != nil {
			return nil, err
		}
	}
	return row, nil
}

// checkChain checks that an event is the next one of this chain.
func checkChain(st *jieliv1.TicketState, ev *jieliv1.Event) error {
	broken := func(field, format string, args ...any) error {
		return violation(ReasonChainBroken, field, format, args...)
	}
	switch next := st.GetLastNumber() + 1; {
	case ev.GetNumber() != next || next == 0:
		return broken("number", "event %d is next, this is %d", next, ev.GetNumber())
	case st == nil:
		return nil
	case ev.GetTicketId() != st.GetId():
		return broken("ticketId", "the event is of another ticket, %s", shorten(ev.GetTicketId()))
	case !bytes.Equal(ev.GetPreviousHash(), st.GetLastHash()):
		return broken("previousHash", "event %d does not follow event %d as it is here", ev.GetNumber(), st.GetLastNumber())
	case ev.GetTime().AsTime().Before(st.GetUpdateTime().AsTime()):
		return broken("time", "an event is not before the one it follows, of %s", st.GetUpdateTime().AsTime())
	}
	return nil
}

// permit finds the row by which a region may append an event of a kind, or says why it may not.
func permit(st *jieliv1.TicketState, author string, kind jieliv1.Event_Kind) (*Transition, *Violation) {
	if st == nil {
		if kind != jieliv1.Event_RECEIVED {
			return nil, violation(ReasonWrongState, "kind", "a ticket begins with RECEIVED, not %s", kind)
		}
		return &transitions[0], nil
	}
	row := find(kind, st.GetState())
	switch {
	case originOnly(kind) && author != st.GetOrigin():
		return nil, violation(ReasonNotOrigin, "author", "only %s, which took the call, may append %s; the ticket is %s and %s has the pen",
			st.GetOrigin(), kind, st.GetState(), st.GetPen())
	case !byProof(kind) && author != st.GetPen():
		return nil, violation(ReasonNoPen, "author", "%s has the pen and %s has not; the ticket is %s", st.GetPen(), author, st.GetState())
	case row == nil:
		return nil, wrongState(st, kind)
	}
	return row, nil
}

func wrongState(st *jieliv1.TicketState, kind jieliv1.Event_Kind) *Violation {
	from := statesFor(kind)
	if from == 0 {
		return violation(ReasonWrongState, "kind", "%s is event 1; the ticket is %s already", kind, st.GetState())
	}
	return violation(ReasonWrongState, "kind", "%s cannot follow while the ticket is %s, only while it is %s; %s has the pen",
		kind, st.GetState(), from, st.GetPen())
}

// apply changes a state by an event that judge has let pass.
func (t *Transition) apply(st *jieliv1.TicketState, ev *jieliv1.Event, hash [HashBytes]byte) {
	if t.fold != nil {
		t.fold(st, ev, hash)
	}
	if t.To != jieliv1.Ticket_STATE_UNSPECIFIED {
		st.State = t.To
	}
	pen := st.GetPen()
	switch t.Pen {
	case PenToTarget:
		pen = ev.GetOffered().GetTarget()
	case PenToOrigin:
		pen = st.GetOrigin()
	case PenStays:
	}
	if pen != st.GetPen() {
		st.Pen = pen
		st.PenMove = ev.GetNumber()
		st.PenMoveAuthor = ev.GetAuthor()
	}
	st.LastNumber = ev.GetNumber()
	st.LastHash = slices.Clone(hash[:])
	st.UpdateTime = copyTime(ev.GetTime())
}

// copyTime keeps a state apart from the event it is folded from.
func copyTime(t *timestamppb.Timestamp) *timestamppb.Timestamp {
	if t == nil {
		return nil
	}
	return &timestamppb.Timestamp{Seconds: t.GetSeconds(), Nanos: t.GetNanos()}
}

// Holder is the region answerable for a ticket as the node of region self sees it: the one with the pen, but self as
// long as the event by which self gave the pen away has not been acknowledged. acknowledged is the number of self's
// newest event in this ticket whose receipt has come.
func Holder(st *jieliv1.TicketState, self string, acknowledged uint32) string {
	if st.GetPenMoveAuthor() == self && st.GetPenMove() > acknowledged {
		return self
	}
	return st.GetPen()
}
