package registry

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	jieliv1 "github.com/jieli-gateway/jieli/proto/jieli/v1"
)

// told is a change as one line.
func told(c *jieliv1.Change) string {
	line := []string{c.GetKind().String()}
	if c.GetSubject() != "" {
		line = append(line, c.GetSubject())
	}
	for _, f := range c.GetFields() {
		line = append(line, fmt.Sprintf("%s[%s>%s]", f.GetField(), f.GetBefore(), f.GetAfter()))
	}
	for _, r := range c.GetRoutes() {
		line = append(line, fmt.Sprintf("%s+%d~%d-%d", r.GetRegion(), r.GetAdded(), r.GetChanged(), r.GetRemoved()))
	}
	if c.GetServices() > 0 {
		line = append(line, fmt.Sprintf("services=%d", c.GetServices()))
	}
	return strings.Join(line, " ")
}

func newest(v *View, region string) *jieliv1.Change {
	for c := range v.Changes(region, 0) {
		return c
	}
	return nil
}

// Each change of the registry is told by who made it, when, at which revision, and what it changed.
func TestHistoryTellsEachChange(t *testing.T) {
	f := members(t)
	long := strings.Repeat("苏", 200)
	for _, c := range []struct {
		name     string
		do       *jieliv1.Command
		want     string
		concerns []string
	}{
		{"an entry", update(south, edited(testRegion(south), func(r *jieliv1.Region) { r.DutyPhone = "12345"; r.LegalName = long })), "REGION_UPDATED changsanjiao legalName[Bureau of changsanjiao>" + strings.Repeat("苏", 65) + "…] dutyPhone[+86 10 12345>12345]", []string{south}},
		{"a node more", putNode(south, edited(testNode(south, "n2"), func(n *jieliv1.Node) { n.Tickets = true })), "NODE_ADDED changsanjiao/n2 address[>changsanjiao.n2.example:7443] raft[>true] tickets[>true] level[>1] version[>1.0.0]", []string{south}},
		{"a node elsewhere", putNode(south, edited(testNode(south, "n2"), func(n *jieliv1.Node) { n.Address = "sh.example:7345" })), "NODE_CHANGED changsanjiao/n2 address[changsanjiao.n2.example:7443>sh.example:7345] tickets[true>]", []string{south}},
		{"a node's version", reportLevel(south, south, "n2", 1), "NODE_REPORTED changsanjiao/n2 version[1.0.0>2.0.0]", []string{south}},
		{"a node less", removeNode(north, south, "n2"), "NODE_REMOVED changsanjiao/n2 address[sh.example:7345>] raft[true>] level[1>] version[2.0.0>]", []string{south}},
		{"a route", setRoutes(south, during("3205", "urban", south, "2026-01-01", "2026-12-31")), "ROUTES_CHANGED 3205/urban/2026-01-01 region[>changsanjiao] validTo[>2026-12-31] changsanjiao+1~0-0", []string{south}},
		{"a route's last day", setRoutes(south, during("3205", "urban", south, "2026-01-01", "")), "ROUTES_CHANGED 3205/urban/2026-01-01 validTo[2026-12-31>] changsanjiao+0~1-0", []string{south}},
		{"a route taken over", setRoutes(north, during("3205", "urban", west, "2026-01-01", "")), "ROUTES_CHANGED 3205/urban/2026-01-01 region[changsanjiao>chengyu] changsanjiao+0~0-1 chengyu+1~0-0", []string{south, west}},
		{"a route less", deleteRoutes(west, routeKey("3205", "urban", "2026-01-01")), "ROUTES_CHANGED 3205/urban/2026-01-01 region[chengyu>] chengyu+0~0-1", []string{west}},
		{"routes", setRoutes(north, route("31", "", south), route("50", "urban", west), route("51", "", west)), "ROUTES_CHANGED changsanjiao+1~0-0 chengyu+2~0-0", []string{south, west}},
		{"a route made anew", changeRoutes(west, changes([]*jieliv1.Route{during("51", "", west, "", "2030-01-01")}, routeKey("51", "", ""))), "ROUTES_CHANGED 51 validTo[>2030-01-01] chengyu+0~1-0", []string{west}},
		{"a service", changeServices(north, []*jieliv1.ServiceEntry{edited(testService("urban"), func(s *jieliv1.ServiceEntry) { s.Aliases = []string{"城建"} })}), "SERVICES_CHANGED urban aliases[>城建] services=1", nil},
		{"services", changeServices(north, []*jieliv1.ServiceEntry{testService("water")}, "urban.housing"), "SERVICES_CHANGED services=2", nil},
		{"a service less", changeServices(north, nil, "water"), "SERVICES_CHANGED water nameZh[事项 water>] nameEn[Matter water>] services=1", nil},
		{"terms", setPolicy(north, answerIn(south, 6)), "POLICY_CHANGED terms[>" + south + "/*/*/NORMAL:answer=6d]", nil},
		{"the policy", setPolicy(north, &jieliv1.Policy{RequestIds: 5000, RegistryGrace: durationpb.New(3600e9)}), "POLICY_CHANGED registryGrace[>1h0m0s] requestIds[>5000] terms[" + south + "/*/*/NORMAL:answer=6d>]", nil},
		{"suspended", stateCommand(north, south, jieliv1.Region_SUSPENDED), "REGION_SUSPENDED changsanjiao state[ACTIVE>SUSPENDED]", []string{south}},
		{"resumed", stateCommand(north, south, jieliv1.Region_ACTIVE), "REGION_RESUMED changsanjiao state[SUSPENDED>ACTIVE]", []string{south}},
		{"registered", register(north, testRegion("xian"), testNode("xian", "n1")), "REGION_REGISTERED xian state[>PENDING] nameZh[>区域 xian] nameEn[>Region xian] cluster[>xian] legalName[>Bureau of xian] documentNumber[>No. 1] dutyPhone[>+86 10 12345] dataContact[>data@xian.example] numberPrefix[>X] bundle[>9cc1c7abd1d9f8a3] signingKeys[>" + testKey("xian").GetKeyId() + "]", []string{"xian"}},
		{"approved", stateCommand(north, "xian", jieliv1.Region_ACTIVE), "REGION_APPROVED xian state[PENDING>ACTIVE]", []string{"xian"}},
		{"retired", retire("xian", 0), "REGION_RETIRED xian state[ACTIVE>RETIRED]", []string{"xian"}},
		{"revoked", stateCommand(north, "xian", jieliv1.Region_REVOKED), "REGION_REVOKED xian state[RETIRED>REVOKED]", []string{"xian"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			f.t = t
			o := f.must(c.do)
			region := ""
			if c.concerns != nil {
				region = c.concerns[len(c.concerns)-1]
			}
			got := newest(f.View(), region)
			want := strings.ReplaceAll(c.want, "bundle[>9cc1c7abd1d9f8a3]", "bundle[>"+certificates(testRegion("xian").GetBundle())[0]+"]")
			if told(got) != want {
				t.Errorf("got  %s\nwant %s", told(got), want)
			}
			if got.GetRevision() != o.GetRevision() || got.GetActor() != "ops" || got.GetRegion() != c.do.GetRegion() ||
				got.GetTime().AsTime().UnixMilli() != int64(f.stamp) || !slices.Equal(got.GetConcerns(), c.concerns) { // #nosec G115 -- of a test
				t.Errorf("got %v, of revision %d", got, o.GetRevision())
			}
		})
	}
}

// An import of many routes is one change, whatever their number; what was refused, and what changed nothing, is none.
func TestHistoryCountsImportsAndLeavesOutWhatChangedNothing(t *testing.T) {
	f := members(t)
	if got := told(newest(f.View(), north)); got != "FEDERATION_STARTED jingjinji services=2" {
		t.Errorf("began with %s", got)
	}
	importRoutes(f, villages(2500, func(i int) string { return []string{north, south, west}[i%3] }))
	if got := told(newest(f.View(), west)); got != "ROUTES_IMPORTED changsanjiao+833~0-0 chengyu+833~0-0 jingjinji+834~0-0" {
		t.Errorf("got %s", got)
	}
	at := f.View()
	f.refused(retire(south, 1), "OPEN_TICKETS")
	f.refused(setRoutes(south, route("3205", "", "xian")), "REGION_NOT_FOUND")
	importRoutes(f, villages(2500, func(i int) string { return []string{north, south, west}[i%3] }))
	f.must(setRoutes(south, route("3205", "", south)))
	changed := f.View()
	again := f.must(setRoutes(south, route("3205", "", south)))
	f.must(changeRoutes(south, changes([]*jieliv1.Route{route("3205", "", south)}, routeKey("3205", "", ""))))
	if changed.Revision() != at.Revision()+1 || f.View().Revision() != changed.Revision() || again.GetRevision() != changed.Revision() {
		t.Errorf("revision %d, then %d, then %d", at.Revision(), changed.Revision(), f.View().Revision())
	}
	if r, _ := f.View().Route(mustKey(t, "3205", "", "")); r.GetRevision() != changed.Revision() {
		t.Errorf("the route is of revision %d", r.GetRevision())
	}
	// What is new beside what is not counts alone.
	f.must(setRoutes(south, route("3205", "", south), route("3206", "", south)))
	if got := told(newest(f.View(), south)); got != "ROUTES_CHANGED 3206 region[>changsanjiao] changsanjiao+1~0-0" {
		t.Errorf("got %s", got)
	}
	if snapshot := snapshotOf(t, f.View()); !bytes.Equal(snapshot, snapshotOf(t, restored(t, snapshot, Options{}).View())) {
		t.Error("restored, another state")
	}
}

// However busy one region is, the others' history stays; a restored node keeps the very same, and goes on alike.
func TestHistoryIsBoundedForEachRegion(t *testing.T) {
	f := members(t)
	f.must(setRoutes(west, route("5101", "", west)))
	var earlier *View
	for i := range keptChanges + 50 {
		f.must(setRoutes(north, route("11", "", []string{north, south}[i%2])))
		if i == 500 {
			earlier = f.View()
		}
	}
	count := func(v *View, region string) (n int, oldest *jieliv1.Change) {
		before := v.Revision() + 1
		for c := range v.Changes(region, 0) {
			if c.GetRevision() >= before {
				t.Fatalf("revision %d after %d", c.GetRevision(), before)
			}
			n, oldest, before = n+1, c, c.GetRevision()
		}
		return n, oldest
	}
	for region, want := range map[string]int{north: keptChanges, south: keptChanges, west: 3, "xian": 0} {
		if got, _ := count(f.View(), region); got != want {
			t.Errorf("of %q %d changes are kept, want %d", region, got, want)
		}
	}
	if n, oldest := count(f.View(), ""); n != keptChanges+3 || oldest.GetRevision() != 4 {
		t.Errorf("%d in all, from revision %d", n, oldest.GetRevision())
	}
	if n, oldest := count(earlier, north); n != 502 || oldest.GetKind() != jieliv1.Change_FEDERATION_STARTED {
		t.Errorf("an earlier view has %d, from %v", n, oldest)
	}
	page := newestFirst(f.View().past, 10)
	for c := range page {
		if c.GetRevision() != 6 {
			t.Errorf("before revision 10 came %d", c.GetRevision())
		}
		break
	}
	snapshot := snapshotOf(t, f.View())
	other := restored(t, snapshot, Options{})
	entry := f.seal(setRoutes(north, route("12", "", north)))
	f.Apply(entry)
	other.Apply(entry)
	if !bytes.Equal(snapshotOf(t, f.View()), snapshotOf(t, other.View())) {
		t.Error("the restored node went on otherwise")
	}
}

// fullHistory is as long as a history can be: it changes from region to region in turn, and every so often both at once.
func fullHistory(regions int) *View {
	v := &View{}
	for i := range regions * keptChanges {
		concerns := []string{fmt.Sprintf("r%04d", i%regions)}
		if i%7 == 0 && i%regions > 0 {
			concerns = []string{"r0000", concerns[0]}
		}
		v.put(&jieliv1.Change{Revision: uint64(i + 1), Concerns: concerns}) // #nosec G115 -- of a test
	}
	return v
}

// The regions' histories come merged in order, each change once, from wherever one begins.
func TestHistoryMergesRegions(t *testing.T) {
	v := fullHistory(40)
	kept := map[uint64]bool{}
	for _, p := range v.past {
		for _, c := range p.changes {
			kept[c.GetRevision()] = true
		}
	}
	for _, before := range []uint64{0, 1, 2, 777, 20_000, 1 << 40} {
		var got, want []uint64
		for c := range newestFirst(v.past, before) {
			got = append(got, c.GetRevision())
		}
		for revision := range kept {
			if before == 0 || revision < before {
				want = append(want, revision)
			}
		}
		slices.Sort(want)
		slices.Reverse(want)
		if !slices.Equal(got, want) {
			t.Errorf("before %d: got %d changes, want %d in order", before, len(got), len(want))
		}
	}
}

// BenchmarkHistory walks all there is, as a caller does that looks for what there is not.
func BenchmarkHistory(b *testing.B) {
	v := fullHistory(MaxRegions)
	for b.Loop() {
		for range v.Changes("", 0) {
		}
	}
}

// A history that no node has made is not taken from a snapshot.
func TestRestoreRefusesHistoriesThatCannotBe(t *testing.T) {
	f := members(t)
	f.must(setRoutes(south, route("3205", "urban", south)))
	for _, c := range []struct {
		name string
		edit func(*jieliv1.Change)
		want string
	}{
		{"of a later revision", func(c *jieliv1.Change) { c.Revision = 1000 }, "later revision"},
		{"out of order", func(c *jieliv1.Change) { c.Revision = 1 }, "out of order"},
		{"of nobody", func(c *jieliv1.Change) { c.Actor = "" }, "actor"},
		{"of a kind of another version", func(c *jieliv1.Change) { c.Kind = 99 }, "kind 99"},
		{"without a time", func(c *jieliv1.Change) { c.Time = nil }, "no valid time"},
		{"of a time that JSON cannot have", func(c *jieliv1.Change) { c.Time = &timestamppb.Timestamp{Seconds: 1 << 60} }, "no valid time"},
		{"of no region", func(c *jieliv1.Change) { c.Concerns = []string{"xian"} }, "concerns no region"},
		{"twice of one region", func(c *jieliv1.Change) { c.Concerns = []string{south, south} }, "stand twice"},
		{"of a whole book", func(c *jieliv1.Change) { c.Subject = strings.Repeat("x", 1000) }, "longer texts"},
		{"of many fields", func(c *jieliv1.Change) { c.Fields = make([]*jieliv1.FieldChange, 100) }, "more fields"},
	} {
		t.Run(c.name, func(t *testing.T) {
			records := recordsOf(t, snapshotOf(t, f.View()))
			for _, r := range slices.Backward(records) {
				if r.GetChange() != nil {
					c.edit(r.GetChange())
					break
				}
			}
			_, err := Restore(bytes.NewReader(forged(t, records)), Options{})
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
	t.Run("longer than is kept", func(t *testing.T) {
		records := recordsOf(t, snapshotOf(t, f.View()))
		records[0].GetHeader().Revision = 5000
		footer := records[len(records)-1]
		records = records[:len(records)-1]
		for i := range keptChanges + 1 {
			records = append(records, &jieliv1.SnapshotRecord{Record: &jieliv1.SnapshotRecord_Change{Change: &jieliv1.Change{
				Revision: uint64(100 + i), Actor: "ops", Time: timestamppb.New(timestamppb.Now().AsTime()), // #nosec G115 -- of a test
			}}})
		}
		_, err := Restore(bytes.NewReader(forged(t, append(records, proto.CloneOf(footer)))), Options{})
		if err == nil || !strings.Contains(err.Error(), "are kept") {
			t.Errorf("got %v", err)
		}
	})
}
