package e2e

import (
	"os"
	"path/filepath"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	jieliv1 "github.com/jieli-gateway/jieli/proto/jieli/v1"
)

// A node whose store was copied back from yesterday cannot fork a ticket: nothing is appended to what it shares with a
// peer before the peer has been heard from, and then both sides see that the histories differ and stop.
func TestCopiedBackStoreIsDetected(t *testing.T) {
	f := newFederation(t, "jingjinji", "changsanjiao")
	origin, target := f.nodes[0], f.nodes[1]
	ticket, err := submit(t.Context(), origin, complaint("OLD-1", "320506"))
	must(t, err)
	hold := func() bool {
		got, err := target.tickets.GetTicket(target.ctx(), &jieliv1.GetTicketRequest{Id: ticket.GetId()})
		return err == nil && got.GetHolder() == "changsanjiao"
	}
	wait(t, "the offer to arrive", hold)
	target.stop()
	yesterday := filepath.Join(t.TempDir(), "store")
	must(t, os.CopyFS(yesterday, os.DirFS(target.storeDir())))

	target.start()
	f.settle()
	_, err = target.tickets.AcceptTicket(target.ctx(), &jieliv1.AcceptTicketRequest{Id: ticket.GetId()})
	must(t, err)
	_, err = target.tickets.AnswerTicket(target.ctx(), &jieliv1.AnswerTicketRequest{Id: ticket.GetId(), Text: "已处理。"})
	must(t, err)
	wait(t, "the answer to arrive", func() bool {
		got, err := origin.tickets.GetTicket(origin.ctx(), &jieliv1.GetTicketRequest{Id: ticket.GetId()})
		return err == nil && got.GetState() == jieliv1.Ticket_ANSWERED
	})

	target.stop()
	must(t, os.RemoveAll(target.storeDir()))
	must(t, os.CopyFS(target.storeDir(), os.DirFS(yesterday)))
	target.start()
	target.ready()
	_, err = target.tickets.AcceptTicket(target.ctx(), &jieliv1.AcceptTicketRequest{Id: ticket.GetId()})
	if status.Code(err) != codes.Unavailable {
		t.Errorf("accept on the copied-back store: %v; want UNAVAILABLE until the histories match", err)
	}
	wait(t, "both sides to see that one was restored", func() bool {
		return stoppedAs(origin.linkTo("changsanjiao"), "PEER_RESTORED") && stoppedAs(target.linkTo("jingjinji"), "SELF_RESTORED")
	})
	_, err = target.tickets.AcceptTicket(target.ctx(), &jieliv1.AcceptTicketRequest{Id: ticket.GetId()})
	if status.Code(err) != codes.Unavailable {
		t.Errorf("accept after the detection: %v; want UNAVAILABLE", err)
	}
	if !hold() {
		t.Error("the copied-back store does not show what it had")
	}
	got, err := origin.tickets.GetTicket(origin.ctx(), &jieliv1.GetTicketRequest{Id: ticket.GetId()})
	must(t, err)
	if got.GetState() != jieliv1.Ticket_ANSWERED {
		t.Errorf("the origin's copy is %s; want it untouched, ANSWERED", got.GetState())
	}
}

func stoppedAs(l *jieliv1.LinkStatus, reason string) bool {
	return l.GetState() == "STOPPED" && l.GetReason() == reason
}
