package federation

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"
	"golang.org/x/time/rate"

	"github.com/jieli-gateway/jieli/federation/registry"
	"github.com/jieli-gateway/jieli/federation/trust"
)

// knownLevel is the highest registry level of this binary.
const knownLevel = registry.KnownLevel

// Registry is this node's part in the federation's registry. All methods may be called from several goroutines.
//
// New loads what is on disk, so that View and Members answer; Start connects to the others; Bootstrap or Join, once
// in a node's life, puts it into a federation.
type Registry struct {
	cfg     Config
	log     *slog.Logger
	raftLog hclog.Logger
	meters  *meters

	machine    *registry.Machine
	fsm        *fsm
	gate       *gate
	storage    Storage
	checkpoint *checkpoint
	futures    *futures
	mismatches mismatches
	complaints rate.Sometimes // log lines that other nodes can cause at will; metrics count them all

	// seed is a table that is newer than what Raft has confirmed so far: from the checkpoint or from a member. It is
	// served until Raft has caught up.
	seed     atomic.Pointer[registry.View]
	caughtUp atomic.Bool
	contact  contact
	// pastGrace tells that the contact is longer ago than the policy allows.
	pastGrace atomic.Bool
	changed   bell // rings when View may answer something else

	stamp       stamps
	leaderTerm  atomic.Uint64 // the term in which this node leads and has applied all that came before; 0: none
	leaderMoved bell          // rings when another leads, or this node begins or ceases to
	membership  membership

	// Set by Start.
	raft       *raft.Raft
	logs       raft.LogStore // with its cache in front
	transport  Transport
	network    Network
	clients    *clients
	neighbours *neighbours

	mu      sync.Mutex
	state   nodeState
	ctx     context.Context // ends with Close
	cancel  context.CancelFunc
	running sync.WaitGroup
}

type nodeState int

const (
	stateNew nodeState = iota
	stateStarted
	stateClosed
)

// New opens the data directory and loads the last known table. It takes the directory for itself: ErrDirInUse if
// another process has it. Close the registry even if it was never started.
func New(cfg Config) (*Registry, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	log := cfg.Log.With(slog.String("self", cfg.Self.String()))
	storage, err := cfg.OpenStorage(cfg.Dir, log)
	if err != nil {
		return nil, err
	}
	options := registry.Options{KnownLevel: cfg.KnownLevel}
	machine := registry.New(options)
	ctx, cancel := context.WithCancel(context.Background())
	r := &Registry{
		cfg: cfg, log: log, raftLog: newRaftLogger(log),
		machine: machine, fsm: &fsm{machine: machine, options: options}, gate: newGate(cfg.Profile.Stall),
		storage: storage, checkpoint: newCheckpoint(cfg.Dir, options), futures: newFutures(cfg.MaxInFlight),
		contact: newContact(), membership: newMembership(), complaints: rate.Sometimes{First: 10, Interval: time.Second},
		ctx: ctx, cancel: cancel,
	}
	if err := r.loadCheckpoint(); err != nil {
		return nil, errors.Join(err, storage.close())
	}
	if r.meters, err = newMeters(cfg.Metrics, r); err != nil {
		return nil, errors.Join(fmt.Errorf("registry metrics: %w", err), storage.close())
	}
	return r, nil
}

// Start connects the registry to the other nodes. A node that is in no federation yet then waits for Bootstrap or
// Join, and refuses everybody until then.
func (r *Registry) Start(network Network) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.state != stateNew {
		return errors.New("federation: the registry has been started before")
	}
	r.network = network
	r.clients = newClients(network, r.address)
	r.neighbours = newNeighbours(r)
	if err := r.startRaft(); err != nil {
		return err
	}
	r.state = stateStarted
	r.log.Info("registry started", slog.Any("raft", r.cfg.Profile), slog.Uint64("level", uint64(r.cfg.KnownLevel)),
		slog.String("cluster", r.View().ClusterID()), slog.Uint64("revision", r.View().Revision()))
	for _, run := range []func(context.Context){
		r.followMachine, r.followLeader, r.followContact, r.lead, r.settle, r.keepCheckpoint, r.neighbours.run,
	} {
		r.running.Go(func() { run(r.ctx) })
	}
	return nil
}

func (r *Registry) startRaft() error {
	transport, err := r.network.Transport(Wiring{
		Address: r.address, Cluster: r.cluster, Refused: r.refusedRaft, Timeout: r.cfg.Profile.RPC, Log: r.log, RaftLog: r.raftLog,
	})
	if err != nil {
		return fmt.Errorf("raft transport: %w", err)
	}
	logs, err := r.storage.watched(r.gate)
	if err != nil {
		return errors.Join(err, transport.Close())
	}
	gated := &gatedTransport{Transport: transport, gate: r.gate, name: serverAddress(r.cfg.Self)}
	node, err := raft.NewRaft(r.cfg.Profile.raftConfig(r.cfg.Self, r.raftLog), r.fsm, logs, r.storage.Stable, r.storage.Snapshots, gated)
	if err != nil {
		return errors.Join(fmt.Errorf("start Raft from %s: %w", r.cfg.Dir, err), transport.Close())
	}
	r.fsm.running.Store(true)
	r.raft, r.logs, r.transport = node, logs, gated
	return nil
}

// Close hands leadership over if this node leads, closes its Raft connections and stops everything, within
// CloseTimeout for each. The network is closed by its owner, afterwards.
func (r *Registry) Close() error {
	r.mu.Lock()
	before := r.state
	r.state = stateClosed
	r.mu.Unlock()
	if before == stateClosed {
		return nil
	}
	var failures []error
	if before == stateStarted {
		r.handOver()
		r.cancel()
		r.running.Wait()
		failures = append(failures, r.stopRaft(), r.saveCheckpoint(), r.clients.close())
	}
	r.cancel()
	r.meters.unregister()
	if err := errors.Join(failures...); err != nil {
		return fmt.Errorf("close the registry: %w", err) // the log may still be written to: leave it to the kernel
	}
	return r.storage.close()
}

// stopRaft waits for what is under way, closes the connections, since Raft would wait for answers over them, and then
// waits for Raft itself.
func (r *Registry) stopRaft() error {
	if err := r.futures.settle(r.cfg.CloseTimeout); err != nil {
		r.log.Warn("registry closes although writes are under way", slog.Any("error", err))
	}
	if err := r.transport.Close(); err != nil {
		return fmt.Errorf("close Raft's connections: %w", err)
	}
	stopped := make(chan error, 1)
	go func() { stopped <- r.raft.Shutdown().Error() }()
	timer := time.NewTimer(r.cfg.CloseTimeout)
	defer timer.Stop()
	select {
	case err := <-stopped:
		return err
	case <-timer.C:
		return fmt.Errorf("raft has not stopped within %s; does the disk of %s stall?", r.cfg.CloseTimeout, r.cfg.Dir)
	}
}

// handOver gives leadership to another voter, so that the others need not wait for an election timeout.
func (r *Registry) handOver() {
	if r.raft.State() != raft.Leader || len(r.voters()) < 2 {
		return
	}
	ctx, cancel := context.WithTimeout(r.ctx, min(r.cfg.CloseTimeout, 2*r.cfg.Profile.Election))
	defer cancel()
	_, err := r.futures.await(ctx, func(time.Duration) raft.Future { return r.raft.LeadershipTransfer() })
	if err != nil {
		r.log.Info("leadership not handed over", slog.Any("error", err))
	}
}

// followMachine makes each change of the registry take effect on connections at once, and tells those who wait.
func (r *Registry) followMachine(ctx context.Context) {
	for {
		moved := r.machine.Changed()
		r.tableMoved()
		select {
		case <-moved:
		case <-ctx.Done():
			return
		}
	}
}

// tableMoved is called when View may have moved to another table.
func (r *Registry) tableMoved() {
	r.network.Recheck()
	r.clients.prune()
	r.changed.ring()
}

// followLeader wakes those who wait for a leader.
func (r *Registry) followLeader(ctx context.Context) {
	observed := make(chan raft.Observation, 1)
	observer := raft.NewObserver(observed, false, func(o *raft.Observation) bool {
		_, ok := o.Data.(raft.LeaderObservation)
		return ok
	})
	r.raft.RegisterObserver(observer)
	defer r.raft.DeregisterObserver(observer)
	for {
		select {
		case <-observed:
			r.leaderMoved.ring()
		case <-ctx.Done():
			return
		}
	}
}

// address gives where a registered node is.
func (r *Registry) address(id trust.NodeID) (string, bool) {
	node, ok := r.View().Node(id.Region, id.Node)
	return node.GetAddress(), ok
}

// cluster is the federation's id, uuid.Nil if there is none yet.
func (r *Registry) cluster() uuid.UUID {
	id, err := uuid.Parse(r.View().ClusterID())
	if err != nil {
		return uuid.Nil
	}
	return id
}

// checkCluster refuses another node's call that is meant for another federation.
func (r *Registry) checkCluster(theirs string) error {
	switch ours := r.View().ClusterID(); {
	case ours == "":
		return ErrNoRegistry
	case ours != theirs:
		return fmt.Errorf("%w: it says %q, this one is %s", ErrOtherCluster, theirs, ours)
	}
	return nil
}

// leader is who leads as far as Raft here knows; false if nobody does.
func (r *Registry) leader() (trust.NodeID, bool) {
	_, name := r.raft.LeaderWithID()
	id := nodeOf(name)
	return id, !id.IsZero()
}

// servers is Raft's newest configuration, committed or not, and its index.
func (r *Registry) servers() ([]Server, uint64) {
	future := r.raft.GetConfiguration() // answered at once
	configuration := future.Configuration()
	servers := make([]Server, 0, len(configuration.Servers))
	for _, server := range configuration.Servers {
		servers = append(servers, Server{Node: nodeOf(server.ID), Voter: server.Suffrage == raft.Voter})
	}
	return servers, future.Index()
}

func (r *Registry) voters() []trust.NodeID {
	servers, _ := r.servers()
	voters := make([]trust.NodeID, 0, len(servers))
	for _, server := range servers {
		if server.Voter {
			voters = append(voters, server.Node)
		}
	}
	return voters
}

func (r *Registry) started() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch r.state {
	case stateStarted:
		return nil
	case stateClosed:
		return ErrClosed
	}
	return errors.New("federation: the registry has not been started")
}

func (r *Registry) refusedRaft(peer trust.NodeID, err error) {
	reason, _, ok := ReasonOf(err)
	if !ok {
		r.log.Debug("raft connection ended in its greeting", slog.String("peer", peer.String()), slog.Any("error", err))
		return
	}
	r.meters.refused(reason)
	r.complaints.Do(func() {
		r.log.Warn("raft connection refused", slog.String("peer", peer.String()), slog.String("reason", reason), slog.Any("error", err))
	})
}
