package registry

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"testing"

	"github.com/google/uuid"
	"go.uber.org/goleak"
	"google.golang.org/protobuf/proto"

	jieliv1 "github.com/jieli-gateway/jieli/proto/jieli/v1"
	"github.com/jieli-gateway/jieli/regions"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// The regions of these tests: north made the federation, south and west joined.
const (
	north = "jingjinji"
	south = "changsanjiao"
	west  = "chengyu"
)

const (
	testCluster = "0192f0c1-7a3e-7b51-8a55-6c1f1e2d3c4b"
	testImport  = "7d3b6a52-0c1e-4f7a-9b58-2f6f0a1c9d10"
	// testStamp is 2025-01-01 in Shanghai.
	testStamp uint64 = 1_735_660_800_000
)

// requestID is the UUIDv7 of a number: a greater number gives a later one.
func requestID(n uint64) string {
	var u uuid.UUID
	binary.BigEndian.PutUint64(u[:8], (testStamp+n)<<16|0x7000)
	binary.BigEndian.PutUint64(u[8:], 0x8000_0000_0000_0000|n)
	return u.String()
}

func testKey(seed string) *jieliv1.SigningKey {
	public := sha256.Sum256([]byte(seed))
	id := sha256.Sum256(public[:])
	return &jieliv1.SigningKey{KeyId: hex.EncodeToString(id[:8]), Algorithm: "Ed25519", PublicKey: public[:]}
}

var testPrefixes = map[string]string{north: "JJJ", south: "CSJ", west: "CY"}

func testRegion(id string) *jieliv1.Region {
	prefix := testPrefixes[id]
	if prefix == "" {
		prefix = "X"
	}
	return &jieliv1.Region{
		Id: id, NameZh: "区域 " + id, NameEn: "Region " + id, Cluster: id, LegalName: "Bureau of " + id,
		DocumentNumber: "No. 1", DutyPhone: "+86 10 12345", DataContact: "data@" + id + ".example", NumberPrefix: prefix,
		Bundle: [][]byte{[]byte("certificate of " + id)}, SigningKeys: []*jieliv1.SigningKey{testKey(id)},
	}
}

func testNode(region, name string) *jieliv1.Node {
	return &jieliv1.Node{Region: region, Name: name, Address: region + "." + name + ".example:7443", Raft: true, Level: KnownLevel, Version: "1.0.0"}
}

func testService(code string) *jieliv1.ServiceEntry {
	return &jieliv1.ServiceEntry{Code: code, NameZh: "事项 " + code, NameEn: "Matter " + code}
}

// fixture is a machine and what a leader adds to commands.
type fixture struct {
	*Machine
	t     testing.TB
	count uint64
	stamp uint64
}

func newFixture(t testing.TB, o Options) *fixture {
	return &fixture{Machine: New(o), t: t, stamp: testStamp}
}

// member is a federation of north, with south and west active, services `urban` and `urban.housing`, and no route.
func members(t testing.TB) *fixture {
	t.Helper()
	f := newFixture(t, Options{})
	f.must(bootstrapCommand())
	for _, id := range []string{south, west} {
		f.must(registerCommand(id))
		f.must(stateCommand(north, id, jieliv1.Region_ACTIVE))
	}
	return f
}

// seal makes an entry of a command. It fills in what the test left out: id, actor and level.
func (f *fixture) seal(c *jieliv1.Command) []byte {
	f.t.Helper()
	f.count++
	f.stamp++
	if c.RequestId == "" {
		c.RequestId = requestID(f.count)
	}
	if c.Actor == "" {
		c.Actor = "ops"
	}
	b, err := Encode(c)
	if err != nil {
		f.t.Fatalf("encode %v: %v", c, err)
	}
	return Seal(b, nil, f.stamp)
}

// try applies a command.
func (f *fixture) try(c *jieliv1.Command) *jieliv1.Outcome {
	f.t.Helper()
	return f.Apply(f.seal(c))
}

// must applies a command that is not to be rejected.
func (f *fixture) must(c *jieliv1.Command) *jieliv1.Outcome {
	f.t.Helper()
	o := f.try(c)
	if o.GetReason() != "" {
		f.t.Fatalf("%v was rejected: %s: %s", c, o.GetReason(), o.GetMessage())
	}
	return o
}

// refused applies a command that is to be rejected with a reason and to change nothing.
func (f *fixture) refused(c *jieliv1.Command, reason string) {
	f.t.Helper()
	before := f.View()
	o := f.try(c)
	if o.GetReason() != reason {
		f.t.Fatalf("%v: got %q (%s), want %s", c, o.GetReason(), o.GetMessage(), reason)
	}
	after := f.View()
	if o.GetRevision() != before.Revision() || after.Revision() != before.Revision() || after.StateHash() != before.StateHash() {
		f.t.Fatalf("%v was rejected and yet changed revision %d to %d", c, before.Revision(), after.Revision())
	}
}

func snapshotOf(t testing.TB, v *View) []byte {
	t.Helper()
	var b bytes.Buffer
	n, err := v.WriteTo(&b)
	if err != nil || n != int64(b.Len()) {
		t.Fatalf("write snapshot: %d of %d bytes, %v", n, b.Len(), err)
	}
	return b.Bytes()
}

func restored(t testing.TB, snapshot []byte, o Options) *Machine {
	t.Helper()
	m, err := Restore(bytes.NewReader(snapshot), o)
	if err != nil {
		t.Fatalf("restore: %v", err)
	}
	return m
}

func bootstrapCommand() *jieliv1.Command {
	return &jieliv1.Command{Region: north, Change: &jieliv1.Command_Bootstrap{Bootstrap: &jieliv1.Bootstrap{
		ClusterId: testCluster, Region: testRegion(north), Node: testNode(north, "n1"),
		Services: []*jieliv1.ServiceEntry{testService("urban"), testService("urban.housing")},
	}}}
}

func registerCommand(id string) *jieliv1.Command {
	return register(north, testRegion(id), testNode(id, "n1"))
}

func register(by string, r *jieliv1.Region, nodes ...*jieliv1.Node) *jieliv1.Command {
	return &jieliv1.Command{Region: by, Change: &jieliv1.Command_RegisterRegion{RegisterRegion: &jieliv1.RegisterRegion{Region: r, Nodes: nodes}}}
}

func update(by string, r *jieliv1.Region) *jieliv1.Command {
	return &jieliv1.Command{Region: by, Change: &jieliv1.Command_UpdateRegion{UpdateRegion: &jieliv1.UpdateRegion{Region: r}}}
}

func changeState(by string, c *jieliv1.ChangeRegionState) *jieliv1.Command {
	return &jieliv1.Command{Region: by, Change: &jieliv1.Command_ChangeRegionState{ChangeRegionState: c}}
}

func stateCommand(by, id string, state jieliv1.Region_State) *jieliv1.Command {
	return changeState(by, &jieliv1.ChangeRegionState{Region: id, State: state})
}

// retire is the command by which a region leaves with so many open tickets.
func retire(id string, open uint64) *jieliv1.Command {
	return changeState(id, &jieliv1.ChangeRegionState{Region: id, State: jieliv1.Region_RETIRED, Declared: true, OpenTickets: open})
}

func putNode(by string, n *jieliv1.Node) *jieliv1.Command {
	return &jieliv1.Command{Region: by, Change: &jieliv1.Command_PutNode{PutNode: &jieliv1.PutNode{Node: n}}}
}

func removeNode(by, region, name string) *jieliv1.Command {
	return &jieliv1.Command{Region: by, Change: &jieliv1.Command_RemoveNode{RemoveNode: &jieliv1.RemoveNode{Region: region, Name: name}}}
}

func changes(set []*jieliv1.Route, del ...*jieliv1.RouteKey) *jieliv1.ChangeRoutes {
	return &jieliv1.ChangeRoutes{Set: set, Delete: del}
}

func changeRoutes(by string, c *jieliv1.ChangeRoutes) *jieliv1.Command {
	return &jieliv1.Command{Region: by, Change: &jieliv1.Command_ChangeRoutes{ChangeRoutes: c}}
}

func setRoutes(by string, set ...*jieliv1.Route) *jieliv1.Command {
	return changeRoutes(by, changes(set))
}

func deleteRoutes(by string, del ...*jieliv1.RouteKey) *jieliv1.Command {
	return changeRoutes(by, changes(nil, del...))
}

func stage(by, id string, chunk uint32, c *jieliv1.ChangeRoutes) *jieliv1.Command {
	return &jieliv1.Command{Region: by, Change: &jieliv1.Command_StageRoutes{StageRoutes: &jieliv1.StageRoutes{ImportId: id, Chunk: chunk, Changes: c}}}
}

func finishImport(by string, c *jieliv1.FinishImport) *jieliv1.Command {
	return &jieliv1.Command{Region: by, Change: &jieliv1.Command_FinishImport{FinishImport: c}}
}

func changeServices(by string, set []*jieliv1.ServiceEntry, del ...string) *jieliv1.Command {
	return &jieliv1.Command{Region: by, Change: &jieliv1.Command_ChangeServices{ChangeServices: &jieliv1.ChangeServices{Set: set, Delete: del}}}
}

// terms is a policy of these rules.
func terms(rules ...*jieliv1.TermRule) *jieliv1.Policy { return &jieliv1.Policy{Terms: rules} }

// answerIn is a policy by which a region answers within working days.
func answerIn(region string, days uint32) *jieliv1.Policy {
	return terms(&jieliv1.TermRule{Region: region, Terms: &jieliv1.Terms{Answer: &jieliv1.Term{WorkingDays: days}}})
}

// edit changes the first rule of a policy.
func edit(p *jieliv1.Policy, change func(*jieliv1.TermRule)) *jieliv1.Policy {
	change(p.GetTerms()[0])
	return p
}

// manyTerms is a policy of rules for as many services.
func manyTerms(n int) *jieliv1.Policy {
	p := &jieliv1.Policy{}
	for i := range n {
		p.Terms = append(p.Terms, edit(answerIn("", 5), func(r *jieliv1.TermRule) { r.Service = fmt.Sprintf("s%d", i) }).GetTerms()...)
	}
	return p
}

func setPolicy(by string, p *jieliv1.Policy) *jieliv1.Command {
	return &jieliv1.Command{Region: by, Change: &jieliv1.Command_SetPolicy{SetPolicy: &jieliv1.SetPolicy{Policy: p}}}
}

func reportLevel(by, region, name string, level uint32) *jieliv1.Command {
	return &jieliv1.Command{Region: by, Change: &jieliv1.Command_ReportLevel{ReportLevel: &jieliv1.ReportLevel{Region: region, Name: name, Level: level, Version: "2.0.0"}}}
}

func raiseLevel(by string, level uint32) *jieliv1.Command {
	return &jieliv1.Command{Region: by, Change: &jieliv1.Command_RaiseLevel{RaiseLevel: &jieliv1.RaiseLevel{Level: level}}}
}

// route is a route without days.
func route(division, service, region string) *jieliv1.Route {
	return &jieliv1.Route{Division: division, Service: service, Region: region}
}

// during is a route with its days.
func during(division, service, region, from, to string) *jieliv1.Route {
	return &jieliv1.Route{Division: division, Service: service, Region: region, ValidFrom: from, ValidTo: to}
}

func routeKey(division, service, from string) *jieliv1.RouteKey {
	return &jieliv1.RouteKey{Division: division, Service: service, ValidFrom: from}
}

// villages are n routes to villages of some 3,000 counties, each county's together, in the order of their keys.
func villages(n int, region func(i int) string) []*jieliv1.Route {
	routes := make([]*jieliv1.Route, n)
	for i := range routes {
		const counties = 3000
		perCounty := max(1, (n+counties-1)/counties)
		at, village := i/perCounty, i%perCounty
		division := fmt.Sprintf("%02d%02d%02d%03d%03d", 11+at/400, 1+at/20%20, 1+at%20, 1+village/50, 200+village%50)
		routes[i] = route(division, "", region(i))
	}
	return routes
}

func all(region string) func(int) string { return func(int) string { return region } }

// clones of messages keep tests from sharing what a command holds.
func edited[M proto.Message](m M, edit func(M)) M {
	m = proto.Clone(m).(M)
	edit(m)
	return m
}

func mustKey(t testing.TB, division, service, from string) regions.Key {
	t.Helper()
	k, err := regions.ParseKey(division, service, from)
	if err != nil {
		t.Fatal(err)
	}
	return k
}
