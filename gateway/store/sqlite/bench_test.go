package sqlite

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/jieli-gateway/jieli/gateway/store"
	jieliv1 "github.com/jieli-gateway/jieli/proto/jieli/v1"
)

// signer costs what a real sealer does: a hash tree and one Ed25519 signature, with paths as long as the tree is high.
type signer struct {
	key ed25519.PrivateKey
}

func newSigner() signer { return signer{ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))} }

func (s signer) Seal(hashes [][32]byte) ([]*jieliv1.BatchProof, error) {
	var root [32]byte
	height := 0
	for n := len(hashes); n > 1; n = (n + 1) / 2 {
		height++
	}
	path := make([][]byte, height)
	for i := range path {
		path[i] = root[:]
	}
	for _, h := range hashes {
		root = sha256.Sum256(append(root[:], h[:]...))
		root = sha256.Sum256(append(root[:], h[:]...))
	}
	proofs := make([]*jieliv1.BatchProof, len(hashes))
	signature := ed25519.Sign(s.key, root[:])
	for i := range proofs {
		proofs[i] = &jieliv1.BatchProof{
			KeyId: "tianjin-2026-1", Root: root[:], Signature: signature, Size: uint32(len(hashes)), Index: uint32(i), Path: path,
		}
	}
	return proofs, nil
}

// handoff writes what a submitted ticket that is offered at once costs the origin: the ticket, two events, two contents,
// an outbox row, two feed rows and the request id.
func handoff(tx store.Tx, i int64, matter, reporter []byte) error {
	id := fmt.Sprintf("01934b2e-%04x-7000-8000-%012x", i>>16&0xffff, i)
	external := fmt.Sprintf("HL2026-%09d", i)
	if _, err := tx.TicketByExternalID("tianjin", external); err == nil {
		return fmt.Errorf("%s is there already", external)
	}
	n, err := tx.NextCounter("number/20261124")
	if err != nil {
		return err
	}
	now := timestamppb.New(time.UnixMilli(1_795_000_000_000 + i))
	t := &store.Ticket{
		Holder: "tianjin", QueryCode: "482913", Digest: make([]byte, 32),
		State: &jieliv1.TicketState{
			Id: id, Number: fmt.Sprintf("TJ-20261124-%06d-7", n), ExternalId: external, Origin: "tianjin", Pen: "suzhou",
			State: jieliv1.Ticket_OFFERED, LastNumber: 2, LastHash: make([]byte, 32), PenMove: 2, PenMoveAuthor: "tianjin",
			OfferNumber: 2, OfferHash: make([]byte, 32), OfferedTo: "suzhou", Round: 1, Type: jieliv1.Ticket_COMPLAINT,
			Service: "market.repair", Channel: jieliv1.Ticket_PHONE, Urgency: jieliv1.Ticket_NORMAL, Division: "320506",
			ReportedAt: now, CreateTime: now, UpdateTime: now,
			Hops: []*jieliv1.Hop{{Region: "suzhou", Round: 1, Event: 2, Basis: jieliv1.Offered_ROUTE, OfferTime: now}},
		},
	}
	for number := range uint32(2) {
		e := &store.Event{
			TicketID: id, Number: number + 1, Kind: jieliv1.Event_RECEIVED + jieliv1.Event_Kind(3*number), Author: "tianjin",
			Hash: sha256.Sum256([]byte(id)), Bytes: matter[:280], Actor: "system/operator",
		}
		if err := tx.AppendEvent(e); err != nil {
			return err
		}
		if err := tx.PutFeed(&store.FeedRow{Kind: jieliv1.FeedEntry_EVENT, TicketID: id, EventNumber: number + 1, State: t.State.State, Holder: "tianjin"}); err != nil {
			return err
		}
	}
	for name, data := range map[string][]byte{"matter": matter, "reporter": reporter} {
		if err := tx.PutContent(&store.Content{TicketID: id, Number: 1, Name: name, Random: make([]byte, 32), Data: data}); err != nil {
			return err
		}
	}
	if _, err := tx.Enqueue(&store.OutboxRow{Peer: "suzhou", Kind: store.OutboxEvent, TicketID: id, Number: 2, Time: now.AsTime()}); err != nil {
		return err
	}
	return tx.PutTicket(t)
}

// BenchmarkHandoffUpdate is one such update, synced, at 1, 16 and 128 writers.
func BenchmarkHandoffUpdate(b *testing.B) {
	matter, reporter := make([]byte, 1300), make([]byte, 180)
	for _, writers := range []int{1, 16, 128} {
		b.Run(fmt.Sprintf("writers=%d", writers), func(b *testing.B) {
			var commits atomic.Int64
			s, err := Open(b.Context(), Options{Dir: b.TempDir(), Sealer: newSigner(), OnCommit: func(store.Changes) { commits.Add(1) }})
			if err != nil {
				b.Fatal(err)
			}
			var next atomic.Int64
			var wg sync.WaitGroup
			b.ResetTimer()
			for range writers {
				wg.Go(func() {
					for i := next.Add(1); i <= int64(b.N); i = next.Add(1) {
						if err := s.Update(context.Background(), func(tx store.Tx) error { return handoff(tx, i, matter, reporter) }); err != nil {
							b.Error(err)
							return
						}
					}
				})
			}
			wg.Wait()
			b.StopTimer()
			usage, err := s.Usage()
			if err != nil {
				b.Fatal(err)
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "updates/s")
			b.ReportMetric(float64(b.N)/float64(commits.Load()), "updates/commit")
			b.ReportMetric(float64(usage.Bytes)/float64(b.N), "bytes/update")
			if err := s.Close(); err != nil {
				b.Fatal(err)
			}
		})
	}
}
