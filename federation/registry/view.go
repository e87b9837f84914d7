package registry

import (
	"cmp"
	"iter"
	"slices"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"

	jieliv1 "github.com/jieli-gateway/jieli/proto/jieli/v1"
	"github.com/jieli-gateway/jieli/regions"
)

// Defaults of the policy.
const (
	DefaultRegistryGrace    = 24 * time.Hour
	DefaultRequestIDs       = 1_000_000
	DefaultLinkVersionFloor = 1
)

// keptTexts is how many rejections' texts are kept beside their reasons: a million texts would take hundreds of MiB, and
// who has to be told anew asks soon.
const keptTexts = 10_000

// forgottenText stands for a text that is not kept.
const forgottenText = "this request was rejected when it was first made; the text is no longer kept"

// keptHashes is how many revisions' state hashes are kept for comparison with peers.
const keptHashes = 10_000

// View is the registry at one revision: immutable, shared by all readers. What it returns must not be changed.
type View struct {
	clusterID string
	level     uint32
	revision  uint64
	stamp     uint64
	lanes     lanes
	hash      [32]byte

	regions    []*jieliv1.Region       // by id
	nodes      []*jieliv1.Node         // by region, name
	services   []*jieliv1.ServiceEntry // by code
	catalogue  *regions.Catalogue
	table      *regions.Table
	routeMarks *marks
	policy     *jieliv1.Policy
	terms      []regions.TermRule // of the policy

	// Append-only tails: a later state appends behind what an earlier view can see.
	hashes   []revisionHash
	requests []appliedRequest
	texts    []rejectionText // of the newest rejections, in order of their requests
	dropped  [16]byte
	staged   []*stagedImport
	past     []pastOf // by region; only its changes are append-only
}

type revisionHash struct {
	revision uint64
	hash     [32]byte
}

// appliedRequest is a remembered request id. There may be millions.
type appliedRequest struct {
	id       [16]byte
	revision uint64
	reason   *string // of a rejection, shared by all of that reason; nil when it was applied
}

func (r appliedRequest) outcome() *jieliv1.Outcome {
	o := &jieliv1.Outcome{Revision: r.revision}
	if r.reason != nil {
		o.Reason = *r.reason
	}
	return o
}

// rejectionText is what a rejection said in words.
type rejectionText struct {
	id   [16]byte
	text string
}

// repeated is the outcome of a request when it comes again.
func (v *View) repeated(r appliedRequest) *jieliv1.Outcome {
	o := r.outcome()
	o.Repeated = true
	if r.reason == nil {
		return o
	}
	o.Message = forgottenText
	if i := slices.IndexFunc(v.texts, func(t rejectionText) bool { return t.id == r.id }); i >= 0 {
		o.Message = v.texts[i].text
	}
	return o
}

// ClusterID is the federation's UUID; empty before the first entry.
func (v *View) ClusterID() string { return v.clusterID }

// Revision counts accepted changes.
func (v *View) Revision() uint64 { return v.revision }

// Level is the registry's level.
func (v *View) Level() uint32 { return v.level }

// Stamp is the newest stamp applied: milliseconds since 1970.
func (v *View) Stamp() uint64 { return v.stamp }

// StateHash is the hash of the state at this revision.
func (v *View) StateHash() [32]byte { return v.hash }

// HashAt is the state hash at a revision of the last 10,000.
func (v *View) HashAt(revision uint64) (hash [32]byte, ok bool) {
	if revision == v.revision {
		return v.hash, v.clusterID != ""
	}
	i, ok := slices.BinarySearchFunc(v.hashes, revision, func(h revisionHash, r uint64) int { return cmp.Compare(h.revision, r) })
	if !ok {
		return hash, false
	}
	return v.hashes[i].hash, true
}

// Region is one region.
func (v *View) Region(id string) (*jieliv1.Region, bool) {
	i, ok := findRegion(v.regions, id)
	if !ok {
		return nil, false
	}
	return v.regions[i], true
}

func findRegion(rs []*jieliv1.Region, id string) (int, bool) {
	return slices.BinarySearchFunc(rs, id, func(r *jieliv1.Region, id string) int { return strings.Compare(r.GetId(), id) })
}

// Regions are all regions in order of id.
func (v *View) Regions() []*jieliv1.Region { return v.regions }

// Bootstrap is the id of the region that made the federation.
func (v *View) Bootstrap() string {
	for _, r := range v.regions {
		if r.GetBootstrap() {
			return r.GetId()
		}
	}
	return ""
}

// Node is one node.
func (v *View) Node(region, name string) (*jieliv1.Node, bool) {
	i, ok := findNode(v.nodes, region, name)
	if !ok {
		return nil, false
	}
	return v.nodes[i], true
}

func findNode(ns []*jieliv1.Node, region, name string) (int, bool) {
	return slices.BinarySearchFunc(ns, region, func(n *jieliv1.Node, region string) int {
		return cmp.Or(strings.Compare(n.GetRegion(), region), strings.Compare(n.GetName(), name))
	})
}

// Nodes are the nodes of a region in order of name; all nodes in order of region and name when region is empty.
func (v *View) Nodes(region string) []*jieliv1.Node {
	if region == "" {
		return v.nodes
	}
	from, _ := findNode(v.nodes, region, "")
	to := from
	for to < len(v.nodes) && v.nodes[to].GetRegion() == region {
		to++
	}
	return v.nodes[from:to]
}

// Routes is the routing table.
func (v *View) Routes() *regions.Table { return v.table }

// Route is one route with who changed it, when, and at which revision.
func (v *View) Route(key regions.Key) (*jieliv1.Route, bool) {
	rule, ok := v.table.Get(key)
	if !ok {
		return nil, false
	}
	return routeOf(rule, v.routeMarks.get(key)), true
}

// RoutesFrom walks the routes from a key on, in order of division, service, first day.
func (v *View) RoutesFrom(key regions.Key) iter.Seq[*jieliv1.Route] {
	return func(yield func(*jieliv1.Route) bool) {
		for rule := range v.table.Rules(key) {
			if !yield(routeOf(rule, v.routeMarks.get(rule.Key()))) {
				return
			}
		}
	}
}

// Services are all services in order of code.
func (v *View) Services() []*jieliv1.ServiceEntry { return v.services }

// Catalogue resolves words to services.
func (v *View) Catalogue() *regions.Catalogue { return v.catalogue }

func findService(ss []*jieliv1.ServiceEntry, code string) (int, bool) {
	return slices.BinarySearchFunc(ss, code, func(s *jieliv1.ServiceEntry, code string) int { return strings.Compare(s.GetCode(), code) })
}

// Policy is the policy with its defaults filled in.
func (v *View) Policy() *jieliv1.Policy {
	return withDefaults(v.policy)
}

// withDefaults is a copy of a policy that says what it leaves open.
func withDefaults(of *jieliv1.Policy) *jieliv1.Policy {
	p := &jieliv1.Policy{}
	if of != nil {
		p = proto.CloneOf(of)
	}
	if p.GetRegistryGrace() == nil {
		p.RegistryGrace = durationpb.New(DefaultRegistryGrace)
	}
	if p.GetRequestIds() == 0 {
		p.RequestIds = DefaultRequestIDs
	}
	if p.GetLinkVersionFloor() == 0 {
		p.LinkVersionFloor = DefaultLinkVersionFloor
	}
	return p
}

// SigningKey is a region's signing key by id, old ones included.
func (v *View) SigningKey(region, keyID string) (*jieliv1.SigningKey, bool) {
	r, ok := v.Region(region)
	if !ok {
		return nil, false
	}
	for _, k := range r.GetSigningKeys() {
		if k.GetKeyId() == keyID {
			return k, true
		}
	}
	return nil, false
}

// requestIDs is how many request ids the registry remembers.
func (v *View) requestIDs() int {
	if n := v.policy.GetRequestIds(); n > 0 {
		return int(n)
	}
	return DefaultRequestIDs
}
