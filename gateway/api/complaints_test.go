package api

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// What callers try again and again is a line a minute, which says how often; what they can make up is bounded.
func TestComplaints(t *testing.T) {
	c, now := newComplaints(), time.Date(2026, 11, 24, 3, 0, 0, 0, time.UTC)
	logged, repeated := 0, 0
	for range 5 * 60 * 10 { // ten a second for five minutes
		if n, ok := c.again(now, "ListEvents NO_QUORUM"); ok {
			logged++
			repeated += n
		}
		now = now.Add(100 * time.Millisecond)
	}
	if logged != 5 || repeated != 4*599 {
		t.Errorf("%d lines, which speak of %d repetitions", logged, repeated)
	}
	logged = 0
	for i := range 10_000 {
		if _, ok := c.again(now, fmt.Sprint("Accept BAD_TOKEN ", i)); ok {
			logged++
		}
	}
	if logged > complaintsPerSecond || len(c.kinds) > maxComplaints {
		t.Errorf("%d lines in one moment, %d kinds remembered", logged, len(c.kinds))
	}
	for i := range 2 * maxComplaints { // one a second
		now = now.Add(time.Second)
		c.again(now, fmt.Sprint("Accept BAD_TOKEN ", i))
	}
	if len(c.kinds) > maxComplaints {
		t.Errorf("%d kinds are remembered", len(c.kinds))
	}
}

// Peers call a newcomer as soon as it is approved; that it cannot answer yet is no news. Later it is.
func TestCallsThatComeTooEarlyAreADetail(t *testing.T) {
	var log bytes.Buffer
	starting := true
	g := &gate{log: slog.New(slog.NewTextHandler(&log, nil)), now: time.Now, complaints: newComplaints(), starting: func() bool { return starting }}
	early := status.New(codes.Unavailable, "NOT_READY")
	g.report(&call{method: "Connect"}, early, early.Err(), 0)
	if log.Len() > 0 {
		t.Errorf("a call that came too early is in the log: %s", log.String())
	}
	g.report(&call{method: "Connect"}, status.New(codes.Internal, "bug"), errors.New("bug"), 0)
	starting = false
	g.report(&call{method: "Connect"}, early, early.Err(), 0)
	if n := strings.Count(log.String(), "call failed"); n != 2 {
		t.Errorf("%d lines, want the bug and the later call:\n%s", n, log.String())
	}
}
