package api

import (
	"sync"
	"time"

	"golang.org/x/time/rate"
)

const (
	// complaintsPerSecond bounds the lines a second in the log that whoever reaches the port can cause.
	complaintsPerSecond = 20
	// complainAgain is how long a complaint of one kind is not repeated.
	complainAgain = time.Minute
	// maxComplaints bounds the kinds that are remembered.
	maxComplaints = 512
)

// complaints decides which failed calls are worth a line in the log. A bug is, each time, for its correlation id is what
// somebody will look for. That something is away, or a token no good, is when it begins and then once a minute with how
// often: callers try again and again.
type complaints struct {
	limit *rate.Limiter

	mu    sync.Mutex
	kinds map[string]*complaint
}

// complaint is when one kind was last logged, and how often it came since.
type complaint struct {
	at    time.Time
	since int
}

func newComplaints() *complaints {
	return &complaints{limit: rate.NewLimiter(complaintsPerSecond, complaintsPerSecond), kinds: map[string]*complaint{}}
}

// each tells whether to log what is logged each time.
func (c *complaints) each(now time.Time) bool { return c.limit.AllowN(now, 1) }

// again tells whether to log a complaint of a kind now, and how often it has come since that was last done.
func (c *complaints) again(now time.Time, kind string) (repeated int, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	last := c.kinds[kind]
	if last != nil && now.Sub(last.at) < complainAgain {
		last.since++
		return 0, false
	}
	if !c.limit.AllowN(now, 1) {
		return 0, false
	}
	if last != nil {
		repeated = last.since
	}
	if len(c.kinds) >= maxComplaints {
		clear(c.kinds)
	}
	c.kinds[kind] = &complaint{at: now}
	return repeated, true
}
