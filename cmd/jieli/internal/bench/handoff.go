package bench

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/jieli-gateway/jieli/cmd/jieli/internal/client"
	"github.com/jieli-gateway/jieli/cmd/jieli/internal/demo"
	jieliv1 "github.com/jieli-gateway/jieli/proto/jieli/v1"
)

// leastPayload is the size of a ticket at least, in bytes.
const leastPayload = 1536

// Handoff measures a whole hand-off: a client's submit call, durable at the sender, durable at the receiver, the receipt
// back, seen by watching the feed.
func Handoff(ctx context.Context, o Options) (report *Report, err error) {
	stand, err := demo.Up(ctx, o.Regions)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, stand.Down()) }()
	var node *NodeFigures
	if o.Tickets > 0 {
		if node, err = fill(ctx, stand, o); err != nil {
			return nil, err
		}
	}
	c := stand.Clients[0]
	arrivals := &arrivals{waiting: map[string]chan struct{}{}, early: map[string]bool{}}
	wctx, stop := context.WithCancel(ctx)
	watched := make(chan error, 1)
	go func() { watched <- arrivals.watch(wctx, c) }()
	defer func() {
		stop()
		err = errors.Join(err, <-watched)
	}()
	report = &Report{Name: "handoff", Machine: Machine(), PayloadBytes: proto.Size(sampleTicket(0, 0, "B-0-0-0")), Node: node}
	samples := make([]*sample, 0, len(o.Levels))
	report.Runs, err = o.levels(ctx, stand.PIDs(), func(n int) func(context.Context, int, int) error {
		done := newSample()
		samples = append(samples, done)
		return func(ctx context.Context, worker, i int) error {
			t := sampleTicket(worker, i, fmt.Sprintf("B-%d-%d-%d", n, worker, i)) // unique in the run
			res, err := c.Tickets.SubmitTicket(c.Signed(ctx), &jieliv1.SubmitTicketRequest{Ticket: t})
			if err != nil {
				return err
			}
			id := res.GetTicket().GetId()
			if err := arrivals.await(ctx, id); err != nil {
				return err
			}
			done.add(handed{id, t.GetExternalId(), worker, i})
			return nil
		}
	})
	if err != nil {
		return nil, err
	}
	if node != nil {
		if node.MemoryAfterMiB, err = memoryMiB(stand.PIDs()[0]); err != nil {
			return nil, err
		}
	}
	report.Verified, err = verifyHandoffs(ctx, stand, samples)
	return report, err
}

// verifyHandoffs reads back what was handed off: all of it is at the receiver, and a part of it is read whole.
func verifyHandoffs(ctx context.Context, stand *demo.Stand, samples []*sample) (verified int, err error) {
	from, to, all := stand.Clients[0], stand.Clients[1], uint64(0)
	for _, s := range samples {
		n, err := s.verify(ctx, from, to)
		if err != nil {
			return 0, err
		}
		verified, all = verified+n, all+uint64(s.all) // #nosec G115 -- a count
	}
	got, err := received(ctx, to)
	if err == nil && got != all {
		err = fmt.Errorf("receipts came for %d tickets, the receiver has %d", all, got)
	}
	return verified, err
}

// sampleTicket is a real-sized ticket for the Yangtze River Delta, taken in Beijing-Tianjin-Hebei.
// The same worker and number give the same words.
func sampleTicket(worker, i int, externalID string) *jieliv1.Ticket {
	r := rand.New(rand.NewPCG(uint64(worker), uint64(i))) // #nosec G404,G115 -- only to vary text
	return &jieliv1.Ticket{
		ExternalId: externalID, Type: jieliv1.Ticket_COMPLAINT, Category: "城乡建设", Title: words(r, 45),
		Description: words(r, leastPayload), Division: "320506", Address: "江苏省苏州市吴中区",
		Reporter: &jieliv1.Reporter{Name: "测试人", Phone: "19900000000"},
	}
}

// arrivals tells who waits for a ticket's receipt that it has come.
type arrivals struct {
	mu      sync.Mutex
	waiting map[string]chan struct{}
	early   map[string]bool
}

// watch follows the feed until ctx ends.
func (a *arrivals) watch(ctx context.Context, c *client.Client) error {
	stream, err := c.Events.WatchEvents(c.Signed(ctx), &jieliv1.WatchEventsRequest{})
	if err != nil {
		return err
	}
	for {
		e, err := stream.Recv()
		if err != nil {
			if status.Code(err) == codes.Canceled {
				return nil
			}
			return err
		}
		if e.GetKind() == jieliv1.FeedEntry_DELIVERED {
			a.arrived(e.GetTicketId())
		}
	}
}

func (a *arrivals) arrived(id string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if ch, ok := a.waiting[id]; ok {
		close(ch)
		delete(a.waiting, id)
		return
	}
	a.early[id] = true
}

func (a *arrivals) await(ctx context.Context, id string) error {
	a.mu.Lock()
	if a.early[id] {
		delete(a.early, id)
		a.mu.Unlock()
		return nil
	}
	ch := make(chan struct{})
	a.waiting[id] = ch
	a.mu.Unlock()
	select {
	case <-ch:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
