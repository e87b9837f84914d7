package link

import (
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	jieliv1 "github.com/jieli-gateway/jieli/proto/jieli/v1"
)

func TestTwoRegionsExchange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(alpha, beta)
		w.start()
		defer w.stop()
		a, b := w.nodes[alpha], w.nodes[beta]
		eventually(t, time.Second, "the link comes up on both sides", func() bool {
			return a.status(beta).GetState() == StateUp && b.status(alpha).GetState() == StateUp
		})
		for range 50 {
			if err := a.write(beta, wordTake, wordRefuse, wordTake); err != nil {
				t.Fatal(err)
			}
			if err := b.write(alpha, wordTake); err != nil {
				t.Fatal(err)
			}
		}
		eventually(t, time.Second, "everything is receipted", func() bool {
			return a.row(beta).Acknowledged == 150 && b.row(alpha).Acknowledged == 50
		})
		sameHistory(t, a, b)
		sameHistory(t, b, a)
		if got := len(a.happened(jieliv1.FeedEntry_DELIVERED, beta)); got != 150 {
			t.Errorf("alpha learnt of %d deliveries, want 150", got)
		}
		if !a.links.Confirmed(beta) || !b.links.Confirmed(alpha) {
			t.Error("both sides should count each other as confirmed")
		}
		if alarms := w.alarms.all(); len(alarms) > 0 {
			t.Errorf("alarms: %v", alarms)
		}
	})
}

// sameHistory checks what one node wrote for another against what that one took: all of it, once, in order, with equal
// running hashes and matching receipts.
func sameHistory(t *testing.T, from, to *node) {
	t.Helper()
	if err := compareHistory(from, to); err != "" {
		t.Error(err)
	}
}

func compareHistory(from, to *node) string {
	sent, got := from.row(to.region), to.row(from.region)
	wrote, late := from.outbox(to.region)
	took := to.happened(jieliv1.FeedEntry_EVENT, from.region)
	for i := range took {
		took[i] = trimReason(took[i])
	}
	isLate := func(name string) bool { return late[name] }
	lateWrote := slices.DeleteFunc(slices.Sorted(slices.Values(wrote)), func(s string) bool { return !isLate(s) })
	lateTook := slices.DeleteFunc(slices.Sorted(slices.Values(took)), func(s string) bool { return !isLate(s) })
	wrote, took = slices.DeleteFunc(wrote, isLate), slices.DeleteFunc(took, isLate)
	switch {
	case sent.LastSequence != sent.Acknowledged:
		return from.region + " still waits for receipts"
	case sent.Acknowledged != got.Received:
		return "cursor and receipts differ"
	case sent.AcknowledgedHash != got.ReceivedHash:
		return "running hashes differ"
	case sent.PeerReceipt != got.ReceiptNumber:
		return "numbers of receipts differ"
	case !slices.Equal(wrote, took):
		return fmt.Sprintf("%s did not take, in order and once, what %s wrote:\n%v\n%v", to.region, from.region, took, wrote)
	case !slices.Equal(lateWrote, lateTook):
		return fmt.Sprintf("%s did not take, once, what it had stopped:\n%v\n%v", to.region, lateTook, lateWrote)
	case sent.Fault != "" || got.Fault != "":
		return "a fault stands: " + sent.FaultDetail + got.FaultDetail
	}
	return ""
}

func trimReason(s string) string {
	const idAndNumber = 36 + 2
	return s[:idAndNumber]
}
