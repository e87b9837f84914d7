package bench

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"

	"github.com/jieli-gateway/jieli/cmd/jieli/internal/client"
	jieliv1 "github.com/jieli-gateway/jieli/proto/jieli/v1"
)

// sampleSize is how many hand-offs of each level are read back whole at both ends.
const sampleSize = 100

// handed is a ticket whose receipt has come.
type handed struct {
	id, externalID string
	worker, i      int
}

// sample is a fair choice of the hand-offs of one level, and how many there were.
type sample struct {
	mu    sync.Mutex
	all   int
	kept  []handed
	spare *rand.Rand
}

func newSample() *sample {
	return &sample{spare: rand.New(rand.NewPCG(3, 5))} // #nosec G404 -- only to choose
}

// add counts a hand-off and keeps it, or one before it, so that each has the same chance.
func (s *sample) add(h handed) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all++
	if len(s.kept) < sampleSize {
		s.kept = append(s.kept, h)
		return
	}
	if at := s.spare.IntN(s.all); at < sampleSize {
		s.kept[at] = h
	}
}

// verify reads tickets at both ends: the same events there, and at the receiver the very words that were submitted.
func (s *sample) verify(ctx context.Context, from, to *client.Client) (int, error) {
	for _, h := range s.kept {
		ours, err := from.Tickets.GetTicket(from.Signed(ctx), &jieliv1.GetTicketRequest{Id: h.id})
		if err != nil {
			return 0, fmt.Errorf("read ticket %s at its sender: %w", h.id, err)
		}
		theirs, err := to.Tickets.GetTicket(to.Signed(ctx), &jieliv1.GetTicketRequest{Id: h.id})
		if err != nil {
			return 0, fmt.Errorf("read ticket %s at its receiver: %w", h.id, err)
		}
		if err := whole(ours, theirs, sampleTicket(h.worker, h.i, h.externalID)); err != nil {
			return 0, fmt.Errorf("ticket %s: %w", h.id, err)
		}
	}
	return len(s.kept), nil
}

// whole tells what is not as it was submitted, or not the same at both ends.
func whole(ours, theirs, submitted *jieliv1.Ticket) error {
	switch {
	case theirs.GetExternalId() != submitted.GetExternalId(), theirs.GetTitle() != submitted.GetTitle(),
		theirs.GetDescription() != submitted.GetDescription(), theirs.GetDivision() != submitted.GetDivision():
		return fmt.Errorf("the receiver has other words than were submitted")
	case ours.GetHolder() != theirs.GetHolder() || ours.GetState() != theirs.GetState():
		return fmt.Errorf("sender says %s at %s, receiver %s at %s", ours.GetState(), ours.GetHolder(), theirs.GetState(), theirs.GetHolder())
	case len(ours.GetEvents()) != len(theirs.GetEvents()):
		return fmt.Errorf("the sender has %d events, the receiver %d", len(ours.GetEvents()), len(theirs.GetEvents()))
	}
	for i, e := range ours.GetEvents() {
		if e.GetHash() != theirs.GetEvents()[i].GetHash() {
			return fmt.Errorf("event %d differs", e.GetNumber())
		}
	}
	return nil
}

// received counts the open offers a region has.
func received(ctx context.Context, c *client.Client) (uint64, error) {
	s, err := c.Status.GetStatus(c.Signed(ctx), &jieliv1.GetStatusRequest{})
	return s.GetStore().GetTickets()[jieliv1.Ticket_OFFERED.String()], err
}
