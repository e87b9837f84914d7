package main

import (
	"context"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"

	jieliv1 "github.com/jieli-gateway/jieli/proto/jieli/v1"
)

// What the fake node has in its registry beside what fakenode_test.go says.

func (*fakeNode) ListNodes(_ context.Context, req *jieliv1.ListNodesRequest) (*jieliv1.ListNodesResponse, error) {
	res := &jieliv1.ListNodesResponse{Revision: 12}
	for _, n := range []*jieliv1.Node{
		{Region: "jingjinji", Name: "n1", Address: "bj.example:7345", Raft: true, Tickets: true, Level: 1, Version: "v1", Revision: 2, ChangedBy: "jingjinji: node jingjinji/n1"},
		{Region: "suzhou", Name: "n1", Address: "sz.example:7345", Raft: true, Tickets: true, Level: 1, Version: "v1", Revision: 12, ChangedBy: "jingjinji: 王芳"},
	} {
		if req.GetRegion() == "" || req.GetRegion() == n.GetRegion() {
			res.Nodes = append(res.Nodes, n)
		}
	}
	return res, nil
}

// theRoutes are all there are.
func theRoutes() []*jieliv1.Route {
	return []*jieliv1.Route{
		{Division: "11", Region: "jingjinji", Revision: 5, ChangedBy: "jingjinji: 王芳"},
		{Division: "32", Service: "urban", Region: "changsanjiao", ValidTo: "2026-12-31", Revision: 7, ChangedBy: "changsanjiao: 李明"},
		{Division: "3205", Region: "changsanjiao", ValidFrom: "2026-01-01", Revision: 12, ChangedBy: "jingjinji: 王芳"},
	}
}

func (*fakeNode) ListRoutes(_ context.Context, req *jieliv1.ListRoutesRequest) (*jieliv1.ListRoutesResponse, error) {
	res := &jieliv1.ListRoutesResponse{Revision: 12}
	for _, r := range theRoutes() {
		if req.GetRegion() == "" || req.GetRegion() == r.GetRegion() {
			res.Routes = append(res.Routes, r)
		}
	}
	return res, nil
}

func (*fakeNode) ListServices(context.Context, *jieliv1.ListServicesRequest) (*jieliv1.ListServicesResponse, error) {
	return &jieliv1.ListServicesResponse{Services: []*jieliv1.ServiceEntry{
		{Code: "emergency.fire", NameZh: "火警", NameEn: "Fire", Emergency: "119", Revision: 1},
		{Code: "urban", NameZh: "城乡建设", NameEn: "Urban development", Aliases: []string{"住建", "城建"}, Revision: 1},
	}, Revision: 12}, nil
}

func (*fakeNode) CheckRoutes(_ context.Context, req *jieliv1.CheckRoutesRequest) (*jieliv1.CheckRoutesResponse, error) {
	res := &jieliv1.CheckRoutesResponse{Revision: 12}
	if req.GetDivision() != "11" {
		res.Unserved = []*jieliv1.Division{{Code: "44", Name: "广东省", FullName: "广东省", Kind: "PROVINCE"}}
		res.NeverWin = []*jieliv1.Route{{Division: "32", Service: "urban", Region: "changsanjiao", ValidTo: "2020-12-31"}}
	}
	return res, nil
}

func (*fakeNode) GetDivision(_ context.Context, req *jieliv1.GetDivisionRequest) (*jieliv1.Division, error) {
	if req.GetCode() != "330104" {
		return nil, refused(codes.NotFound, "UNKNOWN_DIVISION", "there is and was no division "+req.GetCode())
	}
	return &jieliv1.Division{Code: "330104", Name: "江干区", FullName: "浙江省杭州市江干区", Kind: "COUNTY", Parent: "3301", Successors: []string{"330102", "330114"}}, nil
}

func (*fakeNode) SearchDivisions(_ context.Context, req *jieliv1.SearchDivisionsRequest) (*jieliv1.SearchDivisionsResponse, error) {
	if req.GetQ() != "吴中" {
		return &jieliv1.SearchDivisionsResponse{}, nil
	}
	return &jieliv1.SearchDivisionsResponse{Divisions: []*jieliv1.Division{{Code: "320506", Name: "吴中区", FullName: "江苏省苏州市吴中区", Kind: "COUNTY", Parent: "3205"}}}, nil
}

// ListChanges knows what became of Suzhou, newest first.
func (*fakeNode) ListChanges(_ context.Context, req *jieliv1.ListChangesRequest) (*jieliv1.ListChangesResponse, error) {
	all := []*jieliv1.Change{
		{
			Revision: 12, Time: at(12), Actor: "王芳", Region: "jingjinji", Kind: jieliv1.Change_ROUTES_IMPORTED, Concerns: []string{"jingjinji", "suzhou"},
			Routes: []*jieliv1.RouteCounts{{Region: "jingjinji", Removed: 3}, {Region: "suzhou", Added: 1200, Changed: 2}},
		},
		{
			Revision: 9, Time: at(9), Actor: "李明", Region: "suzhou", Kind: jieliv1.Change_REGION_UPDATED, Subject: "suzhou", Concerns: []string{"suzhou"},
			Fields: []*jieliv1.FieldChange{{Field: "dutyPhone", Before: "0512-12345", After: "0512-55512345"}, {Field: "dataContact", Before: "data@sz.example"}},
		},
		{Revision: 8, Time: at(8), Actor: "王芳", Region: "jingjinji", Kind: jieliv1.Change_REGION_APPROVED, Subject: "suzhou", Concerns: []string{"suzhou"}, Fields: []*jieliv1.FieldChange{{Field: "state", Before: "PENDING", After: "ACTIVE"}}},
		{Revision: 7, Time: at(7), Actor: "ticket-system for 王芳", Region: "jingjinji", Kind: jieliv1.Change_NODE_ADDED, Subject: "suzhou/n1", Concerns: []string{"suzhou"}, Fields: []*jieliv1.FieldChange{{Field: "address", After: "sz.example:7345"}, {Field: "raft", After: "true"}}},
		{Revision: 1, Time: at(1), Actor: "bootstrap", Region: "jingjinji", Kind: jieliv1.Change_FEDERATION_STARTED, Subject: "jingjinji", Concerns: []string{"jingjinji"}, Services: 69},
	}
	res := &jieliv1.ListChangesResponse{Revision: 12}
	switch {
	case req.GetAbout() == jieliv1.ListChangesRequest_POLICY:
	case req.GetRegion() == "suzhou" && req.GetPageToken() == "":
		res.Changes, res.NextPageToken = all[:2], "more"
	case req.GetRegion() == "suzhou":
		res.Changes = all[2:4]
	default:
		res.Changes = all
	}
	return res, nil
}

// at13 is what all changes of the registry come to here.
func at13(m proto.Message) (*jieliv1.ChangeResponse, error) {
	if m == nil {
		return nil, refused(codes.InvalidArgument, "INVALID_FIELD", "nothing was sent")
	}
	return &jieliv1.ChangeResponse{Revision: 13}, nil
}

func (*fakeNode) RegisterRegion(_ context.Context, req *jieliv1.RegisterRegionRequest) (*jieliv1.ChangeResponse, error) {
	if req.GetRegion().GetLegalName() == "用过的前缀" {
		return nil, refused(codes.FailedPrecondition, "PREFIX_USED", "prefix SZ is used")
	}
	return at13(req.GetRegion())
}

func (*fakeNode) RevokeRegion(_ context.Context, req *jieliv1.ChangeRegionRequest) (*jieliv1.ChangeResponse, error) {
	return at13(req)
}

func (*fakeNode) UpdateRegion(_ context.Context, req *jieliv1.UpdateRegionRequest) (*jieliv1.ChangeResponse, error) {
	return at13(req.GetRegion())
}

func (*fakeNode) ApproveRegion(_ context.Context, req *jieliv1.ChangeRegionRequest) (*jieliv1.ChangeResponse, error) {
	return at13(req)
}

func (*fakeNode) RetireRegion(_ context.Context, req *jieliv1.ChangeRegionRequest) (*jieliv1.ChangeResponse, error) {
	if req.GetSuccessor() == "" {
		return nil, refused(codes.FailedPrecondition, "OPEN_TICKETS", "region suzhou has 4 open tickets; finish them or name a successor")
	}
	return at13(req)
}

// PutNode takes a new node, and of suzhou/n1 a change that leaves alone what nobody named and was made of what ListNodes says.
func (*fakeNode) PutNode(_ context.Context, req *jieliv1.PutNodeRequest) (*jieliv1.ChangeResponse, error) {
	if n := req.GetNode(); n.GetName() == "n1" {
		moved := n.GetAddress() == "new.sz.example:7345" && n.GetTickets() && n.GetRaft()
		closed := n.GetAddress() == "sz.example:7345" && !n.GetTickets() && n.GetRaft()
		if req.GetExpectedRevision() != 12 || !moved && !closed {
			return nil, refused(codes.Aborted, "REVISION", "not what was asked for: "+req.String())
		}
	}
	return at13(req.GetNode())
}

func (*fakeNode) RemoveNode(_ context.Context, req *jieliv1.RemoveNodeRequest) (*jieliv1.ChangeResponse, error) {
	return at13(req)
}

func (*fakeNode) SetRoute(_ context.Context, req *jieliv1.SetRouteRequest) (*jieliv1.ChangeResponse, error) {
	return at13(req.GetRoute())
}

func (*fakeNode) DeleteRoute(_ context.Context, req *jieliv1.DeleteRouteRequest) (*jieliv1.ChangeResponse, error) {
	return at13(req)
}

func (*fakeNode) StageRoutes(_ context.Context, req *jieliv1.StageRoutesRequest) (*jieliv1.ChangeResponse, error) {
	return at13(req.GetChanges())
}

func (*fakeNode) FinishImport(_ context.Context, req *jieliv1.FinishImportRequest) (*jieliv1.ChangeResponse, error) {
	if req.GetExpectedRevision() != 12 {
		return nil, refused(codes.Aborted, "REVISION_MOVED_ON", "the registry is at revision 12")
	}
	return at13(req)
}

func (*fakeNode) SetService(_ context.Context, req *jieliv1.SetServiceRequest) (*jieliv1.ChangeResponse, error) {
	return at13(req.GetService())
}
