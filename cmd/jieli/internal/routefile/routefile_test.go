package routefile

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"strconv"
	"strings"
	"testing"

	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/jieli-gateway/jieli/cmd/jieli/internal/client"
	jieliv1 "github.com/jieli-gateway/jieli/proto/jieli/v1"
	"github.com/jieli-gateway/jieli/regions"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

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
		"nothing":                  {"", "the first line must be", true},
		"other columns":            {"code,region\n32,changsanjiao\n", "the first line must be [division service region validFrom validTo]", true},
		"column missing":           {head + "32,changsanjiao\n", "line 2", true},
		"bad division":             {head + "32,,changsanjiao,,\n320,,changsanjiao,,\n", `line 3: division "320"`, true},
		"bad day":                  {head + "32,,changsanjiao,tomorrow,\n", "line 2: validFrom", true},
		"ends before it begins":    {head + "32,,changsanjiao,2027-01-02,2027-01-01\n", "line 2: ", true},
		"twice":                    {head + "32,,changsanjiao,,\n32,,suzhou,,\n", "line 3: division, service and validFrom are those of line 2", true},
		"unknown key":              {`{"division":"32","region":"changsanjiao"}` + "\n" + `{"place":"32"}`, "line 2: ", true},
		"JSON that is an array":    {`[{"division":"32"}]`, "heading: parse error on line 1", true},
		"every mistake":            {head + "1,,changsanjiao,,\n2,,changsanjiao,,\n", `line 3: division "2"`, true},
		"more mistakes than liked": {head + strings.Repeat("1,,changsanjiao,,\n", 100), "and more", true},
	} {
		t.Run(name, func(t *testing.T) {
			rules, err := Read([]byte(tc.text))
			if tc.bad {
				if err == nil || !strings.Contains(err.Error(), tc.want) || strings.Count(err.Error(), "\n") > mostMistakes {
					t.Errorf("got %v, want %q", err, tc.want)
				}
				return
			}
			got := ""
			for _, r := range rules {
				got += fmt.Sprintf("%s %s %s %s %s|", r.Division, r.Service, r.Region, r.ValidFrom, r.ValidTo)
			}
			if err != nil || got != tc.want {
				t.Errorf("got %q, %v, want %q", got, err, tc.want)
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
	var file bytes.Buffer
	if err := Write(&file, append(villages(3800)[1:], &jieliv1.Route{Division: "320500000", Region: "wuxi"})); err != nil {
		t.Fatal(err)
	}
	rules, err := Read(file.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		rules   []regions.Rule
		replace bool
		want    [3]int // added, removed, changed
	}{
		"beside what is there":     {rules, false, [3]int{2300, 0, 1}},
		"in place of it":           {rules[:500], true, [3]int{0, 1000, 0}},
		"what is there already":    {rules[:1499], false, [3]int{0, 0, 0}},
		"nothing at all, in place": {nil, true, [3]int{0, 1500, 0}},
	} {
		t.Run(name, func(t *testing.T) {
			plan, err := Compare(t.Context(), c, tc.rules, tc.replace)
			if err != nil {
				t.Fatal(err)
			}
			d := plan.Difference
			if got := [3]int{len(d.Added), len(d.Removed), len(d.Changed)}; got != tc.want || plan.Empty() != (plan.Len() == 0) {
				t.Errorf("got %v, want %v", got, tc.want)
			}
		})
	}
	plan, err := Compare(t.Context(), c, rules, false)
	if err != nil {
		t.Fatal(err)
	}
	var told []int
	revision, err := plan.Apply(t.Context(), c, func(done, all int) { told = append(told, done, all) })
	if err != nil || revision != 6 {
		t.Errorf("got revision %d, %v", revision, err)
	}
	if fmt.Sprint(told) != "[1000 2301 2000 2301 2301 2301]" {
		t.Errorf("told %v", told)
	}
	if plan.FullName(rules[0].Division.Prefix(4)) != "江苏省苏州市" {
		t.Errorf("got %q", plan.FullName(rules[0].Division.Prefix(4)))
	}
	if _, err := plan.Apply(t.Context(), c, func(int, int) {}); err == nil {
		t.Error("a plan made before another change was carried out")
	}
	r.refuse = status.Error(codes.NotFound, "no such region")
	if _, err := plan.Apply(t.Context(), c, func(int, int) {}); status.Code(err) != codes.NotFound || !strings.Contains(err.Error(), "nothing has changed") {
		t.Errorf("got %v", err)
	}
}

func TestRulesThatTieAreRefusedBeforeAnythingIsSent(t *testing.T) {
	r := &registry{revision: 5}
	rules, err := Read([]byte("division,service,region,validFrom,validTo\n32,,changsanjiao,,\n32,,suzhou,2027-01-01,\n"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Compare(t.Context(), dial(t, r), rules, false); err == nil || !strings.Contains(err.Error(), "suzhou") {
		t.Errorf("got %v", err)
	}
}
