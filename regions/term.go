package regions

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Limits of a term.
const (
	MaxTermClock    = 366 * 24 * time.Hour
	MaxTermWorkdays = 250 // about a year
)

// Term is how long something may take: in clock hours, which run day and night,
// or in working days. One of the two is set; the zero Term is no limit.
type Term struct {
	Clock    time.Duration
	Workdays int
}

// Hours returns a term of clock hours.
func Hours(n int) Term { return Term{Clock: time.Duration(n) * time.Hour} }

// Minutes returns a term of clock minutes.
func Minutes(n int) Term { return Term{Clock: time.Duration(n) * time.Minute} }

// Workdays returns a term of working days.
func Workdays(n int) Term { return Term{Workdays: n} }

// String is the term as ParseTermText reads it: `3d` for working days, `2h` or `1h30m0s` for clock time, “ for none.
func (t Term) String() string {
	switch {
	case t.IsZero():
		return ""
	case t.Workdays != 0:
		return fmt.Sprintf("%dd", t.Workdays)
	}
	text := t.Clock.String()
	for _, zero := range []string{"m0s", "h0m"} {
		if strings.HasSuffix(text, zero) {
			text = text[:len(text)-2]
		}
	}
	return text
}

// ParseTermText reads a term as people write it: `3d` is working days, `24h`, `30m` and `1h30m` clock time. The error is
// an *InvalidError with Field "term".
func ParseTermText(text string) (Term, error) {
	bad := &InvalidError{Field: "term", Value: text, Rule: "a term is working days, as 3d, or clock time, as 24h or 30m"}
	var t Term
	if days, found := strings.CutSuffix(text, "d"); found {
		n, err := strconv.ParseUint(days, 10, 16)
		if err != nil || n == 0 {
			return Term{}, bad
		}
		t.Workdays = int(n)
		return t, t.Validate()
	}
	clock, err := time.ParseDuration(text)
	if err != nil || clock <= 0 || clock%time.Second != 0 {
		return Term{}, bad
	}
	t.Clock = clock
	return t, t.Validate()
}

// IsZero reports whether there is no limit.
func (t Term) IsZero() bool { return t == Term{} }

// Validate checks that at most one of the two is set, and within the limits. The
// error is an *InvalidError with Field "term".
func (t Term) Validate() error {
	var rule string
	switch {
	case t.Clock != 0 && t.Workdays != 0:
		rule = "a term is in clock hours or in working days, not in both"
	case t.Clock < 0 || t.Clock > MaxTermClock:
		rule = "a term in clock hours has at most 366 days"
	case t.Workdays < 0 || t.Workdays > MaxTermWorkdays:
		rule = "a term in working days has at most 250"
	default:
		return nil
	}
	return &InvalidError{Field: "term", Value: fmt.Sprintf("%s, %d working days", t.Clock, t.Workdays), Rule: rule}
}

// From returns when a term that starts at a moment is over. Clock hours add up,
// through nights, weekends and holidays. Working days are counted from the day
// after the start, in China, and end with the last of them: at 24:00, which is the
// moment at which the next day begins (see LastDay for the day to show). Provisional
// means that the calendar does not settle the days yet: compute again when a newer
// one is loaded. The zero Term is over never, and neither is one beyond the days
// that a Day can be: the zero time.
//
// Where the rules are from: the published rules of the hotlines count from the
// working day after dispatch, but none that was found names the hour at which the
// last day ends. So that is by the general rule of the Civil Code: the first day
// does not count (Article 201), and the last one ends at 24:00, or, where there are
// business hours, when they end (Article 203). A hotline has none: it is open round
// the clock.
func (t Term) From(start time.Time, calendar *Calendar) (due time.Time, provisional bool) {
	if t.Workdays == 0 {
		if t.Clock == 0 {
			return time.Time{}, false
		}
		return start.Add(t.Clock).UTC(), false
	}
	last, provisional := calendar.AddWorkdays(DayOf(start), t.Workdays)
	if last == 0 {
		return time.Time{}, provisional
	}
	return endOf(last), provisional
}

// endOf returns the moment at which a day is over: 24:00 in China.
func endOf(day Day) time.Time { return (day + 1).Start() }

// LastDay returns the last day on which something due at a moment is in time: the
// day to show to people. What is due at 24:00 on 2026-10-13 is due at the very
// moment at which 2026-10-14 begins, and its last day is 2026-10-13.
func LastDay(due time.Time) Day { return DayOf(due.Add(-time.Nanosecond)) }
