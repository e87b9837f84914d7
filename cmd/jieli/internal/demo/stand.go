package demo

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/jieli-gateway/jieli/cmd/jieli/internal/client"
)

// Stand is regions that are up, for measuring.
type Stand struct {
	d *demo
	// Clients reach the regions' APIs, in the order jingjinji, changsanjiao, chengyu and any others.
	Clients []*client.Client
}

// Up starts so many regions as processes of this binary on free ports, in a directory that Down removes.
func Up(ctx context.Context, regions int) (*Stand, error) {
	dir, err := os.MkdirTemp("", "jieli-bench-")
	if err != nil {
		return nil, err
	}
	binary, err := os.Executable()
	if err != nil {
		return nil, err
	}
	plan, err := layoutOf(regions)
	if err != nil {
		return nil, err
	}
	d := &demo{o: Options{Binary: binary, DataDir: dir, JSON: true, PortBase: 0}, layout: plan, life: context.WithoutCancel(ctx)}
	s := &Stand{d: d}
	if err := d.bounded(ctx, plan.setUp, d.setUp); err != nil {
		return nil, errors.Join(fmt.Errorf("bring %d regions up: %w", regions, d.explain(err)), s.Down())
	}
	for _, c := range d.centres {
		s.Clients = append(s.Clients, c.client)
	}
	return s, nil
}

// Down stops them and removes what they wrote.
func (s *Stand) Down() error { return errors.Join(s.d.stop(), os.RemoveAll(s.d.o.DataDir)) }

// PIDs of the regions' processes.
func (s *Stand) PIDs() []int {
	pids := make([]int, len(s.d.centres))
	for i, c := range s.d.centres {
		pids[i] = c.cmd.Process.Pid
	}
	return pids
}

// StoreDir is where a region keeps its tickets.
func (s *Stand) StoreDir(i int) string { return filepath.Join(s.d.centres[i].dataDir(), "store") }

// Stop ends a region's process in order.
func (s *Stand) Stop(i int) error { return s.d.centres[i].halt() }

// Kill ends a region's process as a power cut would.
func (s *Stand) Kill(i int) error {
	c := s.d.centres[i]
	c.onDeathQuietly()
	err := c.cmd.Process.Kill()
	<-c.exited
	return err
}

// PlacedRegions is how many of a stand's regions, the first ones, serve a place.
const PlacedRegions = 3

// Place is a division that a region serves, and the region.
func (s *Stand) Place(i int) (division, region string) {
	c := s.d.centres[i]
	return c.places[0], c.id
}

// Index is the place of a region among Clients; -1 for none.
func (s *Stand) Index(region string) int {
	return slices.IndexFunc(s.d.centres, func(c *centre) bool { return c.id == region })
}

// Start starts a region's process again and tells how long it took until it could take calls.
func (s *Stand) Start(ctx context.Context, i int) (time.Duration, error) {
	c, began := s.d.centres[i], time.Now()
	if err := s.d.run(c); err != nil {
		return 0, err
	}
	err := c.ready(ctx, isReady)
	return time.Since(began), err
}
