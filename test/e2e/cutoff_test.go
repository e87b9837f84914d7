package e2e

import (
	"fmt"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	jieliv1 "github.com/jieli-gateway/jieli/proto/jieli/v1"
)

// A region that is cut off from the federation keeps taking calls and routing them by its last table, also when it
// was restarted meanwhile; its registry writes fail cleanly and say who is missing. When the others are back, all is
// delivered and writes go on.
func TestRegionCutOffKeepsTakingCalls(t *testing.T) {
	f := newFederation(t, "jingjinji", "changsanjiao", "chengyu")
	alone := f.nodes[2]
	others := f.nodes[:2]
	for _, n := range others {
		n.kill()
	}
	alone.kill()
	alone.start()
	alone.ready()

	taken := map[string]string{}
	for i, division := range []string{"110105", "320506", "500103", "310115", "130203"} {
		external := fmt.Sprintf("CUT-%d", i)
		ticket, err := submit(t.Context(), alone, complaint(external, division))
		must(t, err)
		taken["chengyu/"+external] = ticket.GetId()
		want := jieliv1.Ticket_OFFERED
		if division == "500103" {
			want = jieliv1.Ticket_ACCEPTED
		}
		if ticket.GetState() != want || ticket.GetHolder() != "chengyu" {
			t.Errorf("%s: is %s with %s; want %s, and the giver is the holder until there is a receipt", external, ticket.GetState(), ticket.GetHolder(), want)
		}
	}
	_, err := alone.registry.SetRoute(alone.ctx(), &jieliv1.SetRouteRequest{Route: &jieliv1.Route{Division: "52", Region: "chengyu"}})
	if status.Code(err) != codes.Unavailable || !strings.Contains(err.Error(), "jingjinji/n1") {
		t.Errorf("a registry write without a quorum: %v; want UNAVAILABLE that names the voters missing", err)
	}

	for _, n := range others {
		n.start()
	}
	f.settle()
	for name, id := range taken {
		wait(t, name+" to be where it belongs", func() bool {
			ticket, err := alone.tickets.GetTicket(alone.ctx(), &jieliv1.GetTicketRequest{Id: id})
			return err == nil && (ticket.GetState() == jieliv1.Ticket_ACCEPTED || ticket.GetHolder() != "chengyu")
		})
	}
	must(t, again(t.Context(), func() error {
		_, err := alone.registry.SetRoute(alone.ctx(), &jieliv1.SetRouteRequest{Route: &jieliv1.Route{Division: "5201", Region: "chengyu"}})
		return err
	}))
	for _, n := range f.nodes {
		n.stop()
	}
	f.checkProperties(taken)
}
