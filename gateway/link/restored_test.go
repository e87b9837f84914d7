package link

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jieli-gateway/jieli/gateway/store"
	jieliv1 "github.com/jieli-gateway/jieli/proto/jieli/v1"
)

// Each case lets two regions exchange items, puts an old copy of one store back, and looks at both sides.
func TestCopiedBackStoreIsNoticed(t *testing.T) {
	plain := func(from, to *node, count int) { from.mustWrite(to, count, wordTake) }
	cases := []struct {
		name string
		// since happens between the copy and its return, after on the copy before anybody can hear of it.
		since func(whole, old *node)
		after func(whole, old *node)
	}{
		{name: "it lost items it gave receipts for", since: func(whole, old *node) { plain(whole, old, 3) }},
		{name: "it lost items the other has", since: func(whole, old *node) { plain(old, whole, 3) }},
		{
			name:  "it lost items and wrote others",
			since: func(whole, old *node) { plain(old, whole, 3) },
			after: func(whole, old *node) { plain(old, whole, 5) },
		},
		{name: "it lost both ways", since: func(whole, old *node) { plain(whole, old, 2); plain(old, whole, 2) }},
		{name: "it lost a receipt that only lifts", since: func(whole, old *node) {
			if err := old.retryAll(whole.region); err != nil {
				panic(err)
			}
		}},
	}
	for _, c := range cases {
		for _, region := range []string{alpha, beta} {
			t.Run(c.name+", "+region, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) { playCopiedBack(t, region, c.since, c.after) })
			})
		}
	}
}

func playCopiedBack(t *testing.T, region string, since, after func(whole, old *node)) {
	w := newWorld(alpha, beta)
	w.start()
	defer w.stop()
	whole, old := w.nodes[other(region)], w.nodes[region]
	whole.mustWrite(old, 5, wordTake)
	old.mustWrite(whole, 5, wordTake)
	whole.mustWrite(old, 1, wordStop)
	w.quiet(t)
	copied := old.store.Clone()
	since(whole, old)
	w.quiet(t)
	newest := old.store.Clone()

	w.network.setCut(alpha, beta, true)
	old.restore(copied)
	if after != nil {
		after(whole, old)
	}
	if old.links.Confirmed(whole.region) {
		t.Error("a node that has not heard from its peer since the start must not count it as confirmed")
	}
	w.network.setCut(alpha, beta, false)
	eventually(t, time.Minute, "both sides stop", func() bool {
		return whole.status(old.region).GetState() == StateStopped && old.status(whole.region).GetState() == StateStopped
	})
	if got := whole.row(old.region).Fault; got != ReasonPeerRestored {
		t.Errorf("the whole side notes %q, want PEER_RESTORED", got)
	}
	if got := old.row(whole.region).Fault; got != ReasonSelfRestored {
		t.Errorf("the restored side notes %q, want SELF_RESTORED", got)
	}
	if old.links.Confirmed(whole.region) || whole.links.Confirmed(old.region) {
		t.Error("sides whose histories differ must not count each other as confirmed")
	}
	if len(w.alarms.all()) == 0 {
		t.Error("nobody was alarmed")
	}

	// The newest copy is found and put back: all is well again, by itself.
	old.restore(newest)
	eventually(t, 2*time.Minute, "the link goes on once the store is whole", func() bool {
		return whole.status(old.region).GetState() == StateUp && old.status(whole.region).GetState() == StateUp
	})
	w.quiet(t)
	if err := old.retryAll(whole.region); err != nil {
		t.Error(err)
	}
	w.quiet(t)
	sameHistory(t, whole, old)
	sameHistory(t, old, whole)
}

// mustWrite writes items for a peer.
func (n *node) mustWrite(peer *node, count int, word string) {
	if err := n.write(peer.region, slices.Repeat([]string{word}, count)...); err != nil {
		panic(err)
	}
}

// quiet waits until everything has its receipt.
func (w *world) quiet(t *testing.T) {
	t.Helper()
	eventually(t, time.Minute, "everything has its receipt", func() bool {
		for _, n := range w.nodes {
			for _, m := range w.nodes {
				if l := n.row(m.region); n != m && (l.Acknowledged != l.LastSequence || m.row(n.region).ReceiptNumber != l.PeerReceipt) {
					return false
				}
			}
		}
		return true
	})
}

// A crash leaves what was streaming unknown: every row then counts as sent.
func TestAfterACrashEveryRowCountsAsSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(alpha, beta)
		w.start()
		defer w.stop()
		a := w.nodes[alpha]
		eventually(t, time.Second, "the link is up", func() bool { return a.status(beta).GetState() == StateUp })
		a.mustWrite(w.nodes[beta], 3, wordTake)
		w.quiet(t)
		if !a.row(beta).Streaming {
			t.Fatal("a live link must say that rows may be handed to it")
		}
		w.network.setCut(alpha, beta, true)
		a.mustWrite(w.nodes[beta], 2, wordTake)
		a.crash()
		eventually(t, time.Second, "the node has begun", func() bool { return !a.row(beta).Streaming })
		if l := a.row(beta); l.SentMark != 5 {
			t.Errorf("sent mark is %d after a crash with 5 rows, want 5", l.SentMark)
		}
		a.mustWrite(w.nodes[beta], 2, wordTake)
		if l := a.row(beta); l.SentMark != 5 || l.Streaming {
			t.Errorf("rows written without a stream count as sent: %+v", l)
		}
	})
}

// A stream that ends leaves the last sequence handed to it.
func TestEndOfAStreamMarksWhatWasSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(alpha, beta)
		w.start()
		defer w.stop()
		a := w.nodes[alpha]
		eventually(t, time.Second, "the link is up", func() bool { return a.status(beta).GetState() == StateUp })
		a.mustWrite(w.nodes[beta], 4, wordTake)
		w.quiet(t)
		w.network.setCut(alpha, beta, true)
		w.network.reset(alpha, beta)
		eventually(t, time.Second, "the end is written", func() bool { return !a.row(beta).Streaming })
		a.mustWrite(w.nodes[beta], 3, wordTake)
		if l := a.row(beta); l.SentMark != 4 || l.LastSequence != 7 {
			t.Errorf("sent mark %d of %d, want 4 of 7", l.SentMark, l.LastSequence)
		}
	})
}

func TestHistoryCompare(t *testing.T) {
	h := func(b byte) [32]byte { return [32]byte{b} }
	base := func() history {
		return history{
			link: &store.Link{
				LastSequence: 10, Acknowledged: 6, AcknowledgedHash: h(6), PeerReceipt: 3,
				Received: 20, ReceivedHash: h(20), ReceiptNumber: 4,
			},
			sent: h(8), sentKnown: true,
		}
	}
	matching := func() *testHello {
		return &testHello{last: 25, acknowledged: 20, acknowledgedHash: h(20), received: 8, receivedHash: h(8), receipt: 4}
	}
	cases := []struct {
		name string
		edit func(*history, *testHello)
		want string
	}{
		{"all agrees", func(*history, *testHello) {}, ""},
		{"the peer's receipts lag", func(_ *history, p *testHello) { p.acknowledged, p.receipt = 15, 3 }, ""},
		{"more received than written", func(_ *history, p *testHello) { p.received = 11 }, ReasonSelfRestored},
		{"more receipted than received here", func(_ *history, p *testHello) { p.acknowledged = 21 }, ReasonSelfRestored},
		{"a receipt never written here", func(_ *history, p *testHello) { p.receipt = 5 }, ReasonSelfRestored},
		{"rows missing here", func(k *history, _ *testHello) { k.sentKnown = false }, ReasonSelfRestored},
		{"less received than receipted", func(_ *history, p *testHello) { p.received = 5 }, ReasonPeerRestored},
		{"fewer written than received here", func(_ *history, p *testHello) { p.last = 19 }, ReasonPeerRestored},
		{"items written anew", func(_ *history, p *testHello) { p.receivedHash = h(99) }, ReasonSelfRestored},
		{"other items received than receipted", func(_ *history, p *testHello) { p.received, p.receivedHash = 6, h(99) }, ReasonPeerRestored},
		{"other items receipted", func(_ *history, p *testHello) { p.acknowledgedHash = h(99) }, ReasonPeerRestored},
		{"other items under an old receipt", func(k *history, p *testHello) {
			k.receipt = testReceipt(3, 11, 15, h(15))
			p.acknowledged, p.receipt, p.acknowledgedHash = 15, 3, h(99)
		}, ReasonPeerRestored},
		{"the same items under an old receipt", func(k *history, p *testHello) {
			k.receipt = testReceipt(3, 11, 15, h(15))
			p.acknowledged, p.receipt, p.acknowledgedHash = 15, 3, h(15)
		}, ""},
		{"plainly ours is the old copy, whatever else", func(_ *history, p *testHello) { p.received, p.last = 11, 3 }, ReasonSelfRestored},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			k, p := base(), matching()
			c.edit(&k, p)
			got := ""
			if d := k.compare(p.wire()); d != nil {
				got = d.reason
			}
			if got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

type testHello struct {
	last, acknowledged, received, receipt uint64
	acknowledgedHash, receivedHash        [32]byte
}

func (p *testHello) wire() *jieliv1.Hello {
	return &jieliv1.Hello{
		LastSequence: p.last, Acknowledged: p.acknowledged, AcknowledgedHash: p.acknowledgedHash[:],
		Received: p.received, ReceivedHash: p.receivedHash[:], Receipt: p.receipt,
	}
}

func testReceipt(number, first, last uint64, hash [32]byte) *jieliv1.Receipt {
	return &jieliv1.Receipt{Number: number, FirstSequence: first, LastSequence: last, RunningHash: hash[:]}
}
