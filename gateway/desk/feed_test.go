package desk

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/jieli-gateway/jieli/gateway/fault"
	"github.com/jieli-gateway/jieli/gateway/store"
	jieliv1 "github.com/jieli-gateway/jieli/proto/jieli/v1"
)

// heldMiB is what the heap holds now.
func heldMiB() float64 {
	runtime.GC()
	var s runtime.MemStats
	runtime.ReadMemStats(&s)
	return float64(s.HeapAlloc) / (1 << 20)
}

// A reader that takes nothing costs little memory, however long the texts are that wait for it.
func TestSlowReadersHoldLittle(t *testing.T) {
	w := newWorld(t)
	w.full["changsanjiao"] = true // they stay here
	d := w.desks["jingjinji"].desk
	longest := strings.Repeat("长", maxText)
	for i := range 30 {
		call := suzhou()
		call.ExternalId = fmt.Sprint("A-", i)
		res, err := w.submit("jingjinji", call)
		w.must(err)
		for range 25 {
			_, err := d.Note(w.ctx, operator, &jieliv1.NoteTicketRequest{Id: res.GetTicket().GetId(), Text: longest})
			w.must(err)
		}
	}
	errGone := errors.New("gone")
	before := heldMiB()
	err := d.Watch(w.ctx, "", func(*jieliv1.FeedEntry) error {
		if held := heldMiB() - before; held > 3 {
			t.Errorf("holds %.1f MiB", held)
		}
		return errGone
	})
	if !errors.Is(err, errGone) {
		t.Error(err)
	}
}

// A reader so slow that entries are dropped meanwhile is told, and does not go on past them.
func TestSlowReadersMissNothingSilently(t *testing.T) {
	w := newWorld(t)
	w.full["changsanjiao"] = true
	p := w.desks["jingjinji"]
	for i := range watchPart + 20 {
		call := suzhou()
		call.ExternalId = fmt.Sprint("A-", i)
		_, err := w.submit("jingjinji", call)
		w.must(err)
	}
	p.desk.recent = newRecent() // as after a start
	seen := 0
	err := p.desk.Watch(t.Context(), "", func(*jieliv1.FeedEntry) error {
		if seen++; seen == 1 {
			p.update(func(tx store.Tx) error {
				_, err := tx.Prune(store.Bounds{Feed: 5}, 1000)
				return err
			})
		}
		if seen > watchPart {
			return errors.New("went on")
		}
		return nil
	})
	if fault.ReasonOf(err) != "CURSOR_OUT_OF_RANGE" || seen != watchPart {
		t.Errorf("after %d entries: %v", seen, err)
	}
}
