package federation

import (
	"errors"
	"testing"

	"github.com/jieli-gateway/jieli/federation/registry"
	"github.com/jieli-gateway/jieli/federation/trust"
	jieliv1 "github.com/jieli-gateway/jieli/proto/jieli/v1"
)

func TestWhoMayConnect(t *testing.T) {
	link, follower := trust.NodeID{Region: "shanghai", Node: "1"}, trust.NodeID{Region: "shanghai", Node: "2"}
	register, removeNode := command(t), command(t)
	register.Change = &jieliv1.Command_RegisterRegion{RegisterRegion: &jieliv1.RegisterRegion{
		Region: regionEntry(t, "shanghai"),
		Nodes: []*jieliv1.Node{
			{Region: "shanghai", Name: "1", Address: "127.0.0.1:1", Tickets: true},
			{Region: "shanghai", Name: "2", Address: "127.0.0.1:2", Raft: true},
		},
	}}
	removeNode.Change = &jieliv1.Command_RemoveNode{RemoveNode: &jieliv1.RemoveNode{Region: "shanghai", Name: "2"}}
	to := func(state jieliv1.Region_State) *jieliv1.Command {
		change := command(t)
		change.Change = &jieliv1.Command_ChangeRegionState{ChangeRegionState: &jieliv1.ChangeRegionState{Region: "shanghai", State: state}}
		return change
	}
	for _, test := range []struct {
		name     string
		commands []*jieliv1.Command
		bundle   bool
		link     error // of node 1
		raft     error // of node 1, which does not carry the registry
		follower error // of node 2, for Raft
	}{
		{"not registered", nil, false, trust.ReasonUnknownRegion, trust.ReasonUnknownRegion, trust.ReasonUnknownRegion},
		{"not approved", []*jieliv1.Command{register}, false, trust.ReasonUnknownRegion, trust.ReasonUnknownRegion, trust.ReasonUnknownRegion},
		{"active", []*jieliv1.Command{register, to(jieliv1.Region_ACTIVE)}, true, nil, trust.ReasonRaftNotAllowed, nil},
		{"suspended", []*jieliv1.Command{register, to(jieliv1.Region_ACTIVE), to(jieliv1.Region_SUSPENDED)}, true, nil, trust.ReasonRaftNotAllowed, nil},
		{"revoked", []*jieliv1.Command{register, to(jieliv1.Region_ACTIVE), to(jieliv1.Region_REVOKED)}, true, trust.ReasonRevoked, trust.ReasonRevoked, trust.ReasonRevoked},
		{"node removed", []*jieliv1.Command{register, to(jieliv1.Region_ACTIVE), removeNode}, true, nil, trust.ReasonRaftNotAllowed, trust.ReasonUnregisteredNode},
	} {
		t.Run(test.name, func(t *testing.T) {
			view := madeBy(t, registry.Options{}, test.commands...).View()
			m := &members{view: func() Snapshot { return Snapshot{View: view} }}
			for range 2 { // the second answer comes from memory
				if certs, ok := m.Bundle("shanghai"); ok != test.bundle || ok && len(certs) != 1 {
					t.Errorf("bundle %v, %v", certs, ok)
				}
			}
			for _, ask := range []struct {
				id   trust.NodeID
				use  trust.Use
				want error
			}{{link, trust.UseLink, test.link}, {link, trust.UseRaft, test.raft}, {follower, trust.UseRaft, test.follower}} {
				if err := m.NodeAllowed(ask.id, ask.use); !errors.Is(err, ask.want) {
					t.Errorf("%s for %s: %v, want %v", ask.id, ask.use, err, ask.want)
				}
			}
		})
	}
}
