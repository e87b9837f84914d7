package sqlite

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jieli-gateway/jieli/gateway/store"
	"github.com/jieli-gateway/jieli/gateway/store/storetest"
	jieliv1 "github.com/jieli-gateway/jieli/proto/jieli/v1"
)

// TestDiskFull: a group that cannot be written fails whole, and the writer goes on.
func TestDiskFull(t *testing.T) {
	s := openTest(t, Options{Sealer: &storetest.Sealer{}})
	defer s.Close()
	pages := func(n int64) {
		t.Helper()
		err := s.Update(t.Context(), func(tx store.Tx) error {
			return groupOf(tx).c.each(fmt.Sprintf(`PRAGMA max_page_count = %d`, n), nil, func(row) error { return nil })
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	write := func(from, writers int) (failed []error) {
		var mu sync.Mutex
		var ready, wg sync.WaitGroup
		ready.Add(writers)
		for i := range writers {
			wg.Go(func() {
				ready.Done()
				err := s.Update(t.Context(), func(tx store.Tx) error {
					ready.Wait()
					id := fmt.Sprintf("t%d", from+i)
					err := writeWhole(tx, id, false)
					if err == nil {
						err = tx.PutContent(&store.Content{TicketID: id, Number: 1, Name: "text", Data: make([]byte, 100_000)})
					}
					if i%2 == 0 {
						return nil // a function cannot talk a failure away
					}
					return err
				})
				if err != nil {
					mu.Lock()
					failed = append(failed, err)
					mu.Unlock()
				}
			})
		}
		wg.Wait()
		return failed
	}
	if failed := write(0, 2); len(failed) > 0 {
		t.Fatal(failed)
	}
	pages(1) // as many as there are
	failed := write(100, 10)
	if len(failed) != 10 {
		t.Errorf("%d of 10 updates failed on a full disk", len(failed))
	}
	for _, err := range failed {
		if !strings.Contains(err.Error(), "full") {
			t.Errorf("%v does not say that the disk is full", err)
		}
	}
	pages(1 << 30)
	if failed := write(200, 2); len(failed) > 0 {
		t.Fatal(failed)
	}
	err := s.View(t.Context(), func(r store.Reader) error {
		for id, want := range map[string]bool{"t0": true, "t1": true, "t100": false, "t109": false, "t200": true, "t201": true} {
			if _, err := r.Ticket(id); (err == nil) != want {
				t.Errorf("ticket %s: %v, want it there: %t", id, err, want)
			}
		}
		rows, err := r.Outbox("suzhou", 0, 100)
		end, err2 := r.FeedEnd()
		if len(rows) != 4 || rows[3].Seq != 4 || end != 4 {
			t.Errorf("%d outbox rows, feed to %d, want 4 without gaps", len(rows), end)
		}
		return errors.Join(err, err2)
	})
	if err != nil {
		t.Error(err)
	}
}

// TestErasedBytesAreGone: what was erased is in no file any more, short or long.
func TestErasedBytesAreGone(t *testing.T) {
	for _, c := range []struct {
		name string
		gone func(*testing.T, *Store, [][]byte)
	}{
		{"after closing", func(t *testing.T, s *Store, secrets [][]byte) {
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			if name := findIn(t, s.opts.Dir, secrets); name != "" {
				t.Errorf("%s still has what was erased", name)
			}
		}},
		{"soon, while open", func(t *testing.T, s *Store, secrets [][]byte) {
			defer s.Close()
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			for findIn(t, s.opts.Dir, secrets) != "" {
				if ctx.Err() != nil {
					t.Fatal("the files still have what was erased")
				}
				runtime.Gosched()
			}
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := openTest(t, Options{tidyInterval: 5 * time.Millisecond})
			secrets := [][]byte{secret(40), secret(3000), secret(60_000)}
			put := func(data func(int) []byte, absence jieliv1.Content_Absence) {
				t.Helper()
				err := s.Update(t.Context(), func(tx store.Tx) error {
					for i := range secrets {
						err := tx.PutContent(&store.Content{
							TicketID: "t1", Number: uint32(i), Name: "reporter", Data: data(i), Absence: absence,
						})
						if err != nil {
							return err
						}
					}
					return nil
				})
				if err != nil {
					t.Fatal(err)
				}
			}
			put(func(i int) []byte { return secrets[i] }, jieliv1.Content_PRESENT)
			if findIn(t, s.opts.Dir, secrets) == "" {
				t.Fatal("the secrets cannot be found even before they are erased")
			}
			put(func(int) []byte { return nil }, jieliv1.Content_ERASED)
			c.gone(t, s, secrets)
		})
	}
}

func secret(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails
	return b
}

// findIn names a file that has a piece of a secret. Pieces are short, for pages cut them.
func findIn(t *testing.T, dir string, secrets [][]byte) string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		b, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range secrets {
			for at := 0; at+16 <= len(s); at += 500 {
				if bytes.Contains(b, s[at:at+16]) {
					return e.Name()
				}
			}
		}
	}
	return ""
}

// TestLogIsBounded: however much is written, the write-ahead log is used again from its beginning, also when views
// overlap all the time; a view that never ends only puts that off.
func TestLogIsBounded(t *testing.T) {
	if storetest.Race {
		t.Skip("writes 300 MB")
	}
	s := openTest(t, Options{})
	defer s.Close()
	written := uint32(0)
	write := func(megabytes int) {
		t.Helper()
		data := make([]byte, 500_000)
		for range 2 * megabytes {
			written++
			err := s.Update(t.Context(), func(tx store.Tx) error {
				return tx.PutContent(&store.Content{TicketID: "t1", Number: written, Name: "text", Data: data})
			})
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	logIs := func(what string, most int64) {
		t.Helper()
		info, err := os.Stat(filepath.Join(s.opts.Dir, fileName+"-wal"))
		if err != nil {
			t.Fatal(err)
		}
		if info.Size() > most {
			t.Errorf("%s the log has %d bytes, want at most %d", what, info.Size(), most)
		}
	}
	write(60)
	logIs("without views", 20<<20)

	var stop atomic.Bool
	var views sync.WaitGroup
	for range 3 {
		views.Go(func() {
			for !stop.Load() {
				err := s.View(t.Context(), func(r store.Reader) error {
					for range 10 {
						if _, err := r.Events("t1", 0); err != nil {
							return err
						}
					}
					return nil
				})
				if err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	write(100)
	logIs("under overlapping views", forceAt*pageBytes+10<<20)
	stop.Store(true)
	views.Wait()

	err := s.View(t.Context(), func(r store.Reader) error {
		_, err := r.FeedEnd()
		write(100) // goes on
		return err
	})
	if err != nil {
		t.Error(err)
	}
	write(40)
	logIs("after a long view", forceAt*pageBytes)

	u, err := s.Usage()
	if err != nil || u.Bytes < 300_000_000 {
		t.Errorf("usage %+v (%v), want more than 300 MB", u, err)
	}
}

// TestFullQueue: whoever finds no room waits as long as the context allows, and is told that nothing has run.
func TestFullQueue(t *testing.T) {
	s := openTest(t, Options{maxWaiting: 2})
	defer s.Close()
	running, release := make(chan struct{}), make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := s.Update(t.Context(), func(store.Tx) error { close(running); <-release; return nil }); err != nil {
			t.Error(err)
		}
	})
	<-running
	for range 2 {
		wg.Go(func() {
			if err := s.Update(t.Context(), func(store.Tx) error { return nil }); err != nil {
				t.Error(err)
			}
		})
	}
	for len(s.writer.queue) < 2 {
		runtime.Gosched()
	}
	ctx, cancel := context.WithCancel(t.Context())
	full := make(chan error)
	go func() {
		full <- s.Update(ctx, func(store.Tx) error { t.Error("it ran"); return nil })
	}()
	cancel()
	if err := <-full; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	ended, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	err := s.Update(ended, func(store.Tx) error { t.Error("it ran"); return nil })
	if !errors.Is(err, store.ErrBusy) || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v, want ErrBusy and the deadline", err)
	}
	close(release)
	wg.Wait()
}

// TestViewsShareConnections: more views than connections wait for one another, and closing waits for them all.
func TestViewsShareConnections(t *testing.T) {
	s := openTest(t, Options{ReadConns: 2})
	inside, release := make(chan struct{}), make(chan struct{})
	errs := make(chan error, 2)
	for range 2 {
		go func() {
			errs <- s.View(t.Context(), func(r store.Reader) error {
				inside <- struct{}{}
				<-release
				_, err := r.FeedEnd()
				return err
			})
		}()
	}
	<-inside
	<-inside
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	if err := s.View(ctx, func(store.Reader) error { return nil }); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a third view: %v", err)
	}
	waiting, closed := make(chan error), make(chan error)
	go func() { waiting <- s.View(context.Background(), func(store.Reader) error { return nil }) }()
	go func() { closed <- s.Close() }()
	if err := <-waiting; err != nil && !errors.Is(err, store.ErrClosed) {
		t.Errorf("a view that waited while the store closed: %v", err)
	}
	close(release)
	for range 2 {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
	if err := <-closed; err != nil {
		t.Error(err)
	}
}

// TestNothingIsReadThrough: no statement that runs often reads a whole table that grows.
func TestNothingIsReadThrough(t *testing.T) {
	recorded := map[string]bool{}
	storetest.Run(t, func(t testing.TB, o storetest.Options) store.Store {
		s := openTest(t, Options{Sealer: o.Sealer, OnCommit: o.OnCommit, Now: o.Now, ReadConns: 1})
		reads := <-s.pool.free
		s.pool.free <- reads
		t.Cleanup(func() { // after the test has closed the store
			for _, c := range []*conn{s.writer.c, reads} {
				for text := range c.prepared {
					recorded[text] = true
				}
			}
		})
		return s
	})
	s := openTest(t, Options{})
	defer s.Close()
	c, err := s.pool.dial()
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := c.close(); err != nil {
			t.Error(err)
		}
	}()
	checked := 0
	growing := []string{"ticket", "t", "event", "content", "outbox", "o", "feed", "f", "receipt", "peer_receipt", "request", "answered", "decision"}
	for text := range recorded {
		if strings.HasPrefix(text, "PRAGMA") || strings.HasPrefix(text, "BEGIN") {
			continue
		}
		checked++
		plan := explain(t, c, text)
		for _, line := range plan {
			table, scan := strings.CutPrefix(line, "SCAN ")
			// The least or greatest key of a table is at its end.
			if scan && slices.Contains(growing, table) && !strings.Contains(text, "max(") && !strings.Contains(text, "min(") {
				t.Errorf("%s\nreads all of %s", text, table)
			}
		}
	}
	if checked < 60 {
		t.Errorf("only %d statements were seen", checked)
	}
}

func explain(t *testing.T, c *conn, text string) (plan []string) {
	t.Helper()
	values := make(row, strings.Count(text, "?"))
	for i := range values {
		values[i] = int64(0)
	}
	err := c.each("EXPLAIN QUERY PLAN "+text, values, func(r row) error {
		plan = append(plan, r.text(3))
		return nil
	})
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return plan
}
