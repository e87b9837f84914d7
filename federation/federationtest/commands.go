package federationtest

import (
	"testing"
	"time"

	"github.com/jieli-gateway/jieli/federation"
	"github.com/jieli-gateway/jieli/federation/trust"
	jieliv1 "github.com/jieli-gateway/jieli/proto/jieli/v1"
)

// Command is a command of a region with a new request id. The caller sets its change.
func Command(t testing.TB, region string) *jieliv1.Command {
	t.Helper()
	// Not uuid.NewV7, which never goes back: tests in fake time live in the year 2000.
	id, err := federation.NewRequestID(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return &jieliv1.Command{RequestId: id, Actor: "test", Region: region}
}

// RegisterRegion is the command by which an admin enters a region with its nodes.
func RegisterRegion(t testing.TB, by string, region *jieliv1.Region, nodes ...*jieliv1.Node) *jieliv1.Command {
	t.Helper()
	command := Command(t, by)
	command.Change = &jieliv1.Command_RegisterRegion{RegisterRegion: &jieliv1.RegisterRegion{Region: region, Nodes: nodes}}
	return command
}

// ChangeState is the command that moves a region to another state.
func ChangeState(t testing.TB, by, region string, state jieliv1.Region_State) *jieliv1.Command {
	t.Helper()
	command := Command(t, by)
	change := &jieliv1.ChangeRegionState{Region: region, State: state}
	if state == jieliv1.Region_RETIRED {
		change.Declared = true
	}
	command.Change = &jieliv1.Command_ChangeRegionState{ChangeRegionState: change}
	return command
}

// PutNode is the command that registers or changes a node.
func PutNode(t testing.TB, by string, node *jieliv1.Node) *jieliv1.Command {
	t.Helper()
	command := Command(t, by)
	command.Change = &jieliv1.Command_PutNode{PutNode: &jieliv1.PutNode{Node: node}}
	return command
}

// RemoveNode is the command that removes a node.
func RemoveNode(t testing.TB, by string, node trust.NodeID) *jieliv1.Command {
	t.Helper()
	command := Command(t, by)
	command.Change = &jieliv1.Command_RemoveNode{RemoveNode: &jieliv1.RemoveNode{Region: node.Region, Name: node.Node}}
	return command
}

// SetRoute is the command that sets one route to the region itself.
func SetRoute(t testing.TB, region, division string) *jieliv1.Command {
	t.Helper()
	command := Command(t, region)
	command.Change = &jieliv1.Command_ChangeRoutes{ChangeRoutes: &jieliv1.ChangeRoutes{
		Set: []*jieliv1.Route{{Division: division, Region: region}},
	}}
	return command
}

// Node is the registry entry of a node that carries the registry, and no tickets.
func Node(id trust.NodeID, address string) *jieliv1.Node {
	return &jieliv1.Node{Region: id.Region, Name: id.Node, Address: address, Raft: true}
}
