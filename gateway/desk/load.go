package desk

import (
	"fmt"
	"slices"

	"google.golang.org/protobuf/proto"

	"github.com/jieli-gateway/jieli/gateway/store"
	jieliv1 "github.com/jieli-gateway/jieli/proto/jieli/v1"
)

// Load implements link.Tickets: the item an outbox row points at, with what may be told now.
func (d *Desk) Load(r store.Reader, row *store.OutboxRow) (*jieliv1.Item, error) {
	if row.Kind == store.OutboxContent {
		return d.loadContent(r, row)
	}
	events, err := chainTo(r, row)
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
		if item, err = eventItem(e, have); err != nil {
			return nil, err
		}
		chain = append(chain, item)
	}
	item.Chain = chain[:len(chain)-1]
	return &jieliv1.Item{Item: &jieliv1.Item_Event{Event: item}}, nil
}

// shortChain is up to where a chain is read whole rather than asked first whether it is needed.
const shortChain = 16

// chainTo reads the event a row points at and, where that is an offer, all before it: an offer carries the whole chain.
func chainTo(r store.Reader, row *store.OutboxRow) ([]*store.Event, error) {
	from := uint32(1)
	if row.Number > shortChain {
		from = row.Number
	}
	for {
		events, err := r.Events(row.TicketID, from)
		if err != nil {
			return nil, err
		}
		at := slices.IndexFunc(events, func(e *store.Event) bool { return e.Number == row.Number })
		switch {
		case at < 0:
			return nil, fmt.Errorf("event %d of ticket %s in outbox row %d: %w", row.Number, row.TicketID, row.Seq, store.ErrNotFound)
		case events[at].Kind != jieliv1.Event_OFFERED:
			return events[at : at+1], nil
		case from == 1:
			return events[:at+1], nil
		}
		from = 1
	}
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
