package federation_test

import (
	"context"
	"sync"
	"testing"

	"github.com/jieli-gateway/jieli/federation/federationtest"
)

// Whoever asks how the registry is and gives up at once says nothing of the other nodes: neither in what others are told,
// nor to the leader, who decides by it who votes.
func TestImpatientCallersSayNothingOfOtherNodes(t *testing.T) {
	_, a, _, _ := three(t)
	stop := make(chan struct{})
	var impatient sync.WaitGroup
	impatient.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
			}
			ctx, cancel := context.WithCancel(context.Background())
			cancel()
			a.Registry.Status(ctx, true)
		}
	})
	defer impatient.Wait()
	defer close(stop)
	for i := range 50 {
		for _, node := range a.Registry.Status(t.Context(), true).GetNodes() {
			if !node.GetReachable() {
				t.Fatalf("try %d: %s is said to be away", i, node.GetRegion())
			}
		}
	}
	if voters := federationtest.Voters(a.Registry); len(voters) != 3 {
		t.Errorf("voters are %v", voters)
	}
}
