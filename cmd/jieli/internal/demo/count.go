package demo

import (
	"context"
	"fmt"
	"maps"
	"slices"

	jieliv1 "github.com/jieli-gateway/jieli/proto/jieli/v1"
)

// Summary is what became of the complaints, counted by tickets from the regions' own APIs. Submitted, Refused and
// Diverted come from lines and answers; submitted = local + handedOff + unrouted + refused + diverted.
type Summary struct {
	Submitted  int     `json:"submitted"`
	Local      int     `json:"local"`
	HandedOff  int     `json:"handedOff"`
	Delivered  int     `json:"delivered"`
	Accepted   int     `json:"accepted"`
	Returned   int     `json:"returned"`
	Answered   int     `json:"answered"`
	Closed     int     `json:"closed"`
	Unrouted   int     `json:"unrouted"`
	Refused    int     `json:"refused"`
	Diverted   int     `json:"diverted"`
	Lost       int     `json:"lost"`
	Duplicated int     `json:"duplicated"`
	Divergent  int     `json:"divergent"`
	Seconds    float64 `json:"seconds"`
}

type row struct {
	key    string
	n      int
	en, zh string
}

func (r row) say(chinese bool) string {
	if chinese {
		return r.zh
	}
	return r.en
}

func (s *Summary) rows() []row {
	return []row{
		{"submitted", s.Submitted, "calls taken", "受理来电"},
		{"local", s.Local, "handled by the region that took the call", "首接区域自办"},
		{"handedOff", s.HandedOff, "offered to another region", "转办其他区域"},
		{"delivered", s.Delivered, "of these, durable there", "其中已送达"},
		{"accepted", s.Accepted, "signed for", "已签收"},
		{"returned", s.Returned, "returned at least once", "曾被退回"},
		{"answered", s.Answered, "answered", "已答复"},
		{"closed", s.Closed, "closed after follow-up", "回访办结"},
		{"unrouted", s.Unrouted, "nobody serves the place", "无承办区域"},
		{"refused", s.Refused, "not taken", "未受理"},
		{"diverted", s.Diverted, "told to call an emergency number", "引导拨打紧急电话"},
		{"lost", s.Lost, "missing where they must be", "丢失"},
		{"duplicated", s.Duplicated, "there twice", "重复"},
		{"divergent", s.Divergent, "told differently by two regions", "两地记录不一致"},
	}
}

// book is all tickets of all regions: region, then ticket id.
type book map[string]map[string]*jieliv1.Ticket

// count reads every region's tickets and counts.
func (p *day) count(ctx context.Context, lines int) (*Summary, error) {
	b := book{}
	for _, c := range p.d.centres {
		tickets, err := c.tickets(ctx)
		if err != nil {
			return nil, fmt.Errorf("read the tickets of %s: %w", c.id, err)
		}
		b[c.id] = tickets
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	s := b.count(p.taken)
	s.Submitted, s.Refused, s.Diverted = lines, p.refused, p.diverted
	return s, nil
}

// tickets reads all tickets of a region with their events.
func (c *centre) tickets(ctx context.Context) (map[string]*jieliv1.Ticket, error) {
	all := map[string]*jieliv1.Ticket{}
	req := &jieliv1.ListTicketsRequest{PageSize: 1000}
	for {
		res, err := c.client.Tickets.ListTickets(c.client.Signed(ctx), req)
		if err != nil {
			return nil, err
		}
		for _, t := range res.GetTickets() {
			full, err := c.client.Tickets.GetTicket(c.client.Signed(ctx), &jieliv1.GetTicketRequest{Id: t.GetId()})
			if err != nil {
				return nil, err
			}
			all[t.GetId()] = full
		}
		if req.PageToken = res.GetNextPageToken(); req.PageToken == "" {
			return all, nil
		}
	}
}

// count counts the tickets that submissions were answered with, by their own events; trial tickets are not counted, nor
// what an earlier play left in the same directory.
func (b book) count(taken map[string]bool) *Summary {
	s := &Summary{}
	for id := range taken {
		if !b.atOrigin(id) {
			s.Lost++
		}
	}
	for region, tickets := range b {
		for id, t := range tickets {
			if taken[id] && t.GetOrigin() == region && !t.GetTest() {
				b.countOne(s, t)
			}
		}
	}
	s.Duplicated += b.doubles(taken)
	return s
}

// doubles counts the ids beyond the first that a number of a taken ticket has, in any region.
func (b book) doubles(taken map[string]bool) int {
	ids := map[key]map[string]bool{}
	for _, tickets := range b {
		for id, t := range tickets {
			number := key{t.GetOrigin(), t.GetExternalId()}
			if number.externalID == "" || t.GetTest() {
				continue
			}
			if ids[number] == nil {
				ids[number] = map[string]bool{}
			}
			ids[number][id] = true
		}
	}
	more := 0
	for _, same := range ids {
		if len(same) > 1 && slices.ContainsFunc(slices.Collect(maps.Keys(same)), func(id string) bool { return taken[id] }) {
			more += len(same) - 1
		}
	}
	return more
}

func (b book) atOrigin(id string) bool {
	for region, tickets := range b {
		if t := tickets[id]; t != nil && t.GetOrigin() == region {
			return true
		}
	}
	return false
}

// countOne counts a ticket by what its origin has of it, and compares that with what every other region has. Accepted,
// returned and answered count tickets that have such an event, whoever wrote it; a diverted one was counted by its answer.
func (b book) countOne(s *Summary, t *jieliv1.Ticket) {
	has := map[jieliv1.Event_Kind]bool{}
	for _, e := range t.GetEvents() {
		has[e.GetKind()] = true
	}
	add := func(n *int, yes bool) {
		if yes {
			*n++
		}
	}
	switch {
	case has[jieliv1.Event_DIVERTED]:
	case has[jieliv1.Event_OFFERED]:
		s.HandedOff++
		add(&s.Delivered, b.delivered(t))
		add(&s.Lost, !b.delivered(t))
	case t.GetState() == jieliv1.Ticket_UNROUTED:
		s.Unrouted++
	default:
		s.Local++
	}
	add(&s.Accepted, has[jieliv1.Event_ACCEPTED])
	add(&s.Returned, has[jieliv1.Event_RETURNED])
	add(&s.Answered, has[jieliv1.Event_ANSWERED])
	add(&s.Closed, t.GetState() == jieliv1.Ticket_CLOSED)
	b.compare(s, t)
}

// delivered tells whether each region the ticket was offered to has that very offer. One that signed a refusal, or whose
// offer was recalled, need not have it.
func (b book) delivered(t *jieliv1.Ticket) bool {
	for _, hop := range t.GetHops() {
		if hop.GetOutcome() == jieliv1.Hop_REFUSED || hop.GetOutcome() == jieliv1.Hop_RECALLED {
			continue
		}
		there := b[hop.GetRegion()][t.GetId()].GetEvents()
		n := int(hop.GetEvent())
		if n < 1 || n > len(there) || n > len(t.GetEvents()) || there[n-1].GetHash() != t.GetEvents()[n-1].GetHash() {
			return false
		}
	}
	return true
}

// compare holds each other region's copy against the origin's: another first event is another ticket under the same id;
// else it must be the beginning of the origin's chain, and go at least as far as that region wrote itself.
func (b book) compare(s *Summary, t *jieliv1.Ticket) {
	divergent := false
	for region, tickets := range b {
		there := tickets[t.GetId()].GetEvents()
		switch {
		case region == t.GetOrigin() || len(there) == 0:
		case !prefix(there[:1], t.GetEvents()):
			s.Duplicated++
		case !prefix(there, t.GetEvents()) || len(there) < lastBy(t, region):
			divergent = true
		}
	}
	if divergent {
		s.Divergent++
	}
}

// lastBy is the number of the newest event a region wrote, 0 if it wrote none.
func lastBy(t *jieliv1.Ticket, region string) int {
	for i := len(t.GetEvents()) - 1; i >= 0; i-- {
		if t.GetEvents()[i].GetAuthor() == region {
			return i + 1
		}
	}
	return 0
}

// prefix tells whether one chain is the beginning of another, by hash.
func prefix(short, long []*jieliv1.EventRecord) bool {
	if len(short) > len(long) {
		return false
	}
	for i, e := range short {
		if e.GetHash() != long[i].GetHash() {
			return false
		}
	}
	return true
}
