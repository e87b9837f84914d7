package storetest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/jieli-gateway/jieli/gateway/store"
	jieliv1 "github.com/jieli-gateway/jieli/proto/jieli/v1"
)

func events(t *testing.T, open Factory) {
	s := openStore(t, open, Options{Sealer: &Sealer{}})
	foreign := Event("t1", 3)
	foreign.Author, foreign.FromFuture, foreign.Kind = "suzhou", true, jieliv1.Event_ANSWERED
	foreign.Proof = &jieliv1.BatchProof{KeyId: "suzhou-1", Root: []byte("root"), Size: 7, Index: 3, Path: [][]byte{{1}, {2}}}
	update(t, s, func(tx store.Tx) error {
		return all(tx.AppendEvent(Event("t1", 2)), tx.AppendEvent(foreign), tx.AppendEvent(Event("t1", 1)), tx.AppendEvent(Event("t2", 1)))
	})
	view(t, s, func(r store.Reader) error {
		got, err := r.Events("t1", 1)
		if err != nil || len(got) != 3 {
			t.Fatalf("got %d events (%v), want 3", len(got), err)
		}
		for i, want := range []*store.Event{Event("t1", 1), Event("t1", 2), foreign} {
			if i < 2 && got[i].Proof.GetSize() != 3 {
				t.Errorf("event %d has proof %v, want one of three events", i+1, got[i].Proof)
			}
			if i == 2 && !proto.Equal(got[i].Proof, want.Proof) {
				t.Errorf("a peer's proof is now %v, was %v", got[i].Proof, want.Proof)
			}
			g, w := *got[i], *want
			g.Proof, w.Proof = nil, nil
			equal(t, fmt.Sprintf("event %d", i+1), g, w)
		}
		later, err := r.Events("t1", 3)
		none, err2 := r.Events("t9", 1)
		beyond, err3 := r.Events("t1", 1<<32-1)
		equal(t, "events from 3, of no ticket, from the end", []int{len(later), len(none), len(beyond)}, []int{1, 0, 0})
		return all(err, err2, err3)
	})
}

func eventConflicts(t *testing.T, open Factory) {
	s := openStore(t, open, Options{Sealer: &Sealer{}})
	signed := func(number uint32) *store.Event {
		e := Event("t1", number)
		e.Proof = &jieliv1.BatchProof{KeyId: "k"}
		return e
	}
	update(t, s, func(tx store.Tx) error {
		err := all(tx.PutTicket(Ticket("t1")), tx.AppendEvent(Event("t1", 1)), tx.AppendEvent(signed(2)), tx.AppendEvent(Event("t1", 5)))
		for _, e := range []*store.Event{Event("t1", 1), signed(1), Event("t1", 2), signed(2), Event("t1", 5)} {
			wantErr(t, fmt.Sprintf("event %d again in one update", e.Number), tx.AppendEvent(e), store.ErrConflict)
		}
		return err
	})
	for _, e := range []*store.Event{Event("t1", 1), signed(1), Event("t1", 2), signed(2), signed(5)} {
		err := s.Update(t.Context(), func(tx store.Tx) error { return tx.AppendEvent(e) })
		wantErr(t, fmt.Sprintf("event %d again", e.Number), err, store.ErrConflict)
	}
	update(t, s, func(tx store.Tx) error { return all(tx.AppendEvent(Event("t1", 3)), tx.AppendEvent(signed(4))) })
	view(t, s, func(r store.Reader) error {
		got, err := r.Events("t1", 0)
		equal(t, "events", len(got), 5)
		return err
	})
}

// sealing: the events under one root are exactly those of one commit, in order.
func sealing(t *testing.T, open Factory) {
	sealer := &Sealer{}
	s := openStore(t, open, Options{Sealer: sealer})
	const writers = 32
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			id := fmt.Sprintf("t%d", w)
			err := s.Update(t.Context(), func(tx store.Tx) error {
				return all(tx.PutTicket(Ticket(id)), tx.AppendEvent(Event(id, 1)), tx.AppendEvent(Event(id, 2)))
			})
			if err != nil {
				t.Errorf("writer %d: %v", w, err)
			}
		})
	}
	wg.Wait()
	members := map[string]map[uint32]bool{}
	view(t, s, func(r store.Reader) error {
		for w := range writers {
			events, err := r.Events(fmt.Sprintf("t%d", w), 1)
			if err != nil {
				return err
			}
			for _, e := range events {
				p := e.Proof
				if p == nil || string(p.GetPath()[0]) != string(e.Hash[:]) {
					t.Fatalf("event %d of %s has another event's proof: %v", e.Number, e.TicketID, p)
				}
				root := string(p.GetRoot())
				if members[root] == nil {
					members[root] = map[uint32]bool{}
				}
				if members[root][p.GetIndex()] || p.GetIndex() >= p.GetSize() {
					t.Fatalf("index %d of %d is used twice or too large", p.GetIndex(), p.GetSize())
				}
				members[root][p.GetIndex()] = true
			}
			if len(events) != 2 || string(events[0].Proof.GetRoot()) != string(events[1].Proof.GetRoot()) {
				t.Errorf("ticket t%d: the events of one update are under different roots", w)
			}
		}
		return nil
	})
	if len(members) != sealer.Calls() {
		t.Errorf("%d roots, %d signatures", len(members), sealer.Calls())
	}

	before := sealer.Calls()
	update(t, s, func(tx store.Tx) error { _, err := tx.NextCounter("c"); return err })
	if sealer.Calls() != before {
		t.Error("a commit without own events was signed")
	}
}

func sealingFails(t *testing.T, open Factory) {
	sealer := &Sealer{Err: errors.New("the key is gone")}
	s := openStore(t, open, Options{Sealer: sealer})
	err := s.Update(t.Context(), func(tx store.Tx) error {
		return all(tx.PutTicket(Ticket("t1")), tx.AppendEvent(Event("t1", 1)), tx.PutFeed(&store.FeedRow{TicketID: "t1"}))
	})
	wantErr(t, "the update", err, sealer.Err)
	sealer.Err = nil
	update(t, s, func(tx store.Tx) error {
		_, err := tx.Ticket("t1")
		wantErr(t, "the ticket", err, store.ErrNotFound)
		f := &store.FeedRow{TicketID: "t1"}
		err = all(tx.PutTicket(Ticket("t1")), tx.AppendEvent(Event("t1", 1)), tx.PutFeed(f))
		equal(t, "the first feed sequence", f.Seq, 1)
		return err
	})
}

func contents(t *testing.T, open Factory) {
	s := openStore(t, open, Options{})
	full := func(number uint32, name string) *store.Content {
		return &store.Content{
			TicketID: "t1", Number: number, Name: name, Commitment: [32]byte{byte(number)}, Random: []byte("random"), Data: []byte(name),
		}
	}
	erased := full(1, "reporter")
	erased.Random, erased.Data, erased.Absence = nil, nil, jieliv1.Content_ERASED
	update(t, s, func(tx store.Tx) error {
		return all(tx.PutContent(full(2, "text")), tx.PutContent(full(1, "reporter")), tx.PutContent(full(1, "matter")))
	})
	update(t, s, func(tx store.Tx) error { return tx.PutContent(erased) })
	view(t, s, func(r store.Reader) error {
		got, err := r.Contents("t1")
		equal(t, "contents", deref(got), []store.Content{*full(1, "matter"), *erased, *full(2, "text")})
		none, err2 := r.Contents("t2")
		equal(t, "contents of no ticket", len(none), 0)
		return all(err, err2)
	})
}

func deref[T any](pointers []*T) []T {
	values := make([]T, len(pointers))
	for i, p := range pointers {
		values[i] = *p
	}
	return values
}

func counters(t *testing.T, open Factory) {
	s := openStore(t, open, Options{})
	next := func(name string) (n uint64) {
		update(t, s, func(tx store.Tx) (err error) { n, err = tx.NextCounter(name); return err })
		return n
	}
	equal(t, "counters", []uint64{next("a"), next("a"), next("b"), next("a")}, []uint64{1, 2, 1, 3})
	_ = s.Update(t.Context(), func(tx store.Tx) error {
		_, err := tx.NextCounter("a")
		return all(err, context.Canceled)
	})
	equal(t, "after an update that failed", next("a"), 4)
}

func feed(t *testing.T, open Factory) {
	clock := NewClock()
	s := openStore(t, open, Options{Now: clock.Now})
	view(t, s, func(r store.Reader) error {
		end, err := r.FeedEnd()
		start, err2 := r.FeedStart()
		equal(t, "an empty feed", []int64{start, end}, []int64{0, 0})
		return all(err, err2)
	})
	var want []store.FeedRow
	for i := range 6 {
		f := &store.FeedRow{
			Kind: jieliv1.FeedEntry_EVENT, TicketID: fmt.Sprintf("t%d", i%2), EventNumber: uint32(i), State: jieliv1.Ticket_ACCEPTED,
			Holder: "tianjin", Reason: "R",
		}
		err := s.Update(t.Context(), func(tx store.Tx) error {
			if err := tx.PutFeed(f); err != nil || i%3 != 2 {
				return err
			}
			return context.Canceled
		})
		if i%3 == 2 {
			continue // failed: its sequence is given again
		}
		if err != nil {
			t.Fatal(err)
		}
		if !f.Time.Equal(clock.Now()) {
			t.Errorf("feed row at %v, want %v", f.Time, clock.Now())
		}
		want = append(want, *f)
	}
	for i, f := range want {
		equal(t, "sequence", f.Seq, i+1)
	}
	view(t, s, func(r store.Reader) error {
		got, err := r.Feed(0, 10)
		equal(t, "feed", deref(got), want)
		some, err2 := r.Feed(1, 2)
		equal(t, "feed after 1", deref(some), want[1:3])
		end, err3 := r.FeedEnd()
		equal(t, "end", end, 4)
		return all(err, err2, err3)
	})
}
