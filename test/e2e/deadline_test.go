package e2e

import (
	"testing"

	jieliv1 "github.com/jieli-gateway/jieli/proto/jieli/v1"
)

// A region that was offered a ticket dies before anybody signs for it. At the origin the ticket turns red by itself and is
// found by its light; when the region is up again, the ticket counts as accepted there, and both sides have that once.
func TestUnsignedTicketIsDeemedAccepted(t *testing.T) {
	f := newFederation(t, "jingjinji", "changsanjiao")
	origin, target := f.nodes[0], f.nodes[1]
	_, err := target.registry.SetPolicy(target.ctx(), &jieliv1.SetPolicyRequest{Policy: &jieliv1.Policy{Terms: []*jieliv1.TermRule{{
		Region: "changsanjiao", Terms: &jieliv1.Terms{Return: &jieliv1.Term{ClockSeconds: 4}},
	}}}})
	must(t, err)
	f.settle()
	ticket, err := submit(t.Context(), origin, complaint("LATE-1", "320506"))
	must(t, err)
	at := func(n *node) *jieliv1.Ticket {
		got, err := n.tickets.GetTicket(n.ctx(), &jieliv1.GetTicketRequest{Id: ticket.GetId()})
		if err != nil {
			return nil
		}
		return got
	}
	wait(t, "the offer's receipt", func() bool { return at(origin).GetHolder() == "changsanjiao" })
	target.kill()
	answer := at(origin).GetDue().GetAnswer().AsTime()
	wait(t, "the light to turn red", func() bool {
		red, err := origin.tickets.ListTickets(origin.ctx(), &jieliv1.ListTicketsRequest{Light: jieliv1.Ticket_RED})
		return err == nil && len(red.GetTickets()) == 1 && red.GetTickets()[0].GetId() == ticket.GetId()
	})

	target.start()
	f.settle()
	f.route("9999", "changsanjiao") // a change of the registry makes a desk look at its timers, as the clock does
	wait(t, "the origin to have it accepted", func() bool { return at(origin).GetState() == jieliv1.Ticket_ACCEPTED })
	for _, n := range f.nodes {
		got := at(n)
		signed := 0
		for _, e := range got.GetEvents() {
			if e.GetKind() == jieliv1.Event_ACCEPTED && e.GetReason() == "DEEMED" && e.GetAuthor() == "changsanjiao" {
				signed++
			}
		}
		if signed != 1 || !got.GetDue().GetAnswer().AsTime().Equal(answer) || got.GetLight() != jieliv1.Ticket_GREEN {
			t.Errorf("%s has it accepted %d times, the answer due %v, %s; want once, %v, GREEN", n.id, signed,
				got.GetDue().GetAnswer().AsTime(), got.GetLight(), answer)
		}
	}
}
