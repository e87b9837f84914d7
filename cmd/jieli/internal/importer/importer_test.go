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

	"github.com/google/uuid"
	"go.uber.org/goleak"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	jieliv1 "github.com/jieli-gateway/jieli/proto/jieli/v1"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// node answers submissions as a node does, as far as an import can tell.
type node struct {
	mu       sync.Mutex
	taken    map[string]string // title by external number, or by request id where there is none
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
	key := or(t.GetExternalId(), req.GetRequestId())
	first, repeated := n.taken[key]
	switch {
	case t.GetTitle() == "":
		return nil, status.Error(codes.InvalidArgument, "ticket.title: is missing")
	case t.GetTitle() == "secret":
		return nil, status.Error(codes.PermissionDenied, "no")
	case t.GetTitle() == "elsewhere":
		return nil, status.Error(codes.FailedPrecondition, "this node carries the registry only")
	case repeated && first != t.GetTitle():
		return nil, status.Error(codes.AlreadyExists, "externalId: used with other content")
	}
	n.taken[key] = t.GetTitle()
	res := &jieliv1.SubmitTicketResponse{Ticket: t, Repeated: repeated}
	if t.GetTitle() == "fire" {
		t.State, t.Number, res.CallNumber = jieliv1.Ticket_DIVERTED, "A-"+t.GetExternalId(), "119"
	}
	return res, nil
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
		"\ufeff" + line("a", "1", "路灯不亮"),
		"not JSON",
		"",
		`{"tickets":{}}`,
		`{"region":"a", "ticket":{"title":"x","nosuch":1}}`,
		line("a", "2", ""),
		`{"ticket":{"title":"` + strings.Repeat("长", maxLine/3) + `"}}`,
		"  " + line("b", "3", "噪声") + "\r",
		`{"region":7}`,
		line("a", "1", "路灯不亮"),
		`{"ticket":{"externalId":"4","title":"no region is any region"}}`,
		`{"ticket":{"title":"fire"}}`, // and no end of line
	}, "\n")
	var told []string
	r, err := n.runWith(t, strings.NewReader(text), Options{Region: "a", Parallel: 4, Reject: func(b Bad) error {
		told = append(told, fmt.Sprintf("%d %.20s", b.Line, b.Text))
		return nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	if r.Lines != 11 || r.Taken != 4 || r.Repeated != 1 || r.Diverted != 1 || r.Skipped != 1 || r.Failed != 6 || r.LastLine != 12 || r.Bytes != int64(len(text)) {
		t.Errorf("got %+v", r)
	}
	wants := []struct {
		line   int
		reason string
	}{
		{2, "column 2: invalid character 'o'"},
		{4, `no "ticket"`},
		{5, `column 38: unknown field "nosuch"`},
		{6, "ticket.title: is missing"},
		{7, "longer than"},
		{9, "column 11: region must not be a number"},
	}
	for i, b := range r.Bad {
		if b.Line != wants[i].line || !strings.Contains(b.Reason, wants[i].reason) {
			t.Errorf("got %+v, want %v", b, wants[i])
		}
	}
	if got := strings.Join(told, "|"); !strings.HasPrefix(got, `2 not JSON|4 {"tickets":{}}|5 {"region":"a", "tick|`) || len(told) != len(wants) {
		t.Errorf("told %s", got)
	}
	if n.most > 4 {
		t.Errorf("%d at once", n.most)
	}
}

func TestWhoMustDialAnotherNumberIsToldAlsoTheSecondTime(t *testing.T) {
	n := newNode()
	text := line("a", "1", "x") + "\n" + line("a", "2", "fire") + "\n"
	for _, diverted := range []int{1, 0} {
		r, err := n.run(t, "", text)
		if err != nil || r.Diverted != diverted || len(r.Calls) != 1 || r.Calls[0] != (Call{Line: 2, Number: "A-2", CallNumber: "119"}) {
			t.Errorf("got %+v, %v", r, err)
		}
	}
	var many strings.Builder
	for i := range maxBadKept + 10 {
		many.WriteString(line("a", fmt.Sprint("m", i), "fire") + "\n")
	}
	if r, err := n.run(t, "", many.String()); err != nil || r.Diverted != maxBadKept+10 || len(r.Calls) != maxBadKept {
		t.Errorf("got %d diverted, %d calls, %v", r.Diverted, len(r.Calls), err)
	}
}

func TestAnUnchangedFileIsTheSameTicketsEvenWithoutNumbers(t *testing.T) {
	n := newNode()
	text := strings.Repeat(`{"ticket":{"title":"路灯不亮"}}`+"\n", 3)
	for _, want := range []struct {
		batch           string
		taken, repeated int
	}{{"monday", 3, 0}, {"monday", 3, 3}, {"tuesday", 3, 0}} {
		r, err := n.runWith(t, strings.NewReader(text), Options{Batch: want.batch})
		if err != nil || r.Taken != want.taken || r.Repeated != want.repeated {
			t.Errorf("%s: got %+v, %v", want.batch, r, err)
		}
	}
	for id := range n.requests {
		if parsed, err := uuid.Parse(id); err != nil || parsed.String() != id || parsed.Variant() != uuid.RFC4122 {
			t.Errorf("no request id: %s", id)
		}
	}
}

func TestAnImportThatStoppedGoesOnFromItsLastLine(t *testing.T) {
	n := newNode()
	var all []string
	for i := range 200 {
		all = append(all, line("a", fmt.Sprint(i), "x"))
	}
	all[120] = line("a", "120", "secret") // stops it until somebody has the right
	r, err := n.runWith(t, strings.NewReader(strings.Join(all, "\n")), Options{Parallel: 8})
	if err == nil || r.LastLine != 120 || r.Taken != 120 || len(n.taken) > 120+aheadOf*8+9 {
		t.Fatalf("got %+v, %v with %d at the node", r, err, len(n.taken))
	}
	all[120] = line("a", "120", "x")
	r, err = n.runWith(t, strings.NewReader(strings.Join(all, "\n")), Options{Parallel: 8, From: r.LastLine + 1})
	if err != nil || r.Taken != 80 || r.Lines != 80 || len(n.taken) != 200 {
		t.Errorf("got %+v, %v with %d at the node", r, err, len(n.taken))
	}
}

func TestMemoryDoesNotGrowWithBadLines(t *testing.T) {
	r, err := newNode().run(t, "", strings.Repeat("x\n", 2*maxBadKept))
	if err != nil || r.Failed != 2*maxBadKept || len(r.Bad) != maxBadKept {
		t.Errorf("got %d, %d kept, %v", r.Failed, len(r.Bad), err)
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
	if _, err := n.run(t, "", line("a", "3", "elsewhere")); status.Code(errors.Unwrap(err)) != codes.FailedPrecondition {
		t.Errorf("wrong node: got %v", err)
	}
	full := errors.New("disk full")
	if _, err := n.runWith(t, strings.NewReader("x\ny\n"), Options{Reject: func(Bad) error { return full }}); !errors.Is(err, full) {
		t.Errorf("full disk: got %v", err)
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

// An input that is silent, or has no end of line, does not keep an import from ending: when somebody stops it, or when the
// node does not want it.
func TestAnImportEndsWhateverItsInputDoes(t *testing.T) {
	n := newNode()
	synctest.Test(t, func(t *testing.T) {
		left := make(chan struct{})
		defer close(left)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if _, err := Run(ctx, silent{left}, Options{Submit: n.submit}); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("silent: got %v", err)
		}
	})
	ctx, cancel := context.WithCancel(t.Context())
	if _, err := Run(ctx, &endless{stop: cancel}, Options{Submit: n.submit}); !errors.Is(err, context.Canceled) {
		t.Errorf("endless: got %v", err)
	}
	synctest.Test(t, func(t *testing.T) {
		left := make(chan struct{})
		defer close(left)
		in := io.MultiReader(strings.NewReader(line("a", "2", "secret")+"\n"+`{"ticket":`), silent{left})
		r, err := Run(t.Context(), in, Options{Submit: n.submit})
		if err == nil || !strings.Contains(err.Error(), "line 1") || r.Failed > 0 {
			t.Errorf("got %+v, %v", r, err)
		}
	})
}

// silent says nothing until it ends.
type silent struct{ until chan struct{} }

func (s silent) Read([]byte) (int, error) {
	<-s.until
	return 0, io.EOF
}

// endless has no end, and no end of line; somebody stops the import after a while.
type endless struct {
	reads int
	stop  func()
}

func (e *endless) Read(b []byte) (int, error) {
	if e.reads++; e.reads == 100 {
		e.stop()
	}
	clear(b)
	return len(b), nil
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
