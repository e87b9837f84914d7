package access

import (
	"container/list"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// Bounds of failed attempts.
const (
	// AttemptBurst is how many failures an address may make at once.
	AttemptBurst = 100
	// attemptPause is how long it takes until it may make one more.
	attemptPause = time.Second
	// maxAddresses bounds the addresses remembered; the one unheard of for longest is forgotten first.
	maxAddresses = 4096
)

// Attempts counts failures to show a good token by address, so that nobody can fill the log with them or keep a node
// busy. It judges failures only: a good token is always let in, for 256 bits cannot be guessed at any rate, and one
// program with an old token must not lock out all others behind its address (a proxy, or this very machine).
type Attempts struct {
	now func() time.Time

	mu     sync.Mutex
	byAddr map[netip.Addr]*list.Element
	recent list.List // of *address, newest first
}

type address struct {
	addr    netip.Addr
	limiter *rate.Limiter
}

// NewAttempts makes an empty table. A nil now stands for time.Now.
func NewAttempts(now func() time.Time) *Attempts {
	if now == nil {
		now = time.Now
	}
	return &Attempts{now: now, byAddr: make(map[netip.Addr]*list.Element)}
}

// Failed counts a failure and reports whether it is still within bounds. IPv6 addresses are counted by their first
// 64 bits, for whoever has one has 2^64.
func (a *Attempts) Failed(addr netip.Addr) bool {
	addr = addr.Unmap().WithZone("")
	if addr.Is6() {
		if prefix, err := addr.Prefix(64); err == nil {
			addr = prefix.Addr()
		}
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	element, ok := a.byAddr[addr]
	if !ok {
		element = a.recent.PushFront(&address{addr, rate.NewLimiter(rate.Every(attemptPause), AttemptBurst)})
		a.byAddr[addr] = element
	}
	a.recent.MoveToFront(element)
	if len(a.byAddr) > maxAddresses {
		last := a.recent.Remove(a.recent.Back()).(*address)
		delete(a.byAddr, last.addr)
	}
	return element.Value.(*address).limiter.AllowN(a.now(), 1)
}
