package sqlite

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"

	"github.com/jieli-gateway/jieli/gateway/store"
	"github.com/jieli-gateway/jieli/gateway/store/storetest"
)

// writerDir makes the test binary a process that writes to a store there until it is killed.
const writerDir = "JIELI_TEST_WRITER_DIR"

const killWriters = 24

// writeUntilKilled writes tickets with one event, outbox and feed row each, and prints the id of each once it has been
// told that it is durable.
func writeUntilKilled(dir, round string) error {
	s, err := Open(context.Background(), Options{Dir: dir, Sealer: &storetest.Sealer{}})
	if err != nil {
		return err
	}
	var mu sync.Mutex // a line is written whole
	var wg sync.WaitGroup
	for w := range killWriters {
		wg.Go(func() {
			for i := 0; ; i++ {
				id := fmt.Sprintf("%s-%d-%d", round, w, i)
				err := s.Update(context.Background(), func(tx store.Tx) error { return writeWhole(tx, id, i%7 == 6) })
				if i%7 == 6 {
					continue
				}
				mu.Lock()
				if err != nil {
					fmt.Println("error:", err)
				} else {
					fmt.Println(id)
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	return s.Close()
}

// writeWhole writes everything of one ticket, and perhaps fails after it.
func writeWhole(tx store.Tx, id string, fail bool) error {
	if _, err := tx.NextCounter("tickets"); err != nil {
		return err
	}
	if err := tx.AppendEvent(storetest.Event(id, 1)); err != nil {
		return err
	}
	if _, err := tx.Enqueue(&store.OutboxRow{Peer: "suzhou", Kind: store.OutboxEvent, TicketID: id, Number: 1}); err != nil {
		return err
	}
	if err := tx.PutFeed(&store.FeedRow{TicketID: id, EventNumber: 1}); err != nil {
		return err
	}
	if err := tx.PutTicket(storetest.Ticket(id)); err != nil {
		return err
	}
	if fail {
		return io.ErrUnexpectedEOF
	}
	return nil
}

// TestKilled: after kill -9 at any point every update that was acknowledged is there, whole and once.
func TestKilled(t *testing.T) {
	rounds := 10
	if storetest.Race {
		rounds = 2
	}
	dir := t.TempDir()
	random := rand.New(rand.NewPCG(2026, 11))
	acknowledged := map[string]bool{}
	for round := range rounds {
		killWriter(t, dir, fmt.Sprint(round), 1+random.IntN(1500), acknowledged)
		checkWhole(t, dir, acknowledged)
	}
	t.Logf("%d acknowledged updates over %d kills", len(acknowledged), rounds)
}

// killWriter starts a writer and kills it when it has acknowledged so many updates.
func killWriter(t *testing.T, dir, round string, after int, acknowledged map[string]bool) {
	t.Helper()
	cmd := exec.Command(os.Args[0], round)
	cmd.Env = append(os.Environ(), writerDir+"="+dir)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewReader(out)
	for n := 1; ; n++ {
		line, err := lines.ReadString('\n')
		if err != nil { // killed; what is cut off was not acknowledged
			break
		}
		if id := strings.TrimSpace(line); strings.HasPrefix(id, "error") {
			t.Error(id)
		} else {
			acknowledged[id] = true
		}
		if n == after {
			if err := cmd.Process.Kill(); err != nil {
				t.Error(err)
			}
		}
	}
	_ = cmd.Wait() // it was killed
}

func checkWhole(t *testing.T, dir string, acknowledged map[string]bool) {
	t.Helper()
	s := openTest(t, Options{Dir: dir})
	defer s.Close()
	err := s.View(t.Context(), func(r store.Reader) error {
		found := map[string]bool{}
		feed, err := r.Feed(0, 1<<30)
		if err != nil {
			return err
		}
		rows, err := r.Outbox("suzhou", 0, 1<<30)
		if err != nil {
			return err
		}
		if len(rows) != len(feed) {
			t.Errorf("%d outbox rows, %d feed rows", len(rows), len(feed))
		}
		for i, f := range feed {
			if f.Seq != int64(i+1) || rows[i].Seq != uint64(i+1) || rows[i].TicketID != f.TicketID {
				t.Fatalf("row %d: feed %d of %s, outbox %d of %s", i+1, f.Seq, f.TicketID, rows[i].Seq, rows[i].TicketID)
			}
			if found[f.TicketID] {
				t.Errorf("%s was written twice", f.TicketID)
			}
			found[f.TicketID] = true
			events, err := r.Events(f.TicketID, 0)
			if err != nil || len(events) != 1 || events[0].Proof == nil {
				t.Fatalf("%s has %d events (%v), want one with its proof", f.TicketID, len(events), err)
			}
			if _, err := r.Ticket(f.TicketID); err != nil {
				t.Error(err)
			}
		}
		for id := range acknowledged {
			if !found[id] {
				t.Errorf("%s was acknowledged and is lost", id)
			}
		}
		var counted uint64
		counts, err := r.CountTickets()
		for _, n := range counts {
			counted += n
		}
		if int(counted) != len(feed) {
			t.Errorf("%d tickets are counted, %d are there", counted, len(feed))
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
	if err := s.Update(t.Context(), func(tx store.Tx) error {
		n, err := tx.NextCounter("tickets")
		end, err2 := tx.FeedEnd()
		if err == nil && err2 == nil && n <= uint64(end) {
			t.Errorf("counter gives %d again, %d are used", n, end)
		}
		return io.EOF // not kept
	}); !errors.Is(err, io.EOF) {
		t.Error(err)
	}
}
