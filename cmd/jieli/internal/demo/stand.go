package demo

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/jieli-gateway/jieli/cmd/jieli/internal/client"
)

// Stand is three regions that are up, for measuring.
type Stand struct {
	d *demo
	// Clients reach the regions' APIs, in the order jingjinji, changsanjiao, chengyu.
	Clients []*client.Client
}

// Up starts three regions as processes on free ports, in a directory that Down removes.
func Up(ctx context.Context, binary string) (*Stand, error) {
	dir, err := os.MkdirTemp("", "jieli-bench-")
	if err != nil {
		return nil, err
	}
	if binary == "" {
		if binary, err = os.Executable(); err != nil {
			return nil, err
		}
	}
	plan, err := layoutNamed(Clusters)
	if err != nil {
		return nil, err
	}
	d := &demo{o: Options{Binary: binary, DataDir: dir, JSON: true, PortBase: 0}, layout: plan, life: context.WithoutCancel(ctx)}
	s := &Stand{d: d}
	if err := d.bounded(ctx, plan.setUp, d.setUp); err != nil {
		return nil, errors.Join(fmt.Errorf("bring three regions up: %w", d.explain(err)), s.Down())
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
