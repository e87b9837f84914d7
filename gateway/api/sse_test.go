package api

import (
	"bufio"
	"context"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jieli-gateway/jieli/gateway/access"
	"github.com/jieli-gateway/jieli/gateway/fault"
	jieliv1 "github.com/jieli-gateway/jieli/proto/jieli/v1"
)

func feed() []*jieliv1.FeedEntry {
	return []*jieliv1.FeedEntry{
		{Cursor: "01", Kind: jieliv1.FeedEntry_EVENT, TicketId: "T-1"},
		{Cursor: "02", Kind: jieliv1.FeedEntry_DELIVERED, TicketId: "T-1"},
		{Cursor: "03", Kind: jieliv1.FeedEntry_EVENT, TicketId: "T-2"},
	}
}

// reader reads server-sent events.
type reader struct {
	response *http.Response
	lines    *bufio.Scanner
}

func (c *centre) watch(token, query string, headers ...string) *reader {
	c.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	c.t.Cleanup(cancel)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.url+"/v1/events:watch"+query, nil)
	if err != nil {
		c.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	response, err := http.DefaultClient.Do(req)
	if err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(func() { response.Body.Close() })
	return &reader{response, bufio.NewScanner(response.Body)}
}

// next gives the lines of the next event or comment; none at the end.
func (r *reader) next() string {
	var event []string
	for r.lines.Scan() {
		if r.lines.Text() == "" {
			break
		}
		event = append(event, r.lines.Text())
	}
	return strings.Join(event, "\n")
}

func TestEventsAreSent(t *testing.T) {
	c := newCentre(t)
	c.desk.feed = feed()
	r := c.watch(c.operator, "")
	if r.response.StatusCode != http.StatusOK || r.response.Header.Get("Content-Type") != "text/event-stream; charset=utf-8" {
		t.Fatalf("%d %v", r.response.StatusCode, r.response.Header)
	}
	if got := r.next(); got != ": connected" {
		t.Fatalf("first %q", got)
	}
	for _, cursor := range []string{"01", "02", "03"} {
		got := r.next()
		if !strings.HasPrefix(got, "id: "+cursor+"\ndata: {") || !strings.Contains(got, `"T-`) {
			t.Fatalf("got %q, want the entry with cursor %s", got, cursor)
		}
	}
}

func TestEventsGoOnFromACursor(t *testing.T) {
	c := newCentre(t)
	c.desk.feed = feed()
	for name, test := range map[string]struct {
		query   string
		headers []string
	}{
		"in the query":               {"?after=02", nil},
		"of a reader that was there": {"", []string{"Last-Event-ID", "02"}},
		"both: the header is newer":  {"?after=01", []string{"Last-Event-ID", "02"}},
	} {
		t.Run(name, func(t *testing.T) {
			r := c.watch(c.operator, test.query, test.headers...)
			r.next()
			if got := r.next(); !strings.HasPrefix(got, "id: 03\n") {
				t.Fatalf("got %q", got)
			}
		})
	}
}

// A query that cannot be read is refused: passed over, it would have the stream begin anew.
func TestQueriesOfStreamsAreRefused(t *testing.T) {
	c := newCentre(t)
	c.desk.feed = feed()
	for _, query := range []string{"?after=%zz", "?after=02;x=1", "?after=02&after=03", "?before=02", "?after=%ff"} {
		got := c.request("HEAD", "/v1/events:watch"+query, c.operator, "")
		if got.code != 400 {
			t.Errorf("%s: %d", query, got.code)
		}
	}
}

func TestCursorThatIsTooOldIsRefused(t *testing.T) {
	c := newCentre(t)
	c.desk.feed, c.desk.start = feed(), "02"
	got := c.request("GET", "/v1/events:watch?after=01", c.operator, "")
	if s := got.refusal(t); got.code != 400 || s.Code != 11 || s.reason() != "CURSOR_TOO_OLD" {
		t.Fatalf("%d %s", got.code, got.body)
	}
}

func TestErrorEndsAStreamOfEvents(t *testing.T) {
	c := newCentre(t)
	c.desk.feed = feed()
	r := c.watch(c.operator, "")
	for range 4 {
		r.next()
	}
	<-c.desk.waiting
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := c.api.Shutdown(ctx); err != nil {
		t.Fatal(err)
	}
	if got := r.next(); !strings.HasPrefix(got, "event: error\ndata: {") || !strings.Contains(got, "DRAINING") {
		t.Fatalf("got %q", got)
	}
	if got := r.next(); got != "" {
		t.Fatalf("after the end: %q", got)
	}
}

func TestStreamOfEventsEndsWithItsToken(t *testing.T) {
	c := newCentre(t)
	token, entry, err := c.tokens.Create(access.Spec{Name: "leaver", Roles: []access.Role{access.Operator}})
	if err != nil {
		t.Fatal(err)
	}
	r := c.watch(token, "")
	r.next()
	if _, err := c.tokens.Revoke(entry.ID); err != nil {
		t.Fatal(err)
	}
	if got := r.next(); !strings.Contains(got, "TOKEN_REVOKED") {
		t.Fatalf("got %q", got)
	}
}

func TestReaderThatLeavesEndsItsStream(t *testing.T) {
	c := newCentre(t)
	ended := make(chan struct{})
	c.desk.failWith(func(ctx context.Context) error {
		if method, _, _ := c.desk.seen(); method != "Watch" {
			return nil
		}
		<-ctx.Done()
		close(ended)
		return ctx.Err()
	})
	r := c.watch(c.operator, "")
	r.next()
	r.response.Body.Close()
	<-ended
}

func TestNobodyWatchesWithoutTickets(t *testing.T) {
	c := newCentre(t)
	if err := c.api.Attach(Parts{Registry: c.registry}); err != nil {
		t.Fatal(err)
	}
	if got := c.request("GET", "/v1/events:watch", c.operator, ""); got.refusal(t).reason() != "NO_TICKETS_HERE" {
		t.Fatalf("%d %s", got.code, got.body)
	}
	if got := c.request("GET", "/v1/events:watch", c.monitor, ""); got.code != 403 {
		t.Fatalf("%d %s", got.code, got.body)
	}
}

// recordingWriter is a reader that takes everything, or from a moment on nothing.
type recordingWriter struct {
	header http.Header
	wrote  chan string
	fail   error
}

func (w *recordingWriter) Header() http.Header { return w.header }
func (w *recordingWriter) WriteHeader(int)     {}
func (w *recordingWriter) Flush()              {}
func (w *recordingWriter) Write(p []byte) (int, error) {
	if w.fail != nil {
		return 0, w.fail
	}
	w.wrote <- string(p)
	return len(p), nil
}

func TestSilentStreamHasAHeartbeat(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &recordingWriter{header: http.Header{}, wrote: make(chan string, 10)}
		out := &eventWriter{w: w, control: http.NewResponseController(w)}
		start := time.Now()
		_, stop := out.beat(context.Background())
		for i := 1; i <= 3; i++ {
			if got := <-w.wrote; got != ": heartbeat\n\n" || time.Since(start) != time.Duration(i)*heartbeat {
				t.Fatalf("after %s: %q", time.Since(start), got)
			}
		}
		stop()
	})
}

func TestHeartbeatFindsAReaderThatIsGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &recordingWriter{header: http.Header{}, fail: http.ErrAbortHandler}
		out := &eventWriter{w: w, control: http.NewResponseController(w)}
		ctx, stop := out.beat(context.Background())
		defer stop()
		<-ctx.Done()
		if fault.ReasonOf(context.Cause(ctx)) != "READER_GONE" {
			t.Fatalf("ended by %v", context.Cause(ctx))
		}
	})
}

func TestCursorCannotBreakAnEvent(t *testing.T) {
	if got := oneLine("a\nb\r\x00c"); got != "abc" {
		t.Fatalf("%q", got)
	}
}
