package registry

import (
	"bytes"
	"fmt"
	"sync"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"
	"pgregory.net/rapid"

	jieliv1 "github.com/jieli-gateway/jieli/proto/jieli/v1"
	"github.com/jieli-gateway/jieli/regions"
)

// commands draws commands about few regions, places and services, so that they often meet, and often are refused.
type commands struct {
	seq     uint64
	stamp   uint64
	entries [][]byte
	chunks  map[string]uint32 // of imports, as far as they may have got
}

func oneOf[T any](t *rapid.T, name string, of ...T) T { return rapid.SampledFrom(of).Draw(t, name) }

func anyRegion(t *rapid.T) string {
	return oneOf(t, "region", north, north, north, south, south, south, west, west, "guangdong")
}

func anyService(t *rapid.T) string {
	return oneOf(t, "service", "", "", "", "urban", "urban.housing", "transport")
}

func anyDivision(t *rapid.T) string {
	return oneOf(t, "division", "32", "3205", "320505", "320505001", "320505001001", "320505001002", "320506", "5101", "510104003")
}

// anyRoute draws a route, mostly to a region.
func anyRoute(t *rapid.T, to string) *jieliv1.Route {
	r := route(anyDivision(t), anyService(t), oneOf(t, "to", to, to, to, to, anyRegion(t)))
	r.ValidFrom = oneOf(t, "from", "", "", "2026-01-01", "2026-07-01")
	r.ValidTo = oneOf(t, "to", "", "2025-12-31", "2026-06-30")
	return r
}

func anyChanges(t *rapid.T, to string) *jieliv1.ChangeRoutes {
	routes := rapid.Custom(func(t *rapid.T) *jieliv1.Route { return anyRoute(t, to) })
	c := changes(rapid.SliceOfN(routes, 0, 3).Draw(t, "set"))
	for _, r := range rapid.SliceOfN(routes, 0, oneOf(t, "deletes", 0, 0, 2)).Draw(t, "delete") {
		c.Delete = append(c.Delete, routeKey(r.GetDivision(), r.GetService(), r.GetValidFrom()))
	}
	return c
}

func anyServices(t *rapid.T) ([]*jieliv1.ServiceEntry, []string) {
	codes := rapid.SliceOfN(rapid.SampledFrom([]string{"urban", "urban.housing", "transport", "labour"}), 0, 3)
	var set []*jieliv1.ServiceEntry
	for _, code := range codes.Draw(t, "set") {
		set = append(set, edited(testService(code), func(s *jieliv1.ServiceEntry) {
			s.Aliases = rapid.SliceOfN(rapid.SampledFrom([]string{"房屋", "交通", "欠薪"}), 0, 2).Draw(t, "aliases")
		}))
	}
	return set, codes.Draw(t, "delete")
}

// change draws a command, without its id.
func (c *commands) change(t *rapid.T) *jieliv1.Command {
	by, of := anyRegion(t), anyRegion(t)
	switch rapid.IntRange(0, 15).Draw(t, "kind") {
	case 0:
		return register(by, testRegion(of), testNode(of, oneOf(t, "node", "n1", "n2")))
	case 1:
		return update(of, edited(testRegion(of), func(r *jieliv1.Region) {
			r.DutyPhone = oneOf(t, "phone", "110", "12345")
			r.SigningKeys = append(r.SigningKeys, testKey(oneOf(t, "key", "a", "b")))
		}))
	case 2:
		return stateCommand(north, of, jieliv1.Region_State(rapid.Int32Range(0, 6).Draw(t, "state")))
	case 3:
		return retire(of, rapid.Uint64Range(0, 1).Draw(t, "open"))
	case 4:
		return putNode(by, edited(testNode(of, oneOf(t, "node", "n1", "n2", "n3")), func(n *jieliv1.Node) {
			n.Tickets, n.Raft = rapid.Bool().Draw(t, "tickets"), rapid.Bool().Draw(t, "raft")
		}))
	case 5:
		return removeNode(by, of, oneOf(t, "node", "n1", "n2", "n3"))
	case 6:
		set, del := anyServices(t)
		return changeServices(oneOf(t, "keeper", north, north, by), set, del...)
	case 7:
		return setPolicy(north, &jieliv1.Policy{
			RequestIds:    oneOf[uint32](t, "ids", 1000, 1000, 1002, 1),
			RegistryGrace: durationpb.New(oneOf(t, "grace", time.Hour, time.Minute, 0)),
			Terms:         answerIn(oneOf(t, "terms", "", of, "nowhere"), rapid.Uint32Range(0, 4).Draw(t, "days")).GetTerms(),
		})
	case 8:
		return reportLevel(of, of, oneOf(t, "node", "n1", "n2"), rapid.Uint32Range(1, 2).Draw(t, "level"))
	case 9, 10:
		id := testImport[:35] + oneOf(t, "import", "1", "1", "1", "2", "3", "4", "5")
		chunk := c.chunks[id]
		c.chunks[id]++
		if rapid.IntRange(0, 9).Draw(t, "order") == 0 {
			chunk++
		}
		return stage(oneOf(t, "by", north, north, by), id, chunk, anyChanges(t, north))
	case 11:
		id := testImport[:35] + oneOf(t, "import", "1", "1", "1", "2", "3", "4", "5")
		chunks := c.chunks[id]
		delete(c.chunks, id)
		return finishImport(oneOf(t, "by", north, north, by), &jieliv1.FinishImport{ImportId: id, Chunks: chunks, Abandon: rapid.IntRange(0, 9).Draw(t, "abandon") == 0})
	default:
		return changeRoutes(oneOf(t, "by", north, by), anyChanges(t, by))
	}
}

// next draws an entry: mostly a new command, at times an old entry again, an old id for something else, or bytes.
func (c *commands) next(t *rapid.T) []byte {
	kind := rapid.IntRange(0, 29).Draw(t, "entry")
	if kind == 0 && len(c.entries) > 0 {
		return rapid.SampledFrom(c.entries).Draw(t, "again")
	}
	if kind == 1 {
		return rapid.SliceOfN(rapid.Byte(), 0, 30).Draw(t, "bytes")
	}
	cmd := c.change(t)
	cmd.Actor, cmd.Level = "ops", 1
	c.seq++
	cmd.RequestId = requestID(c.seq)
	switch kind {
	case 2:
		cmd.RequestId = requestID(rapid.Uint64Range(1, c.seq).Draw(t, "old id"))
	case 3:
		cmd.ExpectedRevision = rapid.Uint64Range(1, c.seq).Draw(t, "expected")
	case 4:
		c.stamp += importAgeMs / 2
	}
	c.stamp += rapid.Uint64Range(0, 1000).Draw(t, "pause")
	b, err := Encode(cmd)
	if err != nil {
		t.Fatal(err)
	}
	c.entries = append(c.entries, Seal(b, nil, c.stamp))
	return c.entries[len(c.entries)-1]
}

// settled is a snapshot of a federation that remembers nearly as many request ids as its policy lets it, and the number
// of its last one.
var settled = sync.OnceValues(func() ([]byte, uint64) {
	f := members(noTest{})
	f.must(setPolicy(north, &jieliv1.Policy{RequestIds: minRequestIDs}))
	for f.count < minRequestIDs-5 {
		f.must(reportLevel(north, north, "n1", 1))
	}
	return snapshotOf(noTest{}, f.View()), f.count
})

// noTest stands for the test where a fixture is shared by several.
type noTest struct{ testing.TB }

func (noTest) Helper()                   {}
func (noTest) Fatalf(f string, a ...any) { panic(fmt.Sprintf(f, a...)) }

// Three nodes are given the same entries: one in batches, one singly, one that restarts from snapshots in between. They
// answer alike, hold the same state, and none carries out a request twice.
func TestNodesAgree(t *testing.T) {
	seed, count := settled()
	rapid.Check(t, func(t *rapid.T) {
		play := &commands{seq: count, stamp: testStamp + count, chunks: map[string]uint32{}}
		batched, single, restarted := restored(noTest{}, seed, Options{}), restored(noTest{}, seed, Options{}), restored(noTest{}, seed, Options{})
		applied := map[string]bool{}
		hashes := map[uint64][32]byte{}
		type seen struct {
			view     *View
			snapshot []byte
		}
		var views []seen
		for range rapid.IntRange(1, 30).Draw(t, "batches") {
			var entries [][]byte
			for range rapid.IntRange(1, 8).Draw(t, "batch") {
				entries = append(entries, play.next(t))
			}
			outcomes := batched.ApplyBatch(entries)
			for i, e := range entries {
				before := single.View()
				got := single.Apply(e)
				after := single.View()
				if !proto.Equal(got, outcomes[i]) {
					t.Fatalf("singly %v, in a batch %v", got, outcomes[i])
				}
				if rapid.IntRange(0, 9).Draw(t, "restart") == 0 {
					restarted.Swap(restored(noTest{}, snapshotOf(noTest{}, restarted.View()), Options{}))
				}
				if again := restarted.Apply(e); !proto.Equal(got, again) {
					t.Fatalf("singly %v, after restarts %v", got, again)
				}
				checkStep(t, before, after, got, e, applied)
				hashes[after.Revision()] = after.StateHash()
			}
			if a, b, c := batched.View().StateHash(), single.View().StateHash(), restarted.View().StateHash(); a != b || b != c {
				t.Fatalf("state hashes %x, %x, %x", a, b, c)
			}
			views = append(views, seen{single.View(), snapshotOf(noTest{}, single.View())})
		}
		last := snapshotOf(noTest{}, single.View())
		if !bytes.Equal(last, snapshotOf(noTest{}, batched.View())) || !bytes.Equal(last, snapshotOf(noTest{}, restarted.View())) {
			t.Fatal("equal states, different snapshots")
		}
		for revision, hash := range hashes {
			if kept, ok := restarted.View().HashAt(revision); !ok || kept != hash {
				t.Fatalf("hash at revision %d: %x, want %x", revision, kept, hash)
			}
		}
		for _, s := range views {
			if !bytes.Equal(snapshotOf(noTest{}, s.view), s.snapshot) {
				t.Fatalf("the view at revision %d has changed", s.view.Revision())
			}
		}
		checkInvariants(t, single)
	})
}

// checkStep checks what one entry did.
func checkStep(t *rapid.T, before, after *View, got *jieliv1.Outcome, entry []byte, applied map[string]bool) {
	moved := after.Revision() - before.Revision()
	if moved > 1 || (moved == 1 && (got.GetReason() != "" || got.GetRepeated() || got.GetRevision() != after.Revision())) {
		t.Fatalf("revision %d to %d: %v", before.Revision(), after.Revision(), got)
	}
	if (moved == 0) != (before.StateHash() == after.StateHash()) {
		t.Fatalf("revision %d to %d, hash %x to %x", before.Revision(), after.Revision(), before.StateHash(), after.StateHash())
	}
	if after.Stamp() < before.Stamp() {
		t.Fatalf("stamp %d to %d", before.Stamp(), after.Stamp())
	}
	if cmd, _, bad := open(entry); bad == nil && got.GetReason() == "" && !got.GetRepeated() {
		if applied[cmd.GetRequestId()] {
			t.Fatalf("request %s was applied twice", cmd.GetRequestId())
		}
		applied[cmd.GetRequestId()] = true
	}
}

// checkInvariants checks what must hold of any state.
func checkInvariants(t *rapid.T, m *Machine) {
	v := m.View()
	if n := len(v.requests); n > v.requestIDs() || n != len(m.remembered) {
		t.Fatalf("%d request ids of %d at most, %d to be found", n, v.requestIDs(), len(m.remembered))
	}
	if len(v.hashes) > keptHashes || len(v.staged) > maxImports {
		t.Fatalf("%d hashes, %d imports", len(v.hashes), len(v.staged))
	}
	prefixes := map[string]string{}
	for _, r := range v.Regions() {
		if other, twice := prefixes[r.GetNumberPrefix()]; twice {
			t.Fatalf("regions %s and %s share a prefix", other, r.GetId())
		}
		prefixes[r.GetNumberPrefix()] = r.GetId()
		tickets := 0
		for _, n := range v.Nodes(r.GetId()) {
			if n.GetTickets() {
				tickets++
			}
		}
		if tickets > 1 || len(v.Nodes(r.GetId())) > MaxNodesPerRegion {
			t.Fatalf("region %s: %d nodes, %d of them run tickets", r.GetId(), len(v.Nodes(r.GetId())), tickets)
		}
	}
	routes := 0
	for r := range v.RoutesFrom(regions.Key{}) {
		routes++
		if _, ok := v.Region(r.GetRegion()); !ok || r.GetRevision() == 0 || r.GetChangedBy() == "" || r.GetChangeTime() == nil {
			t.Fatalf("route %v", r)
		}
		if _, ok := v.Catalogue().Get(r.GetService()); r.GetService() != "" && !ok {
			t.Fatalf("route %v names no service", r)
		}
	}
	marked := 0
	if v.routeMarks != nil {
		for _, province := range v.routeMarks.provinces {
			for _, county := range province {
				marked += len(county)
				if len(county) == 0 {
					t.Fatal("a county without routes is kept")
				}
			}
			if len(province) == 0 {
				t.Fatal("a province without routes is kept")
			}
		}
	}
	if routes != marked || routes != v.Routes().Len() {
		t.Fatalf("%d routes, %d marks", routes, marked)
	}
}

// A node that knows level 1 and one that knows level 2 agree until the level is raised. Then the older stops, keeps the
// view it had, and answers that it is to be upgraded.
func TestOlderNodeStopsAtTheRaise(t *testing.T) {
	seed, count := settled()
	rapid.Check(t, func(t *rapid.T) {
		older, newer := restored(noTest{}, seed, Options{KnownLevel: 1}), restored(noTest{}, seed, Options{KnownLevel: 2})
		play := &commands{seq: count, stamp: testStamp + count, chunks: map[string]uint32{}}
		var entries [][]byte
		for range rapid.IntRange(0, 10).Draw(t, "before") {
			entries = append(entries, play.next(t))
		}
		a, b := older.ApplyBatch(entries), newer.ApplyBatch(entries)
		for i := range a {
			if !proto.Equal(a[i], b[i]) {
				t.Fatalf("below the raise: %v, %v", a[i], b[i])
			}
		}
		f := &fixture{t: noTest{}, Machine: newer, count: play.seq, stamp: play.stamp}
		for _, n := range newer.View().Nodes("") {
			report := f.seal(reportLevel(n.GetRegion(), n.GetRegion(), n.GetName(), 2))
			if got, want := older.Apply(report), newer.Apply(report); !proto.Equal(got, want) {
				t.Fatalf("a report: %v, %v", got, want)
			}
		}
		before := older.View()
		change := f.seal(setPolicy(north, &jieliv1.Policy{LinkVersionFloor: 7}))
		raise := f.seal(raiseLevel(north, 2))
		after := f.seal(setPolicy(north, &jieliv1.Policy{LinkVersionFloor: 8}))
		a, b = older.ApplyBatch([][]byte{change, raise, after}), newer.ApplyBatch([][]byte{change, raise, after})
		if !proto.Equal(a[0], b[0]) || !proto.Equal(a[1], b[1]) || b[1].GetReason() != "" || b[2].GetReason() != "" {
			t.Fatalf("the raise: %v, %v", a, b)
		}
		if _, halted := older.Halted(); !halted || a[2].GetReason() != "LEVEL_UNKNOWN" {
			t.Fatalf("the older goes on: %v", a[2])
		}
		if v := older.View(); v.Level() != 1 || v.Revision() != before.Revision()+1 || v.Policy().GetLinkVersionFloor() != 7 {
			t.Fatalf("the older is at level %d, revision %d", v.Level(), v.Revision())
		}
		if _, halted := newer.Halted(); halted || newer.View().Level() != 2 || newer.View().Policy().GetLinkVersionFloor() != 8 {
			t.Fatal("the newer has not gone on")
		}
		kept := older.View()
		if o := older.Apply(f.seal(setPolicy(north, &jieliv1.Policy{}))); o.GetReason() != "LEVEL_UNKNOWN" || older.View() != kept {
			t.Fatalf("stopped, and yet: %v", o)
		}
		// Upgraded, it catches up from what it had.
		upgraded := restored(noTest{}, snapshotOf(noTest{}, kept), Options{KnownLevel: 2})
		upgraded.ApplyBatch([][]byte{raise, after})
		if upgraded.View().StateHash() != newer.View().StateHash() {
			t.Fatal("upgraded, it is not where the newer is")
		}
	})
}
