package telemetry

import (
	"context"
	"maps"
	"slices"

	"github.com/jieli-gateway/jieli/gateway/store"
	jieliv1 "github.com/jieli-gateway/jieli/proto/jieli/v1"
)

// Limits are the free space, in bytes, below which status warns and below which intake stops.
type Limits struct{ Soft, Hard int64 }

// AddStore reads the ticket store of a region. The store keeps the counts of tickets, so a scrape costs the same however
// many there are.
func (r *Readings) AddStore(region string, s store.Store, limits Limits) error {
	p := r.newPart("store")
	tickets := p.gauge("tickets", "Tickets on this node by state, test tickets left out.", "state")
	open := p.gauge("tickets_open", "Tickets this region is answerable for and that are not finished, test tickets among them.")
	waiting := p.gauge("tickets_waiting", "Tickets that wait for people of this region, test tickets left out.", "state")
	oldest := p.gauge("feed_oldest_sequence", "Sequence of the oldest entry of the event feed that is kept; 0 when there is none.")
	newest := p.gauge("feed_newest_sequence", "Sequence of the newest entry of the event feed; entries are numbered from 1.")
	size := p.gauge("store_size_bytes", "Size of the ticket store on disk, its write-ahead log included.")
	free := p.gauge("store_free_bytes", "Free space on the ticket store's file system.")
	limit := p.gauge("store_free_limit_bytes", "Free space below which status warns (soft) and intake stops (hard).", "limit")
	return p.add(func(ctx context.Context, to scrape) error {
		to.set(limit, float64(limits.Soft), "soft")
		to.set(limit, float64(limits.Hard), "hard")
		usage, err := s.Usage()
		if err != nil {
			return err
		}
		to.set(size, float64(usage.Bytes))
		to.set(free, float64(usage.Free))
		return s.View(ctx, func(reader store.Reader) error {
			counts, err := reader.CountTickets()
			if err != nil {
				return err
			}
			for _, state := range ticketStates() {
				to.set(tickets, float64(counts[state]), state.String())
			}
			forPeople, err := reader.CountWaiting(region)
			if err != nil {
				return err
			}
			for _, state := range ticketStates() {
				if store.ForPeople(state) {
					to.set(waiting, float64(forPeople[state]), state.String())
				}
			}
			held, err := reader.CountHeld(region)
			if err != nil {
				return err
			}
			to.set(open, float64(held))
			first, err := reader.FeedStart()
			if err != nil {
				return err
			}
			last, err := reader.FeedEnd()
			if err != nil {
				return err
			}
			to.set(oldest, float64(first))
			to.set(newest, float64(last))
			return nil
		})
	})
}

// ticketStates are all a ticket can be in, in order.
func ticketStates() []jieliv1.Ticket_State {
	states := make([]jieliv1.Ticket_State, 0, len(jieliv1.Ticket_State_name))
	for _, n := range slices.Sorted(maps.Keys(jieliv1.Ticket_State_name)) {
		if state := jieliv1.Ticket_State(n); state != jieliv1.Ticket_STATE_UNSPECIFIED {
			states = append(states, state)
		}
	}
	return states
}
