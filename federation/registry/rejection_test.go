package registry

import (
	"bytes"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	jieliv1 "github.com/jieli-gateway/jieli/proto/jieli/v1"
)

// Each reason for which a command changes nothing: what has been applied before, the command, the reason.
func TestRejections(t *testing.T) {
	withRoute := func(f *fixture) { f.must(setRoutes(south, route("3205", "", south))) }
	suspend := func(id string) func(*fixture) {
		return func(f *fixture) { f.must(stateCommand(north, id, jieliv1.Region_SUSPENDED)) }
	}
	staged := func(by string) func(*fixture) {
		return func(f *fixture) { f.must(stage(by, testImport, 0, changes([]*jieliv1.Route{route("3205", "", by)}))) }
	}
	both := func(steps ...func(*fixture)) func(*fixture) {
		return func(f *fixture) {
			for _, s := range steps {
				s(f)
			}
		}
	}
	cases := []struct {
		name   string
		before func(*fixture)
		cmd    *jieliv1.Command
		reason string
	}{
		// What any command can get wrong.
		{"a level above the registry's", nil, edited(setRoutes(south, route("3205", "", south)), func(c *jieliv1.Command) { c.Level = 2 }), "LEVEL_TOO_HIGH"},
		{"nobody who asked", nil, edited(setRoutes(south, route("3205", "", south)), func(c *jieliv1.Command) { c.Actor = "\n" }), "INVALID_FIELD"},
		{"somebody with too long a name", nil, edited(setRoutes(south, route("3205", "", south)), func(c *jieliv1.Command) { c.Actor = strings.Repeat("名", 201) }), "INVALID_FIELD"},
		{"a revision gone by", nil, edited(setRoutes(south, route("3205", "", south)), func(c *jieliv1.Command) { c.ExpectedRevision = 2 }), "REVISION_MOVED_ON"},
		{"a revision to come", nil, edited(setRoutes(south, route("3205", "", south)), func(c *jieliv1.Command) { c.ExpectedRevision = 99 }), "REVISION_MOVED_ON"},
		{"a second beginning", nil, bootstrapCommand(), "ALREADY_BOOTSTRAPPED"},
		{"a stranger", nil, setRoutes("guangdong", route("44", "", "guangdong")), "NOT_A_MEMBER"},
		{"one not approved yet", func(f *fixture) { f.must(registerCommand("guangdong")) }, setRoutes("guangdong", route("44", "", "guangdong")), "NOT_ACTIVE"},
		{"a suspended one's routes", suspend(south), setRoutes(south, route("3205", "", south)), "NOT_ACTIVE"},
		{"a suspended one on another", suspend(south), stateCommand(south, west, jieliv1.Region_SUSPENDED), "NOT_ACTIVE"},
		{"a revoked one", func(f *fixture) { f.must(stateCommand(north, south, jieliv1.Region_REVOKED)) }, update(south, testRegion(south)), "NOT_ACTIVE"},
		{"a retired one", func(f *fixture) { f.must(retire(south, 0)) }, update(south, testRegion(south)), "NOT_ACTIVE"},

		// Regions.
		{"an id in use", nil, register(west, edited(testRegion(south), func(r *jieliv1.Region) { r.NumberPrefix = "Y" }), testNode(south, "n1")), "REGION_ID_USED"},
		{"an id of one that left", func(f *fixture) { f.must(retire(south, 0)) }, register(west, edited(testRegion(south), func(r *jieliv1.Region) { r.NumberPrefix = "Y" }), testNode(south, "n1")), "REGION_ID_USED"},
		{"a prefix in use", nil, register(west, edited(testRegion("guangdong"), func(r *jieliv1.Region) { r.NumberPrefix = "CSJ" }), testNode("guangdong", "n1")), "PREFIX_USED"},
		{"a prefix of one that left", func(f *fixture) { f.must(retire(south, 0)) }, register(west, edited(testRegion("guangdong"), func(r *jieliv1.Region) { r.NumberPrefix = "CSJ" }), testNode("guangdong", "n1")), "PREFIX_USED"},
		{"no region", nil, register(west, nil), "INVALID_FIELD"},
		{"a region without nodes", nil, register(west, testRegion("guangdong")), "INVALID_FIELD"},
		{"a region with another's node", nil, register(west, testRegion("guangdong"), testNode(west, "n9")), "INVALID_FIELD"},
		{"too many nodes to begin with", nil, register(west, testRegion("guangdong"), repeated(9, func(i int) *jieliv1.Node { return testNode("guangdong", fmt.Sprint("n", i)) })...), "INVALID_FIELD"},
		{"two nodes that run tickets", nil, register(west, testRegion("guangdong"), ticketsNode("guangdong", "n1"), ticketsNode("guangdong", "n2")), "SECOND_TICKETS_NODE"},
		{"another's entry", nil, update(west, testRegion(south)), "NOT_YOUR_ENTRY"},
		{"another's entry by who keeps the rest", nil, update(north, testRegion(south)), "NOT_YOUR_ENTRY"},
		{"an entry there is not", nil, update(west, testRegion("guangdong")), "REGION_NOT_FOUND"},
		{"no entry", nil, update(west, nil), "INVALID_FIELD"},
		{"another's prefix", nil, update(west, edited(testRegion(west), func(r *jieliv1.Region) { r.NumberPrefix = "CSJ" })), "PREFIX_USED"},
		{"a prefix changed", nil, update(west, edited(testRegion(west), func(r *jieliv1.Region) { r.NumberPrefix = "WEST" })), "INVALID_FIELD"},
		{"another's key", nil, update(west, edited(testRegion(west), func(r *jieliv1.Region) { r.SigningKeys = append(r.SigningKeys, testKey(south)) })), "INVALID_FIELD"},
		{"another's key to begin with", nil, register(west, edited(testRegion("guangdong"), func(r *jieliv1.Region) { r.SigningKeys = append(r.SigningKeys, testKey(south)) }), testNode("guangdong", "n1")), "INVALID_FIELD"},
		{"a dropped key", nil, update(west, edited(testRegion(west), func(r *jieliv1.Region) { r.SigningKeys = []*jieliv1.SigningKey{testKey("new")} })), "KEY_DROPPED"},
		{"a state by a member", nil, stateCommand(south, west, jieliv1.Region_SUSPENDED), "NOT_YOUR_ENTRY"},
		{"a suspended one that resumes itself", suspend(south), stateCommand(south, south, jieliv1.Region_ACTIVE), "NOT_YOUR_ENTRY"},
		{"a state of nobody", nil, stateCommand(north, "guangdong", jieliv1.Region_ACTIVE), "REGION_NOT_FOUND"},
		{"the state it is in", nil, stateCommand(north, south, jieliv1.Region_ACTIVE), "WRONG_STATE"},
		{"back to pending", nil, stateCommand(north, south, jieliv1.Region_PENDING), "WRONG_STATE"},
		{"no state", nil, stateCommand(north, south, jieliv1.Region_STATE_UNSPECIFIED), "WRONG_STATE"},
		{"a state of another version", nil, stateCommand(north, south, 77), "WRONG_STATE"},
		{"back from revoked", func(f *fixture) { f.must(stateCommand(north, south, jieliv1.Region_REVOKED)) }, stateCommand(north, south, jieliv1.Region_ACTIVE), "WRONG_STATE"},
		{"who keeps the rest stays", nil, stateCommand(north, north, jieliv1.Region_SUSPENDED), "BOOTSTRAP_REGION"},
		{"retired by another", nil, changeState(west, &jieliv1.ChangeRegionState{Region: south, State: jieliv1.Region_RETIRED, Successor: west}), "NOT_YOUR_ENTRY"},
		{"retired with open tickets", nil, retire(south, 3), "OPEN_TICKETS"},
		{"retired without a word on tickets", nil, stateCommand(south, south, jieliv1.Region_RETIRED), "OPEN_TICKETS"},
		{"retired by a node that cannot know", nil, changeState(north, &jieliv1.ChangeRegionState{Region: south, State: jieliv1.Region_RETIRED, Declared: true}), "OPEN_TICKETS"},
		{"its own successor", nil, changeState(south, &jieliv1.ChangeRegionState{Region: south, State: jieliv1.Region_RETIRED, Successor: south}), "INVALID_FIELD"},
		{"a suspended successor", suspend(west), changeState(south, &jieliv1.ChangeRegionState{Region: south, State: jieliv1.Region_RETIRED, Successor: west}), "INVALID_FIELD"},
		{"retired with routes", withRoute, retire(south, 0), "ROUTES_LEFT"},

		// Nodes.
		{"no node", nil, putNode(south, nil), "INVALID_FIELD"},
		{"another's node", nil, putNode(west, testNode(south, "n2")), "NOT_YOUR_ENTRY"},
		{"a node of nobody", nil, putNode(north, testNode("guangdong", "n2")), "REGION_NOT_FOUND"},
		{"a node of one that left", func(f *fixture) { f.must(retire(south, 0)) }, putNode(north, testNode(south, "n2")), "WRONG_STATE"},
		{"a ninth node", func(f *fixture) {
			for i := 2; i <= MaxNodesPerRegion; i++ {
				f.must(putNode(south, testNode(south, fmt.Sprint("n", i))))
			}
		}, putNode(south, testNode(south, "n9")), "TOO_MANY_NODES"},
		{"a second node for tickets", func(f *fixture) { f.must(putNode(south, ticketsNode(south, "n1"))) }, putNode(south, ticketsNode(south, "n2")), "SECOND_TICKETS_NODE"},
		{"removal of another's node", nil, removeNode(west, south, "n1"), "NOT_YOUR_ENTRY"},
		{"removal of no node", nil, removeNode(south, south, "n7"), "NODE_NOT_FOUND"},
		{"a level of another's node", nil, reportLevel(north, south, "n1", 2), "NOT_YOUR_ENTRY"},
		{"a level of no node", nil, reportLevel(south, south, "n7", 2), "NODE_NOT_FOUND"},

		// Level and policy.
		{"a level raised by a member", nil, raiseLevel(south, 2), "NOT_YOUR_ENTRY"},
		{"a level raised by two", nil, raiseLevel(north, 3), "INVALID_FIELD"},
		{"a level lowered", nil, raiseLevel(north, 0), "INVALID_FIELD"},
		{"a level that a node does not know", func(f *fixture) { f.must(reportLevel(north, north, "n1", 2)) }, raiseLevel(north, 2), "NODE_BELOW_LEVEL"},
		{"a level that a suspended one's node does not know", both(suspend(south), func(f *fixture) {
			f.must(reportLevel(north, north, "n1", 2))
			f.must(reportLevel(west, west, "n1", 2))
		}), raiseLevel(north, 2), "NODE_BELOW_LEVEL"},
		{"a policy by a member", nil, setPolicy(south, &jieliv1.Policy{LinkVersionFloor: 2}), "NOT_YOUR_ENTRY"},
		{"no policy", nil, setPolicy(north, nil), "INVALID_FIELD"},
		{"too short a grace", nil, setPolicy(north, &jieliv1.Policy{RegistryGrace: durationpb.New(time.Second)}), "INVALID_FIELD"},
		{"too long a grace", nil, setPolicy(north, &jieliv1.Policy{RegistryGrace: durationpb.New(maxGrace + 1)}), "INVALID_FIELD"},
		{"a grace that is no time", nil, setPolicy(north, &jieliv1.Policy{RegistryGrace: &durationpb.Duration{Seconds: 60, Nanos: -1}}), "INVALID_FIELD"},
		{"too few request ids", nil, setPolicy(north, &jieliv1.Policy{RequestIds: minRequestIDs - 1}), "INVALID_FIELD"},
		{"too many request ids", nil, setPolicy(north, &jieliv1.Policy{RequestIds: maxRequestIDs + 1}), "INVALID_FIELD"},
		{"terms of another region by a member", nil, setPolicy(south, answerIn(west, 5)), "NOT_YOUR_ENTRY"},
		{"terms of all regions by a member", nil, setPolicy(south, answerIn("", 5)), "NOT_YOUR_ENTRY"},
		{"terms of a region that there is not", nil, setPolicy(north, answerIn("nowhere", 5)), "INVALID_FIELD"},
		{"terms of no region's name", nil, setPolicy(north, answerIn("No where", 5)), "INVALID_FIELD"},
		{"too many working days", nil, setPolicy(north, answerIn(south, 251)), "INVALID_FIELD"},
		{"more working days than an int has", nil, setPolicy(north, answerIn(south, math.MaxUint32)), "INVALID_FIELD"},
		{"a term of nothing", nil, setPolicy(north, answerIn(south, 0)), "INVALID_FIELD"},
		{"a rule of no term", nil, setPolicy(north, terms(&jieliv1.TermRule{Region: south})), "INVALID_FIELD"},
		{"a term of both kinds", nil, setPolicy(north, terms(&jieliv1.TermRule{Terms: &jieliv1.Terms{
			Accept: &jieliv1.Term{WorkingDays: 1, ClockSeconds: 3600},
		}})), "INVALID_FIELD"},
		{"more than a year of clock time", nil, setPolicy(north, terms(&jieliv1.TermRule{Terms: &jieliv1.Terms{
			Accept: &jieliv1.Term{ClockSeconds: math.MaxUint32},
		}})), "INVALID_FIELD"},
		{"terms of no service", nil, setPolicy(north, edit(answerIn("", 5), func(r *jieliv1.TermRule) { r.Service = "Urban!" })), "INVALID_FIELD"},
		{"terms of no type", nil, setPolicy(north, edit(answerIn("", 5), func(r *jieliv1.TermRule) { r.Type = 99 })), "INVALID_FIELD"},
		{"terms of no urgency", nil, setPolicy(north, edit(answerIn("", 5), func(r *jieliv1.TermRule) { r.Urgency = -1 })), "INVALID_FIELD"},
		{"two rules for the same", nil, setPolicy(north, terms(answerIn("", 5).GetTerms()[0], edit(answerIn("", 6), func(r *jieliv1.TermRule) {
			r.Urgency = jieliv1.Ticket_NORMAL
		}).GetTerms()[0])), "INVALID_FIELD"},
		{"too many rules", nil, setPolicy(north, manyTerms(MaxTermRules+1)), "INVALID_FIELD"},
		{"a link version beyond all", nil, setPolicy(north, &jieliv1.Policy{LinkVersionFloor: 1001}), "INVALID_FIELD"},

		// Services.
		{"services by a member", nil, changeServices(south, []*jieliv1.ServiceEntry{testService("transport")}), "NOT_YOUR_ENTRY"},
		{"no services", nil, changeServices(north, nil), "INVALID_FIELD"},
		{"a malformed service", nil, changeServices(north, []*jieliv1.ServiceEntry{testService("Urban!")}), "INVALID_FIELD"},
		{"a service of no name", nil, changeServices(north, []*jieliv1.ServiceEntry{nil}), "INVALID_FIELD"},
		{"a word of another service", nil, changeServices(north, []*jieliv1.ServiceEntry{edited(testService("transport"), func(s *jieliv1.ServiceEntry) { s.Aliases = []string{"MATTER urban"} })}), "SERVICE_WORD_USED"},
		{"a service twice", nil, changeServices(north, []*jieliv1.ServiceEntry{testService("transport"), testService("transport")}), "SERVICE_WORD_USED"},
		{"removal of no service", nil, changeServices(north, nil, "transport"), "SERVICE_NOT_FOUND"},
		{"removal of a service twice", nil, changeServices(north, nil, "urban", "urban"), "SERVICE_NOT_FOUND"},
		{"removal of a service that a route names", func(f *fixture) { f.must(setRoutes(south, route("3205", "urban", south))) }, changeServices(north, nil, "urban"), "SERVICE_IN_USE"},
		{"too many services", func(f *fixture) {
			for i := range MaxServices / 1000 {
				f.must(changeServices(north, repeated(1000-2*(i/4), func(k int) *jieliv1.ServiceEntry { return testService(fmt.Sprintf("s%d.m%d", i, k)) })))
			}
		}, changeServices(north, []*jieliv1.ServiceEntry{testService("transport")}), "TOO_MANY_SERVICES"},

		// Routes.
		{"no routes", nil, setRoutes(south), "INVALID_FIELD"},
		{"too many routes at once", nil, setRoutes(south, villages(MaxRouteChanges+1, all(south))...), "TOO_MANY_CHANGES"},
		{"a malformed division", nil, setRoutes(south, route("32051", "", south)), "INVALID_FIELD"},
		{"a malformed key", nil, deleteRoutes(south, routeKey("3205", "", "soon")), "INVALID_FIELD"},
		{"an end before its beginning", nil, setRoutes(south, during("3205", "", south, "2026-02-01", "2026-01-01")), "INVALID_FIELD"},
		{"a route twice", nil, setRoutes(south, route("3205", "", south), route("3205", "", south)), "INVALID_FIELD"},
		{"a route to nobody", nil, setRoutes(north, route("3205", "", "guangdong")), "REGION_NOT_FOUND"},
		{"a route to one not approved", func(f *fixture) { f.must(registerCommand("guangdong")) }, setRoutes(north, route("44", "", "guangdong")), "REGION_NOT_FOUND"},
		{"a route to another", nil, setRoutes(south, route("3205", "", west)), "NOT_YOUR_ENTRY"},
		{"a place of another", withRoute, setRoutes(west, route("3205", "", west)), "NOT_YOUR_ENTRY"},
		{"removal of another's route", withRoute, deleteRoutes(west, routeKey("3205", "", "")), "NOT_YOUR_ENTRY"},
		{"removal of no route", withRoute, deleteRoutes(south, routeKey("3206", "", "")), "ROUTE_NOT_FOUND"},
		{"removal of a route twice", withRoute, deleteRoutes(south, routeKey("3205", "", ""), routeKey("3205", "", "")), "ROUTE_NOT_FOUND"},
		{"a service there is not", nil, setRoutes(south, route("3205", "transport", south)), "SERVICE_NOT_FOUND"},
		{"a tie with a route", withRoute, setRoutes(south, during("3205", "", south, "2026-01-01", "")), "ROUTE_TIE"},
		{"a tie with another's route", withRoute, setRoutes(west, during("3205", "", west, "2026-01-01", "")), "ROUTE_TIE"},
		{"a tie in itself", nil, setRoutes(south, during("3205", "", south, "", "2026-01-01"), during("3205", "", south, "2026-01-01", "")), "ROUTE_TIE"},

		// Imports.
		{"an import without an id", nil, stage(south, "import-1", 0, changes([]*jieliv1.Route{route("3205", "", south)})), "INVALID_FIELD"},
		{"an id that is not canonical", nil, stage(south, strings.ToUpper(testImport), 0, changes([]*jieliv1.Route{route("3205", "", south)})), "INVALID_FIELD"},
		{"a chunk of nothing", nil, stage(south, testImport, 0, changes(nil)), "INVALID_FIELD"},
		{"a chunk of too much", nil, stage(south, testImport, 0, changes(villages(MaxRouteChanges+1, all(south)))), "TOO_MANY_CHANGES"},
		{"a chunk of another's routes", nil, stage(south, testImport, 0, changes([]*jieliv1.Route{route("3205", "", west)})), "NOT_YOUR_ENTRY"},
		{"the second chunk first", nil, stage(south, testImport, 1, changes([]*jieliv1.Route{route("3205", "", south)})), "CHUNK_OUT_OF_ORDER"},
		{"the first chunk again", staged(south), stage(south, testImport, 0, changes([]*jieliv1.Route{route("3205", "", south)})), "CHUNK_OUT_OF_ORDER"},
		{"another's import", staged(south), stage(west, testImport, 1, changes([]*jieliv1.Route{route("5101", "", west)})), "NOT_YOUR_ENTRY"},
		{"a fifth import", func(f *fixture) {
			for i := range maxImports {
				f.must(stage(south, testImport[:35]+fmt.Sprint(i+1), 0, changes([]*jieliv1.Route{route("3205", "", south)})))
			}
		}, stage(south, testImport, 0, changes([]*jieliv1.Route{route("3205", "", south)})), "TOO_MANY_IMPORTS"},
		{"the end of no import", nil, finishImport(south, &jieliv1.FinishImport{ImportId: testImport, Chunks: 1}), "IMPORT_NOT_FOUND"},
		{"the end of an import without an id", nil, finishImport(south, &jieliv1.FinishImport{ImportId: "?", Chunks: 1}), "INVALID_FIELD"},
		{"the end of another's import", staged(south), finishImport(north, &jieliv1.FinishImport{ImportId: testImport, Chunks: 1}), "NOT_YOUR_ENTRY"},
		{"the end of an import with a chunk missing", staged(south), finishImport(south, &jieliv1.FinishImport{ImportId: testImport, Chunks: 2}), "CHUNK_MISSING"},
		{
			"an import compared with a revision gone by", both(staged(south), func(f *fixture) { f.must(setRoutes(west, route("5101", "", west))) }),
			edited(finishImport(south, &jieliv1.FinishImport{ImportId: testImport, Chunks: 1}), func(c *jieliv1.Command) { c.ExpectedRevision = 5 }), "REVISION_MOVED_ON",
		},
		{
			"an import that ties by now", both(staged(south), func(f *fixture) { f.must(setRoutes(south, during("3205", "", south, "2026-01-01", ""))) }),
			finishImport(south, &jieliv1.FinishImport{ImportId: testImport, Chunks: 1}), "ROUTE_TIE",
		},
		{
			"an import of a place taken by now", both(staged(south), func(f *fixture) { f.must(setRoutes(north, route("3205", "", north))) }),
			finishImport(south, &jieliv1.FinishImport{ImportId: testImport, Chunks: 1}), "NOT_YOUR_ENTRY",
		},
		{"an import with a route twice", both(staged(south), func(f *fixture) {
			f.must(stage(south, testImport, 1, changes([]*jieliv1.Route{route("3205", "", south)})))
		}), finishImport(south, &jieliv1.FinishImport{ImportId: testImport, Chunks: 2}), "INVALID_FIELD"},
		{"an import nobody went on with", both(staged(south), func(f *fixture) {
			f.stamp += importAgeMs + 1
			f.must(stage(west, testImport[:35]+"1", 0, changes([]*jieliv1.Route{route("5101", "", west)})))
		}), finishImport(south, &jieliv1.FinishImport{ImportId: testImport, Chunks: 1}), "IMPORT_NOT_FOUND"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			f := members(t)
			if c.before != nil {
				c.before(f)
			}
			f.refused(c.cmd, c.reason)
			if again := f.Apply(lastEntry(t, f, c.cmd)); again.GetReason() != c.reason || !again.GetRepeated() {
				t.Errorf("the same id again: got %v, want %s, repeated", again, c.reason)
			}
			other := restored(t, snapshotOf(t, f.View()), Options{})
			if other.View().StateHash() != f.View().StateHash() {
				t.Error("the state hash is not that of the state")
			}
		})
	}
}

// lastEntry seals a command with the id that it was given before.
func lastEntry(t *testing.T, f *fixture, c *jieliv1.Command) []byte {
	t.Helper()
	b, err := Encode(c)
	if err != nil {
		t.Fatal(err)
	}
	return Seal(b, nil, f.stamp)
}

func repeated[T any](n int, element func(int) T) (all []T) {
	for i := range n {
		all = append(all, element(i))
	}
	return all
}

func ticketsNode(region, name string) *jieliv1.Node {
	return edited(testNode(region, name), func(n *jieliv1.Node) { n.Tickets = true })
}

// Each field of a region by itself.
func TestRegionFields(t *testing.T) {
	long := func(n int) string { return strings.Repeat("区", n) }
	for _, c := range []struct {
		name string
		edit func(*jieliv1.Region)
		ok   bool
	}{
		{"id with a capital", func(r *jieliv1.Region) { r.Id = "Guangdong" }, false},
		{"id of one letter", func(r *jieliv1.Region) { r.Id = "g" }, false},
		{"no Chinese name", func(r *jieliv1.Region) { r.NameZh = "" }, false},
		{"Chinese name of 100", func(r *jieliv1.Region) { r.NameZh = long(100) }, true},
		{"Chinese name of 101", func(r *jieliv1.Region) { r.NameZh = long(101) }, false},
		{"no English name", func(r *jieliv1.Region) { r.NameEn = "" }, true},
		{"English name of 101", func(r *jieliv1.Region) { r.NameEn = long(101) }, false},
		{"cluster of 33", func(r *jieliv1.Region) { r.Cluster = long(33) }, false},
		{"no legal name", func(r *jieliv1.Region) { r.LegalName = "" }, false},
		{"legal name in two lines", func(r *jieliv1.Region) { r.LegalName = "a\nb" }, false},
		{"document number of 101", func(r *jieliv1.Region) { r.DocumentNumber = long(101) }, false},
		{"no duty phone", func(r *jieliv1.Region) { r.DutyPhone = "" }, false},
		{"data contact of 201", func(r *jieliv1.Region) { r.DataContact = long(201) }, false},
		{"no prefix", func(r *jieliv1.Region) { r.NumberPrefix = "" }, false},
		{"prefix in small letters", func(r *jieliv1.Region) { r.NumberPrefix = "gd" }, false},
		{"prefix of 8", func(r *jieliv1.Region) { r.NumberPrefix = "ABCDEFGH" }, true},
		{"prefix of 9", func(r *jieliv1.Region) { r.NumberPrefix = "ABCDEFGHI" }, false},
		{"no certificates", func(r *jieliv1.Region) { r.Bundle = nil }, false},
		{"an empty certificate", func(r *jieliv1.Region) { r.Bundle = [][]byte{nil} }, false},
		{"nine certificates", func(r *jieliv1.Region) { r.Bundle = repeated(9, func(int) []byte { return []byte("c") }) }, false},
		{"too long a certificate", func(r *jieliv1.Region) { r.Bundle = [][]byte{make([]byte, maxCertificate+1)} }, false},
		{"no keys", func(r *jieliv1.Region) { r.SigningKeys = nil }, false},
		{"64 keys", func(r *jieliv1.Region) {
			r.SigningKeys = repeated(64, func(i int) *jieliv1.SigningKey { return testKey(fmt.Sprint(i)) })
		}, true},
		{"65 keys", func(r *jieliv1.Region) {
			r.SigningKeys = repeated(65, func(i int) *jieliv1.SigningKey { return testKey(fmt.Sprint(i)) })
		}, false},
		{"a key twice", func(r *jieliv1.Region) { r.SigningKeys = append(r.SigningKeys, r.SigningKeys[0]) }, false},
		{"a key of another kind", func(r *jieliv1.Region) { r.SigningKeys[0].Algorithm = "RSA" }, false},
		{"a short key", func(r *jieliv1.Region) { r.SigningKeys[0].PublicKey = []byte("short") }, false},
		{"a key under another's id", func(r *jieliv1.Region) { r.SigningKeys[0].KeyId = "0123456789abcdef" }, false},
		{"a key from no time", func(r *jieliv1.Region) { r.SigningKeys[0].ValidFrom = &timestamppb.Timestamp{Nanos: -1} }, false},
		{"a key until before it is valid", func(r *jieliv1.Region) {
			r.SigningKeys[0].ValidFrom, r.SigningKeys[0].ValidUntil = &timestamppb.Timestamp{Seconds: 9}, &timestamppb.Timestamp{Seconds: 9}
		}, false},
		{"a key until no time", func(r *jieliv1.Region) { r.SigningKeys[0].ValidUntil = &timestamppb.Timestamp{Nanos: -1} }, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := members(t)
			r := testRegion("guangdong")
			c.edit(r)
			cmd := register(west, r, testNode(r.GetId(), "n1"))
			if c.ok {
				f.must(cmd)
				return
			}
			f.refused(cmd, "INVALID_FIELD")
		})
	}
}

func TestNodeFields(t *testing.T) {
	for _, c := range []struct {
		name string
		edit func(*jieliv1.Node)
		ok   bool
	}{
		{"good", func(*jieliv1.Node) {}, true},
		{"an IPv6 address", func(n *jieliv1.Node) { n.Address = "[2001:db8::1]:7443" }, true},
		{"an IPv4 address", func(n *jieliv1.Node) { n.Address = "192.0.2.1:7345" }, true},
		{"a name without dots", func(n *jieliv1.Node) { n.Address = "jieli_1:65535" }, true},
		{"a URL", func(n *jieliv1.Node) { n.Address = "https://example:7345" }, false},
		{"a path", func(n *jieliv1.Node) { n.Address = "a/b:7345" }, false},
		{"an IPv4 address out of range", func(n *jieliv1.Node) { n.Address = "192.0.2.256:7345" }, false},
		{"a bare IPv6 address", func(n *jieliv1.Node) { n.Address = "2001:db8::1:7345" }, false},
		{"an open bracket", func(n *jieliv1.Node) { n.Address = "[2001:db8::1:7345" }, false},
		{"an IPv6 zone", func(n *jieliv1.Node) { n.Address = "[fe80::1%eth0]:7345" }, false},
		{"an IPv4 address in brackets", func(n *jieliv1.Node) { n.Address = "[192.0.2.1]:7345" }, false},
		{"an empty label", func(n *jieliv1.Node) { n.Address = "a..b:7345" }, false},
		{"a label of 64", func(n *jieliv1.Node) { n.Address = strings.Repeat("a", 64) + ":7345" }, false},
		{"a host of 254", func(n *jieliv1.Node) { n.Address = strings.Repeat("a.", 126) + "aa:7345" }, false},
		{"a port that begins with 0", func(n *jieliv1.Node) { n.Address = "example:07345" }, false},
		{"no name", func(n *jieliv1.Node) { n.Name = "" }, false},
		{"a name that begins with -", func(n *jieliv1.Node) { n.Name = "-n" }, false},
		{"a name of 33", func(n *jieliv1.Node) { n.Name = strings.Repeat("n", 33) }, false},
		{"no address", func(n *jieliv1.Node) { n.Address = "" }, false},
		{"no port", func(n *jieliv1.Node) { n.Address = "example" }, false},
		{"port 0", func(n *jieliv1.Node) { n.Address = "example:0" }, false},
		{"port 65536", func(n *jieliv1.Node) { n.Address = "example:65536" }, false},
		{"a named port", func(n *jieliv1.Node) { n.Address = "example:https" }, false},
		{"no host", func(n *jieliv1.Node) { n.Address = ":7443" }, false},
		{"a host with a space", func(n *jieliv1.Node) { n.Address = "exam ple:7443" }, false},
		{"too long a version", func(n *jieliv1.Node) { n.Version = strings.Repeat("1", 101) }, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := members(t)
			n := testNode(south, "n2")
			c.edit(n)
			if c.ok {
				f.must(putNode(south, n))
				return
			}
			f.refused(putNode(south, n), "INVALID_FIELD")
		})
	}
}

// The first entry makes the federation, whole or not at all.
func TestFirstEntry(t *testing.T) {
	bad := func(edit func(*jieliv1.Bootstrap)) *jieliv1.Command {
		return edited(bootstrapCommand(), func(c *jieliv1.Command) { edit(c.GetBootstrap()) })
	}
	for _, c := range []struct {
		name   string
		cmd    *jieliv1.Command
		reason string
	}{
		{"anything else", registerCommand(south), "NOT_BOOTSTRAPPED"},
		{"no cluster", bad(func(b *jieliv1.Bootstrap) { b.ClusterId = "" }), "INVALID_FIELD"},
		{"a cluster in capitals", bad(func(b *jieliv1.Bootstrap) { b.ClusterId = strings.ToUpper(b.GetClusterId()) }), "INVALID_FIELD"},
		{"no region", bad(func(b *jieliv1.Bootstrap) { b.Region = nil }), "INVALID_FIELD"},
		{"no node", bad(func(b *jieliv1.Bootstrap) { b.Node = nil }), "INVALID_FIELD"},
		{"another's node", bad(func(b *jieliv1.Bootstrap) { b.Node.Region = south }), "INVALID_FIELD"},
		{"by another", edited(bootstrapCommand(), func(c *jieliv1.Command) { c.Region = south }), "INVALID_FIELD"},
		{"a malformed region", bad(func(b *jieliv1.Bootstrap) { b.Region.Bundle = nil }), "INVALID_FIELD"},
		{"a malformed node", bad(func(b *jieliv1.Bootstrap) { b.Node.Address = "" }), "INVALID_FIELD"},
		{"a malformed service", bad(func(b *jieliv1.Bootstrap) { b.Services[1].Code = "?" }), "INVALID_FIELD"},
		{"a malformed policy", bad(func(b *jieliv1.Bootstrap) { b.Policy = &jieliv1.Policy{RequestIds: 1} }), "INVALID_FIELD"},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFixture(t, Options{})
			f.refused(c.cmd, c.reason)
			if v := f.View(); v.ClusterID() != "" || len(v.Regions())+len(v.Nodes(""))+len(v.Services()) != 0 {
				t.Error("something of it stayed")
			}
			f.must(bootstrapCommand())
		})
	}
}

// Entries that are no commands, or have no id to be remembered by.
func TestUnreadableEntries(t *testing.T) {
	good, err := Encode(edited(setRoutes(south, route("3205", "", south)), func(c *jieliv1.Command) { c.RequestId, c.Actor = requestID(99), "ops" }))
	if err != nil {
		t.Fatal(err)
	}
	entry := func(edit func(*jieliv1.LogEntry)) []byte {
		e := &jieliv1.LogEntry{Command: good, Stamp: testStamp, Crc: checksum(good, nil, testStamp)}
		edit(e)
		b, err := proto.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	command := func(edit func(*jieliv1.Command)) []byte {
		c := new(jieliv1.Command)
		if err := proto.Unmarshal(good, c); err != nil {
			t.Fatal(err)
		}
		edit(c)
		b, err := proto.Marshal(c)
		if err != nil {
			t.Fatal(err)
		}
		return Seal(b, nil, testStamp)
	}
	for _, c := range []struct {
		name   string
		entry  []byte
		reason string
	}{
		{"nothing", nil, "CORRUPT_ENTRY"},
		{"no entry", []byte("\xffjieli"), "CORRUPT_ENTRY"},
		{"a changed stamp", entry(func(e *jieliv1.LogEntry) { e.Stamp++ }), "CORRUPT_ENTRY"},
		{"a changed signature", entry(func(e *jieliv1.LogEntry) { e.Signature = []byte{1} }), "CORRUPT_ENTRY"},
		{"a changed command", entry(func(e *jieliv1.LogEntry) { e.Command = bytes.Replace(good, []byte("3205"), []byte("3206"), 1) }), "CORRUPT_ENTRY"},
		{"no command", Seal([]byte("\xffjieli"), nil, testStamp), "CORRUPT_ENTRY"},
		{"too large a command", Seal(make([]byte, MaxCommandBytes+1), nil, testStamp), "COMMAND_TOO_LARGE"},
		{"no request id", command(func(c *jieliv1.Command) { c.RequestId = "" }), "BAD_REQUEST_ID"},
		{"a random request id", command(func(c *jieliv1.Command) { c.RequestId = testImport }), "BAD_REQUEST_ID"},
		{"a request id in capitals", command(func(c *jieliv1.Command) { c.RequestId = strings.ToUpper(requestID(0xABC)) }), "BAD_REQUEST_ID"},
		{"no level", command(func(c *jieliv1.Command) { c.Level = 0 }), "UNKNOWN_COMMAND"},
		{"no change", command(func(c *jieliv1.Command) { c.Change = nil }), "UNKNOWN_COMMAND"},
		{"no change, of a higher level", command(func(c *jieliv1.Command) { c.Change, c.Level = nil, 2 }), "LEVEL_TOO_HIGH"},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := members(t)
			before := f.View()
			o := f.Apply(c.entry)
			if o.GetReason() != c.reason || o.GetRevision() != before.Revision() || f.View().StateHash() != before.StateHash() {
				t.Errorf("got %v, want %s and nothing changed", o, c.reason)
			}
		})
	}
	t.Run("good", func(t *testing.T) {
		if o := members(t).Apply(entry(func(*jieliv1.LogEntry) {})); o.GetReason() != "" {
			t.Errorf("rejected: %v", o)
		}
	})
}

func TestRejectionIsShort(t *testing.T) {
	for n := range 8 {
		m := reject("X", "%s", strings.Repeat("a", n)+strings.Repeat("词", maxMessage)).message
		if len(m) > maxMessage || len(m) < maxMessage-5 || strings.ToValidUTF8(m, "") != m {
			t.Errorf("%d letters before: %d bytes", n, len(m))
		}
	}
}

func TestRejectionNamesWhoMayOnce(t *testing.T) {
	f := members(t)
	for _, tc := range []struct {
		name string
		of   string
		want string
	}{
		{"the entry of the one that keeps the rest", north, "region west cannot change what is of region north; north can"},
		{"the entry of another", south, "region west cannot change what is of region south; south or north can"},
	} {
		want := strings.NewReplacer("west", west, "north", north, "south", south).Replace(tc.want)
		if got := f.try(setRoutes(west, route("3205", "", tc.of))).GetMessage(); got != want {
			t.Errorf("%s: %q, want %q", tc.name, got, want)
		}
	}
}
