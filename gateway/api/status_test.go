package api

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

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
