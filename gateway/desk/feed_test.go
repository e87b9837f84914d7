package desk

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"

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
		if held := heldMiB() - before; held > 10 {
			t.Errorf("holds %.1f MiB", held)
		}
		return errGone
	})
	if !errors.Is(err, errGone) {
		t.Error(err)
	}
}
