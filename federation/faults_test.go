package federation_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/raft"

	"github.com/jieli-gateway/jieli/federation"
	"github.com/jieli-gateway/jieli/federation/federationtest"
	"github.com/jieli-gateway/jieli/federation/trust"
)

// faultyDisk is a Raft log on a disk that can stall or fail.
type faultyDisk struct {
	raft.LogStore
	mu      sync.Mutex
	stalled chan struct{} // writes wait until it is closed; nil: the disk works
	fail    func() error
}

func (d *faultyDisk) StoreLogs(entries []*raft.Log) error {
	d.mu.Lock()
	stalled, fail := d.stalled, d.fail
	d.mu.Unlock()
	if stalled != nil {
		<-stalled
	}
	if fail != nil {
		if err := fail(); err != nil {
			return err
		}
	}
	return d.LogStore.StoreLogs(entries)
}

func (d *faultyDisk) StoreLog(entry *raft.Log) error { return d.StoreLogs([]*raft.Log{entry}) }

// stall makes every write wait, until recover is called.
func (d *faultyDisk) stall() (recovered func()) {
	stalled := make(chan struct{})
	d.mu.Lock()
	defer d.mu.Unlock()
	d.stalled = stalled
	return sync.OnceFunc(func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		d.stalled = nil
		close(stalled)
	})
}

// failUntil makes writes fail, slowly, until the moment given.
func (d *faultyDisk) failFor(duration time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	until := time.Now().Add(duration)
	d.fail = func() error {
		if time.Now().After(until) {
			return nil
		}
		timer := time.NewTimer(20 * time.Millisecond)
		defer timer.Stop()
		<-timer.C
		return errors.New("injected: the disk fails")
	}
}

// withDisks starts three regions on disks that can be made faulty.
func withDisks(t *testing.T, stall time.Duration) (c *federationtest.Cluster, disks map[trust.NodeID]*faultyDisk) {
	t.Helper()
	disks = map[trust.NodeID]*faultyDisk{}
	configure := func(cfg *federation.Config) {
		cfg.Profile.Stall = stall
		cfg.OpenStorage = func(dir string, log *slog.Logger) (federation.Storage, error) {
			storage, err := federation.OpenFiles(dir, log)
			if err != nil {
				return storage, err
			}
			disk := &faultyDisk{LogStore: storage.Log}
			disks[cfg.Self] = disk
			storage.Log = disk
			return storage, nil
		}
	}
	c = federationtest.Start(t, federationtest.Options{Configure: configure}, "beijing", "shanghai", "chengdu")
	waitVoters(c, c.Node("beijing"), "beijing/1", "chengdu/1", "shanghai/1")
	return c, disks
}

// A leader whose disk stalls would lead for ever, while every write hangs.
func TestLeaderWithStalledDiskIsReplaced(t *testing.T) {
	c, disks := withDisks(t, 300*time.Millisecond)
	a, b, d := c.Node("beijing"), c.Node("shanghai"), c.Node("chengdu")
	recovered := disks[a.ID].stall()
	defer recovered()

	// The write that meets the stall is never failed by it: nobody knows whether it will land.
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	lost := federationtest.SetRoute(t, "beijing", "11")
	if _, err := a.Registry.Propose(ctx, lost); !errors.Is(err, federation.ErrUnknown) {
		t.Errorf("the write that met the stall: %v", err)
	}
	begin := time.Now()
	c.Propose(d, federationtest.SetRoute(t, "chengdu", "5101"))
	if took := time.Since(begin); took > 5*time.Second {
		t.Errorf("it took %s until another led", took)
	}
	if leader := c.Leader(b, d); leader == a {
		t.Error("the stalled node leads")
	}

	recovered()
	outcome := c.Propose(a, lost) // the retry with the same request id
	if again := c.Propose(a, lost); !again.GetRepeated() || again.GetRevision() != outcome.GetRevision() {
		t.Errorf("retried %v, then %v", outcome, again)
	}
	waitAlike(c, a, b, d)
}

// With more than one message in flight, a follower whose log fails for 60 ms never gets another entry, although
// heartbeats look healthy.
func TestFollowerWhoseDiskFailedCatchesUp(t *testing.T) {
	c, disks := withDisks(t, 2*time.Second)
	a, b, d := c.Node("beijing"), c.Node("shanghai"), c.Node("chengdu")
	ctx, cancel := context.WithCancel(t.Context())
	var writing sync.WaitGroup
	for worker := range 8 {
		writing.Go(func() {
			for i := 0; ctx.Err() == nil; i++ {
				// Each sets another route: one set to what it is already moves no revision.
				command := federationtest.SetRoute(t, "beijing", fmt.Sprintf("1101%02d%03d", worker, i%1000))
				if _, err := a.Registry.Propose(ctx, command); err != nil && ctx.Err() == nil {
					t.Error(err)
				}
			}
		})
	}
	before := b.Registry.View().Revision()
	c.Wait("writes to flow", func() bool { return b.Registry.View().Revision() > before+100 })
	disks[b.ID].failFor(60 * time.Millisecond)
	middle := a.Registry.View().Revision()
	c.Wait("writes to go on", func() bool { return a.Registry.View().Revision() > middle+500 })
	cancel()
	writing.Wait()
	waitAlike(c, a, b, d)
}
