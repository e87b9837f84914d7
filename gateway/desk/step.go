package desk

import (
	"fmt"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/jieli-gateway/jieli/gateway/store"
	"github.com/jieli-gateway/jieli/gateway/ticket"
	jieliv1 "github.com/jieli-gateway/jieli/proto/jieli/v1"
)

// step is one ticket under change within one transaction.
type step struct {
	d     *Desk
	tx    store.Tx
	table Table
	now   time.Time
	actor string
	t     *store.Ticket
	// What this step has added.
	events   []*store.Event
	contents map[contentKey]*store.Content
}

// step begins work on a stored ticket.
func (d *Desk) step(tx store.Tx, t *store.Ticket, actor string) *step {
	return &step{d: d, tx: tx, table: d.cfg.Registry.Table(), now: d.cfg.Now(), actor: actor, t: t}
}

// self is this region.
func (s *step) self() string { return s.d.cfg.Region }

// hasPen: this region may append the next event.
func (s *step) hasPen() bool { return s.t.State.GetPen() == s.self() }

// may tells whether this region may append an event of a kind now.
func (s *step) may(kind jieliv1.Event_Kind) bool {
	return ticket.Check(s.t.State, s.self(), kind) == nil
}

// isOrigin: this region took the call.
func (s *step) isOrigin() bool { return s.t.State.GetOrigin() == s.self() }

// append writes this region's next event with its content, folds it into the ticket, puts it into the feed and, where
// the other region must have it, into the outbox.
//
// Custody is a star: an origin sends only OFFERED, which carries the whole chain; any other region sends each of its
// events to the origin. What an origin does while it has the pen concerns nobody else yet.
func (s *step) append(body any, settles string, words ...words) error {
	return s.appendTo(s.t.State.GetId(), body, settles, words...)
}

// appendTo is append for a ticket that may have no event yet.
func (s *step) appendTo(id string, body any, settles string, words ...words) error {
	draft := ticket.Draft{Body: body, SettlesRequest: settles}
	for _, w := range words {
		c, err := w.commitment()
		if err != nil {
			return err
		}
		draft.Commitments = append(draft.Commitments, c)
	}
	ev, err := ticket.Next(s.t.State, id, s.self(), draft, s.now, s.table.Revision())
	if err != nil {
		return err
	}
	bytes, hash, err := ticket.Encode(ev)
	if err != nil {
		return err
	}
	if err := s.fold(ev, hash); err != nil {
		return err
	}
	e := &store.Event{
		TicketID: ev.GetTicketId(), Number: ev.GetNumber(), Kind: ev.GetKind(), Author: ev.GetAuthor(),
		Hash: hash, Bytes: bytes, Actor: s.actor,
	}
	if err := s.tx.AppendEvent(e); err != nil {
		return fmt.Errorf("append event %d: %w", ev.GetNumber(), err)
	}
	s.events = append(s.events, e)
	for i, w := range words {
		c := &store.Content{
			TicketID: ev.GetTicketId(), Number: ev.GetNumber(), Name: w.name,
			Commitment: [32]byte(draft.Commitments[i].GetHash()), Random: w.random, Data: w.stored,
		}
		if err := s.tx.PutContent(c); err != nil {
			return fmt.Errorf("keep content %s: %w", w.name, err)
		}
		if s.contents == nil {
			s.contents = map[contentKey]*store.Content{}
		}
		s.contents[contentKey{c.Number, c.Name}] = c
	}
	if err := s.enqueue(ev, hash); err != nil {
		return err
	}
	return s.feedEvent(e, ev)
}

// fold applies an event to the ticket's state.
func (s *step) fold(ev *jieliv1.Event, hash [32]byte) error {
	next, err := ticket.Apply(s.t.State, ev, hash)
	if err != nil {
		return err
	}
	s.t.State = next
	return nil
}

// enqueue puts an event of this region into the outbox of the region that must have it.
func (s *step) enqueue(ev *jieliv1.Event, hash [32]byte) error {
	to := s.t.State.GetOrigin()
	if s.isOrigin() {
		if ev.GetKind() != jieliv1.Event_OFFERED {
			return nil
		}
		to = ev.GetOffered().GetTarget()
	}
	_, err := s.tx.Enqueue(&store.OutboxRow{
		Peer: to, Kind: store.OutboxEvent, TicketID: ev.GetTicketId(), Number: ev.GetNumber(),
		Hash: ticket.EventItemHash(hash), Time: s.now,
	})
	return err
}

// feedEvent adds a feed row for an event.
func (s *step) feedEvent(e *store.Event, ev *jieliv1.Event) error {
	return s.putFeed(&store.FeedRow{Kind: jieliv1.FeedEntry_EVENT, EventNumber: e.Number}, wordless(e, ev))
}

// feed adds a feed row that speaks of no event, or of an earlier one.
func (s *step) feed(f *store.FeedRow) error { return s.putFeed(f, nil) }

// putFeed adds a feed row with the ticket as it now is.
func (s *step) putFeed(f *store.FeedRow, rec *jieliv1.EventRecord) error {
	st := s.t.State
	f.TicketID, f.State, f.Holder = st.GetId(), st.GetState(), s.holder()
	f.AtHand = &atHand{number: st.GetNumber(), externalID: st.GetExternalId(), origin: st.GetOrigin(), record: rec}
	return s.tx.PutFeed(f)
}

// holder is the region answerable now, as this node sees it. While a recall is open the origin counts itself: the target
// may have let go already, and there must never be nobody.
func (s *step) holder() string {
	if s.t.RecallRequest != "" {
		return s.self()
	}
	return ticket.Holder(s.t.State, s.self(), s.t.Acknowledged)
}

// save writes the ticket.
func (s *step) save() error {
	s.t.Holder = s.holder()
	if s.t.State.GetProvisional() {
		s.redate()
	}
	s.schedule()
	return s.tx.PutTicket(s.t)
}

// words is content under way: plain for the commitment, stored for the store (encrypted where it must be).
type words struct {
	name   string
	random []byte
	plain  []byte
	stored []byte
}

func (w words) commitment() (*jieliv1.Commitment, error) {
	h, err := commit(w.random, w.plain)
	if err != nil {
		return nil, err
	}
	return &jieliv1.Commitment{Name: w.name, Hash: h[:]}, nil
}

// words prepares a content message; reporter data is encrypted for this ticket.
func (d *Desk) words(ticketID, name string, m proto.Message) (words, error) {
	plain, err := proto.MarshalOptions{Deterministic: true}.Marshal(m)
	if err != nil {
		return words{}, fmt.Errorf("encode content %s: %w", name, err)
	}
	random, err := d.random(32)
	if err != nil {
		return words{}, err
	}
	w := words{name: name, random: random, plain: plain, stored: plain}
	if name == contentReporter {
		if w.stored, err = d.cfg.Vault.Seal([]byte(ticketID), plain); err != nil {
			return words{}, fmt.Errorf("encrypt reporter: %w", err)
		}
	}
	return w, nil
}

// text prepares the words of a step; none when there is nothing to say.
func (d *Desk) text(ticketID, text, basis string) ([]words, error) {
	if text == "" && basis == "" {
		return nil, nil
	}
	w, err := d.words(ticketID, contentText, &jieliv1.Text{Text: text, LegalBasis: basis})
	if err != nil {
		return nil, err
	}
	return []words{w}, nil
}

func timestamp(t time.Time) *timestamppb.Timestamp {
	return timestamppb.New(t.Truncate(time.Millisecond))
}
