package federation_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/raft"

	"github.com/jieli-gateway/jieli/federation"
	"github.com/jieli-gateway/jieli/federation/federationtest"
	"github.com/jieli-gateway/jieli/federation/trust"
	jieliv1 "github.com/jieli-gateway/jieli/proto/jieli/v1"
	"github.com/jieli-gateway/jieli/regions"
)

// simulation is a federation in memory and in fake time, under faults and with writers, that checks itself.
type simulation struct {
	t       *testing.T
	random  *rand.Rand // of the one who makes faults
	network *federationtest.Memory

	mu      sync.Mutex
	nodes   map[trust.NodeID]*simulated
	order   []trust.NodeID
	applied map[uint64]string // revision -> request id of each acknowledged write
	routes  map[string]uint64 // division -> revision at which it was acknowledged
	writes  int
	unknown int
}

// simulated is one node: what survives a crash, and the process that runs now.
type simulated struct {
	id       trust.NodeID
	dir      string
	known    uint32 // level its binary knows; 0: that of this one
	storage  federation.Storage
	registry *federation.Registry
}

func newSimulation(t *testing.T, seed uint64, regions ...string) *simulation {
	s := &simulation{
		t: t, random: rand.New(rand.NewPCG(seed, 1)), network: federationtest.NewMemory(),
		nodes: map[trust.NodeID]*simulated{}, applied: map[uint64]string{}, routes: map[string]uint64{},
	}
	for i, region := range regions {
		id := trust.NodeID{Region: region, Node: "1"}
		entry := regionFor(t, region)
		if i == 0 {
			n := s.start(s.add(id))
			if _, err := n.Bootstrap(t.Context(), federation.BootstrapRequest{Region: entry, Node: federationtest.Node(id, federationtest.Address(id))}); err != nil {
				t.Fatal(err)
			}
			continue
		}
		first := s.nodes[s.order[0]].registry
		s.must(first, federationtest.RegisterRegion(t, regions[0], entry, federationtest.Node(id, federationtest.Address(id))))
		s.must(first, federationtest.ChangeState(t, regions[0], region, jieliv1.Region_ACTIVE))
		n := s.start(s.add(id))
		request := federation.JoinRequest{ClusterID: first.View().ClusterID(), Address: federationtest.Address(s.order[0])}
		if err := n.Join(t.Context(), request); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

func (s *simulation) add(id trust.NodeID) *simulated {
	store := raft.NewInmemStore()
	n := &simulated{
		id: id, dir: filepath.Join(s.t.TempDir(), id.Region),
		storage: federation.Storage{Log: store, Stable: store, Snapshots: raft.NewInmemSnapshotStore()},
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.nodes[id] = n
	s.order = append(s.order, id)
	return n
}

func (s *simulation) start(n *simulated) *federation.Registry {
	profile, err := federation.ProfileNamed(federation.ProfileWAN)
	if err != nil {
		s.t.Fatal(err)
	}
	registry, err := federation.New(federation.Config{
		Self: n.id, Dir: n.dir, Profile: profile, Version: "test", KnownLevel: n.known, CheckpointPause: 5 * time.Second,
		OpenStorage: func(string, *slog.Logger) (federation.Storage, error) { return n.storage, nil },
	})
	if err != nil {
		s.t.Fatal(err)
	}
	if err := registry.Start(s.network.Attach(n.id, registry)); err != nil {
		s.t.Fatal(err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	n.registry = registry
	return registry
}

// crash takes a node off the network, loses what it has in memory and starts it again.
func (s *simulation) crash(id trust.NodeID) {
	n := s.nodes[id]
	s.network.Detach(id)
	if err := n.registry.Close(); err != nil {
		s.t.Errorf("%s: %v", id, err)
	}
	s.start(n)
}

func (s *simulation) stop() {
	for _, id := range s.order {
		if err := s.nodes[id].registry.Close(); err != nil {
			s.t.Errorf("%s: %v", id, err)
		}
	}
	time.Sleep(2 * time.Minute) // until calls to nodes that are gone have run out of time: nobody waits for those
}

func (s *simulation) at(id trust.NodeID) *federation.Registry {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.nodes[id].registry
}

func (s *simulation) must(r *federation.Registry, command *jieliv1.Command) {
	s.t.Helper()
	if _, err := r.Propose(s.t.Context(), command); err != nil {
		s.t.Fatal(err)
	}
}

// leader waits until a node of the majority leads.
func (s *simulation) leader() trust.NodeID {
	s.t.Helper()
	for range 3000 {
		for _, id := range s.order {
			if s.at(id).Status(s.t.Context(), false).GetRaftState() == "Leader" {
				return id
			}
		}
		time.Sleep(20 * time.Millisecond)
	}
	s.t.Fatal("nobody leads for a minute")
	return trust.NodeID{}
}

// write writes from one region until the context ends. What it is not told the outcome of it proposes again, until it
// knows.
func (s *simulation) write(ctx context.Context, writer int, id trust.NodeID) {
	for i := 0; ctx.Err() == nil; i++ {
		division := fmt.Sprintf("11%04d%06d", 1+writer, i)
		command := federationtest.SetRoute(s.t, id.Region, division)
		for begin := time.Now(); ; {
			limited, cancel := context.WithTimeout(context.Background(), 3*time.Second)
			outcome, err := s.at(id).Propose(limited, command)
			cancel()
			if err == nil {
				s.acknowledge(command, division, outcome)
				break
			}
			if !s.mayRetry(id, err) {
				return
			}
			if time.Since(begin) > 10*time.Minute {
				s.t.Errorf("%s: a write has had no outcome for %s: %v", id, time.Since(begin), err)
				return
			}
			time.Sleep(100 * time.Millisecond)
		}
		time.Sleep(time.Second)
	}
}

func (s *simulation) mayRetry(id trust.NodeID, err error) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if errors.Is(err, federation.ErrUnknown) {
		s.unknown++
	}
	for _, known := range []error{federation.ErrUnknown, federation.ErrNoQuorum, federation.ErrClosed} {
		if errors.Is(err, known) {
			return true
		}
	}
	s.t.Errorf("%s: a write failed with %v", id, err)
	return false
}

func (s *simulation) acknowledge(command *jieliv1.Command, division string, outcome *jieliv1.Outcome) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.writes++
	if other, taken := s.applied[outcome.GetRevision()]; taken && other != command.GetRequestId() {
		s.t.Errorf("revision %d was given to %s and %s", outcome.GetRevision(), other, command.GetRequestId())
	}
	s.applied[outcome.GetRevision()] = command.GetRequestId()
	s.routes[division] = outcome.GetRevision()
}

// run makes faults round by round while everybody writes, then heals and checks.
func (s *simulation) run(rounds int, fault func()) {
	ctx, cancel := context.WithCancel(s.t.Context())
	var writing sync.WaitGroup
	for i, id := range s.order {
		writing.Go(func() { s.write(ctx, i, id) })
	}
	for range rounds {
		s.leader()
		fault()
		time.Sleep(time.Duration(1+s.random.IntN(8)) * time.Second)
		s.network.Heal()
		s.check()
	}
	time.Sleep(10 * time.Second)
	cancel()
	writing.Wait()
	s.converge()
	s.check()
	s.lostNothing()
}

// converge waits until all nodes have the same revision.
func (s *simulation) converge() {
	s.t.Helper()
	for range 3000 {
		revisions := map[uint64]bool{}
		for _, id := range s.order {
			revisions[s.at(id).View().Revision()] = true
		}
		if len(revisions) == 1 {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	s.t.Error("the nodes have not converged within a minute")
}

// check compares the tables of all nodes at every revision they have in common.
func (s *simulation) check() {
	s.t.Helper()
	first := s.at(s.order[0]).View()
	for _, id := range s.order[1:] {
		view := s.at(id).View()
		for revision := min(first.Revision(), view.Revision()); revision > 0; revision-- {
			ours, known := first.HashAt(revision)
			theirs, too := view.HashAt(revision)
			if !known || !too {
				break
			}
			if ours != theirs {
				s.t.Fatalf("%s and %s differ at revision %d", s.order[0], id, revision)
			}
		}
		if found := s.at(id).HashMismatches(); len(found) > 0 {
			s.t.Fatalf("%s reports %v", id, found)
		}
	}
}

// lostNothing looks for every acknowledged write on every node.
func (s *simulation) lostNothing() {
	s.t.Helper()
	for _, id := range s.order {
		view := s.at(id).View()
		if got := view.Routes().Len(); got != len(s.routes) {
			s.t.Errorf("%s has %d routes, %d were acknowledged", id, got, len(s.routes))
		}
		for division, revision := range s.routes {
			key, err := regions.ParseKey(division, "", "")
			if err != nil {
				s.t.Fatal(err)
			}
			if route, ok := view.Route(key); !ok || route.GetRevision() != revision {
				s.t.Errorf("%s has lost the route of %s, acknowledged at revision %d", id, division, revision)
			}
		}
	}
	s.t.Logf("%d writes acknowledged, %d times the outcome was unknown", s.writes, s.unknown)
}

// moveLeaderAway suspends the leader's region and resumes it. The bootstrap region cannot be suspended: when it leads,
// its process is stopped and started, which hands over too.
func (s *simulation) moveLeaderAway() {
	s.t.Helper()
	leader, keeper := s.leader(), s.order[0]
	if leader == keeper {
		n := s.nodes[keeper]
		if err := n.registry.Close(); err != nil {
			s.t.Error(err)
		}
		s.start(n)
		return
	}
	for _, state := range []jieliv1.Region_State{jieliv1.Region_SUSPENDED, jieliv1.Region_ACTIVE} {
		if _, err := s.at(keeper).Propose(s.t.Context(), federationtest.ChangeState(s.t, keeper.Region, leader.Region, state)); err != nil {
			s.t.Errorf("%s %s: %v", leader.Region, state, err)
		}
		if now := s.leader(); now == leader {
			s.t.Errorf("%s leads still", now)
		}
	}
}

func (s *simulation) pick() trust.NodeID { return s.order[s.random.IntN(len(s.order))] }

func TestFederationUnderFaults(t *testing.T) {
	regions := []string{"beijing", "shanghai", "chengdu", "wuhan", "xian"}
	for _, test := range []struct {
		name   string
		rounds int
		fault  func(*simulation)
	}{
		{"the leader is cut off", 40, func(s *simulation) {
			s.network.Partition(s.leader())
		}},
		{"partitions", 40, func(s *simulation) {
			side := []trust.NodeID{s.pick(), s.pick(), s.pick()}
			s.network.Partition(side[:1+s.random.IntN(3)]...)
		}},
		{"one-way losses", 40, func(s *simulation) {
			for range 1 + s.random.IntN(6) {
				s.network.Cut(s.pick(), s.pick())
			}
		}},
		{"crashes", 40, func(s *simulation) {
			if s.random.IntN(2) == 0 {
				s.crash(s.leader())
			} else {
				s.crash(s.pick())
			}
		}},
		{"leadership and votes are moved away", 40, func(s *simulation) {
			s.moveLeaderAway()
		}},
		{"everything at once", 40, func(s *simulation) {
			switch s.random.IntN(3) {
			case 0:
				s.network.Partition(s.leader())
			case 1:
				s.network.Cut(s.pick(), s.pick())
			}
			if s.random.IntN(3) == 0 {
				s.crash(s.pick())
			}
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				if testing.Short() {
					test.rounds /= 4
				}
				begin := time.Now()
				s := newSimulation(t, 1, regions...)
				defer s.stop()
				s.run(test.rounds, func() { test.fault(s) })
				t.Logf("%s of cluster time", time.Since(begin).Round(time.Second))
			})
		})
	}
}
