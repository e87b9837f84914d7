package federation

import (
	"strings"
	"testing"

	"github.com/hashicorp/raft"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/jieli-gateway/jieli/federation/trust"
)

// Without the build tag hashicorpmetrics Raft's metrics go nowhere, and nothing says so.
func TestRaftMetricsArrive(t *testing.T) {
	registry := prometheus.NewRegistry()
	if err := BridgeRaftMetrics(registry); err != nil {
		t.Fatal(err)
	}
	profile, err := ProfileNamed(ProfileLAN)
	if err != nil {
		t.Fatal(err)
	}
	self := trust.NodeID{Region: "beijing", Node: "1"}
	store := raft.NewInmemStore()
	_, transport := raft.NewInmemTransport(serverAddress(self))
	node, err := raft.NewRaft(profile.raftConfig(self, newRaftLogger(discard())), &raft.MockFSM{}, store, store, raft.NewInmemSnapshotStore(), transport)
	if err != nil {
		t.Fatal(err)
	}
	alone := raft.Configuration{Servers: []raft.Server{{ID: serverID(self), Address: serverAddress(self)}}}
	if err := node.BootstrapCluster(alone).Error(); err != nil {
		t.Fatal(err)
	}
	<-node.LeaderCh()
	if err := node.Apply([]byte("x"), patience).Error(); err != nil {
		t.Fatal(err)
	}
	if err := node.Shutdown().Error(); err != nil {
		t.Fatal(err)
	}
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	names := make([]string, 0, len(families))
	for _, family := range families {
		names = append(names, family.GetName())
	}
	if all := strings.Join(names, " "); !strings.Contains(all, "raft_apply") || !strings.Contains(all, "raft_commitTime") {
		t.Errorf("Raft's metrics do not arrive; build and test with -tags hashicorpmetrics. Arrived: %q", all)
	}
}
