package federation

import (
	"crypto/x509"
	"fmt"
	"maps"
	"sync/atomic"

	"github.com/jieli-gateway/jieli/federation/trust"
	jieliv1 "github.com/jieli-gateway/jieli/proto/jieli/v1"
)

// Members answers trust's questions from the registry's newest table.
func (r *Registry) Members() trust.Members { return &members{view: r.View} }

// members is trust.Members over the registry. Certificates are parsed once for each version of a region's entry.
type members struct {
	view    func() Snapshot
	bundles atomic.Pointer[map[string]parsedBundle]
}

type parsedBundle struct {
	region *jieliv1.Region // the entry it was parsed from: entries are immutable
	certs  []*x509.Certificate
}

// Bundle gives the CA certificates of a region that has been approved. Those of a region that was cut off are given
// too: so its nodes are known for what they are and refused by NodeAllowed with the true reason.
func (m *members) Bundle(id string) ([]*x509.Certificate, bool) {
	region, ok := m.view().Region(id)
	if !ok || region.GetState() == jieliv1.Region_PENDING || region.GetState() == jieliv1.Region_STATE_UNSPECIFIED {
		return nil, false
	}
	known := m.bundles.Load()
	if known != nil {
		if bundle, ok := (*known)[id]; ok && bundle.region == region {
			return bundle.certs, len(bundle.certs) > 0
		}
	}
	certs, err := trust.ParseBundle(id, region.GetBundle())
	if err != nil {
		certs = nil // it was checked when it was written; what this release cannot read it cannot trust
	}
	next := map[string]parsedBundle{}
	if known != nil {
		next = maps.Clone(*known)
	}
	next[id] = parsedBundle{region: region, certs: certs}
	m.bundles.CompareAndSwap(known, &next) // if another was faster, this is parsed again next time
	return certs, len(certs) > 0
}

// NodeAllowed tells whether a node may connect for a use.
func (m *members) NodeAllowed(id trust.NodeID, use trust.Use) error {
	view := m.view()
	region, ok := view.Region(id.Region)
	if !ok {
		return trust.ReasonUnknownRegion
	}
	switch region.GetState() {
	case jieliv1.Region_ACTIVE, jieliv1.Region_SUSPENDED:
	case jieliv1.Region_REVOKED:
		return trust.ReasonRevoked
	case jieliv1.Region_RETIRED:
		return fmt.Errorf("%w: region %s has retired", trust.ReasonRevoked, id.Region)
	default:
		return trust.ReasonUnknownRegion
	}
	node, ok := view.Node(id.Region, id.Node)
	if !ok {
		return trust.ReasonUnregisteredNode
	}
	if use == trust.UseRaft && !node.GetRaft() {
		return trust.ReasonRaftNotAllowed
	}
	return nil
}
