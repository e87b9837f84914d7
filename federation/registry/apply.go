package registry

import (
	"slices"
	"time"

	"google.golang.org/protobuf/proto"

	jieliv1 "github.com/jieli-gateway/jieli/proto/jieli/v1"
	"github.com/jieli-gateway/jieli/regions"
)

// Limits of what the registry holds.
const (
	MaxRegions        = 512
	MaxNodesPerRegion = 8
	MaxServices       = 5000
	MaxRoutes         = 5_000_000
	maxBundle         = 8
	maxCertificate    = 16 << 10
	maxSigningKeys    = 64
	maxActor          = 200
	maxGrace          = 365 * 24 * time.Hour
	maxRequestIDs     = 10_000_000
	minRequestIDs     = 1_000
)

// run checks a command and carries it out on the draft.
func (d *draft) run(o Options) *rejection {
	// A binary that knows the change and one that does not must say the same, so what the command claims comes first.
	switch level, need := d.cmd.GetLevel(), Required(d.cmd); {
	case level > d.v.level:
		return reject("LEVEL_TOO_HIGH", "the command is of level %d and the registry at level %d: raise it first", level, d.v.level)
	case need == 0 || need > level:
		return reject("UNKNOWN_COMMAND", "the command has no change that level %d knows", level)
	}
	if bad := checkText("actor", d.cmd.GetActor(), 1, maxActor); bad != nil {
		return bad
	}
	if want := d.cmd.GetExpectedRevision(); want != 0 && want != d.v.revision && d.cmd.GetFinishImport() == nil {
		return reject("REVISION_MOVED_ON", "the registry is at revision %d, not %d: read it again", d.v.revision, want)
	}
	if b := d.cmd.GetBootstrap(); b != nil {
		return d.bootstrap(b)
	}
	if d.v.clusterID == "" {
		return reject("NOT_BOOTSTRAPPED", "the federation has no first entry yet")
	}
	if bad := d.checkActing(); bad != nil {
		return bad
	}
	return d.change(o)
}

func (d *draft) change(o Options) *rejection {
	switch c := d.cmd.GetChange().(type) {
	case *jieliv1.Command_RegisterRegion:
		return d.registerRegion(c.RegisterRegion)
	case *jieliv1.Command_UpdateRegion:
		return d.updateRegion(c.UpdateRegion)
	case *jieliv1.Command_ChangeRegionState:
		return d.changeRegionState(c.ChangeRegionState)
	case *jieliv1.Command_PutNode:
		return d.setNode(c.PutNode.GetNode())
	case *jieliv1.Command_RemoveNode:
		return d.removeNode(c.RemoveNode)
	case *jieliv1.Command_ChangeRoutes:
		return d.changeRoutes(c.ChangeRoutes)
	case *jieliv1.Command_StageRoutes:
		return d.stageRoutes(c.StageRoutes)
	case *jieliv1.Command_FinishImport:
		return d.finishImport(c.FinishImport)
	case *jieliv1.Command_ChangeServices:
		return d.changeServices(c.ChangeServices)
	case *jieliv1.Command_SetPolicy:
		return d.setPolicy(c.SetPolicy.GetPolicy())
	case *jieliv1.Command_ReportLevel:
		return d.reportLevel(c.ReportLevel)
	case *jieliv1.Command_RaiseLevel:
		return d.raiseLevel(c.RaiseLevel)
	}
	return reject("UNKNOWN_COMMAND", "the command is of no kind that this level knows")
}

// acting is the region the command acts for.
func (d *draft) acting() string { return d.cmd.GetRegion() }

// byBootstrap: the command acts for the region that made the federation, which keeps what no region owns.
func (d *draft) byBootstrap() bool { return d.acting() == d.keeper }

// checkActing: only active regions change the registry; a suspended one its own entry.
func (d *draft) checkActing() *rejection {
	r, ok := d.v.Region(d.acting())
	if !ok {
		return reject("NOT_A_MEMBER", "region %q is not in the registry", d.acting())
	}
	switch r.GetState() {
	case jieliv1.Region_ACTIVE:
		return nil
	case jieliv1.Region_SUSPENDED:
		if d.cmd.GetUpdateRegion() != nil || d.cmd.GetPutNode() != nil || d.cmd.GetReportLevel() != nil ||
			d.cmd.GetChangeRegionState().GetRegion() == d.acting() {
			return nil
		}
	case jieliv1.Region_PENDING:
		if d.cmd.GetReportLevel() != nil {
			return nil
		}
	}
	return reject("NOT_ACTIVE", "region %s is %s and changes nothing", d.acting(), r.GetState())
}

// owns refuses who is neither the region concerned nor the one that keeps the rest.
func (d *draft) owns(region string) *rejection {
	if d.acting() == region || d.byBootstrap() {
		return nil
	}
	may := region
	if d.keeper != region {
		may += " or " + d.keeper
	}
	return reject("NOT_YOUR_ENTRY", "region %s cannot change what is of region %s; %s can", d.acting(), region, may)
}

// keeps refuses who is not the region that keeps what no region owns.
func (d *draft) keeps(what string) *rejection {
	if d.byBootstrap() {
		return nil
	}
	return reject("NOT_YOUR_ENTRY", "region %s cannot change %s; until members vote, %s does", d.acting(), what, d.keeper)
}

func (d *draft) bootstrap(b *jieliv1.Bootstrap) *rejection {
	if d.v.clusterID != "" {
		return reject("ALREADY_BOOTSTRAPPED", "the federation has its first entry already: cluster %s", d.v.clusterID)
	}
	if bad := checkClusterID(b.GetClusterId()); bad != nil {
		return bad
	}
	r := clone(b.GetRegion())
	if r == nil || b.GetNode() == nil {
		return reject("INVALID_FIELD", "region, node: are required")
	}
	if d.acting() != r.GetId() || b.GetNode().GetRegion() != r.GetId() {
		return reject("INVALID_FIELD", "region: command, region and node must be of the same region")
	}
	if bad := checkRegion(r); bad != nil {
		return bad
	}
	d.v.clusterID = b.GetClusterId()
	d.v.lanes.add(clusterItem(d.v.clusterID))
	r.State, r.Bootstrap, r.RegisterTime = jieliv1.Region_ACTIVE, true, stampTime(d.v.stamp)
	r.Successor = ""
	d.putRegion(r)
	if bad := d.setNode(b.GetNode()); bad != nil {
		return bad
	}
	if bad := d.editServices(b.GetServices(), nil); bad != nil {
		return bad
	}
	p := b.GetPolicy()
	if p == nil {
		p = &jieliv1.Policy{}
	}
	return d.editPolicy(p)
}

func (d *draft) registerRegion(c *jieliv1.RegisterRegion) *rejection {
	r := clone(c.GetRegion())
	if r == nil {
		return reject("INVALID_FIELD", "region: is required")
	}
	if bad := checkRegion(r); bad != nil {
		return bad
	}
	if _, ok := d.v.Region(r.GetId()); ok {
		return reject("REGION_ID_USED", "region.id: %s is in use or was; ids are never used again", r.GetId())
	}
	if len(d.v.regions) >= MaxRegions {
		return reject("TOO_MANY_REGIONS", "a federation has at most %d regions", MaxRegions)
	}
	if bad := d.checkUnshared(r); bad != nil {
		return bad
	}
	if n := len(c.GetNodes()); n == 0 || n > MaxNodesPerRegion {
		return reject("INVALID_FIELD", "nodes: must be 1 to %d", MaxNodesPerRegion)
	}
	r.State, r.Bootstrap, r.Successor, r.RegisterTime = jieliv1.Region_PENDING, false, "", stampTime(d.v.stamp)
	d.putRegion(r)
	for _, n := range c.GetNodes() {
		if n.GetRegion() != r.GetId() {
			return reject("INVALID_FIELD", "nodes: node %q is of region %q, not %s", n.GetName(), n.GetRegion(), r.GetId())
		}
		if bad := d.putCheckedNode(n); bad != nil {
			return bad
		}
	}
	return nil
}

// checkUnshared: what tells one region from all others is no other's, even of one that left. The prefix tells whose a
// ticket number is, a signing key whose a signature is.
func (d *draft) checkUnshared(r *jieliv1.Region) *rejection {
	for _, other := range d.v.regions {
		if other.GetId() == r.GetId() {
			continue
		}
		if other.GetNumberPrefix() == r.GetNumberPrefix() {
			return reject("PREFIX_USED", "region.numberPrefix: %s is that of region %s", r.GetNumberPrefix(), other.GetId())
		}
		for _, k := range r.GetSigningKeys() {
			if _, used := d.v.SigningKey(other.GetId(), k.GetKeyId()); used {
				return reject("INVALID_FIELD", "region.signingKeys: %s is a key of region %s", k.GetKeyId(), other.GetId())
			}
		}
	}
	return nil
}

func (d *draft) updateRegion(c *jieliv1.UpdateRegion) *rejection {
	r := clone(c.GetRegion())
	if r == nil {
		return reject("INVALID_FIELD", "region: is required")
	}
	old, ok := d.v.Region(r.GetId())
	if !ok {
		return reject("REGION_NOT_FOUND", "no region %q", r.GetId())
	}
	if d.acting() != r.GetId() {
		return reject("NOT_YOUR_ENTRY", "region %s cannot change the entry of region %s; only %s itself can", d.acting(), r.GetId(), r.GetId())
	}
	if bad := checkRegion(r); bad != nil {
		return bad
	}
	if bad := d.checkUnshared(r); bad != nil {
		return bad
	}
	if r.GetNumberPrefix() != old.GetNumberPrefix() {
		return reject("INVALID_FIELD", "region.numberPrefix: stays %s, for ticket numbers begin with it", old.GetNumberPrefix())
	}
	if bad := keepKeys(old.GetSigningKeys(), r.GetSigningKeys()); bad != nil {
		return bad
	}
	r.State, r.Bootstrap, r.Successor, r.RegisterTime = old.GetState(), old.GetBootstrap(), old.GetSuccessor(), old.GetRegisterTime()
	d.putRegion(r)
	return nil
}

// regionMoves are the ways a region's state may go.
var regionMoves = map[jieliv1.Region_State][]jieliv1.Region_State{
	jieliv1.Region_PENDING:   {jieliv1.Region_ACTIVE, jieliv1.Region_REVOKED},
	jieliv1.Region_ACTIVE:    {jieliv1.Region_SUSPENDED, jieliv1.Region_RETIRED, jieliv1.Region_REVOKED},
	jieliv1.Region_SUSPENDED: {jieliv1.Region_ACTIVE, jieliv1.Region_RETIRED, jieliv1.Region_REVOKED},
	jieliv1.Region_RETIRED:   {jieliv1.Region_REVOKED},
}

func (d *draft) changeRegionState(c *jieliv1.ChangeRegionState) *rejection {
	old, ok := d.v.Region(c.GetRegion())
	if !ok {
		return reject("REGION_NOT_FOUND", "no region %q", c.GetRegion())
	}
	if c.GetState() == jieliv1.Region_RETIRED {
		if bad := d.owns(c.GetRegion()); bad != nil {
			return bad
		}
	} else if bad := d.keeps("who is a member"); bad != nil {
		return bad
	}
	if !slices.Contains(regionMoves[old.GetState()], c.GetState()) {
		return reject("WRONG_STATE", "region %s is %s and cannot become %s", c.GetRegion(), old.GetState(), c.GetState())
	}
	if old.GetBootstrap() {
		return reject("BOOTSTRAP_REGION", "region %s keeps what no region owns until members vote; it stays active", c.GetRegion())
	}
	r := clone(old)
	r.State = c.GetState()
	if c.GetState() == jieliv1.Region_RETIRED {
		if bad := d.checkRetire(c, r); bad != nil {
			return bad
		}
	}
	if c.GetState() == jieliv1.Region_ACTIVE {
		for _, n := range d.v.Nodes(c.GetRegion()) {
			if bad := d.checkKnows(c.GetState(), n); bad != nil {
				return bad
			}
		}
	}
	d.putRegion(r)
	if c.GetState() == jieliv1.Region_RETIRED || c.GetState() == jieliv1.Region_REVOKED {
		d.stopNodes(c.GetRegion())
	}
	return nil
}

// checkRetire: a region leaves with no open ticket, or with a successor; its own node says how many are open, for the
// registry knows no tickets. Its routes go first, so that nothing is offered to nobody.
func (d *draft) checkRetire(c *jieliv1.ChangeRegionState, r *jieliv1.Region) *rejection {
	if c.GetSuccessor() != "" {
		s, ok := d.v.Region(c.GetSuccessor())
		if !ok || s.GetState() != jieliv1.Region_ACTIVE || c.GetSuccessor() == c.GetRegion() {
			return reject("INVALID_FIELD", "successor: %q is not another active region", c.GetSuccessor())
		}
	} else if !c.GetDeclared() || d.acting() != c.GetRegion() {
		return reject("OPEN_TICKETS", "region %s must declare its open tickets by its own node, or name a successor", c.GetRegion())
	} else if n := c.GetOpenTickets(); n > 0 {
		return reject("OPEN_TICKETS", "region %s has %d open tickets; finish them or name a successor", c.GetRegion(), n)
	}
	for rule := range d.v.table.Rules(regions.Key{}) {
		if rule.Region == c.GetRegion() {
			return reject("ROUTES_LEFT", "route %s still leads to region %s; change or delete its routes first", rule, c.GetRegion())
		}
	}
	r.Successor = c.GetSuccessor()
	return nil
}

// stopNodes takes the Raft and ticket roles from a region's nodes.
func (d *draft) stopNodes(region string) {
	for _, n := range d.v.Nodes(region) {
		if n.GetRaft() || n.GetTickets() {
			n = clone(n)
			n.Raft, n.Tickets = false, false
			d.putNode(n)
		}
	}
}

func (d *draft) setNode(n *jieliv1.Node) *rejection {
	if n == nil {
		return reject("INVALID_FIELD", "node: is required")
	}
	if bad := d.owns(n.GetRegion()); bad != nil {
		return bad
	}
	return d.putCheckedNode(n)
}

func (d *draft) putCheckedNode(n *jieliv1.Node) *rejection {
	n = clone(n)
	r, ok := d.v.Region(n.GetRegion())
	if !ok {
		return reject("REGION_NOT_FOUND", "node.region: no region %q", n.GetRegion())
	}
	if r.GetState() == jieliv1.Region_RETIRED || r.GetState() == jieliv1.Region_REVOKED {
		return reject("WRONG_STATE", "region %s is %s and has no nodes", r.GetId(), r.GetState())
	}
	if bad := checkNode(n); bad != nil {
		return bad
	}
	old, exists := d.v.Node(n.GetRegion(), n.GetName())
	if exists {
		// What a node reports of itself is not for others to set.
		n.Level, n.Version = old.GetLevel(), old.GetVersion()
	} else if bad := d.checkKnows(r.GetState(), n); bad != nil {
		return bad
	}
	others := d.v.Nodes(n.GetRegion())
	if !exists && len(others) >= MaxNodesPerRegion {
		return reject("TOO_MANY_NODES", "region %s has %d nodes already", n.GetRegion(), len(others))
	}
	if bad := checkTickets(n, others); bad != nil {
		return bad
	}
	d.putNode(n)
	return nil
}

func (d *draft) removeNode(c *jieliv1.RemoveNode) *rejection {
	if bad := d.owns(c.GetRegion()); bad != nil {
		return bad
	}
	i, ok := findNode(d.v.nodes, c.GetRegion(), c.GetName())
	if !ok {
		return reject("NODE_NOT_FOUND", "no node %s/%s", c.GetRegion(), c.GetName())
	}
	d.deleteNode(i)
	return nil
}

func (d *draft) reportLevel(c *jieliv1.ReportLevel) *rejection {
	if c.GetRegion() != d.acting() {
		return reject("NOT_YOUR_ENTRY", "only region %s reports for its nodes", c.GetRegion())
	}
	old, ok := d.v.Node(c.GetRegion(), c.GetName())
	if !ok {
		return reject("NODE_NOT_FOUND", "no node %s/%s", c.GetRegion(), c.GetName())
	}
	if bad := checkText("version", c.GetVersion(), 0, 100); bad != nil {
		return bad
	}
	if old.GetLevel() == c.GetLevel() && old.GetVersion() == c.GetVersion() {
		return nil
	}
	n := clone(old)
	n.Level, n.Version = c.GetLevel(), c.GetVersion()
	d.putNode(n)
	return nil
}

// checkKnows keeps the promise under which the level was raised: each node of a member knows it. All nodes know level 1.
func (d *draft) checkKnows(state jieliv1.Region_State, n *jieliv1.Node) *rejection {
	member := state == jieliv1.Region_ACTIVE || state == jieliv1.Region_SUSPENDED
	if !member || d.v.level <= 1 || n.GetLevel() >= d.v.level {
		return nil
	}
	return reject("NODE_BELOW_LEVEL", "node %s/%s knows level %d only and the registry is at %d: upgrade it first", n.GetRegion(), n.GetName(), n.GetLevel(), d.v.level)
}

// raiseLevel: only by one, and only when every node of a member knows the new level.
func (d *draft) raiseLevel(c *jieliv1.RaiseLevel) *rejection {
	if bad := d.keeps("the level"); bad != nil {
		return bad
	}
	if c.GetLevel() != d.v.level+1 {
		return reject("INVALID_FIELD", "level: must be %d, one more than the present one", d.v.level+1)
	}
	for _, n := range d.v.nodes {
		r, ok := d.v.Region(n.GetRegion())
		if !ok || (r.GetState() != jieliv1.Region_ACTIVE && r.GetState() != jieliv1.Region_SUSPENDED) {
			continue
		}
		if n.GetLevel() < c.GetLevel() {
			return reject("NODE_BELOW_LEVEL", "node %s/%s knows level %d only: upgrade it first", n.GetRegion(), n.GetName(), n.GetLevel())
		}
	}
	d.v.lanes.replace(levelItem(d.v.level), levelItem(c.GetLevel()))
	d.v.level = c.GetLevel()
	d.changed = true
	return nil
}

func (d *draft) setPolicy(p *jieliv1.Policy) *rejection {
	if p != nil && !d.byBootstrap() {
		own, bad := d.onlyOwnTerms(p)
		if bad != nil {
			return bad
		}
		return d.editPolicy(own)
	}
	if bad := d.keeps("the policy"); bad != nil {
		return bad
	}
	return d.editPolicy(p)
}

func (d *draft) editPolicy(p *jieliv1.Policy) *rejection {
	if p == nil {
		return reject("INVALID_FIELD", "policy: is required")
	}
	p = clone(p)
	orderTerms(p)
	if bad := checkPolicy(p); bad != nil {
		return bad
	}
	if bad := d.checkTermRegions(p); bad != nil {
		return bad
	}
	d.putPolicy(p)
	return nil
}

func clone[M proto.Message](m M) M {
	if !m.ProtoReflect().IsValid() {
		return m
	}
	return proto.Clone(m).(M)
}
