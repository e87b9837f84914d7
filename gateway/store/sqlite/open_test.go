package sqlite

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/jieli-gateway/jieli/gateway/store"
	"github.com/jieli-gateway/jieli/gateway/store/storetest"
)

func TestOneProcessHasTheDirectory(t *testing.T) {
	dir := t.TempDir()
	s := openTest(t, Options{Dir: dir})
	_, err := Open(t.Context(), Options{Dir: dir})
	if !errors.Is(err, store.ErrInUse) {
		t.Fatalf("a second open: %v, want ErrInUse", err)
	}
	for _, want := range []string{dir, fmt.Sprint(os.Getpid())} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q does not say %s", err, want)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := openTest(t, Options{Dir: dir}).Close(); err != nil {
		t.Fatal(err)
	}
}

// newerMigration records a migration this binary does not know.
func newerMigration(t *testing.T, s *Store, oldest int64) {
	t.Helper()
	err := s.Update(t.Context(), func(tx store.Tx) error {
		g := groupOf(tx)
		_, err := g.exec(`INSERT INTO migration (number, name, oldest, time) VALUES (9999, '9999_later.sql', ?, 0)`, oldest)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func groupOf(t store.Tx) *group { return t.(*tx).group }

func TestNewerStoreIsLeftAlone(t *testing.T) {
	for _, c := range []struct {
		name   string
		killed bool
	}{{"closed", false}, {"killed, with a log to read back", true}} {
		t.Run(c.name, func(t *testing.T) {
			s := openTest(t, Options{})
			newerMigration(t, s, 9999)
			dir := s.opts.Dir
			if c.killed {
				dir = copyDir(t, dir)
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			before := hashes(t, dir)
			_, err := Open(t.Context(), Options{Dir: dir})
			if !errors.Is(err, store.ErrNewer) || !strings.Contains(err.Error(), dir) || !strings.Contains(err.Error(), "9999_later.sql") {
				t.Fatalf("open: %v, want ErrNewer with the directory and the migration", err)
			}
			after := hashes(t, dir)
			for name, h := range before {
				// The lock names its newest holder; -shm is an index of the log that any reader makes anew.
				if name != "LOCK" && !strings.HasSuffix(name, "-shm") && after[name] != h {
					t.Errorf("%s was changed", name)
				}
			}
		})
	}
}

func TestNewerStoreThatThisBinaryMayRunOn(t *testing.T) {
	s := openTest(t, Options{})
	newerMigration(t, s, 1)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := openTest(t, Options{Dir: s.opts.Dir}).Close(); err != nil {
		t.Fatal(err)
	}
}

func copyDir(t *testing.T, from string) string {
	t.Helper()
	to := t.TempDir()
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
	return to
}

func hashes(t *testing.T, dir string) map[string][32]byte {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	h := map[string][32]byte{}
	for _, e := range entries {
		b, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		h[e.Name()] = sha256.Sum256(b)
	}
	return h
}

func TestDirectoriesThatCannotBeUsed(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	foreign := t.TempDir()
	if err := os.WriteFile(filepath.Join(foreign, fileName), []byte(strings.Repeat("not a database ", 500)), 0o600); err != nil {
		t.Fatal(err)
	}
	locked := t.TempDir()
	if err := os.Mkdir(filepath.Join(locked, "LOCK"), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ name, dir string }{
		{"none given", ""},
		{"under a file", filepath.Join(file, "data")},
		{"on a file system that takes nothing", "/proc/jieli"},
		{"with another program's file", foreign},
		{"with a lock that is no file", locked},
		{"read-only", readOnlyDir(t)},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, err := Open(t.Context(), Options{Dir: c.dir})
			if err == nil {
				s.Close()
				if c.name == "read-only" && os.Getuid() == 0 {
					return // nothing is read-only to root
				}
				t.Fatal("it was opened")
			}
			if !strings.Contains(err.Error(), c.dir) {
				t.Errorf("%q does not name %s", err, c.dir)
			}
		})
	}
}

func readOnlyDir(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o500); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestDirectoryNamesOfAllKinds(t *testing.T) {
	for _, name := range []string{"with space", "a?b=c&mode=ro", "50%25", "#1", "数据"} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), name)
			s := openTest(t, Options{Dir: dir})
			if err := s.Update(t.Context(), func(tx store.Tx) error { return tx.PutTicket(storetest.Ticket("t1")) }); err != nil {
				t.Error(err)
			}
			if err := s.Close(); err != nil {
				t.Error(err)
			}
			if _, err := os.Stat(filepath.Join(dir, fileName)); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestReopened(t *testing.T) {
	clock := storetest.NewClock()
	o := Options{Dir: t.TempDir(), Now: clock.Now}
	var first, second *Store
	write := func(s *Store) (ticket *store.Ticket, counter, seq uint64, feed int64) {
		t.Helper()
		ticket = storetest.Ticket("t1")
		err := s.Update(t.Context(), func(tx store.Tx) (err error) {
			if err = tx.PutTicket(ticket); err != nil {
				return err
			}
			if counter, err = tx.NextCounter("c"); err != nil {
				return err
			}
			if seq, err = tx.Enqueue(&store.OutboxRow{Peer: "suzhou", Kind: store.OutboxEvent, TicketID: "t1", Number: 1}); err != nil {
				return err
			}
			f := &store.FeedRow{TicketID: "t1"}
			err = tx.PutFeed(f)
			feed = f.Seq
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		return ticket, counter, seq, feed
	}
	first = openTest(t, o)
	before, _, _, _ := write(first)
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	clock.Move(-24 * time.Hour) // somebody sets the clock back
	second = openTest(t, o)
	defer second.Close()
	if second.Epoch() != first.Epoch() {
		t.Errorf("epoch was %s and is %s", first.Epoch(), second.Epoch())
	}
	after, counter, seq, feed := write(second)
	if counter != 2 || seq != 2 || feed != 2 || after.Changed <= before.Changed {
		t.Errorf("counter %d, sequence %d, feed %d, changed %d after %d", counter, seq, feed, after.Changed, before.Changed)
	}
	counts, err := counted(t, second)
	if err != nil || counts != 1 {
		t.Errorf("%d tickets are counted (%v), want 1", counts, err)
	}
}

func counted(t *testing.T, s *Store) (n uint64, err error) {
	t.Helper()
	err = s.View(t.Context(), func(r store.Reader) error {
		counts, err := r.CountTickets()
		for _, c := range counts {
			n += c
		}
		return err
	})
	return n, err
}

func TestMigrationsAreNumberedAndSayWhoMayRunBeside(t *testing.T) {
	if _, err := migrations(migrationFiles); err != nil {
		t.Errorf("the embedded ones: %v", err)
	}
	for _, c := range []struct{ name, file, text string }{
		{"a gap", "migrations/0002_b.sql", "-- oldest: 1\n"},
		{"no number", "migrations/first.sql", "-- oldest: 1\n"},
		{"does not say", "migrations/0001_a.sql", "SELECT 1;"},
		{"says a later one", "migrations/0001_a.sql", "-- oldest: 2\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, err := migrations(fstest.MapFS{c.file: {Data: []byte(c.text)}}); err == nil {
				t.Error("it was taken")
			}
		})
	}
}
