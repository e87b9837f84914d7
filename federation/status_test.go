package federation

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"

	"github.com/hashicorp/raft"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/jieli-gateway/jieli/federation/trust"
)

// opened gives a registry that was not started, with one entry applied.
func opened(t *testing.T, cfg Config) *Registry {
	t.Helper()
	cfg.Self, cfg.Dir = self, t.TempDir()
	r, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	r.fsm.Apply(&raft.Log{Index: 3, Type: raft.LogCommand, Data: sealed(t, firstCommand(t), 1)})
	return r
}

func TestHashMismatchAlarmsOnce(t *testing.T) {
	var log bytes.Buffer
	metrics := prometheus.NewRegistry()
	r := opened(t, Config{Log: slog.New(slog.NewTextHandler(&log, nil)), Metrics: metrics})
	peer := trust.NodeID{Region: "shanghai", Node: "1"}
	hash := r.View().StateHash()
	if same, known := r.CompareHash(peer, 1, hash[:]); !same || !known {
		t.Errorf("equal hashes: same %v, known %v", same, known)
	}
	if _, known := r.CompareHash(peer, 2, hash[:]); known {
		t.Error("a revision that is not there was compared")
	}
	if len(r.HashMismatches()) > 0 {
		t.Error("alarmed without cause")
	}
	hash[0] ^= 1
	for range 3 {
		if same, known := r.CompareHash(peer, 1, hash[:]); same || !known {
			t.Errorf("different hashes: same %v, known %v", same, known)
		}
	}
	if found := r.HashMismatches(); len(found) != 1 || found[0] != (Mismatch{Node: peer, Revision: 1}) {
		t.Errorf("found %v", found)
	}
	if lines := strings.Count(log.String(), "different registry"); lines != 1 {
		t.Errorf("logged %d times:\n%s", lines, log.String())
	}
	if got := gathered(t, metrics)["jieli_registry_hash_mismatches_total"]; got != 1 {
		t.Errorf("counted %v", got)
	}
}

func TestStatusBeforeStart(t *testing.T) {
	r := opened(t, Config{})
	status := r.Status(t.Context(), true)
	if status.GetRevision() != 1 || status.GetClusterId() == "" || status.GetAppliedIndex() != 3 || status.GetRaftState() != "Stopped" {
		t.Errorf("status %v", status)
	}
	if !status.GetStale() || status.GetStaleReason() != StaleNotCaughtUp {
		t.Errorf("stale %v for %q", status.GetStale(), status.GetStaleReason())
	}
	if _, err := r.Propose(t.Context(), firstCommand(t)); err == nil {
		t.Error("a registry that was not started took a write")
	}
}

func TestMetrics(t *testing.T) {
	metrics := prometheus.NewRegistry()
	r := opened(t, Config{Metrics: metrics})
	values := gathered(t, metrics)
	for name, want := range map[string]float64{
		"jieli_registry_revision": 1, "jieli_registry_level": 1, "jieli_registry_applied_index": 3, "jieli_registry_stale": 1,
		"jieli_registry_leader": 0, "jieli_registry_voters": 0,
	} {
		if got, ok := values[name]; !ok || got != want {
			t.Errorf("%s is %v, want %v", name, got, want)
		}
	}
	if values["jieli_registry_raft_bytes"] == 0 {
		t.Error("the Raft log has no size")
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	if left := gathered(t, metrics); len(left) > 0 {
		t.Errorf("outlived their registry: %v", left)
	}
}

// gathered gives the value of each gauge and counter.
func gathered(t *testing.T, metrics *prometheus.Registry) map[string]float64 {
	t.Helper()
	families, err := metrics.Gather()
	if err != nil {
		t.Fatal(err)
	}
	values := map[string]float64{}
	for _, family := range families {
		first := family.GetMetric()[0]
		values[family.GetName()] = first.GetGauge().GetValue() + first.GetCounter().GetValue()
	}
	return values
}

func TestProfiles(t *testing.T) {
	for _, name := range []string{"", ProfileWAN, ProfileLAN} {
		profile, err := ProfileNamed(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := profile.Check(); err != nil {
			t.Errorf("%q: %v", name, err)
		}
		if err := raft.ValidateConfig(profile.raftConfig(self, newRaftLogger(discard()))); err != nil {
			t.Errorf("%q: %v", name, err)
		}
	}
	if _, err := ProfileNamed("moon"); err == nil {
		t.Error("an unknown profile was taken")
	}
	lan, _ := ProfileNamed(ProfileLAN)
	if changed := lan.Override(Profile{Lease: lan.Heartbeat / 2}); changed.Lease != lan.Heartbeat/2 || changed.Heartbeat != lan.Heartbeat {
		t.Errorf("overridden: %+v", changed)
	}
	if err := lan.Override(Profile{Lease: 2 * lan.Heartbeat}).Check(); err == nil {
		t.Error("a lease longer than the heartbeat was taken")
	}
}
