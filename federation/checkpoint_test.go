package federation

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/jieli-gateway/jieli/federation/registry"
	"github.com/jieli-gateway/jieli/federation/trust"
	jieliv1 "github.com/jieli-gateway/jieli/proto/jieli/v1"
)

var self = trust.NodeID{Region: "beijing", Node: "1"}

// madeBy gives a machine with its first entry, and more commands after it.
func madeBy(t *testing.T, options registry.Options, commands ...*jieliv1.Command) *registry.Machine {
	t.Helper()
	machine := registry.New(options)
	for i, command := range append([]*jieliv1.Command{firstCommand(t)}, commands...) {
		if outcome := machine.Apply(sealed(t, command, uint64(i+1))); outcome.GetReason() != "" {
			t.Fatal(outcome)
		}
	}
	return machine
}

func firstCommand(t *testing.T) *jieliv1.Command {
	t.Helper()
	made := command(t)
	made.Change = &jieliv1.Command_Bootstrap{Bootstrap: &jieliv1.Bootstrap{
		ClusterId: uuid.NewString(), Region: regionEntry(t, self.Region),
		Node: &jieliv1.Node{Region: self.Region, Name: self.Node, Address: "127.0.0.1:7345", Raft: true, Tickets: true},
	}}
	return made
}

// regionEntry is the entry of a region with keys of its own.
func regionEntry(t *testing.T, id string) *jieliv1.Region {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "pki")
	if err := trust.Init(dir, id); err != nil {
		t.Fatal(err)
	}
	material, err := trust.Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	show := material.Show()
	return &jieliv1.Region{
		Id: id, NameZh: id, LegalName: id, DutyPhone: "12345", NumberPrefix: strings.ToUpper(id), Bundle: show.Bundle,
		SigningKeys: []*jieliv1.SigningKey{{KeyId: show.SigningKeyID, Algorithm: show.SigningAlgorithm, PublicKey: show.SigningPublicKey}},
	}
}

// command is a command without its change.
func command(t *testing.T) *jieliv1.Command {
	t.Helper()
	id, err := NewRequestID(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return &jieliv1.Command{RequestId: id, Actor: "test", Region: self.Region}
}

func putNode(t *testing.T, node *jieliv1.Node) *jieliv1.Command {
	t.Helper()
	made := command(t)
	made.Change = &jieliv1.Command_PutNode{PutNode: &jieliv1.PutNode{Node: node}}
	return made
}

// raiseLevel reports that this node knows a level and raises the registry to it.
func raiseLevel(t *testing.T, level uint32) []*jieliv1.Command {
	t.Helper()
	report, raise := command(t), command(t)
	report.Change = &jieliv1.Command_ReportLevel{ReportLevel: &jieliv1.ReportLevel{Region: self.Region, Name: self.Node, Level: level}}
	raise.Change = &jieliv1.Command_RaiseLevel{RaiseLevel: &jieliv1.RaiseLevel{Level: level}}
	return []*jieliv1.Command{report, raise}
}

func sealed(t *testing.T, command *jieliv1.Command, stamp uint64) []byte {
	t.Helper()
	encoded, err := registry.Encode(command)
	if err != nil {
		t.Fatal(err)
	}
	return registry.Seal(encoded, nil, stamp)
}

func TestCheckpoint(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "registry")
	machine := madeBy(t, registry.Options{})
	c := newCheckpoint(dir, registry.Options{})
	if view, err := c.load(); view != nil || err != nil {
		t.Fatalf("nothing was saved, loaded %v, %v", view, err)
	}
	if err := c.save(registry.New(registry.Options{}).View()); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(c.path); err == nil {
		t.Error("an empty registry was saved")
	}
	if err := c.save(machine.View()); err != nil {
		t.Fatal(err)
	}
	again := newCheckpoint(dir, registry.Options{})
	view, err := again.load()
	if err != nil {
		t.Fatal(err)
	}
	if view.Revision() != machine.View().Revision() || view.StateHash() != machine.View().StateHash() {
		t.Error("what was loaded is not what was saved")
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "*.next")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestUnreadableCheckpointIsSetAside(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "registry")
	c := newCheckpoint(dir, registry.Options{})
	if err := c.save(madeBy(t, registry.Options{}).View()); err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(c.path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(c.path, whole[:len(whole)-7], 0o600); err != nil {
		t.Fatal(err)
	}
	r, err := New(Config{Self: self, Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if r.View().ClusterID() != "" {
		t.Error("half a checkpoint is served")
	}
	if _, err := os.Stat(c.path + ".unreadable"); err != nil {
		t.Errorf("the unreadable file was not kept: %v", err)
	}
}

func TestCheckpointOfANewerBinary(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "registry")
	newer := registry.Options{KnownLevel: registry.KnownLevel + 1}
	machine := madeBy(t, newer, raiseLevel(t, newer.KnownLevel)...)
	if err := newCheckpoint(dir, newer).save(machine.View()); err != nil {
		t.Fatal(err)
	}
	if _, err := New(Config{Self: self, Dir: dir}); !errors.Is(err, registry.ErrLevelUnknown) {
		t.Errorf("an older binary opened it: %v", err)
	}
	r, err := New(Config{Self: self, Dir: dir, KnownLevel: newer.KnownLevel})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if r.View().ClusterID() == "" {
		t.Error("the newer binary does not serve it")
	}
}
