package access

import (
	"fmt"
	"net/netip"
	"testing"
	"time"
)

func TestFailuresAreBoundedByAddress(t *testing.T) {
	c := newClock()
	attempts := NewAttempts(c.Now)
	one, other := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2")
	for i := range AttemptBurst {
		if !attempts.Failed(one) {
			t.Fatalf("failure %d of %d is beyond the bound", i+1, AttemptBurst)
		}
	}
	if attempts.Failed(one) || attempts.Failed(netip.MustParseAddr("::ffff:192.0.2.1")) {
		t.Fatal("one more is within the bound")
	}
	if !attempts.Failed(other) {
		t.Fatal("another address pays for it")
	}
	c.advance(attemptPause)
	if !attempts.Failed(one) || attempts.Failed(one) {
		t.Fatal("after a pause exactly one more is within the bound")
	}
}

func TestIPv6IsCountedByNetwork(t *testing.T) {
	attempts := NewAttempts(newClock().Now)
	for i := range AttemptBurst {
		attempts.Failed(netip.MustParseAddr(fmt.Sprintf("2001:db8::%x", i)))
	}
	if attempts.Failed(netip.MustParseAddr("2001:db8::ffff")) {
		t.Fatal("a host got a bound for each of its addresses")
	}
}

func TestAddressesRememberedAreBounded(t *testing.T) {
	c := newClock()
	attempts := NewAttempts(c.Now)
	for i := range maxAddresses * 2 {
		attempts.Failed(netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}))
		c.advance(time.Microsecond)
	}
	if len(attempts.byAddr) > maxAddresses || attempts.recent.Len() != len(attempts.byAddr) {
		t.Fatalf("%d addresses remembered, %d in order; at most %d", len(attempts.byAddr), attempts.recent.Len(), maxAddresses)
	}
}
