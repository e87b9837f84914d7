package federation

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/jieli-gateway/jieli/federation/trust"
)

// board is a federation in a few words: "a/1*" a voter, "a/1" a follower, with flags after a colon: u unreachable,
// n not ready, s suspended, x not registered, o not in the Raft configuration.
func board(t *testing.T, words string) (servers []Server, candidates []Candidate) {
	t.Helper()
	for word := range strings.FieldsSeq(words) {
		name, flags, _ := strings.Cut(word, ":")
		name, voter := strings.CutSuffix(name, "*")
		region, node, _ := strings.Cut(name, "/")
		id := trust.NodeID{Region: region, Node: node}
		if !strings.Contains(flags, "o") {
			servers = append(servers, Server{Node: id, Voter: voter})
		}
		if strings.Contains(flags, "x") {
			continue
		}
		suspended, away := strings.Contains(flags, "s"), strings.Contains(flags, "u")
		candidates = append(candidates, Candidate{
			Node: id, Eligible: !suspended, Member: true, Reachable: !away, Ready: !away && !strings.Contains(flags, "n"),
		})
	}
	return servers, candidates
}

func TestPlan(t *testing.T) {
	for _, test := range []struct {
		name  string
		board string
		want  []string
	}{
		{"one region stays alone", "a/1*", nil},
		{"two regions have one voter", "a/1* b/1", nil},
		{"a node that came up is taken in", "a/1* b/1:on", []string{"ADD_FOLLOWER b/1"}},
		{"a node that never came up is not", "a/1* b/1:ou", nil},
		{"three regions have three", "a/1* b/1 c/1", []string{"PROMOTE b/1", "PROMOTE c/1"}},
		{"a follower that is behind waits, and the other with it", "a/1* b/1 c/1:n", nil},
		{"four regions have three", "a/1* b/1* c/1* d/1", nil},
		{"five regions have five", "a/1* b/1* c/1* d/1 e/1", []string{"PROMOTE d/1", "PROMOTE e/1"}},
		{"five regions, one never ready", "a/1* b/1* c/1* d/1 e/1:u", nil},
		{"a second node of a region never votes", "a/1* a/2 b/1* b/2 c/1* c/2", nil},
		{"a voter that is away stays", "a/1* b/1*:u c/1* d/1", nil},
		{"half a growth is finished", "a/1* b/1* c/1", []string{"PROMOTE c/1"}},
		{"a suspended voter is replaced first", "a/1* b/1*:s c/1* d/1", []string{"PROMOTE d/1", "DEMOTE b/1"}},
		{"three regions become two", "a/1* b/1*:s c/1*", []string{"DEMOTE b/1", "DEMOTE c/1"}},
		{"who is away goes first", "a/1* b/1*:s c/1*:u", []string{"DEMOTE c/1", "DEMOTE b/1"}},
		{"no quorum would be left", "a/1* b/1*:s c/1*:u d/1:u", nil},
		{"no quorum is there", "a/1* b/1*:u c/1*:u d/1 e/1", nil},
		{"an unregistered voter is demoted and removed", "a/1* b/1* c/1*:x d/1", []string{"PROMOTE d/1", "DEMOTE c/1", "REMOVE c/1"}},
		{"an unregistered follower is removed", "a/1* b/1:x", []string{"REMOVE b/1"}},
		{"a suspended follower stays", "a/1* b/1:s", nil},
		{"a region's vote moves to its other node", "a/1* b/1*:x b/2 c/1*", []string{"DEMOTE b/1", "PROMOTE b/2", "REMOVE b/1"}},
		{"a leader that may not vote gives way", "a/1*:s b/1* c/1* d/1", []string{"PROMOTE d/1", "TRANSFER b/1"}},
		{"a leader that may not vote gives way to whoever is there", "a/1*:s b/1*:u c/1*", []string{"TRANSFER c/1"}},
		{"a sole leader gives way to its region's other node", "a/1*:x a/2", []string{"PROMOTE a/2", "TRANSFER a/2"}},
		{"a sole leader gives way to another region", "a/1*:s b/1", []string{"PROMOTE b/1", "TRANSFER b/1"}},
		{"a sole leader with nobody else stays", "a/1*:s b/1:u", nil},
		{"five become three", "a/1* b/1* c/1* d/1*:s e/1*", []string{"DEMOTE d/1", "DEMOTE e/1"}},
		{"five become three, the one away first", "a/1* b/1*:u c/1* d/1*:s e/1*", []string{"DEMOTE b/1", "DEMOTE d/1"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			servers, candidates := board(t, test.board)
			var got []string
			for _, change := range Plan(trust.NodeID{Region: "a", Node: "1"}, servers, candidates) {
				got = append(got, change.String())
			}
			if !slices.Equal(got, test.want) {
				t.Errorf("plan for %q:\n got %v\nwant %v", test.board, got, test.want)
			}
		})
	}
}

// TestPlanKeepsItsRules makes random federations, follows each plan step by step, and checks what must always hold.
func TestPlanKeepsItsRules(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 20_000 {
		leader := trust.NodeID{Region: "a", Node: "1"}
		servers := []Server{{Node: leader, Voter: true}}
		candidates := []Candidate{{Node: leader, Eligible: random.IntN(4) > 0, Member: true}}
		for r := range random.IntN(6) {
			region := string(rune('a' + r))
			for n := 1; n <= 1+random.IntN(2); n++ {
				id := trust.NodeID{Region: region, Node: fmt.Sprint(n)}
				if id == leader {
					continue
				}
				if random.IntN(4) > 0 {
					servers = append(servers, Server{Node: id, Voter: n == 1 && random.IntN(2) == 0})
				}
				if random.IntN(8) > 0 {
					member, reachable := random.IntN(6) > 0, random.IntN(4) > 0
					candidates = append(candidates, Candidate{
						Node: id, Member: member, Eligible: member && random.IntN(5) > 0, Reachable: reachable,
						Ready: reachable && random.IntN(4) > 0,
					})
				}
			}
		}
		checkPlan(t, leader, servers, candidates)
	}
}

func checkPlan(t *testing.T, leader trust.NodeID, servers []Server, candidates []Candidate) {
	t.Helper()
	plan := Plan(leader, servers, candidates)
	fail := func(rule string) {
		t.Helper()
		t.Fatalf("%s\nservers %v\ncandidates %v\nplan %v", rule, servers, candidates, plan)
	}
	shuffled := slices.Clone(candidates)
	slices.Reverse(shuffled)
	if !slices.Equal(plan, Plan(leader, servers, shuffled)) {
		fail("the plan depends on the order of the candidates")
	}
	known := map[trust.NodeID]Candidate{}
	for _, candidate := range candidates {
		known[candidate.Node] = candidate
	}
	p := newPlanner(leader, servers, candidates)
	soleHandover := false
	for i, change := range plan {
		switch change.Kind {
		case AddFollower:
			p.servers[change.Node] = false
		case Promote:
			if !known[change.Node].Ready || !known[change.Node].Eligible {
				fail("promoted a node that is not ready or may not vote")
			}
			if old, ok := p.voterIn(change.Node.Region); ok {
				soleHandover = old == leader
				if !soleHandover {
					fail("two voters in one region")
				}
			}
			p.servers[change.Node] = true
		case Demote:
			if change.Node == leader {
				fail("the leader demotes itself")
			}
			p.servers[change.Node] = false
		case Transfer:
			if !p.servers[change.Node] || i != len(plan)-1 {
				fail("leadership goes to a voter, last")
			}
			return
		case Remove:
			if p.servers[change.Node] || known[change.Node].Member {
				fail("removed a voter or a member")
			}
			delete(p.servers, change.Node)
		}
		if (change.Kind == Promote || change.Kind == Demote) && !p.hasQuorum() {
			fail("a step leaves no quorum")
		}
	}
	after := make([]Server, 0, len(p.servers))
	for id, votes := range p.servers {
		after = append(after, Server{Node: id, Voter: votes})
	}
	if again := Plan(leader, after, candidates); len(again) != 0 && !soleHandover {
		fail(fmt.Sprintf("the plan is not stable: afterwards it wants %v", again))
	}
}
