package api

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/jieli-gateway/jieli/gateway/access"
	"github.com/jieli-gateway/jieli/gateway/fault"
	jieliv1 "github.com/jieli-gateway/jieli/proto/jieli/v1"
)

func TestStatusOfANode(t *testing.T) {
	now := time.Now()
	good := func() *jieliv1.RegistryStatus {
		return &jieliv1.RegistryStatus{
			ClusterId: "c", Leader: "jingjinji/a", Voters: 3, Quorum: 2,
			Nodes: []*jieliv1.RaftNode{
				{Region: "chengyu", Name: "a", Voter: true, Reachable: true},
				{Region: "jingjinji", Name: "a", Voter: true, Reachable: true},
				{Region: "suzhou", Name: "a", Voter: true, Reachable: true, Lag: 10},
			},
		}
	}
	up := &jieliv1.LinkStatus{Peer: "suzhou", State: "UP", Confirmed: true}
	for name, test := range map[string]struct {
		registry func(*jieliv1.RegistryStatus)
		store    fakeStore
		links    fakeLinks
		health   jieliv1.Status_Health
		reasons  string
	}{
		"all is well":    {health: jieliv1.Status_HEALTHY},
		"no registry":    {registry: func(r *jieliv1.RegistryStatus) { r.Reset() }, health: jieliv1.Status_DOWN, reasons: "NO_REGISTRY"},
		"no leader":      {registry: func(r *jieliv1.RegistryStatus) { r.Leader = "" }, health: jieliv1.Status_DEGRADED, reasons: "NO_LEADER"},
		"one voter away": {registry: func(r *jieliv1.RegistryStatus) { r.Nodes[0].Reachable = false }, health: jieliv1.Status_DEGRADED, reasons: "NODE_UNREACHABLE"},
		"no quorum": {registry: func(r *jieliv1.RegistryStatus) {
			r.Nodes[0].Reachable, r.Nodes[2].Reachable, r.Leader = false, false, ""
		}, health: jieliv1.Status_DEGRADED, reasons: "NO_QUORUM NO_LEADER NODE_UNREACHABLE NODE_UNREACHABLE"},
		"stale":             {registry: func(r *jieliv1.RegistryStatus) { r.Stale, r.StaleReason = true, "NO_QUORUM_CONTACT" }, health: jieliv1.Status_DEGRADED, reasons: "REGISTRY_STALE"},
		"far behind":        {registry: func(r *jieliv1.RegistryStatus) { r.Nodes[2].Lag = 5000 }, health: jieliv1.Status_DEGRADED, reasons: "NODE_BEHIND"},
		"disk low":          {store: fakeStore{status: &jieliv1.StoreStatus{Disk: "SOFT_LIMIT"}}, health: jieliv1.Status_DEGRADED, reasons: "DISK_LOW"},
		"disk full":         {store: fakeStore{status: &jieliv1.StoreStatus{Disk: "HARD_LIMIT"}}, health: jieliv1.Status_DOWN, reasons: "DISK_FULL"},
		"store silent":      {store: fakeStore{err: errors.New("no")}, health: jieliv1.Status_DOWN, reasons: "STORE_FAILING"},
		"link down":         {links: fakeLinks{{Peer: "a", State: "DOWN", Reason: "REFUSED"}, up}, health: jieliv1.Status_DEGRADED, reasons: "LINK_DOWN"},
		"link behind":       {links: fakeLinks{{Peer: "a", State: "BEHIND"}}, health: jieliv1.Status_DEGRADED, reasons: "LINK_BEHIND"},
		"link stopped":      {links: fakeLinks{{Peer: "a", State: "STOPPED", Reason: "PEER_RESTORED"}}, health: jieliv1.Status_DEGRADED, reasons: "LINK_STOPPED"},
		"peer suspended":    {links: fakeLinks{{Peer: "a", State: "UP", Reason: "SUSPENDED"}}, health: jieliv1.Status_HEALTHY},
		"peer's disk full":  {links: fakeLinks{{Peer: "a", State: "UP", Reason: "PEER_DISK"}}, health: jieliv1.Status_DEGRADED, reasons: "PEER_DISK"},
		"registries differ": {links: fakeLinks{{Peer: "a", State: "DOWN"}, {Peer: "b", State: "UP", Reason: "REGISTRY_DIFFERS"}}, health: jieliv1.Status_DEGRADED, reasons: "REGISTRY_DIFFERS LINK_DOWN"},
		"connecting":        {links: fakeLinks{{Peer: "a", State: "CONNECTING", Since: timestamppb.New(now)}}, health: jieliv1.Status_HEALTHY},
		"connecting long":   {links: fakeLinks{{Peer: "a", State: "CONNECTING", Since: timestamppb.New(now.Add(-time.Hour))}}, health: jieliv1.Status_DEGRADED, reasons: "LINK_CONNECTING"},
		"ticket stopped":    {links: fakeLinks{{Peer: "a", State: "UP", Stopped: []*jieliv1.StoppedTicket{{TicketId: "t", Reason: "FORGED"}}}}, health: jieliv1.Status_DEGRADED, reasons: "TICKETS_STOPPED"},
		"clocks differ":     {links: fakeLinks{{Peer: "a", State: "UP", ClockSkew: durationpb.New(-6 * time.Second)}}, health: jieliv1.Status_DEGRADED, reasons: "CLOCK_SKEW"},
		"worst comes first": {store: fakeStore{status: &jieliv1.StoreStatus{Disk: "HARD_LIMIT"}}, links: fakeLinks{{Peer: "a", State: "DOWN"}, {Peer: "b", State: "STOPPED"}}, health: jieliv1.Status_DOWN, reasons: "DISK_FULL LINK_STOPPED LINK_DOWN"},
	} {
		t.Run(name, func(t *testing.T) {
			c := newCentre(t)
			c.registry.status = good()
			if test.registry != nil {
				test.registry(c.registry.status)
			}
			if test.store.status == nil && test.store.err == nil {
				test.store.status = &jieliv1.StoreStatus{Disk: "OK"}
			}
			if err := c.api.Attach(Parts{Registry: c.registry, Desk: c.desk, Store: test.store, Links: test.links}); err != nil {
				t.Fatal(err)
			}
			got := c.request("GET", "/v1/status", c.monitor, "")
			var status jieliv1.Status
			if err := protojson.Unmarshal(got.body, &status); err != nil || got.code != 200 {
				t.Fatalf("%d %s", got.code, got.body)
			}
			var reasons []string
			for _, p := range status.GetProblems() {
				reasons = append(reasons, p.GetReason())
				if p.GetMessage() == "" || p.GetMessageZh() == "" || p.GetMessage() == p.GetMessageZh() {
					t.Errorf("%s is not said in both languages: %v", p.GetReason(), p)
				}
			}
			if status.GetHealth() != test.health || strings.Join(reasons, " ") != test.reasons {
				t.Fatalf("%s: %v; want %s: %s", status.GetHealth(), reasons, test.health, test.reasons)
			}
			if status.GetRegion() != "jingjinji" || status.GetNode() != "a" || status.GetVersion() != "test" || status.GetStartTime() == nil {
				t.Fatalf("got %v", &status)
			}
		})
	}
}

// A node that was told to join says why it is not in yet, and what to do; once it is in, that is no problem any more.
func TestANodeThatJoinsSaysWhyItIsNotIn(t *testing.T) {
	c := newCentre(t)
	c.registry.status = new(jieliv1.RegistryStatus)
	joining := &Joining{Address: "bj.example:7345", Since: time.Now(), Cause: "UNREACHABLE", Error: "connection refused", Advice: "is it up?", AdviceZh: "是否运行？"}
	if err := c.api.Attach(Parts{Registry: c.registry, Joining: func() *Joining { return joining }}); err != nil {
		t.Fatal(err)
	}
	look := func() *jieliv1.Status {
		t.Helper()
		status := new(jieliv1.Status)
		if got := c.request("GET", "/v1/status", c.monitor, ""); protojson.Unmarshal(got.body, status) != nil || got.code != 200 {
			t.Fatalf("%d %s", got.code, got.body)
		}
		return status
	}
	problems := look().GetProblems()
	if len(problems) != 1 {
		t.Fatalf("got %v, want one problem", problems)
	}
	p := problems[0]
	if p.GetReason() != "JOINING" || p.GetCause() != "UNREACHABLE" || p.GetAdvice() != "is it up?" || p.GetAdviceZh() == "" || p.GetSince() == nil {
		t.Errorf("got %v", p)
	}
	for _, text := range []string{p.GetMessage(), p.GetMessageZh()} {
		if !strings.Contains(text, "bj.example:7345") || !strings.Contains(text, "connection refused") {
			t.Errorf("%q does not say through whom and why not", text)
		}
	}
	c.registry.status.ClusterId, c.registry.status.Leader = "c", "jingjinji/a"
	if status := look(); status.GetHealth() != jieliv1.Status_HEALTHY {
		t.Errorf("in the federation, and still %v", status.GetProblems())
	}
}

func TestLinksAreListedInOrder(t *testing.T) {
	c := newCentre(t)
	links := fakeLinks{{Peer: "b", State: "UP"}, {Peer: "a", State: "DOWN", DutyPhone: "022-12345"}}
	if err := c.api.Attach(Parts{Registry: c.registry, Links: links}); err != nil {
		t.Fatal(err)
	}
	got := c.request("GET", "/v1/status/links", c.monitor, "")
	var list jieliv1.ListLinksResponse
	if err := protojson.Unmarshal(got.body, &list); err != nil || len(list.GetLinks()) != 2 || list.GetLinks()[0].GetPeer() != "a" {
		t.Fatalf("%d %s", got.code, got.body)
	}
	if links[0].GetPeer() != "b" {
		t.Fatal("the links' own order was changed")
	}
	got = c.request("GET", "/v1/status", c.monitor, "")
	if !strings.Contains(string(got.body), "022-12345") {
		t.Fatalf("whom to phone is not said: %s", got.body)
	}
}

func TestProblemsAreBounded(t *testing.T) {
	var f findings
	for i := range 2 * maxProblems {
		f.add(found(careful, fmt.Sprint(i), "", ""))
	}
	f.add(found(down, "WORST", "", ""))
	if list := f.problems(); len(list) != maxProblems || list[0].GetReason() != "WORST" {
		t.Fatalf("%d problems, first %s", len(list), list[0].GetReason())
	}
	var stopped []*jieliv1.StoppedTicket
	for range 2 * maxStoppedShown {
		stopped = append(stopped, &jieliv1.StoppedTicket{TicketId: "t", Reason: "FORGED"})
	}
	if names := stoppedNames(stopped); strings.Count(names, "FORGED") != maxStoppedShown || !strings.HasSuffix(names, "…") {
		t.Fatal(names)
	}
}

// A problem with a link says since when, why, whom to phone and what to do.
func TestProblemOfALink(t *testing.T) {
	c := newCentre(t)
	since := timestamppb.New(time.Now().Add(-time.Hour).Truncate(time.Second))
	links := fakeLinks{
		{Peer: "a", State: "DOWN", Reason: "REFUSED", Message: "dial tcp: refused", Since: since, DutyPhone: "022-12345", Backlog: 3},
		{Peer: "b", State: "UP", Reason: "PEER_DISK", Since: since, DutyPhone: "023-12345"},
	}
	c.registry.status = &jieliv1.RegistryStatus{
		ClusterId: "c", Leader: "jingjinji/a", Voters: 1, Quorum: 1,
		Nodes: []*jieliv1.RaftNode{{Region: "jingjinji", Name: "a", Voter: true, Reachable: true}, {Region: "a", Name: "n1"}},
	}
	if err := c.api.Attach(Parts{Registry: c.registry, Links: links}); err != nil {
		t.Fatal(err)
	}
	var status jieliv1.Status
	if err := protojson.Unmarshal(c.request("GET", "/v1/status", c.monitor, "").body, &status); err != nil {
		t.Fatal(err)
	}
	for i, want := range []struct{ reason, cause, peer, phone string }{
		{"NODE_UNREACHABLE", "", "a", "022-12345"},
		{"LINK_DOWN", "REFUSED", "a", "022-12345"},
		{"PEER_DISK", "PEER_DISK", "b", "023-12345"},
	} {
		p := status.GetProblems()[i]
		if p.GetReason() != want.reason || p.GetCause() != want.cause || p.GetPeer() != want.peer || p.GetDutyPhone() != want.phone {
			t.Errorf("problem %d: %v, want %+v", i, p, want)
		}
		if want.cause != "" && (p.GetSince().AsTime() != since.AsTime() || p.GetAdvice() == "" || p.GetAdviceZh() == "") {
			t.Errorf("problem %d does not say since when and what to do: %v", i, p)
		}
	}
}

// A certificate that must be renewed is told of before it is too late.
func TestProblemOfOwnCertificate(t *testing.T) {
	now := time.Now()
	for name, test := range map[string]struct {
		end    time.Time
		reason string
	}{
		"good for long": {now.Add(60 * 24 * time.Hour), ""},
		"ends soon":     {now.Add(5 * 24 * time.Hour), "CERTIFICATE_EXPIRES"},
		"ended":         {now.Add(-time.Hour), "CERTIFICATE_EXPIRED"},
	} {
		t.Run(name, func(t *testing.T) {
			got := ""
			for _, f := range ofCertificate(test.end, now) {
				got = f.problem.GetReason()
			}
			if got != test.reason {
				t.Errorf("got %q, want %q", got, test.reason)
			}
		})
	}
}

// A token that is in use is told of a month before it ends, by name and day.
func TestProblemOfATokenInUse(t *testing.T) {
	c := newCentre(t)
	c.registry.status = &jieliv1.RegistryStatus{ClusterId: "c", Leader: "jingjinji/a"}
	if err := c.api.Attach(Parts{Registry: c.registry}); err != nil {
		t.Fatal(err)
	}
	end := time.Now().Add(29 * 24 * time.Hour)
	token, entry, err := c.tokens.Create(access.Spec{Name: "ticket-system", Kind: access.System, Roles: []access.Role{access.Monitor}, Expires: end})
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct{ token, want string }{{c.monitor, ""}, {token, "TOKEN_EXPIRES"}} {
		got := c.request("GET", "/v1/status", test.token, "")
		status := new(jieliv1.Status)
		if err := protojson.Unmarshal(got.body, status); err != nil || got.code != 200 {
			t.Fatalf("%d %s", got.code, got.body)
		}
		reasons := ""
		for _, p := range status.GetProblems() {
			reasons += p.GetReason()
			for _, text := range []string{p.GetMessage(), p.GetMessageZh()} {
				if !strings.Contains(text, "ticket-system") || !strings.Contains(text, entry.ID) || !strings.Contains(text, end.Local().Format(time.DateOnly)) {
					t.Errorf("does not say whose and when: %s", text)
				}
			}
		}
		if reasons != test.want {
			t.Errorf("got %q, want %q", reasons, test.want)
		}
	}
}

// fakeViews and fakeTester answer alike whoever asks.
type fakeViews []*jieliv1.View

func (v fakeViews) Views(context.Context) []*jieliv1.View { return v }

type fakeTester struct{}

func (fakeTester) TestLink(_ context.Context, region string) (*jieliv1.TestLinkResponse, error) {
	if region != "suzhou" {
		return nil, fault.New(fault.NotFound, "REGION_NOT_FOUND", "no region %s", region)
	}
	return &jieliv1.TestLinkResponse{Region: region, Nodes: []*jieliv1.NodeTest{{Node: "n1"}}}, nil
}

func TestStatusOfAll(t *testing.T) {
	c := newCentre(t)
	parts := Parts{
		Registry: c.registry, Links: fakeLinks{{Peer: "a", State: "DOWN", Reason: "REFUSED"}},
		Views: fakeViews{silent("a"), answered("b", "jingjinji", "-a")},
	}
	if err := c.api.Attach(parts); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]int{"/v1/status": 0, "/v1/status?all=true": 2} {
		var status jieliv1.Status
		if err := protojson.Unmarshal(c.request("GET", path, c.monitor, "").body, &status); err != nil {
			t.Fatal(err)
		}
		if len(status.GetViews()) != want || (want > 0) != (len(status.GetVerdicts()) == 1) {
			t.Errorf("%s: views %v, verdicts %v", path, status.GetViews(), status.GetVerdicts())
		}
	}
}

func TestLinkTestOverHTTP(t *testing.T) {
	c := newCentre(t)
	if got := c.request("POST", "/v1/status/links/suzhou:test", c.monitor, "{}"); got.code != 503 {
		t.Errorf("before there is a tester: %d %s", got.code, got.body)
	}
	if err := c.api.Attach(Parts{Registry: c.registry, Links: fakeLinks{{Peer: "suzhou", State: "UP"}}, Tester: fakeTester{}}); err != nil {
		t.Fatal(err)
	}
	got := c.request("POST", "/v1/status/links/suzhou:test", c.monitor, "{}")
	var res jieliv1.TestLinkResponse
	if err := protojson.Unmarshal(got.body, &res); err != nil || got.code != 200 || res.GetLink().GetState() != "UP" || res.GetRegion() != "suzhou" {
		t.Fatalf("%d %s %v", got.code, got.body, err)
	}
	for path, want := range map[string]int{"/v1/status/links/wuxi:test": 404, "/v1/status/links/Wu%20xi:test": 400} {
		if got := c.request("POST", path, c.monitor, "{}"); got.code != want {
			t.Errorf("%s: %d %s, want %d", path, got.code, got.body, want)
		}
	}
	if got := c.request("POST", "/v1/status/links/suzhou:test", "", "{}"); got.code != 401 {
		t.Errorf("without a token: %d", got.code)
	}
}
