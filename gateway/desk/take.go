package desk

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/jieli-gateway/jieli/federation/trust"
	"github.com/jieli-gateway/jieli/gateway/link"
	"github.com/jieli-gateway/jieli/gateway/store"
	"github.com/jieli-gateway/jieli/gateway/ticket"
	jieliv1 "github.com/jieli-gateway/jieli/proto/jieli/v1"
	"github.com/jieli-gateway/jieli/regions"
)

// Reasons an offer is refused for.
const (
	reasonInvalid    = "INVALID"
	reasonStaleRoute = "STALE_ROUTE"
	reasonSuspended  = "SUSPENDED"
	reasonClock      = "CLOCK"
)

// maxAhead is how far a peer's clock may be ahead of ours (docs/protocol.md §4).
const maxAhead = 5 * time.Minute

// maxChain bounds the events an offer carries; far more than a life of five offers a round can have.
const maxChain = 1000

// checked is a peer's item as far as it can be judged without the store.
type checked struct {
	hash    [32]byte
	content *jieliv1.ContentItem
	event   *checkedEvent
	chain   []*checkedEvent
	// broken is the first rule the item breaks; offerless when not even an offer to refuse can be made out.
	broken *ticket.Violation
	behind uint64
}

// checkedEvent is one decoded, verified event with its content.
type checkedEvent struct {
	ev       *jieliv1.Event
	bytes    []byte
	hash     [32]byte
	proof    *jieliv1.BatchProof
	contents []*jieliv1.Content
}

// Hash implements link.Checked.
func (c *checked) Hash() [32]byte { return c.hash }

// ticketID is the ticket an item is of, where it can be made out.
func (c *checked) ticketID() string {
	switch {
	case c.event != nil:
		return c.event.ev.GetTicketId()
	case c.content != nil:
		return c.content.GetTicketId()
	}
	return ""
}

// isOffer: the item can be refused rather than stopped.
func (c *checked) isOffer() bool {
	return c.event != nil && c.event.ev.GetKind() == jieliv1.Event_OFFERED
}

// Check implements link.Tickets: bytes, signatures, commitments; no store.
func (d *Desk) Check(peer string, item *jieliv1.Item) link.Checked {
	c := &checked{}
	switch it := item.GetItem().(type) {
	case *jieliv1.Item_Event:
		d.checkEventItem(c, peer, it.Event)
	case *jieliv1.Item_Content:
		checkContentItem(c, it.Content)
	case *jieliv1.Item_Empty:
		c.hash = ticket.EmptyItemHash()
	default:
		c.broken = &ticket.Violation{Reason: "MALFORMED", Field: "item", Message: "an item of no known kind"}
	}
	return c
}

func checkContentItem(c *checked, it *jieliv1.ContentItem) {
	c.content = it
	var commitment [32]byte
	copy(commitment[:], it.GetCommitment())
	c.hash = ticket.ContentItemHash(it.GetTicketId(), it.GetNumber(), commitment)
	if len(it.GetCommitment()) != sha256.Size || ticket.ValidateID("ticketId", it.GetTicketId()) != nil {
		c.broken = &ticket.Violation{Reason: "MALFORMED", Field: "content", Message: "ticket id or commitment is malformed"}
		return
	}
	err := checkContent(&jieliv1.Commitment{Name: it.GetContent().GetName(), Hash: it.GetCommitment()}, it.GetContent(), false)
	errors.As(err, &c.broken)
}

func (d *Desk) checkEventItem(c *checked, peer string, it *jieliv1.EventItem) {
	c.hash = ticket.EventItemHash(ticket.Hash(it.GetEvent().GetEvent()))
	ce, err := d.checkEvent(it, true, c)
	c.event = ce
	if err != nil {
		c.broken = violation(err)
		return
	}
	if ce.ev.GetAuthor() != peer {
		c.broken = &ticket.Violation{Reason: "FORGED", Field: "author", Message: fmt.Sprintf("region %s sent an event in the name of %s", peer, ce.ev.GetAuthor())}
		return
	}
	offer := c.isOffer()
	if !offer && len(it.GetChain()) > 0 {
		c.broken = &ticket.Violation{Reason: "MALFORMED", Field: "chain", Message: "only an offer carries a chain"}
		return
	}
	if len(it.GetChain()) > maxChain {
		c.broken = &ticket.Violation{Reason: "TOO_LARGE", Field: "chain", Message: fmt.Sprintf("a chain of more than %d events", maxChain)}
		return
	}
	for _, earlier := range it.GetChain() {
		e, err := d.checkEvent(earlier, false, c)
		if err != nil {
			c.broken = violation(err)
			return
		}
		c.chain = append(c.chain, e)
	}
}

// checkEvent decodes and verifies one event with its content.
func (d *Desk) checkEvent(it *jieliv1.EventItem, newest bool, c *checked) (*checkedEvent, error) {
	b := it.GetEvent().GetEvent()
	ev, err := ticket.Decode(b)
	if err != nil {
		return nil, err
	}
	ce := &checkedEvent{ev: ev, bytes: b, hash: ticket.Hash(b), proof: it.GetEvent().GetProof(), contents: it.GetContents()}
	if err := d.verify(ce, c); err != nil {
		return ce, err
	}
	if err := d.verifyDecision(ev, c); err != nil {
		return ce, err
	}
	return ce, checkContents(ev, it.GetContents(), newest)
}

// verify checks the author's signature. A key this node does not know yet, in an event of a later revision, is no
// forgery: the link waits until the registry has come.
func (d *Desk) verify(ce *checkedEvent, c *checked) error {
	table := d.cfg.Registry.Table()
	if table.View == nil {
		c.behind = ce.ev.GetRegistryRevision()
		return nil
	}
	proof, ok := proofFromWire(ce.proof)
	err := trust.ErrBadProof
	if ok {
		err = d.verifier.VerifyEvent(table.ClusterID(), ce.ev.GetAuthor(), ce.hash, proof)
	}
	switch {
	case err == nil:
		return nil
	case errors.Is(err, trust.ErrUnknownKey) && ce.ev.GetRegistryRevision() > table.Revision():
		c.behind = max(c.behind, ce.ev.GetRegistryRevision())
		return nil
	}
	return &ticket.Violation{Reason: "FORGED", Field: "proof", Message: fmt.Sprintf(
		"event %d is not signed by region %s: %v", ce.ev.GetNumber(), ce.ev.GetAuthor(), err)}
}

// verifyDecision checks the signature of a decision that an event contains.
func (d *Desk) verifyDecision(ev *jieliv1.Event, c *checked) error {
	signed := ev.GetOfferRefused().GetRefusal()
	if r := ev.GetRecalled().GetRelease(); r != nil {
		signed = r
	}
	if signed == nil {
		return nil
	}
	dec, err := d.openDecision(signed)
	if table := d.cfg.Registry.Table(); errors.Is(err, errUnknownKey) && table.View != nil && dec.GetRevision() > table.Revision() {
		c.behind = max(c.behind, dec.GetRevision())
		return nil
	}
	return err
}

func violation(err error) *ticket.Violation {
	var v *ticket.Violation
	if errors.As(err, &v) {
		return v
	}
	var many ticket.Violations
	if errors.As(err, &many) && len(many) > 0 {
		return &many[0]
	}
	return &ticket.Violation{Reason: "MALFORMED", Message: err.Error()}
}

// Take implements link.Tickets: it judges and applies one item within the receiver's transaction.
func (d *Desk) Take(tx store.Tx, peer string, seq uint64, lc link.Checked) (link.Verdict, error) {
	c, ok := lc.(*checked)
	if !ok {
		return link.Verdict{}, fmt.Errorf("take: an item that this desk has not checked: %T", lc)
	}
	if table := d.cfg.Registry.Table(); c.behind > 0 && (table.View == nil || table.Revision() < c.behind) {
		return link.Verdict{}, &link.Behind{Revision: c.behind}
	}
	if c.behind > 0 {
		// The registry has come meanwhile: verify what could not be verified before.
		if err := d.verifyAgain(c); err != nil {
			c.broken = violation(err)
		}
	}
	verdict := link.Verdict{TicketID: c.ticketID()}
	var v *ticket.Violation
	switch {
	case c.isOffer():
		refused, err := d.takeOffer(tx, peer, c)
		if !errors.As(err, &v) {
			verdict.Refused = refused
			return verdict, err
		}
	case c.broken != nil:
		v = c.broken
	case c.event != nil:
		if err := d.takeEvent(tx, peer, c.event); !errors.As(err, &v) {
			return verdict, err
		}
	case c.content != nil:
		if err := d.takeContent(tx, peer, c.content); !errors.As(err, &v) {
			return verdict, err
		}
	default:
		return verdict, nil
	}
	verdict.StoppedReason = stopReason(v.Reason)
	d.log.Error("an item of a peer breaks a rule; its ticket stands still on this link, see `jieli link retry`", slog.Any("peer", peer), slog.Any("sequence", seq), slog.Any("ticket", verdict.TicketID), slog.Any("reason", v.Reason), slog.Any("rule", v.Message))
	return verdict, d.stop(tx, verdict.TicketID, verdict.StoppedReason)
}

// stopReason is the coded reason of a stopped item (link.proto): what breaks the table of transitions misuses the pen.
func stopReason(reason string) string {
	switch reason {
	case "FORGED", "CHAIN_BROKEN", "PEN_MISUSED", "EQUIVOCATION", "TOO_LARGE", "MALFORMED", "CONTENT_MISMATCH", "UNKNOWN_KIND":
		return reason
	}
	return "PEN_MISUSED"
}

func (d *Desk) verifyAgain(c *checked) error {
	c.behind = 0
	for _, ce := range append(c.chain[:len(c.chain):len(c.chain)], c.event) {
		if ce == nil {
			continue
		}
		if err := d.verify(ce, c); err != nil {
			return err
		}
		if err := d.verifyDecision(ce.ev, c); err != nil {
			return err
		}
	}
	return nil
}

// stop shows on the ticket, if we have it, that its exchange stands still.
func (d *Desk) stop(tx store.Tx, ticketID, reason string) error {
	if ticketID == "" {
		return nil
	}
	t, err := tx.Ticket(ticketID)
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	t.Stopped = reason
	s := d.step(tx, t, "")
	if err := s.feed(&store.FeedRow{Kind: jieliv1.FeedEntry_STOPPED, Reason: reason}); err != nil {
		return err
	}
	return s.save()
}

// takeOffer judges an offer: it is taken, or refused for good with a signed decision. Only equivocation stops it.
func (d *Desk) takeOffer(tx store.Tx, peer string, c *checked) (*jieliv1.SignedDecision, error) {
	id, number := c.event.ev.GetTicketId(), c.event.ev.GetNumber()
	if dec, err := tx.Decision(id, number); err == nil {
		if dec.Hash != c.event.hash {
			return nil, equivocation(id, number)
		}
		a, _, err := decidedAnswer(dec, c.event.hash)
		return a.GetDecision(), err
	} else if !errors.Is(err, store.ErrNotFound) {
		return nil, err
	}
	t, known, err := knownEvents(tx, id)
	if err != nil {
		return nil, err
	}
	for _, ce := range append(c.chain[:len(c.chain):len(c.chain)], c.event) {
		if h, ok := known[ce.ev.GetNumber()]; ok && h != ce.hash {
			return nil, equivocation(id, ce.ev.GetNumber())
		}
	}
	if _, ok := known[number]; ok {
		return nil, nil // taken before
	}
	reason, state := d.judgeOffer(tx, peer, c, t)
	if reason != "" {
		d.log.Warn("refused an offer", slog.Any("peer", peer), slog.Any("ticket", id), slog.Any("event", number), slog.Any("reason", reason), slog.Any("rule", c.broken.Error()))
		return d.decide(tx, jieliv1.Decision_REFUSED, id, number, c.event.hash, reason)
	}
	return nil, d.storeOffer(tx, c, t, known, state)
}

func equivocation(id string, number uint32) error {
	return &ticket.Violation{Reason: "EQUIVOCATION", Field: "event", Message: fmt.Sprintf("ticket %s has another event %d here already", id, number)}
}

// knownEvents reads the hashes of a ticket's events here; t is nil when there is no such ticket.
func knownEvents(tx store.Tx, id string) (t *store.Ticket, known map[uint32][32]byte, err error) {
	t, err = tx.Ticket(id)
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil, nil
	}
	if err != nil {
		return nil, nil, err
	}
	events, err := tx.Events(id, 1)
	if err != nil {
		return nil, nil, err
	}
	known = make(map[uint32][32]byte, len(events))
	for _, e := range events {
		known[e.Number] = e.Hash
	}
	return t, known, nil
}

// judgeOffer says why an offer is refused, or the state it leads to. c.broken then says which rule, for the log.
func (d *Desk) judgeOffer(tx store.Tx, peer string, c *checked, t *store.Ticket) (reason string, state *jieliv1.TicketState) {
	refuse := func(reason, field, format string, args ...any) (string, *jieliv1.TicketState) {
		c.broken = &ticket.Violation{Reason: reason, Field: field, Message: fmt.Sprintf(format, args...)}
		return reason, nil
	}
	if c.broken != nil {
		return reasonInvalid, nil
	}
	table, offered := d.cfg.Registry.Table(), c.event.ev.GetOffered()
	if offered.GetTarget() != d.cfg.Region {
		return refuse(reasonInvalid, "target", "the offer is to %s", offered.GetTarget())
	}
	if t != nil && t.State.GetOrigin() != peer {
		return refuse(reasonInvalid, "origin", "the ticket's origin is %s", t.State.GetOrigin())
	}
	if regionState(table, d.cfg.Region) != jieliv1.Region_ACTIVE || regionState(table, peer) != jieliv1.Region_ACTIVE {
		return refuse(reasonSuspended, "region", "%s or %s is suspended", peer, d.cfg.Region)
	}
	if ahead := c.event.ev.GetTime().AsTime().Sub(d.cfg.Now()); ahead > maxAhead {
		return refuse(reasonClock, "time", "the event is %s in the future", ahead.Round(time.Second))
	}
	state, err := replay(append(c.chain[:len(c.chain):len(c.chain)], c.event))
	if err != nil {
		c.broken = violation(err)
		return reasonInvalid, nil
	}
	if state.GetOrigin() != peer {
		return refuse(reasonInvalid, "origin", "the ticket's origin is %s", state.GetOrigin())
	}
	if other, err := tx.TicketByNumber(state.GetNumber()); err == nil && other.State.GetId() != state.GetId() {
		return refuse(reasonInvalid, "number", "number %s is another ticket's", state.GetNumber())
	}
	if ext := state.GetExternalId(); ext != "" {
		if other, err := tx.TicketByExternalID(peer, ext); err == nil && other.State.GetId() != state.GetId() {
			return refuse(reasonInvalid, "externalId", "it is another ticket's")
		}
	}
	if offered.GetBasis() == jieliv1.Offered_ROUTE {
		return d.judgeRoute(table, c, state)
	}
	return "", state
}

// judgeRoute compares an offer by the table with our own table: a newer one that disagrees says so; an older one
// believes; the very same one cannot disagree.
func (d *Desk) judgeRoute(table Table, c *checked, state *jieliv1.TicketState) (string, *jieliv1.TicketState) {
	theirs := c.event.ev.GetRegistryRevision()
	if table.Revision() < theirs {
		return "", state
	}
	day, err := regions.ParseDay(c.event.ev.GetOffered().GetAsOf())
	if err != nil {
		c.broken = &ticket.Violation{Reason: reasonInvalid, Field: "asOf", Message: err.Error()}
		return reasonInvalid, nil
	}
	r := route(table, state.GetDivision(), state.GetService(), day)
	if r.unrouted == 0 && r.region == d.cfg.Region {
		return "", state
	}
	c.broken = &ticket.Violation{Reason: reasonStaleRoute, Field: "target", Message: fmt.Sprintf(
		"at revision %d division %s is not served by %s", table.Revision(), state.GetDivision(), d.cfg.Region)}
	if table.Revision() == theirs {
		return reasonInvalid, nil
	}
	return reasonStaleRoute, nil
}

func replay(chain []*checkedEvent) (*jieliv1.TicketState, error) {
	var st *jieliv1.TicketState
	for _, ce := range chain {
		next, err := ticket.Apply(st, ce.ev, ce.hash)
		if err != nil {
			return nil, err
		}
		st = next
	}
	return st, nil
}

// storeOffer keeps the chain, what of it is missing here, and the offer.
func (d *Desk) storeOffer(tx store.Tx, c *checked, t *store.Ticket, known map[uint32][32]byte, state *jieliv1.TicketState) error {
	if t == nil {
		t = &store.Ticket{}
	}
	have, err := contentsOf(tx, state.GetId())
	if err != nil {
		return err
	}
	t.State = state
	s := d.step(tx, t, "")
	for _, ce := range append(c.chain[:len(c.chain):len(c.chain)], c.event) {
		if _, ok := known[ce.ev.GetNumber()]; !ok {
			if _, err := s.keepEvent(ce); err != nil {
				return err
			}
		}
		if err := s.keep(ce.ev, ce.contents, have); err != nil {
			return err
		}
	}
	if err := s.feedEvent(s.theirs(c.event), c.event.ev); err != nil {
		return err
	}
	s.delivered(s.now)
	return s.save()
}

// keepEvent stores a peer's event as it came.
func (s *step) keepEvent(ce *checkedEvent) (*store.Event, error) {
	e := s.theirs(ce)
	return e, s.tx.AppendEvent(e)
}

// theirs is a peer's event as it is kept.
func (s *step) theirs(ce *checkedEvent) *store.Event {
	return &store.Event{
		TicketID: ce.ev.GetTicketId(), Number: ce.ev.GetNumber(), Kind: ce.ev.GetKind(), Author: ce.ev.GetAuthor(),
		Hash: ce.hash, Bytes: ce.bytes, Proof: ce.proof,
		FromFuture: ce.ev.GetTime().AsTime().Sub(s.now) > maxAhead,
	}
}

// takeEvent applies an event of the holder at the origin.
func (d *Desk) takeEvent(tx store.Tx, peer string, ce *checkedEvent) error {
	t, err := tx.Ticket(ce.ev.GetTicketId())
	if errors.Is(err, store.ErrNotFound) {
		return &ticket.Violation{Reason: "CHAIN_BROKEN", Field: "ticketId", Message: "no such ticket here"}
	}
	if err != nil {
		return err
	}
	s := d.step(tx, t, "")
	if !s.isOrigin() {
		return &ticket.Violation{Reason: "PEN_MISUSED", Field: "origin", Message: "only an origin is sent events that are not offers"}
	}
	if ce.ev.GetNumber() <= t.State.GetLastNumber() {
		return s.takenBefore(ce)
	}
	if ce.ev.GetTime().AsTime().Sub(s.now) > maxAhead {
		d.log.Warn("an event of a peer is from the future: its clock or ours is wrong", slog.Any("peer", peer), slog.Any("ticket", t.State.GetId()), slog.Any("event", ce.ev.GetNumber()), slog.Any("time", ce.ev.GetTime().AsTime()))
	}
	if err := s.fold(ce.ev, ce.hash); err != nil {
		return err
	}
	e, err := s.keepEvent(ce)
	if err != nil {
		return err
	}
	if err := s.keep(ce.ev, ce.contents, nil); err != nil {
		return err
	}
	if err := s.feedEvent(e, ce.ev); err != nil {
		return err
	}
	if err := s.settleID(ce.ev.GetSettlesRequest()); err != nil {
		return err
	}
	if err := s.follow(peer, ce.ev.GetKind()); err != nil {
		return err
	}
	return s.save()
}

// takenBefore accepts an event again that is here already, and catches another one under its number.
func (s *step) takenBefore(ce *checkedEvent) error {
	events, err := s.tx.Events(ce.ev.GetTicketId(), ce.ev.GetNumber())
	if err != nil {
		return err
	}
	if len(events) == 0 || events[0].Number != ce.ev.GetNumber() || events[0].Hash != ce.hash {
		return equivocation(ce.ev.GetTicketId(), ce.ev.GetNumber())
	}
	return nil
}

// follow is what the origin's node does by itself on a holder's event.
func (s *step) follow(peer string, kind jieliv1.Event_Kind) error {
	switch kind {
	case jieliv1.Event_ACCEPTED:
		if err := s.dropRecall(codeAlreadyAccepted); err != nil {
			return err
		}
		return s.sendReporter(peer)
	case jieliv1.Event_RETURNED:
		if err := s.dropRecall(codeAlreadyDecided); err != nil {
			return err
		}
		return s.afterBack()
	case jieliv1.Event_ANSWERED, jieliv1.Event_WITHDRAWN:
		if err := s.dropRecall(codeAlreadyDecided); err != nil {
			return err
		}
		if kind == jieliv1.Event_ANSWERED && s.t.WithdrawRequest != "" {
			return s.withdrawNow() // too late: it says so
		}
	}
	return nil
}

// sendReporter puts the reporter's data into the outbox of the region that has accepted.
func (s *step) sendReporter(peer string) error {
	have, err := contentsOf(s.tx, s.t.State.GetId())
	if err != nil {
		return err
	}
	c, ok := have[contentKey{1, contentReporter}]
	if !ok || c.Absence != jieliv1.Content_PRESENT {
		return nil
	}
	_, err = s.tx.Enqueue(&store.OutboxRow{
		Peer: peer, Kind: store.OutboxContent, TicketID: s.t.State.GetId(), Number: 1, Name: contentReporter,
		Hash: ticket.ContentItemHash(s.t.State.GetId(), 1, c.Commitment), Time: s.now,
	})
	return err
}

// takeContent keeps reporter data that follows an acceptance; a region without the pen drops it.
func (d *Desk) takeContent(tx store.Tx, peer string, it *jieliv1.ContentItem) error {
	t, err := tx.Ticket(it.GetTicketId())
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	s := d.step(tx, t, "")
	if t.State.GetOrigin() != peer {
		return &ticket.Violation{Reason: "PEN_MISUSED", Field: "content", Message: "only the origin sends content by itself"}
	}
	have, err := contentsOf(tx, it.GetTicketId())
	if err != nil {
		return err
	}
	c, ok := have[contentKey{it.GetNumber(), it.GetContent().GetName()}]
	if !ok || c.Commitment != [32]byte(it.GetCommitment()) {
		return &ticket.Violation{Reason: "CONTENT_MISMATCH", Field: it.GetContent().GetName(), Message: "no event here commits to it"}
	}
	if it.GetContent().GetAbsence() != jieliv1.Content_PRESENT || c.Absence != jieliv1.Content_WITHHELD {
		return nil
	}
	if !s.hasPen() || s.t.State.GetState() == jieliv1.Ticket_OFFERED {
		d.log.Debug("dropped personal data of a ticket this region does not hold any more", slog.Any("peer", peer), slog.Any("ticket", it.GetTicketId()))
		return nil
	}
	sealed, err := d.cfg.Vault.Seal([]byte(it.GetTicketId()), it.GetContent().GetData())
	if err != nil {
		return fmt.Errorf("encrypt reporter: %w", err)
	}
	c.Absence, c.Random, c.Data = jieliv1.Content_PRESENT, it.GetContent().GetRandom(), sealed
	if err := tx.PutContent(c); err != nil {
		return err
	}
	if err := s.feed(&store.FeedRow{Kind: jieliv1.FeedEntry_REPORTER}); err != nil {
		return err
	}
	return s.save()
}
