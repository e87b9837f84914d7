package desk

import (
	"fmt"

	"google.golang.org/protobuf/proto"

	"github.com/jieli-gateway/jieli/gateway/store"
	jieliv1 "github.com/jieli-gateway/jieli/proto/jieli/v1"
)

// Load implements link.Tickets: the item an outbox row points at, with what may be told now.
func (d *Desk) Load(r store.Reader, row *store.OutboxRow) (*jieliv1.Item, error) {
	if row.Kind == store.OutboxContent {
		return d.loadContent(r, row)
	}
	from := row.Number
	t, err := r.Ticket(row.TicketID)
	if err != nil {
		return nil, fmt.Errorf("ticket %s of outbox row %d: %w", row.TicketID, row.Seq, err)
	}
	if t.State.GetOrigin() == d.cfg.Region {
		from = 1 // an origin sends offers, and those carry the whole chain
	}
	events, err := r.Events(row.TicketID, from)
	if err != nil {
		return nil, err
	}
	have, err := contentsOf(r, row.TicketID)
	if err != nil {
		return nil, err
	}
	var item *jieliv1.EventItem
	var chain []*jieliv1.EventItem
	for _, e := range events {
		it, err := eventItem(e, have)
		if err != nil {
			return nil, err
		}
		if e.Number == row.Number {
			item = it
			break
		}
		chain = append(chain, it)
	}
	if item == nil {
		return nil, fmt.Errorf("event %d of ticket %s in outbox row %d: %w", row.Number, row.TicketID, row.Seq, store.ErrNotFound)
	}
	item.Chain = chain
	return &jieliv1.Item{Item: &jieliv1.Item_Event{Event: item}}, nil
}

// eventItem is an event as it travels: exact bytes, proof, content in order of commitments. Reporter data never
// travels with an event.
func eventItem(e *store.Event, have map[contentKey]*store.Content) (*jieliv1.EventItem, error) {
	if e.Proof == nil {
		return nil, fmt.Errorf("event %d of ticket %s has no proof", e.Number, e.TicketID)
	}
	var ev jieliv1.Event
	if err := proto.Unmarshal(e.Bytes, &ev); err != nil {
		return nil, fmt.Errorf("stored event %d of ticket %s cannot be read: %w", e.Number, e.TicketID, err)
	}
	it := &jieliv1.EventItem{Event: &jieliv1.SignedEvent{Event: e.Bytes, Proof: e.Proof}}
	for _, want := range ev.GetCommitments() {
		it.Contents = append(it.Contents, travelling(want.GetName(), have[contentKey{e.Number, want.GetName()}]))
	}
	return it, nil
}

func travelling(name string, c *store.Content) *jieliv1.Content {
	switch {
	case name == contentReporter:
		return &jieliv1.Content{Name: name, Absence: jieliv1.Content_WITHHELD}
	case c == nil || c.Absence != jieliv1.Content_PRESENT:
		return &jieliv1.Content{Name: name, Absence: jieliv1.Content_ERASED}
	}
	return &jieliv1.Content{Name: name, Random: c.Random, Data: c.Data}
}

// loadContent builds a content item; withheld when the peer no longer holds the ticket.
func (d *Desk) loadContent(r store.Reader, row *store.OutboxRow) (*jieliv1.Item, error) {
	have, err := contentsOf(r, row.TicketID)
	if err != nil {
		return nil, err
	}
	c, ok := have[contentKey{row.Number, row.Name}]
	if !ok {
		return nil, fmt.Errorf("content %s of ticket %s in outbox row %d: %w", row.Name, row.TicketID, row.Seq, store.ErrNotFound)
	}
	it := &jieliv1.ContentItem{
		TicketId: row.TicketID, Number: row.Number, Commitment: c.Commitment[:],
		Content: &jieliv1.Content{Name: row.Name, Absence: jieliv1.Content_WITHHELD},
	}
	t, err := r.Ticket(row.TicketID)
	if err != nil {
		return nil, err
	}
	if t.State.GetPen() == row.Peer && accepted(t.State.GetState()) && c.Absence == jieliv1.Content_PRESENT {
		data, err := d.cfg.Vault.Open([]byte(row.TicketID), c.Data)
		if err != nil {
			return nil, fmt.Errorf("open %s of ticket %s: %w", row.Name, row.TicketID, err)
		}
		it.Content = &jieliv1.Content{Name: row.Name, Random: c.Random, Data: data}
	}
	return &jieliv1.Item{Item: &jieliv1.Item_Content{Content: it}}, nil
}

func accepted(s jieliv1.Ticket_State) bool {
	return s == jieliv1.Ticket_ACCEPTED || s == jieliv1.Ticket_IN_PROGRESS
}
