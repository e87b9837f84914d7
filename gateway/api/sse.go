package api

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"time"

	"google.golang.org/protobuf/encoding/protojson"

	"github.com/jieli-gateway/jieli/gateway/fault"
	jieliv1 "github.com/jieli-gateway/jieli/proto/jieli/v1"
)

const (
	// heartbeat is how often a silent stream shows that it lives.
	heartbeat = 15 * time.Second
	// eventWriteTime is how long a reader may take for one event.
	eventWriteTime = 30 * time.Second
)

// serveEvents answers GET /v1/events:watch: EventService.WatchEvents as server-sent events. Each has its cursor as
// id; a reader that comes back sends the last one as Last-Event-ID, or as ?after=, and misses nothing. An error that
// ends a stream comes as an event of type `error` with a google.rpc.Status.
func (s *Server) serveEvents(w http.ResponseWriter, r *http.Request) {
	out := &eventWriter{w: w, control: http.NewResponseController(w)}
	err := s.watchEvents(r, out)
	switch {
	case err == nil:
	case out.begun:
		out.fail(err)
	default:
		writeError(w, r, err)
	}
}

// watchEvents passes the gate as the gRPC method does, then sends entries.
func (s *Server) watchEvents(r *http.Request, out *eventWriter) (err error) {
	c := s.gate.begin(r.Context(), jieliv1.EventService_WatchEvents_FullMethodName)
	defer func() { err = s.gate.end(c, recover(), err) }()
	if err := s.gate.admit(r.Context(), c); err != nil {
		return err
	}
	ctx, release := s.gate.watch(context.WithValue(r.Context(), callKey{}, c), c)
	defer release()
	err = endOf(ctx, s.sendEvents(ctx, r, out))
	if r.Context().Err() != nil {
		return nil // the reader went away, as readers do
	}
	return err
}

// sendEvents sends entries until ctx ends or the reader is too slow.
func (s *Server) sendEvents(ctx context.Context, r *http.Request, out *eventWriter) error {
	after, err := cursorOf(r)
	if err != nil {
		return err
	}
	d, err := s.desk()
	if err != nil {
		return err
	}
	// A cursor that is no good must be refused before the stream begins, with a status of its own.
	if _, err := d.Events(ctx, &jieliv1.ListEventsRequest{After: after, Limit: 1}); err != nil {
		return err
	}
	if r.Method == http.MethodHead {
		return nil
	}
	if err := out.begin(); err != nil {
		return err
	}
	ctx, stop := out.beat(ctx)
	defer stop()
	return d.Watch(ctx, after, out.entry)
}

// cursorOf is where a reader wants to go on. Last-Event-ID comes from a reader that was cut off, and is newer.
func cursorOf(r *http.Request) (string, error) {
	query, err := queryOf(r)
	if err != nil {
		return "", err
	}
	for key, values := range query {
		if key != "after" || len(values) > 1 {
			return "", fault.InvalidFields(fault.Field{Name: key, Rule: "the only query parameter here is after, once"})
		}
	}
	if id := r.Header.Get("Last-Event-ID"); id != "" {
		return id, nil
	}
	return query.Get("after"), nil
}

// eventWriter writes server-sent events, from several goroutines.
type eventWriter struct {
	w       http.ResponseWriter
	control *http.ResponseController
	begun   bool
	mu      sync.Mutex
}

// begin sends the headers, so that the reader knows it is connected.
func (e *eventWriter) begin() error {
	e.w.Header().Set("Content-Type", "text/event-stream; charset=utf-8")
	e.w.Header().Set("X-Accel-Buffering", "no") // proxies of the nginx family hold answers back otherwise
	e.w.WriteHeader(http.StatusOK)
	e.begun = true
	return e.write(": connected\n\n")
}

// beat writes heartbeats until stop, which waits for the last one; the context ends when the reader is gone.
func (e *eventWriter) beat(ctx context.Context) (_ context.Context, stop func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		ticker := time.NewTicker(heartbeat)
		defer ticker.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-ticker.C:
				if err := e.write(": heartbeat\n\n"); err != nil {
					cancel(err)
					return
				}
			}
		}
	}()
	return ctx, func() {
		cancel(nil)
		<-ended
	}
}

// entry writes one entry of the feed.
func (e *eventWriter) entry(entry *jieliv1.FeedEntry) error {
	body, err := protojson.Marshal(entry)
	if err != nil {
		return err
	}
	return e.write("id: " + oneLine(entry.GetCursor()) + "\ndata: " + string(body) + "\n\n")
}

// fail writes the error that ends the stream.
func (e *eventWriter) fail(err error) {
	st, _ := finished(err)
	body, jsonErr := protojson.Marshal(st.Proto())
	if jsonErr != nil {
		return
	}
	_ = e.write("event: error\ndata: " + string(body) + "\n\n") // the reader is gone, then
}

// oneLine takes out what would end a line of an event.
func oneLine(text string) string {
	return strings.Map(func(r rune) rune {
		if r == '\n' || r == '\r' || r == 0 {
			return -1
		}
		return r
	}, text)
}

// write writes and flushes, or fails when the reader does not take it in time.
func (e *eventWriter) write(text string) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	_ = e.control.SetWriteDeadline(time.Now().Add(eventWriteTime)) // not every writer has deadlines
	if _, err := e.w.Write([]byte(text)); err != nil {
		return errReaderGone(err)
	}
	if err := e.control.Flush(); err != nil {
		return errReaderGone(err)
	}
	return nil
}

func errReaderGone(cause error) error {
	return fault.New(fault.Aborted, "READER_GONE", "the reader went away or did not take an event in time").Wrap(cause)
}
