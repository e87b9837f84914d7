package link

import (
	"context"
	"fmt"
	"strings"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/timestamppb"

	jieliv1 "github.com/jieli-gateway/jieli/proto/jieli/v1"
	"github.com/jieli-gateway/jieli/regions"
)

const (
	// maxSeen bounds the links a node tells others about.
	maxSeen = 1000
	// MaxAnswerBytes bounds the answer to a probe or a view: what stands in its bytes takes many times as much memory.
	MaxAnswerBytes = 256 << 10
)

// View implements jieliv1.LinkServiceServer: how the links are, for other members. It reads nothing from the disk.
func (l *Links) View(ctx context.Context, _ *jieliv1.ViewRequest) (*jieliv1.ViewResponse, error) {
	if _, ok := l.cfg.Peer(ctx); !ok {
		return nil, status.Error(codes.Unauthenticated, "this needs the certificate of a region's node")
	}
	res := new(jieliv1.ViewResponse)
	for _, k := range l.all() {
		if m, _ := l.registry.Member(k.peer); m.exchanges() && len(res.GetLinks()) < maxSeen {
			res.Links = append(res.Links, k.seen())
		}
	}
	return res, nil
}

// Seen is what a peer's answer shows, within bounds and in a form that can be shown: another node wrote it.
func Seen(res *jieliv1.ViewResponse) []*jieliv1.SeenLink {
	all := make([]*jieliv1.SeenLink, 0, min(len(res.GetLinks()), maxSeen))
	for _, l := range res.GetLinks()[:min(len(res.GetLinks()), maxSeen)] {
		if regions.ValidateRegionID(l.GetPeer()) != nil {
			continue
		}
		all = append(all, &jieliv1.SeenLink{
			Peer: l.GetPeer(), State: coded(l.GetState()), Reason: coded(l.GetReason()),
			Since: possible(l.GetSince()), LastSuccess: possible(l.GetLastSuccess()),
		})
	}
	return all
}

// possible is a peer's time; nil for one that there cannot be, and that JSON cannot have.
func possible(t *timestamppb.Timestamp) *timestamppb.Timestamp {
	if t.CheckValid() != nil {
		return nil
	}
	return t
}

// seen is what others may know of a link.
func (l *link) seen() *jieliv1.SeenLink {
	st := l.status()
	return &jieliv1.SeenLink{
		Peer: st.GetPeer(), State: st.GetState(), Reason: st.GetReason(), Since: st.GetSince(), LastSuccess: st.GetLastSuccess(),
	}
}

// Probe implements jieliv1.LinkServiceServer: what a Hello of the caller would be told, but for what needs the accounts
// of both sides: those are compared by a stream only, and what the last one found is in the answer's link.
func (l *Links) Probe(ctx context.Context, req *jieliv1.ProbeRequest) (*jieliv1.ProbeResponse, error) {
	region, ok := l.cfg.Peer(ctx)
	if !ok {
		return nil, status.Error(codes.Unauthenticated, "this needs the certificate of a region's node")
	}
	m, known := l.registry.Member(region)
	standing := l.registry.Standing()
	res := &jieliv1.ProbeResponse{
		Region: l.cfg.Region, Node: l.cfg.Node, Version: l.cfg.Version,
		ClusterId: standing.ClusterID, VersionMin: VersionMin, VersionMax: VersionMax, VersionFloor: standing.VersionFloor,
		Revision: standing.Revision, StateHash: standing.StateHash[:],
		NotTaking: l.notTaking(), Time: timestamppb.New(l.cfg.Now()),
	}
	if known {
		res.YourState = m.State.String()
	}
	if req.GetRevision() < standing.Revision {
		if at, kept := l.registry.HashAt(req.GetRevision()); kept {
			res.StateHashAtYours = at[:]
		}
	}
	k := l.link(region)
	if k != nil {
		res.Link = k.seen()
	}
	switch reason, _ := l.unfit(m, known); {
	case reason != "" && reason != ReasonNoAddress: // who has no address here may still dial
		res.Refusal = reason
	case req.GetClusterId() != standing.ClusterID:
		res.Refusal = ReasonWrongCluster
	case !speak(req.GetVersionMin(), req.GetVersionMax(), standing.VersionFloor):
		res.Refusal = ReasonVersion
	case k == nil:
		res.Refusal = ReasonDraining
	}
	return res, nil
}

// speak tells whether a peer that knows these link versions and this node have one in common that policy allows.
func speak(lowest, highest, floor uint32) bool {
	return min(highest, VersionMax) >= max(lowest, VersionMin, floor)
}

// versions says why two sides have no link version in common.
func versions(region string, lowest, highest, floor uint32) string {
	return fmt.Sprintf("region %s speaks link versions %d to %d, this node %d to %d, and policy asks for %d or higher",
		clip(region), lowest, highest, VersionMin, VersionMax, floor)
}

// ProbeHere makes the request that says where this node stands.
func ProbeHere(registry Registry) *jieliv1.ProbeRequest {
	standing := registry.Standing()
	return &jieliv1.ProbeRequest{
		ClusterId: standing.ClusterID, VersionMin: VersionMin, VersionMax: VersionMax, Revision: standing.Revision,
	}
}

// Judge says why this node would end a stream with a node that answers a probe so, with the words for it; empty when it
// would not. A restored copy is known when a stream has met it.
func Judge(registry Registry, p *jieliv1.ProbeResponse) (reason, message string) {
	standing := registry.Standing()
	switch {
	case p.GetClusterId() != standing.ClusterID:
		return ReasonWrongCluster, "it is in federation " + clip(p.GetClusterId()) + ", this node in " + standing.ClusterID
	case !speak(p.GetVersionMin(), p.GetVersionMax(), standing.VersionFloor):
		return ReasonVersion, versions(p.GetRegion(), p.GetVersionMin(), p.GetVersionMax(), standing.VersionFloor)
	case p.GetRefusal() == ReasonVersion:
		return ReasonVersion, versions(p.GetRegion(), p.GetVersionMin(), p.GetVersionMax(), p.GetVersionFloor())
	case p.GetRefusal() != "":
		return among(probeRefusals, p.GetRefusal()), "it would refuse a stream: " + clip(p.GetRefusal())
	}
	switch p.GetLink().GetReason() { // as it sees it: sides change
	case ReasonSelfRestored:
		return ReasonPeerRestored, "it finds that its own store is an old copy"
	case ReasonPeerRestored:
		return ReasonSelfRestored, "it finds that this node's store is an old copy"
	}
	return "", ""
}

// probeRefusals are what a probe may say.
var probeRefusals = map[string]bool{
	ReasonNotMember: true, ReasonPending: true, ReasonRevoked: true, ReasonRetired: true, ReasonWrongCluster: true,
	ReasonVersion: true, ReasonDraining: true,
}

// Clip bounds words of a peer for people to read.
func Clip(words string) string { return strings.TrimSpace(clip(words)) }
