package link

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/jieli-gateway/jieli/gateway/store"
	"github.com/jieli-gateway/jieli/gateway/ticket"
	jieliv1 "github.com/jieli-gateway/jieli/proto/jieli/v1"
)

// onlyBeta starts beta alone; a test plays its peer alpha by hand.
func onlyBeta(t *testing.T, play func(t *testing.T, w *world, b *node)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(alpha, beta)
		b := w.nodes[beta]
		b.start(nil)
		defer w.stop()
		eventually(t, time.Second, "beta has begun", func() bool { return b.links.link(alpha) != nil })
		play(t, w, b)
	})
}

// arrive opens a stream as alpha and exchanges hellos, alpha having nothing.
func arrive(t *testing.T, w *world, edit func(*jieliv1.Hello)) *stranger {
	t.Helper()
	s := greet(t, w, edit)
	eventually(t, time.Second, "the stream is live", func() bool {
		k := w.nodes[beta].links.link(alpha).current()
		return k != nil && k.conn == s.w.accepted
	})
	return s
}

// greet exchanges hellos as alpha and agrees.
func greet(t *testing.T, w *world, edit func(*jieliv1.Hello)) *stranger {
	t.Helper()
	s := w.visit(t, alpha, beta)
	h := emptyHello(w, alpha)
	if edit != nil {
		edit(h)
	}
	s.send(helloFrame(h))
	if f := s.next(); f.GetHello() == nil {
		t.Fatalf("instead of a hello came %v", f)
	}
	s.send(keepaliveFrame(keepaliveOf(w)))
	return s
}

func keepaliveOf(w *world) *jieliv1.Keepalive {
	st := w.nodes[alpha].registry.Standing()
	return &jieliv1.Keepalive{Revision: st.Revision, StateHash: st.StateHash[:], Time: timestamppb.Now()}
}

// someBatch is a batch of items with what its running hash will be.
func someBatch(first uint64, before [32]byte, words ...string) (*jieliv1.Batch, [32]byte) {
	b := &jieliv1.Batch{FirstSequence: first, RunningHash: before[:]}
	hash := before
	for _, w := range words {
		item, h := testItem(alpha, w)
		b.Items = append(b.Items, item)
		hash = ticket.RunningHash(hash, h)
	}
	return b, hash
}

func TestHelloRules(t *testing.T) {
	old := "22222222-2222-4222-8222-222222222222"
	cases := []struct {
		name string
		edit func(*jieliv1.Hello)
		want string
	}{
		{"another federation", func(h *jieliv1.Hello) { h.ClusterId = old }, ReasonWrongCluster},
		{"in another's name", func(h *jieliv1.Hello) { h.Region = gamma }, ReasonProtocol},
		{"only newer versions", func(h *jieliv1.Hello) { h.VersionMin, h.VersionMax = 2, 3 }, ReasonVersion},
		{"no version at all", func(h *jieliv1.Hello) { h.VersionMin, h.VersionMax = 0, 0 }, ReasonVersion},
		{"a short hash", func(h *jieliv1.Hello) { h.ReceivedHash = h.ReceivedHash[:31] }, ReasonProtocol},
		{"no state hash", func(h *jieliv1.Hello) { h.StateHash = nil }, ReasonProtocol},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			onlyBeta(t, func(t *testing.T, w *world, b *node) {
				s := w.visit(t, alpha, beta)
				h := emptyHello(w, alpha)
				c.edit(h)
				s.send(helloFrame(h))
				if got := s.goodbye(); got != c.want {
					t.Errorf("goodbye says %q, want %q", got, c.want)
				}
				eventually(t, time.Second, "status says so", func() bool { return b.status(alpha).GetReason() == c.want })
			})
		})
	}
	t.Run("policy's floor", func(t *testing.T) {
		onlyBeta(t, func(t *testing.T, w *world, _ *node) {
			w.registry.change(func(r *testRegistry) { r.floor = 2 })
			s := w.visit(t, alpha, beta)
			s.send(helloFrame(emptyHello(w, alpha)))
			if got := s.goodbye(); got != ReasonVersion {
				t.Errorf("goodbye says %q, want VERSION", got)
			}
		})
	})
	t.Run("a range that overlaps", func(t *testing.T) {
		onlyBeta(t, func(t *testing.T, w *world, _ *node) {
			arrive(t, w, func(h *jieliv1.Hello) { h.VersionMin, h.VersionMax = 1, 7 }).conn.Close()
		})
	})
	t.Run("something before the hello", func(t *testing.T) {
		onlyBeta(t, func(t *testing.T, w *world, b *node) {
			s := w.visit(t, alpha, beta)
			batch, _ := someBatch(1, [32]byte{}, wordTake)
			s.send(batchFrame(batch))
			if got := s.goodbye(); got != ReasonProtocol {
				t.Errorf("goodbye says %q, want PROTOCOL", got)
			}
			if b.row(alpha).Received != 0 {
				t.Error("an item was taken without a hello")
			}
		})
	})
	t.Run("no hello for ten seconds", func(t *testing.T) {
		onlyBeta(t, func(t *testing.T, w *world, _ *node) {
			s, begun := w.visit(t, alpha, beta), time.Now()
			if f := s.next(); f != nil {
				t.Errorf("got %v", f)
			}
			if waited := time.Since(begun); waited != helloTimeout {
				t.Errorf("ended after %s, want %s", waited, helloTimeout)
			}
		})
	})
	t.Run("a hello from a stream the peer has given up is no restored store", func(t *testing.T) {
		onlyBeta(t, func(t *testing.T, w *world, b *node) {
			b.mustWrite(w.nodes[alpha], 1, wordTake)
			s := w.visit(t, alpha, beta)
			h := emptyHello(w, alpha)
			h.Received = 7
			s.send(helloFrame(h))
			s.next()
			s.conn.Close()
			<-time.After(time.Minute)
			if f := b.row(alpha).Fault; f != "" || len(w.alarms.all()) > 0 {
				t.Errorf("fault %q, alarms %v", f, w.alarms.all())
			}
		})
	})
}

func TestFramesThatBreakTheProtocol(t *testing.T) {
	batch := func(words ...string) *jieliv1.Batch {
		b, _ := someBatch(1, [32]byte{}, words...)
		return b
	}
	with := func(b *jieliv1.Batch, edit func(*jieliv1.Batch)) *jieliv1.Frame {
		edit(b)
		return batchFrame(b)
	}
	cases := []struct {
		name  string
		frame *jieliv1.Frame
		want  string
	}{
		{"a second hello", helloFrame(&jieliv1.Hello{}), ReasonProtocol},
		{"a batch of nothing", batchFrame(batch()), ReasonProtocol},
		{"a batch of too many", batchFrame(batch(make([]string, MaxBatchItems+1)...)), ReasonProtocol},
		{"a gap", with(batch(wordTake), func(b *jieliv1.Batch) { b.FirstSequence = 2 }), ReasonProtocol},
		{"a far gap", with(batch(wordTake), func(b *jieliv1.Batch) { b.FirstSequence = 1 << 63 }), ReasonProtocol},
		{"no sequence", with(batch(wordTake), func(b *jieliv1.Batch) { b.FirstSequence = 0 }), ReasonProtocol},
		{"no running hash", with(batch(wordTake), func(b *jieliv1.Batch) { b.RunningHash = nil }), ReasonProtocol},
		{"another running hash", with(batch(wordTake), func(b *jieliv1.Batch) { b.RunningHash = make([]byte, 32); b.RunningHash[0] = 1 }), ReasonPeerRestored},
		{"an item of no known kind", with(batch(wordTake), func(b *jieliv1.Batch) { b.Items[0].Item = nil }), ReasonProtocol},
		{"a keepalive without a hash", keepaliveFrame(&jieliv1.Keepalive{Number: 1}), ReasonProtocol},
		{"a receipt that cannot be read", receiptFrame(&jieliv1.SignedReceipt{Receipt: []byte{0xff}}), ReasonProtocol},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			onlyBeta(t, func(t *testing.T, w *world, b *node) {
				s := arrive(t, w, nil)
				s.send(c.frame)
				if got := s.goodbye(); got != c.want {
					t.Errorf("goodbye says %q, want %q", got, c.want)
				}
				if l := b.row(alpha); l.Received != 0 || l.ReceiptNumber != 0 {
					t.Errorf("it moved the cursor: %+v", l)
				}
				eventually(t, time.Second, "status says so", func() bool {
					st := b.status(alpha)
					return st.GetState() == StateStopped && st.GetReason() == c.want
				})
			})
		})
	}
}

// What comes again is dropped by its sequence, and still counts for the running hash.
func TestItemsThatComeAgain(t *testing.T) {
	onlyBeta(t, func(t *testing.T, w *world, b *node) {
		s := arrive(t, w, nil)
		first, hash := someBatch(1, [32]byte{}, wordTake, wordTake)
		s.send(batchFrame(first))
		if got := openTest(t, s.next().GetReceipt()); got.GetFirstSequence() != 1 || got.GetLastSequence() != 2 || [32]byte(got.GetRunningHash()) != hash {
			t.Fatalf("receipt: %v", got)
		}
		s.send(batchFrame(first)) // all of it known
		item, h := testItem(alpha, wordTake)
		longer := proto.CloneOf(first)
		longer.Items = append(longer.Items, item)
		s.send(batchFrame(longer)) // the last is new
		got := openTest(t, s.next().GetReceipt())
		if got.GetNumber() != 2 || got.GetFirstSequence() != 3 || got.GetLastSequence() != 3 || [32]byte(got.GetRunningHash()) != ticket.RunningHash(hash, h) {
			t.Fatalf("receipt: %v", got)
		}
		if took := len(b.happened(jieliv1.FeedEntry_EVENT, alpha)); took != 3 {
			t.Errorf("took %d items, want 3", took)
		}
		// Another item under a known sequence is not the same history.
		other, _ := testItem(alpha, wordTake)
		forged := proto.CloneOf(longer)
		forged.Items[1] = other
		more, _ := testItem(alpha, wordTake)
		forged.Items = append(forged.Items, more)
		s.send(batchFrame(forged))
		if got := s.goodbye(); got != ReasonPeerRestored {
			t.Errorf("goodbye says %q, want PEER_RESTORED", got)
		}
		if f := b.row(alpha).Fault; f != ReasonPeerRestored {
			t.Errorf("fault is %q, want PEER_RESTORED", f)
		}
	})
}

func openTest(t *testing.T, s *jieliv1.SignedReceipt) *jieliv1.Receipt {
	t.Helper()
	r := new(jieliv1.Receipt)
	if err := proto.Unmarshal(s.GetReceipt(), r); err != nil {
		t.Fatal(err)
	}
	return r
}

func TestReceiptRules(t *testing.T) {
	type play struct {
		w     *world
		b     *node
		items [][32]byte
	}
	good := func(p *play) *jieliv1.Receipt {
		hash := [32]byte{}
		for _, h := range p.items {
			hash = ticket.RunningHash(hash, h)
		}
		return &jieliv1.Receipt{
			Number: 1, ClusterId: testCluster, Region: alpha, Sender: beta, FirstSequence: 1, LastSequence: 3, RunningHash: hash[:], Time: timestamppb.Now(),
		}
	}
	cases := []struct {
		name string
		edit func(*jieliv1.Receipt)
		sign string // region whose key signs; empty: alpha
		want string
	}{
		{name: "a good one"},
		{name: "of another federation", edit: func(r *jieliv1.Receipt) { r.ClusterId = "x" }, want: ReasonProtocol},
		{name: "of another region", edit: func(r *jieliv1.Receipt) { r.Region = gamma }, want: ReasonProtocol},
		{name: "for another sender", edit: func(r *jieliv1.Receipt) { r.Sender = gamma }, want: ReasonProtocol},
		{name: "signed by another", sign: beta, want: ReasonProtocol},
		{name: "a number too many", edit: func(r *jieliv1.Receipt) { r.Number = 2 }, want: ReasonProtocol},
		{name: "no number", edit: func(r *jieliv1.Receipt) { r.Number = 0 }, want: ReasonProtocol},
		{name: "a gap", edit: func(r *jieliv1.Receipt) { r.FirstSequence = 2 }, want: ReasonProtocol},
		{name: "backwards", edit: func(r *jieliv1.Receipt) { r.FirstSequence, r.LastSequence = 3, 1 }, want: ReasonProtocol},
		{name: "for what was not sent", edit: func(r *jieliv1.Receipt) { r.LastSequence = 4 }, want: ReasonProtocol},
		{name: "for more than can be", edit: func(r *jieliv1.Receipt) { r.LastSequence = 1 << 62 }, want: ReasonProtocol},
		{name: "for other items", edit: func(r *jieliv1.Receipt) { r.RunningHash[5]++ }, want: ReasonProtocol},
		{name: "for nothing", edit: func(r *jieliv1.Receipt) { r.FirstSequence, r.LastSequence = 0, 0 }, want: ReasonProtocol},
		{name: "an unsigned refusal", edit: func(r *jieliv1.Receipt) { r.Refused = []*jieliv1.RefusedItem{{Sequence: 1}} }, want: ReasonProtocol},
		{name: "a refusal that does not hold", edit: func(r *jieliv1.Receipt) {
			r.Refused = []*jieliv1.RefusedItem{{Sequence: 1, Refusal: &jieliv1.SignedDecision{Decision: []byte("yes")}}}
		}, want: ReasonProtocol},
		{name: "a refusal of what it does not cover", edit: func(r *jieliv1.Receipt) {
			r.Refused = []*jieliv1.RefusedItem{{Sequence: 4, Refusal: &jieliv1.SignedDecision{Decision: []byte("no")}}}
		}, want: ReasonProtocol},
		{name: "refused and stopped", edit: func(r *jieliv1.Receipt) {
			r.Refused = []*jieliv1.RefusedItem{{Sequence: 2, Refusal: &jieliv1.SignedDecision{Decision: []byte("no")}}}
			r.Stopped = []*jieliv1.StoppedItem{{Sequence: 2, Reason: "FORGED"}}
		}, want: ReasonProtocol},
		{name: "lifts what it covers", edit: func(r *jieliv1.Receipt) { r.Lifted = []uint64{2} }, want: ReasonProtocol},
		{name: "lifts what has no receipt", edit: func(r *jieliv1.Receipt) {
			r.FirstSequence, r.LastSequence, r.Lifted = 0, 0, []uint64{2}
		}, want: ReasonProtocol},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			onlyBeta(t, func(t *testing.T, w *world, b *node) {
				p := &play{w: w, b: b}
				b.mustWrite(w.nodes[alpha], 3, wordTake)
				b.view(func(r store.Reader) error {
					rows, err := r.Outbox(alpha, 0, 10)
					for _, row := range rows {
						p.items = append(p.items, rowHash(row))
					}
					return err
				})
				s := arrive(t, w, nil)
				if n := len(s.next().GetBatch().GetItems()); n != 3 {
					t.Fatalf("a batch of %d items, want 3", n)
				}
				r := good(p)
				if c.edit != nil {
					c.edit(r)
				}
				signer := w.nodes[alpha].signer
				if c.sign != "" {
					signer = w.nodes[c.sign].signer
				}
				signed, _, err := signReceipt(signer, r)
				if err != nil {
					t.Fatal(err)
				}
				s.send(receiptFrame(signed))
				if c.want == "" {
					s.send(receiptFrame(signed)) // the same again is ignored
					eventually(t, time.Second, "it counts", func() bool { return b.row(alpha).Acknowledged == 3 })
					return
				}
				if got := s.goodbye(); got != c.want {
					t.Errorf("goodbye says %q, want %q", got, c.want)
				}
				if l := b.row(alpha); l.Acknowledged != 0 || l.PeerReceipt != 0 {
					t.Errorf("it counted: %+v", l)
				}
			})
		})
	}
}

// A receipt that breaks a rule takes nothing with it of what came before in the same transaction.
func TestBreachKeepsWhatCameBefore(t *testing.T) {
	onlyBeta(t, func(t *testing.T, w *world, b *node) {
		b.mustWrite(w.nodes[alpha], 1, wordTake)
		s := arrive(t, w, nil)
		s.next()
		hash := ticket.RunningHash([32]byte{}, b.firstHash(alpha))
		bad, _, err := signReceipt(w.nodes[alpha].signer, &jieliv1.Receipt{
			Number: 1, ClusterId: testCluster, Region: alpha, Sender: beta, FirstSequence: 1, LastSequence: 1, RunningHash: hash[:],
			Refused: []*jieliv1.RefusedItem{{Sequence: 1, Refusal: &jieliv1.SignedDecision{Decision: []byte("yes")}}},
		})
		if err != nil {
			t.Fatal(err)
		}
		k := b.links.link(alpha).current()
		batch, _ := someBatch(1, [32]byte{}, wordTake)
		checked, err := k.checkBatch(batch)
		if err != nil {
			t.Fatal(err)
		}
		// Straight into the committer, so that both are in one run.
		n, err := k.commitRun([]*arrival{{batch: checked}, {receipt: &arrivedReceipt{signed: bad}}})
		if n != 1 || err == nil {
			t.Errorf("dealt with %d arrivals, error %v", n, err)
		}
		if l := b.row(alpha); l.Received != 1 || l.Acknowledged != 0 {
			t.Errorf("the batch should be taken and the receipt not: %+v", l)
		}
		s.conn.Close()
	})
}

func (n *node) firstHash(peer string) (hash [32]byte) {
	n.view(func(r store.Reader) error {
		rows, err := r.Outbox(peer, 0, 1)
		hash = rowHash(rows[0])
		return err
	})
	return hash
}

// Stopped tickets stand still with all that follows; others go on; the operator lets them pass.
func TestStoppedTicketStandsStillUntilRetried(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(alpha, beta)
		w.start()
		defer w.stop()
		a, b := w.nodes[alpha], w.nodes[beta]
		a.mustWrite(b, 1, wordStop)
		a.mustWrite(b, 2, wordTake)
		w.quiet(t)
		if took := b.happened(jieliv1.FeedEntry_EVENT, alpha); len(took) != 2 {
			t.Fatalf("beta took %v, want the two of other tickets", took)
		}
		delivered := a.happened(jieliv1.FeedEntry_DELIVERED, beta)
		if len(delivered) != 4 || delivered[0][38:] != "CHAIN_BROKEN" || delivered[1][38:] != stoppedPredecessor || delivered[2][38:] != "" {
			t.Fatalf("alpha learnt %v", delivered)
		}
		stopped := b.status(alpha).GetStopped()
		if len(stopped) != 1 || stopped[0].GetReason() != "CHAIN_BROKEN" || stopped[0].GetByPeer() {
			t.Fatalf("beta shows %v", stopped)
		}
		id := stopped[0].GetTicketId()
		if n, reason, err := b.links.Retry(b.ctx, id); n != 0 || reason != "CHAIN_BROKEN" || err != nil {
			t.Errorf("retry while nothing has changed: %d, %q, %v", n, reason, err)
		}
		b.allow.Store(true)
		if n, reason, err := b.links.Retry(b.ctx, id); n != 2 || reason != "" || err != nil {
			t.Errorf("retry: %d, %q, %v", n, reason, err)
		}
		w.quiet(t)
		sameHistory(t, a, b)
		delivered = a.happened(jieliv1.FeedEntry_DELIVERED, beta)
		if len(delivered) != 6 || delivered[4][38:] != "lifted" || delivered[5][38:] != "lifted" {
			t.Errorf("alpha learnt %v", delivered)
		}
		if _, _, err := b.links.Retry(b.ctx, id); err == nil {
			t.Error("a ticket that does not stand still cannot be retried")
		}
	})
}

// A content item that the peer stops is shown at the sender, which the rules of tickets do not do.
func TestStoppedContentIsShown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(alpha, beta)
		w.start()
		defer w.stop()
		a, b := w.nodes[alpha], w.nodes[beta]
		id := newID()
		err := a.store.Update(a.ctx, func(tx store.Tx) error {
			_, err := tx.Enqueue(&store.OutboxRow{
				Peer: beta, Kind: store.OutboxContent, TicketID: id, Number: 3, Name: wordStop,
				Hash: ticket.ContentItemHash(id, 3, [32]byte{}), Time: time.Now(),
			})
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		w.quiet(t)
		if st := a.status(beta).GetStopped(); len(st) != 1 || !st[0].GetByPeer() || st[0].GetTicketId() != id {
			t.Errorf("alpha shows %v", st)
		}
		if _, _, err := a.links.Retry(a.ctx, id); err == nil {
			t.Error("what the peer stopped cannot be retried here")
		}
		if st := b.status(alpha).GetStopped(); len(st) != 1 || st[0].GetByPeer() {
			t.Errorf("beta shows %v", st)
		}
	})
}

// A peer that breaks the rules in one ticket after the other loses the link, not our memory.
func TestTooManyStoppedTickets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(alpha, beta)
		w.start()
		defer w.stop()
		a, b := w.nodes[alpha], w.nodes[beta]
		a.mustWrite(b, maxStopped+1, wordStop)
		eventually(t, time.Minute, "the link stops", func() bool { return b.status(alpha).GetReason() == ReasonTooManyStopped })
		if got := b.row(alpha).Received; got != 2*maxStopped {
			t.Errorf("beta's cursor is at %d, want %d", got, 2*maxStopped)
		}
		b.allow.Store(true)
		eventually(t, 5*time.Minute, "all is taken once the cause is mended", func() bool {
			_ = b.retryAll(alpha)
			b.allow.Store(true)
			return compareHistory(a, b) == ""
		})
	})
}

// What needs a newer registry waits for it, and nothing passes it.
func TestBehindWaitsForTheRegistry(t *testing.T) {
	onlyBeta(t, func(t *testing.T, w *world, b *node) {
		w.registry.change(func(*testRegistry) {})
		b.registry.lag.Store(1)
		s := arrive(t, w, nil)
		ev := &jieliv1.Event{TicketId: newID(), Number: 1, Author: alpha, RegistryRevision: w.nodes[alpha].registry.Standing().Revision}
		body, err := proto.Marshal(ev)
		if err != nil {
			t.Fatal(err)
		}
		first, _ := testItem(alpha, wordTake)
		last, _ := testItem(alpha, wordTake)
		needs := &jieliv1.Item{Item: &jieliv1.Item_Event{Event: &jieliv1.EventItem{Event: &jieliv1.SignedEvent{Event: body}}}}
		s.send(batchFrame(&jieliv1.Batch{FirstSequence: 1, RunningHash: make([]byte, 32), Items: []*jieliv1.Item{first, needs, last}}))
		eventually(t, time.Second, "the link says it is behind", func() bool { return b.status(alpha).GetState() == StateBehind })
		if got := b.row(alpha).Received; got != 1 {
			t.Errorf("cursor at %d, want 1: what came before is taken, what follows is not", got)
		}
		b.registry.lag.Store(0)
		w.registry.change(func(*testRegistry) {})
		eventually(t, time.Second, "all is taken", func() bool { return b.row(alpha).Received == 3 })
		if st := b.status(alpha); st.GetState() != StateUp {
			t.Errorf("status: %v", st)
		}
		s.conn.Close()
	})
}

func TestBehindForTooLongEndsTheStream(t *testing.T) {
	onlyBeta(t, func(t *testing.T, w *world, b *node) {
		b.registry.lag.Store(1)
		s := arrive(t, w, nil)
		signed, _, err := signReceipt(unknownSigner{w.nodes[alpha].signer}, &jieliv1.Receipt{
			Number: 1, ClusterId: testCluster, Region: alpha, Sender: beta, Lifted: []uint64{1}, Revision: w.nodes[alpha].registry.Standing().Revision,
		})
		if err != nil {
			t.Fatal(err)
		}
		s.send(receiptFrame(signed))
		begun := time.Now()
		stop := s.keepAlive(w)
		if got := s.goodbye(); got != ReasonBehind {
			t.Errorf("goodbye says %q, want BEHIND", got)
		}
		stop()
		if waited := time.Since(begun); waited != behindTimeout {
			t.Errorf("ended after %s, want %s", waited, behindTimeout)
		}
		if st := b.status(alpha); st.GetState() != StateBehind {
			t.Errorf("status: %v", st)
		}
	})
}

// unknownSigner signs with a key the registry does not know.
type unknownSigner struct{ Signer }

func (unknownSigner) KeyID() string { return "ffffffffffffffff" }

// keepAlive sends keepalives until it is stopped.
func (s *stranger) keepAlive(w *world) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		every := time.NewTicker(keepaliveEvery)
		defer every.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-s.w.closed:
				return
			case <-every.C:
				_ = s.conn.Send(keepaliveFrame(keepaliveOf(w)))
			}
		}
	}()
	return func() { cancel(); <-done }
}

// Requests go once all earlier rows have gone, are asked again while open, and are answered the same each time.
func TestRequests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(alpha, beta)
		a, b := w.nodes[alpha], w.nodes[beta]
		w.start()
		defer w.stop()
		a.mustWrite(b, 5, wordTake)
		if err := a.ask(beta, 3*maxRequests); err != nil {
			t.Fatal(err)
		}
		eventually(t, time.Second, "all are answered", func() bool { return isUp(a, beta)() && a.status(beta).GetOpenRequests() == 0 })
		if got := b.row(alpha).Received; got != 5 {
			t.Errorf("requests were answered before the items written first were taken: cursor at %d", got)
		}
	})
}

func TestRequestSettledByAnEventIsAskedAgainUntilItCame(t *testing.T) {
	onlyBeta(t, func(t *testing.T, w *world, b *node) {
		if err := b.ask(alpha, 1); err != nil {
			t.Fatal(err)
		}
		s := arrive(t, w, nil)
		stop := s.keepAlive(w)
		first := s.next().GetRequest()
		begun := time.Now()
		again := s.next().GetRequest()
		if !proto.Equal(first, again) || first == nil {
			t.Errorf("asked %v, then %v", first, again)
		}
		if waited := time.Since(begun).Round(time.Second); waited > askAgainEvery {
			t.Errorf("asked again after %s, want %s", waited, askAgainEvery)
		}
		s.send(answerFrame(&jieliv1.TicketRequestAnswer{Id: first.GetId(), Code: "NO_PEN"}))
		eventually(t, time.Second, "the answer settles it", func() bool { return b.status(alpha).GetOpenRequests() == 0 })
		stop()
		s.conn.Close()
	})
}

func TestAnswersNobodyReads(t *testing.T) {
	onlyBeta(t, func(t *testing.T, w *world, b *node) {
		s := arrive(t, w, nil)
		for i := range 2*maxAnswers + inboxFrames {
			r := &jieliv1.TicketRequest{Id: newID(), TicketId: newID(), Text: fmt.Sprint(i)}
			if s.conn.Send(requestFrame(r)) != nil {
				break
			}
		}
		eventually(t, 2*lingerTimeout, "the stream is ended: what waits for a peer is bounded", func() bool {
			return b.status(alpha).GetReason() == ReasonProtocol
		})
	})
}
