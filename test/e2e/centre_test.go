package e2e

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"

	jieliv1 "github.com/jieli-gateway/jieli/proto/jieli/v1"
)

// centre works on a node's feed as a vendor's system does: accepts what is offered, answers, closes; every entry may
// come twice and the node may go away at any time.
type centre struct {
	n     *node
	mu    sync.Mutex
	ended map[string]bool
}

// work follows the feed until ctx ends.
func (c *centre) work(ctx context.Context) error {
	group, gctx := errgroup.WithContext(ctx)
	group.SetLimit(8)
	signed := func() context.Context { return c.n.ctx() }
	for after := ""; gctx.Err() == nil; {
		var res *jieliv1.ListEventsResponse
		err := again(gctx, func() (err error) {
			call, cancel := context.WithCancel(signed())
			defer cancel()
			stop := context.AfterFunc(gctx, cancel)
			defer stop()
			res, err = c.n.events.ListEvents(call, &jieliv1.ListEventsRequest{After: after, Limit: 200, Wait: durationpb.New(feedWait)})
			return err
		})
		if err != nil {
			break
		}
		for _, e := range res.GetEntries() {
			group.Go(func() error { return c.act(gctx, e.GetTicketId()) })
		}
		after = res.GetNext()
	}
	if err := group.Wait(); err != nil && ctx.Err() == nil {
		return fmt.Errorf("centre of %s: %w", c.n.id, err)
	}
	return nil
}

const feedWait = 1e9 // a second

func (c *centre) act(ctx context.Context, id string) error {
	return again(ctx, func() error {
		t, err := c.n.tickets.GetTicket(c.n.ctx(), &jieliv1.GetTicketRequest{Id: id})
		if err != nil {
			return err
		}
		err = c.step(t)
		switch status.Code(err) {
		case codes.FailedPrecondition, codes.Aborted:
			return nil // it has moved on
		}
		return err
	})
}

func (c *centre) step(t *jieliv1.Ticket) error {
	ctx, region, tickets := c.n.ctx(), c.n.id.Region, c.n.tickets
	own, id, seen := t.GetOrigin() == region, t.GetId(), t.GetLastEvent()
	var err error
	switch t.GetState() {
	case jieliv1.Ticket_OFFERED:
		if !own {
			_, err = tickets.AcceptTicket(ctx, &jieliv1.AcceptTicketRequest{Id: id, RequestId: newID(), ExpectedEvent: seen})
		}
	case jieliv1.Ticket_RETURNED, jieliv1.Ticket_RECALLED, jieliv1.Ticket_ARBITRATION:
		if own {
			_, err = tickets.AcceptTicket(ctx, &jieliv1.AcceptTicketRequest{Id: id, RequestId: newID(), ExpectedEvent: seen})
		}
	case jieliv1.Ticket_ACCEPTED, jieliv1.Ticket_IN_PROGRESS:
		_, err = tickets.AnswerTicket(ctx, &jieliv1.AnswerTicketRequest{Id: id, RequestId: newID(), ExpectedEvent: seen, Text: "已处理。"})
	case jieliv1.Ticket_ANSWERED:
		if own {
			_, err = tickets.CloseTicket(ctx, &jieliv1.CloseTicketRequest{Id: id, RequestId: newID(), ExpectedEvent: seen})
		}
	case jieliv1.Ticket_CLOSED, jieliv1.Ticket_UNROUTED:
		if own {
			c.mu.Lock()
			c.ended[id] = true
			c.mu.Unlock()
		}
	}
	return err
}

func (c *centre) has(id string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.ended[id]
}

// complaint is a ticket of the tests' own.
func complaint(externalID, division string) *jieliv1.Ticket {
	return &jieliv1.Ticket{
		ExternalId: externalID, Type: jieliv1.Ticket_COMPLAINT, Title: "路灯不亮", Description: "小区门口路灯三天不亮。", Division: division,
		Reporter: &jieliv1.Reporter{Name: "测试人", Phone: "19900000000"},
	}
}

// submit takes a call at a node, however often the node goes away meanwhile.
func submit(ctx context.Context, n *node, t *jieliv1.Ticket) (*jieliv1.Ticket, error) {
	var res *jieliv1.SubmitTicketResponse
	err := again(ctx, func() (err error) {
		res, err = n.tickets.SubmitTicket(n.ctx(), &jieliv1.SubmitTicketRequest{Ticket: t})
		return err
	})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("submit %s at %s", t.GetExternalId(), n.id), err)
	}
	return res.GetTicket(), nil
}

func newID() string { return uuid.Must(uuid.NewV7()).String() }
