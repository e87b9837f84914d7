package regions

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

// at parses a moment in China: at("2026-10-14 00:00").
func at(text string) time.Time {
	t, err := time.Parse("2006-01-02 15:04 -0700", text+" +0800")
	if err != nil {
		panic(err)
	}
	return t
}

func TestTermFrom(t *testing.T) {
	tests := []struct {
		name        string
		term        Term
		start, due  string
		lastDay     string
		provisional bool
	}{
		{"5 working days through National Day", Workdays(5), "2026-09-30 10:00", "2026-10-14 00:00", "2026-10-13", false},
		{"the hour of the start does not count", Workdays(5), "2026-09-30 23:59", "2026-10-14 00:00", "2026-10-13", false},
		{"a start at midnight is on the new day", Workdays(1), "2026-03-03 00:00", "2026-03-05 00:00", "2026-03-04", false},
		{"1 working day", Workdays(1), "2026-03-02 08:00", "2026-03-04 00:00", "2026-03-03", false},
		{"1 working day from a Friday", Workdays(1), "2026-03-06 08:00", "2026-03-10 00:00", "2026-03-09", false},
		{"1 working day from the first day of a holiday", Workdays(1), "2026-02-15 08:00", "2026-02-25 00:00", "2026-02-24", false},
		{"1 working day ends on a worked Saturday", Workdays(1), "2026-05-08 08:00", "2026-05-10 00:00", "2026-05-09", false},
		{"15 working days through Labour Day", Workdays(15), "2026-04-24 16:30", "2026-05-20 00:00", "2026-05-19", false},
		{"over a year's end", Workdays(3), "2025-12-30 10:00", "2026-01-06 00:00", "2026-01-05", false},
		{"out of the calendar", Workdays(7), "2026-12-23 10:00", "2027-01-02 00:00", "2027-01-01", true},
		{"15 minutes", Minutes(15), "2026-02-16 23:50", "2026-02-17 00:05", "2026-02-17", false},
		{"24 hours through a holiday", Hours(24), "2026-09-30 18:00", "2026-10-01 18:00", "2026-10-01", false},
		{"24 hours to midnight", Hours(24), "2026-03-02 00:00", "2026-03-03 00:00", "2026-03-02", false},
		{"2 hours over a year's end", Hours(2), "2026-12-31 23:00", "2027-01-01 01:00", "2027-01-01", false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			due, provisional := test.term.From(at(test.start), calendar(t))
			if !due.Equal(at(test.due)) || provisional != test.provisional {
				t.Errorf("due %s, provisional %v; want %s, %v", due, provisional, test.due, test.provisional)
			}
			if got := LastDay(due); got != day(test.lastDay) {
				t.Errorf("the last day is %s, want %s", got, test.lastDay)
			}
		})
	}
}

func TestNoTermIsNeverOver(t *testing.T) {
	if due, provisional := (Term{}).From(at("2026-03-02 08:00"), calendar(t)); !due.IsZero() || provisional {
		t.Errorf("no term: due %s, provisional %v", due, provisional)
	}
	if due, _ := Workdays(5).From(lastDay.Start(), calendar(t)); !due.IsZero() {
		t.Errorf("past all days: due %s", due)
	}
}

func TestTermValidate(t *testing.T) {
	for name, term := range map[string]Term{"none": {}, "a minute": Minutes(1), "a year": {Clock: MaxTermClock}, "15 days": Workdays(15), "most days": Workdays(MaxTermWorkdays)} {
		if err := term.Validate(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, term := range map[string]Term{"both": {Clock: 1, Workdays: 1}, "hours back": Hours(-1), "days back": Workdays(-1), "more than a year": {Clock: MaxTermClock + 1}, "too many days": Workdays(MaxTermWorkdays + 1)} {
		if err := term.Validate(); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
}

func TestLaterStartIsNeverDueEarlier(t *testing.T) {
	c := calendar(t)
	first := at("2025-12-01 00:00")
	rapid.Check(t, func(t *rapid.T) {
		minutes := rapid.IntRange(0, 400*24*60)
		a, b := minutes.Draw(t, "one start"), minutes.Draw(t, "other start")
		term := rapid.SampledFrom([]Term{Minutes(15), Hours(24), Workdays(1), Workdays(3), Workdays(15)}).Draw(t, "term")
		early, late := first.Add(time.Duration(min(a, b))*time.Minute), first.Add(time.Duration(max(a, b))*time.Minute)
		dueEarly, _ := term.From(early, c)
		dueLate, _ := term.From(late, c)
		if dueLate.Before(dueEarly) || !dueEarly.After(early) {
			t.Fatalf("%+v from %s is due %s, from %s %s", term, early, dueEarly, late, dueLate)
		}
	})
}
