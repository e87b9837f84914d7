package regions

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestYellowFrom(t *testing.T) {
	tests := []struct{ name, start, due, want string }{
		{"3 working days", "2026-03-02 10:00", "2026-03-06 00:00", "2026-03-05 00:00"},
		{"1 working day", "2026-03-02 10:00", "2026-03-04 00:00", "2026-03-03 00:00"},
		{"due on a Monday", "2026-03-04 10:00", "2026-03-10 00:00", "2026-03-07 00:00"},
		{"due on the first working day after a holiday", "2026-09-28 10:00", "2026-10-09 00:00", "2026-10-01 00:00"},
		{"due on a worked Saturday", "2026-10-08 10:00", "2026-10-11 00:00", "2026-10-10 00:00"},
		{"1 working day from a Saturday", "2026-03-07 10:00", "2026-03-10 00:00", "2026-03-09 08:30"},
		{"2 hours", "2026-03-02 10:00", "2026-03-02 12:00", "2026-03-02 11:30"},
		{"24 hours on a holiday", "2026-10-01 10:00", "2026-10-02 10:00", "2026-10-02 04:00"},
		{"24 hours from midnight to midnight", "2026-03-03 00:00", "2026-03-04 00:00", "2026-03-03 18:00"},
		{"extended by clock hours", "2026-03-02 10:00", "2026-03-06 10:00", "2026-03-05 10:00"},
		{"due at once", "2026-03-02 10:00", "2026-03-02 10:00", "2026-03-02 10:00"},
		{"due before it began", "2026-03-02 10:00", "2026-03-01 10:00", "2026-03-01 10:00"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := YellowFrom(at(test.start), at(test.due), calendar(t)); !got.Equal(at(test.want)) {
				t.Errorf("yellow from %s, want %s", got, test.want)
			}
		})
	}
}

func TestLightAt(t *testing.T) {
	tests := []struct {
		name, start, due, now string
		want                  Light
	}{
		{"just taken", "2026-09-30 10:00", "2026-10-14 00:00", "2026-09-30 10:00", Green},
		{"on a holiday", "2026-09-30 10:00", "2026-10-14 00:00", "2026-10-05 10:00", Green},
		{"last minute of the day before the last", "2026-09-30 10:00", "2026-10-14 00:00", "2026-10-12 23:59", Green},
		{"the last working day begins", "2026-09-30 10:00", "2026-10-14 00:00", "2026-10-13 00:00", Yellow},
		{"last minute", "2026-09-30 10:00", "2026-10-14 00:00", "2026-10-13 23:59", Yellow},
		{"due now", "2026-09-30 10:00", "2026-10-14 00:00", "2026-10-14 00:00", Red},
		{"past due", "2026-09-30 10:00", "2026-10-14 00:00", "2026-11-01 00:00", Red},
		{"past due on a day off", "2026-03-05 10:00", "2026-03-07 00:00", "2026-03-07 09:00", Red},
		{"clock, three quarters not over", "2026-03-02 10:00", "2026-03-02 12:00", "2026-03-02 11:29", Green},
		{"clock, last quarter", "2026-03-02 10:00", "2026-03-02 12:00", "2026-03-02 11:30", Yellow},
		{"clock, over", "2026-03-02 10:00", "2026-03-02 12:00", "2026-03-02 12:00", Red},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := LightAt(at(test.now), at(test.start), at(test.due), calendar(t)); got != test.want {
				t.Errorf("%s, want %s", got, test.want)
			}
		})
	}
	if got := LightAt(at("2026-03-02 10:00"), at("2026-03-02 10:00"), time.Time{}, calendar(t)); got != Green {
		t.Errorf("without a deadline: %s", got)
	}
}

func TestLightOnlyTurnsOnce(t *testing.T) {
	c := calendar(t)
	first := at("2026-01-01 00:00")
	rapid.Check(t, func(t *rapid.T) {
		start := first.Add(time.Duration(rapid.IntRange(0, 300*24*60).Draw(t, "start")) * time.Minute)
		term := rapid.SampledFrom([]Term{Minutes(1), Minutes(15), Hours(2), Hours(24), Workdays(1), Workdays(7)}).Draw(t, "term")
		due, _ := term.From(start, c)
		yellow := YellowFrom(start, due, c)
		if yellow.Before(start) || !yellow.Before(due) {
			t.Fatalf("%+v from %s, due %s, turns yellow at %s", term, start, due, yellow)
		}
		for moment, want := range map[time.Time]Light{start: Green, yellow: Yellow, due: Red} {
			if got := LightAt(moment, start, due, c); got != want {
				t.Fatalf("%+v from %s at %s is %s, want %s", term, start, moment, got, want)
			}
		}
	})
}
