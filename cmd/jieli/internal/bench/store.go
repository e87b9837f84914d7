package bench

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"github.com/jieli-gateway/jieli/gateway/store"
	"github.com/jieli-gateway/jieli/gateway/store/sqlite"
	jieliv1 "github.com/jieli-gateway/jieli/proto/jieli/v1"
)

// Store measures durable updates of the ticket store: what one hand-off writes at its sender.
func Store(ctx context.Context, o Options) (report *Report, err error) {
	dir, err := os.MkdirTemp("", "jieli-bench-")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	s, err := sqlite.Open(ctx, sqlite.Options{Dir: dir, Sealer: noSeals{}})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	body := make([]byte, leastPayload)
	var count atomic.Uint64
	report = &Report{Name: "store", Machine: Machine(), PayloadBytes: leastPayload}
	report.Runs, err = o.levels(ctx, nil, func(int) func(context.Context, int, int) error {
		return func(ctx context.Context, _, _ int) error {
			id, err := uuid.NewV7()
			if err != nil {
				return err
			}
			return s.Update(ctx, func(tx store.Tx) error { return writeHandoff(tx, id.String(), count.Add(1), body) })
		}
	})
	if err != nil {
		return nil, err
	}
	report.Verified, err = verifyStore(ctx, s, count.Load())
	return report, err
}

// verifyStore counts what is in the store and looks at the events of a thousand tickets.
func verifyStore(ctx context.Context, s store.Store, written uint64) (verified int, err error) {
	return verified, s.View(ctx, func(r store.Reader) error {
		counts, err := r.CountTickets()
		if err != nil {
			return err
		}
		if n := counts[jieliv1.Ticket_OFFERED]; n != written {
			return fmt.Errorf("%d tickets were written, %d are in the store", written, n)
		}
		tickets, err := r.ListTickets(store.Filter{State: jieliv1.Ticket_OFFERED}, 0, 1000)
		if err != nil {
			return err
		}
		for _, t := range tickets {
			events, err := r.Events(t.State.GetId(), 1)
			if err != nil {
				return err
			}
			if len(events) != 2 || events[1].Proof == nil {
				return fmt.Errorf("ticket %s has not two signed events but %d", t.State.GetId(), len(events))
			}
			verified++
		}
		return nil
	})
}

// noSeals stands in for signatures, which are not the store's work.
type noSeals struct{}

func (noSeals) Seal(hashes [][32]byte) ([]*jieliv1.BatchProof, error) {
	proofs := make([]*jieliv1.BatchProof, len(hashes))
	for i := range proofs {
		proofs[i] = &jieliv1.BatchProof{KeyId: "0123456789abcdef", Root: hashes[i][:], Signature: make([]byte, 64), Size: 1}
	}
	return proofs, nil
}

func writeHandoff(tx store.Tx, id string, n uint64, body []byte) error {
	t := &store.Ticket{Holder: "a", State: &jieliv1.TicketState{
		Id: id, Number: fmt.Sprintf("BB-20261124-%06d-0", n), ExternalId: fmt.Sprint("B-", n), Origin: "a", Pen: "b",
		State: jieliv1.Ticket_OFFERED, Division: "320506", Service: "urban", LastNumber: 2,
	}}
	for number := uint32(1); number <= 2; number++ {
		e := &store.Event{TicketID: id, Number: number, Kind: jieliv1.Event_Kind(number), Author: "a", Bytes: body[:256]} // #nosec G115 -- 1 or 2
		e.Hash = sha256.Sum256(append([]byte(id), byte(number)))
		if err := tx.AppendEvent(e); err != nil {
			return err
		}
		if err := tx.PutFeed(&store.FeedRow{Kind: jieliv1.FeedEntry_EVENT, TicketID: id, EventNumber: number}); err != nil {
			return err
		}
	}
	for _, name := range []string{"matter", "reporter"} {
		if err := tx.PutContent(&store.Content{TicketID: id, Number: 1, Name: name, Random: body[:32], Data: body}); err != nil {
			return err
		}
		body = body[:128]
	}
	if _, err := tx.Enqueue(&store.OutboxRow{Peer: "b", Kind: store.OutboxEvent, TicketID: id, Number: 2, Time: time.Now()}); err != nil {
		return err
	}
	return tx.PutTicket(t)
}
