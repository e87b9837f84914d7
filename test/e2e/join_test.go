package e2e

import (
	"context"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jieli-gateway/jieli/federation/trust"
	jieliv1 "github.com/jieli-gateway/jieli/proto/jieli/v1"
)

// A fourth region's node and a second node that carries the registry only join with empty disks, catch up and serve:
// what the fourth region is given by a longer prefix is offered to it.
func TestNewcomersJoinWithEmptyDisks(t *testing.T) {
	f := newFederation(t, "jingjinji", "changsanjiao", "chengyu")

	suzhou := newNode(t, trust.NodeID{Region: "suzhou", Node: "n1"}, "")
	f.admit(suzhou)
	suzhou.start(f.joinFlags()...)
	f.route("3205", "suzhou")
	f.nodes = append(f.nodes, suzhou)

	second := newNode(t, trust.NodeID{Region: "chengyu", Node: "n2"}, filepath.Join(f.nodes[2].dir, "pki"))
	must(t, again(t.Context(), func() error {
		_, err := f.nodes[2].registry.PutNode(f.nodes[2].ctx(), &jieliv1.PutNodeRequest{Node: &jieliv1.Node{Region: "chengyu", Name: "n2", Address: second.fed, Raft: true}})
		return err
	}))
	second.start(f.joinFlags()...)
	second.ready()
	f.settle()

	res, err := second.registry.LookupRoute(second.ctx(), &jieliv1.LookupRouteRequest{Division: "320506"})
	must(t, err)
	if res.GetRegion() != "suzhou" {
		t.Errorf("the registry-only node says %s serves 320506; want suzhou", res.GetRegion())
	}
	ticket, err := submit(t.Context(), f.first, complaint("JOIN-1", "320506"))
	must(t, err)
	wait(t, "suzhou to hold the ticket", func() bool {
		got, err := suzhou.tickets.GetTicket(suzhou.ctx(), &jieliv1.GetTicketRequest{Id: ticket.GetId()})
		return err == nil && got.GetHolder() == "suzhou"
	})
	status, err := f.first.status.GetStatus(f.first.ctx(), &jieliv1.GetStatusRequest{})
	must(t, err)
	voters := map[string]int{}
	for _, n := range status.GetRegistry().GetNodes() {
		if n.GetVoter() {
			voters[n.GetRegion()]++
		}
	}
	for region, n := range voters {
		if n > 1 {
			t.Errorf("region %s has %d voters; never two in one region", region, n)
		}
	}
	if len(voters) != 3 {
		t.Errorf("%d voters: %v; want 3 with four regions", len(voters), voters)
	}
}

// A newcomer that has made a federation of its own by mistake is told so, and does not go on in it unnoticed.
func TestAnotherFederationIsNotJoinedSilently(t *testing.T) {
	f := newFederation(t, "jingjinji")
	suzhou := newNode(t, trust.NodeID{Region: "suzhou", Node: "n1"}, "")
	suzhou.start("--bootstrap")
	suzhou.ready()
	suzhou.stop()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	out, err := exec.CommandContext(ctx, binary, append([]string{"serve", "--config", suzhou.config()}, f.joinFlags()...)...).CombinedOutput()
	if err == nil || !strings.Contains(string(out), "already, and --cluster-id names "+f.id) {
		t.Errorf("it ended with %v:\n%s", err, out)
	}
}
