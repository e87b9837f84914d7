package main

import (
	"context"
	"net"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	jieliv1 "github.com/jieli-gateway/jieli/proto/jieli/v1"
)

// fakeNode always answers alike, so that what the command line makes of it can be kept.
type fakeNode struct {
	jieliv1.UnimplementedTicketServiceServer
	jieliv1.UnimplementedRegistryServiceServer
	jieliv1.UnimplementedStatusServiceServer
}

// serveFakeNode gives its address.
func serveFakeNode(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s, n := grpc.NewServer(), new(fakeNode)
	jieliv1.RegisterTicketServiceServer(s, n)
	jieliv1.RegisterRegistryServiceServer(s, n)
	jieliv1.RegisterStatusServiceServer(s, n)
	done := make(chan error, 1)
	go func() { done <- s.Serve(l) }()
	t.Cleanup(func() {
		s.Stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return l.Addr().String()
}

// at is a minute of the day everything happens on.
func at(minute int) *timestamppb.Timestamp {
	return timestamppb.New(time.Date(2026, 11, 24, 1, minute, 0, 0, time.UTC))
}

func refused(code codes.Code, reason, message string) error {
	s, err := status.New(code, message).WithDetails(&errdetails.ErrorInfo{Reason: reason, Metadata: map[string]string{"correlationId": "c-1"}})
	if err != nil {
		return err
	}
	return s.Err()
}

// theTicket is one with everything.
func theTicket() *jieliv1.Ticket {
	return &jieliv1.Ticket{
		Id: "0193f2a6-5c1e-7b3a-9d42-6f0e8a1b2c3d", Number: "JJJ-20261124-000042-7", QueryCode: "55186343", ExternalId: "BJ-1",
		References: []*jieliv1.Reference{{Region: "suzhou", Number: "SZ-88"}},
		Origin:     "jingjinji", Holder: "suzhou", OfferedTo: "jingjinji", State: jieliv1.Ticket_ANSWERED, Type: jieliv1.Ticket_COMPLAINT,
		Category: "消费维权", Service: "market.consumer", Urgency: jieliv1.Ticket_URGENT, Title: "车行拒绝退还定金，承诺的提车日期一再推迟至今没有说法，这种情况该怎么办",
		Description: "去年在吴中区买车。\n定金至今未退。", Division: "320506", Address: "吴中区某路1号",
		Reporter:   &jieliv1.Reporter{Name: "李*", Phone: "****0000", Anonymous: true},
		Units:      []*jieliv1.Unit{{Region: "suzhou", Code: "SCJG", Name: "市场监管局", Role: jieliv1.Unit_LEAD}},
		Test:       true,
		ReportedAt: at(0), CreateTime: at(1), UpdateTime: at(5), Round: 2, Due: &jieliv1.Due{Answer: at(59)},
		WithdrawPending: true,
		Events: []*jieliv1.EventRecord{
			{Number: 1, Kind: jieliv1.Event_RECEIVED, Author: "jingjinji", Time: at(1), Actor: "王芳"},
			{Number: 2, Kind: jieliv1.Event_OFFERED, Author: "jingjinji", Time: at(2), Region: "suzhou"},
			{Number: 3, Kind: jieliv1.Event_RETURNED, Author: "suzhou", Time: at(3), Region: "wuxi", Reason: "NOT_OUR_PLACE", Text: "事发地在无锡", LegalBasis: "条例第8条"},
			{Number: 4, Kind: jieliv1.Event_NOTED, Author: "jingjinji", Time: at(4), Erased: true},
			{Number: 5, Kind: jieliv1.Event_ANSWERED, Author: "suzhou", Time: at(5), Text: "已退款", FromFuture: true},
		},
	}
}

func (*fakeNode) GetTicket(ctx context.Context, req *jieliv1.GetTicketRequest) (*jieliv1.Ticket, error) {
	who, _ := metadata.FromIncomingContext(ctx)
	switch {
	case len(who.Get("authorization")) != 1 || who.Get("authorization")[0] != "Bearer jieli_test":
		return nil, refused(codes.Unauthenticated, "NO_TOKEN", "no token")
	case req.GetUnmask():
		return nil, refused(codes.PermissionDenied, "ROLE_REQUIRED", "needs the role auditor")
	case req.GetId() != "JJJ-20261124-000042-7":
		return nil, refused(codes.NotFound, "TICKET_NOT_FOUND", "no ticket "+req.GetId())
	}
	return theTicket(), nil
}

func (*fakeNode) ListTickets(_ context.Context, req *jieliv1.ListTicketsRequest) (*jieliv1.ListTicketsResponse, error) {
	switch {
	case req.GetState() == jieliv1.Ticket_UNROUTED:
		return &jieliv1.ListTicketsResponse{}, nil
	case req.GetState() == jieliv1.Ticket_RETURNED:
		return &jieliv1.ListTicketsResponse{Tickets: []*jieliv1.Ticket{{Number: "A", State: req.GetState(), UpdateTime: at(2)}, {Number: "B", State: req.GetState(), UpdateTime: at(7)}}}, nil
	case req.GetState() == jieliv1.Ticket_ARBITRATION:
		return &jieliv1.ListTicketsResponse{Tickets: []*jieliv1.Ticket{{Number: "C", State: req.GetState(), UpdateTime: at(5)}}}, nil
	case req.GetUpdatedAfter().AsTime().Equal(at(0).AsTime()):
		return &jieliv1.ListTicketsResponse{Tickets: []*jieliv1.Ticket{{Number: "D", State: jieliv1.Ticket_CLOSED, UpdateTime: at(1)}}}, nil
	}
	if req.GetLight() == jieliv1.Ticket_RED {
		late := theTicket()
		late.Light, late.Title = jieliv1.Ticket_RED, "before "+req.GetDueBefore().AsTime().Format(time.RFC3339)
		late.Due = &jieliv1.Due{Answer: timestamppb.New(time.Date(2026, 10, 13, 16, 0, 0, 0, time.UTC))}
		return &jieliv1.ListTicketsResponse{Tickets: []*jieliv1.Ticket{late}}, nil
	}
	diverted := &jieliv1.Ticket{Number: "CY-20261124-000001-3", State: jieliv1.Ticket_DIVERTED, Origin: "chengyu", Holder: "chengyu", Division: "5001", Service: "emergency.fire", Title: "着火", UpdateTime: at(9)}
	return &jieliv1.ListTicketsResponse{Tickets: []*jieliv1.Ticket{theTicket(), diverted}, NextPageToken: "next"}, nil
}

func (*fakeNode) SubmitTicket(_ context.Context, req *jieliv1.SubmitTicketRequest) (*jieliv1.SubmitTicketResponse, error) {
	t := req.GetTicket()
	if t.GetTitle() == "" {
		s, err := status.New(codes.InvalidArgument, "title: is missing").WithDetails(
			&errdetails.ErrorInfo{Reason: "INVALID_FIELD", Metadata: map[string]string{"correlationId": "c-1"}},
			&errdetails.BadRequest{FieldViolations: []*errdetails.BadRequest_FieldViolation{{Field: "title", Description: "is missing"}}},
		)
		if err != nil {
			return nil, err
		}
		return nil, s.Err()
	}
	t.Number, t.State, t.UpdateTime = "CY-20261124-000001-3", jieliv1.Ticket_DIVERTED, at(9)
	return &jieliv1.SubmitTicketResponse{Ticket: t, Warnings: []string{"category is not known"}, CallNumber: "119", Repeated: t.GetExternalId() == "again"}, nil
}

// NoteTicket knows one note.
func (*fakeNode) NoteTicket(_ context.Context, req *jieliv1.NoteTicketRequest) (*jieliv1.Ticket, error) {
	if req.GetText() != "已联系诉求人" {
		return nil, refused(codes.InvalidArgument, "INVALID_FIELD", "not what was said: "+req.GetText())
	}
	return &jieliv1.Ticket{Number: req.GetId(), State: jieliv1.Ticket_OFFERED, OfferedTo: "suzhou"}, nil
}

// RecallTicket asks the other region, which has not answered yet.
func (*fakeNode) RecallTicket(_ context.Context, req *jieliv1.RecallTicketRequest) (*jieliv1.Ticket, error) {
	return &jieliv1.Ticket{Number: req.GetId(), State: jieliv1.Ticket_OFFERED, Holder: "jingjinji", OfferedTo: "suzhou", RecallPending: true}, nil
}

func (*fakeNode) WithdrawTicket(_ context.Context, req *jieliv1.WithdrawTicketRequest) (*jieliv1.Ticket, error) {
	return &jieliv1.Ticket{Number: req.GetId(), State: jieliv1.Ticket_ACCEPTED, Holder: "suzhou", WithdrawPending: true}, nil
}

func (*fakeNode) CloseTicket(context.Context, *jieliv1.CloseTicketRequest) (*jieliv1.Ticket, error) {
	return nil, refused(codes.FailedPrecondition, "WRONG_STATE", "the ticket is OFFERED")
}

func (*fakeNode) ListRegions(context.Context, *jieliv1.ListRegionsRequest) (*jieliv1.ListRegionsResponse, error) {
	return &jieliv1.ListRegionsResponse{Regions: []*jieliv1.Region{
		{Id: "jingjinji", NameZh: "京津冀12345联动中心", NameEn: "Joint centre", Cluster: "jingjinji", State: jieliv1.Region_ACTIVE, DutyPhone: "010-55512345", Revision: 1, ChangedBy: "jingjinji: bootstrap"},
		{Id: "changsanjiao", NameZh: "长三角12345联动中心", NameEn: "Yangtze River Delta", Cluster: "changsanjiao", State: jieliv1.Region_ACTIVE, DutyPhone: "021-55512345", Revision: 4, ChangedBy: "jingjinji: 王芳"},
		{Id: "suzhou", NameZh: "苏州12345", State: jieliv1.Region_PENDING, DutyPhone: "0512-55512345", Revision: 12, ChangedBy: "jingjinji: 王芳"},
	}}, nil
}

func (*fakeNode) GetRegion(_ context.Context, req *jieliv1.GetRegionRequest) (*jieliv1.GetRegionResponse, error) {
	if req.GetId() == "suzohu" || req.GetId() == "atlantis" {
		return nil, refused(codes.NotFound, "REGION_NOT_FOUND", "the registry has no region "+req.GetId())
	}
	return &jieliv1.GetRegionResponse{
		Region: &jieliv1.Region{Id: req.GetId(), NameZh: "苏州12345", LegalName: "苏州市便民服务中心", DutyPhone: "0512-55512345", NumberPrefix: "SZ", State: jieliv1.Region_ACTIVE, Revision: 12, ChangedBy: "suzhou: 王芳", ChangeTime: at(3), SigningKeys: []*jieliv1.SigningKey{{KeyId: "c4ebcc0275bfd205"}}},
		Nodes:  []*jieliv1.Node{{Region: req.GetId(), Name: "n1", Address: "sz.example:7345", Raft: true, Tickets: true, Level: 1, Version: "v1"}},
	}, nil
}

func (*fakeNode) LookupRoute(_ context.Context, req *jieliv1.LookupRouteRequest) (*jieliv1.LookupRouteResponse, error) {
	res := &jieliv1.LookupRouteResponse{Region: "suzhou", Route: &jieliv1.Route{Division: "3205", Region: "suzhou", ValidTo: "2026-12-31"}, Revision: 12}
	if req.GetExplain() {
		res.Candidates = []*jieliv1.Candidate{{Route: &jieliv1.Route{Division: "32", Service: "urban", Region: "changsanjiao"}, Reason: "SHORTER_PREFIX"}}
	}
	return res, nil
}

func (*fakeNode) GetPolicy(context.Context, *jieliv1.GetPolicyRequest) (*jieliv1.GetPolicyResponse, error) {
	return &jieliv1.GetPolicyResponse{Policy: &jieliv1.Policy{RegistryGrace: durationpb.New(48 * time.Hour), Revision: 3}, Level: 1, Revision: 12}, nil
}

// SetPolicy takes only a change of the link floor, or terms of Suzhou, that leaves the rest alone and was made of what
// GetPolicy says.
func (*fakeNode) SetPolicy(_ context.Context, req *jieliv1.SetPolicyRequest) (*jieliv1.ChangeResponse, error) {
	p := req.GetPolicy()
	if terms := p.GetTerms(); len(terms) == 1 && terms[0].GetRegion() == "suzhou" && terms[0].GetType() == jieliv1.Ticket_COMPLAINT &&
		terms[0].GetTerms().GetAnswer().GetWorkingDays() == 10 && terms[0].GetTerms().GetAccept().GetClockSeconds() == 7200 &&
		p.GetLinkVersionFloor() == 0 {
		return &jieliv1.ChangeResponse{Revision: 14}, nil
	}
	if req.GetExpectedRevision() != 12 || p.GetRegistryGrace().AsDuration() != 48*time.Hour || p.GetRequestIds() != 0 || p.GetLinkVersionFloor() != 2 {
		return nil, refused(codes.Aborted, "REVISION", "not what was asked for: "+req.String())
	}
	return &jieliv1.ChangeResponse{Revision: 13}, nil
}

func (*fakeNode) ExcusePeer(context.Context, *jieliv1.ExcusePeerRequest) (*jieliv1.ExcusePeerResponse, error) {
	return &jieliv1.ExcusePeerResponse{}, nil
}

// GetStatus is as bad as the caller's operator says.
func (*fakeNode) GetStatus(ctx context.Context, req *jieliv1.GetStatusRequest) (*jieliv1.Status, error) {
	who, _ := metadata.FromIncomingContext(ctx)
	s := &jieliv1.Status{Health: jieliv1.Status_DEGRADED, Region: "suzhou", Node: "n1", Version: "v1", StartTime: at(0)}
	switch {
	case len(who.Get("jieli-operator")) == 0:
	case who.Get("jieli-operator")[0] == "healthy":
		return &jieliv1.Status{Health: jieliv1.Status_HEALTHY}, nil
	case who.Get("jieli-operator")[0] == "down":
		return &jieliv1.Status{Health: jieliv1.Status_DOWN, Problems: []*jieliv1.Problem{{Reason: "STARTING"}}}, nil
	}
	s.Problems = problems()
	s.Registry = &jieliv1.RegistryStatus{
		ClusterId: "0b5c", Revision: 12, Level: 1, Leader: "suzhou/n1", Term: 3, RaftState: "Leader", Voters: 3, Quorum: 2, Routes: 9,
		Nodes: []*jieliv1.RaftNode{
			{Region: "suzhou", Name: "n1", Address: "sz.example:7345", Voter: true, Reachable: true, RaftState: "Leader", Revision: 12},
			{Region: "wuxi", Name: "n1", Address: "wx.example:7345", Voter: true, RaftState: "Follower", Revision: 7, Lag: 5},
		},
	}
	s.Store = &jieliv1.StoreStatus{Open: 4, Disk: "OK", Bytes: 3 << 20, FreeBytes: 70000 << 20, Waiting: map[string]uint64{"UNROUTED": 2, "ARBITRATION": 1}}
	s.Links = links()
	if req.GetAll() {
		s.Views, s.Verdicts = views(), verdicts()
	}
	return s, nil
}
