package federation

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sync/atomic"

	"github.com/hashicorp/raft"

	"github.com/jieli-gateway/jieli/federation/registry"
)

// fsm is where Raft meets the registry. It only delegates, and knows up to which entry it has applied: Raft's own
// figure runs ahead of that.
type fsm struct {
	machine  *registry.Machine
	options  registry.Options
	applied  atomic.Uint64 // index of the newest entry applied
	advanced bell          // rings when applied has moved
	running  atomic.Bool   // Raft has started
	broken   atomic.Pointer[string]
}

// ApplyBatch applies committed entries in order. The result of a command is its outcome, nil once the registry has
// stopped applying.
func (f *fsm) ApplyBatch(logs []*raft.Log) []any {
	commands := make([][]byte, 0, len(logs))
	for _, log := range logs {
		if log.Type == raft.LogCommand { // the others are changes of Raft's configuration
			commands = append(commands, log.Data)
		}
	}
	results := make([]any, len(logs))
	if f.halted() == "" && len(commands) > 0 {
		outcomes := f.machine.ApplyBatch(commands)
		for i, log := range logs {
			if log.Type == raft.LogCommand {
				results[i], outcomes = outcomes[0], outcomes[1:]
			}
		}
	}
	f.applied.Store(logs[len(logs)-1].Index)
	f.advanced.ring()
	return results
}

// Apply applies one entry.
func (f *fsm) Apply(log *raft.Log) any { return f.ApplyBatch([]*raft.Log{log})[0] }

// Snapshot captures the registry as it is now. One that has stopped applying has none: it would stand for entries that
// it does not contain.
func (f *fsm) Snapshot() (raft.FSMSnapshot, error) {
	if why := f.halted(); why != "" {
		return nil, fmt.Errorf("no snapshot of a registry that has stopped applying: %s", why)
	}
	return &fsmSnapshot{view: f.machine.View(), applied: f.applied.Load()}, nil
}

// Restore replaces the registry by a snapshot. Raft panics if that fails while it runs, so then the registry stops
// applying instead; the snapshot is kept, for a binary that can read it.
func (f *fsm) Restore(snapshot io.ReadCloser) error {
	var applied [8]byte
	if _, err := io.ReadFull(snapshot, applied[:]); err != nil {
		return f.cannotRestore(fmt.Errorf("snapshot of the registry: %w", err))
	}
	machine, err := registry.Restore(snapshot, f.options)
	if err != nil {
		return f.cannotRestore(fmt.Errorf("snapshot of the registry: %w", err))
	}
	f.broken.Store(nil)
	f.machine.Swap(machine)
	f.applied.Store(binary.BigEndian.Uint64(applied[:]))
	f.advanced.ring()
	return nil
}

func (f *fsm) cannotRestore(err error) error {
	if !f.running.Load() && !errors.Is(err, registry.ErrLevelUnknown) {
		return err // an older snapshot may do
	}
	why := err.Error()
	f.broken.Store(&why)
	f.advanced.ring()
	return nil
}

// halted says why the registry has stopped applying; empty if it has not.
func (f *fsm) halted() string {
	if why := f.broken.Load(); why != nil {
		return *why
	}
	why, _ := f.machine.Halted()
	return why
}

// fsmSnapshot is an immutable state on its way to disk: the index of its newest entry, 8 bytes big endian, then the
// registry's own snapshot stream.
type fsmSnapshot struct {
	view    *registry.View
	applied uint64
}

// Persist writes the snapshot.
func (s *fsmSnapshot) Persist(sink raft.SnapshotSink) error {
	err := s.write(sink)
	if err != nil {
		return errors.Join(err, sink.Cancel())
	}
	return sink.Close()
}

func (s *fsmSnapshot) write(w io.Writer) error {
	if _, err := w.Write(binary.BigEndian.AppendUint64(nil, s.applied)); err != nil {
		return err
	}
	_, err := s.view.WriteTo(w)
	return err
}

// Release does nothing: views are garbage collected.
func (s *fsmSnapshot) Release() {}
