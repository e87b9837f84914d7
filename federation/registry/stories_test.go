package registry

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	jieliv1 "github.com/jieli-gateway/jieli/proto/jieli/v1"
	"github.com/jieli-gateway/jieli/regions"
)

func TestRegionJoinsAndLeaves(t *testing.T) {
	f := members(t)
	state := func() jieliv1.Region_State {
		r, _ := f.View().Region("guangdong")
		return r.GetState()
	}
	claims := edited(testRegion("guangdong"), func(r *jieliv1.Region) {
		r.State, r.Bootstrap, r.Successor, r.Revision, r.ChangedBy = jieliv1.Region_ACTIVE, true, west, 77, "me"
	})
	f.must(register(west, claims, testNode("guangdong", "n1")))
	r, _ := f.View().Region("guangdong")
	if r.GetState() != jieliv1.Region_PENDING || r.GetBootstrap() || r.GetSuccessor() != "" || r.GetRevision() != f.View().Revision() || r.GetChangedBy() != west+": ops" {
		t.Fatalf("it speaks for its own standing: %v", r)
	}
	if f.View().Bootstrap() != north {
		t.Fatalf("bootstrap: %s", f.View().Bootstrap())
	}
	registered := r.GetRegisterTime().AsTime()
	f.must(reportLevel("guangdong", "guangdong", "n1", 1))
	f.must(stateCommand(north, "guangdong", jieliv1.Region_ACTIVE))
	f.must(setRoutes("guangdong", route("44", "", "guangdong")))
	f.must(update("guangdong", edited(testRegion("guangdong"), func(r *jieliv1.Region) { r.DutyPhone = "12345" })))
	f.must(stateCommand(north, "guangdong", jieliv1.Region_SUSPENDED))
	f.must(update("guangdong", testRegion("guangdong")))
	f.must(putNode("guangdong", testNode("guangdong", "n2")))
	if state() != jieliv1.Region_SUSPENDED {
		t.Fatalf("an update changed its state to %s", state())
	}
	f.must(stateCommand(north, "guangdong", jieliv1.Region_ACTIVE))
	f.must(deleteRoutes("guangdong", routeKey("44", "", "")))
	f.must(changeState("guangdong", &jieliv1.ChangeRegionState{Region: "guangdong", State: jieliv1.Region_RETIRED, Successor: west, OpenTickets: 9}))
	r, _ = f.View().Region("guangdong")
	if state() != jieliv1.Region_RETIRED || r.GetSuccessor() != west || !r.GetRegisterTime().AsTime().Equal(registered) {
		t.Fatalf("retired: %v", r)
	}
	for _, n := range f.View().Nodes("guangdong") {
		if n.GetRaft() || n.GetTickets() {
			t.Errorf("node %s of a retired region still has a part", n.GetName())
		}
	}
	f.must(stateCommand(north, "guangdong", jieliv1.Region_REVOKED))
}

// A region keeps the keys it ever had, and what they signed can be checked.
func TestKeysStay(t *testing.T) {
	f := members(t)
	f.must(update(south, edited(testRegion(south), func(r *jieliv1.Region) { r.SigningKeys = append(r.SigningKeys, testKey("new")) })))
	for _, want := range []*jieliv1.SigningKey{testKey(south), testKey("new")} {
		if got, ok := f.View().SigningKey(south, want.GetKeyId()); !ok || !bytes.Equal(got.GetPublicKey(), want.GetPublicKey()) {
			t.Errorf("key %s: %v", want.GetKeyId(), got)
		}
	}
	if _, ok := f.View().SigningKey("guangdong", testKey(south).GetKeyId()); ok {
		t.Error("a stranger has a key")
	}
}

// The days of a key only become fewer, and an entry that does not speak of them leaves them as they are.
func TestDaysOfKeys(t *testing.T) {
	day := func(n int64) *timestamppb.Timestamp { return &timestamppb.Timestamp{Seconds: n * 86400} }
	f := members(t)
	with := func(edit func(*jieliv1.SigningKey)) *jieliv1.Command {
		return update(south, edited(testRegion(south), func(r *jieliv1.Region) {
			edit(r.SigningKeys[0])
			r.SigningKeys = append(r.SigningKeys, edited(testKey("new"), func(k *jieliv1.SigningKey) { k.ValidFrom = day(90) }))
		}))
	}
	until := func() *timestamppb.Timestamp {
		k, _ := f.View().SigningKey(south, testKey(south).GetKeyId())
		return k.GetValidUntil()
	}
	f.must(with(func(k *jieliv1.SigningKey) { k.ValidUntil = day(100) }))
	f.must(with(func(k *jieliv1.SigningKey) { k.ValidUntil = day(95) }))
	f.refused(with(func(k *jieliv1.SigningKey) { k.ValidUntil = day(96) }), "INVALID_FIELD")
	f.refused(with(func(k *jieliv1.SigningKey) { k.ValidFrom = day(1) }), "INVALID_FIELD")
	f.must(with(func(*jieliv1.SigningKey) {}))
	if !proto.Equal(until(), day(95)) {
		t.Errorf("valid until %v, want day 95", until())
	}
	f.must(update(south, edited(testRegion(south), func(r *jieliv1.Region) { r.SigningKeys = append(r.SigningKeys, testKey("new")) })))
	if k, _ := f.View().SigningKey(south, testKey("new").GetKeyId()); !proto.Equal(k.GetValidFrom(), day(90)) {
		t.Errorf("valid from %v, want day 90", k.GetValidFrom())
	}
}

// What a node reports of itself stays when others change its entry.
func TestNodeSpeaksForItsLevel(t *testing.T) {
	f := members(t)
	f.must(reportLevel(south, south, "n1", 7))
	revision := f.View().Revision()
	f.must(reportLevel(south, south, "n1", 7))
	if f.View().Revision() != revision {
		t.Error("the same report moved the revision")
	}
	f.must(putNode(north, edited(testNode(south, "n1"), func(n *jieliv1.Node) { n.Level, n.Version, n.Address = 9, "9", "moved:1" })))
	n, _ := f.View().Node(south, "n1")
	if n.GetLevel() != 7 || n.GetVersion() != "2.0.0" || n.GetAddress() != "moved:1" {
		t.Errorf("node: %v", n)
	}
	f.must(removeNode(south, south, "n1"))
	if _, ok := f.View().Node(south, "n1"); ok {
		t.Error("the node is still there")
	}
}

func TestRoutes(t *testing.T) {
	f := members(t)
	f.must(setRoutes(south, route("3205", "", south), route("320505", "urban", south), during("3206", "", south, "2026-01-01", "2026-12-31")))
	f.must(setRoutes(north, route("3205", "", west))) // who keeps the rest settles whose a place is
	got, ok := f.View().Route(mustKey(t, "3205", "", ""))
	if !ok || got.GetRegion() != west || got.GetRevision() != f.View().Revision() || got.GetChangedBy() != north+": ops" || uint64(got.GetChangeTime().AsTime().UnixMilli()) != f.stamp {
		t.Errorf("route: %v", got)
	}
	if _, ok := f.View().Route(mustKey(t, "3207", "", "")); ok {
		t.Error("a route there is not")
	}
	// Deleted and set in one command: the places change hands, the days are split.
	f.must(changeRoutes(south, changes([]*jieliv1.Route{
		during("3206", "", south, "2026-01-01", "2026-06-30"), during("3206", "", south, "2026-07-01", ""),
	}, routeKey("3206", "", "2026-01-01"))))
	var list []string
	for r := range f.View().RoutesFrom(regions.Key{}) {
		list = append(list, fmt.Sprint(r.GetDivision(), " ", r.GetService(), " ", r.GetRegion(), " ", r.GetValidFrom(), " ", r.GetValidTo()))
	}
	want := []string{"3205  chengyu  ", "320505 urban changsanjiao  ", "3206  changsanjiao 2026-01-01 2026-06-30", "3206  changsanjiao 2026-07-01 "}
	if fmt.Sprint(list) != fmt.Sprint(want) {
		t.Errorf("routes:\n%q\nwant\n%q", list, want)
	}
	var later int
	for range f.View().RoutesFrom(mustKey(t, "3206", "", "")) {
		later++
	}
	if later != 2 {
		t.Errorf("%d routes from 3206 on", later)
	}
}

// A command that changes nothing is carried out, and moves no revision: who made a thing, and when, stays to be seen.
func TestNothingChanges(t *testing.T) {
	f := members(t)
	f.must(setPolicy(north, &jieliv1.Policy{LinkVersionFloor: 2}))
	before := f.View()
	for _, c := range []*jieliv1.Command{
		putNode(north, testNode(south, "n1")), update(south, testRegion(south)), setPolicy(north, &jieliv1.Policy{LinkVersionFloor: 2}),
		changeServices(north, []*jieliv1.ServiceEntry{testService("urban")}),
	} {
		if o := f.must(c); o.GetRevision() != before.Revision() || f.View().StateHash() != before.StateHash() {
			t.Errorf("%v: revision %d, was %d", c, o.GetRevision(), before.Revision())
		}
	}
}

// Once the level is raised, no node joins the members that would stop at it.
func TestNodeBelowTheLevel(t *testing.T) {
	f := newFixture(t, Options{KnownLevel: 2})
	f.must(bootstrapCommand())
	f.must(reportLevel(north, north, "n1", 2))
	f.must(raiseLevel(north, 2))
	f.refused(putNode(north, testNode(north, "n2")), "NODE_BELOW_LEVEL")
	f.must(putNode(north, edited(testNode(north, "n2"), func(n *jieliv1.Node) { n.Level = 2 })))
	f.must(putNode(north, edited(testNode(north, "n2"), func(n *jieliv1.Node) { n.Level, n.Address = 1, "moved:1" })))
	f.must(registerCommand(south))
	f.refused(stateCommand(north, south, jieliv1.Region_ACTIVE), "NODE_BELOW_LEVEL")
	f.must(reportLevel(south, south, "n1", 2))
	f.must(stateCommand(north, south, jieliv1.Region_ACTIVE))
}

// An import takes effect as a whole, with one revision, and survives a restart half way.
func TestImport(t *testing.T) {
	f := members(t)
	f.must(setRoutes(south, villages(10, all(south))...))
	routes := villages(2500, all(west))
	revision := f.View().Revision()
	f.must(stage(north, testImport, 0, changes(routes[:1000])))
	f.must(stage(north, testImport, 1, changes(routes[1000:2000])))
	f.Swap(restored(t, snapshotOf(t, f.View()), Options{}))
	f.must(stage(north, testImport, 2, changes(routes[2000:])))
	if f.View().Revision() != revision || f.View().Routes().Len() != 10 {
		t.Fatalf("staged, and in effect already: revision %d, %d routes", f.View().Revision(), f.View().Routes().Len())
	}
	f.must(edited(finishImport(north, &jieliv1.FinishImport{ImportId: testImport, Chunks: 3}), func(c *jieliv1.Command) { c.ExpectedRevision = revision }))
	if f.View().Revision() != revision+1 {
		t.Fatalf("revision %d, want %d", f.View().Revision(), revision+1)
	}
	n := 0
	for r := range f.View().RoutesFrom(regions.Key{}) {
		if r.GetRegion() != west || r.GetRevision() != revision+1 {
			t.Fatalf("route: %v", r)
		}
		n++
	}
	if n != 2500 || len(f.View().staged) != 0 {
		t.Fatalf("%d routes, %d imports under way", n, len(f.View().staged))
	}
}

func TestImportAbandoned(t *testing.T) {
	f := members(t)
	f.must(stage(south, testImport, 0, changes(villages(3, all(south)))))
	f.must(finishImport(south, &jieliv1.FinishImport{ImportId: testImport, Abandon: true}))
	f.refused(finishImport(south, &jieliv1.FinishImport{ImportId: testImport, Chunks: 1}), "IMPORT_NOT_FOUND")
}

// What a chunk says beside routes is not kept, so a long import fits into a snapshot whatever was put into it.
func TestImportKeepsOnlyRoutes(t *testing.T) {
	f := members(t)
	padded := edited(route("3205", "", south), func(r *jieliv1.Route) { r.ChangedBy = strings.Repeat("x", MaxCommandBytes/2) })
	f.must(stage(south, testImport, 0, changes([]*jieliv1.Route{padded})))
	if n := stagedBytes(f.View().staged); n > 200 {
		t.Errorf("%d bytes are kept of one route", n)
	}
	f.must(stage(south, testImport, 1, changes([]*jieliv1.Route{route("3206", "", south)}, routeKey("3206", "", ""))))
	again := restored(t, snapshotOf(t, f.View()), Options{})
	if got, want := again.View().staged[0], f.View().staged[0]; fmt.Sprint(*got) != fmt.Sprint(*want) {
		t.Errorf("restored: %v, want %v", got, want)
	}
}

func TestStagedBytesAreBounded(t *testing.T) {
	f := members(t)
	f.must(stage(south, testImport, 0, changes(villages(1, all(south)))))
	v := *f.View()
	full := *v.staged[0]
	full.size = maxStagedBytes
	v.staged = []*stagedImport{&full}
	f.view.Store(&v)
	f.refused(stage(south, testImport, 1, changes(villages(1, all(south)))), "TOO_MANY_CHANGES")
	full.chunks, full.size = make([][]byte, MaxChunks), 0
	f.refused(stage(south, testImport, MaxChunks, changes(villages(1, all(south)))), "TOO_MANY_CHANGES")
}

func TestServices(t *testing.T) {
	f := members(t)
	f.must(setRoutes(south, route("3205", "urban.housing", south)))
	f.must(changeServices(north, []*jieliv1.ServiceEntry{edited(testService("urban.housing"), func(s *jieliv1.ServiceEntry) { s.Aliases = []string{"漏水"} })}, "urban.housing", "urban"))
	if s, ok := f.View().Catalogue().Resolve("漏水"); !ok || s.Code != "urban.housing" {
		t.Errorf("resolved: %v", s)
	}
	if n := len(f.View().Services()); n != 1 || f.View().Catalogue().Len() != 1 {
		t.Errorf("%d services", n)
	}
}

func TestPolicyDefaults(t *testing.T) {
	f := members(t)
	if p := f.View().Policy(); p.GetRegistryGrace().AsDuration() != DefaultRegistryGrace || p.GetRequestIds() != DefaultRequestIDs || p.GetLinkVersionFloor() != DefaultLinkVersionFloor {
		t.Errorf("defaults: %v", p)
	}
	f.must(setPolicy(north, &jieliv1.Policy{RegistryGrace: durationpb.New(time.Hour), RequestIds: 5000, LinkVersionFloor: 3}))
	p := f.View().Policy()
	if p.GetRegistryGrace().AsDuration() != time.Hour || p.GetRequestIds() != 5000 || p.GetLinkVersionFloor() != 3 {
		t.Errorf("policy: %v", p)
	}
	if New(Options{}).View().Policy() == nil {
		t.Error("an empty registry has no policy")
	}
}

// A request is remembered as long as the policy's number of newer ones; after that its id is refused, not applied anew.
func TestForgottenRequest(t *testing.T) {
	f := members(t)
	f.must(setPolicy(north, &jieliv1.Policy{RequestIds: minRequestIDs}))
	first := f.seal(setRoutes(south, route("3205", "", south)))
	applied := f.Apply(first)
	for i := range minRequestIDs + 200 {
		if again := f.Apply(first); i < minRequestIDs-1 {
			if !again.GetRepeated() || again.GetRevision() != applied.GetRevision() || again.GetReason() != "" {
				t.Fatalf("after %d others: %v", i, again)
			}
		}
		f.must(reportLevel(north, north, "n1", 1))
	}
	if o := f.Apply(first); o.GetReason() != "REQUEST_TOO_OLD" {
		t.Errorf("forgotten: %v", o)
	}
	if n, found := len(f.View().requests), len(f.remembered); n != minRequestIDs || found != n {
		t.Errorf("%d ids kept, %d to be found", n, found)
	}
	if c := cap(f.View().requests); c > 4*minRequestIDs {
		t.Errorf("room for %d ids is kept", c)
	}
	other := restored(t, snapshotOf(t, f.View()), Options{})
	if o := other.Apply(first); o.GetReason() != "REQUEST_TOO_OLD" {
		t.Errorf("forgotten, after a restart: %v", o)
	}
	// An id of the past that was never seen could have been seen: it is refused as well.
	f.refused(edited(reportLevel(north, north, "n1", 1), func(c *jieliv1.Command) { c.RequestId = requestID(1) }), "REQUEST_TOO_OLD")
}

// What a million rejections said in words is not kept for ever, only for which reason.
func TestForgottenTexts(t *testing.T) {
	f := members(t)
	missing := func() []byte { return f.seal(deleteRoutes(south, routeKey("3205", "", ""))) }
	first := missing()
	said := f.Apply(first)
	var batch [][]byte
	for range keptTexts - 1 {
		batch = append(batch, missing())
	}
	f.ApplyBatch(batch)
	for _, m := range []*Machine{f.Machine, restored(t, snapshotOf(t, f.View()), Options{})} {
		if o := m.Apply(first); !o.GetRepeated() || o.GetReason() != "ROUTE_NOT_FOUND" || o.GetMessage() != said.GetMessage() {
			t.Errorf("while it is kept: %v", o)
		}
	}
	f.Apply(missing())
	for _, m := range []*Machine{f.Machine, restored(t, snapshotOf(t, f.View()), Options{})} {
		if o := m.Apply(first); !o.GetRepeated() || o.GetReason() != "ROUTE_NOT_FOUND" || o.GetMessage() != forgottenText {
			t.Errorf("when it is forgotten: %v", o)
		}
		if n := len(m.View().texts); n != keptTexts {
			t.Errorf("%d texts are kept", n)
		}
	}
}

// A mistake in the binary stops the registry before the entry that meets it; it neither ends the process nor leaves the
// entry out.
func TestMistakeStopsTheRegistry(t *testing.T) {
	f := members(t)
	good := f.View()
	broken := *good
	broken.table = nil
	f.view.Store(&broken)
	o := f.try(setRoutes(south, route("3205", "", south)))
	if reason, halted := f.Halted(); !halted || o.GetReason() != "LEVEL_UNKNOWN" || !strings.Contains(reason, requestID(f.count)) {
		t.Errorf("halted %v: %q, %v", halted, reason, o)
	}
	if f.View() != &broken || f.try(setPolicy(north, &jieliv1.Policy{})).GetReason() != "LEVEL_UNKNOWN" {
		t.Error("it goes on")
	}
	f.Swap(restored(t, snapshotOf(t, good), Options{}))
	f.must(setRoutes(south, route("3205", "", south)))
}

// Hashes of the last 10,000 revisions are kept, and of no more.
func TestHashesAreBounded(t *testing.T) {
	f := members(t)
	first := f.View().Revision()
	var batch [][]byte
	for i := range keptHashes + 500 {
		batch = append(batch, f.seal(reportLevel(north, north, "n1", uint32(i+2))))
	}
	f.ApplyBatch(batch)
	v := f.View()
	if v.Revision() != first+keptHashes+500 || len(v.hashes) != keptHashes {
		t.Fatalf("revision %d, %d hashes", v.Revision(), len(v.hashes))
	}
	if _, ok := v.HashAt(v.Revision() - keptHashes); !ok {
		t.Error("a hash of the last 10,000 is missing")
	}
	for _, r := range []uint64{0, first, v.Revision() - keptHashes - 1, v.Revision() + 1} {
		if _, ok := v.HashAt(r); ok {
			t.Errorf("revision %d has a hash", r)
		}
	}
	if h, ok := v.HashAt(v.Revision()); !ok || h != v.StateHash() {
		t.Error("the present hash is missing")
	}
}

// Readers see views that do not change while commands are applied; run it with -race.
func TestReadersBesideApply(t *testing.T) {
	f := members(t)
	routes := villages(300, all(south))
	f.must(setRoutes(south, routes...))
	begun := f.View()
	want := snapshotOf(t, begun)
	done := make(chan struct{})
	var readers sync.WaitGroup
	for range 3 {
		readers.Go(func() {
			var seen uint64
			for {
				changed := f.Changed()
				v := f.View()
				if v.Revision() < seen {
					t.Errorf("revision %d after %d", v.Revision(), seen)
				}
				seen = v.Revision()
				var b bytes.Buffer
				if _, err := v.WriteTo(&b); err != nil {
					t.Error(err)
				} else if m, err := Restore(&b, Options{}); err != nil || m.View().StateHash() != v.StateHash() {
					t.Errorf("revision %d: %v", seen, err)
				}
				if _, ok := v.HashAt(v.Revision() - 1); !ok {
					t.Error("the hash before is missing")
				}
				select {
				case <-changed:
				case <-done:
					return
				}
			}
		})
	}
	for i := range 60 {
		f.must(setRoutes(north, route(routes[i].GetDivision(), "", west)))
		f.must(deleteRoutes(north, routeKey(routes[100+i].GetDivision(), "", "")))
		f.must(stage(north, testImport, uint32(i), changes([]*jieliv1.Route{route("3205", "", south)})))
		f.must(putNode(south, testNode(south, fmt.Sprint("n", i%3))))
		f.must(changeServices(north, []*jieliv1.ServiceEntry{testService(fmt.Sprint("s", i))}))
	}
	close(done)
	readers.Wait()
	if !bytes.Equal(snapshotOf(t, begun), want) {
		t.Error("the view taken before has changed")
	}
}

// Nobody waits for a view that is there already, and everybody hears of a new one.
func TestChanged(t *testing.T) {
	f := members(t)
	changed := f.Changed()
	select {
	case <-changed:
		t.Fatal("nothing has changed")
	default:
	}
	f.ApplyBatch([][]byte{[]byte("no entry")})
	select {
	case <-changed:
		t.Fatal("an entry that cannot be read changed something")
	default:
	}
	f.must(setPolicy(north, &jieliv1.Policy{}))
	<-changed
	changed = f.Changed()
	f.Swap(restored(t, snapshotOf(t, f.View()), Options{}))
	<-changed
}

func TestRestoreRefuses(t *testing.T) {
	f := members(t)
	f.must(setRoutes(south, route("3205", "", south), route("3206", "", south)))
	for i := range 3 {
		f.must(stage(south, testImport[:35]+fmt.Sprint(i), 0, changes(villages(2, all(south)))))
	}
	good := recordsOf(t, snapshotOf(t, f.View()))
	kind := func(k string) int {
		for i, r := range good {
			if strings.HasPrefix(r.String(), k) {
				return i
			}
		}
		t.Fatalf("no %s in the snapshot", k)
		return 0
	}
	without := func(i int) func([]*jieliv1.SnapshotRecord) []*jieliv1.SnapshotRecord {
		return func(rs []*jieliv1.SnapshotRecord) []*jieliv1.SnapshotRecord { return append(rs[:i:i], rs[i+1:]...) }
	}
	swapped := func(k string) func([]*jieliv1.SnapshotRecord) []*jieliv1.SnapshotRecord {
		return func(rs []*jieliv1.SnapshotRecord) []*jieliv1.SnapshotRecord {
			i := kind(k)
			rs[i], rs[i+1] = rs[i+1], rs[i]
			return rs
		}
	}
	twice := func(k string) func([]*jieliv1.SnapshotRecord) []*jieliv1.SnapshotRecord {
		return func(rs []*jieliv1.SnapshotRecord) []*jieliv1.SnapshotRecord {
			i := kind(k)
			return append(rs[:i:i], append([]*jieliv1.SnapshotRecord{rs[i]}, rs[i:]...)...)
		}
	}
	header := func(edit func(*jieliv1.SnapshotHeader)) func([]*jieliv1.SnapshotRecord) []*jieliv1.SnapshotRecord {
		return func(rs []*jieliv1.SnapshotRecord) []*jieliv1.SnapshotRecord {
			edit(rs[0].GetHeader())
			return rs
		}
	}
	for _, c := range []struct {
		name string
		edit func([]*jieliv1.SnapshotRecord) []*jieliv1.SnapshotRecord
		want string // in the error
	}{
		{"nothing", func([]*jieliv1.SnapshotRecord) []*jieliv1.SnapshotRecord { return nil }, "unexpected EOF"},
		{"no header", without(0), "does not begin with a header"},
		{"no footer", without(len(good) - 1), "unexpected EOF"},
		{"two headers", twice("header"), "a second header"},
		{"another format", header(func(h *jieliv1.SnapshotHeader) { h.Format = 9 }), "format 9"},
		{"no level", header(func(h *jieliv1.SnapshotHeader) { h.Level = 0 }), "level 0"},
		{"no dropped id", header(func(h *jieliv1.SnapshotHeader) { h.DroppedRequest = "" }), "dropped request"},
		{"another revision", header(func(h *jieliv1.SnapshotHeader) { h.Revision++ }), "state hash"},
		{"another cluster", header(func(h *jieliv1.SnapshotHeader) { h.ClusterId = testImport }), "state hash"},
		{"another policy", header(func(h *jieliv1.SnapshotHeader) { h.Policy.RequestIds = 5000 }), "state hash"},
		{"a record lost", without(kind("route")), "records"},
		{"a changed route", func(rs []*jieliv1.SnapshotRecord) []*jieliv1.SnapshotRecord {
			rs[kind("route")].GetRoute().Region = west
			return rs
		}, "state hash"},
		{"a malformed route", func(rs []*jieliv1.SnapshotRecord) []*jieliv1.SnapshotRecord {
			rs[kind("route")].GetRoute().Division = "3"
			return rs
		}, "division"},
		{"a route twice", twice("route"), ""},
		{"regions out of order", swapped("region"), "regions are out of order"},
		{"nodes out of order", swapped("node"), "nodes are out of order"},
		{"services out of order", swapped("service"), "services are out of order"},
		{"imports out of order", swapped("staged"), "imports are out of order"},
		{"hashes out of order", swapped("revision_hash"), "hashes are out of order"},
		{"a request twice", twice("request"), "stands twice"},
		{"a request without its id", func(rs []*jieliv1.SnapshotRecord) []*jieliv1.SnapshotRecord {
			rs[kind("request")].GetRequest().Id = nil
			return rs
		}, "16 bytes"},
		{"an empty record", func(rs []*jieliv1.SnapshotRecord) []*jieliv1.SnapshotRecord {
			return append(rs[:1:1], &jieliv1.SnapshotRecord{})
		}, "no known kind"},
	} {
		t.Run(c.name, func(t *testing.T) {
			snapshot := bytesOf(t, c.edit(recordsOf(t, snapshotOf(t, f.View()))))
			if _, err := Restore(bytes.NewReader(snapshot), Options{}); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want an error with %q", err, c.want)
			}
		})
	}
	t.Run("another level", func(t *testing.T) {
		snapshot := bytesOf(t, header(func(h *jieliv1.SnapshotHeader) { h.Level = 2 })(recordsOf(t, snapshotOf(t, f.View()))))
		if _, err := Restore(bytes.NewReader(snapshot), Options{}); !errors.Is(err, ErrLevelUnknown) {
			t.Errorf("got %v", err)
		}
	})
	t.Run("any cut", func(t *testing.T) {
		whole := snapshotOf(t, f.View())
		for n := range whole {
			if _, err := Restore(bytes.NewReader(whole[:n]), Options{}); err == nil {
				t.Fatalf("%d of %d bytes are good", n, len(whole))
			}
		}
	})
	t.Run("the very same", func(t *testing.T) {
		whole := snapshotOf(t, f.View())
		if again := snapshotOf(t, restored(t, whole, Options{}).View()); !bytes.Equal(whole, again) {
			t.Error("written again, the snapshot differs")
		}
	})
}

func TestSnapshotToFullDisk(t *testing.T) {
	f := members(t)
	whole := len(snapshotOf(t, f.View()))
	for _, room := range []int{0, whole / 2, whole - 1} {
		if _, err := f.View().WriteTo(&disk{room: room}); !errors.Is(err, errFull) {
			t.Errorf("room for %d of %d bytes: %v", room, whole, err)
		}
	}
}

var errFull = errors.New("no space left on device")

type disk struct{ room int }

func (d *disk) Write(b []byte) (int, error) {
	if len(b) > d.room {
		return 0, errFull
	}
	d.room -= len(b)
	return len(b), nil
}

func TestCheckRequestID(t *testing.T) {
	made := time.UnixMilli(int64(testStamp + 5))
	for _, c := range []struct {
		name string
		id   string
		now  time.Time
		ok   bool
	}{
		{"now", requestID(5), made, true},
		{"old enough to tell", requestID(5), made.Add(time.Hour), true},
		{"too old", requestID(5), made.Add(time.Hour + time.Millisecond), false},
		{"a little ahead", requestID(5), made.Add(-time.Minute), true},
		{"too far ahead", requestID(5), made.Add(-time.Minute - time.Millisecond), false},
		{"random", testImport, made, false},
		{"in braces", "{" + requestID(5) + "}", made, false},
		{"none", "", made, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			if err := CheckRequestID(c.id, c.now, time.Hour, time.Minute); (err == nil) != c.ok {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestEncode(t *testing.T) {
	if _, err := Encode(&jieliv1.Command{}); err == nil {
		t.Error("a command without a change was encoded")
	}
	long := edited(setPolicy(north, &jieliv1.Policy{}), func(c *jieliv1.Command) { c.Actor = strings.Repeat("x", MaxCommandBytes) })
	if _, err := Encode(long); err == nil {
		t.Error("too long a command was encoded")
	}
	given := setPolicy(north, &jieliv1.Policy{})
	b, err := Encode(given)
	if err != nil {
		t.Fatal(err)
	}
	var c jieliv1.Command
	if err := proto.Unmarshal(b, &c); err != nil || c.GetLevel() != 1 || given.GetLevel() != 0 {
		t.Errorf("level %d, that of the given command %d, %v", c.GetLevel(), given.GetLevel(), err)
	}
}
