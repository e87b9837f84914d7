package storetest

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/jieli-gateway/jieli/gateway/store"
	jieliv1 "github.com/jieli-gateway/jieli/proto/jieli/v1"
)

// Equivalent checks that two engines are the same to whoever uses them. Random updates, some of which fail or panic
// after any number of their writes, run on the first engine at once, so that they meet in group commits; then on the
// second one after another, in the order the first ran them. Whatever was read, inside updates and after, must be equal.
func Equivalent(t *testing.T, first, second Factory) {
	rapid.Check(t, func(rt *rapid.T) {
		clock := NewClock()
		pair := [2]store.Store{
			first(t, Options{Sealer: &Sealer{}, Now: clock.Now}),
			second(t, Options{Sealer: &Sealer{}, Now: clock.Now}),
		}
		defer func() {
			for _, s := range pair {
				if err := s.Close(); err != nil {
					rt.Errorf("close: %v", err)
				}
			}
		}()
		known := names{
			tickets: []string{"t1", "t2", "t3"}, peers: []string{"tianjin", "suzhou", "beijing"}, requests: []string{"r1", "r2", "r3"},
		}
		rounds := rapid.IntRange(1, 6).Draw(rt, "rounds")
		for range rounds {
			known.times = append(known.times, clock.Now())
			clock.Move(time.Duration(rapid.IntRange(-3, 5).Draw(rt, "seconds")) * time.Second)
			plans := rapid.SliceOfN(rapid.Custom(drawPlan), 1, 8).Draw(rt, "updates")
			compareRound(rt, pair, plans, known)
		}
	})
}

// plan is one update: what it writes, and how it ends.
type plan struct {
	Steps []step
	// Fails and Panics after its steps; Looks reads everything before that.
	Fails, Panics, Looks bool
}

// step is one write; which fields matter depends on Op.
type step struct {
	Op     int
	Ticket string
	Other  string // another ticket's number or external id
	Peer   string
	Number uint32
	N      int
	Flag   bool
}

func drawPlan(t *rapid.T) plan {
	return plan{
		Steps: rapid.SliceOfN(rapid.Custom(drawStep), 0, 6).Draw(t, "steps"),
		Fails: rapid.IntRange(0, 3).Draw(t, "fails") == 0, Panics: rapid.IntRange(0, 15).Draw(t, "panics") == 0,
		Looks: rapid.Bool().Draw(t, "looks"),
	}
}

func drawStep(t *rapid.T) step {
	return step{
		Op:     rapid.IntRange(0, len(operations)+3).Draw(t, "op"),
		Ticket: rapid.SampledFrom([]string{"t1", "t2", "t3"}).Draw(t, "ticket"),
		Other:  rapid.SampledFrom([]string{"", "", "", "t1", "t2"}).Draw(t, "other"),
		Peer:   rapid.SampledFrom([]string{"tianjin", "suzhou", "beijing"}).Draw(t, "peer"),
		Number: rapid.Uint32Range(0, 4).Draw(t, "number"),
		N:      rapid.IntRange(0, 9).Draw(t, "n"),
		Flag:   rapid.Bool().Draw(t, "flag"),
	}
}

// operations are all writes of a transaction; each returns what its caller learns.
var operations = []func(store.Tx, step) (any, error){
	func(tx store.Tx, s step) (any, error) {
		t := Ticket(s.Ticket)
		if s.Other != "" {
			t.State.Number, t.State.ExternalId = "N-"+s.Other, "X-"+s.Ticket
		}
		t.Holder, t.State.Origin, t.State.Test = s.Peer, s.Peer, s.Flag && s.N == 0
		t.State.State = []jieliv1.Ticket_State{jieliv1.Ticket_UNROUTED, jieliv1.Ticket_CLOSED, jieliv1.Ticket_ACCEPTED}[s.N%3]
		t.State.Service = []string{"urban", "urban.housing", "transport"}[s.N%3]
		t.State.Division = []string{"12", "120101", "3205"}[s.N%3]
		if s.N > 0 {
			t.Due, t.Yellow = time.Unix(int64(s.N), 0), time.Unix(int64(s.N)/2, 0)
		}
		if s.Flag {
			t.Timer, t.Provisional = time.Unix(int64(s.N), 500), true
			t.WaitRevision = uint64(s.N)
			t.Warnings, t.Digest = []string{"w"}, []byte{byte(s.N)}
		}
		err := tx.PutTicket(t)
		return t.Changed, err
	},
	func(tx store.Tx, s step) (any, error) { return nil, tx.AppendEvent(Event(s.Ticket, s.Number)) },
	func(tx store.Tx, s step) (any, error) {
		e := Event(s.Ticket, s.Number)
		e.Author, e.FromFuture, e.Proof = s.Peer, s.Flag, &jieliv1.BatchProof{KeyId: s.Peer}
		return nil, tx.AppendEvent(e)
	},
	func(tx store.Tx, s step) (any, error) {
		c := &store.Content{TicketID: s.Ticket, Number: s.Number, Name: s.Peer, Commitment: [32]byte{byte(s.N)}}
		if s.Flag {
			c.Random, c.Data = []byte("random"), []byte{byte(s.N)}
		} else {
			c.Absence = jieliv1.Content_ERASED
		}
		return nil, tx.PutContent(c)
	},
	func(tx store.Tx, s step) (any, error) { return tx.NextCounter(s.Peer) },
	func(tx store.Tx, s step) (any, error) {
		r := outboxRow(s.Peer, s.Ticket, s.Number)
		if s.Flag {
			r.Kind, r.Name = store.OutboxContent, "reporter"
		}
		return tx.Enqueue(r)
	},
	func(tx store.Tx, s step) (any, error) { return nil, tx.EmptyOutboxRow(s.Peer, uint64(s.N)) },
	func(tx store.Tx, s step) (any, error) {
		return nil, tx.PutLink(&store.Link{
			Peer: s.Peer, Acknowledged: uint64(s.N), AcknowledgedHash: [32]byte{byte(s.N)}, Streaming: s.Flag,
			Received: uint64(s.Number), Fault: s.Other, FaultTime: time.UnixMicro(int64(s.N)).UTC(),
		})
	},
	func(tx store.Tx, s step) (any, error) {
		return nil, tx.PutReceipt(&store.Receipt{Peer: s.Peer, Number: uint64(s.N), LastSequence: uint64(s.Number), Bytes: []byte(s.Ticket)})
	},
	func(tx store.Tx, s step) (any, error) {
		return nil, tx.PutPeerReceipt(&store.Receipt{Peer: s.Peer, Number: uint64(s.N), Bytes: []byte(s.Ticket)})
	},
	func(tx store.Tx, s step) (any, error) {
		f := &store.FeedRow{Kind: jieliv1.FeedEntry_EVENT, TicketID: s.Ticket, EventNumber: s.Number, Holder: s.Peer}
		err := tx.PutFeed(f)
		return *f, err
	},
	func(tx store.Tx, s step) (any, error) {
		return nil, tx.PutRequest(&store.Request{
			ID: fmt.Sprintf("r%d", s.Number), Peer: s.Peer, TicketID: s.Ticket, Incoming: s.N%3 == 0, Settled: s.Flag,
			Bytes: []byte{byte(s.N)}, Code: s.Other, Time: time.UnixMicro(int64(s.N - 5)).UTC(),
		})
	},
	func(tx store.Tx, s step) (any, error) {
		return nil, tx.PutDecision(&store.Decision{TicketID: s.Ticket, Number: s.Number, Hash: [32]byte{byte(s.N)}, Reason: s.Peer, Bytes: []byte("b")})
	},
	func(tx store.Tx, s step) (any, error) {
		return nil, tx.PutAnswered(&store.Answered{RequestID: fmt.Sprintf("r%d", s.Number), Digest: [32]byte{byte(s.N)}, TicketID: s.Ticket})
	},
	func(tx store.Tx, s step) (any, error) {
		return nil, tx.PutEvidence(&store.Evidence{Peer: s.Peer, Seq: uint64(s.N), TicketID: s.Ticket, Reason: "R", Bytes: []byte("b")})
	},
	func(tx store.Tx, s step) (any, error) { return nil, tx.DeleteEvidence(s.Peer, uint64(s.N)) },
	func(tx store.Tx, s step) (any, error) {
		return nil, tx.PutStopped(&store.StoppedTicket{Peer: s.Peer, TicketID: s.Ticket, Reason: "R", ByPeer: s.Flag})
	},
	func(tx store.Tx, s step) (any, error) { return nil, tx.DeleteStopped(s.Peer, s.Ticket) },
	func(tx store.Tx, s step) (any, error) {
		return tx.Prune(store.Bounds{Answered: 2, Evidence: 2, Feed: 3}, s.N)
	},
}

// run does what a plan says and writes down what it learned.
func (p plan) run(tx store.Tx, known names, learned *string) error {
	d := &dumper{}
	for _, s := range p.Steps {
		if s.Op >= len(operations) { // tickets are what most is about
			s.Op = 0
		}
		got, err := operations[s.Op](tx, s)
		d.add(fmt.Sprintf("operation %d", s.Op), got, err)
	}
	if p.Looks {
		d.WriteString(dump(tx, known))
	}
	*learned = d.String()
	switch {
	case p.Panics:
		panic(errRefused)
	case p.Fails:
		return errRefused
	}
	return nil
}

// attempt is an update whose panic is an error.
func (p plan) attempt(t *rapid.T, s store.Store, known names, learned *string, begin func()) (err error) {
	defer func() {
		if recover() != nil {
			err = errRefused
		}
	}()
	ctx, cancel := background()
	defer cancel()
	return s.Update(ctx, func(tx store.Tx) error {
		begin()
		return p.run(tx, known, learned)
	})
}

func compareRound(t *rapid.T, pair [2]store.Store, plans []plan, known names) {
	// At once on the first. The order is that of their beginnings, which only the writer's goroutine notes.
	var order []int
	var ready, done sync.WaitGroup
	ready.Add(len(plans))
	learned, errs := make([]string, len(plans)), make([]error, len(plans))
	for i, p := range plans {
		done.Go(func() {
			ready.Done()
			errs[i] = p.attempt(t, pair[0], known, &learned[i], func() {
				ready.Wait()
				order = append(order, i)
			})
		})
	}
	done.Wait()
	for _, i := range order {
		var again string
		err := plans[i].attempt(t, pair[1], known, &again, func() {})
		if errors.Is(err, errRefused) != errors.Is(errs[i], errRefused) || (err == nil) != (errs[i] == nil) {
			t.Fatalf("update %d: %v on one, %v on the other", i, errs[i], err)
		}
		if d := difference(learned[i], again); d != "" {
			t.Fatalf("update %d learned different things:\n%s", i, d)
		}
	}
	var dumps [2]string
	for i, s := range pair {
		ctx, cancel := background()
		err := s.View(ctx, func(r store.Reader) error {
			dumps[i] = dump(r, known)
			return nil
		})
		cancel()
		if err != nil {
			t.Fatalf("view: %v", err)
		}
	}
	if d := difference(dumps[0], dumps[1]); d != "" {
		t.Fatalf("after a round the stores differ:\n%s", d)
	}
}
