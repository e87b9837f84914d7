package desk

import (
	"sync"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/jieli-gateway/jieli/gateway/store"
	jieliv1 "github.com/jieli-gateway/jieli/proto/jieli/v1"
)

// recentEntries bounds how many of the newest feed entries are kept in memory, some 600 bytes each.
const recentEntries = 4096

// recent is the newest end of the feed as it is shown, so that those who follow it cost the store nothing. It holds no
// words: an entry that has some reads them from the store each time, where they may have been erased since.
//
// What it hands out is shared and must not be changed.
type recent struct {
	mu      sync.RWMutex
	entries [recentEntries]*recentEntry // by sequence, modulo their number
	end     int64                       // the newest sequence, 0 before the first
	start   int64                       // the oldest that is here
	records map[eventKey]int64          // the entry that showed an event first
}

// recentEntry is one entry; nil stands for one that can only be shown from the store.
type recentEntry struct {
	seq   int64
	shown *jieliv1.FeedEntry
	words bool
}

// eventKey names an event of a ticket.
type eventKey struct {
	ticket string
	number uint32
}

// atHand is what a step knows of its ticket, and event, when it writes a feed row.
type atHand struct {
	number, externalID, origin string
	// record of the event; nil where the row speaks of an earlier one.
	record *jieliv1.EventRecord
}

func newRecent() *recent { return &recent{records: map[eventKey]int64{}} }

// add takes the rows of a commit.
func (r *recent) add(rows []*store.FeedRow, cursor func(int64) string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, row := range rows {
		if row.Seq != r.end+1 {
			r.start = row.Seq
			clear(r.records)
		}
		r.put(row.Seq, r.entry(row, cursor))
	}
}

// put keeps an entry in the place of the one that is too old now.
func (r *recent) put(seq int64, e *recentEntry) {
	place := &r.entries[seq%recentEntries]
	if old := *place; old != nil {
		if key := keyOf(old.shown); r.records[key] == old.seq {
			delete(r.records, key)
		}
	}
	*place, r.end = e, seq
	r.start = max(r.start, seq-recentEntries+1)
	if e != nil && e.shown.GetKind() == jieliv1.FeedEntry_EVENT {
		r.records[keyOf(e.shown)] = seq
	}
}

func keyOf(e *jieliv1.FeedEntry) eventKey {
	return eventKey{e.GetTicketId(), e.GetEvent().GetNumber()}
}

// entry makes what is shown of a row, or nil when not all of it is at hand.
func (r *recent) entry(row *store.FeedRow, cursor func(int64) string) *recentEntry {
	have, ok := row.AtHand.(*atHand)
	if !ok {
		return nil
	}
	e := &recentEntry{seq: row.Seq, shown: &jieliv1.FeedEntry{
		Cursor: cursor(row.Seq), Kind: row.Kind, TicketId: row.TicketID, Number: have.number, ExternalId: have.externalID,
		Origin: have.origin, Holder: row.Holder, State: row.State, Reason: row.Reason, Time: timestamppb.New(row.Time),
		Event: have.record,
	}}
	if row.EventNumber == 0 {
		return e
	}
	if have.record == nil {
		seq, ok := r.records[eventKey{row.TicketID, row.EventNumber}]
		if !ok {
			return nil
		}
		e.shown.Event = r.entries[seq%recentEntries].shown.GetEvent()
	}
	e.words = saysWords(e.shown.GetEvent().GetKind())
	return e
}

// after gives up to limit entries after a sequence; ok is false when they must be read from the store.
func (r *recent) after(seq int64, limit int) (found []*recentEntry, ok bool) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	if r.end == 0 || seq+1 < r.start || seq > r.end {
		return nil, false
	}
	for next := seq + 1; next <= r.end && len(found) < limit; next++ {
		e := r.entries[next%recentEntries]
		if e == nil {
			return found, len(found) > 0
		}
		found = append(found, e)
	}
	return found, true
}
