package storetest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/jieli-gateway/jieli/gateway/store"
	jieliv1 "github.com/jieli-gateway/jieli/proto/jieli/v1"
)

var errRefused = errors.New("refused")

// undo: of many updates at once every third fails, some before they write and some after.
func undo(t *testing.T, open Factory) {
	sealer := &Sealer{}
	s := openStore(t, open, Options{Sealer: sealer})
	const writers = 60
	var ready, wg sync.WaitGroup
	ready.Add(writers)
	for w := range writers {
		wg.Go(func() {
			id := fmt.Sprintf("t%02d", w)
			ready.Done()
			err := s.Update(t.Context(), func(tx store.Tx) error {
				ready.Wait() // so that the others are waiting to join the group
				if w%6 == 0 {
					return errRefused
				}
				if _, err := tx.NextCounter("c"); err != nil {
					return err
				}
				if _, err := tx.Enqueue(outboxRow("suzhou", id, 1)); err != nil {
					return err
				}
				err := all(tx.AppendEvent(Event(id, 1)), tx.PutTicket(Ticket(id)), tx.PutFeed(&store.FeedRow{TicketID: id}),
					tx.PutContent(&store.Content{TicketID: id, Number: 1, Name: "text", Data: []byte(id)}))
				if err == nil && w%6 == 3 {
					err = errRefused
				}
				return err
			})
			if failed := w%3 == 0; failed != errors.Is(err, errRefused) || !failed && err != nil {
				t.Errorf("writer %d: %v", w, err)
			}
		})
	}
	wg.Wait()
	const kept = writers / 3 * 2
	view(t, s, func(r store.Reader) error {
		for w := range writers {
			id := fmt.Sprintf("t%02d", w)
			_, err := r.Ticket(id)
			if errors.Is(err, store.ErrNotFound) != (w%3 == 0) {
				t.Errorf("ticket %s: %v", id, err)
			}
			events, err := r.Events(id, 0)
			contents, err2 := r.Contents(id)
			want := 1
			if w%3 == 0 {
				want = 0
			}
			equal(t, "events and contents of "+id, []int{len(events), len(contents)}, []int{want, want})
			if err := all(err, err2); err != nil {
				return err
			}
		}
		rows, err := r.Outbox("suzhou", 0, writers)
		feed, err2 := r.Feed(0, writers)
		counts, err3 := r.CountTickets()
		equal(t, "outbox, feed, tickets", []any{len(rows), len(feed), counts}, []any{kept, kept, map[jieliv1.Ticket_State]uint64{jieliv1.Ticket_ACCEPTED: kept}})
		for i, row := range rows {
			if row.Seq != uint64(i+1) || row.TicketID != feed[i].TicketID || feed[i].Seq != int64(i+1) {
				t.Errorf("row %d: outbox %d of %s, feed %d of %s", i+1, row.Seq, row.TicketID, feed[i].Seq, feed[i].TicketID)
			}
		}
		return all(err, err2, err3)
	})
	update(t, s, func(tx store.Tx) error {
		n, err := tx.NextCounter("c")
		equal(t, "the counter", n, kept+1)
		return err
	})
}

func readsOwnWrites(t *testing.T, open Factory) {
	s := openStore(t, open, Options{Sealer: &Sealer{}})
	update(t, s, func(tx store.Tx) error { return all(tx.PutTicket(Ticket("t1")), tx.AppendEvent(Event("t1", 1))) })
	update(t, s, func(tx store.Tx) error {
		// Rows may point at a ticket before there is one.
		_, err := tx.Enqueue(outboxRow("suzhou", "t2", 1))
		err = all(err, tx.AppendEvent(Event("t1", 2)), tx.AppendEvent(Event("t2", 1)), tx.PutFeed(&store.FeedRow{TicketID: "t2"}),
			tx.PutContent(&store.Content{TicketID: "t2", Number: 1, Name: "text"}))
		if err != nil {
			return err
		}
		one, err := tx.Events("t1", 1)
		two, err2 := tx.Events("t2", 1)
		rows, err3 := tx.Outbox("suzhou", 0, 9)
		row, err4 := tx.OutboxRow("suzhou", "t2", 1)
		feed, err5 := tx.Feed(0, 9)
		texts, err6 := tx.Contents("t2")
		if err := all(err, err2, err3, err4, err5, err6); err != nil {
			return err
		}
		equal(t, "read", []any{len(one), one[1].Number, one[1].Proof, len(two), rows[0].TicketID, row.TicketID, feed[0].TicketID, len(texts)},
			[]any{2, 2, (*jieliv1.BatchProof)(nil), 1, "t2", "t2", "t2", 1})
		_, err = tx.Ticket("t2")
		wantErr(t, "a ticket that is only pointed at", err, store.ErrNotFound)
		listed, err := tx.ListTickets(store.Filter{}, 0, 9)
		equal(t, "listed", ids(listed), []string{"t1"})
		return all(err, tx.PutTicket(Ticket("t2")))
	})
	view(t, s, func(r store.Reader) error {
		listed, err := r.ListTickets(store.Filter{}, 0, 9)
		equal(t, "listed", ids(listed), []string{"t1", "t2"})
		return err
	})
}

func panics(t *testing.T, open Factory) {
	s := openStore(t, open, Options{})
	func() {
		defer func() {
			if p := recover(); p == nil || !strings.Contains(fmt.Sprint(p), "broken rule") {
				t.Errorf("recovered %v, want the function's panic", p)
			}
		}()
		_ = s.Update(t.Context(), func(tx store.Tx) error {
			if err := tx.PutTicket(Ticket("t1")); err != nil {
				return err
			}
			panic("broken rule")
		})
	}()
	update(t, s, func(tx store.Tx) error {
		_, err := tx.Ticket("t1")
		wantErr(t, "the ticket", err, store.ErrNotFound)
		return nil
	})
}

func snapshot(t *testing.T, open Factory) {
	s := openStore(t, open, Options{})
	update(t, s, func(tx store.Tx) error { return tx.PutTicket(Ticket("t1")) })
	view(t, s, func(r store.Reader) error {
		before, err := r.ListTickets(store.Filter{}, 0, 9)
		if err != nil {
			return err
		}
		update(t, s, func(tx store.Tx) error { return tx.PutTicket(Ticket("t2")) })
		after, err := r.ListTickets(store.Filter{}, 0, 9)
		equal(t, "the view", ids(after), ids(before))
		return err
	})
	view(t, s, func(r store.Reader) error {
		now, err := r.ListTickets(store.Filter{}, 0, 9)
		equal(t, "the next view", ids(now), []string{"t1", "t2"})
		return err
	})
}

func changes(t *testing.T, open Factory) {
	var got []store.Changes // the writer's; read after Update has returned
	s := openStore(t, open, Options{OnCommit: func(c store.Changes) { got = append(got, c) }})
	update(t, s, func(tx store.Tx) error {
		_, err := tx.Enqueue(outboxRow("suzhou", "t1", 1))
		_, err2 := tx.Enqueue(outboxRow("suzhou", "t1", 2))
		_, err3 := tx.Enqueue(outboxRow("beijing", "t1", 1))
		return all(err, err2, err3)
	})
	row := &store.FeedRow{TicketID: "t1", AtHand: "at hand"}
	update(t, s, func(tx store.Tx) error { return tx.PutFeed(row) })
	update(t, s, func(tx store.Tx) error {
		return all(
			tx.PutRequest(&store.Request{ID: "r1", Peer: "suzhou", TicketID: "t1"}),
			tx.PutRequest(&store.Request{ID: "r2", Peer: "beijing", TicketID: "t1", Incoming: true}),
			tx.PutRequest(&store.Request{ID: "r3", Peer: "beijing", TicketID: "t1", Settled: true}),
		)
	})
	_ = s.Update(t.Context(), func(tx store.Tx) error { return all(tx.PutFeed(&store.FeedRow{TicketID: "t1"}), errRefused) })
	update(t, s, func(tx store.Tx) error { return tx.PutTicket(Ticket("t1")) }) // nobody waits for that
	if len(got) != 3 || len(got[1].Feed) != 1 {
		t.Fatalf("changes: %+v", got)
	}
	equal(t, "the feed row told of", *got[1].Feed[0], *row)
	got[1].Feed = nil
	equal(t, "changes", got, []store.Changes{{Peers: []string{"suzhou", "beijing"}}, {}, {Requests: []string{"suzhou"}}})
	view(t, s, func(r store.Reader) error {
		rows, err := r.Feed(0, 9)
		if err == nil && (len(rows) != 1 || rows[0].AtHand != nil) {
			t.Errorf("the feed has %+v; what was at hand is not stored", rows)
		}
		return err
	})
}

func contexts(t *testing.T, open Factory) {
	s := openStore(t, open, Options{})
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	nothing := func(store.Tx) error { t.Error("a function ran whose context had ended"); return nil }
	wantErr(t, "an update", s.Update(ended, nothing), context.Canceled)
	wantErr(t, "a view", s.View(ended, func(r store.Reader) error { _, err := r.FeedEnd(); return err }), context.Canceled)

	// One that waits behind another's long function.
	running, release, first := make(chan struct{}), make(chan struct{}), make(chan error)
	go func() {
		ctx, cancel := background()
		defer cancel()
		first <- s.Update(ctx, func(tx store.Tx) error {
			close(running)
			<-release
			return tx.PutTicket(Ticket("t1"))
		})
	}()
	<-running
	waits, cancelWait := context.WithCancel(t.Context())
	second := make(chan error)
	go func() { second <- s.Update(waits, nothing) }()
	cancelWait()
	wantErr(t, "an update that waited", <-second, context.Canceled)
	close(release)
	if err := <-first; err != nil {
		t.Errorf("the long update: %v", err)
	}
}

func over(t *testing.T, open Factory) {
	s := openStore(t, open, Options{})
	var leaked store.Tx
	update(t, s, func(tx store.Tx) error { leaked = tx; return tx.PutTicket(Ticket("t1")) })
	if err := leaked.PutTicket(Ticket("t2")); err == nil {
		t.Error("a write after its update had ended was taken")
	}
	dump(leaked, names{tickets: []string{"t1"}, peers: []string{"suzhou"}}) // whatever it reads, it does not panic
}

func closed(t *testing.T, open Factory) {
	s := openStore(t, open, Options{})
	epoch := s.Epoch()
	if len(epoch) != 36 {
		t.Errorf("epoch %q, want a UUID", epoch)
	}
	if err := s.Close(); err != nil {
		t.Fatalf("close: %v", err)
	}
	_, err := s.Usage()
	for name, err := range map[string]error{
		"update": s.Update(t.Context(), func(store.Tx) error { return nil }),
		"view":   s.View(t.Context(), func(store.Reader) error { return nil }),
		"usage":  err,
		"close":  s.Close(),
	} {
		wantErr(t, name, err, store.ErrClosed)
	}
	if s.Epoch() != epoch {
		t.Error("the epoch is gone")
	}
}

func usage(t *testing.T, open Factory) {
	s := openStore(t, open, Options{})
	update(t, s, func(tx store.Tx) error { return tx.PutTicket(Ticket("t1")) })
	u, err := s.Usage()
	if err != nil || u.Bytes < 0 || u.Free <= 0 {
		t.Errorf("usage %+v, %v", u, err)
	}
}

// concurrent: what each writer was told is kept, and readers always see whole updates.
func concurrent(t *testing.T, open Factory) {
	writers, each := 16, 40
	if Race {
		each = 4
	}
	s := openStore(t, open, Options{Sealer: &Sealer{}})
	var wg, readers sync.WaitGroup
	var stop atomic.Bool
	for range 3 {
		readers.Go(func() {
			for !stop.Load() {
				err := s.View(t.Context(), func(r store.Reader) error {
					end, err := r.FeedEnd()
					if err != nil || end == 0 {
						return err
					}
					rows, err := r.Feed(end-1, 5)
					if err != nil || len(rows) != 1 {
						return fmt.Errorf("after %d there are %d rows (%w)", end-1, len(rows), err)
					}
					events, err := r.Events(rows[0].TicketID, rows[0].EventNumber)
					if err != nil || len(events) == 0 || events[0].Proof == nil {
						return fmt.Errorf("feed row %d names event %d, found %d (%w)", end, rows[0].EventNumber, len(events), err)
					}
					return nil
				})
				if err != nil {
					t.Errorf("reader: %v", err)
					return
				}
			}
		})
	}
	for w := range writers {
		wg.Go(func() {
			id := fmt.Sprintf("t%d", w)
			for n := range uint32(each) {
				err := s.Update(t.Context(), func(tx store.Tx) error {
					return all(tx.AppendEvent(Event(id, n+1)), tx.PutTicket(Ticket(id)), tx.PutFeed(&store.FeedRow{TicketID: id, EventNumber: n + 1}))
				})
				if err != nil {
					t.Errorf("writer %d: %v", w, err)
					return
				}
			}
		})
	}
	wg.Wait()
	stop.Store(true)
	readers.Wait()
	view(t, s, func(r store.Reader) error {
		end, err := r.FeedEnd()
		equal(t, "feed rows", end, writers*each)
		for w := range writers {
			events, err := r.Events(fmt.Sprintf("t%d", w), 1)
			if err != nil {
				return err
			}
			equal(t, "events", len(events), each)
		}
		return err
	})
}
