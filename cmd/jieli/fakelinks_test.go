package main

import (
	"context"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/types/known/durationpb"

	jieliv1 "github.com/jieli-gateway/jieli/proto/jieli/v1"
)

// The fake node's links: one is up, one down, and one is up and under a restriction.
func links() []*jieliv1.LinkStatus {
	return []*jieliv1.LinkStatus{
		{Peer: "jingjinji", State: "UP", Since: at(1), LastSuccess: at(9), RoundTrip: durationpb.New(30*time.Millisecond + 12345), ClockSkew: durationpb.New(-time.Millisecond), DutyPhone: "010-55512345"},
		{
			Peer: "wuxi", State: "DOWN", Reason: "REFUSED", Message: "connection refused", Since: at(2), LastSuccess: at(1), NextTry: at(10), Backlog: 7, Oldest: at(3), DutyPhone: "0510-55512345",
			Stopped: []*jieliv1.StoppedTicket{{TicketId: "0193f2a6-5c1e-7b3a-9d42-6f0e8a1b2c3d", Reason: "EQUIVOCATION"}},
		},
		{Peer: "xuzhou", State: "UP", Reason: "PEER_DISK", Message: "the peer's disk is nearly full: it takes no new offers", Since: at(4), LastSuccess: at(9), DutyPhone: "0516-55512345"},
	}
}

func problems() []*jieliv1.Problem {
	return []*jieliv1.Problem{
		{
			Reason: "LINK_DOWN", Cause: "REFUSED", Peer: "wuxi", DutyPhone: "0510-55512345", Since: at(2),
			Message: "the link with wuxi is not up", MessageZh: "与 wuxi 的链路未接通", Advice: "phone them", AdviceZh: "请电话联系对方",
		},
		{
			Reason: "PEER_DISK", Cause: "PEER_DISK", Peer: "xuzhou", DutyPhone: "0516-55512345", Since: at(4),
			Message: "nothing new is offered to xuzhou", MessageZh: "暂不向 xuzhou 转办", Advice: "phone them to make room", AdviceZh: "请电话联系对方清理磁盘",
		},
		{Reason: "NODE_UNREACHABLE", Peer: "wuxi", Message: "node wuxi/n1 does not answer", MessageZh: "节点 wuxi/n1 没有响应"},
	}
}

func views() []*jieliv1.View {
	seen := func(peer, state, reason string) *jieliv1.SeenLink {
		return &jieliv1.SeenLink{Peer: peer, State: state, Reason: reason, Since: at(2)}
	}
	return []*jieliv1.View{
		{Region: "jingjinji", Node: "n1", Answered: true, Links: []*jieliv1.SeenLink{
			seen("suzhou", "UP", ""), seen("wuxi", "DOWN", "REFUSED"), seen("xuzhou", "UP", "PEER_DISK"),
		}},
		{Region: "wuxi", Node: "n1", Reason: "REFUSED", Message: "connection refused"},
		{Region: "xuzhou", Node: "n1", Answered: true, Links: []*jieliv1.SeenLink{
			seen("jingjinji", "UP", ""), seen("suzhou", "UP", ""), seen("wuxi", "DOWN", "TIMEOUT"),
		}},
	}
}

func verdicts() []*jieliv1.Verdict {
	return []*jieliv1.Verdict{{
		Region: "wuxi", Code: jieliv1.Verdict_THEY_ARE_DOWN, MissedBy: []string{"jingjinji", "xuzhou"},
		Message: "they are down: each of jingjinji, xuzhou does not reach wuxi either", MessageZh: "对方不通：jingjinji、xuzhou 也连不上 wuxi",
	}}
}

func (*fakeNode) ListLinks(context.Context, *jieliv1.ListLinksRequest) (*jieliv1.ListLinksResponse, error) {
	return &jieliv1.ListLinksResponse{Links: links()}, nil
}

// TestLink comes to the end with jingjinji, as far as tcp with wuxi, and knows nobody else.
func (*fakeNode) TestLink(_ context.Context, req *jieliv1.TestLinkRequest) (*jieliv1.TestLinkResponse, error) {
	step := func(name, en, zh string) *jieliv1.TestStep {
		return &jieliv1.TestStep{Name: name, Result: jieliv1.TestStep_OK, Took: durationpb.New(1500 * time.Microsecond), Message: en, MessageZh: zh}
	}
	name := step("name", "sz.example is 192.0.2.1", "sz.example 即 192.0.2.1")
	switch req.GetRegion() {
	case "jingjinji":
		return &jieliv1.TestLinkResponse{Region: "jingjinji", Ok: true, DutyPhone: "010-55512345", Link: links()[0], Nodes: []*jieliv1.NodeTest{{
			Node: "n1", Address: "bj.example:7345", Steps: []*jieliv1.TestStep{
				name, step("tcp", "connected to 192.0.2.1:7345", "已连接 192.0.2.1:7345"), step("tls", "TLS 1.3", "TLS 1.3"),
				step("identity", "jingjinji/n1 answers", "应答者 jingjinji/n1"), step("hello", "it would take a stream", "对方可建立链路"),
				step("registry", "the same table, revision 12", "登记表相同，版次 12"),
			},
		}}}, nil
	case "wuxi":
		tcp := &jieliv1.TestStep{
			Name: "tcp", Result: jieliv1.TestStep_FAILED, Reason: "REFUSED", Took: durationpb.New(300 * time.Microsecond),
			Message: "nothing listens at the port", MessageZh: "该端口无人监听", Advice: "phone them", AdviceZh: "请电话联系对方",
		}
		steps := []*jieliv1.TestStep{name, tcp}
		for _, later := range []string{"tls", "identity", "hello", "registry"} {
			steps = append(steps, &jieliv1.TestStep{Name: later, Result: jieliv1.TestStep_SKIPPED})
		}
		return &jieliv1.TestLinkResponse{Region: "wuxi", DutyPhone: "0510-55512345", Link: links()[1], Nodes: []*jieliv1.NodeTest{{Node: "n1", Address: "wx.example:7345", Steps: steps}}}, nil
	}
	return nil, refused(codes.NotFound, "REGION_NOT_FOUND", "the registry knows no region "+req.GetRegion())
}
