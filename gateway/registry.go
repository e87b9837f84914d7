package gateway

import (
	"slices"
	"strings"

	"github.com/jieli-gateway/jieli/federation"
	"github.com/jieli-gateway/jieli/gateway/desk"
	"github.com/jieli-gateway/jieli/gateway/link"
	jieliv1 "github.com/jieli-gateway/jieli/proto/jieli/v1"
)

// The registry as its readers want it: desk and links declare small interfaces of their own, and the adapters here are
// all there is between them and package federation.

// deskRegistry is the registry as the desk sees it.
type deskRegistry struct{ *federation.Registry }

// Table implements desk.Registry.
func (r deskRegistry) Table() desk.Table {
	s := r.View()
	if s.ClusterID() == "" {
		return desk.Table{}
	}
	return desk.Table{View: s.View, PastGrace: s.StaleReason == federation.StaleNoQuorumContact || s.StaleReason == federation.StaleLevelUnknown}
}

// linkRegistry is the registry as links see it.
type linkRegistry struct{ *federation.Registry }

// Standing implements link.Registry.
func (r linkRegistry) Standing() link.Standing {
	v := r.View()
	return link.Standing{
		ClusterID: v.ClusterID(), Revision: v.Revision(), StateHash: v.StateHash(),
		VersionFloor: v.Policy().GetLinkVersionFloor(),
	}
}

// HashAt implements link.Registry.
func (r linkRegistry) HashAt(revision uint64) ([32]byte, bool) { return r.View().HashAt(revision) }

// Member implements link.Registry.
func (r linkRegistry) Member(region string) (link.Member, bool) {
	v := r.View()
	entry, ok := v.Region(region)
	if !ok {
		return link.Member{}, false
	}
	return member(v, entry), true
}

// Members implements link.Registry.
func (r linkRegistry) Members() []link.Member {
	v := r.View()
	ms := make([]link.Member, 0, len(v.Regions()))
	for _, entry := range v.Regions() {
		ms = append(ms, member(v, entry))
	}
	return ms
}

func member(v federation.Snapshot, entry *jieliv1.Region) link.Member {
	m := link.Member{Region: entry.GetId(), State: entry.GetState(), DutyPhone: entry.GetDutyPhone()}
	for _, n := range v.Nodes(entry.GetId()) {
		if n.GetTickets() {
			m.TicketsNode, m.Address = n.GetName(), n.GetAddress()
		}
	}
	return m
}

// TicketNodes gives the nodes of a region that run tickets, in order of name.
func (r linkRegistry) TicketNodes(region string) []*jieliv1.Node {
	var nodes []*jieliv1.Node
	for _, n := range r.View().Nodes(region) {
		if n.GetTickets() {
			nodes = append(nodes, n)
		}
	}
	slices.SortFunc(nodes, func(a, b *jieliv1.Node) int { return strings.Compare(a.GetName(), b.GetName()) })
	return nodes
}
