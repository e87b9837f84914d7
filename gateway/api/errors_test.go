package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"github.com/jieli-gateway/jieli/gateway/fault"
)

var update = flag.Bool("update", false, "write the golden files anew")

// golden compares text with a file of testdata.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v (go test -update writes it)", err)
	}
	if !bytes.Equal(got, want) {
		t.Fatalf("%s:\n%s\nwant\n%s", path, got, want)
	}
}

// indented gives JSON in a form that does not change.
func indented(t *testing.T, text []byte) []byte {
	t.Helper()
	var value any
	if err := json.Unmarshal(text, &value); err != nil {
		t.Fatalf("%v:\n%s", err, text)
	}
	out, err := json.MarshalIndent(value, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	return append(out, '\n')
}

// TestErrorsAsTheyAreWritten holds what scripts rely on: HTTP status, code, reason, words and fields of every kind of
// error.
func TestErrorsAsTheyAreWritten(t *testing.T) {
	cause := errors.New("SQLITE_IOERR in tickets.db")
	for name, err := range map[string]error{
		"invalid": fault.InvalidFields(
			fault.Field{Name: "ticket.title", Rule: "has more than 200 characters"},
			fault.Field{Name: "ticket.reporter.phone", Rule: "must be a phone number"}),
		"not_found":        fault.New(fault.NotFound, "TICKET_NOT_FOUND", "no ticket 津20261124-000017-4 here"),
		"exists":           fault.New(fault.Exists, "EXTERNAL_ID_USED", "external id A-1 was used with other content"),
		"precondition":     fault.New(fault.Precondition, "NO_PEN", "the pen is with suzhou"),
		"aborted":          fault.New(fault.Aborted, "EVENT_MOVED_ON", "the newest event is 5, not 4"),
		"denied":           fault.New(fault.Denied, "ROLE_REQUIRED", "needs one of the roles admin"),
		"unauthenticated":  fault.New(fault.Unauthenticated, "NO_TOKEN", "no token"),
		"exhausted":        fault.New(fault.Exhausted, "DISK_FULL", "the disk is full"),
		"body_too_large":   fault.New(fault.Exhausted, reasonBodyTooLarge, "the body is too large"),
		"unavailable":      fault.New(fault.Unavailable, "NO_QUORUM", "no quorum").Wrap(cause),
		"out_of_range":     fault.New(fault.OutOfRange, "CURSOR_TOO_OLD", "the cursor is too old"),
		"internal":         fault.New(fault.Internal, "CHAIN_BROKEN", "event 4 of ticket T-1 does not match").Wrap(cause),
		"unexpected":       fmt.Errorf("load ticket: %w", cause),
		"deadline":         fmt.Errorf("update: %w", context.DeadlineExceeded),
		"caller_went_away": context.Canceled,
		"not_utf8":         fault.New(fault.Invalid, "INVALID_FIELD", "bad \xff byte"),
	} {
		t.Run(name, func(t *testing.T) {
			r := httptest.NewRequest(http.MethodGet, "/", nil)
			r = r.WithContext(withCorrelationID(r.Context(), "01a20000-0000-7000-8000-000000000001"))
			w := httptest.NewRecorder()
			writeError(w, r, err)
			if bytes.Contains(w.Body.Bytes(), []byte("SQLITE")) {
				t.Fatalf("the inside is told: %s", w.Body)
			}
			got := append([]byte(fmt.Sprintf("HTTP %d\n", w.Code)), indented(t, w.Body.Bytes())...)
			golden(t, "errors/"+name+".txt", got)
		})
	}
}
