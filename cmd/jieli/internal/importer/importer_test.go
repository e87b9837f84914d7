package importer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	jieliv1 "github.com/jieli-gateway/jieli/proto/jieli/v1"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// node answers submissions as a node does, as far as an import can tell.
type node struct {
	mu       sync.Mutex
	taken    map[string]string // title by external number
	requests map[string]int    // by request id
	away     int               // so many calls find nobody
	busy     int
	most     int
}

func newNode() *node { return &node{taken: map[string]string{}, requests: map[string]int{}} }

func (n *node) submit(_ context.Context, req *jieliv1.SubmitTicketRequest) (*jieliv1.SubmitTicketResponse, error) {
	n.mu.Lock()
	n.busy++
	n.most = max(n.most, n.busy)
	n.mu.Unlock()
	<-time.After(time.Millisecond) // fake: others get to run
	n.mu.Lock()
	defer n.mu.Unlock()
	n.busy--
	n.requests[req.GetRequestId()]++
	if n.away > 0 {
		n.away--
		return nil, status.Error(codes.Unavailable, "away")
	}
	t := req.GetTicket()
	first, repeated := n.taken[t.GetExternalId()]
	switch {
	case t.GetTitle() == "":
		return nil, status.Error(codes.InvalidArgument, "ticket.title: is missing")
	case t.GetTitle() == "secret":
		return nil, status.Error(codes.PermissionDenied, "no")
	case repeated && first != t.GetTitle():
		return nil, status.Error(codes.AlreadyExists, "externalId: used with other content")
	}
	n.taken[t.GetExternalId()] = t.GetTitle()
	return &jieliv1.SubmitTicketResponse{Ticket: t, Repeated: repeated}, nil
}

func line(region, number, title string) string {
	return fmt.Sprintf(`{"region":%q,"ticket":{"externalId":%q,"title":%q}}`, region, number, title)
}

func (n *node) run(t *testing.T, region, text string) (r Result, err error) {
	t.Helper()
	return n.runWith(t, strings.NewReader(text), Options{Region: region, Parallel: 4})
}

// runWith imports in fake time.
func (n *node) runWith(t *testing.T, in io.Reader, o Options) (r Result, err error) {
	t.Helper()
	o.Submit, o.Patience = n.submit, time.Minute
	synctest.Test(t, func(t *testing.T) { r, err = Run(t.Context(), in, o) })
	return r, err
}

func TestBadLinesAreToldByNumberAndTheRestGoesOn(t *testing.T) {
	n := newNode()
	text := strings.Join([]string{
		line("a", "1", "路灯不亮"),
		"not JSON",
		"",
		`{"tickets":{}}`,
		`{"ticket":{"title":"x","nosuch":1}}`,
		line("a", "2", ""),
		`{"ticket":{"title":"` + strings.Repeat("长", maxLine/3) + `"}}`,
		"  " + line("b", "3", "噪声") + "\r",
		line("a", "1", "other"),
		line("a", "1", "路灯不亮"),
		`{"ticket":{"externalId":"4","title":"no region is any region"}}`, // and no end of line
	}, "\n")
	r, err := n.run(t, "a", text)
	if err != nil {
		t.Fatal(err)
	}
	if r.Lines != 10 || r.Taken+len(r.Bad)+r.Skipped != r.Lines || r.Taken < 2 || r.Skipped != 1 {
		t.Errorf("got %+v", r)
	}
	// Lines 1, 9 and 10 race for one number: whichever content comes first stands.
	for _, want := range []struct {
		line   int
		reason string
	}{{2, "invalid character"}, {4, `no "ticket"`}, {5, "nosuch"}, {6, "ticket.title: is missing"}, {7, "longer than"}} {
		found := false
		for _, b := range r.Bad {
			found = found || b.Line == want.line && strings.Contains(b.Reason, want.reason)
		}
		if !found {
			t.Errorf("line %d is not told as %q: %+v", want.line, want.reason, r.Bad)
		}
	}
	for i := 1; i < len(r.Bad); i++ {
		if r.Bad[i-1].Line >= r.Bad[i].Line {
			t.Errorf("not in the order of the file: %+v", r.Bad)
		}
	}
	if n.most > 4 {
		t.Errorf("%d at once", n.most)
	}
}

func TestAFileIsImportedAgainWithoutTakingAnythingTwice(t *testing.T) {
	n := newNode()
	var lines []string
	for i := range 50 {
		lines = append(lines, line("a", fmt.Sprint(i), "x"))
	}
	text := strings.Join(lines, "\n")
	if r, err := n.run(t, "", text); err != nil || r.Taken != 50 || r.Repeated != 0 {
		t.Fatalf("got %+v, %v", r, err)
	}
	if r, err := n.run(t, "", text); err != nil || r.Taken != 50 || r.Repeated != 50 || len(n.taken) != 50 {
		t.Fatalf("again: got %+v, %v", r, err)
	}
}

func TestANodeThatIsAwayIsWaitedFor(t *testing.T) {
	n := newNode()
	n.away = 5
	r, err := n.run(t, "", `{"ticket":{"title":"without a number of its own"}}`)
	if err != nil || r.Taken != 1 || len(n.requests) != 1 {
		t.Errorf("got %+v, %v with %d request ids, want one", r, err, len(n.requests))
	}
	n.away = 1 << 20
	if _, err := n.run(t, "", line("a", "1", "x")); status.Code(errors.Unwrap(err)) != codes.Unavailable && !strings.Contains(fmt.Sprint(err), "line 1") {
		t.Errorf("got %v, want that nobody is there", err)
	}
}

func TestWhatIsNotAboutALineStopsTheImport(t *testing.T) {
	n := newNode()
	r, err := n.run(t, "", line("a", "1", "x")+"\n"+line("a", "2", "secret"))
	if err == nil || !strings.Contains(err.Error(), "line 2") || len(r.Bad) != 0 {
		t.Errorf("got %+v, %v", r, err)
	}
	_, err = n.runWith(t, io.MultiReader(strings.NewReader("\n"), broken{}), Options{})
	if !errors.Is(err, errBroken) {
		t.Errorf("broken file: got %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Run(ctx, strings.NewReader(line("a", "1", "x")), Options{Submit: n.submit}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: got %v", err)
	}
}

func TestProgressIsToldLineByLine(t *testing.T) {
	n := newNode()
	var told []int
	_, err := n.runWith(t, strings.NewReader(line("a", "1", "x")+"\n"+line("a", "2", "")+"\n"+line("b", "3", "x")), Options{
		Region: "a", Parallel: 1, Progress: func(r Result) { told = append(told, r.Lines) },
	})
	if err != nil || fmt.Sprint(told) != "[1 2 3]" {
		t.Errorf("told %v, %v", told, err)
	}
}

var errBroken = errors.New("broken")

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, errBroken }

func FuzzParse(f *testing.F) {
	f.Add([]byte(line("a", "1", "x")))
	f.Add([]byte(`{"ticket":null,"resolution":{"text":1}}`))
	f.Fuzz(func(_ *testing.T, b []byte) {
		_, _, _ = parse(b) // must not panic
	})
}
