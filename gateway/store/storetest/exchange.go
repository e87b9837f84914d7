package storetest

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/jieli-gateway/jieli/gateway/store"
	jieliv1 "github.com/jieli-gateway/jieli/proto/jieli/v1"
)

func outboxRow(peer, ticketID string, number uint32) *store.OutboxRow {
	return &store.OutboxRow{
		Peer: peer, Kind: store.OutboxEvent, TicketID: ticketID, Number: number, Hash: [32]byte{byte(number)},
		Time: time.UnixMicro(1_700_000_000_000_001).UTC(),
	}
}

func outbox(t *testing.T, open Factory) {
	s := openStore(t, open, Options{})
	enqueue := func(r *store.OutboxRow, fail bool) (seq uint64) {
		t.Helper()
		err := s.Update(t.Context(), func(tx store.Tx) (err error) {
			if seq, err = tx.Enqueue(r); err == nil && fail {
				err = context.Canceled
			}
			return err
		})
		if (err != nil) != fail {
			t.Fatalf("enqueue: %v", err)
		}
		return seq
	}
	content := outboxRow("suzhou", "t1", 1)
	content.Kind, content.Name = store.OutboxContent, "reporter"
	equal(t, "sequences", []uint64{
		enqueue(outboxRow("suzhou", "t1", 1), false),
		enqueue(outboxRow("beijing", "t1", 1), false),
		enqueue(outboxRow("suzhou", "t2", 1), true),
		enqueue(content, false),
		enqueue(outboxRow("suzhou", "t2", 2), false),
	}, []uint64{1, 1, 2, 2, 3})

	view(t, s, func(r store.Reader) error {
		got, err := r.Outbox("suzhou", 0, 10)
		want := []store.OutboxRow{*outboxRow("suzhou", "t1", 1), *content, *outboxRow("suzhou", "t2", 2)}
		want[0].Seq, want[2].Seq = 1, 3
		equal(t, "outbox to suzhou", deref(got), want)
		page, err2 := r.Outbox("suzhou", 1, 1)
		equal(t, "a page of it", deref(page), want[1:2])
		none, err3 := r.Outbox("suzhou", 1<<64-1, 1)
		nobody, err4 := r.Outbox("nobody", 0, 1)
		equal(t, "beyond its end, and to nobody", len(none)+len(nobody), 0)
		row, err5 := r.OutboxRow("suzhou", "t2", 2)
		equal(t, "the row of an event", row, &want[2])
		_, err6 := r.OutboxRow("suzhou", "t2", 1)
		wantErr(t, "a row that was undone", err6, store.ErrNotFound)
		_, err6 = r.OutboxRow("beijing", "t2", 2)
		wantErr(t, "a row to another peer", err6, store.ErrNotFound)
		link, err7 := r.Link("suzhou")
		equal(t, "last sequence", link.LastSequence, 3)
		return all(err, err2, err3, err4, err5, err7)
	})
}

func emptyOutboxRow(t *testing.T, open Factory) {
	s := openStore(t, open, Options{})
	update(t, s, func(tx store.Tx) error {
		for n := range uint32(3) {
			if _, err := tx.Enqueue(outboxRow("suzhou", "t1", n+1)); err != nil {
				return err
			}
		}
		return nil
	})
	update(t, s, func(tx store.Tx) error { return tx.EmptyOutboxRow("suzhou", 2) })
	for _, c := range []struct {
		peer string
		seq  uint64
	}{{"suzhou", 4}, {"suzhou", 1<<64 - 1}, {"nobody", 1}} {
		err := s.Update(t.Context(), func(tx store.Tx) error { return tx.EmptyOutboxRow(c.peer, c.seq) })
		wantErr(t, fmt.Sprintf("row %d to %s", c.seq, c.peer), err, store.ErrNotFound)
	}
	view(t, s, func(r store.Reader) error {
		got, err := r.Outbox("suzhou", 1, 1)
		equal(t, "the emptied row", deref(got),
			[]store.OutboxRow{{Peer: "suzhou", Seq: 2, Kind: store.OutboxEmpty, Time: outboxRow("", "", 0).Time}})
		_, err2 := r.OutboxRow("suzhou", "t1", 2)
		wantErr(t, "the row of its event", err2, store.ErrNotFound)
		return err
	})
}

func links(t *testing.T, open Factory) {
	s := openStore(t, open, Options{})
	want := store.Link{
		Peer: "suzhou", LastSequence: 2, Acknowledged: 3, AcknowledgedHash: [32]byte{4}, PeerReceipt: 1<<64 - 1, SentMark: 6,
		Streaming: true, Received: 7, ReceivedHash: [32]byte{8}, ReceiptNumber: 9, PeerEpoch: "epoch",
		Fault: "PEER_RESTORED", FaultDetail: "in words", FaultTime: time.UnixMicro(10).UTC(),
	}
	update(t, s, func(tx store.Tx) error {
		if _, err := tx.Enqueue(outboxRow("suzhou", "t1", 1)); err != nil {
			return err
		}
		l := want
		l.LastSequence = 77 // not taken over
		if err := all(tx.PutLink(&l), tx.PutLink(&store.Link{Peer: "beijing"})); err != nil {
			return err
		}
		_, err := tx.Enqueue(outboxRow("suzhou", "t1", 2))
		inside, err2 := tx.Link("suzhou")
		equal(t, "inside the update", *inside, want)
		return all(err, err2)
	})
	view(t, s, func(r store.Reader) error {
		got, err := r.Link("suzhou")
		equal(t, "link", *got, want)
		none, err2 := r.Link("nobody")
		equal(t, "no link", *none, store.Link{Peer: "nobody"})
		both, err3 := r.Links()
		equal(t, "links", deref(both), []store.Link{{Peer: "beijing"}, want})
		return all(err, err2, err3)
	})
}

func receipts(t *testing.T, open Factory) {
	s := openStore(t, open, Options{})
	receipt := func(n uint64) *store.Receipt {
		return &store.Receipt{Peer: "suzhou", Number: n, FirstSequence: 10 * n, LastSequence: 10*n + 9, Bytes: fmt.Appendf(nil, "receipt %d", n)}
	}
	update(t, s, func(tx store.Tx) error {
		other := receipt(2)
		other.Peer = "beijing"
		return all(tx.PutReceipt(receipt(2)), tx.PutReceipt(receipt(1)), tx.PutReceipt(receipt(3)), tx.PutReceipt(other),
			tx.PutPeerReceipt(receipt(4)), tx.PutPeerReceipt(receipt(4)))
	})
	view(t, s, func(r store.Reader) error {
		got, err := r.Receipts("suzhou", 1, 5)
		equal(t, "receipts after 1", deref(got), []store.Receipt{*receipt(2), *receipt(3)})
		one, err2 := r.Receipts("suzhou", 0, 1)
		none, err3 := r.Receipts("suzhou", 1<<64-1, 1)
		equal(t, "the first, and after the last there can be", []int{len(one), len(none)}, []int{1, 0})
		return all(err, err2, err3)
	})
}

func requests(t *testing.T, open Factory) {
	s := openStore(t, open, Options{})
	request := func(id string, age int64) *store.Request {
		return &store.Request{
			ID: id, Peer: "suzhou", TicketID: "t1", Kind: jieliv1.TicketRequest_RECALL, Bytes: []byte("request"), Time: time.UnixMicro(100 - age).UTC(),
		}
	}
	settled := request("c", 5)
	settled.Settled, settled.Code, settled.Answer, settled.Bytes = true, "RELEASED", []byte("answer"), nil
	update(t, s, func(tx store.Tx) error {
		incoming, other := request("d", 9), request("e", 9)
		incoming.Incoming = true
		other.Peer = "beijing"
		return all(tx.PutRequest(request("a", 1)), tx.PutRequest(request("b", 2)), tx.PutRequest(request("z", 2)),
			tx.PutRequest(request("c", 5)), tx.PutRequest(incoming), tx.PutRequest(other))
	})
	update(t, s, func(tx store.Tx) error { return tx.PutRequest(settled) })
	view(t, s, func(r store.Reader) error {
		got, err := r.OpenRequests("suzhou", 10)
		equal(t, "open", deref(got), []store.Request{*request("b", 2), *request("z", 2), *request("a", 1)})
		one, err2 := r.OpenRequests("suzhou", 1)
		n, err3 := r.CountOpenRequests("suzhou")
		equal(t, "one of how many", []any{len(one), n}, []any{1, 3})
		c, err4 := r.Request("c")
		equal(t, "the settled one", c, settled)
		_, err5 := r.Request("nobody")
		wantErr(t, "an unknown one", err5, store.ErrNotFound)
		return all(err, err2, err3, err4)
	})
}

func decisions(t *testing.T, open Factory) {
	s := openStore(t, open, Options{})
	d := &store.Decision{TicketID: "t1", Number: 2, Hash: [32]byte{3}, Kind: jieliv1.Decision_REFUSED, Reason: "STALE_ROUTE", Bytes: []byte("signed")}
	update(t, s, func(tx store.Tx) error { return tx.PutDecision(d) })
	again := *d
	again.Kind = jieliv1.Decision_RELEASED
	wantErr(t, "another", s.Update(t.Context(), func(tx store.Tx) error { return tx.PutDecision(&again) }), store.ErrConflict)
	view(t, s, func(r store.Reader) error {
		got, err := r.Decision("t1", 2)
		equal(t, "decision", got, d)
		_, err2 := r.Decision("t1", 3)
		wantErr(t, "of another offer", err2, store.ErrNotFound)
		return err
	})
}

func answered(t *testing.T, open Factory) {
	s := openStore(t, open, Options{})
	a := &store.Answered{RequestID: "r1", Digest: [32]byte{1}, TicketID: "t1", Time: time.UnixMicro(5).UTC()}
	update(t, s, func(tx store.Tx) error { return tx.PutAnswered(a) })
	a.TicketID = "t2"
	update(t, s, func(tx store.Tx) error { return tx.PutAnswered(a) })
	view(t, s, func(r store.Reader) error {
		got, err := r.Answered("r1")
		equal(t, "answered", got, a)
		_, err2 := r.Answered("r2")
		wantErr(t, "an unknown one", err2, store.ErrNotFound)
		return err
	})
}

func evidence(t *testing.T, open Factory) {
	s := openStore(t, open, Options{})
	item := func(peer string, seq uint64, ticketID string) *store.Evidence {
		return &store.Evidence{Peer: peer, Seq: seq, TicketID: ticketID, Reason: "FORGED", Bytes: []byte("item"), Time: time.UnixMicro(1).UTC()}
	}
	update(t, s, func(tx store.Tx) error {
		return all(tx.PutEvidence(item("suzhou", 1<<64-1, "t1")), tx.PutEvidence(item("suzhou", 2, "t1")), tx.PutEvidence(item("suzhou", 3, "t2")),
			tx.PutEvidence(item("beijing", 2, "t1")), tx.PutEvidence(item("suzhou", 5, "t1")), tx.PutEvidence(item("suzhou", 2, "t1")))
	})
	update(t, s, func(tx store.Tx) error { return all(tx.DeleteEvidence("suzhou", 5), tx.DeleteEvidence("suzhou", 6)) })
	view(t, s, func(r store.Reader) error {
		got, err := r.Evidence("suzhou", "t1")
		equal(t, "evidence", deref(got), []store.Evidence{*item("suzhou", 2, "t1"), *item("suzhou", 1<<64-1, "t1")})
		return err
	})
}

func stopped(t *testing.T, open Factory) {
	s := openStore(t, open, Options{})
	row := func(peer, ticketID string) *store.StoppedTicket {
		return &store.StoppedTicket{Peer: peer, TicketID: ticketID, Reason: "CHAIN_BROKEN", ByPeer: true, Time: time.UnixMicro(1).UTC()}
	}
	update(t, s, func(tx store.Tx) error {
		return all(tx.PutStopped(row("suzhou", "t2")), tx.PutStopped(row("suzhou", "t1")), tx.PutStopped(row("beijing", "t1")),
			tx.PutStopped(row("suzhou", "t3")), tx.DeleteStopped("suzhou", "t3"), tx.DeleteStopped("suzhou", "t9"))
	})
	view(t, s, func(r store.Reader) error {
		every, err := r.Stopped("", 10)
		equal(t, "all", deref(every), []store.StoppedTicket{*row("beijing", "t1"), *row("suzhou", "t1"), *row("suzhou", "t2")})
		suzhou, err2 := r.Stopped("suzhou", 1)
		equal(t, "one with suzhou", deref(suzhou), []store.StoppedTicket{*row("suzhou", "t1")})
		return all(err, err2)
	})
}

func prune(t *testing.T, open Factory) {
	s := openStore(t, open, Options{})
	update(t, s, func(tx store.Tx) error {
		for i := range 10 {
			err := all(
				tx.PutAnswered(&store.Answered{RequestID: fmt.Sprintf("r%d", 9-i)}),
				tx.PutEvidence(&store.Evidence{Peer: "suzhou", Seq: uint64(100 - i), TicketID: "t1"}),
				tx.PutFeed(&store.FeedRow{TicketID: "t1"}),
			)
			if err != nil {
				return err
			}
		}
		// What is replaced keeps its age.
		return all(tx.PutAnswered(&store.Answered{RequestID: "r9", TicketID: "t1"}), tx.PutEvidence(&store.Evidence{Peer: "suzhou", Seq: 100, TicketID: "t1"}))
	})
	runPrune := func(b store.Bounds, limit int) (n int) {
		update(t, s, func(tx store.Tx) (err error) { n, err = tx.Prune(b, limit); return err })
		return n
	}
	bounds := store.Bounds{Answered: 8, Evidence: 4, Feed: 7}
	equal(t, "dropped", []int{
		runPrune(store.Bounds{}, 100), runPrune(bounds, 0), runPrune(bounds, 3), runPrune(bounds, 100), runPrune(bounds, 100),
	}, []int{0, 0, 3, 8, 0})
	view(t, s, func(r store.Reader) error {
		_, err := r.Answered("r9")
		wantErr(t, "the oldest request id", err, store.ErrNotFound)
		_, err = r.Answered("r8")
		wantErr(t, "the next", err, store.ErrNotFound)
		_, err = r.Answered("r7")
		kept, err2 := r.Evidence("suzhou", "t1")
		start, err3 := r.FeedStart()
		end, err4 := r.FeedEnd()
		equal(t, "evidence, feed start and end", []any{len(kept), kept[3].Seq, start, end}, []any{4, 94, 4, 10})
		return all(err, err2, err3, err4)
	})
	update(t, s, func(tx store.Tx) error {
		f := &store.FeedRow{TicketID: "t1"}
		err := tx.PutFeed(f)
		equal(t, "the next feed sequence", f.Seq, 11)
		return err
	})
}
