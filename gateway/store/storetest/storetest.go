// Package storetest holds what every engine of gateway/store must pass.
package storetest

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/jieli-gateway/jieli/gateway/store"
	jieliv1 "github.com/jieli-gateway/jieli/proto/jieli/v1"
)

// Options of a store under test.
type Options struct {
	Sealer   store.Sealer
	OnCommit func(store.Changes)
	// Now is nil for the wall clock.
	Now func() time.Time
}

// Factory opens an empty store.
type Factory func(t testing.TB, o Options) store.Store

// Run runs the suite.
func Run(t *testing.T, open Factory) {
	for _, c := range []struct {
		name string
		test func(*testing.T, Factory)
	}{
		{"a ticket is found by id, number and external id", ticketLookups},
		{"a ticket's unique values are its own", ticketConflicts},
		{"what is handed in and out is copied", copies},
		{"lists are in order of change and page without gaps", listPages},
		{"lists select by each field", listFilters},
		{"lists select by deadlines", listTimes},
		{"tickets are counted by state and holder", counts},
		{"tickets that wait for a route are listed", waitingTickets},
		{"events are read back as they were", events},
		{"an event number is used once", eventConflicts},
		{"each own event gets a proof, with one signature a commit", sealing},
		{"a signature that fails keeps nothing", sealingFails},
		{"content is replaced and erased", contents},
		{"counters count from one", counters},
		{"outbox sequences have no gaps, each peer its own", outbox},
		{"an outbox row is emptied in place", emptyOutboxRow},
		{"a link's state is kept beside its last sequence", links},
		{"receipts are read in order", receipts},
		{"the feed has no gaps", feed},
		{"open requests are read oldest first", requests},
		{"an offer is decided once", decisions},
		{"answered request ids are remembered", answered},
		{"evidence is kept and dropped", evidence},
		{"stopped tickets are listed", stopped},
		{"the oldest beyond the bounds are pruned", prune},
		{"a failed update leaves nothing and disturbs nobody", undo},
		{"an update reads its own writes", readsOwnWrites},
		{"a panic goes on at its caller and leaves nothing", panics},
		{"a view is a snapshot", snapshot},
		{"a commit tells what it changed", changes},
		{"a context ends a wait", contexts},
		{"a transaction is over when its function returns", over},
		{"a closed store says so", closed},
		{"sizes are told", usage},
		{"many write and read at once", concurrent},
	} {
		t.Run(c.name, func(t *testing.T) { c.test(t, open) })
	}
}

// Sealer is a sealer whose proofs can be checked without keys. Safe for concurrent use.
type Sealer struct {
	// Err, when set, is what Seal returns.
	Err error

	mu    sync.Mutex
	calls int
}

// Seal implements store.Sealer: the root is a hash over all hashes.
func (s *Sealer) Seal(hashes [][32]byte) ([]*jieliv1.BatchProof, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls++
	if s.Err != nil {
		return nil, s.Err
	}
	root := sha256.New()
	for _, h := range hashes {
		root.Write(h[:])
	}
	fmt.Fprintf(root, "%d", s.calls)
	proofs := make([]*jieliv1.BatchProof, len(hashes))
	for i := range proofs {
		proofs[i] = &jieliv1.BatchProof{
			KeyId: "test", Root: root.Sum(nil), Signature: []byte("signature"),
			Size: uint32(len(hashes)), Index: uint32(i), Path: [][]byte{hashes[i][:]},
		}
	}
	return proofs, nil
}

// Calls is how often Seal was called.
func (s *Sealer) Calls() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.calls
}

// Clock is a clock that stands still until it is moved. Safe for concurrent use.
type Clock struct {
	mu  sync.Mutex
	now time.Time
}

// NewClock starts on a winter morning in Tianjin.
func NewClock() *Clock {
	return &Clock{now: time.Date(2026, 11, 24, 1, 0, 0, 0, time.UTC)}
}

// Now tells the time.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// Move moves the clock, back too.
func (c *Clock) Move(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// Ticket makes a ticket of Tianjin, held there.
func Ticket(id string) *store.Ticket {
	return &store.Ticket{
		State: &jieliv1.TicketState{
			Id: id, Number: "N-" + id, ExternalId: "X-" + id, Origin: "tianjin", Pen: "tianjin", LastNumber: 1,
			State: jieliv1.Ticket_ACCEPTED, Service: "urban.housing", Division: "120101", Round: 1,
		},
		Holder: "tianjin",
	}
}

// Event makes an event of Tianjin, unsigned.
func Event(ticketID string, number uint32) *store.Event {
	b := fmt.Appendf(nil, "event %d of %s", number, ticketID)
	return &store.Event{
		TicketID: ticketID, Number: number, Kind: jieliv1.Event_NOTED, Author: "tianjin",
		Hash: sha256.Sum256(b), Bytes: b, Actor: "system/li",
	}
}

// openStore opens a store that the test closes at its end, if it has not itself.
func openStore(t testing.TB, open Factory, o Options) store.Store {
	t.Helper()
	s := open(t, o)
	t.Cleanup(func() {
		if err := s.Close(); err != nil && !errors.Is(err, store.ErrClosed) {
			t.Errorf("close: %v", err)
		}
	})
	return s
}

// update runs an update that must succeed.
func update(t testing.TB, s store.Store, fn func(store.Tx) error) {
	t.Helper()
	if err := s.Update(t.Context(), fn); err != nil {
		t.Fatalf("update: %v", err)
	}
}

// view runs a view that must succeed.
func view(t testing.TB, s store.Store, fn func(store.Reader) error) {
	t.Helper()
	if err := s.View(t.Context(), fn); err != nil {
		t.Fatalf("view: %v", err)
	}
}

// wantErr checks the kind of an error.
func wantErr(t testing.TB, what string, got, want error) {
	t.Helper()
	if !errors.Is(got, want) {
		t.Errorf("%s: got error %v, want %v", what, got, want)
	}
}

// equal compares two values by what they print.
func equal(t testing.TB, what string, got, want any) {
	t.Helper()
	g, w := fmt.Sprintf("%+v", got), fmt.Sprintf("%+v", want)
	if g != w {
		t.Errorf("%s:\n got %s\nwant %s", what, g, w)
	}
}

// all runs writes one after the other and stops at the first that fails.
func all(errs ...error) error { return errors.Join(errs...) }

// background is for what outlives a test's own context.
func background() (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.Background(), time.Minute)
}
