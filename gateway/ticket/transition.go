package ticket

import (
	"fmt"
	"slices"
	"strings"

	jieliv1 "github.com/jieli-gateway/jieli/proto/jieli/v1"
)

// States is a set of ticket states; the zero value, which contains none, stands for a ticket that is not there yet.
type States uint32

func states(of ...jieliv1.Ticket_State) (set States) {
	for _, s := range of {
		set |= 1 << s
	}
	return set
}

// Has tells whether the set contains a state.
func (s States) Has(state jieliv1.Ticket_State) bool { return s>>uint(state)&1 != 0 }

// List returns the states in order.
func (s States) List() []jieliv1.Ticket_State {
	var list []jieliv1.Ticket_State
	for state := range jieliv1.Ticket_State(len(jieliv1.Ticket_State_name)) {
		if s.Has(state) {
			list = append(list, state)
		}
	}
	return list
}

// String lists the states for people.
func (s States) String() string {
	list := make([]string, 0, len(jieliv1.Ticket_State_name))
	for _, state := range s.List() {
		list = append(list, state.String())
	}
	return strings.Join(list, ", ")
}

// Party is who appends an event.
type Party int

const (
	// ByOrigin is the origin, with the pen.
	ByOrigin Party = iota + 1
	// ByTarget is the region the open offer is to; it has the pen.
	ByTarget
	// ByHolder is the region that accepted, be it the origin or another; it has the pen.
	ByHolder
	// ByProof is the origin without the pen, which takes it back on the target's signed decision.
	ByProof
)

// String says it for people.
func (p Party) String() string {
	switch p {
	case ByOrigin:
		return "origin"
	case ByTarget:
		return "target"
	case ByHolder:
		return "holder"
	case ByProof:
		return "origin, without the pen"
	default:
		return fmt.Sprintf("Party(%d)", int(p))
	}
}

// Pen is what an event does with the pen.
type Pen int

const (
	// PenStays with the region that appends.
	PenStays Pen = iota
	// PenToTarget moves it to the target of the offer.
	PenToTarget
	// PenToOrigin moves it home, or leaves it there.
	PenToOrigin
)

// Transition is one row of the table of the pen: which event may be appended in which states, by whom, and what is
// then.
type Transition struct {
	// Kind of the event.
	Kind jieliv1.Event_Kind
	// Command of TicketService that appends it, `node` where the node does by itself.
	Command string
	// From are the states in which it may be appended.
	From States
	// By is who may.
	By Party
	// To is the state after it; STATE_UNSPECIFIED leaves the state as it is.
	To jieliv1.Ticket_State
	// Pen is what becomes of the pen.
	Pen Pen
	// Rule says in words what else must be true, checked by guard.
	Rule string

	// guard checks what the row requires beyond state and party. The event is valid by itself.
	guard func(st *jieliv1.TicketState, ev *jieliv1.Event) error
	// fold changes what the event changes beyond state, pen and chain. It sees the state as it was before.
	fold func(st *jieliv1.TicketState, ev *jieliv1.Event, hash [HashBytes]byte)
}

// Transitions returns the table of the pen. Everything it does not list is refused.
func Transitions() []Transition { return slices.Clone(transitions) }

// transitions is the table itself; nothing changes it.
var transitions = []Transition{
	{
		Kind: jieliv1.Event_RECEIVED, Command: "submit", By: ByOrigin,
		To:   jieliv1.Ticket_RECEIVED,
		Rule: "event 1; one of the next four rows follows in the same transaction",
		fold: foldReceived,
	},
	{
		Kind: jieliv1.Event_UNROUTED, Command: "node", By: ByOrigin,
		From: states(jieliv1.Ticket_RECEIVED),
		To:   jieliv1.Ticket_UNROUTED,
	},
	{
		Kind: jieliv1.Event_DIVERTED, Command: "node", By: ByOrigin,
		From: states(jieliv1.Ticket_RECEIVED),
		To:   jieliv1.Ticket_DIVERTED,
		fold: foldDiverted,
	},
	{
		Kind: jieliv1.Event_OFFERED, Command: "node, offer", By: ByOrigin,
		From: states(jieliv1.Ticket_RECEIVED, jieliv1.Ticket_UNROUTED, jieliv1.Ticket_RETURNED, jieliv1.Ticket_RECALLED),
		To:   jieliv1.Ticket_OFFERED, Pen: PenToTarget,
		Rule:  "a target that may be offered it in this round; `ONWARD` only from RETURNED and to the region named there; not `RULING`",
		guard: guardOffered, fold: foldOffered,
	},
	{
		Kind: jieliv1.Event_ACCEPTED, Command: "node, accept", By: ByOrigin,
		From: states(jieliv1.Ticket_RECEIVED, jieliv1.Ticket_UNROUTED, jieliv1.Ticket_RETURNED, jieliv1.Ticket_RECALLED,
			jieliv1.Ticket_ARBITRATION),
		To:    jieliv1.Ticket_ACCEPTED,
		Rule:  "the origin takes it itself; never deemed",
		guard: guardTaken, fold: foldTaken,
	},
	{
		Kind: jieliv1.Event_OFFERED, Command: "offer", By: ByOrigin,
		From: states(jieliv1.Ticket_ARBITRATION),
		To:   jieliv1.Ticket_OFFERED, Pen: PenToTarget,
		Rule:  "basis `OPERATOR` or `RULING`; opens a new round",
		guard: guardOffered, fold: foldOffered,
	},
	{
		Kind: jieliv1.Event_OFFERED, Command: "offer", By: ByOrigin,
		From: states(jieliv1.Ticket_ACCEPTED, jieliv1.Ticket_IN_PROGRESS),
		To:   jieliv1.Ticket_OFFERED, Pen: PenToTarget,
		Rule:  "the origin had taken it itself; a target that may be offered it in this round; basis `ROUTE` or `OPERATOR`",
		guard: guardOffered, fold: foldOffered,
	},
	{
		Kind: jieliv1.Event_ACCEPTED, Command: "node, accept", By: ByTarget,
		From: states(jieliv1.Ticket_OFFERED),
		To:   jieliv1.Ticket_ACCEPTED,
		Rule: "the node by itself only when the time to return it is over (deemed)",
		fold: foldAccepted,
	},
	{
		Kind: jieliv1.Event_RETURNED, Command: "return", By: ByTarget,
		From: states(jieliv1.Ticket_OFFERED),
		To:   jieliv1.Ticket_RETURNED, Pen: PenToOrigin,
		fold: foldReturned,
	},
	{
		Kind: jieliv1.Event_OFFER_REFUSED, Command: "node", By: ByProof,
		From: states(jieliv1.Ticket_OFFERED),
		To:   jieliv1.Ticket_RETURNED, Pen: PenToOrigin,
		Rule:  "contains the target's refusal of this offer",
		guard: guardOfferRefused, fold: foldOfferRefused,
	},
	{
		Kind: jieliv1.Event_RECALLED, Command: "recall", By: ByProof,
		From: states(jieliv1.Ticket_OFFERED),
		To:   jieliv1.Ticket_RECALLED, Pen: PenToOrigin,
		Rule:  "contains the target's release of this offer, or the offer was never sent",
		guard: guardRecalled, fold: foldRecalled,
	},
	{
		Kind: jieliv1.Event_NOTED, Command: "note", By: ByHolder,
		From:  states(jieliv1.Ticket_ACCEPTED, jieliv1.Ticket_IN_PROGRESS),
		To:    jieliv1.Ticket_IN_PROGRESS,
		Rule:  "one's own note, or that of a region the ticket has been with, which asked for it",
		guard: guardNoted, fold: foldNoted,
	},
	{
		Kind: jieliv1.Event_NOTED, Command: "note", By: ByOrigin,
		From: states(jieliv1.Ticket_UNROUTED, jieliv1.Ticket_RETURNED, jieliv1.Ticket_RECALLED, jieliv1.Ticket_ARBITRATION,
			jieliv1.Ticket_ANSWERED),
		Rule:  "one's own note, or that of a region the ticket has been with, which asked for it",
		guard: guardNoted,
	},
	{
		Kind: jieliv1.Event_ANSWERED, Command: "answer", By: ByHolder,
		From: states(jieliv1.Ticket_ACCEPTED, jieliv1.Ticket_IN_PROGRESS),
		To:   jieliv1.Ticket_ANSWERED, Pen: PenToOrigin,
		fold: foldAnswered,
	},
	{
		Kind: jieliv1.Event_CLOSED, Command: "close", By: ByOrigin,
		From: states(jieliv1.Ticket_ANSWERED),
		To:   jieliv1.Ticket_CLOSED,
	},
	{
		Kind: jieliv1.Event_REOPENED, Command: "reopen", By: ByOrigin,
		From: states(jieliv1.Ticket_ANSWERED, jieliv1.Ticket_CLOSED, jieliv1.Ticket_WITHDRAWN),
		To:   jieliv1.Ticket_RECEIVED,
		Rule: "opens a new round; UNROUTED, OFFERED or ACCEPTED follows in the same transaction", guard: guardReopened,
		fold: foldReopened,
	},
	{
		Kind: jieliv1.Event_WITHDRAWN, Command: "node", By: ByTarget,
		From: states(jieliv1.Ticket_OFFERED),
		To:   jieliv1.Ticket_WITHDRAWN, Pen: PenToOrigin,
		Rule:  "settles the origin's request",
		guard: guardWithdrawn, fold: foldWithdrawn,
	},
	{
		Kind: jieliv1.Event_WITHDRAWN, Command: "node, withdraw", By: ByHolder,
		From: states(jieliv1.Ticket_ACCEPTED, jieliv1.Ticket_IN_PROGRESS),
		To:   jieliv1.Ticket_WITHDRAWN, Pen: PenToOrigin,
		Rule:  "by another region than the origin only to settle the origin's request",
		guard: guardWithdrawn, fold: foldWithdrawn,
	},
	{
		Kind: jieliv1.Event_WITHDRAWN, Command: "node, withdraw", By: ByOrigin,
		From: states(jieliv1.Ticket_UNROUTED, jieliv1.Ticket_RETURNED, jieliv1.Ticket_RECALLED, jieliv1.Ticket_ARBITRATION),
		To:   jieliv1.Ticket_WITHDRAWN,
		fold: foldWithdrawn,
	},
	{
		Kind: jieliv1.Event_WITHDRAWN, Command: "node", By: ByOrigin,
		From:  states(jieliv1.Ticket_ANSWERED),
		To:    jieliv1.Ticket_WITHDRAWN,
		Rule:  "settles a request of the origin's that crossed the answer",
		guard: guardWithdrawnAnswered, fold: foldWithdrawn,
	},
	{
		Kind: jieliv1.Event_ARBITRATION, Command: "node", By: ByOrigin,
		From: states(jieliv1.Ticket_RETURNED, jieliv1.Ticket_RECALLED),
		To:   jieliv1.Ticket_ARBITRATION,
		Rule: "its cause is true of this round", guard: guardArbitration,
	},
}

// find returns the row for a kind in a state; nil when there is none.
func find(kind jieliv1.Event_Kind, state jieliv1.Ticket_State) *Transition {
	for i := range transitions {
		if t := &transitions[i]; t.Kind == kind && t.From.Has(state) {
			return t
		}
	}
	return nil
}

// statesFor returns all states in which an event of a kind may be appended by somebody.
func statesFor(kind jieliv1.Event_Kind) (from States) {
	for i := range transitions {
		if transitions[i].Kind == kind {
			from |= transitions[i].From
		}
	}
	return from
}

// originOnly tells whether only the origin ever appends events of a kind.
func originOnly(kind jieliv1.Event_Kind) bool {
	for i := range transitions {
		if t := &transitions[i]; t.Kind == kind && t.By != ByOrigin && t.By != ByProof {
			return false
		}
	}
	return true
}

// byProof tells whether events of a kind take the pen back from the target.
func byProof(kind jieliv1.Event_Kind) bool {
	return kind == jieliv1.Event_OFFER_REFUSED || kind == jieliv1.Event_RECALLED
}

// MovesPen tells whether events of a kind can move the pen from one region to another. ANSWERED and WITHDRAWN by the
// origin itself leave it where it is: TicketState.pen_move is the number of the newest event that did move it.
func MovesPen(kind jieliv1.Event_Kind) bool {
	for i := range transitions {
		if t := &transitions[i]; t.Kind == kind && t.Pen != PenStays {
			return true
		}
	}
	return false
}

// Table renders Transitions as Markdown, for docs/protocol.md.
func Table() string {
	var b strings.Builder
	b.WriteString("| state | command | event | who | state after | pen after | only if |\n")
	b.WriteString("|---|---|---|---|---|---|---|\n")
	for i := range transitions {
		t := &transitions[i]
		from, to := t.From.String(), t.To.String()
		if t.From == 0 {
			from = "(none)"
		}
		if t.To == jieliv1.Ticket_STATE_UNSPECIFIED {
			to = "the same"
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %s | %s |\n", from, t.Command, t.Kind, t.By, to, t.penAfter(), t.Rule)
	}
	return b.String()
}

// penAfter says for people where the pen is after the event.
func (t *Transition) penAfter() string {
	switch {
	case t.Pen == PenToTarget:
		return "target"
	case t.Pen == PenToOrigin, t.By == ByOrigin:
		return "origin"
	default:
		return t.By.String()
	}
}
