package federation

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/jieli-gateway/jieli/federation/registry"
	"github.com/jieli-gateway/jieli/federation/trust"
	jieliv1 "github.com/jieli-gateway/jieli/proto/jieli/v1"
)

const (
	// refreshAfter is how many heartbeat timeouts a node that starts waits for a leader before it asks the voters it
	// knows for a newer table.
	refreshAfter = 5
	// reportAtMost is the longest pause between two tries to report the level.
	reportAtMost = time.Minute
)

// settle brings a node that has started up to date, and then reports its level.
func (r *Registry) settle(ctx context.Context) {
	if r.catchUp(ctx) {
		r.reportLevel(ctx)
	}
}

// catchUp waits until a leader confirms that the table here is the newest one; false if the context ended before.
func (r *Registry) catchUp(ctx context.Context) bool {
	patience := refreshAfter * r.cfg.Profile.Heartbeat
	refresh, warned := time.Now().Add(patience), false
	for {
		moved, changed := r.leaderMoved.wait(), r.changed.wait()
		limited, cancel := context.WithTimeout(ctx, r.cfg.ReadTimeout)
		err := r.confirm(limited)
		cancel()
		if err == nil && !r.seedIsAhead() {
			r.caughtUp.Store(true)
			r.seed.Store(nil)
			r.contact.set(r.lastContact())
			r.tableMoved()
			return true
		}
		if err == nil && !warned {
			warned = true
			r.log.Error("the registry's leader knows less than this node's last table: the registry has lost changes",
				slog.Uint64("leader", r.machine.View().Revision()), slog.Uint64("here", r.seed.Load().Revision()))
		}
		if time.Now().After(refresh) && ctx.Err() == nil {
			r.refresh(ctx)
			refresh = time.Now().Add(patience)
		}
		timer := time.NewTimer(max(r.cfg.Profile.Heartbeat/4, retryPause))
		select {
		case <-moved:
		case <-changed:
		case <-timer.C:
		case <-ctx.Done():
		}
		timer.Stop()
		if ctx.Err() != nil {
			return false
		}
	}
}

func (r *Registry) seedIsAhead() bool {
	seed := r.seed.Load()
	return seed != nil && seed.Revision() > r.machine.View().Revision()
}

// refresh asks the voters this node knows for a newer table. Without it a node that was away while a region it has
// never heard of came to lead would refuse that leader for ever, since only the leader could tell it of that region.
func (r *Registry) refresh(ctx context.Context) {
	cluster := r.View().ClusterID()
	if cluster == "" {
		return
	}
	for _, id := range others(r.cfg.Self, r.voters()) {
		view, err := r.refreshFrom(ctx, id, cluster)
		if err != nil {
			r.log.Debug("no newer registry table", slog.String("peer", id.String()), slog.Any("error", err))
			continue
		}
		if view.Revision() > r.View().Revision() {
			r.log.Info("newer registry table taken from a voter", slog.String("peer", id.String()), slog.Uint64("revision", view.Revision()))
			if err := r.takeSeed(view); err != nil {
				r.log.Error("the newer registry table is not kept", slog.Any("error", err))
			}
		}
		return
	}
}

func (r *Registry) refreshFrom(ctx context.Context, id trust.NodeID, cluster string) (*registry.View, error) {
	ctx, cancel := context.WithTimeout(ctx, r.cfg.WriteTimeout)
	defer cancel()
	client, err := r.clients.to(id)
	if err != nil {
		return nil, err
	}
	return r.fetch(ctx, client, cluster)
}

// reportLevel says in the registry which level and version this node runs, if its entry says otherwise.
func (r *Registry) reportLevel(ctx context.Context) {
	wait := time.Second
	for {
		changed := r.Changed()
		command, err := r.levelReport()
		if err == nil && command == nil {
			if !waitFor(ctx, changed) { // the entry may be replaced by an older one
				return
			}
			continue
		}
		if err == nil {
			err = r.proposeAndSee(ctx, command)
		}
		if err == nil {
			wait = time.Second
			continue
		}
		var rejection *Rejection
		if errors.As(err, &rejection) {
			r.log.Warn("the registry does not take this node's level and version", slog.Any("error", err))
		} else {
			r.log.Debug("level and version not reported yet", slog.Any("error", err))
		}
		if !pause(ctx, wait) {
			return
		}
		wait = min(2*wait, reportAtMost)
	}
}

// proposeAndSee proposes a command and waits until this node's own table has it.
func (r *Registry) proposeAndSee(ctx context.Context, command *jieliv1.Command) error {
	outcome, err := r.Propose(ctx, command)
	if err != nil {
		return err
	}
	_, err = r.WaitRevision(ctx, outcome.GetRevision())
	return err
}

func waitFor(ctx context.Context, changed <-chan struct{}) bool {
	select {
	case <-changed:
		return true
	case <-ctx.Done():
		return false
	}
}

// levelReport is the command that reports this node; nil if its entry is right, or there is none.
func (r *Registry) levelReport() (*jieliv1.Command, error) {
	self := r.cfg.Self
	node, ok := r.machine.View().Node(self.Region, self.Node)
	if !ok || node.GetLevel() == r.cfg.KnownLevel && node.GetVersion() == r.cfg.Version {
		return nil, nil //nolint:nilnil // nothing to report is no error
	}
	id, err := NewRequestID(r.cfg.Now())
	if err != nil {
		return nil, err
	}
	return &jieliv1.Command{
		RequestId: id, Actor: "node " + self.String(), Region: self.Region,
		Change: &jieliv1.Command_ReportLevel{ReportLevel: &jieliv1.ReportLevel{
			Region: self.Region, Name: self.Node, Level: r.cfg.KnownLevel, Version: r.cfg.Version,
		}},
	}, nil
}
