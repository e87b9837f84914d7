package federation

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/google/uuid"
	"github.com/hashicorp/raft"

	"github.com/jieli-gateway/jieli/federation/registry"
	"github.com/jieli-gateway/jieli/federation/trust"
	jieliv1 "github.com/jieli-gateway/jieli/proto/jieli/v1"
)

// ErrHasRegistry means that this node is in a federation already.
var ErrHasRegistry = errors.New("this node is in a federation already")

// BootstrapRequest is what a new federation begins with.
type BootstrapRequest struct {
	// Region is its first region, Node its first node: this one.
	Region *jieliv1.Region
	Node   *jieliv1.Node
	// Services and Policy to begin with; may be empty.
	Services []*jieliv1.ServiceEntry
	Policy   *jieliv1.Policy
	// Actor is the person who makes it. Default: "bootstrap".
	Actor string
}

// Bootstrap makes a new federation with this node as its only one, and gives its cluster id. It fails with
// ErrHasRegistry if the node is in one already; one that was interrupted is finished.
func (r *Registry) Bootstrap(ctx context.Context, request BootstrapRequest) (cluster string, err error) {
	if err := r.started(); err != nil {
		return "", err
	}
	if id := (trust.NodeID{Region: request.Region.GetId(), Node: request.Node.GetName()}); id != r.cfg.Self || request.Node.GetRegion() != id.Region {
		return "", fmt.Errorf("bootstrap: the first node must be this one, %s, not %s", r.cfg.Self, id)
	}
	if !request.Node.GetRaft() {
		return "", errors.New("bootstrap: the first node must carry the registry (raft: true)")
	}
	if known := r.View().ClusterID(); known != "" {
		return "", fmt.Errorf("bootstrap: %w: %s", ErrHasRegistry, known)
	}
	if err := r.standAlone(ctx); err != nil {
		return "", fmt.Errorf("bootstrap: %w", err)
	}
	if known := r.View().ClusterID(); known != "" {
		return known, nil // an earlier bootstrap had got this far
	}
	cluster = uuid.NewString()
	command, err := bootstrapCommand(request, cluster, r.cfg.Now())
	if err != nil {
		return "", fmt.Errorf("bootstrap: %w", err)
	}
	if _, err := r.Propose(ctx, command); err != nil {
		return "", fmt.Errorf("bootstrap: %w", err)
	}
	r.log.Info("federation made", slog.String("cluster", cluster))
	return cluster, nil
}

// NewRequestID makes a request id, a UUIDv7, by the application's clock.
func NewRequestID(now time.Time) (string, error) {
	id, err := uuid.NewRandom()
	if err != nil {
		return "", fmt.Errorf("request id: %w", err)
	}
	var millis [8]byte
	binary.BigEndian.PutUint64(millis[:], uint64(max(0, now.UnixMilli())))
	copy(id[:6], millis[2:])
	id[6] = id[6]&0x0f | 0x70
	return id.String(), nil
}

func bootstrapCommand(request BootstrapRequest, cluster string, now time.Time) (*jieliv1.Command, error) {
	id, err := NewRequestID(now)
	if err != nil {
		return nil, err
	}
	actor := request.Actor
	if actor == "" {
		actor = "bootstrap"
	}
	return &jieliv1.Command{
		RequestId: id, Actor: actor, Region: request.Region.GetId(),
		Change: &jieliv1.Command_Bootstrap{Bootstrap: &jieliv1.Bootstrap{
			ClusterId: cluster, Region: request.Region, Node: request.Node, Services: request.Services, Policy: request.Policy,
		}},
	}, nil
}

// standAlone makes this node the only voter and waits until it leads.
func (r *Registry) standAlone(ctx context.Context) error {
	servers, _ := r.servers()
	if len(servers) > 1 || len(servers) == 1 && servers[0].Node != r.cfg.Self {
		return fmt.Errorf("%w: its Raft log has other nodes", ErrHasRegistry)
	}
	if len(servers) == 0 {
		_, err := r.futures.await(ctx, func(time.Duration) raft.Future {
			return r.raft.BootstrapCluster(raft.Configuration{Servers: []raft.Server{{
				ID: serverID(r.cfg.Self), Address: serverAddress(r.cfg.Self),
			}}})
		})
		if err != nil {
			return err
		}
	}
	for {
		moved := r.leaderMoved.wait()
		err := r.mayLead()
		if err == nil {
			return nil
		}
		select {
		case <-moved:
		case <-ctx.Done():
			return fmt.Errorf("wait until this node leads: %w (%w)", ctx.Err(), err)
		}
	}
}

// JoinRequest is what a joiner was told out of band.
type JoinRequest struct {
	// ClusterID is the federation's.
	ClusterID string
	// Address is host:port of a member's federation port.
	Address string
	// BundleFingerprint is of the CA of that member's region, as `jieli pki show` prints it there.
	BundleFingerprint trust.Fingerprint
}

// Join puts this node into a federation, in which it and its region have been registered and approved before. It
// fetches the registry from the member, checks that it is the right federation and that its own entry fits its
// certificate, and then waits until the leader has brought it up to date. A node that is in this federation already
// has nothing to do; one in another fails with ErrHasRegistry or ErrOtherCluster. Nobody is trusted but the member
// with the fingerprint, and through its registry its members.
func (r *Registry) Join(ctx context.Context, request JoinRequest) error {
	if err := r.started(); err != nil {
		return err
	}
	switch known := r.View().ClusterID(); {
	case known == request.ClusterID && known != "":
		return nil
	case known != "":
		return fmt.Errorf("join %s: %w: %s; a node changes its federation with an empty data directory only", request.ClusterID, ErrHasRegistry, known)
	}
	if servers, _ := r.servers(); len(servers) > 0 {
		return fmt.Errorf("join: %w: its Raft log has nodes", ErrHasRegistry)
	}
	client, err := r.network.PinnedClient(request.Address, request.BundleFingerprint)
	if err != nil {
		return fmt.Errorf("join through %s: %w", request.Address, err)
	}
	view, err := r.fetch(ctx, client, request.ClusterID)
	if err = errors.Join(err, client.Close()); err != nil {
		return fmt.Errorf("join through %s: %w", request.Address, err)
	}
	if err := r.takeSeed(view); err != nil {
		return fmt.Errorf("join through %s: %w", request.Address, err)
	}
	r.log.Info("registry fetched, waiting for the leader", slog.String("cluster", request.ClusterID), slog.Uint64("revision", view.Revision()))
	return r.waitCaughtUp(ctx)
}

// fetch gets the registry of a member and checks that it is the right one, and knows this node for what it is.
func (r *Registry) fetch(ctx context.Context, client Client, cluster string) (*registry.View, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // ends the stream if it was not read to its end
	stream, err := client.FetchRegistry(ctx, &jieliv1.FetchRegistryRequest{ClusterId: cluster})
	if err != nil {
		return nil, fmt.Errorf("fetch the registry: %w", fromStatus(err))
	}
	machine, err := registry.Restore(bufio.NewReader(&streamReader{stream: stream}), r.fsm.options)
	if err != nil {
		return nil, fmt.Errorf("fetch the registry: %w", fromStatus(err))
	}
	view := machine.View()
	if view.ClusterID() != cluster {
		return nil, fmt.Errorf("%w: the member's is %s, not %s", ErrOtherCluster, view.ClusterID(), cluster)
	}
	if err := r.checkOwnEntry(view); err != nil {
		return nil, err
	}
	return view, nil
}

// checkOwnEntry makes sure that the other nodes will know this one by its certificate, and may send it the registry.
func (r *Registry) checkOwnEntry(view *registry.View) error {
	self := r.cfg.Self
	if err := (&members{view: func() Snapshot { return Snapshot{View: view} }}).NodeAllowed(self, trust.UseRaft); err != nil {
		return fmt.Errorf("the registry does not take this node, %s: %w", self, err)
	}
	region, _ := view.Region(self.Region) // it was there just now
	bundle, err := trust.ParseBundle(self.Region, region.GetBundle())
	if err != nil {
		return fmt.Errorf("this region's entry in the registry: %w", err)
	}
	return r.network.CheckOwn(bundle)
}

// takeSeed serves a fetched table until Raft has caught up, and keeps it on disk.
func (r *Registry) takeSeed(view *registry.View) error {
	if err := r.checkpoint.save(view); err != nil {
		return err
	}
	r.seed.Store(view)
	r.tableMoved()
	return nil
}

func (r *Registry) waitCaughtUp(ctx context.Context) error {
	for {
		changed := r.Changed()
		if r.caughtUp.Load() {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("no leader has brought this node up to date yet; can the other nodes reach its address in the registry? %w", ctx.Err())
		}
	}
}
