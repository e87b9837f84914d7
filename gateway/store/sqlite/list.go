package sqlite

import (
	"database/sql/driver"
	"math"
	"slices"
	"time"

	"github.com/jieli-gateway/jieli/gateway/store"
	jieliv1 "github.com/jieli-gateway/jieli/proto/jieli/v1"
)

// place is where a ticket stands in the order of lists.
type place struct {
	changed, n int64
}

// ListTickets goes by one index, (state, holder, changed, …): within one state and holder it is in the order wanted. What a
// filter leaves open is many such ranges, as many as there are kinds of tickets (a few states times the regions dealt
// with); their beginnings are merged, and once limit tickets are found the later ranges are read only up to the last of
// them. So any filter by state, holder and time reads about limit rows, however many tickets there are, and writing a
// ticket keeps one index instead of three. Origin, service and division are looked at row by row: within what the
// other fields select. Deadlines stand in the index too: a filter by them reads the index entries of the states in which
// one may run, and no other rows than those it selects.
func (r *reader) ListTickets(f store.Filter, after int64, limit int) ([]*store.Ticket, error) {
	if limit <= 0 {
		return nil, r.usable()
	}
	if !f.UpdatedAfter.IsZero() {
		after = max(after, f.UpdatedAfter.UnixMicro()) // a ticket's Changed is its UpdateTime
	}
	var places []place
	var err error
	if f.ExternalID != "" {
		places, err = r.placesByExternalID(f, after)
	} else {
		places, err = r.placesByKind(f, after, limit)
	}
	if err != nil {
		return nil, err
	}
	places = first(places, limit)
	tickets := make([]*store.Ticket, 0, len(places))
	for _, p := range places {
		t, err := find(r, `SELECT `+ticketColumns+` FROM ticket WHERE n = ?`, []driver.Value{p.n}, r.scanTicket)
		if err != nil {
			return nil, err
		}
		tickets = append(tickets, t)
	}
	return tickets, nil
}

// first sorts places and cuts them.
func first(p []place, limit int) []place {
	slices.SortFunc(p, func(a, b place) int {
		if a.changed < b.changed {
			return -1
		}
		return 1
	})
	return p[:min(limit, len(p))]
}

// placesByExternalID finds all with a number some origin gave: at most one for each origin.
func (r *reader) placesByExternalID(f store.Filter, after int64) ([]place, error) {
	if err := r.usable(); err != nil {
		return nil, err
	}
	var found []place
	err := r.each(`SELECT changed, n, origin, service, division, state, holder, due, yellow, timer, provisional FROM ticket
		WHERE external_id = ?`,
		[]driver.Value{f.ExternalID}, func(row row) error {
			if row.integer(0) > after &&
				f.MatchesMatter(row.text(2), row.text(3), row.text(4)) &&
				(f.State == jieliv1.Ticket_STATE_UNSPECIFIED || int64(f.State) == row.integer(5)) &&
				(f.Holder == "" || f.Holder == row.text(6)) &&
				f.MatchesTimes(jieliv1.Ticket_State(row.integer(5)), row.moment(7), row.moment(8), row.moment(9), row.flag(10)) {
				found = append(found, place{row.integer(0), row.integer(1)})
			}
			return nil
		})
	return found, err
}

// placesByKind finds the first limit places, and perhaps some after them.
func (r *reader) placesByKind(f store.Filter, after int64, limit int) ([]place, error) {
	// Without a filter of the matter the index alone answers.
	text := `SELECT changed, n`
	matter := f.Origin != "" || f.Service != "" || f.Division != ""
	if matter {
		text += `, origin, service, division`
	}
	times, bounds := timesOf(f)
	text += ` FROM ticket WHERE state = ? AND holder = ? AND changed > ? AND changed < ?` + times + ` ORDER BY changed`
	kinds, err := r.kinds(f)
	if err != nil {
		return nil, err
	}
	var found []place
	before := int64(math.MaxInt64)
	for _, k := range kinds {
		have := 0
		err := r.each(text, append([]driver.Value{int64(k.state), k.holder, after, before}, bounds...), func(row row) error {
			if matter && !f.MatchesMatter(row.text(2), row.text(3), row.text(4)) {
				return nil
			}
			found = append(found, place{row.integer(0), row.integer(1)})
			if have++; have == limit {
				return errStop
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
		if found = first(found, limit); len(found) == limit {
			before = found[limit-1].changed
		}
	}
	return found, nil
}

// timesOf is the part of a condition that a filter's times make, with its values. NULL satisfies none of it.
func timesOf(f store.Filter) (text string, values []driver.Value) {
	add := func(condition string, at time.Time) {
		text += ` AND ` + condition
		values = append(values, at.UnixMicro())
	}
	if !f.DueBefore.IsZero() {
		add(`due < ?`, f.DueBefore.Add(time.Microsecond-1)) // times of tickets are whole microseconds
	}
	if !f.TimerUntil.IsZero() {
		add(`timer <= ?`, f.TimerUntil)
	}
	switch f.Light {
	case jieliv1.Ticket_RED:
		add(`due <= ?`, f.At)
	case jieliv1.Ticket_YELLOW:
		add(`due > ?`, f.At)
		add(`yellow <= ?`, f.At)
	case jieliv1.Ticket_GREEN:
		add(`due > ?`, f.At)
		add(`yellow > ?`, f.At)
	}
	if f.Provisional {
		text += ` AND provisional = 1`
	}
	return text, values
}

// kinds lists the kinds of tickets a filter may select, without regard to test.
func (r *reader) kinds(f store.Filter) ([]kind, error) {
	seen := map[kind]bool{}
	var kinds []kind
	err := r.counts(func(k kind, _ int64) {
		k.test = false
		if seen[k] ||
			f.ByTimes() && store.Resting(k.state) ||
			f.State != jieliv1.Ticket_STATE_UNSPECIFIED && k.state != f.State ||
			f.Holder != "" && k.holder != f.Holder {
			return
		}
		seen[k] = true
		kinds = append(kinds, k)
	})
	return kinds, err
}
