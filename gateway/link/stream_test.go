package link

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/jieli-gateway/jieli/gateway/store"
	jieliv1 "github.com/jieli-gateway/jieli/proto/jieli/v1"
)

func isUp(n *node, peer string) func() bool {
	return func() bool { return n.status(peer).GetState() == StateUp }
}

// Both sides dial at once: one stream is left, and nobody calls it a failure.
func TestTwoStreamsThatCross(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(alpha, beta)
		w.network.delay.Store(int64(40 * time.Millisecond))
		w.start()
		defer w.stop()
		a, b := w.nodes[alpha], w.nodes[beta]
		eventually(t, 10*time.Second, "the link is up", func() bool { return isUp(a, beta)() && isUp(b, alpha)() })
		<-time.After(10 * time.Second)
		if k, m := a.links.link(beta).current(), b.links.link(alpha).current(); k == nil || m == nil || k.dialled == m.dialled {
			t.Error("the two sides should have kept the same stream")
		}
		if !isUp(a, beta)() || !isUp(b, alpha)() || len(w.alarms.all()) > 0 {
			t.Errorf("%v; %v; alarms %v", a.status(beta), b.status(alpha), w.alarms.all())
		}
		dials := w.network.dials[alpha] + w.network.dials[beta]
		<-time.After(time.Minute)
		if more := w.network.dials[alpha] + w.network.dials[beta]; more != dials || dials > 4 {
			t.Errorf("%d dials, %d a minute later: a side with a live stream does not dial", dials, more)
		}
	})
}

// A region that has lost a stream without the other's noticing gets a new one within seconds.
func TestDialledAnewWhileTheOldStreamSeemsAlive(t *testing.T) {
	for _, victim := range []string{alpha, beta} {
		t.Run(victim+" starts again", func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(alpha, beta)
				w.start()
				defer w.stop()
				v, o := w.nodes[victim], w.nodes[other(victim)]
				eventually(t, time.Second, "the link is up", func() bool { return isUp(v, o.region)() && isUp(o, victim)() })
				// The old connection is silent from now on, for both.
				w.network.newest().silent.Store(true)
				before := o.links.link(victim).current()
				v.links.link(o.region).current().stop(endingf(ReasonBroken, "test"))
				w.network.mu.Lock()
				w.network.wires = w.network.wires[:len(w.network.wires)-1]
				w.network.mu.Unlock()
				v.mustWrite(o, 1, wordTake)
				eventually(t, 20*time.Second, "the item arrives on a new stream", func() bool {
					return v.row(o.region).Acknowledged == 1 && o.links.link(victim).current() != before
				})
			})
		})
	}
}

func TestSilenceEndsAStream(t *testing.T) {
	onlyBeta(t, func(t *testing.T, w *world, b *node) {
		begun := time.Now()
		s := arrive(t, w, nil)
		for s.next() != nil {
			continue
		}
		if waited := time.Since(begun); waited < silenceTimeout || waited > silenceTimeout+2*watchEvery {
			t.Errorf("a silent peer was given up after %s, want %s", waited, silenceTimeout)
		}
		eventually(t, time.Second, "status says so", func() bool { return b.status(alpha).GetReason() == ReasonTimeout })
	})
}

// A peer that sends signs of life and takes nothing loses the stream.
func TestSendThatDoesNotProgress(t *testing.T) {
	onlyBeta(t, func(t *testing.T, w *world, b *node) {
		s := arrive(t, w, nil)
		stop := s.keepAlive(w)
		defer stop()
		for range 40 { // more than the wire holds
			b.mustWrite(w.nodes[alpha], 1, wordTake)
			synctest.Wait()
		}
		begun := time.Now()
		<-s.w.closed
		if waited := time.Since(begun); waited > sendTimeout+2*watchEvery {
			t.Errorf("it took %s to give up a peer that takes nothing, want %s", waited, sendTimeout)
		}
	})
}

// The window bounds what is under way; receipts open it.
func TestWindow(t *testing.T) {
	onlyBeta(t, func(t *testing.T, w *world, b *node) {
		b.mustWrite(w.nodes[alpha], windowItems+MaxBatchItems+10, wordTake)
		s := arrive(t, w, nil)
		stop := s.keepAlive(w)
		defer stop()
		got := 0
		for got < windowItems {
			got += len(s.next().GetBatch().GetItems())
		}
		more := make(chan *jieliv1.Batch)
		go func() { defer close(more); more <- s.next().GetBatch() }()
		select {
		case m := <-more:
			t.Fatalf("%d items were sent without a receipt, then %d more", got, len(m.GetItems()))
		case <-time.After(10 * time.Second):
		}
		signed, _, err := signReceipt(w.nodes[alpha].signer, w.receiptOf(b, alpha, 1, 1, uint64(got)))
		if err != nil {
			t.Fatal(err)
		}
		s.send(receiptFrame(signed))
		if m := <-more; len(m.GetItems()) == 0 {
			t.Error("a receipt did not open the window")
		}
		<-more
		s.conn.Close()
	})
}

// receiptOf is the receipt a peer would give for rows of a node.
func (w *world) receiptOf(n *node, peer string, number, first, last uint64) *jieliv1.Receipt {
	var hash [32]byte
	n.view(func(r store.Reader) error {
		l := &store.Link{Peer: peer, LastSequence: last}
		var err error
		hash, _, err = hashAt(r, l, last)
		return err
	})
	return &jieliv1.Receipt{
		Number: number, ClusterId: testCluster, Region: peer, Sender: n.region,
		FirstSequence: first, LastSequence: last, RunningHash: hash[:], Time: timestamppb.Now(),
	}
}

// A large batch is split, a single large item goes alone, and one too large for any frame stops the link and says so.
func TestBatchesKeepToTheirSize(t *testing.T) {
	onlyBeta(t, func(t *testing.T, w *world, b *node) {
		big := func(n int) string { return string(make([]byte, n)) }
		if err := b.write(alpha, big(batchBytes-1000), big(900), big(900), big(5<<20), wordTake, big(MaxFrameBytes)); err != nil {
			t.Fatal(err)
		}
		s := greet(t, w, nil)
		var sizes []int
		for {
			f := s.next()
			if g := f.GetGoodbye(); g != nil || f == nil {
				break
			}
			sizes = append(sizes, len(f.GetBatch().GetItems()))
		}
		if !slices.Equal(sizes, []int{1, 2, 1, 1}) && !slices.Equal(sizes, []int{2, 1, 1, 1}) {
			t.Errorf("batches of %v items", sizes)
		}
		s.conn.Close()
		eventually(t, time.Second, "status says so", func() bool { return b.status(alpha).GetReason() == ReasonTooLarge })
	})
}

func TestKeepaliveMeasures(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(alpha, beta)
		w.nodes[beta].skew = 7 * time.Second
		w.network.delay.Store(int64(20 * time.Millisecond))
		w.start()
		defer w.stop()
		a := w.nodes[alpha]
		eventually(t, 20*time.Second, "the round trip is measured", func() bool {
			return a.status(beta).GetRoundTrip().AsDuration() == 40*time.Millisecond
		})
		st := a.status(beta)
		if got := st.GetClockSkew().AsDuration(); got != 7*time.Second {
			t.Errorf("skew %s, want 7s", got)
		}
		if st.GetDutyPhone() != "12345" || !st.GetConfirmed() || st.GetLastSuccess() == nil {
			t.Errorf("status: %v", st)
		}
	})
}

func TestRegistriesThatDiffer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(alpha, beta)
		a, b := w.nodes[alpha], w.nodes[beta]
		w.start()
		defer w.stop()
		eventually(t, time.Second, "the tables are the same", func() bool { return a.links.SameTable(beta) && b.links.SameTable(alpha) })
		b.registry.lag.Store(1)
		w.registry.change(func(*testRegistry) {})
		eventually(t, 10*time.Second, "beta is behind, which is no difference", func() bool { return !a.links.SameTable(beta) })
		if a.links.Diverged(beta) || b.links.Diverged(alpha) {
			t.Error("a lower revision is no difference")
		}
		b.registry.other.Store(true)
		eventually(t, 10*time.Second, "alpha, with the higher revision, sees the difference", func() bool { return a.links.Diverged(beta) })
		b.registry.lag.Store(0)
		eventually(t, 10*time.Second, "both see it at one revision", func() bool { return b.links.Diverged(alpha) && a.links.Diverged(beta) })
		if st := a.status(beta); st.GetState() != StateUp || st.GetReason() != ReasonDiverged {
			t.Errorf("status: %v", st)
		}
		b.registry.other.Store(false)
		eventually(t, 10*time.Second, "they agree again", func() bool { return !b.links.Diverged(alpha) && !a.links.Diverged(beta) })
	})
}

func TestNotTaking(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(alpha, beta)
		w.start()
		defer w.stop()
		a, b := w.nodes[alpha], w.nodes[beta]
		eventually(t, time.Second, "the link is up", isUp(a, beta))
		b.links.SetNotTaking(NotTakingDisk)
		eventually(t, time.Second, "alpha is told at once", func() bool { return a.status(beta).GetReason() == ReasonPeerDisk && !a.links.Taking(beta) })
		b.links.SetNotTaking("")
		eventually(t, time.Second, "and of the end", func() bool { return a.status(beta).GetReason() == "" && a.links.Taking(beta) })
		a.mustWrite(b, 1, wordTake)
		w.quiet(t)
	})
}

// Who is not an active or suspended member has no stream, and loses the one it has.
func TestMembership(t *testing.T) {
	states := map[jieliv1.Region_State]string{
		jieliv1.Region_PENDING: ReasonPending, jieliv1.Region_REVOKED: ReasonRevoked, jieliv1.Region_RETIRED: ReasonRetired,
	}
	for state, want := range states {
		t.Run(want, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(alpha, beta)
				w.start()
				defer w.stop()
				a, b := w.nodes[alpha], w.nodes[beta]
				eventually(t, time.Second, "the link is up", func() bool { return isUp(a, beta)() && isUp(b, alpha)() })
				set := func(s jieliv1.Region_State) {
					w.registry.change(func(r *testRegistry) {
						m := r.members[beta]
						m.State = s
						r.members[beta] = m
					})
				}
				w.network.setCut(alpha, beta, true)
				a.mustWrite(b, 1, wordTake) // so that there is something to show
				set(state)
				eventually(t, time.Second, "the stream ends", func() bool {
					return a.links.link(beta).current() == nil && a.status(beta).GetReason() == want
				})
				if _, err := a.links.expected(beta); err == nil {
					t.Error("a stream of it would be let in")
				}
				w.network.setCut(alpha, beta, false)
				set(jieliv1.Region_SUSPENDED)
				eventually(t, 31*time.Second, "a suspended region finishes what it has", func() bool {
					return isUp(a, beta)() && a.row(beta).Acknowledged == 1
				})
				if got := a.status(beta).GetReason(); got != ReasonSuspended {
					t.Errorf("reason %q, want SUSPENDED", got)
				}
			})
		})
	}
	t.Run("no node that runs tickets", func(t *testing.T) {
		onlyBeta(t, func(t *testing.T, w *world, b *node) {
			w.registry.change(func(r *testRegistry) {
				m := r.members[alpha]
				m.Address, m.TicketsNode = "", ""
				r.members[alpha] = m
			})
			eventually(t, 31*time.Second, "status says so", func() bool { return b.status(alpha).GetReason() == ReasonNoAddress })
		})
	})
	t.Run("a new member", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(alpha, beta, gamma)
			joined := w.registry.members[gamma]
			delete(w.registry.members, gamma)
			w.start()
			defer w.stop()
			eventually(t, time.Second, "the link is up", isUp(w.nodes[alpha], beta))
			w.registry.change(func(r *testRegistry) { r.members[gamma] = joined })
			eventually(t, 31*time.Second, "it has links with both", func() bool {
				return isUp(w.nodes[gamma], alpha)() && isUp(w.nodes[gamma], beta)()
			})
		})
	})
}

// A peer that is away is tried again and again, never faster than every 50 ms, never slower than every 30 s; when its
// address changes, at once; when it comes back, it is heard at once.
func TestBackoff(t *testing.T) {
	onlyBeta(t, func(t *testing.T, w *world, b *node) {
		<-time.After(10 * time.Minute)
		w.network.mu.Lock()
		tries := w.network.dials[beta]
		w.network.mu.Unlock()
		if tries < 25 || tries > 60 {
			t.Errorf("%d tries in ten minutes", tries)
		}
		st := b.status(alpha)
		if st.GetState() != StateDown || st.GetReason() != ReasonRefused || st.GetNextTry() == nil {
			t.Errorf("status: %v", st)
		}
		if since := st.GetSince().AsTime(); time.Since(since) < 9*time.Minute {
			t.Errorf("down since %s only", since)
		}
		b.mustWrite(w.nodes[alpha], 2, wordTake)
		if st := b.status(alpha); st.GetBacklog() != 2 || st.GetOldest() == nil {
			t.Errorf("status: %v", st)
		}
		w.nodes[alpha].start(nil)
		eventually(t, time.Second, "alpha, just started, is heard at once", func() bool { return b.row(alpha).Acknowledged == 2 })
	})
}

func TestBackoffFigures(t *testing.T) {
	var b backoff
	for n, millis := range []int{100, 200, 400, 800, 1600, 3200, 6400, 12800, 25600, 30000, 30000} {
		most := time.Duration(millis) * time.Millisecond
		if got := b.next(); got < most/2 || got > most {
			t.Errorf("wait %d is %s, want %s to %s", n, got, most/2, most)
		}
	}
	b.reset()
	if got := b.next(); got > backoffFirst {
		t.Errorf("after a reset %s", got)
	}
}

// Excuse lets an operator go on without a peer that may never come back.
func TestExcuse(t *testing.T) {
	onlyBeta(t, func(t *testing.T, w *world, b *node) {
		if b.links.Confirmed(alpha) {
			t.Error("confirmed before it was heard from")
		}
		if err := b.links.Excuse(alpha, "li.wei", "their centre has burnt down"); err != nil || !b.links.Confirmed(alpha) {
			t.Errorf("excuse: %v", err)
		}
		if err := b.links.Excuse(gamma, "li.wei", "who"); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("excuse of a stranger: %v", err)
		}
	})
}

// An orderly stop says so, and leaves nothing unmarked.
func TestDraining(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(alpha, beta)
		w.start()
		defer w.stop()
		a, b := w.nodes[alpha], w.nodes[beta]
		eventually(t, time.Second, "the link is up", func() bool { return isUp(a, beta)() && isUp(b, alpha)() })
		a.mustWrite(b, 2, wordTake)
		w.quiet(t)
		a.stop()
		if l := a.row(beta); l.Streaming || l.SentMark != 2 {
			t.Errorf("after an orderly stop: %+v", l)
		}
		eventually(t, 50*time.Millisecond, "beta shows why", func() bool { return b.status(alpha).GetReason() == ReasonDraining })
	})
}

// A peer that said it is stopping is shown as such for as long as a restart may take, then as what it is: not there. All
// the while it is down since it went.
func TestDrainedPeerIsNotForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(alpha, beta)
		w.start()
		defer w.stop()
		a, b := w.nodes[alpha], w.nodes[beta]
		eventually(t, time.Second, "the link is up", func() bool { return isUp(a, beta)() && isUp(b, alpha)() })
		a.stop()
		<-time.After(drainTimeout / 2)
		st := b.status(alpha)
		if st.GetState() != StateDown || st.GetReason() != ReasonDraining || st.GetNextTry() == nil {
			t.Errorf("while it may come back: %v", st)
		}
		since := st.GetSince().AsTime()
		<-time.After(drainTimeout/2 + backoffMost)
		st = b.status(alpha)
		if st.GetState() != StateDown || st.GetReason() != ReasonRefused || !st.GetSince().AsTime().Equal(since) {
			t.Errorf("when it does not: %v; want REFUSED since %s", st, since)
		}
		a.start(nil)
		eventually(t, backoffMost+time.Second, "the link is up again", isUp(b, alpha))
		if st := b.status(alpha); !st.GetSince().AsTime().After(since) {
			t.Errorf("up since %s", st.GetSince().AsTime())
		}
		a.die()
		eventually(t, time.Minute, "a crash is not taken for an orderly stop", func() bool { return b.status(alpha).GetReason() == ReasonRefused })
		if since := b.status(alpha).GetSince().AsTime(); time.Since(since) > drainTimeout {
			t.Errorf("it took until %s", since)
		}
	})
}

// However many streams a peer opens, few of them wait.
func TestManyStreamsOfOnePeer(t *testing.T) {
	onlyBeta(t, func(t *testing.T, w *world, b *node) {
		k := b.links.link(alpha)
		var refused int
		for range 3 * maxWaiting {
			x := w.network.connect(alpha, beta)
			if _, err := k.accepted(context.Background(), x.accepted); err != nil {
				refused++
				x.close()
			}
		}
		if refused != 2*maxWaiting {
			t.Errorf("%d streams were refused, want %d", refused, 2*maxWaiting)
		}
		<-time.After(helloTimeout + time.Second)
		s := arrive(t, w, nil)
		// A newer stream of the same dialler replaces it.
		newer := arrive(t, w, nil)
		if got := s.goodbye(); got != ReasonReplaced {
			t.Errorf("goodbye says %q, want REPLACED", got)
		}
		newer.conn.Close()
	})
}

// A slow peer slows only its own link.
func TestSlowPeerSlowsOnlyItsOwnLink(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(alpha, beta, gamma)
		b, g := w.nodes[beta], w.nodes[gamma]
		b.start(nil)
		g.start(nil)
		defer w.stop()
		eventually(t, time.Second, "beta and gamma are connected", isUp(b, gamma))
		s := arrive(t, w, nil)
		stop := s.keepAlive(w)
		b.mustWrite(w.nodes[alpha], 2000, wordTake) // alpha reads nothing
		b.mustWrite(g, 2000, wordTake)
		begun := time.Now()
		eventually(t, time.Second, "gamma has all of it", func() bool { return b.row(gamma).Acknowledged == 2000 })
		t.Logf("after %s", time.Since(begun))
		stop()
		s.conn.Close()
	})
}

func TestAmongAndClip(t *testing.T) {
	if got := among(stoppedReasons, "FORGED"); got != "FORGED" {
		t.Error(got)
	}
	if got := among(stoppedReasons, "whatever a peer says"); got != "OTHER" {
		t.Error(got)
	}
	if got := clip("a\nb\x00" + string(make([]byte, 1000))); len(got) > 210 || got[:4] != "a b " {
		t.Errorf("%q", got)
	}
}
