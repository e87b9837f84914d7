package storetest

import (
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/jieli-gateway/jieli/gateway/store"
	jieliv1 "github.com/jieli-gateway/jieli/proto/jieli/v1"
)

// names are what a dump asks about.
type names struct {
	tickets, peers, requests []string
	// times to filter by.
	times []time.Time
}

// dump asks a reader everything there is to ask and writes the answers down. Which events share a signature depends on
// the group they were in, so of proofs it says only whether they are there, and nothing inside updates, where events of
// the same group have none yet.
func dump(r store.Reader, n names) string {
	_, inside := r.(store.Tx)
	d := &dumper{}
	for _, id := range n.tickets {
		d.ticket("ticket "+id, r.Ticket)(id)
		d.ticket("number "+id, r.TicketByNumber)("N-" + id)
		for _, origin := range n.peers {
			d.ticket("external "+origin+" "+id, func(x string) (*store.Ticket, error) { return r.TicketByExternalID(origin, x) })("X-" + id)
		}
		events, err := r.Events(id, 0)
		for _, e := range events {
			c := *e
			c.Proof = nil
			d.add("event", fmt.Sprintf("%+v proof %t", c, e.Proof != nil || inside), nil)
		}
		later, err2 := r.Events(id, 3)
		d.add("events of "+id, len(later), errors.Join(err, err2))
		contents, err := r.Contents(id)
		d.add("contents of "+id, deref(contents), err)
		for number := range uint32(4) {
			decision, err := r.Decision(id, number)
			d.add("decision", decision, err)
			for _, peer := range n.peers {
				row, err := r.OutboxRow(peer, id, number)
				d.add("outbox row", row, err)
			}
		}
	}
	for _, peer := range n.peers {
		d.peer(r, peer, n)
	}
	for _, id := range n.requests {
		q, err := r.Request(id)
		d.add("request", q, err)
		a, err := r.Answered(id)
		d.add("answered", a, err)
	}
	d.lists(r, n)
	links, err := r.Links()
	d.add("links", deref(links), err)
	stopped, err := r.Stopped("", 100)
	d.add("stopped", deref(stopped), err)
	feed, err := r.Feed(0, 1000)
	d.add("feed", deref(feed), err)
	page, err := r.Feed(3, 2)
	d.add("feed after 3", deref(page), err)
	start, err := r.FeedStart()
	d.add("feed start", start, err)
	end, err := r.FeedEnd()
	d.add("feed end", end, err)
	counts, err := r.CountTickets()
	d.add("counts", counts, err)
	waiting, err := r.WaitingTickets("", 100)
	d.add("waiting", waiting, err)
	if len(waiting) > 0 {
		more, err := r.WaitingTickets(waiting[0], 1)
		d.add("waiting after", more, err)
	}
	return d.String()
}

type dumper struct {
	strings.Builder
}

// add writes one answer; of an error only its kind.
func (d *dumper) add(what string, answer any, err error) {
	kind := ""
	switch {
	case errors.Is(err, store.ErrNotFound):
		answer, kind = "", "not found"
	case errors.Is(err, store.ErrConflict):
		answer, kind = "", "conflict"
	case err != nil:
		answer, kind = "", err.Error()
	}
	fmt.Fprintf(d, "%s: %+v%s\n", what, answer, kind)
}

func (d *dumper) ticket(what string, find func(string) (*store.Ticket, error)) func(string) {
	return func(arg string) {
		t, err := find(arg)
		if err != nil {
			d.add(what, nil, err)
			return
		}
		d.add(what, printTicket(t), nil)
	}
}

func printTicket(t *store.Ticket) string {
	b, err := proto.MarshalOptions{Deterministic: true}.Marshal(t.State)
	if err != nil {
		return err.Error()
	}
	c := *t
	c.State = nil
	return fmt.Sprintf("%+v %s", c, hex.EncodeToString(b))
}

func (d *dumper) peer(r store.Reader, peer string, n names) {
	link, err := r.Link(peer)
	d.add("link", link, err)
	rows, err := r.Outbox(peer, 0, 1000)
	d.add("outbox", deref(rows), err)
	page, err := r.Outbox(peer, 2, 2)
	d.add("outbox after 2", deref(page), err)
	receipts, err := r.Receipts(peer, 1, 100)
	d.add("receipts", deref(receipts), err)
	open, err := r.OpenRequests(peer, 100)
	d.add("open requests", deref(open), err)
	count, err := r.CountOpenRequests(peer)
	d.add("how many", count, err)
	held, err := r.CountHeld(peer)
	d.add("held", held, err)
	stopped, err := r.Stopped(peer, 1)
	d.add("stopped", deref(stopped), err)
	for _, id := range n.tickets {
		evidence, err := r.Evidence(peer, id)
		d.add("evidence", deref(evidence), err)
	}
}

func (d *dumper) lists(r store.Reader, n names) {
	filters := []store.Filter{{}, {Origin: n.peers[0]}, {Service: "urban"}, {Division: "12"}, {ExternalID: "X-" + n.tickets[0]}}
	for _, at := range n.times {
		filters = append(filters, store.Filter{UpdatedAfter: at})
	}
	for _, peer := range n.peers {
		for _, state := range []jieliv1.Ticket_State{0, jieliv1.Ticket_UNROUTED, jieliv1.Ticket_CLOSED} {
			filters = append(filters,
				store.Filter{Holder: peer, State: state},
				store.Filter{Holder: peer, State: state, Division: "1201", Service: "urban.housing"})
		}
	}
	filters = append(filters,
		store.Filter{Light: jieliv1.Ticket_RED, At: time.Unix(5, 0)}, store.Filter{Light: jieliv1.Ticket_YELLOW, At: time.Unix(5, 0)},
		store.Filter{DueBefore: time.Unix(5, 0)}, store.Filter{TimerUntil: time.Unix(5, 0)}, store.Filter{Provisional: true})
	for i, f := range filters {
		for _, limit := range []int{1, 3, 1000} {
			first, err := r.ListTickets(f, 0, limit)
			d.add(fmt.Sprintf("list %d by %d", i, limit), printTickets(first), err)
			if len(first) > 0 {
				next, err := r.ListTickets(f, first[len(first)-1].Changed, limit)
				d.add(fmt.Sprintf("list %d by %d, next", i, limit), printTickets(next), err)
			}
		}
	}
}

func printTickets(tickets []*store.Ticket) []string {
	var printed []string
	for _, t := range tickets {
		printed = append(printed, printTicket(t))
	}
	return printed
}

// difference is the first line two dumps differ in; empty when they do not.
func difference(a, b string) string {
	if a == b {
		return ""
	}
	as, bs := strings.Split(a, "\n"), strings.Split(b, "\n")
	i := 0
	for i < min(len(as), len(bs))-1 && as[i] == bs[i] {
		i++
	}
	return strings.Join(slices.Concat([]string{"one: " + as[i]}, []string{"other: " + bs[i]}), "\n")
}
