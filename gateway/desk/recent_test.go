package desk

import (
	"fmt"
	"slices"
	"testing"

	"github.com/jieli-gateway/jieli/gateway/store"
	jieliv1 "github.com/jieli-gateway/jieli/proto/jieli/v1"
)

// feedRow is a row of an event with all of it at hand, or, bare, with nothing.
func feedRow(seq int64, bare bool) *store.FeedRow {
	f := &store.FeedRow{Seq: seq, Kind: jieliv1.FeedEntry_EVENT, TicketID: fmt.Sprint("t", seq), EventNumber: 1}
	if !bare {
		f.AtHand = &atHand{record: &jieliv1.EventRecord{TicketId: f.TicketID, Number: 1, Kind: jieliv1.Event_RECEIVED}}
	}
	return f
}

func TestRecentEntries(t *testing.T) {
	cursor := func(seq int64) string { return fmt.Sprint(seq) }
	many := func(from, to int64) (rows []*store.FeedRow) {
		for seq := from; seq <= to; seq++ {
			rows = append(rows, feedRow(seq, false))
		}
		return rows
	}
	for _, tc := range []struct {
		name   string
		rows   [][]*store.FeedRow
		after  int64
		limit  int
		want   []int64
		fromDB bool
	}{
		{name: "nothing was ever written", after: 0, limit: 9, fromDB: true},
		{name: "from the first", rows: [][]*store.FeedRow{many(1, 3)}, after: 0, limit: 9, want: []int64{1, 2, 3}},
		{name: "at most so many", rows: [][]*store.FeedRow{many(1, 3)}, after: 1, limit: 1, want: []int64{2}},
		{name: "nothing new", rows: [][]*store.FeedRow{many(1, 3)}, after: 3, limit: 9, want: nil},
		{name: "a cursor ahead", rows: [][]*store.FeedRow{many(1, 3)}, after: 4, limit: 9, fromDB: true},
		{name: "older than this start of the node", rows: [][]*store.FeedRow{many(100, 102)}, after: 98, limit: 9, fromDB: true},
		{name: "the first since this start of the node", rows: [][]*store.FeedRow{many(100, 102)}, after: 99, limit: 9, want: []int64{100, 101, 102}},
		{name: "after a gap", rows: [][]*store.FeedRow{many(1, 3), many(7, 8)}, after: 2, limit: 9, fromDB: true},
		{name: "past the bound", rows: [][]*store.FeedRow{many(1, recentEntries+5)}, after: 4, limit: 9, fromDB: true},
		{name: "within the bound", rows: [][]*store.FeedRow{many(1, recentEntries+5)}, after: 5, limit: 2, want: []int64{6, 7}},
		{name: "up to one that is not at hand", rows: [][]*store.FeedRow{many(1, 2), {feedRow(3, true)}, many(4, 4)}, after: 0, limit: 9, want: []int64{1, 2}},
		{name: "one that is not at hand", rows: [][]*store.FeedRow{many(1, 2), {feedRow(3, true)}, many(4, 4)}, after: 2, limit: 9, fromDB: true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := newRecent()
			for _, rows := range tc.rows {
				r.add(rows, cursor)
			}
			found, ok := r.after(tc.after, tc.limit)
			if ok == tc.fromDB {
				t.Fatalf("at hand: %t, want %t", ok, !tc.fromDB)
			}
			var got []int64
			for _, e := range found {
				got = append(got, e.seq)
			}
			if !slices.Equal(got, tc.want) {
				t.Errorf("after %d: %v, want %v", tc.after, got, tc.want)
			}
			if len(r.records) > recentEntries {
				t.Errorf("%d records are kept of %d entries", len(r.records), recentEntries)
			}
		})
	}
}

func TestRecentEntryOfAnEarlierEventShowsIt(t *testing.T) {
	r := newRecent()
	offered := feedRow(1, false)
	delivered := &store.FeedRow{Seq: 2, Kind: jieliv1.FeedEntry_DELIVERED, TicketID: offered.TicketID, EventNumber: 1, AtHand: &atHand{}}
	unknown := &store.FeedRow{Seq: 3, Kind: jieliv1.FeedEntry_DELIVERED, TicketID: offered.TicketID, EventNumber: 9, AtHand: &atHand{}}
	r.add([]*store.FeedRow{offered, delivered, unknown}, func(int64) string { return "" })
	found, ok := r.after(1, 9)
	if !ok || len(found) != 1 || found[0].shown.GetEvent().GetNumber() != 1 {
		t.Errorf("the receipt shows %v, want the offer", found)
	}
	if _, ok := r.after(2, 9); ok {
		t.Error("a receipt for an event that is not at hand was shown without it")
	}
}
