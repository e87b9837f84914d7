package federation_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/jieli-gateway/jieli/federation"
	"github.com/jieli-gateway/jieli/federation/federationtest"
	"github.com/jieli-gateway/jieli/federation/trust"
	jieliv1 "github.com/jieli-gateway/jieli/proto/jieli/v1"
)

// three starts three regions and waits until all of them vote.
func three(t *testing.T) (c *federationtest.Cluster, a, b, d *federationtest.ClusterNode) {
	t.Helper()
	c = federationtest.Start(t, federationtest.Options{}, "beijing", "shanghai", "chengdu")
	a, b, d = c.Node("beijing"), c.Node("shanghai"), c.Node("chengdu")
	waitVoters(c, a, "beijing/1", "chengdu/1", "shanghai/1")
	return c, a, b, d
}

func waitVoters(c *federationtest.Cluster, n *federationtest.ClusterNode, want ...string) {
	c.Wait("voters "+strings.Join(want, " "), func() bool {
		return fmt.Sprint(federationtest.Voters(n.Registry)) == fmt.Sprint(want)
	})
}

// waitAlike waits until the nodes have the same revision and hash.
func waitAlike(c *federationtest.Cluster, nodes ...*federationtest.ClusterNode) {
	c.Wait("equal tables", func() bool {
		first := nodes[0].Registry.Status(context.Background(), false)
		for _, n := range nodes[1:] {
			status := n.Registry.Status(context.Background(), false)
			if status.GetRevision() != first.GetRevision() || status.GetStateHash() != first.GetStateHash() {
				return false
			}
		}
		return true
	})
}

func TestThreeRegions(t *testing.T) {
	c, a, b, d := three(t)

	t.Run("a follower's write is forwarded", func(t *testing.T) {
		outcome := c.Propose(d, federationtest.SetRoute(t, "chengdu", "5101"))
		view, err := b.Registry.ReadStrong(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if view.Revision() < outcome.GetRevision() {
			t.Errorf("a strong read gave revision %d after %d had been answered", view.Revision(), outcome.GetRevision())
		}
		waitAlike(c, a, b, d)
	})
	t.Run("a repeated request is applied once", func(t *testing.T) {
		command := federationtest.SetRoute(t, "chengdu", "5102")
		first, second := c.Propose(d, command), c.Propose(d, command)
		if !second.GetRepeated() || first.GetRevision() != second.GetRevision() {
			t.Errorf("first %v, then %v", first, second)
		}
	})
	t.Run("a rejection says why", func(t *testing.T) {
		_, err := a.Registry.Propose(t.Context(), federationtest.RegisterRegion(t, "beijing", c.Region("shanghai")))
		var rejection *federation.Rejection
		if !errors.As(err, &rejection) || rejection.Reason != "REGION_ID_USED" {
			t.Errorf("got %v", err)
		}
	})
	t.Run("an old request id is refused where it is taken", func(t *testing.T) {
		command := federationtest.SetRoute(t, "chengdu", "5103")
		command.RequestId = "0193a000-0000-7000-8000-000000000000"
		if _, err := d.Registry.Propose(t.Context(), command); !errors.Is(err, federation.ErrRequestID) {
			t.Errorf("got %v", err)
		}
	})
	t.Run("nobody speaks for another region", func(t *testing.T) {
		command := federationtest.SetRoute(t, "shanghai", "31")
		if _, err := d.Registry.Propose(t.Context(), command); !errors.Is(err, federation.ErrSpeaksForAnother) {
			t.Errorf("proposed: %v", err)
		}
		encoded, err := proto.Marshal(command)
		if err != nil {
			t.Fatal(err)
		}
		_, err = clientOf(t, d, a).Forward(t.Context(), &jieliv1.ForwardRequest{ClusterId: clusterOf(a), Command: encoded})
		if status.Code(err) != codes.PermissionDenied {
			t.Errorf("forwarded: %v", err)
		}
	})
	t.Run("calls of another federation are refused", func(t *testing.T) {
		_, err := clientOf(t, d, a).NodeStatus(t.Context(), &jieliv1.NodeStatusRequest{ClusterId: uuid.NewString()})
		if status.Code(err) != codes.FailedPrecondition {
			t.Errorf("got %v", err)
		}
	})
	t.Run("status shows every node", func(t *testing.T) {
		status := b.Registry.Status(t.Context(), true)
		if status.GetVoters() != 3 || status.GetQuorum() != 2 || status.GetLeader() != "beijing/1" || len(status.GetNodes()) != 3 {
			t.Errorf("status %v", status)
		}
		for _, node := range status.GetNodes() {
			if !node.GetReachable() || !node.GetVoter() || node.GetAddress() == "" {
				t.Errorf("node %v", node)
			}
		}
		if status.GetStale() || status.GetRaftBytes() == 0 || status.GetLastContact() == nil {
			t.Errorf("status %v", status)
		}
		if found := b.Registry.HashMismatches(); len(found) > 0 {
			t.Errorf("mismatches %v", found)
		}
	})
	t.Run("every node has reported its version", func(t *testing.T) {
		c.Wait("versions", func() bool {
			for _, n := range []*federationtest.ClusterNode{a, b, d} {
				if entry, _ := a.Registry.View().Node(n.ID.Region, n.ID.Node); entry.GetVersion() != "test" {
					return false
				}
			}
			return true
		})
	})
}

func TestLeaderIsReplacedAndReturns(t *testing.T) {
	c, a, b, d := three(t)
	leader := c.Leader(a, b, d)
	if leader != a {
		t.Fatalf("the first node leads no longer: %s does", leader.ID)
	}
	c.Propose(a, federationtest.SetRoute(t, "beijing", "11"))
	c.Kill(a)
	outcome := c.Propose(d, federationtest.SetRoute(t, "chengdu", "5101"))

	c.StartNode(a)
	c.Wait("the old leader to catch up", func() bool {
		view := a.Registry.View()
		return !view.Stale && view.Revision() >= outcome.GetRevision()
	})
	c.Propose(a, federationtest.SetRoute(t, "beijing", "12"))
	waitAlike(c, a, b, d)
}

func TestWriteWithoutQuorum(t *testing.T) {
	c, a, b, d := three(t)
	c.Kill(b)
	c.Kill(d)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	c.Wait("leadership to lapse", func() bool { return c.Node("beijing").Registry.Status(t.Context(), false).GetLeader() == "" })
	begin := time.Now()
	command := federationtest.SetRoute(t, "beijing", "11")
	_, err := a.Registry.Propose(ctx, command)
	var quorum *federation.QuorumError
	if !errors.As(err, &quorum) || !strings.Contains(err.Error(), "missing chengdu/1, shanghai/1 of 3 voters") {
		t.Errorf("got %v", err)
	}
	if took := time.Since(begin); took > 2*time.Second {
		t.Errorf("took %s, longer than its deadline", took)
	}
	if _, err := a.Registry.ReadStrong(ctx); !errors.Is(err, federation.ErrNoQuorum) {
		t.Errorf("a strong read gave %v", err)
	}
	if view := a.Registry.View(); view.Stale || view.ClusterID() == "" {
		t.Errorf("within the grace the table is as good as ever, but it is stale: %s", view.StaleReason)
	}

	c.StartNode(b)
	c.Propose(a, command)
	waitAlike(c, a, b)
}

func TestRestartWhileCutOff(t *testing.T) {
	c, a, b, d := three(t)
	outcome := c.Propose(a, federationtest.SetRoute(t, "beijing", "11"))
	waitAlike(c, a, b, d)
	for _, n := range []*federationtest.ClusterNode{a, b, d} {
		c.Stop(n)
	}
	c.StartNode(d)
	view := d.Registry.View()
	if view.Revision() < outcome.GetRevision() || !view.Stale || view.StaleReason != federation.StaleNotCaughtUp {
		t.Errorf("revision %d of %d, stale %v %s", view.Revision(), outcome.GetRevision(), view.Stale, view.StaleReason)
	}
	c.StartNode(a)
	c.Wait("a quorum", func() bool { return !d.Registry.View().Stale })
}

func TestRegistryOnlyNodeFollows(t *testing.T) {
	c, a, _, _ := three(t)
	n := c.NewNode(trust.NodeID{Region: "beijing", Node: "2"})
	c.Propose(a, federationtest.PutNode(t, "beijing", c.Entry(n)))
	c.StartNode(n)
	c.Join(n)
	if view := n.Registry.View(); view.Stale {
		t.Errorf("stale after joining: %s", view.StaleReason)
	}
	c.Propose(n, federationtest.SetRoute(t, "beijing", "1101"))
	waitVoters(c, a, "beijing/1", "chengdu/1", "shanghai/1")
	waitAlike(c, a, n)
}

func TestRemovedNodeCannotSpeakRaft(t *testing.T) {
	c, a, b, d := three(t)
	n := c.NewNode(trust.NodeID{Region: "beijing", Node: "2"})
	c.Propose(a, federationtest.PutNode(t, "beijing", c.Entry(n)))
	c.StartNode(n)
	c.Join(n)
	c.Propose(a, federationtest.RemoveNode(t, "beijing", n.ID))
	waitAlike(c, a, b, d)
	for _, use := range []trust.Use{trust.UseLink, trust.UseRaft} {
		if err := b.Registry.Members().NodeAllowed(n.ID, use); !errors.Is(err, trust.ReasonUnregisteredNode) {
			t.Errorf("%s: %v", use, err)
		}
	}
	c.Wait("its connections to be cut", func() bool {
		for _, peer := range []*federationtest.ClusterNode{a, b, d} {
			for _, open := range peer.Peers.Open() {
				if open.Peer == n.ID {
					return false
				}
			}
		}
		return true
	})
	conn, err := n.Peers.DialRaft(t.Context(), b.Address, b.ID)
	if err == nil {
		defer conn.Close()
		_ = conn.SetDeadline(time.Now().Add(federationtest.Patience))
		if _, err = conn.Read(make([]byte, 1)); err == nil {
			t.Error("a removed node got an answer over Raft")
		}
	}
	c.Wait("it to leave the Raft configuration", func() bool {
		return len(a.Registry.Status(t.Context(), false).GetNodes()) == 3
	})
}

func TestAnotherFederationIsRefused(t *testing.T) {
	c, a, _, _ := three(t)
	n := c.NewNode(trust.NodeID{Region: "nanjing", Node: "1"})
	c.Propose(a, federationtest.RegisterRegion(t, "beijing", c.Region("nanjing"), c.Entry(n)))
	c.Propose(a, federationtest.ChangeState(t, "beijing", "nanjing", jieliv1.Region_ACTIVE))
	c.StartNode(n)
	request := federation.JoinRequest{
		ClusterID: uuid.NewString(), Address: a.Address, BundleFingerprint: a.Material.Show().BundleFingerprint,
	}
	if err := n.Registry.Join(t.Context(), request); !errors.Is(err, federation.ErrOtherCluster) {
		t.Errorf("joined another federation than asked for: %v", err)
	}
	request.ClusterID = clusterOf(a)
	request.BundleFingerprint[0] ^= 1
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if err := n.Registry.Join(ctx, request); err == nil {
		t.Error("joined through a member that has another CA than told")
	}
	if n.Registry.View().ClusterID() != "" {
		t.Error("a failed join left a registry")
	}

	if _, err := n.Registry.Bootstrap(t.Context(), federation.BootstrapRequest{Region: c.Region("nanjing"), Node: c.Entry(n)}); err != nil {
		t.Fatal(err)
	}
	if _, err := n.Registry.Bootstrap(t.Context(), federation.BootstrapRequest{Region: c.Region("nanjing"), Node: c.Entry(n)}); !errors.Is(err, federation.ErrHasRegistry) {
		t.Errorf("bootstrapped twice: %v", err)
	}
	request.BundleFingerprint[0] ^= 1
	if err := n.Registry.Join(t.Context(), request); !errors.Is(err, federation.ErrHasRegistry) {
		t.Errorf("a node of one federation joined another: %v", err)
	}
	// The two leaders never hear of each other over Raft: the one that would dial does not get past the greeting.
	if servers := len(a.Registry.Status(t.Context(), false).GetNodes()); servers != 3 {
		t.Errorf("%d servers in the Raft configuration", servers)
	}
}

func TestJoinBeforeApproval(t *testing.T) {
	c, a, _, _ := three(t)
	n := c.NewNode(trust.NodeID{Region: "nanjing", Node: "1"})
	c.Propose(a, federationtest.RegisterRegion(t, "beijing", c.Region("nanjing"), c.Entry(n)))
	c.StartNode(n)
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	err := n.Registry.Join(ctx, federation.JoinRequest{
		ClusterID: clusterOf(a), Address: a.Address, BundleFingerprint: a.Material.Show().BundleFingerprint,
	})
	if err == nil || n.Registry.View().ClusterID() != "" {
		t.Errorf("a region that is not approved joined: %v", err)
	}
}

func TestSuspendMovesVotes(t *testing.T) {
	c, a, b, d := three(t)
	e := c.AddRegion("wuhan")
	waitVoters(c, a, "beijing/1", "chengdu/1", "shanghai/1")
	c.Wait("the fourth to be ready", func() bool {
		return e.Registry.View().Revision() == a.Registry.View().Revision()
	})

	c.Propose(a, federationtest.ChangeState(t, "beijing", "shanghai", jieliv1.Region_SUSPENDED))
	waitVoters(c, a, "beijing/1", "chengdu/1", "wuhan/1")
	waitAlike(c, a, b, d, e) // a suspended region still follows

	// The leader's own region: it hands over first, and the next leader goes on.
	c.Propose(a, federationtest.ChangeState(t, "beijing", "shanghai", jieliv1.Region_ACTIVE))
	c.Stop(a)
	leader := c.Leader(b, d, e)
	c.StartNode(a)
	c.Propose(a, federationtest.ChangeState(t, "beijing", leader.ID.Region, jieliv1.Region_SUSPENDED))
	now := c.Leader(a, b, d, e)
	if now == leader {
		t.Errorf("%s leads although its region is suspended", now.ID)
	}
	for _, voter := range federationtest.Voters(now.Registry) { // others may hear of it a little later
		if voter == leader.ID.String() {
			t.Errorf("%s votes although its region is suspended", voter)
		}
	}
	waitAlike(c, a, b, d, e)

	t.Run("no votes move for a command that will be rejected", func(t *testing.T) {
		before := federationtest.Voters(a.Registry)
		for _, command := range []*jieliv1.Command{
			federationtest.ChangeState(t, "beijing", "beijing", jieliv1.Region_SUSPENDED),
			federationtest.RemoveNode(t, "beijing", trust.NodeID{Region: "nowhere", Node: "1"}),
		} {
			var rejection *federation.Rejection
			if _, err := a.Registry.Propose(t.Context(), command); !errors.As(err, &rejection) {
				t.Errorf("got %v", err)
			}
		}
		if after := federationtest.Voters(a.Registry); fmt.Sprint(after) != fmt.Sprint(before) {
			t.Errorf("voters %v became %v", before, after)
		}
	})
}

func TestSuspendThatWouldLoseQuorum(t *testing.T) {
	c, a, _, _ := three(t)
	c.AddRegion("wuhan")
	waitVoters(c, a, "beijing/1", "chengdu/1", "shanghai/1")
	c.Kill(c.Node("wuhan"))
	c.Kill(c.Node("chengdu"))
	c.Wait("the leader to notice", func() bool {
		away := 0
		for _, node := range a.Registry.Status(t.Context(), true).GetNodes() {
			if !node.GetReachable() {
				away++
			}
		}
		return away == 2
	})
	var err error
	c.Wait("the refusal", func() bool {
		_, err = a.Registry.Propose(t.Context(), federationtest.ChangeState(t, "beijing", "shanghai", jieliv1.Region_SUSPENDED))
		return err != nil
	})
	if !errors.Is(err, federation.ErrWouldLoseQuorum) {
		t.Errorf("got %v", err)
	}
	waitVoters(c, a, "beijing/1", "chengdu/1", "shanghai/1")
	if region, _ := a.Registry.View().Region("shanghai"); region.GetState() != jieliv1.Region_ACTIVE {
		t.Errorf("shanghai is %s", region.GetState())
	}
}

// A node that was away while regions it has never heard of took over would refuse the new leader for ever, if it did
// not ask a voter it knows for a newer table.
func TestReturnToStrangers(t *testing.T) {
	c, a, b, d := three(t)
	c.Stop(b)
	e, f := c.AddRegion("wuhan"), c.AddRegion("xian")
	waitVoters(c, a, "beijing/1", "chengdu/1", "shanghai/1", "wuhan/1", "xian/1")
	c.Propose(a, federationtest.ChangeState(t, "beijing", "chengdu", jieliv1.Region_SUSPENDED))
	waitVoters(c, a, "beijing/1", "wuhan/1", "xian/1")
	c.Stop(a)
	c.Leader(e, f)
	c.Propose(e, federationtest.SetRoute(t, "wuhan", "42"))
	c.StartNode(b)
	c.Wait("it to catch up", func() bool { return !b.Registry.View().Stale })
	waitAlike(c, b, d, e, f)
}

func TestDirInUse(t *testing.T) {
	c := federationtest.Start(t, federationtest.Options{}, "beijing")
	_, err := federation.New(federation.Config{Self: c.Node("beijing").ID, Dir: c.Node("beijing").Dir})
	if !errors.Is(err, federation.ErrDirInUse) {
		t.Errorf("got %v", err)
	}
}

// Forwarded writes of many at once are all applied, each once.
func TestManyWritersThroughAFollower(t *testing.T) {
	c, a, b, _ := three(t)
	const writers, each = 64, 20
	before := a.Registry.View().Revision()
	var running sync.WaitGroup
	failures := make(chan error, writers*each)
	for w := range writers {
		running.Go(func() {
			for i := range each {
				_, err := b.Registry.Propose(context.Background(), federationtest.SetRoute(t, "shanghai", fmt.Sprintf("31%04d", w*each+i)))
				if err != nil {
					failures <- err
				}
			}
		})
	}
	running.Wait()
	close(failures)
	for err := range failures {
		t.Error(err)
	}
	view, err := a.Registry.ReadStrong(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if got := view.Revision() - before; got < writers*each {
		t.Errorf("%d revisions for %d writes", got, writers*each)
	}
	waitAlike(c, a, b)
}

func clusterOf(n *federationtest.ClusterNode) string { return n.Registry.View().ClusterID() }

// clientOf calls one node as another.
func clientOf(t *testing.T, from, to *federationtest.ClusterNode) jieliv1.FederationServiceClient {
	t.Helper()
	conn, err := grpc.NewClient("passthrough:///"+to.Address, grpc.WithTransportCredentials(from.Peers.ClientCredentials(to.ID)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return jieliv1.NewFederationServiceClient(conn)
}
