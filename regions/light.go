package regions

import "time"

// Light says how near a deadline is.
type Light string

// The lights.
const (
	Green  Light = "GREEN"
	Yellow Light = "YELLOW" // soon due: see YellowFrom
	Red    Light = "RED"    // past due
)

// LightAt returns the light at a moment of something that was started and is due
// then: red from the due moment on, yellow from YellowFrom until then, else green.
// With the zero time for due, which is no deadline, it is green forever.
//
// Shandong's rule, the only one found, turns red on the first working day after the
// deadline; here days off after it are red too.
func LightAt(now, start, due time.Time, calendar *Calendar) Light {
	switch {
	case due.IsZero() || now.Before(YellowFrom(start, due, calendar)):
		return Green
	case now.Before(due):
		return Yellow
	default:
		return Red
	}
}

// YellowFrom returns when the light of something that was started and is due then
// turns yellow: one working day before (Shandong) if it is due at the end of a day,
// as terms in working days are. So yellow begins when the working day before the
// last one ends: for 24:00 on a Monday at 24:00 on the Friday before it.
//
// For a deadline at another time of day, or one that had less than that from the
// start, it is when three quarters of the time are over: a term of 2 clock hours
// turns yellow half an hour before its end. It needs no more than the two moments,
// so it also serves a deadline that was extended or capped by another one.
//
// It returns the zero time for the zero due, and due itself if it is not after
// start.
func YellowFrom(start, due time.Time, calendar *Calendar) time.Time {
	if due.IsZero() || !due.After(start) {
		return due
	}
	last := LastDay(due)
	if due.Equal(endOf(last)) {
		before, _ := calendar.AddWorkdays(last, -1)
		if warn := endOf(before); before != 0 && warn.After(start) {
			return warn
		}
	}
	return due.Add(-due.Sub(start) / 4).UTC()
}
