package telemetry

import (
	"context"
	"maps"
	"slices"

	"github.com/jieli-gateway/jieli/federation"
	jieliv1 "github.com/jieli-gateway/jieli/proto/jieli/v1"
)

// Registry tells how it is: federation.Registry.
type Registry interface {
	Status(ctx context.Context, withPeers bool) *jieliv1.RegistryStatus
	View() federation.Snapshot
}

// AddRegistry reads what is in the registry, and who leads it. Nobody else is asked.
func (r *Readings) AddRegistry(registry Registry) error {
	p := r.newPart("registry")
	leader := p.gauge("registry_leader_known", "1 while this node knows who leads the registry.")
	regions := p.gauge("registry_regions", "Regions in the registry by state.", "state")
	nodes := p.gauge("registry_nodes", "Nodes in the registry, of all regions.")
	routes := p.gauge("registry_routes", "Routes in the registry.")
	grace := p.gauge("registry_grace_seconds", "How long this node may be without a quorum before it offers only to regions with the very same table.")
	return p.add(func(ctx context.Context, to scrape) error {
		view := registry.View()
		to.set(leader, flag(registry.Status(ctx, false).GetLeader() != ""))
		counts := map[jieliv1.Region_State]int{}
		all := 0
		for _, region := range view.Regions() {
			counts[region.GetState()]++
			all += len(view.Nodes(region.GetId()))
		}
		for _, n := range slices.Sorted(maps.Keys(jieliv1.Region_State_name)) {
			if state := jieliv1.Region_State(n); state != jieliv1.Region_STATE_UNSPECIFIED {
				to.set(regions, float64(counts[state]), state.String())
			}
		}
		to.set(nodes, float64(all))
		to.set(routes, float64(view.Routes().Len()))
		to.set(grace, view.Policy().GetRegistryGrace().AsDuration().Seconds())
		return nil
	})
}
