package api

import (
	"fmt"
	"testing"
	"time"
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
