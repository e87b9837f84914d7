package e2e

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"sync"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
)

// kills is how often a node is killed: 30 in the usual run, 300 with JIELI_E2E=long, or as JIELI_E2E_KILLS says.
func kills(t *testing.T) int {
	if s := os.Getenv("JIELI_E2E_KILLS"); s != "" {
		n, err := strconv.Atoi(s)
		must(t, err)
		return n
	}
	if os.Getenv("JIELI_E2E") == "long" {
		return 300
	}
	if testing.Short() {
		return 5
	}
	return 30
}

// seed replays a run.
func seed(t *testing.T) uint64 {
	s := uint64(time.Now().UnixNano())
	if v := os.Getenv("JIELI_E2E_SEED"); v != "" {
		var err error
		s, err = strconv.ParseUint(v, 10, 64)
		must(t, err)
	}
	t.Logf("JIELI_E2E_SEED=%d replays this run", s)
	return s
}

// While calls come in at all three regions and their centres work, one node after another is killed with kill -9 at
// any moment and comes back. In the end every call that was acknowledged has been answered and closed, and the three
// stores agree.
func TestNodesKilledWhileTicketsTravel(t *testing.T) {
	f := newFederation(t, "jingjinji", "changsanjiao", "chengyu")
	random := rand.New(rand.NewPCG(seed(t), 0))
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()

	workers, wctx := errgroup.WithContext(ctx)
	centres := map[string]*centre{}
	for _, n := range f.nodes {
		c := &centre{n: n, ended: map[string]bool{}}
		centres[n.id.Region] = c
		workers.Go(func() error { return c.work(wctx) })
	}
	var mu sync.Mutex
	taken := map[string]string{}
	calls, stopCalls := context.WithCancel(wctx)
	callers, _ := errgroup.WithContext(calls)
	for _, n := range f.nodes {
		callers.Go(func() error {
			for i := 0; calls.Err() == nil; i++ {
				external := fmt.Sprintf("%s-%d", n.prefix, i)
				ticket, err := submit(wctx, n, complaint(external, []string{"110105", "320506", "500103", "440106"}[i%4]))
				if err != nil {
					return err
				}
				mu.Lock()
				taken[n.id.Region+"/"+external] = ticket.GetId()
				mu.Unlock()
			}
			return nil
		})
	}
	for i := range kills(t) {
		n := f.nodes[random.IntN(len(f.nodes))]
		pause := time.NewTimer(time.Duration(random.IntN(200)) * time.Millisecond)
		select {
		case <-pause.C:
		case <-wctx.Done():
			t.Fatalf("after %d kills: %v", i, workers.Wait())
		}
		n.kill()
		n.start()
		n.ready()
	}
	stopCalls()
	must(t, callers.Wait())
	for name, id := range taken {
		region := f.regionOf(name)
		wait(t, "ticket "+name+" to be closed", func() bool { return centres[region].has(id) })
	}
	cancel()
	must(t, workers.Wait())
	wait(t, "all receipts to be home", func() bool {
		for _, n := range f.nodes {
			for _, peer := range f.nodes {
				if l := n.linkTo(peer.id.Region); peer != n && (l.GetState() != "UP" || l.GetBacklog() > 0) {
					return false
				}
			}
		}
		return true
	})
	for _, n := range f.nodes {
		n.stop()
	}
	t.Logf("%d tickets, %d kills", len(taken), kills(t))
	f.checkProperties(taken)
}

func (f *federation) regionOf(name string) string {
	for _, n := range f.nodes {
		if len(name) > len(n.id.Region) && name[:len(n.id.Region)+1] == n.id.Region+"/" {
			return n.id.Region
		}
	}
	f.t.Fatalf("whose is %s?", name)
	return ""
}
