package memory_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jieli-gateway/jieli/gateway/store"
	"github.com/jieli-gateway/jieli/gateway/store/memory"
	"github.com/jieli-gateway/jieli/gateway/store/storetest"
)

func put(t *testing.T, s store.Store, id string) error {
	t.Helper()
	return s.Update(t.Context(), func(tx store.Tx) error {
		if err := tx.AppendEvent(storetest.Event(id, 1)); err != nil {
			return err
		}
		return tx.PutTicket(storetest.Ticket(id))
	})
}

func has(t *testing.T, s store.Store, id string) bool {
	t.Helper()
	var found bool
	err := s.View(t.Context(), func(r store.Reader) error {
		_, err := r.Ticket(id)
		found = err == nil
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// TestClone: an image has every completed update and none under way, and does not change afterwards.
func TestClone(t *testing.T) {
	s := memory.New(memory.Options{})
	if err := put(t, s, "t1"); err != nil {
		t.Fatal(err)
	}
	var during *memory.Image
	err := s.Update(t.Context(), func(tx store.Tx) error {
		err := tx.PutTicket(storetest.Ticket("t2"))
		during = s.Clone()
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		image *memory.Image
		want  []bool
	}{
		"taken during the second update": {during, []bool{true, false, true}},
		"taken after it":                 {s.Clone(), []bool{true, true, true}},
	} {
		t.Run(name, func(t *testing.T) {
			again := memory.New(memory.Options{From: c.image})
			if again.Epoch() != s.Epoch() {
				t.Error("the epoch changed")
			}
			if err := put(t, again, "t3"); err != nil {
				t.Fatal(err)
			}
			for i, id := range []string{"t1", "t2", "t3"} {
				if got := has(t, again, id); got != c.want[i] {
					t.Errorf("%s is there: %t", id, got)
				}
			}
			if has(t, s, "t3") {
				t.Error("what is written to a copy appeared in the original")
			}
		})
	}
}

// TestHooks: before a commit nothing is durable, after it everything is, whatever its caller is told.
func TestHooks(t *testing.T) {
	broken := errors.New("disk is gone")
	var before, after *memory.Image
	var s *memory.Store
	var fail error
	s = memory.New(memory.Options{
		BeforeCommit: func() error { before = s.Clone(); return fail },
		AfterCommit:  func() { after = s.Clone() },
	})
	if err := put(t, s, "t1"); err != nil {
		t.Fatal(err)
	}
	if has(t, memory.New(memory.Options{From: before}), "t1") || !has(t, memory.New(memory.Options{From: after}), "t1") {
		t.Error("the ticket is durable before the commit, or not after it")
	}
	fail = broken
	if err := put(t, s, "t2"); !errors.Is(err, broken) {
		t.Errorf("got %v, want the hook's error", err)
	}
	if has(t, s, "t2") {
		t.Error("a failed commit was kept")
	}
}

// TestInFakeTime: who waits for another's update waits in the bubble, so that time goes on.
func TestInFakeTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := memory.New(memory.Options{BeforeCommit: func() error { time.Sleep(time.Hour); return nil }})
		start := time.Now()
		done := make(chan error)
		for i := range 3 {
			go func() {
				done <- s.Update(context.Background(), func(tx store.Tx) error { return tx.PutTicket(storetest.Ticket(fmt.Sprint("t", i))) })
			}()
		}
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if err := putLate(ctx, s); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v, want the deadline", err)
		}
		for range 3 {
			if err := <-done; err != nil {
				t.Error(err)
			}
		}
		if took := time.Since(start); took != 3*time.Hour {
			t.Errorf("three commits of an hour took %v", took)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
}

func putLate(ctx context.Context, s store.Store) error {
	return s.Update(ctx, func(tx store.Tx) error { return tx.PutTicket(storetest.Ticket("late")) })
}
