package e2e

import (
	"context"
	"fmt"
	"testing"

	"golang.org/x/sync/errgroup"
)

// Sender and receiver die between any two steps of a hand-off: before and after each commit, the first time and later
// ones. Whatever was acknowledged is there afterwards, once, and the ticket comes to its end.
func TestNodesDieBetweenTheStepsOfAHandOff(t *testing.T) {
	f := newFederation(t, "jingjinji", "changsanjiao")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	workers, wctx := errgroup.WithContext(ctx)
	origin := f.nodes[0]
	var centres []*centre
	for _, n := range f.nodes {
		c := &centre{n: n, ended: map[string]bool{}}
		centres = append(centres, c)
		workers.Go(func() error { return c.work(wctx) })
	}
	taken := map[string]string{}
	died := 0
	for _, victim := range f.nodes {
		for _, place := range []string{"seal", "committed", "take", "delivered"} {
			for n := 1; n <= 3; n++ {
				victim.stop()
				victim.startWith([]string{fmt.Sprintf("JIELI_FAILPOINT=%s:%d", place, n)})
				external := fmt.Sprintf("STEP-%s-%s-%d", victim.prefix, place, n)
				closed, watched := make(chan struct{}), make(chan bool)
				go func() { watched <- victim.backAgain(closed) }()
				ticket, err := submit(wctx, origin, complaint(external, "320506"))
				must(t, err)
				taken["jingjinji/"+external] = ticket.GetId()
				wait(t, external+" to be closed", func() bool { return centres[0].has(ticket.GetId()) || wctx.Err() != nil })
				close(closed)
				if <-watched {
					died++
				} else {
					victim.stop() // it must not die later, when nobody looks
					victim.start()
				}
				if wctx.Err() != nil {
					t.Fatal(workers.Wait())
				}
			}
		}
	}
	cancel()
	must(t, workers.Wait())
	f.settle()
	wait(t, "all receipts to be home", func() bool {
		return f.nodes[0].linkTo("changsanjiao").GetBacklog()+f.nodes[1].linkTo("jingjinji").GetBacklog() == 0
	})
	for _, n := range f.nodes {
		n.stop()
	}
	if died < 12 {
		t.Errorf("only %d deaths: the places are not passed any more", died)
	}
	t.Logf("%d tickets, %d deaths between steps", len(taken), died)
	f.checkProperties(taken)
}

// backAgain starts a node again when it has died before the ticket was closed, and tells whether it has.
func (n *node) backAgain(closed <-chan struct{}) bool {
	select {
	case <-n.exited:
		n.start()
		return true
	case <-closed:
		return false
	}
}
