package desk

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/jieli-gateway/jieli/gateway/fault"
	"github.com/jieli-gateway/jieli/gateway/store"
	jieliv1 "github.com/jieli-gateway/jieli/proto/jieli/v1"
)

// A cursor is the first 8 characters of the store's epoch, a dash, and the sequence of the last entry seen. After a
// restore the epoch is another one, and an old cursor is OUT_OF_RANGE rather than silently wrong.

// Events reads the feed after a cursor; with wait it waits for a first entry.
func (d *Desk) Events(ctx context.Context, req *jieliv1.ListEventsRequest) (*jieliv1.ListEventsResponse, error) {
	limit, err := pageSize("limit", req.GetLimit())
	if err != nil {
		return nil, err
	}
	wait, err := waitOf(req)
	if err != nil {
		return nil, err
	}
	after, err := d.openCursor(ctx, req.GetAfter())
	if err != nil {
		return nil, err
	}
	deadline := time.NewTimer(wait)
	defer deadline.Stop()
	for {
		rung := d.feed.next()
		entries, end, err := d.entries(ctx, after, limit)
		if err != nil {
			return nil, toFault(err)
		}
		if len(entries) > 0 || wait == 0 {
			return &jieliv1.ListEventsResponse{Entries: entries, Next: d.cursor(end)}, nil
		}
		select {
		case <-rung:
		case <-deadline.C:
			wait = 0
		case <-ctx.Done():
			return nil, ctx.Err() // nothing was to be changed
		}
	}
}

func waitOf(req *jieliv1.ListEventsRequest) (time.Duration, error) {
	if req.GetWait() == nil {
		return 0, nil
	}
	if err := req.GetWait().CheckValid(); err != nil {
		return 0, fault.InvalidFields(fault.Field{Name: "wait", Rule: "must be a duration such as 30s"})
	}
	wait := req.GetWait().AsDuration()
	if wait < 0 || wait > maxWait {
		return 0, fault.InvalidFields(fault.Field{Name: "wait", Rule: fmt.Sprintf("must be 0s to %s", maxWait)})
	}
	return wait, nil
}

// watchPart is how many entries a watcher is given at a time: while it is slow to take them, all of them are in memory, and
// one may have 80 KB.
const watchPart = 25

// Watch sends entries after a cursor until ctx ends or send fails.
func (d *Desk) Watch(ctx context.Context, after string, send func(*jieliv1.FeedEntry) error) error {
	seq, err := d.openCursor(ctx, after)
	if err != nil {
		return err
	}
	for {
		rung := d.feed.next()
		entries, end, err := d.entries(ctx, seq, watchPart)
		if err != nil {
			return toFault(err)
		}
		for _, e := range entries {
			if err := send(e); err != nil {
				return err
			}
		}
		seq = end
		if len(entries) > 0 {
			continue
		}
		select {
		case <-rung:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// entries reads one part of the feed; end is the sequence to go on from.
func (d *Desk) entries(ctx context.Context, after int64, limit int) (entries []*jieliv1.FeedEntry, end int64, err error) {
	if recent, ok := d.recent.after(after, limit); ok {
		entries, err = d.showRecent(ctx, recent)
		return entries, after + int64(len(recent)), err
	}
	return d.storedEntries(ctx, after, limit)
}

// storedEntries reads one part of the feed from the store.
func (d *Desk) storedEntries(ctx context.Context, after int64, limit int) (entries []*jieliv1.FeedEntry, end int64, err error) {
	end = after
	err = d.store.View(ctx, func(r store.Reader) error {
		rows, err := r.Feed(after, limit)
		if err != nil {
			return err
		}
		if after > 0 && len(rows) > 0 && rows[0].Seq != after+1 {
			return errCursorOutOfRange() // what came next was dropped since the reader began
		}
		for _, row := range rows {
			e, err := d.entry(r, row)
			if err != nil {
				return err
			}
			entries, end = append(entries, e), row.Seq
		}
		return nil
	})
	return entries, end, err
}

// showRecent shows entries that are at hand, with the words of those that have some.
func (d *Desk) showRecent(ctx context.Context, recent []*recentEntry) ([]*jieliv1.FeedEntry, error) {
	entries := make([]*jieliv1.FeedEntry, len(recent))
	said := false
	for i, e := range recent {
		entries[i], said = e.shown, said || e.words
	}
	if !said {
		return entries, nil
	}
	return entries, d.store.View(ctx, func(r store.Reader) error {
		for i, e := range recent {
			if !e.words {
				continue
			}
			have, err := contentsOf(r, e.shown.GetTicketId())
			if err != nil {
				return err
			}
			entries[i] = proto.CloneOf(e.shown)
			if err := say(entries[i].GetEvent(), have[contentKey{e.shown.GetEvent().GetNumber(), contentText}]); err != nil {
				return err
			}
		}
		return nil
	})
}

func (d *Desk) entry(r store.Reader, row *store.FeedRow) (*jieliv1.FeedEntry, error) {
	t, err := r.Ticket(row.TicketID)
	if err != nil {
		return nil, fmt.Errorf("ticket %s of feed entry %d: %w", row.TicketID, row.Seq, err)
	}
	e := &jieliv1.FeedEntry{
		Cursor: d.cursor(row.Seq), Kind: row.Kind, TicketId: row.TicketID, Number: t.State.GetNumber(),
		ExternalId: t.State.GetExternalId(), Origin: t.State.GetOrigin(), Holder: row.Holder, State: row.State,
		Reason: row.Reason, Time: timestamppb.New(row.Time),
	}
	if row.EventNumber == 0 {
		return e, nil
	}
	events, err := r.Events(row.TicketID, row.EventNumber)
	if err != nil {
		return nil, err
	}
	if len(events) == 0 || events[0].Number != row.EventNumber {
		return nil, fmt.Errorf("event %d of ticket %s of feed entry %d: %w", row.EventNumber, row.TicketID, row.Seq, store.ErrNotFound)
	}
	var text *store.Content
	if saysWords(events[0].Kind) {
		have, err := contentsOf(r, row.TicketID)
		if err != nil {
			return nil, err
		}
		text = have[contentKey{row.EventNumber, contentText}]
	}
	e.Event, err = record(events[0], text, false)
	return e, err
}

// saysWords tells which kinds of event may have a text beside them.
func saysWords(k jieliv1.Event_Kind) bool {
	switch k {
	case jieliv1.Event_RETURNED, jieliv1.Event_NOTED, jieliv1.Event_ANSWERED, jieliv1.Event_CLOSED,
		jieliv1.Event_REOPENED, jieliv1.Event_WITHDRAWN:
		return true
	}
	return false
}

func (d *Desk) cursor(seq int64) string {
	return d.store.Epoch()[:8] + "-" + strconv.FormatInt(seq, 10)
}

// openCursor reads a cursor and refuses one that the feed cannot go on from.
func (d *Desk) openCursor(ctx context.Context, cursor string) (int64, error) {
	if cursor == "" {
		return 0, nil
	}
	epoch, digits, ok := strings.Cut(cursor, "-")
	seq, err := strconv.ParseInt(digits, 10, 64)
	if !ok || err != nil || seq < 0 || len(epoch) != 8 {
		return 0, fault.InvalidFields(fault.Field{Name: "after", Rule: "is not a cursor of this feed; use `cursor` of an entry or `next` of an answer"})
	}
	if epoch != d.store.Epoch()[:8] {
		return 0, errCursorOutOfRange()
	}
	err = d.store.View(ctx, func(r store.Reader) error {
		start, err := r.FeedStart()
		if err != nil {
			return err
		}
		end, err := r.FeedEnd()
		if err != nil {
			return err
		}
		if seq > end || seq < start-1 {
			return errCursorOutOfRange()
		}
		return nil
	})
	return seq, toFault(err)
}

func errCursorOutOfRange() error {
	return fault.New(fault.OutOfRange, "CURSOR_OUT_OF_RANGE",
		"the feed cannot go on from this cursor: its entries are no longer kept, or this node's store was restored since; read your tickets anew with GET /v1/tickets, then begin with an empty cursor")
}
