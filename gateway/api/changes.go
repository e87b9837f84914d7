package api

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"

	"github.com/jieli-gateway/jieli/federation"
	"github.com/jieli-gateway/jieli/federation/trust"
	"github.com/jieli-gateway/jieli/gateway/fault"
	jieliv1 "github.com/jieli-gateway/jieli/proto/jieli/v1"
	"github.com/jieli-gateway/jieli/regions"
)

// maxFirstNodes is how many nodes a region may register with.
const maxFirstNodes = 8

// OpenTickets counts the tickets that this region is answerable for and that are not done.
type OpenTickets interface {
	OpenTickets(context.Context) (uint64, error)
}

// RegisterRegion implements jieliv1.RegistryServiceServer.
func (s *registryService) RegisterRegion(ctx context.Context, req *jieliv1.RegisterRegionRequest) (*jieliv1.ChangeResponse, error) {
	if n := len(req.GetNodes()); n > maxFirstNodes {
		return nil, fault.InvalidFields(fault.Field{Name: "nodes", Rule: fmt.Sprintf("at most %d", maxFirstNodes)})
	}
	if err := checkEntry(req.GetRegion()); err != nil {
		return nil, err
	}
	for i, node := range req.GetNodes() {
		if err := checkNodeName(fmt.Sprintf("nodes[%d].name", i), node.GetName()); err != nil {
			return nil, err
		}
	}
	return s.propose(ctx, req, &jieliv1.Command{Change: &jieliv1.Command_RegisterRegion{RegisterRegion: &jieliv1.RegisterRegion{Region: req.GetRegion(), Nodes: req.GetNodes()}}})
}

// UpdateRegion implements jieliv1.RegistryServiceServer.
func (s *registryService) UpdateRegion(ctx context.Context, req *jieliv1.UpdateRegionRequest) (*jieliv1.ChangeResponse, error) {
	if err := checkEntry(req.GetRegion()); err != nil {
		return nil, err
	}
	return s.propose(ctx, req, &jieliv1.Command{Change: &jieliv1.Command_UpdateRegion{UpdateRegion: &jieliv1.UpdateRegion{Region: req.GetRegion()}}})
}

// checkEntry checks of a region's entry what must be checked where the write is taken: certificates, whose parsing
// differs a little between Go releases, so that the state machine never does it. The rest is the registry's.
func checkEntry(region *jieliv1.Region) error {
	if region == nil {
		return fault.InvalidFields(fault.Field{Name: "region", Rule: "is missing"})
	}
	if err := checkRegionID("region.id", region.GetId()); err != nil {
		return err
	}
	if _, err := trust.ParseBundle(region.GetId(), region.GetBundle()); err != nil {
		return fault.InvalidFields(fault.Field{Name: "region.bundle", Rule: err.Error()})
	}
	return nil
}

// ApproveRegion implements jieliv1.RegistryServiceServer.
func (s *registryService) ApproveRegion(ctx context.Context, req *jieliv1.ChangeRegionRequest) (*jieliv1.ChangeResponse, error) {
	return s.changeRegion(ctx, req, jieliv1.Region_ACTIVE, "approve")
}

// SuspendRegion implements jieliv1.RegistryServiceServer.
func (s *registryService) SuspendRegion(ctx context.Context, req *jieliv1.ChangeRegionRequest) (*jieliv1.ChangeResponse, error) {
	return s.changeRegion(ctx, req, jieliv1.Region_SUSPENDED, "suspend")
}

// ResumeRegion implements jieliv1.RegistryServiceServer.
func (s *registryService) ResumeRegion(ctx context.Context, req *jieliv1.ChangeRegionRequest) (*jieliv1.ChangeResponse, error) {
	return s.changeRegion(ctx, req, jieliv1.Region_ACTIVE, "resume")
}

// RetireRegion implements jieliv1.RegistryServiceServer.
func (s *registryService) RetireRegion(ctx context.Context, req *jieliv1.ChangeRegionRequest) (*jieliv1.ChangeResponse, error) {
	return s.changeRegion(ctx, req, jieliv1.Region_RETIRED, "retire")
}

// RevokeRegion implements jieliv1.RegistryServiceServer.
func (s *registryService) RevokeRegion(ctx context.Context, req *jieliv1.ChangeRegionRequest) (*jieliv1.ChangeResponse, error) {
	return s.changeRegion(ctx, req, jieliv1.Region_REVOKED, "revoke")
}

// changeRegion moves a region to another state. Approving and resuming both make a region active; which of the two
// fits is looked at here, so that nobody resumes by approving.
func (s *registryService) changeRegion(ctx context.Context, req *jieliv1.ChangeRegionRequest, to jieliv1.Region_State, verb string) (*jieliv1.ChangeResponse, error) {
	if err := checkRegionID("id", req.GetId()); err != nil {
		return nil, err
	}
	if req.GetSuccessor() != "" {
		if to != jieliv1.Region_RETIRED {
			return nil, fault.InvalidFields(fault.Field{Name: "successor", Rule: "belongs to retire only"})
		}
		if err := checkRegionID("successor", req.GetSuccessor()); err != nil {
			return nil, err
		}
	}
	change := &jieliv1.ChangeRegionState{Region: req.GetId(), State: to, Successor: req.GetSuccessor()}
	if err := s.fitsState(ctx, req.GetId(), verb); err != nil {
		return nil, err
	}
	if to == jieliv1.Region_RETIRED && req.GetId() == s.api.cfg.Region {
		if err := s.declareOpen(ctx, change); err != nil {
			return nil, err
		}
	}
	return s.propose(ctx, req, &jieliv1.Command{Change: &jieliv1.Command_ChangeRegionState{ChangeRegionState: change}})
}

// fitsState refuses to approve what is not pending and to resume what is not suspended. A region that is active
// already passes both: the command may be the repetition of one whose answer was lost.
func (s *registryService) fitsState(ctx context.Context, id, verb string) error {
	want := map[string]jieliv1.Region_State{"approve": jieliv1.Region_PENDING, "resume": jieliv1.Region_SUSPENDED}[verb]
	if want == jieliv1.Region_STATE_UNSPECIFIED {
		return nil
	}
	v, err := s.view(ctx, jieliv1.Consistency_LOCAL)
	if err != nil {
		return err
	}
	region, ok := v.Region(id)
	if !ok || region.GetState() == want || region.GetState() == jieliv1.Region_ACTIVE {
		return nil // an unknown one may be newer than this node's copy; the registry judges
	}
	return fault.New(fault.Precondition, "WRONG_STATE", "region %s is %s: only one that is %s can be %sd", id, region.GetState(), want, verb)
}

// declareOpen puts the number of this region's open tickets into the command to retire it.
func (s *registryService) declareOpen(ctx context.Context, change *jieliv1.ChangeRegionState) error {
	p, err := s.api.attached()
	if err != nil {
		return err
	}
	if p.Open != nil {
		change.OpenTickets, err = p.Open.OpenTickets(ctx)
		if err != nil {
			return fmt.Errorf("count open tickets: %w", err)
		}
		change.Declared = true
		return nil
	}
	v, err := s.view(ctx, jieliv1.Consistency_LOCAL)
	if err != nil {
		return err
	}
	for _, node := range v.Nodes(change.GetRegion()) {
		if node.GetTickets() {
			return fault.New(fault.Precondition, "NO_TICKETS_HERE",
				"retire region %s at its node %s, which runs its tickets and can count them", change.GetRegion(), node.GetName())
		}
	}
	change.Declared = true // a region that runs no tickets has none open
	return nil
}

// PutNode implements jieliv1.RegistryServiceServer.
func (s *registryService) PutNode(ctx context.Context, req *jieliv1.PutNodeRequest) (*jieliv1.ChangeResponse, error) {
	if req.GetNode() == nil {
		return nil, fault.InvalidFields(fault.Field{Name: "node", Rule: "is missing"})
	}
	if err := errors.Join(checkRegionID("node.region", req.GetNode().GetRegion()), checkNodeName("node.name", req.GetNode().GetName())); err != nil {
		return nil, err
	}
	return s.propose(ctx, req, &jieliv1.Command{Change: &jieliv1.Command_PutNode{PutNode: &jieliv1.PutNode{Node: req.GetNode()}}})
}

// RemoveNode implements jieliv1.RegistryServiceServer.
func (s *registryService) RemoveNode(ctx context.Context, req *jieliv1.RemoveNodeRequest) (*jieliv1.ChangeResponse, error) {
	if err := errors.Join(checkRegionID("region", req.GetRegion()), checkNodeName("name", req.GetName())); err != nil {
		return nil, err
	}
	return s.propose(ctx, req, &jieliv1.Command{Change: &jieliv1.Command_RemoveNode{RemoveNode: &jieliv1.RemoveNode{Region: req.GetRegion(), Name: req.GetName()}}})
}

// SetRoute implements jieliv1.RegistryServiceServer.
func (s *registryService) SetRoute(ctx context.Context, req *jieliv1.SetRouteRequest) (*jieliv1.ChangeResponse, error) {
	if req.GetRoute() == nil {
		return nil, fault.InvalidFields(fault.Field{Name: "route", Rule: "is missing"})
	}
	if err := checkRoute("route.", req.GetRoute()); err != nil {
		return nil, err
	}
	return s.propose(ctx, req, changeRoutes(&jieliv1.ChangeRoutes{Set: []*jieliv1.Route{req.GetRoute()}}))
}

// DeleteRoute implements jieliv1.RegistryServiceServer.
func (s *registryService) DeleteRoute(ctx context.Context, req *jieliv1.DeleteRouteRequest) (*jieliv1.ChangeResponse, error) {
	if _, err := regions.ParseKey(req.GetDivision(), req.GetService(), req.GetValidFrom()); err != nil {
		return nil, invalid(err)
	}
	key := &jieliv1.RouteKey{Division: req.GetDivision(), Service: req.GetService(), ValidFrom: req.GetValidFrom()}
	return s.propose(ctx, req, changeRoutes(&jieliv1.ChangeRoutes{Delete: []*jieliv1.RouteKey{key}}))
}

func changeRoutes(changes *jieliv1.ChangeRoutes) *jieliv1.Command {
	return &jieliv1.Command{Change: &jieliv1.Command_ChangeRoutes{ChangeRoutes: changes}}
}

// StageRoutes implements jieliv1.RegistryServiceServer.
func (s *registryService) StageRoutes(ctx context.Context, req *jieliv1.StageRoutesRequest) (*jieliv1.ChangeResponse, error) {
	if err := checkUUID("importId", req.GetImportId()); err != nil {
		return nil, err
	}
	for i, route := range req.GetChanges().GetSet() {
		if err := checkRoute(fmt.Sprintf("changes.set[%d].", i), route); err != nil {
			return nil, err
		}
	}
	for i, key := range req.GetChanges().GetDelete() {
		if _, err := regions.ParseKey(key.GetDivision(), key.GetService(), key.GetValidFrom()); err != nil {
			return nil, under(fmt.Sprintf("changes.delete[%d].", i), err)
		}
	}
	stage := &jieliv1.StageRoutes{ImportId: req.GetImportId(), Chunk: req.GetChunk(), Changes: req.GetChanges()}
	return s.propose(ctx, req, &jieliv1.Command{Change: &jieliv1.Command_StageRoutes{StageRoutes: stage}})
}

// FinishImport implements jieliv1.RegistryServiceServer.
func (s *registryService) FinishImport(ctx context.Context, req *jieliv1.FinishImportRequest) (*jieliv1.ChangeResponse, error) {
	if err := checkUUID("importId", req.GetImportId()); err != nil {
		return nil, err
	}
	finish := &jieliv1.FinishImport{ImportId: req.GetImportId(), Chunks: req.GetChunks(), Abandon: req.GetAbandon()}
	return s.propose(ctx, req, &jieliv1.Command{Change: &jieliv1.Command_FinishImport{FinishImport: finish}})
}

// checkRoute checks a route's form, and names the field below a path.
func checkRoute(path string, r *jieliv1.Route) error {
	_, err := regions.ParseRule(r.GetDivision(), r.GetService(), r.GetRegion(), r.GetValidFrom(), r.GetValidTo())
	if err != nil {
		return under(path, err)
	}
	return nil
}

// under turns an error of package regions into a refusal that names the field below a path.
func under(path string, err error) error {
	f := fieldOf(err)
	f.Name = path + f.Name
	return fault.InvalidFields(f)
}

// SetService implements jieliv1.RegistryServiceServer.
func (s *registryService) SetService(ctx context.Context, req *jieliv1.SetServiceRequest) (*jieliv1.ChangeResponse, error) {
	if err := regions.ValidateServiceCode(req.GetService().GetCode()); err != nil {
		f := fieldOf(err)
		f.Name = "service.code"
		return nil, fault.InvalidFields(f)
	}
	changes := &jieliv1.ChangeServices{}
	if req.GetDelete() {
		changes.Delete = []string{req.GetService().GetCode()}
	} else {
		changes.Set = []*jieliv1.ServiceEntry{req.GetService()}
	}
	return s.propose(ctx, req, &jieliv1.Command{Change: &jieliv1.Command_ChangeServices{ChangeServices: changes}})
}

// SetPolicy implements jieliv1.RegistryServiceServer.
func (s *registryService) SetPolicy(ctx context.Context, req *jieliv1.SetPolicyRequest) (*jieliv1.ChangeResponse, error) {
	if req.GetPolicy() == nil {
		return nil, fault.InvalidFields(fault.Field{Name: "policy", Rule: "is missing"})
	}
	return s.propose(ctx, req, &jieliv1.Command{Change: &jieliv1.Command_SetPolicy{SetPolicy: &jieliv1.SetPolicy{Policy: req.GetPolicy()}}})
}

// RaiseLevel implements jieliv1.RegistryServiceServer.
func (s *registryService) RaiseLevel(ctx context.Context, req *jieliv1.RaiseLevelRequest) (*jieliv1.ChangeResponse, error) {
	return s.propose(ctx, req, &jieliv1.Command{Change: &jieliv1.Command_RaiseLevel{RaiseLevel: &jieliv1.RaiseLevel{Level: req.GetLevel()}}})
}

// checkUUID refuses what is not a UUID in its usual form.
func checkUUID(field, text string) error {
	if id, err := uuid.Parse(text); err != nil || id.String() != text {
		return fault.InvalidFields(fault.Field{Name: field, Rule: "must be a UUID in lower case, like 0193f2a6-5c1e-7b3a-9d42-6f0e8a1b2c3d"})
	}
	return nil
}

// propose applies a command under the caller's request id, or one made here, and tells what came of it.
func (s *registryService) propose(ctx context.Context, req interface{ GetRequestId() string }, command *jieliv1.Command) (*jieliv1.ChangeResponse, error) {
	p, err := s.api.attached()
	if err != nil {
		return nil, err
	}
	command.RequestId = req.GetRequestId()
	if command.GetRequestId() == "" {
		if command.RequestId, err = federation.NewRequestID(s.api.cfg.Now()); err != nil {
			return nil, fmt.Errorf("make a request id: %w", err)
		}
	}
	if expecting, ok := req.(interface{ GetExpectedRevision() uint64 }); ok {
		command.ExpectedRevision = expecting.GetExpectedRevision()
	}
	command.Actor = actorOf(ctx).String()
	command.Region = s.api.cfg.Region
	outcome, err := p.Registry.Propose(ctx, command)
	if err != nil {
		return nil, registryFault(err)
	}
	return &jieliv1.ChangeResponse{Revision: outcome.GetRevision(), RequestId: command.GetRequestId(), Repeated: outcome.GetRepeated()}, nil
}
