package regions

import (
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// calendar returns the embedded calendar.
func calendar(t testing.TB) *Calendar {
	t.Helper()
	c, err := LoadCalendar()
	if err != nil {
		t.Fatalf("embedded calendar: %v", err)
	}
	return c
}

func TestEmbeddedCalendarHasItsNotices(t *testing.T) {
	want := []Notice{
		{2024, "国务院办公厅关于2024年部分节假日安排的通知", "国办发明电〔2023〕7号", day("2023-10-25")},
		{2025, "国务院办公厅关于2025年部分节假日安排的通知", "国办发明电〔2024〕12号", day("2024-11-12")},
		{2026, "国务院办公厅关于2026年部分节假日安排的通知", "国办发明电〔2025〕7号", day("2025-11-04")},
	}
	got := calendar(t).Notices()
	if len(got) != len(want) {
		t.Fatalf("got %d notices, want %d", len(got), len(want))
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("got %+v, want %+v", got[i], want[i])
		}
	}
}

// Days worked on weekends only move days off about, so a year has its weekdays
// less the statutory holidays: 11, and 13 since 2025.
func TestYearsHaveTheirNumberOfWorkdays(t *testing.T) {
	for year, want := range map[int]int{2024: 251, 2025: 248, 2026: 248} {
		got := 0
		for d := newYear(year); d < newYear(year+1); d++ {
			if workday, _ := calendar(t).IsWorkday(d); workday {
				got++
			}
		}
		if got != want {
			t.Errorf("%d has %d working days, want %d", year, got, want)
		}
	}
}

func TestIsWorkday(t *testing.T) {
	tests := []struct {
		name, day            string
		workday, provisional bool
	}{
		{"a Wednesday", "2026-03-04", true, false},
		{"a Saturday", "2026-03-07", false, false},
		{"a Sunday", "2026-03-08", false, false},
		{"first day of a holiday", "2026-02-15", false, false},
		{"last day of a holiday", "2026-02-23", false, false},
		{"day after a holiday", "2026-02-24", true, false},
		{"worked Saturday before a holiday", "2026-02-14", true, false},
		{"worked Saturday after a holiday", "2026-02-28", true, false},
		{"worked Sunday", "2026-09-20", true, false},
		{"New Year's Eve of the lunar year 2024, only encouraged as leave", "2024-02-09", true, false},
		{"first day of the calendar", "2024-01-01", false, false},
		{"day before the calendar", "2023-12-29", true, true},
		{"last day that no later notice reaches", "2026-12-24", true, false},
		{"last week of the calendar", "2026-12-25", true, true},
		{"last day of the calendar", "2026-12-31", true, true},
		{"holiday by law, but not announced yet", "2027-01-01", true, true},
		{"weekend past the calendar", "2027-01-02", false, true},
		{"last week of a year with a next one", "2025-12-31", true, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			workday, provisional := calendar(t).IsWorkday(day(test.day))
			if workday != test.workday || provisional != test.provisional {
				t.Errorf("%s: working day %v, provisional %v; want %v, %v", test.day, workday, provisional, test.workday, test.provisional)
			}
		})
	}
	if workday, provisional := calendar(t).IsWorkday(0); workday || !provisional {
		t.Errorf("no day: working day %v, provisional %v", workday, provisional)
	}
}

func TestAddWorkdays(t *testing.T) {
	tests := []struct {
		name, from  string
		n           int
		want        string
		provisional bool
	}{
		{"through National Day and a worked Saturday", "2026-09-30", 5, "2026-10-13", false},
		{"within a week", "2026-03-02", 3, "2026-03-05", false},
		{"over a weekend", "2026-03-06", 1, "2026-03-09", false},
		{"from a Saturday", "2026-03-07", 1, "2026-03-09", false},
		{"from inside a holiday", "2026-02-18", 1, "2026-02-24", false},
		{"to a worked Saturday", "2026-02-13", 1, "2026-02-14", false},
		{"from a worked Saturday over the Spring Festival", "2026-02-14", 1, "2026-02-24", false},
		{"to a worked Sunday", "2026-01-03", 1, "2026-01-04", false},
		{"over two worked Saturdays", "2026-02-13", 7, "2026-03-02", false},
		{"a complaint before Labour Day", "2026-04-24", 15, "2026-05-19", false},
		{"over a year's end", "2025-12-31", 1, "2026-01-04", false},
		{"over a year's end without a worked Sunday", "2024-12-31", 1, "2025-01-02", false},
		{"over a leap day", "2024-02-28", 2, "2024-03-01", false},
		{"no day at all", "2026-10-01", 0, "2026-10-01", false},
		{"back over National Day", "2026-10-08", -1, "2026-09-30", false},
		{"back to a worked Sunday", "2026-09-21", -1, "2026-09-20", false},
		{"just before the end of the calendar", "2026-12-22", 2, "2026-12-24", false},
		{"into the last week of the calendar", "2026-12-23", 2, "2026-12-25", true},
		{"past the calendar by plain weekdays", "2026-12-31", 3, "2027-01-05", true},
		{"wholly past the calendar", "2027-10-01", 5, "2027-10-08", true},
		{"before the calendar", "2023-12-28", 1, "2023-12-29", true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, provisional := calendar(t).AddWorkdays(day(test.from), test.n)
			if got != day(test.want) || provisional != test.provisional {
				t.Errorf("%d working days after %s are %s, provisional %v; want %s, %v",
					test.n, test.from, got, provisional, test.want, test.provisional)
			}
		})
	}
}

func TestAddWorkdaysRunsOutOfDays(t *testing.T) {
	for name, from := range map[string]Day{"no day": 0, "the last days": lastDay - 1, "no day any more": lastDay + 1} {
		if got, provisional := calendar(t).AddWorkdays(from, 5); got != 0 || !provisional {
			t.Errorf("%s: got %s, provisional %v", name, got, provisional)
		}
	}
	if got, provisional := calendar(t).AddWorkdays(day("1970-01-05"), -5); got != 0 || !provisional {
		t.Errorf("the first days: got %s, provisional %v", got, provisional)
	}
}

func TestAddWorkdaysIsCounting(t *testing.T) {
	c := calendar(t)
	rapid.Check(t, func(t *rapid.T) {
		from := Day(rapid.Int32Range(int32(day("2023-06-01")), int32(day("2027-06-01"))).Draw(t, "from"))
		n := rapid.IntRange(1, 60).Draw(t, "n")
		to, _ := c.AddWorkdays(from, n)
		if workday, _ := c.IsWorkday(to); !workday {
			t.Fatalf("%d working days after %s are %s, which is none", n, from, to)
		}
		count := 0
		for d := from + 1; d <= to; d++ {
			if workday, _ := c.IsWorkday(d); workday {
				count++
			}
		}
		if count != n {
			t.Fatalf("%d working days lie between %s and %s, want %d", count, from, to, n)
		}
		if back, _ := c.AddWorkdays(to+1, -n); back <= from {
			t.Fatalf("back from %s: %s, want a day after %s", to+1, back, from)
		}
	})
}

func TestZeroCalendarIsPlainWeekdays(t *testing.T) {
	var none Calendar
	if got, provisional := none.AddWorkdays(day("2026-09-30"), 5); got != day("2026-10-07") || !provisional {
		t.Errorf("got %s, provisional %v", got, provisional)
	}
}

// nextYear is a notice that nobody has written: it reaches back into 2026.
const nextYear = `year	2027	通知	国办发明电〔2026〕0号	2026-11-01
work	2026-12-27	2026-12-27	元旦
off	2026-12-31	2027-01-02	元旦
off	2027-05-01	2027-05-05	劳动节
off	2027-10-01	2027-10-07	国庆节
`

func TestNewerCalendarSettlesWhatWasProvisional(t *testing.T) {
	newer, err := ParseCalendar(nextYear)
	if err != nil {
		t.Fatal(err)
	}
	both, err := calendar(t).With(newer)
	if err != nil {
		t.Fatal(err)
	}
	before, provisional := calendar(t).AddWorkdays(day("2026-12-24"), 5)
	if before != day("2026-12-31") || !provisional {
		t.Errorf("before: %s, provisional %v", before, provisional)
	}
	after, provisional := both.AddWorkdays(day("2026-12-24"), 5)
	if after != day("2026-12-30") || provisional {
		t.Errorf("after: %s, provisional %v", after, provisional)
	}
	if got, provisional := both.AddWorkdays(day("2026-12-30"), 1); got != day("2027-01-04") || provisional {
		t.Errorf("over the new year: %s, provisional %v", got, provisional)
	}
	if got, provisional := both.AddWorkdays(day("2026-09-30"), 5); got != day("2026-10-13") || provisional {
		t.Errorf("in an old year: %s, provisional %v", got, provisional)
	}
	if n := len(calendar(t).Notices()); n != 3 {
		t.Errorf("the embedded calendar now has %d years", n)
	}
}

func TestYearAnnouncedAnewReplacesTheOld(t *testing.T) {
	anew, err := ParseCalendar(strings.NewReplacer("2027", "2026", "2026-12", "2025-12", "2026-11", "2025-11").Replace(nextYear))
	if err != nil {
		t.Fatal(err)
	}
	both, err := calendar(t).With(anew)
	if err != nil {
		t.Fatal(err)
	}
	if workday, provisional := both.IsWorkday(day("2026-02-16")); !workday || provisional {
		t.Errorf("a holiday of the old notice: working day %v, provisional %v", workday, provisional)
	}
}

func TestWithLeavesNoGap(t *testing.T) {
	far, err := ParseCalendar("year\t2028\t通知\t国办发明电〔2027〕0号\t2027-11-01\noff\t2028-01-01\t2028-01-01\t元旦\n" +
		"off\t2028-05-01\t2028-05-05\t劳动节\noff\t2028-10-01\t2028-10-07\t国庆节\n")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := calendar(t).With(far); err == nil || !strings.Contains(err.Error(), "no gap") {
		t.Errorf("got %v, want an error about a gap", err)
	}
}

func TestWithTakesADayFromOneYearOnly(t *testing.T) {
	own, err := ParseCalendar(strings.Join(goodCalendar, "\n") + "off\t2026-12-31\t2026-12-31\t元旦\n")
	if err != nil {
		t.Fatal(err)
	}
	newer, err := ParseCalendar(nextYear)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := own.With(newer); err == nil || !strings.Contains(err.Error(), "2026-12-31") {
		t.Errorf("got %v, want an error about 2026-12-31", err)
	}
}
