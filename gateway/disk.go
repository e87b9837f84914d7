package gateway

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/jieli-gateway/jieli/gateway/fault"
	"github.com/jieli-gateway/jieli/gateway/store"
	jieliv1 "github.com/jieli-gateway/jieli/proto/jieli/v1"
)

const (
	diskOK   = "OK"
	diskSoft = "SOFT_LIMIT"
	diskHard = "HARD_LIMIT"

	diskEvery  = 2 * time.Second
	pruneEvery = time.Minute
	// pruneRows bounds one pruning transaction, so that it holds up nobody for long.
	pruneRows = 2000
)

// disk watches the space left for the ticket store. Intake stops only for want of it: what is left below the hard
// limit is for receipts and moves of the pen.
type disk struct {
	store      store.Store
	soft, hard int64
	state      atomic.Pointer[string]
	changedAt  atomic.Pointer[time.Time] // nil: state has been so since the start
	notTaking  func(reason string)
}

func newDisk(s store.Store, soft, hard int64) *disk {
	d := &disk{store: s, soft: soft, hard: hard, notTaking: func(string) {}}
	ok := diskOK
	d.state.Store(&ok)
	return d
}

// look measures, and tells peers when this node begins or ceases to take offers.
func (d *disk) look() (state string, changed bool) {
	u, err := d.store.Usage()
	if err != nil {
		return *d.state.Load(), false
	}
	state = diskOK
	switch {
	case u.Free < d.hard:
		state = diskHard
	case u.Free < d.soft:
		state = diskSoft
	}
	before := *d.state.Swap(&state)
	if before != state {
		now := time.Now()
		d.changedAt.Store(&now)
		reason := ""
		if state == diskHard {
			reason = "DISK"
		}
		d.notTaking(reason)
	}
	return state, before != state
}

// intake is desk.Config.Intake.
func (d *disk) intake() error {
	if *d.state.Load() == diskHard {
		return fault.New(fault.Exhausted, "DISK_FULL", "this node's disk has less than %d MiB free and it takes no new tickets; free some space, see `jieli status`", d.hard>>20)
	}
	return nil
}

// watchDisk measures until ctx ends.
func (n *Node) watchDisk(ctx context.Context, d *disk) error {
	ticker := time.NewTicker(diskEvery)
	defer ticker.Stop()
	for {
		if state, changed := d.look(); changed {
			n.tellDisk(state)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
}

// tellDisk logs that a limit of disk space has been crossed.
func (n *Node) tellDisk(state string) {
	dir := slog.String("dir", n.cfg.DataDir)
	switch state {
	case diskHard:
		n.log.Error("the disk for tickets is full: new tickets and offers are refused until there is room", dir, slog.Int64("limitBytes", n.cfg.HardFree))
	case diskSoft:
		n.log.Warn("the disk for tickets is getting full: make room before new tickets are refused", dir, slog.Int64("limitBytes", n.cfg.SoftFree))
	default:
		n.log.Info("there is room on the disk for tickets again", dir)
	}
}

// prune drops what is kept beyond its bounds, a little at a time, until ctx ends.
func (n *Node) prune(ctx context.Context, s store.Store) error {
	bounds := store.Bounds{Answered: n.cfg.KeepAnswered, Evidence: n.cfg.KeepEvidence, Feed: n.cfg.KeepFeed}
	ticker := time.NewTicker(pruneEvery)
	defer ticker.Stop()
	for {
		for dropped := pruneRows; dropped == pruneRows && ctx.Err() == nil; {
			err := s.Update(ctx, func(tx store.Tx) error {
				var err error
				dropped, err = tx.Prune(bounds, pruneRows)
				return err
			})
			if err != nil {
				if ctx.Err() == nil {
					n.log.Warn("pruning the store failed; it is tried again", slog.Any("error", err))
				}
				break
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
}

// storeStatus implements api.Store.
type storeStatus struct {
	region string
	store  store.Store
	disk   *disk
}

// Status implements api.Store.
func (s *storeStatus) Status(ctx context.Context) (*jieliv1.StoreStatus, error) {
	u, err := s.store.Usage()
	if err != nil {
		return nil, err
	}
	out := &jieliv1.StoreStatus{
		Tickets: map[string]uint64{}, Waiting: map[string]uint64{}, Epoch: s.store.Epoch(), Disk: *s.disk.state.Load(),
		Bytes: uint64(max(u.Bytes, 0)), FreeBytes: uint64(max(u.Free, 0)), // #nosec G115 -- not negative
	}
	if at := s.disk.changedAt.Load(); at != nil {
		out.DiskSince = timestamppb.New(*at)
	}
	err = s.store.View(ctx, func(r store.Reader) error {
		counts, err := r.CountTickets()
		if err != nil {
			return err
		}
		for state, n := range counts {
			out.Tickets[state.String()] = n
		}
		if out.Open, err = r.CountHeld(s.region); err != nil {
			return err
		}
		waiting, err := r.CountWaiting(s.region)
		for state, n := range waiting {
			out.Waiting[state.String()] = n
		}
		return err
	})
	return out, err
}
