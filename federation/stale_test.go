package federation_test

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/jieli-gateway/jieli/federation"
	"github.com/jieli-gateway/jieli/federation/federationtest"
	"github.com/jieli-gateway/jieli/federation/registry"
	jieliv1 "github.com/jieli-gateway/jieli/proto/jieli/v1"
)

// expectStale waits, in fake time, until a node's table is stale for a reason; empty: until it is fresh.
func (s *simulation) expectStale(r *federation.Registry, reason string, within time.Duration) {
	s.t.Helper()
	deadline := time.After(within)
	for {
		changed := r.Changed()
		if view := r.View(); view.StaleReason == reason && view.Stale == (reason != "") {
			return
		}
		select {
		case <-changed: // so it is told, too
		case <-deadline:
			s.t.Fatalf("after %s the table is stale for %q, expected %q", within, r.View().StaleReason, reason)
		}
	}
}

func TestTableBecomesStalePastTheGrace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSimulation(t, 1, "beijing", "shanghai", "chengdu")
		defer s.stop()
		policy := federationtest.Command(t, "beijing")
		policy.Change = &jieliv1.Command_SetPolicy{SetPolicy: &jieliv1.SetPolicy{
			Policy: &jieliv1.Policy{RegistryGrace: durationpb.New(time.Hour)},
		}}
		s.must(s.at(s.order[0]), policy)
		s.converge()
		alone := s.order[2]
		s.network.Partition(alone)
		time.Sleep(59 * time.Minute)
		if view := s.at(alone).View(); view.Stale {
			t.Errorf("stale within the grace: %s", view.StaleReason)
		}
		s.expectStale(s.at(alone), federation.StaleNoQuorumContact, 2*time.Minute)
		if view := s.at(s.order[0]).View(); view.Stale {
			t.Errorf("a node of the majority is stale: %s", view.StaleReason)
		}
		s.network.Heal()
		s.expectStale(s.at(alone), "", time.Minute)
	})
}

func TestRestartWhileCutOffServesTheLastTable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSimulation(t, 1, "beijing", "shanghai", "chengdu")
		defer s.stop()
		s.must(s.at(s.order[0]), federationtest.SetRoute(t, "beijing", "11"))
		s.converge()
		time.Sleep(time.Minute) // the checkpoint is written within seconds
		alone := s.order[2]
		before := s.at(alone).View().Revision()
		s.crash(alone)
		s.network.Partition(alone)
		view := s.at(alone).View()
		if view.Revision() != before || view.StaleReason != federation.StaleNotCaughtUp {
			t.Errorf("revision %d of %d, stale for %q", view.Revision(), before, view.StaleReason)
		}
		s.network.Heal()
		s.expectStale(s.at(alone), "", time.Minute)
	})
}

// A node whose binary does not know the registry's level stops applying, and says so.
func TestOldBinary(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSimulation(t, 1, "beijing", "shanghai", "chengdu")
		defer s.stop()
		for _, id := range s.order { // all upgraded
			s.nodes[id].known = registry.KnownLevel + 1
			s.crash(id)
		}
		s.leader()
		raise := federationtest.Command(t, "beijing")
		raise.Change = &jieliv1.Command_RaiseLevel{RaiseLevel: &jieliv1.RaiseLevel{Level: registry.KnownLevel + 1}}
		old := s.order[2]
		time.Sleep(2 * time.Minute) // every node reports its level
		s.network.Detach(old)
		if err := s.at(old).Close(); err != nil {
			t.Fatal(err)
		}
		before := s.at(old).View()
		s.must(s.at(s.order[0]), raise)
		s.must(s.at(s.order[0]), federationtest.SetRoute(t, "beijing", "11"))

		s.nodes[old].known = registry.KnownLevel // downgraded
		s.start(s.nodes[old])
		s.expectStale(s.at(old), federation.StaleLevelUnknown, time.Minute)
		if view := s.at(old).View(); view.Level() != registry.KnownLevel || view.Revision() < before.Revision() {
			t.Errorf("level %d, revision %d; before %d", view.Level(), view.Revision(), before.Revision())
		}
		if _, err := s.at(old).ReadStrong(t.Context()); !errors.Is(err, federation.ErrLevelUnknown) {
			t.Errorf("a strong read gave %v", err)
		}

		s.nodes[old].known = registry.KnownLevel + 1 // upgraded again
		s.crash(old)
		s.expectStale(s.at(old), "", time.Minute)
		s.converge()
		s.check()
	})
}
