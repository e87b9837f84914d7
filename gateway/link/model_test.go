package link

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	"github.com/jieli-gateway/jieli/gateway/store"
	jieliv1 "github.com/jieli-gateway/jieli/proto/jieli/v1"
)

// step is one thing that happens to two regions in the model.
type step struct {
	kind  string
	side  string // of alpha and beta
	count int
	word  string
	wait  time.Duration
	after bool
}

func (s step) String() string {
	return fmt.Sprintf("%s %s count=%d word=%q wait=%s after=%t", s.kind, s.side, s.count, s.word, s.wait, s.after)
}

var stepKinds = []string{
	"write", "write", "write", "crash", "crash", "restart", "reset", "cut", "delay", "wait", "replay", "recall", "ask", "retry",
}

func drawStep(t *rapid.T) step {
	return step{
		kind:  rapid.SampledFrom(stepKinds).Draw(t, "kind"),
		side:  rapid.SampledFrom([]string{alpha, beta}).Draw(t, "side"),
		count: rapid.IntRange(1, 30).Draw(t, "count"),
		word:  rapid.SampledFrom([]string{wordTake, wordTake, wordTake, wordRefuse, wordStop}).Draw(t, "word"),
		wait:  time.Duration(rapid.SampledFrom([]int{0, 0, 1, 7, 150, 3000, 20000}).Draw(t, "wait")) * time.Millisecond,
		after: rapid.Bool().Draw(t, "after"),
	}
}

// TestExchangeUnderFaults plays random lives of two regions: writes, crashes at any commit, streams cut, frames late,
// networks split, whole streams played again, items recalled before they are sent, items stopped and judged again,
// requests. When all is well again, both sides must have the same history, each item taken once and in order (those
// that were stopped: once), nothing lost that was written, every request answered, and no alarm raised.
func TestExchangeUnderFaults(t *testing.T) {
	// Each is a hundred lives (-rapid.checks) of its own seed.
	hundreds := 12
	if testing.Short() {
		hundreds = 1
	}
	for i := range hundreds {
		t.Run(fmt.Sprintf("hundred %d", i+1), func(t *testing.T) {
			rapid.Check(t, func(rt *rapid.T) {
				steps := rapid.SliceOfN(rapid.Custom(drawStep), 1, 25).Draw(rt, "steps")
				var failure string
				synctest.Test(t, func(*testing.T) { failure = playSteps(steps) })
				if failure != "" {
					rt.Fatal(failure)
				}
			})
		})
	}
}

func playSteps(steps []step) (failure string) {
	w := newWorld(alpha, beta)
	w.start()
	defer w.stop()
	m := &model{world: w, written: map[string]int{}}
	for _, s := range steps {
		if err := m.play(s); err != nil {
			return fmt.Sprintf("%v: %v", s, err)
		}
		if s.wait > 0 && s.kind != "cut" && s.kind != "delay" {
			<-time.After(s.wait)
		}
		for _, n := range w.nodes {
			if n.dead.Load() {
				n.rise()
			}
		}
	}
	return m.heal()
}

// model is two regions and what must be true of them.
type model struct {
	*world
	// written counts items each side was told are durable.
	written  map[string]int
	replayed bool
}

func (m *model) write(side string, s step) {
	if m.nodes[side].write(other(side), words(s)...) == nil {
		m.written[side] += s.count
	}
}

func (m *model) play(s step) error {
	n := m.nodes[s.side]
	switch s.kind {
	case "write":
		m.write(s.side, s)
	case "crash":
		n.crashBefore.Store(!s.after)
		n.crashAt.Store(int64(1 + s.count%5))
		m.write(s.side, s)
		m.write(other(s.side), s)
		becomes(time.Second, n.dead.Load)
		n.crash()
	case "restart":
		n.stop()
		n.image.Store(n.store.Clone())
		n.start(n.image.Load())
	case "reset":
		m.network.reset(alpha, beta)
	case "cut":
		m.network.setCut(alpha, beta, true)
		<-time.After(s.wait)
		m.network.setCut(alpha, beta, false)
	case "delay":
		m.network.delay.Store(int64(min(s.wait, time.Second)))
	case "replay":
		m.replayed = m.replay(s.side, s.count) || m.replayed
	case "recall":
		return n.recall(other(s.side))
	case "ask":
		return n.ask(other(s.side), s.count)
	case "retry":
		if err := n.retryAll(other(s.side)); !errors.Is(err, ErrNotRunning) {
			return err
		}
	}
	return nil
}

// heal lets all be well and says what is not as it must be then.
func (m *model) heal() string {
	m.network.delay.Store(0)
	a, b := m.nodes[alpha], m.nodes[beta]
	var why string
	well := func() bool {
		why = compareHistory(a, b) + compareHistory(b, a)
		for _, n := range m.nodes {
			if err := n.retryAll(other(n.region)); err != nil {
				why += err.Error()
			}
			st := n.status(other(n.region))
			if st.GetState() != StateUp || st.GetOpenRequests() > 0 || len(st.GetStopped()) > 0 {
				why += fmt.Sprintf("%s: %v", n.region, st)
			}
		}
		return why == ""
	}
	if !becomes(5*time.Minute, well) {
		return "after five minutes of peace: " + why
	}
	for _, n := range m.nodes {
		if have := n.row(other(n.region)).LastSequence; have < uint64(m.written[n.region]) {
			return fmt.Sprintf("%s was told of %d items that they are durable and has %d", n.region, m.written[n.region], have)
		}
	}
	return m.falseAlarm(m.replayed)
}

// recall empties the rows that were never handed to a stream, as an origin does that wants its offers back.
func (n *node) recall(peer string) error {
	err := n.store.Update(n.ctx, func(tx store.Tx) error {
		l, err := tx.Link(peer)
		if err != nil || l.Streaming {
			return err
		}
		for seq := l.SentMark + 1; seq <= l.LastSequence; seq++ {
			if err := tx.EmptyOutboxRow(peer, seq); err != nil {
				return err
			}
		}
		return nil
	})
	return unlessPower(err)
}

// ask writes requests to a peer.
func (n *node) ask(peer string, count int) error {
	err := n.store.Update(n.ctx, func(tx store.Tx) error {
		for range count {
			r := &jieliv1.TicketRequest{Id: newID(), TicketId: newID(), Kind: jieliv1.TicketRequest_NOTE, Text: "please"}
			b, err := proto.Marshal(r)
			if err != nil {
				return err
			}
			if err := tx.PutRequest(&store.Request{ID: r.GetId(), Peer: peer, TicketID: r.GetTicketId(), Kind: r.GetKind(), Bytes: b, Time: time.Now()}); err != nil {
				return err
			}
		}
		return nil
	})
	return unlessPower(err)
}

// retryAll lets everything pass that stands still here, for the moment.
func (n *node) retryAll(peer string) error {
	var stopped []*store.StoppedTicket
	n.view(func(r store.Reader) (err error) {
		stopped, err = r.Stopped(peer, maxStopped)
		return err
	})
	n.allow.Store(true)
	defer n.allow.Store(false)
	for _, t := range stopped {
		if t.ByPeer {
			continue
		}
		if _, reason, err := n.links.Retry(n.ctx, t.TicketID); err != nil || reason != "" {
			return fmt.Errorf("retry %s: %s %w", t.TicketID, reason, unlessPower(err))
		}
	}
	return nil
}

func unlessPower(err error) error {
	if errors.Is(err, errPower) {
		return nil
	}
	return err
}

// falseAlarm is an alarm nobody should have been woken by. Only a stream played again may look like an old copy.
func (w *world) falseAlarm(replayed bool) string {
	for _, line := range w.alarms.all() {
		// A node whose power is gone says so to a log nobody sees.
		if strings.Contains(line, errPower.Error()) || replayed {
			continue
		}
		return "false alarm: " + line
	}
	return ""
}

func words(s step) []string {
	ws := make([]string, s.count)
	for i := range ws {
		ws[i] = s.word
	}
	return ws
}

func other(region string) string {
	if region == alpha {
		return beta
	}
	return alpha
}

// replay plays the frames of an earlier stream to a node again, as if its peer sent them. It tells whether there was
// such a stream.
func (w *world) replay(to string, which int) bool {
	from := other(to)
	w.network.mu.Lock()
	var old []*wire
	for _, x := range w.network.wires {
		if x.from == from {
			old = append(old, x)
		}
	}
	w.network.mu.Unlock()
	if len(old) == 0 || w.nodes[to].dead.Load() {
		return false
	}
	again := w.network.connect(from, to)
	k, err := w.nodes[to].links.expected(from)
	if err != nil {
		return false
	}
	if _, err := k.accepted(w.nodes[to].ctx, again.accepted); err != nil {
		return false
	}
	for _, b := range old[which%len(old)].forth.recorded() {
		f := new(jieliv1.Frame)
		if err := proto.Unmarshal(b, f); err != nil {
			panic(err)
		}
		if again.dialled.Send(f) != nil {
			break
		}
	}
	<-time.After(100 * time.Millisecond)
	again.close()
	return true
}
