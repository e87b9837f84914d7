package api

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/jieli-gateway/jieli/federation"
	"github.com/jieli-gateway/jieli/federation/registry"
	"github.com/jieli-gateway/jieli/federation/trust"
	jieliv1 "github.com/jieli-gateway/jieli/proto/jieli/v1"
)

// read reads an answer as a message.
func read[M proto.Message](t *testing.T, a answer, into M) M {
	t.Helper()
	if a.code != 200 {
		t.Fatalf("%d %s", a.code, a.body)
	}
	if err := protojson.Unmarshal(a.body, into); err != nil {
		t.Fatal(err)
	}
	return into
}

// today is a day on which the tests look up.
var today = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

func newRegistryCentre(t *testing.T) *centre {
	t.Helper()
	c := newCentre(t, func(cfg *Config) { cfg.Now = func() time.Time { return today } })
	c.registry.answer = nil
	c.registry.machine = newMachine(t,
		route("11", "", "jingjinji", "", ""),
		route("13", "", "jingjinji", "", ""),
		route("1301", "", "chengyu", "2027-01-01", ""),
		route("32", "", "changsanjiao", "", ""),
		route("32", "urban", "suzhou", "", ""),
		route("3205", "", "suzhou", "2026-01-01", "2026-12-31"),
	)
	return c
}

func TestLookup(t *testing.T) {
	c := newRegistryCentre(t)
	for name, test := range map[string]struct {
		query, region, division string
		reason                  string // of a refusal
		code                    int
		field                   string
	}{
		"by place":               {query: "division=110101", region: "jingjinji", division: "11"},
		"narrower place":         {query: "division=320505", region: "suzhou", division: "3205"},
		"by service code":        {query: "division=3201&service=urban.housing", region: "suzhou", division: "32"},
		"by service name":        {query: "division=3201&service=住房保障", region: "suzhou", division: "32"},
		"by a service alias":     {query: "division=3201&service=公积金", region: "suzhou", division: "32"},
		"by an unknown service":  {query: "division=3201&service=天气", code: 400, reason: "SERVICE_UNKNOWN", field: "service"},
		"next year":              {query: "division=130102&asOf=2027-01-01", region: "chengyu", division: "1301"},
		"this year":              {query: "division=130102", region: "jingjinji", division: "13"},
		"after its last day":     {query: "division=320505&asOf=2027-01-01", region: "changsanjiao", division: "32"},
		"nobody serves it":       {query: "division=440100", code: 404, reason: "NO_ROUTE"},
		"no such division":       {query: "division=999999", code: 400, reason: "UNKNOWN_DIVISION", field: "division"},
		"not a division":         {query: "division=3", code: 400, reason: "INVALID_FIELD", field: "division"},
		"no division":            {query: "service=urban", code: 400, reason: "INVALID_FIELD", field: "division"},
		"not a day":              {query: "division=11&asOf=2026-02-30", code: 400, reason: "INVALID_FIELD", field: "asOf"},
		"a time is not a day":    {query: "division=11&asOf=2026-01-01T00:00:00Z", code: 400, reason: "INVALID_FIELD", field: "asOf"},
		"service far too long":   {query: "division=11&service=" + strings.Repeat("x", 300), code: 400, reason: "INVALID_FIELD", field: "service"},
		"explain is not a word":  {query: "division=11&explain=please", code: 400, reason: "INVALID_FIELD", field: "explain"},
		"consistency unknown":    {query: "division=11&consistency=QUICK", code: 400, reason: "INVALID_FIELD", field: "consistency"},
		"strong reads are taken": {query: "division=11&consistency=STRONG", region: "jingjinji", division: "11"},
	} {
		t.Run(name, func(t *testing.T) {
			got := c.request("GET", "/v1/routes:lookup?"+strings.ReplaceAll(test.query, " ", "%20"), c.operator, "")
			if test.reason != "" {
				if s := got.refusal(t); got.code != test.code || s.reason() != test.reason || s.field() != test.field {
					t.Fatalf("%d %s; want %d %s %s", got.code, got.body, test.code, test.reason, test.field)
				}
				if name == "no division" && !strings.Contains(string(got.body), "division: is required") {
					t.Errorf("it is not said what is missing: %s", got.body)
				}
				return
			}
			found := read(t, got, &jieliv1.LookupRouteResponse{})
			if found.GetRegion() != test.region || found.GetRoute().GetDivision() != test.division || found.GetRevision() == 0 || found.GetStale() || len(found.GetCandidates()) != 0 {
				t.Fatalf("got %v, want %s by the rule for %s", found, test.region, test.division)
			}
			if !strings.Contains(test.query, "asOf") && found.GetAsOf() != "2026-11-24" {
				t.Fatalf("looked up as of %s", found.GetAsOf())
			}
		})
	}
}

func TestLookupExplains(t *testing.T) {
	c := newRegistryCentre(t)
	c.registry.stale = federation.StaleNoQuorumContact
	found := read(t, c.request("GET", "/v1/routes:lookup?division=320505&service=urban.housing&explain=true&asOf=2026-06-01", c.operator, ""), &jieliv1.LookupRouteResponse{})
	var lost []string
	for _, candidate := range found.GetCandidates() {
		lost = append(lost, candidate.GetRoute().GetRegion()+" "+candidate.GetReason())
	}
	if got := strings.Join(lost, ", "); found.GetRegion() != "suzhou" || got != "suzhou SHORTER_PREFIX, changsanjiao SHORTER_PREFIX" {
		t.Fatalf("%s won, %s lost", found.GetRegion(), got)
	}
	if !found.GetStale() {
		t.Fatal("a stale table is not said to be stale")
	}
	found = read(t, c.request("GET", "/v1/routes:lookup?division=130102&explain=true", c.operator, ""), &jieliv1.LookupRouteResponse{})
	if len(found.GetCandidates()) != 1 || found.GetCandidates()[0].GetReason() != "NOT_YET_VALID" {
		t.Fatalf("got %v", found.GetCandidates())
	}
}

func TestRetiredDivisionThatIsSplit(t *testing.T) {
	c := newCentre(t)
	// 330104 became several counties; here they are served by different regions.
	division := read(t, c.request("GET", "/v1/divisions/330104", c.operator, ""), &jieliv1.Division{})
	if len(division.GetSuccessors()) < 2 {
		t.Fatalf("got %v", division)
	}
	first, second := division.GetSuccessors()[0], division.GetSuccessors()[1]
	c.registry.machine = newMachine(t, route(first, "", "jingjinji", "", ""), route(second, "", "chengyu", "", ""))
	got := c.request("GET", "/v1/routes:lookup?division=330104", c.operator, "")
	if s := got.refusal(t); got.code != 404 || s.reason() != "DIVISION_SPLIT" || !strings.Contains(s.Message, first) || !strings.Contains(s.Message, second) {
		t.Fatalf("%d %s", got.code, got.body)
	}
}

func TestListingRoutesPageByPage(t *testing.T) {
	c := newRegistryCentre(t)
	list := func(query string) *jieliv1.ListRoutesResponse {
		t.Helper()
		return read(t, c.request("GET", "/v1/routes?"+query, c.operator, ""), &jieliv1.ListRoutesResponse{})
	}
	all := list("")
	if len(all.GetRoutes()) != 6 || all.GetNextPageToken() != "" || all.GetRevision() == 0 {
		t.Fatalf("got %v", all)
	}
	for _, filter := range []string{"", "division=32", "region=jingjinji", "division=13&region=chengyu"} {
		whole := list(filter).GetRoutes()
		for size := 1; size <= 4; size++ {
			var paged []*jieliv1.Route
			token := ""
			for page := 0; ; page++ {
				one := list(fmt.Sprintf("%s&pageSize=%d&pageToken=%s", filter, size, token))
				if len(one.GetRoutes()) > size || page > len(whole) {
					t.Fatalf("%s by %d: page %d has %d routes", filter, size, page, len(one.GetRoutes()))
				}
				paged = append(paged, one.GetRoutes()...)
				if token = one.GetNextPageToken(); token == "" {
					break
				}
			}
			if len(paged) != len(whole) {
				t.Fatalf("%s by %d: %d routes, want %d", filter, size, len(paged), len(whole))
			}
			for i := range whole {
				if !proto.Equal(paged[i], whole[i]) {
					t.Fatalf("%s by %d: route %d is %v, want %v", filter, size, i, paged[i], whole[i])
				}
			}
		}
	}
	token := list("pageSize=1").GetNextPageToken()
	for query, field := range map[string]string{
		"pageSize=1&division=32&pageToken=" + token: "pageToken", "pageToken=AAAA": "pageToken", "pageSize=1001": "pageSize",
		"pageSize=-1": "pageSize", "division=x": "division", "region=X": "region",
	} {
		if got := c.request("GET", "/v1/routes?"+query, c.operator, ""); got.code != 400 || got.refusal(t).field() != field {
			t.Errorf("%s: %d %s", query, got.code, got.body)
		}
	}
}

func TestReadingTheRegistry(t *testing.T) {
	c := newRegistryCentre(t)
	if list := read(t, c.request("GET", "/v1/regions", c.monitor, ""), &jieliv1.ListRegionsResponse{}); len(list.GetRegions()) != 5 || list.GetRevision() == 0 {
		t.Fatalf("got %v", list)
	}
	if one := read(t, c.request("GET", "/v1/regions/jingjinji", c.auditor, ""), &jieliv1.GetRegionResponse{}); len(one.GetNodes()) != 2 {
		t.Fatalf("got %v", one)
	}
	if nodes := read(t, c.request("GET", "/v1/nodes", c.operator, ""), &jieliv1.ListNodesResponse{}); len(nodes.GetNodes()) != 6 {
		t.Fatalf("got %v", nodes)
	}
	if nodes := read(t, c.request("GET", "/v1/nodes?region=chengyu", c.operator, ""), &jieliv1.ListNodesResponse{}); len(nodes.GetNodes()) != 1 {
		t.Fatalf("got %v", nodes)
	}
	if policy := read(t, c.request("GET", "/v1/policy", c.operator, ""), &jieliv1.GetPolicyResponse{}); policy.GetLevel() != 1 {
		t.Fatalf("got %v", policy)
	}
	read(t, c.request("GET", "/v1/services", c.operator, ""), &jieliv1.ListServicesResponse{})
	report := read(t, c.request("GET", "/v1/routes:check?division=13&asOf=2027-06-01", c.operator, ""), &jieliv1.CheckRoutesResponse{})
	if len(report.GetUnserved()) != 0 {
		t.Fatalf("got %v", report)
	}
	if report := read(t, c.request("GET", "/v1/routes:check?division=44", c.operator, ""), &jieliv1.CheckRoutesResponse{}); len(report.GetUnserved()) != 1 || report.GetUnserved()[0].GetName() != "广东省" {
		t.Fatalf("got %v", report)
	}
}

func TestDivisions(t *testing.T) {
	c := newCentre(t)
	c.registry.machine = registry.New(registry.Options{}) // divisions need no registry
	one := read(t, c.request("GET", "/v1/divisions/110101", c.operator, ""), &jieliv1.Division{})
	if one.GetName() != "东城区" || one.GetFullName() != "北京市东城区" || one.GetKind() != "COUNTY" || one.GetParent() != "11" {
		t.Fatalf("got %v", one)
	}
	found := read(t, c.request("GET", "/v1/divisions:search?q=苏州&limit=1", c.operator, ""), &jieliv1.SearchDivisionsResponse{})
	if len(found.GetDivisions()) != 1 || found.GetDivisions()[0].GetCode() != "3205" {
		t.Fatalf("got %v", found)
	}
	for path, want := range map[string]string{
		"/v1/divisions/999999": "UNKNOWN_DIVISION", "/v1/divisions/12a456": "INVALID_FIELD", "/v1/divisions/%2e%2e": "INVALID_FIELD",
		"/v1/divisions:search": "INVALID_FIELD", "/v1/divisions:search?q=a&limit=101": "INVALID_FIELD", "/v1/divisions:search?q=" + strings.Repeat("a", 65): "INVALID_FIELD",
	} {
		if got := c.request("GET", path, c.operator, ""); got.refusal(t).reason() != want {
			t.Errorf("%s: %d %s", path, got.code, got.body)
		}
	}
}

func TestChangesBecomeCommands(t *testing.T) {
	c := newRegistryCentre(t)
	c.registry.answer = func(*jieliv1.Command) (*jieliv1.Outcome, error) { return &jieliv1.Outcome{Revision: 43}, nil }
	const importID = "0193f2a6-5c1e-7b3a-9d42-6f0e8a1b2c3d"
	for name, test := range map[string]struct {
		method, path, body string
		want               func(*jieliv1.Command) bool
	}{
		"approve": {"POST", "/v1/regions/newcomer:approve", `{}`, func(m *jieliv1.Command) bool { return m.GetChangeRegionState().GetState() == jieliv1.Region_ACTIVE }},
		"suspend": {"POST", "/v1/regions/jingjinji:suspend", `{}`, func(m *jieliv1.Command) bool { return m.GetChangeRegionState().GetState() == jieliv1.Region_SUSPENDED }},
		"resume":  {"POST", "/v1/regions/chengyu:resume", `{}`, func(m *jieliv1.Command) bool { return m.GetChangeRegionState().GetRegion() == "chengyu" }},
		"revoke":  {"POST", "/v1/regions/chengyu:revoke", `{}`, func(m *jieliv1.Command) bool { return m.GetChangeRegionState().GetState() == jieliv1.Region_REVOKED }},
		"retire another": {"POST", "/v1/regions/chengyu:retire", `{"successor":"jingjinji"}`, func(m *jieliv1.Command) bool {
			return !m.GetChangeRegionState().GetDeclared() && m.GetChangeRegionState().GetSuccessor() == "jingjinji"
		}},
		"retire our own": {"POST", "/v1/regions/jingjinji:retire", `{}`, func(m *jieliv1.Command) bool {
			return m.GetChangeRegionState().GetDeclared() && m.GetChangeRegionState().GetOpenTickets() == 3
		}},
		"remove a node":  {"DELETE", "/v1/nodes/chengyu/a", ``, func(m *jieliv1.Command) bool { return m.GetRemoveNode().GetName() == "a" }},
		"delete a route": {"DELETE", "/v1/routes?division=3205&service=urban&validFrom=2026-01-01", ``, func(m *jieliv1.Command) bool { return m.GetChangeRoutes().GetDelete()[0].GetService() == "urban" }},
		"stage":          {"POST", "/v1/routes:stage", `{"importId":"` + importID + `","chunk":2,"changes":{"set":[{"division":"11","region":"ab"}]}}`, func(m *jieliv1.Command) bool { return m.GetStageRoutes().GetChunk() == 2 }},
		"finish": {"POST", "/v1/routes:finishImport", `{"importId":"` + importID + `","chunks":3,"expectedRevision":42}`, func(m *jieliv1.Command) bool {
			return m.GetFinishImport().GetChunks() == 3 && m.GetExpectedRevision() == 42
		}},
		"policy": {"PUT", "/v1/policy", `{"policy":{"registryGrace":"3600s"}}`, func(m *jieliv1.Command) bool {
			return m.GetSetPolicy().GetPolicy().GetRegistryGrace().GetSeconds() == 3600
		}},
		"level": {"POST", "/v1/policy:raiseLevel", `{"level":2}`, func(m *jieliv1.Command) bool { return m.GetRaiseLevel().GetLevel() == 2 }},
	} {
		t.Run(name, func(t *testing.T) {
			change := read(t, c.request(test.method, test.path, c.adminSystem, test.body, operatorHeader, "wang"), &jieliv1.ChangeResponse{})
			command := c.registry.proposed()
			if !test.want(command) || command.GetActor() != "wang via console" || command.GetRegion() != "jingjinji" {
				t.Fatalf("proposed %v", command)
			}
			if change.GetRevision() != 43 || change.GetRequestId() == "" || change.GetRequestId() != command.GetRequestId() {
				t.Fatalf("got %v", change)
			}
		})
	}
	const id = "0193f2a6-5c1e-7b3a-9d42-6f0e8a1b2c3e"
	change := read(t, c.request("POST", "/v1/policy:raiseLevel", c.admin, `{"level":2,"requestId":"`+id+`"}`), &jieliv1.ChangeResponse{})
	if change.GetRequestId() != id {
		t.Fatalf("the caller's own request id became %s", change.GetRequestId())
	}
}

func TestChangesThatAreRefusedHere(t *testing.T) {
	c := newRegistryCentre(t)
	for name, test := range map[string]struct{ method, path, body, reason, field string }{
		"approve one that is suspended": {"POST", "/v1/regions/chengyu:approve", `{}`, "WRONG_STATE", ""},
		"resume one that is pending":    {"POST", "/v1/regions/newcomer:resume", `{}`, "WRONG_STATE", ""},
		"successor of a suspension":     {"POST", "/v1/regions/chengyu:suspend", `{"successor":"jingjinji"}`, "INVALID_FIELD", "successor"},
		"successor that is no id":       {"POST", "/v1/regions/chengyu:retire", `{"successor":"A"}`, "INVALID_FIELD", "successor"},
		"import id that is none":        {"POST", "/v1/routes:stage", `{"importId":"mine"}`, "INVALID_FIELD", "importId"},
		"route without a region":        {"POST", "/v1/routes", `{"division":"11"}`, "INVALID_FIELD", "route.region"},
		"route with days reversed":      {"POST", "/v1/routes", `{"division":"11","region":"ab","validFrom":"2026-02-01","validTo":"2026-01-01"}`, "INVALID_FIELD", "route.validTo"},
		"route that is missing":         {"POST", "/v1/routes", `{}`, "INVALID_FIELD", "route"},
		"chunk with a bad route":        {"POST", "/v1/routes:stage", `{"importId":"0193f2a6-5c1e-7b3a-9d42-6f0e8a1b2c3d","changes":{"set":[{"division":"11","region":"ab"},{"division":"1"}]}}`, "INVALID_FIELD", "changes.set[1].division"},
		"chunk with a bad key":          {"POST", "/v1/routes:stage", `{"importId":"0193f2a6-5c1e-7b3a-9d42-6f0e8a1b2c3d","changes":{"delete":[{"division":"x"}]}}`, "INVALID_FIELD", "changes.delete[0].division"},
		"delete without a division":     {"DELETE", "/v1/routes", ``, "INVALID_FIELD", "division"},
		"service without a code":        {"POST", "/v1/services", `{}`, "INVALID_FIELD", "service.code"},
		"node without a name":           {"POST", "/v1/nodes", `{"node":{"region":"ab"}}`, "INVALID_FIELD", "node.name"},
		"policy that is missing":        {"PUT", "/v1/policy", `{}`, "INVALID_FIELD", "policy"},
		"region without a bundle":       {"POST", "/v1/regions", `{"region":{"id":"suzhou"}}`, "INVALID_FIELD", "region.bundle"},
		"region with a bad bundle":      {"POST", "/v1/regions", `{"region":{"id":"suzhou","bundle":["AAAA"]}}`, "INVALID_FIELD", "region.bundle"},
		"region without an id":          {"POST", "/v1/regions", `{}`, "INVALID_FIELD", "region"},
		"path and body differ":          {"PUT", "/v1/regions/a", `{"region":{"id":"suzhou"}}`, "INVALID_FIELD", "region.id"},
	} {
		t.Run(name, func(t *testing.T) {
			got := c.request(test.method, test.path, c.admin, test.body)
			if s := got.refusal(t); got.code != 400 || s.reason() != test.reason || s.field() != test.field {
				t.Fatalf("%d %s; want %s %s", got.code, got.body, test.reason, test.field)
			}
		})
	}
	if command := c.registry.proposed(); command != nil {
		t.Fatalf("proposed %v", command)
	}
}

func TestRetirementIsDeclaredWhereTheTicketsAre(t *testing.T) {
	c := newRegistryCentre(t)
	c.registry.answer = func(*jieliv1.Command) (*jieliv1.Outcome, error) { return &jieliv1.Outcome{}, nil }
	if err := c.api.Attach(Parts{Registry: c.registry}); err != nil {
		t.Fatal(err)
	}
	if got := c.request("POST", "/v1/regions/jingjinji:retire", c.admin, `{}`); got.refusal(t).reason() != "NO_TICKETS_HERE" {
		t.Fatalf("at a node without tickets: %d %s", got.code, got.body)
	}
	command := &jieliv1.Command{
		RequestId: requestID(t), Actor: "test", Region: "jingjinji",
		Change: &jieliv1.Command_PutNode{PutNode: &jieliv1.PutNode{Node: node("jingjinji", "a", false)}},
	}
	if _, err := applyTo(c.registry.machine, command, today); err != nil {
		t.Fatal(err)
	}
	read(t, c.request("POST", "/v1/regions/jingjinji:retire", c.admin, `{}`), &jieliv1.ChangeResponse{})
	if change := c.registry.proposed().GetChangeRegionState(); !change.GetDeclared() || change.GetOpenTickets() != 0 {
		t.Fatalf("a region that runs no tickets: %v", change)
	}
	if err := c.api.Attach(Parts{Registry: c.registry, Open: countFails{}}); err != nil {
		t.Fatal(err)
	}
	if got := c.request("POST", "/v1/regions/jingjinji:retire", c.admin, `{}`); got.code != 500 {
		t.Fatalf("when they cannot be counted: %d %s", got.code, got.body)
	}
}

type countFails struct{}

func (countFails) OpenTickets(context.Context) (uint64, error) { return 0, fmt.Errorf("no") }

func requestID(t *testing.T) string {
	t.Helper()
	id, err := federation.NewRequestID(today)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func TestChangesTakeEffect(t *testing.T) {
	c := newRegistryCentre(t)
	before := c.registry.View().Revision()
	body := `{"route":{"division":"44","region":"suzhou","validFrom":"2027-01-01"},"requestId":"` + requestID(t) + `"}`
	change := read(t, c.request("POST", "/v1/routes", c.admin, body), &jieliv1.ChangeResponse{})
	if change.GetRevision() != before+1 || change.GetRepeated() {
		t.Fatalf("got %v", change)
	}
	again := read(t, c.request("POST", "/v1/routes", c.admin, body), &jieliv1.ChangeResponse{})
	if again.GetRevision() != before+1 || !again.GetRepeated() {
		t.Fatalf("the same request again: %v", again)
	}
	list := read(t, c.request("GET", "/v1/routes?division=44", c.operator, ""), &jieliv1.ListRoutesResponse{})
	if len(list.GetRoutes()) != 1 || list.GetRoutes()[0].GetRevision() != before+1 || list.GetRoutes()[0].GetChangedBy() != "jingjinji: 韩梅梅" {
		t.Fatalf("got %v", list)
	}
	read(t, c.request("POST", "/v1/regions", c.admin, marshal(t, &jieliv1.RegisterRegionRequest{
		Region: withPrefix(entry(t, "xiongan"), "XA"), Nodes: []*jieliv1.Node{node("xiongan", "a", true)},
	})), &jieliv1.ChangeResponse{})
	read(t, c.request("POST", "/v1/regions/xiongan:approve", c.admin, "{}"), &jieliv1.ChangeResponse{})
	if one := read(t, c.request("GET", "/v1/regions/xiongan", c.operator, ""), &jieliv1.GetRegionResponse{}); one.GetRegion().GetState() != jieliv1.Region_ACTIVE {
		t.Fatalf("got %v", one)
	}
}

func marshal(t *testing.T, m proto.Message) string {
	t.Helper()
	text, err := protojson.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func withPrefix(r *jieliv1.Region, prefix string) *jieliv1.Region {
	r.NumberPrefix = prefix
	return r
}

func TestRejectionsOfTheRegistry(t *testing.T) {
	c := newRegistryCentre(t)
	twice := marshal(t, &jieliv1.RegisterRegionRequest{Region: withPrefix(entry(t, "suzhou"), "QQ"), Nodes: []*jieliv1.Node{node("suzhou", "a", true)}})
	prefix := marshal(t, &jieliv1.RegisterRegionRequest{Region: withPrefix(entry(t, "wuxi"), "UZH"), Nodes: []*jieliv1.Node{node("wuxi", "a", true)}})
	nameless := entry(t, "wuxi")
	nameless.NameZh = ""
	for name, test := range map[string]struct {
		method, path, body string
		code               int
		reason, field      string
	}{
		"region id used":         {"POST", "/v1/regions", twice, 409, "REGION_ID_USED", ""},
		"prefix used":            {"POST", "/v1/regions", prefix, 409, "PREFIX_USED", ""},
		"region without a name":  {"POST", "/v1/regions", marshal(t, &jieliv1.RegisterRegionRequest{Region: nameless}), 400, "INVALID_FIELD", "region.nameZh"},
		"tie":                    {"POST", "/v1/routes", `{"division":"3205","region":"chengyu","validFrom":"2026-06-01"}`, 409, "ROUTE_TIE", ""},
		"route that is gone":     {"DELETE", "/v1/routes?division=3206", ``, 404, "ROUTE_NOT_FOUND", ""},
		"route to nobody":        {"POST", "/v1/routes", `{"division":"44","region":"nobody"}`, 404, "REGION_NOT_FOUND", ""},
		"route for nothing":      {"POST", "/v1/routes", `{"division":"44","region":"suzhou","service":"weather"}`, 404, "SERVICE_NOT_FOUND", ""},
		"node of nobody":         {"POST", "/v1/nodes", `{"region":"nobody","name":"a","address":"a:1"}`, 404, "REGION_NOT_FOUND", ""},
		"node without a port":    {"POST", "/v1/nodes", `{"region":"suzhou","name":"a","address":"a"}`, 400, "INVALID_FIELD", "node.address"},
		"second tickets node":    {"POST", "/v1/nodes", `{"region":"suzhou","name":"b","address":"a:1","tickets":true}`, 400, "SECOND_TICKETS_NODE", ""},
		"node that is gone":      {"DELETE", "/v1/nodes/suzhou/b", ``, 404, "NODE_NOT_FOUND", ""},
		"another's entry":        {"PUT", "/v1/regions/suzhou", marshal(t, &jieliv1.UpdateRegionRequest{Region: entry(t, "suzhou")}), 403, "NOT_YOUR_ENTRY", ""},
		"no revision expected":   {"POST", "/v1/policy:raiseLevel", `{"level":2,"expectedRevision":1}`, 400, "INVALID_FIELD", "expectedRevision"},
		"policy of another time": {"PUT", "/v1/policy", `{"policy":{"registryGrace":"60s"},"expectedRevision":1}`, 409, "REVISION_MOVED_ON", ""},
		"grace too short":        {"PUT", "/v1/policy", `{"policy":{"registryGrace":"1s"}}`, 400, "INVALID_FIELD", "policy.registryGrace"},
		"level nobody knows":     {"POST", "/v1/policy:raiseLevel", `{"level":2}`, 400, "NODE_BELOW_LEVEL", ""},
		"retire the first":       {"POST", "/v1/regions/jingjinji:retire", `{}`, 400, "BOOTSTRAP_REGION", ""},
		"request id of no kind":  {"POST", "/v1/policy:raiseLevel", `{"level":2,"requestId":"mine"}`, 400, "INVALID_FIELD", "requestId"},
		"request id of long ago": {"POST", "/v1/policy:raiseLevel", `{"level":2,"requestId":"0193f2a6-5c1e-7b3a-9d42-6f0e8a1b2c3d"}`, 400, "INVALID_FIELD", "requestId"},
		"import not begun":       {"POST", "/v1/routes:finishImport", `{"importId":"0193f2a6-5c1e-7b3a-9d42-6f0e8a1b2c3d","chunks":1}`, 404, "IMPORT_NOT_FOUND", ""},
	} {
		t.Run(name, func(t *testing.T) {
			revision := c.registry.View().Revision()
			got := c.request(test.method, test.path, c.admin, test.body)
			if s := got.refusal(t); got.code != test.code || s.reason() != test.reason || s.field() != test.field || s.Message == "" {
				t.Fatalf("%d %s; want %d %s %s", got.code, got.body, test.code, test.reason, test.field)
			}
			if now := c.registry.View().Revision(); now != revision {
				t.Fatalf("the revision moved from %d to %d", revision, now)
			}
		})
	}
}

func TestFailuresOfTheRegistry(t *testing.T) {
	c := newRegistryCentre(t)
	quorum := &federation.QuorumError{Voters: 3, Missing: []trust.NodeID{{Region: "chengyu", Node: "a"}, {Region: "suzhou", Node: "a"}}}
	for name, test := range map[string]struct {
		err    error
		code   int
		reason string
		says   string
	}{
		"no quorum":         {quorum, 503, "NO_QUORUM", "chengyu/a, suzhou/a"},
		"unknown":           {fmt.Errorf("leader a: %w", federation.ErrUnknown), 503, "OUTCOME_UNKNOWN", "same request id"},
		"would lose quorum": {federation.ErrWouldLoseQuorum, 400, "WOULD_LOSE_QUORUM", ""},
		"no registry":       {federation.ErrNoRegistry, 503, "NO_REGISTRY", "bootstrap"},
		"busy":              {federation.ErrBusy, 429, "BUSY", ""},
		"upgrade":           {federation.ErrLevelUnknown, 503, "LEVEL_UNKNOWN", "upgrade"},
		"deadline":          {context.DeadlineExceeded, 504, "DEADLINE_EXCEEDED", "requestId"},
		"unexpected":        {fmt.Errorf("no"), 500, "INTERNAL", ""},
	} {
		t.Run(name, func(t *testing.T) {
			c.registry.answer = func(*jieliv1.Command) (*jieliv1.Outcome, error) { return nil, test.err }
			got := c.request("POST", "/v1/policy:raiseLevel", c.admin, `{"level":2}`)
			if s := got.refusal(t); got.code != test.code || s.reason() != test.reason || !strings.Contains(s.Message, test.says) {
				t.Fatalf("%d %s; want %d %s", got.code, got.body, test.code, test.reason)
			}
		})
	}
	c.registry.strong = quorum
	if got := c.request("GET", "/v1/regions?consistency=STRONG", c.operator, ""); got.code != 503 || got.refusal(t).reason() != "NO_QUORUM" {
		t.Fatalf("a strong read: %d %s", got.code, got.body)
	}
	if got := c.request("GET", "/v1/regions", c.operator, ""); got.code != 200 {
		t.Fatalf("a local read: %d %s", got.code, got.body)
	}
}
