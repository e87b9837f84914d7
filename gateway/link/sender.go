package link

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/jieli-gateway/jieli/gateway/store"
	"github.com/jieli-gateway/jieli/gateway/ticket"
	jieliv1 "github.com/jieli-gateway/jieli/proto/jieli/v1"
)

// sender turns outbox rows and open requests into frames. It takes all that waits, never waits for more to come, and
// goes on while receipts are outstanding.
type sender struct {
	*stream
	next uint64   // sequence of the next row to send
	hash [32]byte // running hash before it
	// asked are the ids of requests sent on this stream.
	asked map[string]bool
	// held are requests that go once all rows up to barrier have gone: a request may speak of an event before it.
	held    []heldRequest
	barrier uint64
	// again says when to send open requests once more: an answer may have had to wait for something.
	again *time.Ticker
}

type heldRequest struct {
	id      string
	request *jieliv1.TicketRequest
}

// send pages through the outbox until the stream ends.
func (s *stream) send() error {
	o := &sender{
		stream: s, next: s.peer.GetReceived() + 1, hash: s.sent,
		asked: map[string]bool{}, again: time.NewTicker(askAgainEvery),
	}
	defer o.again.Stop()
	s.recheck.set()
	for s.ctx.Err() == nil {
		more, err := o.sendBatch(s.ctx)
		if err != nil {
			return err
		}
		o.sendHeld(s.ctx)
		if !o.wake(more) {
			continue
		}
		if err := o.readRequests(s.ctx); err != nil {
			return err
		}
	}
	return nil
}

// wake waits until there is something to do, or only looks when there is more to send already. It tells whether to
// look at open requests.
func (o *sender) wake(more bool) (requests bool) {
	if more {
		select {
		case <-o.link.ask:
			return true
		case <-o.recheck:
			return true
		default:
			return false
		}
	}
	select {
	case <-o.ctx.Done():
		return false
	case <-o.link.wake:
		return false
	case <-o.link.ask:
		return true
	case <-o.again.C:
		clear(o.asked)
		return true
	case <-o.recheck:
		return true
	}
}

// sendBatch sends one batch of what waits. more tells that there may be more already.
func (o *sender) sendBatch(ctx context.Context) (more bool, err error) {
	if err := o.window.wait(ctx); err != nil {
		return false, nil //nolint:nilerr // the stream has ended
	}
	b, size, err := o.readBatch(ctx)
	if err != nil || b == nil {
		return false, err
	}
	last := b.GetFirstSequence() + uint64(len(b.GetItems())) - 1
	o.handed.Store(max(o.handed.Load(), last))
	o.window.add(last, len(b.GetItems()), size)
	if err := o.hand(ctx, batchFrame(b)); err != nil {
		return false, nil //nolint:nilerr // the stream has ended
	}
	o.link.meters.sent(len(b.GetItems()), size)
	return true, nil
}

// readBatch builds a batch from the rows that wait; nil when none do.
func (o *sender) readBatch(ctx context.Context) (b *jieliv1.Batch, size int, err error) {
	peer := o.link.peer
	next, hash := o.next, o.hash
	err = o.store.View(ctx, func(r store.Reader) error {
		rows, err := r.Outbox(peer, next-1, MaxBatchItems)
		if err != nil || len(rows) == 0 {
			return err
		}
		before := hash
		b = &jieliv1.Batch{FirstSequence: next, RunningHash: before[:]}
		for _, row := range rows {
			if row.Seq != next {
				return fmt.Errorf("outbox of %s: row %d is missing", peer, next)
			}
			item, err := o.load(r, row)
			if err != nil {
				return err
			}
			n := proto.Size(item)
			if size > 0 && size+n > batchBytes {
				return nil
			}
			if n > maxItemBytes {
				return endingf(ReasonTooLarge, "item %d (event %d of ticket %s) has %d bytes, more than the %d a frame can carry",
					row.Seq, row.Number, row.TicketID, n, maxItemBytes).told()
			}
			b.Items = append(b.Items, item)
			size += n
			next, hash = next+1, ticket.RunningHash(hash, rowHash(row))
		}
		return nil
	})
	if err != nil {
		return nil, 0, err
	}
	o.next, o.hash = next, hash
	return b, size, nil
}

func (o *sender) load(r store.Reader, row *store.OutboxRow) (*jieliv1.Item, error) {
	if row.Kind == store.OutboxEmpty {
		return &jieliv1.Item{Item: &jieliv1.Item_Empty{Empty: &jieliv1.EmptyItem{}}}, nil
	}
	item, err := o.link.links.tickets.Load(r, row)
	if err != nil {
		return nil, fmt.Errorf("load item %d for %s: %w", row.Seq, row.Peer, err)
	}
	if item.GetItem() == nil {
		return nil, fmt.Errorf("load item %d for %s: there is none", row.Seq, row.Peer)
	}
	return item, nil
}

// readRequests looks for open requests that have not been sent on this stream.
func (o *sender) readRequests(ctx context.Context) error {
	if len(o.held) > 0 {
		return nil // they are read again when these have gone
	}
	var open []*store.Request
	err := o.store.View(ctx, func(r store.Reader) error {
		l, err := r.Link(o.link.peer)
		if err != nil {
			return err
		}
		o.barrier = l.LastSequence
		open, err = r.OpenRequests(o.link.peer, maxRequests)
		return err
	})
	if err != nil {
		return fmt.Errorf("read open requests to %s: %w", o.link.peer, err)
	}
	still := make(map[string]bool, len(open))
	for _, q := range open {
		still[q.ID] = true
		if o.asked[q.ID] {
			continue
		}
		m := new(jieliv1.TicketRequest)
		if err := proto.Unmarshal(q.Bytes, m); err != nil {
			o.asked[q.ID] = true
			o.link.log.Error("an open request cannot be read and is not sent", slog.String("request", q.ID), slog.Any("error", err))
			continue
		}
		o.held = append(o.held, heldRequest{q.ID, m})
	}
	for id := range o.asked {
		if !still[id] {
			delete(o.asked, id)
		}
	}
	return nil
}

// sendHeld sends the requests that have been read, once all earlier rows have gone, and has others looked for.
func (o *sender) sendHeld(ctx context.Context) {
	if len(o.held) == 0 || o.next <= o.barrier {
		return
	}
	for _, q := range o.held {
		if o.hand(ctx, requestFrame(q.request)) != nil {
			return // the stream has ended
		}
		o.asked[q.id] = true
	}
	o.held = nil
	o.recheck.set()
}
