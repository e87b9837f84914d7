package demo

import (
	"context"
	"fmt"

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
	s := b.count(p.wanted)
	s.Submitted, s.Refused = lines, p.refused
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

// count counts tickets by their own events; trial tickets are not counted. wanted are the ids that submissions were
// answered with.
func (b book) count(wanted map[string]bool) *Summary {
	s := &Summary{}
	for id := range wanted {
		if !b.atOrigin(id) {
			s.Lost++
		}
	}
	numbers := map[key]string{}
	for region, tickets := range b {
		for id, t := range tickets {
			if t.GetTest() {
				continue
			}
			k := key{t.GetOrigin(), t.GetExternalId()}
			if other, ok := numbers[k]; ok && k.externalID != "" && other != id {
				s.Duplicated++
			}
			numbers[k] = id
			if t.GetOrigin() == region {
				b.countOne(s, t)
			}
		}
	}
	return s
}

func (b book) atOrigin(id string) bool {
	for region, tickets := range b {
		if t := tickets[id]; t != nil && t.GetOrigin() == region {
			return true
		}
	}
	return false
}

// countOne counts a ticket by what its origin has of it, and compares that with every other region's.
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
		s.Diverted++
	case has[jieliv1.Event_OFFERED]:
		s.HandedOff++
		b.countHandOff(s, t)
	case t.GetState() == jieliv1.Ticket_UNROUTED:
		s.Unrouted++
	default:
		s.Local++
	}
	add(&s.Accepted, has[jieliv1.Event_ACCEPTED])
	add(&s.Returned, has[jieliv1.Event_RETURNED])
	add(&s.Answered, has[jieliv1.Event_ANSWERED])
	add(&s.Closed, t.GetState() == jieliv1.Ticket_CLOSED)
}

// countHandOff looks at each region an offer went to: the offer must be there, and what is there must be the beginning
// of what the origin has.
func (b book) countHandOff(s *Summary, t *jieliv1.Ticket) {
	delivered := true
	for _, hop := range t.GetHops() {
		there := b[hop.GetRegion()][t.GetId()]
		if there == nil || len(there.GetEvents()) < int(hop.GetEvent()) {
			if hop.GetOutcome() != jieliv1.Hop_REFUSED && hop.GetOutcome() != jieliv1.Hop_RECALLED {
				delivered = false
			}
			continue
		}
		if !prefix(there.GetEvents(), t.GetEvents()) {
			s.Divergent++
		}
	}
	if delivered {
		s.Delivered++
	} else {
		s.Lost++
	}
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
