package api

import (
	"context"
	"errors"
	"strings"
	"unicode/utf8"

	"github.com/jieli-gateway/jieli/federation"
	"github.com/jieli-gateway/jieli/federation/trust"
	"github.com/jieli-gateway/jieli/gateway/fault"
	jieliv1 "github.com/jieli-gateway/jieli/proto/jieli/v1"
	"github.com/jieli-gateway/jieli/regions"
)

// Bounds of lists.
const (
	defaultPage   = 100
	maxPage       = 1000
	defaultSearch = 20
)

// Registry is this node's copy of the registry, and the way to change it. federation.Registry implements it.
type Registry interface {
	// View is the newest table here; its cluster id is empty before the node is in a federation.
	View() federation.Snapshot
	// ReadStrong waits until the table here is as new as the leader's was at the time of the call.
	ReadStrong(context.Context) (federation.Snapshot, error)
	// Propose applies a command of this node's region.
	Propose(context.Context, *jieliv1.Command) (*jieliv1.Outcome, error)
	// Status tells how the registry is, from here; with peers, every node is asked how it is.
	Status(ctx context.Context, withPeers bool) *jieliv1.RegistryStatus
}

// registryService implements jieliv1.RegistryServiceServer.
type registryService struct {
	jieliv1.UnimplementedRegistryServiceServer
	api *Server
}

// view gives the registry to answer from.
func (s *registryService) view(ctx context.Context, mode jieliv1.Consistency_Mode) (federation.Snapshot, error) {
	p, err := s.api.attached()
	if err != nil {
		return federation.Snapshot{}, err
	}
	var v federation.Snapshot
	if mode == jieliv1.Consistency_STRONG {
		v, err = p.Registry.ReadStrong(ctx)
		if err != nil {
			return federation.Snapshot{}, registryFault(err)
		}
	} else {
		v = p.Registry.View()
	}
	if v.View == nil || v.ClusterID() == "" {
		return federation.Snapshot{}, registryFault(federation.ErrNoRegistry)
	}
	return v, nil
}

// ListRegions implements jieliv1.RegistryServiceServer.
func (s *registryService) ListRegions(ctx context.Context, req *jieliv1.ListRegionsRequest) (*jieliv1.ListRegionsResponse, error) {
	v, err := s.view(ctx, req.GetConsistency())
	if err != nil {
		return nil, err
	}
	return &jieliv1.ListRegionsResponse{Regions: v.Regions(), Revision: v.Revision()}, nil
}

// GetRegion implements jieliv1.RegistryServiceServer.
func (s *registryService) GetRegion(ctx context.Context, req *jieliv1.GetRegionRequest) (*jieliv1.GetRegionResponse, error) {
	if err := checkRegionID("id", req.GetId()); err != nil {
		return nil, err
	}
	v, err := s.view(ctx, req.GetConsistency())
	if err != nil {
		return nil, err
	}
	region, ok := v.Region(req.GetId())
	if !ok {
		return nil, errNoRegion(req.GetId())
	}
	return &jieliv1.GetRegionResponse{Region: region, Nodes: v.Nodes(req.GetId()), Revision: v.Revision()}, nil
}

func errNoRegion(id string) error {
	return fault.New(fault.NotFound, "REGION_NOT_FOUND", "the registry has no region %s; `jieli region list` shows those it has", id)
}

// ListNodes implements jieliv1.RegistryServiceServer.
func (s *registryService) ListNodes(ctx context.Context, req *jieliv1.ListNodesRequest) (*jieliv1.ListNodesResponse, error) {
	only := req.GetRegion()
	if only != "" {
		if err := checkRegionID("region", only); err != nil {
			return nil, err
		}
	}
	v, err := s.view(ctx, req.GetConsistency())
	if err != nil {
		return nil, err
	}
	return &jieliv1.ListNodesResponse{Nodes: v.Nodes(only), Revision: v.Revision()}, nil
}

// ListRoutes implements jieliv1.RegistryServiceServer.
func (s *registryService) ListRoutes(ctx context.Context, req *jieliv1.ListRoutesRequest) (*jieliv1.ListRoutesResponse, error) {
	within, limit, err := checkListRoutes(req)
	if err != nil {
		return nil, err
	}
	filters := strings.Join([]string{"routes", within.String(), req.GetRegion()}, "|")
	from, err := parsePageToken(filters, req.GetPageToken())
	if err != nil {
		return nil, err
	}
	v, err := s.view(ctx, req.GetConsistency())
	if err != nil {
		return nil, err
	}
	if begin := (regions.Key{Division: within}); from.Compare(begin) < 0 {
		from = begin
	}
	out := &jieliv1.ListRoutesResponse{Revision: v.Revision()}
	looked := 0
	for rule := range v.Routes().Rules(from) { // not v.RoutesFrom: most of them may be filtered out
		if within != 0 && !within.Contains(rule.Division) {
			break
		}
		if looked++; looked%10_000 == 0 && ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if req.GetRegion() != "" && rule.Region != req.GetRegion() {
			continue
		}
		if len(out.GetRoutes()) == limit {
			out.NextPageToken = pageToken(filters, rule.Key())
			break
		}
		out.Routes = append(out.Routes, routeOf(v.View, rule))
	}
	return out, nil
}

func checkListRoutes(req *jieliv1.ListRoutesRequest) (within regions.Code, limit int, err error) {
	var wrong []fault.Field
	if req.GetDivision() != "" {
		if within, err = regions.ParseCode(req.GetDivision()); err != nil {
			wrong = append(wrong, fieldOf(err))
		}
	}
	if req.GetRegion() != "" {
		if err := regions.ValidateRegionID(req.GetRegion()); err != nil {
			wrong = append(wrong, fieldOf(err))
		}
	}
	limit = int(req.GetPageSize())
	switch {
	case limit == 0:
		limit = defaultPage
	case limit < 0 || limit > maxPage:
		wrong = append(wrong, fault.Field{Name: "pageSize", Rule: "must be from 1 to 1000, or 0 for 100"})
	}
	if len(wrong) > 0 {
		return 0, 0, fault.InvalidFields(wrong...)
	}
	return within, limit, nil
}

// ListServices implements jieliv1.RegistryServiceServer.
func (s *registryService) ListServices(ctx context.Context, _ *jieliv1.ListServicesRequest) (*jieliv1.ListServicesResponse, error) {
	v, err := s.view(ctx, jieliv1.Consistency_LOCAL)
	if err != nil {
		return nil, err
	}
	return &jieliv1.ListServicesResponse{Services: v.Services(), Revision: v.Revision()}, nil
}

// GetPolicy implements jieliv1.RegistryServiceServer.
func (s *registryService) GetPolicy(ctx context.Context, _ *jieliv1.GetPolicyRequest) (*jieliv1.GetPolicyResponse, error) {
	v, err := s.view(ctx, jieliv1.Consistency_LOCAL)
	if err != nil {
		return nil, err
	}
	return &jieliv1.GetPolicyResponse{Policy: v.Policy(), Level: v.Level(), Revision: v.Revision()}, nil
}

// checkRegionID refuses what cannot be a region's id.
func checkRegionID(field, id string) error {
	if err := regions.ValidateRegionID(id); err != nil {
		f := fieldOf(err)
		f.Name = field
		return fault.InvalidFields(f)
	}
	return nil
}

// checkNodeName refuses what cannot be a node's name.
func checkNodeName(field, name string) error {
	if err := trust.CheckNode(name); err != nil {
		return fault.InvalidFields(fault.Field{Name: field, Rule: "must be a node name: 1 to 32 of a-z, 0-9 and -, not beginning with -"})
	}
	return nil
}

// fieldOf turns an error of package regions into a wrong field.
func fieldOf(err error) fault.Field {
	var invalid *regions.InvalidError
	if errors.As(err, &invalid) {
		return fault.Field{Name: invalid.Field, Rule: invalid.Rule}
	}
	return fault.Field{Name: "request", Rule: err.Error()}
}

// invalid turns an error of package regions into the refusal of a request.
func invalid(err error) error { return fault.InvalidFields(fieldOf(err)) }

// GetDivision implements jieliv1.RegistryServiceServer. It needs no registry: divisions are part of the binary.
func (s *registryService) GetDivision(_ context.Context, req *jieliv1.GetDivisionRequest) (*jieliv1.Division, error) {
	code, err := regions.ParseCode(req.GetCode())
	if err != nil {
		f := fieldOf(err)
		f.Name = "code"
		return nil, fault.InvalidFields(f)
	}
	divisions, err := regions.LoadDivisions()
	if err != nil {
		return nil, err
	}
	division, ok := divisions.Lookup(code)
	if !ok {
		return nil, fault.New(fault.NotFound, "UNKNOWN_DIVISION", "there is and was no division %s; `jieli division search NAME` finds codes", code)
	}
	return divisionOf(division), nil
}

// SearchDivisions implements jieliv1.RegistryServiceServer.
func (s *registryService) SearchDivisions(_ context.Context, req *jieliv1.SearchDivisionsRequest) (*jieliv1.SearchDivisionsResponse, error) {
	var wrong []fault.Field
	if n := utf8.RuneCountInString(req.GetQ()); n == 0 || n > regions.MaxSearchRunes {
		wrong = append(wrong, fault.Field{Name: "q", Rule: "must be a name, part of one or the beginning of a code: 1 to 64 characters"})
	}
	limit := int(req.GetLimit())
	switch {
	case limit == 0:
		limit = defaultSearch
	case limit < 0 || limit > regions.MaxSearchResults:
		wrong = append(wrong, fault.Field{Name: "limit", Rule: "must be from 1 to 100, or 0 for 20"})
	}
	if len(wrong) > 0 {
		return nil, fault.InvalidFields(wrong...)
	}
	divisions, err := regions.LoadDivisions()
	if err != nil {
		return nil, err
	}
	out := &jieliv1.SearchDivisionsResponse{}
	for _, division := range divisions.Search(req.GetQ(), limit) {
		out.Divisions = append(out.Divisions, divisionOf(division))
	}
	return out, nil
}

func divisionOf(d regions.Division) *jieliv1.Division {
	out := &jieliv1.Division{
		Code: d.Code.String(), Name: d.Name, FullName: d.FullName, Kind: string(d.Kind), Parent: d.Parent.String(),
	}
	for _, code := range d.Successors {
		out.Successors = append(out.Successors, code.String())
	}
	return out
}
