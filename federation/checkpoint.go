package federation

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/jieli-gateway/jieli/federation/registry"
)

const (
	fileCheckpoint = "registry.checkpoint"
	// unreadable ends the name of one that was set aside.
	unreadable = ".unreadable"

	// checkpointRest is how many times longer than the writing took the next one waits: so at most a tenth of the time
	// goes into it, however large the registry.
	checkpointRest = 9
)

// checkpoint keeps the newest table in a file. Raft applies only what a leader confirms, so a node that restarts while
// it is cut off would know less than before; and a node whose Raft log is empty or old must know whom to trust before
// anybody can bring it up to date.
type checkpoint struct {
	path    string
	options registry.Options

	mu    sync.Mutex
	saved uint64 // revision of what is in the file
}

func newCheckpoint(dir string, options registry.Options) *checkpoint {
	return &checkpoint{path: filepath.Join(dir, fileCheckpoint), options: options}
}

// load reads the file; nil if there is none.
func (c *checkpoint) load() (*registry.View, error) {
	file, err := os.Open(c.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil //nolint:nilnil // no file is no error, and there is no view then
	}
	if err != nil {
		return nil, fmt.Errorf("registry checkpoint: %w", err)
	}
	defer file.Close()
	machine, err := registry.Restore(bufio.NewReader(file), c.options)
	if err != nil {
		return nil, fmt.Errorf("registry checkpoint %s: %w", c.path, err)
	}
	view := machine.View()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.saved = view.Revision()
	return view, nil
}

// save replaces the file by a newer table; an older one, or none, is left alone.
func (c *checkpoint) save(view *registry.View) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if view.ClusterID() == "" || view.Revision() <= c.saved {
		return nil
	}
	if err := writeCheckpoint(c.path, view); err != nil {
		return fmt.Errorf("registry checkpoint: %w", err)
	}
	c.saved = view.Revision()
	return nil
}

// writeCheckpoint writes a new file beside the old one, syncs it and puts it in its place.
func writeCheckpoint(path string, view *registry.View) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	next, err := os.OpenFile(path+".next", os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	buffered := bufio.NewWriterSize(next, 1<<16)
	_, err = view.WriteTo(buffered)
	if err == nil {
		err = buffered.Flush()
	}
	if err == nil {
		err = next.Sync()
	}
	if err = errors.Join(err, next.Close()); err != nil {
		return errors.Join(err, os.Remove(next.Name()))
	}
	if err := os.Rename(next.Name(), path); err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}

func syncDir(path string) error {
	dir, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

// Entered tells whether a registry directory is that of a node which has come into a federation, by its having kept a
// table; one that was set aside counts too, and so does a directory that may not be read.
func Entered(dir string) bool {
	_, err := os.Stat(filepath.Join(dir, fileCheckpoint))
	if errors.Is(err, fs.ErrNotExist) {
		_, err = os.Stat(filepath.Join(dir, fileCheckpoint+unreadable))
	}
	return !errors.Is(err, fs.ErrNotExist)
}

// loadCheckpoint serves the last known table until Raft has caught up. A checkpoint that cannot be read is set aside:
// Raft may have everything it had, and a joiner can join again.
func (r *Registry) loadCheckpoint() error {
	view, err := r.checkpoint.load()
	if err == nil {
		if view != nil {
			r.seed.Store(view)
		}
		return nil
	}
	if errors.Is(err, registry.ErrLevelUnknown) {
		return fmt.Errorf("%w: a newer binary has run here; upgrade this one", err)
	}
	aside := r.checkpoint.path + unreadable
	r.log.Error("the last known registry table cannot be read and is set aside; this node serves none until a leader brings it up to date",
		slog.String("file", aside), slog.Any("error", err))
	if err := os.Rename(r.checkpoint.path, aside); err != nil {
		return fmt.Errorf("set the unreadable registry checkpoint aside: %w", err)
	}
	return nil
}

// saveCheckpoint writes the newest table.
func (r *Registry) saveCheckpoint() error { return r.checkpoint.save(r.View().View) }

// keepCheckpoint writes the table soon after it has changed, and rests in proportion to what that took.
func (r *Registry) keepCheckpoint(ctx context.Context) {
	failing := false
	for {
		moved := r.machine.Changed()
		begin := time.Now()
		err := r.saveCheckpoint()
		if err != nil && !failing {
			r.log.Error("the last known registry table is not kept", slog.Any("error", err))
		}
		failing = err != nil
		if !pause(ctx, time.Since(begin)*checkpointRest) {
			return
		}
		select {
		case <-moved:
		case <-ctx.Done():
			return
		}
		if !pause(ctx, r.cfg.CheckpointPause) {
			return
		}
	}
}

// pause waits; it reports false if the context ended meanwhile.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
