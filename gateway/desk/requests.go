package desk

import (
	"errors"
	"fmt"
	"log/slog"

	"github.com/google/uuid"
	"google.golang.org/protobuf/proto"

	"github.com/jieli-gateway/jieli/gateway/fault"
	"github.com/jieli-gateway/jieli/gateway/store"
	"github.com/jieli-gateway/jieli/gateway/ticket"
	jieliv1 "github.com/jieli-gateway/jieli/proto/jieli/v1"
)

// Codes that settle a request without an event that travels to whoever asked.
const (
	codeReleased        = "RELEASED"
	codeDone            = "DONE"
	codeAlreadyAccepted = "ALREADY_ACCEPTED"
	codeAlreadyDecided  = "ALREADY_DECIDED"
	codeNoPen           = "NO_PEN"
	codeUnknownTicket   = "UNKNOWN_TICKET"
	codeWrongState      = "WRONG_STATE"
	codeTicketFull      = "TICKET_FULL"
	codeNotAllowed      = "NOT_ALLOWED"
	codeInvalid         = "INVALID"
	codeEvent           = "EVENT"
)

// maxOpenRequests bounds our unsettled requests to one peer.
const maxOpenRequests = 10_000

// mayAsk tells whether a region without the pen may ask the other side for this.
func (s *step) mayAsk(kind jieliv1.TicketRequest_Kind) bool {
	switch s.t.State.GetState() {
	case jieliv1.Ticket_CLOSED, jieliv1.Ticket_WITHDRAWN, jieliv1.Ticket_DIVERTED:
		return false
	}
	return kind == jieliv1.TicketRequest_NOTE || s.isOrigin()
}

// request writes down what this region wants of the one that has the pen, or, away from the origin, of the origin. It
// is sent, and sent again at each hello, until it is settled.
func (s *step) request(kind jieliv1.TicketRequest_Kind, text string) (id string, err error) {
	peer := s.t.State.GetOrigin()
	if s.isOrigin() {
		peer = s.t.State.GetPen()
	}
	open, err := s.tx.CountOpenRequests(peer)
	if err != nil {
		return "", err
	}
	if open >= maxOpenRequests {
		return "", fault.New(fault.Exhausted, "TOO_MANY_REQUESTS", "%d requests to region %s are not settled yet; phone them, see `jieli link list`", open, peer)
	}
	u, err := uuid.NewV7()
	if err != nil {
		return "", fmt.Errorf("make request id: %w", err)
	}
	r := &jieliv1.TicketRequest{Id: u.String(), TicketId: s.t.State.GetId(), Kind: kind, Text: text, Time: timestamp(s.now)}
	if kind == jieliv1.TicketRequest_RECALL {
		r.OfferNumber, r.OfferHash = s.t.State.GetOfferNumber(), s.t.State.GetOfferHash()
	}
	b, err := proto.Marshal(r)
	if err != nil {
		return "", fmt.Errorf("encode request: %w", err)
	}
	return r.GetId(), s.tx.PutRequest(&store.Request{
		ID: r.GetId(), Peer: peer, TicketID: r.GetTicketId(), Kind: kind, Bytes: b, Time: s.now,
	})
}

// takeBackUnsent recalls an open offer that provably never left this node: above the mark the last stream left, with
// no stream since. Its outbox row becomes an empty item, so that the sequence has no gap.
func (s *step) takeBackUnsent() (bool, error) {
	st := s.t.State
	if st.GetState() != jieliv1.Ticket_OFFERED {
		return false, nil
	}
	row, err := s.tx.OutboxRow(st.GetOfferedTo(), st.GetId(), st.GetOfferNumber())
	if err != nil {
		return false, fmt.Errorf("find the offer in the outbox: %w", err)
	}
	link, err := s.tx.Link(st.GetOfferedTo())
	if err != nil {
		return false, err
	}
	if link.Streaming || row.Seq <= link.SentMark {
		return false, nil
	}
	if err := s.tx.EmptyOutboxRow(row.Peer, row.Seq); err != nil {
		return false, err
	}
	return true, s.append(&jieliv1.Recalled{NeverSent: true}, "")
}

// Requested implements link.Tickets: what a peer without the pen wants. A nil answer means that an event settles it,
// or that the offer it speaks of has not come yet and the peer will ask again.
func (d *Desk) Requested(tx store.Tx, peer string, r *jieliv1.TicketRequest) (*jieliv1.TicketRequestAnswer, error) {
	if !wellFormed(r) {
		return &jieliv1.TicketRequestAnswer{Id: r.GetId(), Code: codeInvalid}, nil
	}
	old, err := tx.Request(r.GetId())
	switch {
	case err == nil && (!old.Incoming || old.Peer != peer):
		return &jieliv1.TicketRequestAnswer{Id: r.GetId(), Code: codeInvalid}, nil
	case err == nil && len(old.Answer) == 0:
		return nil, nil // an event settled it and travels by itself
	case err == nil:
		a := new(jieliv1.TicketRequestAnswer)
		return a, proto.Unmarshal(old.Answer, a)
	case !errors.Is(err, store.ErrNotFound):
		return nil, err
	}
	a, settled, err := d.answerRequest(tx, peer, r)
	if err != nil || !settled {
		return nil, err
	}
	row := &store.Request{
		ID: r.GetId(), Peer: peer, TicketID: r.GetTicketId(), Kind: r.GetKind(),
		Incoming: true, Settled: true, Code: codeEvent, Time: d.cfg.Now(),
	}
	if a != nil {
		a.Id, row.Code = r.GetId(), a.GetCode()
		if row.Answer, err = proto.Marshal(a); err != nil {
			return nil, err
		}
	}
	return a, tx.PutRequest(row)
}

func wellFormed(r *jieliv1.TicketRequest) bool {
	return ticket.ValidateID("id", r.GetId()) == nil && ticket.ValidateID("ticketId", r.GetTicketId()) == nil &&
		ticket.ValidateText("text", r.GetText(), 0, maxText, true) == nil
}

// answerRequest decides a new request. settled is false when it can only be decided later.
func (d *Desk) answerRequest(tx store.Tx, peer string, r *jieliv1.TicketRequest) (a *jieliv1.TicketRequestAnswer, settled bool, err error) {
	code := func(c string) (*jieliv1.TicketRequestAnswer, bool, error) {
		return &jieliv1.TicketRequestAnswer{Code: c}, true, nil
	}
	t, err := tx.Ticket(r.GetTicketId())
	if errors.Is(err, store.ErrNotFound) {
		switch r.GetKind() {
		case jieliv1.TicketRequest_RECALL:
			return d.release(tx, nil, r)
		case jieliv1.TicketRequest_WITHDRAW:
			// The offer was refused, or comes yet: either way the pen's next move settles it.
			return nil, false, nil
		}
		return code(codeUnknownTicket)
	}
	if err != nil {
		return nil, false, err
	}
	s := d.step(tx, t, "region "+peer)
	// Who may ask: the origin of whoever has the pen, or a region the ticket was offered to of the origin.
	if t.State.GetOrigin() != peer && (!s.isOrigin() || !wasOffered(t.State, peer)) {
		return code(codeNotAllowed)
	}
	switch r.GetKind() {
	case jieliv1.TicketRequest_RECALL:
		if t.State.GetOrigin() != peer {
			return code(codeNotAllowed)
		}
		return d.release(tx, s, r)
	case jieliv1.TicketRequest_WITHDRAW:
		if t.State.GetOrigin() != peer {
			return code(codeNotAllowed)
		}
		return s.settleByEvent(jieliv1.Event_WITHDRAWN, &jieliv1.Withdrawn{}, r)
	case jieliv1.TicketRequest_NOTE:
		return s.settleByEvent(jieliv1.Event_NOTED, &jieliv1.Noted{From: peer}, r)
	}
	return code(codeInvalid)
}

// settleByEvent appends what was asked for, if this region has the pen.
func (s *step) settleByEvent(kind jieliv1.Event_Kind, body any, r *jieliv1.TicketRequest) (*jieliv1.TicketRequestAnswer, bool, error) {
	if !s.hasPen() {
		return &jieliv1.TicketRequestAnswer{Code: codeNoPen}, true, nil
	}
	if !s.may(kind) {
		return &jieliv1.TicketRequestAnswer{Code: codeWrongState}, true, nil
	}
	if kind == jieliv1.Event_NOTED {
		full, err := s.bulky(maxBulk)
		if err != nil {
			return nil, false, err
		}
		if full {
			return &jieliv1.TicketRequestAnswer{Code: codeTicketFull}, true, nil
		}
	}
	w, err := s.d.text(s.t.State.GetId(), r.GetText(), "")
	if err != nil {
		return nil, false, err
	}
	if kind == jieliv1.Event_NOTED && len(w) == 0 {
		return &jieliv1.TicketRequestAnswer{Code: codeInvalid}, true, nil
	}
	if err := s.append(body, r.GetId(), w...); err != nil {
		return nil, false, err
	}
	if err := s.save(); err != nil {
		return nil, false, err
	}
	if s.isOrigin() {
		// The origin's event stays at home, so whoever asked is told.
		return &jieliv1.TicketRequestAnswer{Code: codeDone}, true, nil
	}
	return nil, true, nil
}

// release answers a recall: it signs that this region will never take the offer, unless it has decided otherwise
// already. s is nil when the offer has not arrived; it is then refused by this release when it does.
func (d *Desk) release(tx store.Tx, s *step, r *jieliv1.TicketRequest) (*jieliv1.TicketRequestAnswer, bool, error) {
	if len(r.GetOfferHash()) != 32 || r.GetOfferNumber() == 0 {
		return &jieliv1.TicketRequestAnswer{Code: codeInvalid}, true, nil
	}
	hash := [32]byte(r.GetOfferHash())
	dec, err := tx.Decision(r.GetTicketId(), r.GetOfferNumber())
	if err == nil {
		return decidedAnswer(dec, hash)
	}
	if !errors.Is(err, store.ErrNotFound) {
		return nil, false, err
	}
	if s != nil {
		if code := s.pastRecall(r.GetOfferNumber(), hash); code != "" {
			return &jieliv1.TicketRequestAnswer{Code: code}, true, nil
		}
	}
	signed, err := d.decide(tx, jieliv1.Decision_RELEASED, r.GetTicketId(), r.GetOfferNumber(), hash, "RECALLED")
	if err != nil {
		return nil, false, err
	}
	if s != nil && s.t.State.GetOfferNumber() == r.GetOfferNumber() {
		if err := s.letGo(); err != nil {
			return nil, false, err
		}
	}
	return &jieliv1.TicketRequestAnswer{Code: codeReleased, Decision: signed}, true, nil
}

// pastRecall says why an offer can no longer be released; empty when it can.
func (s *step) pastRecall(number uint32, hash [32]byte) string {
	st := s.t.State
	switch {
	case st.GetOfferNumber() > number:
		return codeAlreadyDecided // a later offer has come since: history
	case st.GetOfferNumber() < number:
		return "" // not arrived yet
	case [32]byte(st.GetOfferHash()) != hash:
		return codeInvalid
	case st.GetState() == jieliv1.Ticket_OFFERED && s.hasPen():
		return ""
	case s.hasPen():
		return codeAlreadyAccepted
	}
	return codeAlreadyDecided
}

// letGo makes the ticket of a released offer the origin's again, here, and erases what came with the offer. The
// origin's RECALLED is not sent here; a later offer's chain has it.
func (s *step) letGo() error {
	st := proto.Clone(s.t.State).(*jieliv1.TicketState)
	st.Pen, st.State, st.OfferedTo = st.GetOrigin(), jieliv1.Ticket_RECALLED, ""
	if n := len(st.GetHops()); n > 0 {
		hop := st.GetHops()[n-1]
		hop.Outcome, hop.OutcomeTime, hop.Reason = jieliv1.Hop_RECALLED, timestamp(s.now), "RECALLED"
	}
	s.t.State = st
	if err := s.forget(func(*store.Content) bool { return true }, jieliv1.Content_WITHHELD); err != nil {
		return err
	}
	if err := s.feed(&store.FeedRow{Kind: jieliv1.FeedEntry_REQUEST_SETTLED, Reason: "RECALLED"}); err != nil {
		return err
	}
	return s.save()
}

// decide signs and keeps this region's final word on an offer.
func (d *Desk) decide(tx store.Tx, kind jieliv1.Decision_Kind, ticketID string, number uint32, hash [32]byte, reason string) (*jieliv1.SignedDecision, error) {
	signed, err := d.signDecision(d.cfg.Registry.Table(), kind, ticketID, number, hash, reason)
	if err != nil {
		return nil, err
	}
	b, err := proto.Marshal(signed)
	if err != nil {
		return nil, err
	}
	return signed, tx.PutDecision(&store.Decision{TicketID: ticketID, Number: number, Hash: hash, Kind: kind, Reason: reason, Bytes: b})
}

// decidedAnswer repeats an earlier decision; one of another offer under the same number is no answer.
func decidedAnswer(dec *store.Decision, hash [32]byte) (*jieliv1.TicketRequestAnswer, bool, error) {
	if dec.Hash != hash {
		return &jieliv1.TicketRequestAnswer{Code: codeInvalid}, true, nil
	}
	signed := new(jieliv1.SignedDecision)
	if err := proto.Unmarshal(dec.Bytes, signed); err != nil {
		return nil, false, fmt.Errorf("stored decision cannot be read: %w", err)
	}
	code := codeAlreadyDecided
	if dec.Kind == jieliv1.Decision_RELEASED {
		code = codeReleased
	}
	return &jieliv1.TicketRequestAnswer{Code: code, Decision: signed}, true, nil
}

func wasOffered(st *jieliv1.TicketState, region string) bool {
	for _, h := range st.GetHops() {
		if h.GetRegion() == region {
			return true
		}
	}
	return false
}

// Settled implements link.Tickets: a peer's coded answer to a request of ours.
func (d *Desk) Settled(tx store.Tx, peer string, a *jieliv1.TicketRequestAnswer) error {
	r, err := tx.Request(a.GetId())
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	if r.Incoming || r.Peer != peer || r.Settled {
		return nil
	}
	t, err := tx.Ticket(r.TicketID)
	if err != nil {
		return err
	}
	s := d.step(tx, t, "region "+peer)
	if a.GetDecision() != nil {
		if err := s.takeDecision(a.GetDecision()); err != nil {
			d.log.Error("a peer's answer to a request does not hold; it stays open", slog.Any("peer", peer), slog.Any("ticket", r.TicketID), slog.Any("request", r.ID), slog.Any("error", err))
			return nil
		}
	}
	if err := s.settle(r, a.GetCode()); err != nil {
		return err
	}
	if a.GetDecision() == nil {
		if err := s.feed(&store.FeedRow{Kind: jieliv1.FeedEntry_REQUEST_SETTLED, Reason: answerCode(a.GetCode())}); err != nil {
			return err
		}
	}
	return s.save()
}

// settle marks a request of ours as settled. Its text goes. A withdrawal answered NO_PEN stays wished for: the pen is
// on its way home.
func (s *step) settle(r *store.Request, code string) error {
	r.Settled, r.Code, r.Bytes = true, answerCode(code), nil
	if s.t.RecallRequest == r.ID {
		s.t.RecallRequest = ""
	}
	if s.t.WithdrawRequest == r.ID && code != codeNoPen {
		s.t.WithdrawRequest = ""
	}
	return s.tx.PutRequest(r)
}

// settleID settles a request of ours that an event names.
func (s *step) settleID(id string) error {
	if id == "" {
		return nil
	}
	r, err := s.tx.Request(id)
	if errors.Is(err, store.ErrNotFound) || (err == nil && (r.Incoming || r.Settled)) {
		return nil
	}
	if err != nil {
		return err
	}
	return s.settle(r, codeEvent)
}

// answerCode keeps what a peer calls its answer within bounds.
func answerCode(code string) string {
	const most = 32
	for _, r := range code {
		if (r < 'A' || r > 'Z') && r != '_' {
			return codeInvalid
		}
	}
	if code == "" || len(code) > most {
		return codeInvalid
	}
	return code
}

// takeDecision appends what the target's signed refusal or release of the open offer means. A second proof for the
// same offer appends nothing.
func (s *step) takeDecision(signed *jieliv1.SignedDecision) error {
	dec, err := s.d.openDecision(signed)
	if err != nil {
		return err
	}
	st := s.t.State
	if st.GetState() != jieliv1.Ticket_OFFERED || dec.GetNumber() != st.GetOfferNumber() {
		return nil
	}
	if err := ticket.MatchDecision(st, dec); err != nil {
		return err
	}
	if dec.GetKind() == jieliv1.Decision_RELEASED {
		if err := s.append(&jieliv1.Recalled{Release: signed}, s.t.RecallRequest); err != nil {
			return err
		}
		if err := s.dropRecall(codeReleased); err != nil {
			return err
		}
		return s.afterBack()
	}
	if err := s.append(&jieliv1.OfferRefused{Refusal: signed}, ""); err != nil {
		return err
	}
	if err := s.dropRecall(codeAlreadyDecided); err != nil {
		return err
	}
	if s.t.WithdrawRequest != "" {
		return s.afterBack()
	}
	if dec.GetReason() == reasonStaleRoute {
		return s.waitOrRoute(dec.GetRevision())
	}
	return nil
}

// waitOrRoute routes again by the newer table the refusing region has, as soon as this node has it.
func (s *step) waitOrRoute(revision uint64) error {
	s.t.WaitRevision = revision
	if s.table.Revision() < revision {
		return nil
	}
	_, err := s.route()
	return err
}

// dropRecall settles the ticket's open recall, which the pen's coming home has made void.
func (s *step) dropRecall(code string) error {
	id := s.t.RecallRequest
	if id == "" {
		return nil
	}
	s.t.RecallRequest = ""
	r, err := s.tx.Request(id)
	if err != nil || r.Settled {
		return err
	}
	return s.settle(r, code)
}

// withdrawNow appends WITHDRAWN for a pending withdrawal, now that the pen is home.
func (s *step) withdrawNow() error {
	id := s.t.WithdrawRequest
	s.t.WithdrawRequest = ""
	r, err := s.tx.Request(id)
	if err != nil {
		return err
	}
	var text string
	if len(r.Bytes) > 0 {
		var wish jieliv1.TicketRequest
		if err := proto.Unmarshal(r.Bytes, &wish); err != nil {
			return fmt.Errorf("stored request cannot be read: %w", err)
		}
		text = wish.GetText()
	}
	w, err := s.d.text(s.t.State.GetId(), text, "")
	if err != nil {
		return err
	}
	err = s.append(&jieliv1.Withdrawn{}, id, w...)
	if v := new(ticket.Violation); errors.As(err, &v) {
		// Too late: the ticket has ended meanwhile.
		if r.Settled {
			return nil
		}
		if err := s.settle(r, codeWrongState); err != nil {
			return err
		}
		return s.feed(&store.FeedRow{Kind: jieliv1.FeedEntry_REQUEST_SETTLED, Reason: codeWrongState})
	}
	if err != nil {
		return err
	}
	if r.Settled {
		return nil
	}
	return s.settle(r, codeEvent)
}
