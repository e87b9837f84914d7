package federation

import (
	"bytes"
	"io"
	"testing"

	"github.com/hashicorp/raft"

	"github.com/jieli-gateway/jieli/federation/registry"
	jieliv1 "github.com/jieli-gateway/jieli/proto/jieli/v1"
)

func newFSM(options registry.Options) *fsm {
	return &fsm{machine: registry.New(options), options: options}
}

// memorySink keeps a snapshot in memory.
type memorySink struct {
	bytes.Buffer
	cancelled bool
}

func (s *memorySink) ID() string    { return "test" }
func (s *memorySink) Cancel() error { s.cancelled = true; return nil }
func (s *memorySink) Close() error  { return nil }

func TestConfigurationEntriesAreNotCommands(t *testing.T) {
	f := newFSM(registry.Options{})
	results := f.ApplyBatch([]*raft.Log{
		{Index: 1, Type: raft.LogConfiguration, Data: []byte("servers")},
		{Index: 3, Type: raft.LogCommand, Data: sealed(t, firstCommand(t), 1)},
		{Index: 4, Type: raft.LogConfiguration, Data: []byte("servers")},
		{Index: 5, Type: raft.LogCommand, Data: []byte("rubbish")},
	})
	if results[0] != nil || results[2] != nil {
		t.Errorf("configuration entries gave %v and %v", results[0], results[2])
	}
	first, _ := results[1].(*jieliv1.Outcome)
	second, _ := results[3].(*jieliv1.Outcome)
	if first.GetRevision() != 1 || first.GetReason() != "" || second.GetReason() == "" {
		t.Errorf("commands gave %v and %v", first, second)
	}
	if f.applied.Load() != 5 {
		t.Errorf("applied up to %d", f.applied.Load())
	}
}

func TestSnapshotIsOfOneMoment(t *testing.T) {
	f := newFSM(registry.Options{})
	f.Apply(&raft.Log{Index: 7, Type: raft.LogCommand, Data: sealed(t, firstCommand(t), 1)})
	captured, err := f.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	before := f.machine.View()
	f.Apply(&raft.Log{Index: 8, Type: raft.LogCommand, Data: sealed(t, putNode(t, &jieliv1.Node{Region: self.Region, Name: "2", Address: "127.0.0.1:7346", Raft: true}), 2)})
	written := &memorySink{}
	if err := captured.Persist(written); err != nil || written.cancelled {
		t.Fatal(err)
	}

	other := newFSM(registry.Options{})
	if err := other.Restore(io.NopCloser(&written.Buffer)); err != nil {
		t.Fatal(err)
	}
	if got := other.machine.View(); got.Revision() != before.Revision() || got.StateHash() != before.StateHash() {
		t.Errorf("restored revision %d, captured %d", got.Revision(), before.Revision())
	}
	if other.applied.Load() != 7 {
		t.Errorf("restored up to entry %d, captured at 7", other.applied.Load())
	}
}

// Raft panics when a snapshot that a leader sent cannot be restored.
func TestSnapshotThatCannotBeRestored(t *testing.T) {
	newer := newFSM(registry.Options{KnownLevel: registry.KnownLevel + 1})
	for i, c := range append([]*jieliv1.Command{firstCommand(t)}, raiseLevel(t, registry.KnownLevel+1)...) {
		outcome, _ := newer.Apply(&raft.Log{Index: uint64(i + 1), Type: raft.LogCommand, Data: sealed(t, c, uint64(i+1))}).(*jieliv1.Outcome)
		if outcome.GetReason() != "" {
			t.Fatal(outcome)
		}
	}
	captured, err := newer.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	written := &memorySink{}
	if err := captured.Persist(written); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name     string
		snapshot []byte
		running  bool
		fails    bool // Restore returns an error: an older snapshot is tried
	}{
		{"of a newer level, at the start", written.Bytes(), false, false},
		{"of a newer level, from a leader", written.Bytes(), true, false},
		{"damaged, at the start", written.Bytes()[:40], false, true},
		{"damaged, from a leader", written.Bytes()[:40], true, false},
		{"empty, from a leader", nil, true, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			f := newFSM(registry.Options{})
			f.running.Store(test.running)
			err := f.Restore(io.NopCloser(bytes.NewReader(test.snapshot)))
			if (err != nil) != test.fails {
				t.Fatalf("restore: %v", err)
			}
			if test.fails {
				return
			}
			if f.halted() == "" {
				t.Error("it goes on as if nothing was")
			}
			if _, err := f.Snapshot(); err == nil {
				t.Error("it takes snapshots of what it does not have")
			}
			if got := f.Apply(&raft.Log{Index: 9, Type: raft.LogCommand, Data: sealed(t, firstCommand(t), 9)}); got != nil {
				t.Errorf("it applies: %v", got)
			}
		})
	}
}
