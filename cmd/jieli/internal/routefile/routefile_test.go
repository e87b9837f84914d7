package routefile

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/jieli-gateway/jieli/cmd/jieli/internal/client"
	"github.com/jieli-gateway/jieli/cmd/jieli/internal/lang"
	jieliv1 "github.com/jieli-gateway/jieli/proto/jieli/v1"
	"github.com/jieli-gateway/jieli/regions"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// today is the day of these tests.
var today = regions.DayOf(time.Date(2026, 11, 24, 4, 0, 0, 0, time.UTC))

func TestRead(t *testing.T) {
	head := "division,service,region,validFrom,validTo\n"
	for name, tc := range map[string]struct {
		text string
		want string // rules, or part of the error
		bad  bool
	}{
		"CSV":                      {head + "32,,changsanjiao,,\n3205,urban,suzhou,2027-01-01,2027-12-31\n", "32  changsanjiao  |3205 urban suzhou 2027-01-01 2027-12-31|", false},
		"CSV of a spreadsheet":     {"\uFEFF" + strings.ReplaceAll(head+"32,,changsanjiao,,\n", "\n", "\r\n"), "32  changsanjiao  |", false},
		"heading alone":            {head, "", false},
		"JSON lines":               {`{"division":"32","region":"changsanjiao"}` + "\n\n  " + `{"division":"33","service":"urban","region":"changsanjiao","revision":"7"}`, "32  changsanjiao  |33 urban changsanjiao  |", false},
		"nothing":                  {"", "the file is empty; its first line must be division", true},
		"white space":              {"\r\n \n", "the file is empty", true},
		"semicolons":               {"division;service;region;validFrom;validTo\r\n32;;suzhou;;\r\n", `it is "division;service;region;validFrom;validTo"; columns must be parted by commas; a file`, true},
		"UTF-16 of a spreadsheet":  {"\xff\xfed\x00i\x00v\x00", `UTF-16, not UTF-8: in the spreadsheet, save it as "CSV UTF-8"`, true},
		"UTF-16 without a mark":    {"\x00d\x00i\x00v", "UTF-16", true},
		"a spreadsheet":            {"PK\x03\x04\x14 and so on", `save it as "CSV UTF-8"`, true},
		"GBK":                      {"\xc7\xf8\xbb\xae,region\n", "it is \"\uFFFD,region\"; a file", true},
		"a long line":              {strings.Repeat("a", 10_000), `it is "` + strings.Repeat("a", 200) + `";`, true},
		"other columns":            {"code,region\n32,changsanjiao\n", "the first line must be division,service,region,validFrom,validTo;", true},
		"column missing":           {head + "32,changsanjiao\n", "line 2: must have 5 columns", true},
		"quote left open":          {head + "32,\"urban\n", "line 2: extraneous or missing", true},
		"bad division":             {head + "32,,changsanjiao,,\n320,,changsanjiao,,\n", `line 3: division: a division code has`, true},
		"bad day":                  {head + "32,,changsanjiao,tomorrow,\n", "line 2: validFrom", true},
		"ends before it begins":    {head + "32,,changsanjiao,2027-01-02,2027-01-01\n", "line 2: ", true},
		"twice":                    {head + "32,,changsanjiao,,\n32,,suzhou,,\n", "line 3: division, service and validFrom are those of line 2", true},
		"unknown key":              {`{"division":"32","region":"changsanjiao"}` + "\n" + `{"place":"32"}`, "line 2: ", true},
		"JSON that is an array":    {`[{"division":"32"}]`, `it is "[{\"division\":\"32\"}]"`, true},
		"every mistake":            {head + "1,,changsanjiao,,\n2,,changsanjiao,,\n", `line 3: division: a division code has 2, 4, 6, 9 or 12 digits; it is "2"`, true},
		"more mistakes than liked": {head + strings.Repeat("1,,changsanjiao,,\n", 100), "and more", true},
	} {
		t.Run(name, func(t *testing.T) {
			file, err := Read([]byte(tc.text))
			if tc.bad {
				if err == nil || !strings.Contains(err.Error(), tc.want) || strings.Count(err.Error(), "\n") > mostMistakes {
					t.Errorf("got %v, want %q", err, tc.want)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			got := ""
			for _, r := range file.Rules {
				got += fmt.Sprintf("%s %s %s %s %s|", r.Division, r.Service, r.Region, r.ValidFrom, r.ValidTo)
			}
			if got != tc.want {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
}

func FuzzRead(f *testing.F) {
	f.Add([]byte("division,service,region,validFrom,validTo\n32,,changsanjiao,,\n"))
	f.Add([]byte(`{"division":"32","region":"changsanjiao"}`))
	f.Add([]byte("\uFEFF{\n"))
	f.Fuzz(func(_ *testing.T, b []byte) {
		_, _ = Read(b) // must not panic
	})
}

// registry keeps routes as a node's does, as far as an import can tell.
type registry struct {
	jieliv1.UnimplementedRegistryServiceServer
	routes   []*jieliv1.Route
	revision uint64
	busy     int // so many pages find the registry changed once more
	staged   []*jieliv1.ChangeRoutes
	refuse   error
}

func (r *registry) ListRoutes(_ context.Context, req *jieliv1.ListRoutesRequest) (*jieliv1.ListRoutesResponse, error) {
	if req.GetPageSize() != page {
		return nil, status.Errorf(codes.InvalidArgument, "page of %d", req.GetPageSize())
	}
	if r.busy > 0 {
		r.busy--
		r.revision++
	}
	from, _ := strconv.Atoi(req.GetPageToken())
	to := min(from+page, len(r.routes))
	res := &jieliv1.ListRoutesResponse{Routes: r.routes[from:to], Revision: r.revision}
	if to < len(r.routes) {
		res.NextPageToken = strconv.Itoa(to)
	}
	return res, nil
}

func (*registry) ListRegions(context.Context, *jieliv1.ListRegionsRequest) (*jieliv1.ListRegionsResponse, error) {
	return &jieliv1.ListRegionsResponse{Regions: []*jieliv1.Region{
		{Id: "newcomer", State: jieliv1.Region_PENDING}, {Id: "suzhou", State: jieliv1.Region_ACTIVE}, {Id: "wuxi", State: jieliv1.Region_SUSPENDED},
	}}, nil
}

func (*registry) ListServices(context.Context, *jieliv1.ListServicesRequest) (*jieliv1.ListServicesResponse, error) {
	return &jieliv1.ListServicesResponse{Services: []*jieliv1.ServiceEntry{{Code: "urban"}}}, nil
}

func (r *registry) StageRoutes(_ context.Context, req *jieliv1.StageRoutesRequest) (*jieliv1.ChangeResponse, error) {
	if r.refuse != nil {
		return nil, r.refuse
	}
	if int(req.GetChunk()) != len(r.staged) || size(req.GetChanges()) > chunk {
		return nil, status.Errorf(codes.InvalidArgument, "chunk %d of %d", req.GetChunk(), size(req.GetChanges()))
	}
	r.staged = append(r.staged, req.GetChanges())
	return &jieliv1.ChangeResponse{}, nil
}

func (r *registry) FinishImport(_ context.Context, req *jieliv1.FinishImportRequest) (*jieliv1.ChangeResponse, error) {
	if req.GetExpectedRevision() != r.revision {
		return nil, status.Error(codes.Aborted, "the registry has moved on")
	}
	if int(req.GetChunks()) != len(r.staged) {
		return nil, status.Error(codes.FailedPrecondition, "chunks missing")
	}
	r.revision++
	return &jieliv1.ChangeResponse{Revision: r.revision}, nil
}

func dial(t *testing.T, r *registry) *client.Client {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := grpc.NewServer()
	jieliv1.RegisterRegistryServiceServer(s, r)
	done := make(chan error, 1)
	go func() { done <- s.Serve(l) }()
	c, err := client.Dial(client.Options{Server: l.Addr().String()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		c.Close()
		s.Stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return c
}

// villages are routes of so many divisions below 32.
func villages(n int) []*jieliv1.Route {
	var routes []*jieliv1.Route
	for i := range n {
		routes = append(routes, &jieliv1.Route{Division: fmt.Sprintf("3205%05d", i), Region: "suzhou"})
	}
	return routes
}

func TestAListIsOfOneRevision(t *testing.T) {
	r := &registry{routes: villages(2500), revision: 5, busy: 4}
	all, err := Fetch(t.Context(), dial(t, r), &jieliv1.ListRoutesRequest{})
	if err != nil || len(all.GetRoutes()) != 2500 || all.GetRevision() != 9 {
		t.Errorf("got %d routes at %d, %v", len(all.GetRoutes()), all.GetRevision(), err)
	}
	r.busy = 1000
	if _, err := Fetch(t.Context(), dial(t, r), &jieliv1.ListRoutesRequest{}); err == nil || !strings.Contains(err.Error(), "again and again") {
		t.Errorf("got %v", err)
	}
}

func TestAnImportChangesWhatDiffersAndNoMore(t *testing.T) {
	r := &registry{routes: villages(1500), revision: 5}
	c := dial(t, r)
	var text bytes.Buffer
	if err := Write(&text, append(villages(3800)[1:], &jieliv1.Route{Division: "320500000", Region: "wuxi"})); err != nil {
		t.Fatal(err)
	}
	file, err := Read(text.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	lax := Options{NewDivisions: true, Today: today}
	for name, tc := range map[string]struct {
		rules   []regions.Rule
		replace bool
		want    [3]int // added, removed, changed
	}{
		"beside what is there":     {file.Rules, false, [3]int{2300, 0, 1}},
		"in place of it":           {file.Rules[:500], true, [3]int{0, 1000, 0}},
		"what is there already":    {file.Rules[:1499], false, [3]int{0, 0, 0}},
		"nothing at all, in place": {nil, true, [3]int{0, 1500, 0}},
	} {
		t.Run(name, func(t *testing.T) {
			some := &File{Rules: tc.rules, lines: map[regions.Key]int{}}
			for _, r := range tc.rules {
				some.lines[r.Key()] = file.lines[r.Key()]
			}
			o := lax
			o.Replace = tc.replace
			plan, err := Compare(t.Context(), c, some, o)
			if err != nil {
				t.Fatal(err)
			}
			d := plan.Difference
			if got := [3]int{len(d.Added), len(d.Removed), len(d.Changed)}; got != tc.want || plan.Empty() != (plan.Len() == 0) {
				t.Errorf("got %v, want %v", got, tc.want)
			}
		})
	}
	plan, err := Compare(t.Context(), c, file, lax)
	if err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(plan.Counts); got != "[{suzhou 2300 0 1} {wuxi 1 0 0}]" {
		t.Errorf("got counts %s", got)
	}
	var told []int
	revision, err := plan.Apply(t.Context(), c, func(done, all int) { told = append(told, done, all) })
	if err != nil || revision != 6 {
		t.Errorf("got revision %d, %v", revision, err)
	}
	if fmt.Sprint(told) != "[1000 2301 2000 2301 2301 2301]" {
		t.Errorf("told %v", told)
	}
	if plan.FullName(file.Rules[0].Division.Prefix(4)) != "江苏省苏州市" {
		t.Errorf("got %q", plan.FullName(file.Rules[0].Division.Prefix(4)))
	}
	if _, err := plan.Apply(t.Context(), c, func(int, int) {}); err == nil {
		t.Error("a plan made before another change was carried out")
	}
	r.refuse = status.Error(codes.NotFound, "no such region")
	if _, err := plan.Apply(t.Context(), c, func(int, int) {}); status.Code(err) != codes.NotFound || !strings.Contains(err.Error(), "nothing has changed") {
		t.Errorf("got %v", err)
	}
}

// What the registry would refuse is told by line, all of it at once, before anything is sent.
func TestMistakesAreFoundBeforeAnythingIsSent(t *testing.T) {
	const head = "division,service,region,validFrom,validTo\n"
	present := []*jieliv1.Route{{Division: "33", Region: "suzhou", ValidFrom: "2026-01-01"}}
	for name, tc := range map[string]struct {
		text    string
		replace bool
		want    []string
	}{
		"no such region":        {"32,,suzho,,\n", false, []string{"line 2: region: there is no region suzho; did you mean suzhou?"}},
		"not a member yet":      {"32,,newcomer,,\n", false, []string{"line 2: region: newcomer is PENDING"}},
		"no such service":       {"32,urbn,suzhou,,\n", false, []string{"line 2: service: there is no service urbn; did you mean urban?"}},
		"no such division":      {"32,,suzhou,,\n3299,,suzhou,,\n", false, []string{"line 3: division: there is and was no division 3299"}},
		"a tie in the file":     {"32,,suzhou,,2027-01-01\n31,,suzhou,,\n32,,wuxi,2027-01-01,\n", false, []string{"line 4: its days overlap with those of line 2"}},
		"a tie with what stays": {"33,,wuxi,2027-01-01,\n", false, []string{"line 2: 33 any service -> wuxi, from 2027-01-01: its days overlap with those of route 33 any service -> suzhou, from 2026-01-01, which stays"}},
		"a tie with what comes": {"33,,wuxi,,\n", false, []string{"line 2: 33 any service -> wuxi: its days overlap"}},
		"all at once":           {"3299,urbn,suzho,,\n", false, []string{"line 2: region", "line 2: service", "line 2: division"}},
		"nothing stays":         {"33,,wuxi,2027-01-01,\n", true, nil},
		"one after the other":   {"32,,suzhou,,2026-12-31\n32,,wuxi,2027-01-01,\n", false, nil},
	} {
		t.Run(name, func(t *testing.T) {
			file, err := Read([]byte(head + tc.text))
			if err != nil {
				t.Fatal(err)
			}
			r := &registry{revision: 5, routes: present}
			_, err = Compare(t.Context(), dial(t, r), file, Options{Replace: tc.replace, Today: today})
			if tc.want == nil {
				if err != nil {
					t.Error(err)
				}
				return
			}
			for _, want := range tc.want {
				if err == nil || !strings.Contains(err.Error(), want) {
					t.Errorf("got %v, want %q", err, want)
				}
			}
			if err != nil && !strings.Contains(lang.InChinese(err), "第 ") {
				t.Errorf("in Chinese: %s", lang.InChinese(err))
			}
		})
	}
}

// Whoever takes a place away from its only region, or writes a rule that never wins, is told so.
func TestAnImportWarns(t *testing.T) {
	r := &registry{revision: 5, routes: []*jieliv1.Route{{Division: "32", Region: "suzhou"}, {Division: "31", Region: "suzhou"}}}
	c := dial(t, r)
	for name, tc := range map[string]struct {
		text    string
		replace bool
		want    string
	}{
		"a place nobody serves":    {"31,,suzhou,,\n", true, "on 2026-11-24 unserved [32]"},
		"a part nobody serves":     {"3205,,suzhou,,\n31,,suzhou,,\n", true, "on 2026-11-24 unserved [3201 3202 3203 3204 3206 3207 3208 3209 3210 3211 3212 3213]"},
		"a rule that has been":     {"33,,wuxi,,2020-01-01\n", false, "on 2026-11-24 unserved [] line 2 EXPIRED"},
		"judged when all is there": {"33,,wuxi,2027-03-01,\n", false, "on 2027-03-01 unserved []"},
		"nothing":                  {"31,,suzhou,,\n", false, "on 2026-11-24 unserved []"},
	} {
		t.Run(name, func(t *testing.T) {
			file, err := Read([]byte("division,service,region,validFrom,validTo\n" + tc.text))
			if err != nil {
				t.Fatal(err)
			}
			plan, err := Compare(t.Context(), c, file, Options{Replace: tc.replace, Today: today})
			if err != nil {
				t.Fatal(err)
			}
			w := plan.Warnings
			got := fmt.Sprintf("on %s unserved %v", w.Day, w.Unserved)
			for _, idle := range w.Idle {
				got += fmt.Sprintf(" line %d %s", idle.Line, idle.Reason)
			}
			if got != tc.want {
				t.Errorf("got %s\nwant %s", got, tc.want)
			}
			if !plan.Empty() && w.StillUnserved == 0 {
				t.Error("most of the country is served by nobody, and this is not said")
			}
		})
	}
}

// What is exported is imported again as the very same.
func TestExportsComeBack(t *testing.T) {
	routes := []*jieliv1.Route{
		{Division: "31", Region: "suzhou"},
		{Division: "32", Service: "urban", Region: "wuxi", ValidTo: "2026-12-31"},
		{Division: "32", Service: "urban", Region: "suzhou", ValidFrom: "2027-01-01"},
		{Division: "320506001", Region: "wuxi", ValidFrom: "2020-02-29", ValidTo: "2030-02-28"},
	}
	var text bytes.Buffer
	if err := Write(&text, routes); err != nil {
		t.Fatal(err)
	}
	file, err := Read(text.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	plan, err := Compare(t.Context(), dial(t, &registry{revision: 5, routes: routes}), file, Options{Replace: true, NewDivisions: true, Today: today})
	if err != nil || !plan.Empty() {
		t.Fatalf("got %v, %v", plan, err)
	}
	var again bytes.Buffer
	back := make([]*jieliv1.Route, len(file.Rules))
	for i, r := range file.Rules {
		back[i] = &jieliv1.Route{Division: r.Division.String(), Service: r.Service, Region: r.Region, ValidFrom: r.ValidFrom.String(), ValidTo: r.ValidTo.String()}
	}
	if err := Write(&again, back); err != nil || again.String() != text.String() {
		t.Errorf("got\n%s\nwant\n%s", &again, &text)
	}
}

// A file with a route for each day of a place is looked through at once: the first that begins later ends the search.
func TestManyRoutesOfOnePlaceAreNoWork(t *testing.T) {
	f := &File{lines: map[regions.Key]int{}}
	add := func(from, to regions.Day) {
		r := regions.Rule{Region: "suzhou", ValidFrom: from, ValidTo: to}
		f.Rules = append(f.Rules, r)
		f.lines[r.Key()] = len(f.Rules)
	}
	for day := range regions.Day(80_000) {
		add(today+day, today+day)
	}
	begun := time.Now()
	wrong := mistakes{}
	f.checkTies(&wrong, f.over(nil, false))
	if took := time.Since(begun); took > 2*time.Second || len(wrong) > 0 {
		t.Errorf("took %v, and found %v", took, wrong.asError())
	}
	add(today-1, today+1) // over the first two
	f.checkTies(&wrong, f.over(nil, false))
	if len(wrong) != 2 || !strings.Contains(wrong.asError().Error(), "line 80001: its days overlap with those of line 2") {
		t.Errorf("got %v", wrong.asError())
	}
}
