package regions

import (
	"errors"
	"strings"
	"testing"
)

// a calendar that the tests below spoil, line by line
var goodCalendar = []string{
	"# made up",
	"year\t2026\t通知\t国办发明电〔2025〕0号\t2025-11-01",
	"off\t2026-01-01\t2026-01-03\t元旦",
	"work\t2026-01-04\t2026-01-04\t元旦",
	"off\t2026-05-01\t2026-05-05\t劳动节",
	"off\t2026-10-01\t2026-10-07\t国庆节",
	"",
}

func TestParseCalendarNamesEachMistakeByLine(t *testing.T) {
	tests := []struct {
		name string
		line int // to be replaced
		with string
		want string // of the error, "" for none
	}{
		{"good", 1, "# another comment", ""},
		{"carriage return", 4, "work\t2026-01-04\t2026-01-04\t元旦\r", ""},
		{"December of the year before", 3, "off\t2025-12-31\t2026-01-03\t元旦", ""},
		{"unknown kind", 4, "half\t2026-01-04\t2026-01-04\t元旦", "line 4: calendar"},
		{"spaces for tabs", 4, "work 2026-01-04 2026-01-04 元旦", "line 4: calendar"},
		{"a field too many", 4, "work\t2026-01-04\t2026-01-04\t元旦\t", "line 4: calendar"},
		{"not UTF-8", 4, "work\t2026-01-04\t2026-01-04\t\xd4\xff", "line 4: calendar"},
		{"no year", 2, "year\t26\t通知\t0号\t2025-11-01", `line 2: year "26"`},
		{"no title", 2, "year\t2026\t \t0号\t2025-11-01", "line 2: notice"},
		{"no number", 2, "year\t2026\t通知\t\t2025-11-01", "line 2: notice"},
		{"no date", 2, "year\t2026\t通知\t0号\tNovember", `line 2: issued "November"`},
		{"days before any year", 2, "#", "line 3: day"},
		{"a day that is none", 6, "off\t2026-10-01\t2026-10-32\t国庆节", `line 6: day "2026-10-32"`},
		{"an end before the beginning", 6, "off\t2026-10-07\t2026-10-01\t国庆节", `line 6: day "2026-10-01"`},
		{"months instead of days", 6, "off\t2026-10-01\t2026-12-07\t国庆节", `line 6: day "2026-12-07"`},
		{"another year", 6, "off\t2027-10-01\t2027-10-07\t国庆节", `line 6: day "2027-10-01"`},
		{"over the end of the year", 6, "off\t2026-12-30\t2027-01-02\t国庆节", `line 6: day "2026-12-30"`},
		{"too far back", 4, "work\t2025-12-20\t2025-12-20\t元旦", `line 4: day "2025-12-20"`},
		{"no name", 6, "off\t2026-10-01\t2026-10-07\t", "line 6: name"},
		{"a day twice", 4, "work\t2026-01-03\t2026-01-03\t元旦", "a calendar has a day once; line 3 has it too"},
		{"a weekday made a working day", 4, "work\t2026-01-05\t2026-01-05\t元旦", `line 4: day "2026-01-05"`},
		{"a fixed holiday missing", 6, "", `line 2: year "2026": a year has its fixed holidays; 2026-10-01 is missing`},
		{"the year again", 7, "year\t2026\t通知\t0号\t2025-11-01", "line 7: year"},
		{"a gap", 7, "year\t2028\t通知\t0号\t2027-11-01", "line 7: year"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			lines := append([]string(nil), goodCalendar...)
			lines[test.line-1] = test.with
			_, err := ParseCalendar(strings.Join(lines, "\n"))
			if test.want == "" {
				if err != nil {
					t.Fatalf("refused: %v", err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Fatalf("got %v, want an error with %q", err, test.want)
			}
			var line *LineError
			var invalid *InvalidError
			if !errors.As(err, &line) || !errors.As(err, &invalid) {
				t.Errorf("%v is no *LineError around an *InvalidError", err)
			}
		})
	}
}

func TestParseCalendarTellsAllMistakesInOrder(t *testing.T) {
	lines := append([]string(nil), goodCalendar...)
	lines[2], lines[3], lines[5] = "off", "work\t2026-01-05\t2026-01-05\t元旦", "off\t2026-10-08\t2026-10-07\t国庆节"
	_, err := ParseCalendar(strings.Join(lines, "\n"))
	if err == nil {
		t.Fatal("taken")
	}
	var got []string
	for line := range strings.Lines(err.Error()) {
		got = append(got, line[:len("line n")])
	}
	if want := "line 2 line 2 line 3 line 4 line 6"; strings.Join(got, " ") != want {
		t.Errorf("got %s, want %s:\n%v", strings.Join(got, " "), want, err)
	}
}

func TestParseCalendarIsBounded(t *testing.T) {
	_, err := ParseCalendar(strings.Repeat("?\n", 100))
	if err == nil || strings.Count(err.Error(), "\n") != maxMistakes-1 {
		t.Errorf("got %v, want %d mistakes", err, maxMistakes)
	}
	if _, err := ParseCalendar(strings.Repeat("#\n", MaxCalendarBytes)); err == nil || !strings.Contains(err.Error(), "at most") {
		t.Errorf("got %v, want an error about the size", err)
	}
	for _, nothing := range []string{"", "# nothing\n"} {
		if _, err := ParseCalendar(nothing); err == nil || !strings.Contains(err.Error(), "line 1: ") {
			t.Errorf("%q: got %v, want an error", nothing, err)
		}
	}
}

func FuzzParseCalendar(f *testing.F) {
	f.Add(workdaysFile)
	f.Add(strings.Join(goodCalendar, "\n"))
	f.Add(nextYear)
	f.Add("year\t1971\ta\tb\t1971-01-01\noff\t1971-01-01\t9999-12-31\tc")
	f.Fuzz(func(t *testing.T, text string) {
		c, err := ParseCalendar(text)
		if err != nil {
			var line *LineError
			if !errors.As(err, &line) || line.Line < 1 {
				t.Fatalf("%v names no line", err)
			}
			return
		}
		notices := c.Notices()
		if len(notices) == 0 {
			t.Fatal("a calendar without a year")
		}
		for i, notice := range notices {
			if notice.Year != notices[0].Year+i || notice.Title == "" || notice.Issued == 0 {
				t.Fatalf("notice %d is %+v", i, notice)
			}
			if workday, provisional := c.IsWorkday(newYear(notice.Year)); workday || provisional {
				t.Fatalf("New Year's Day %d: working day %v, provisional %v", notice.Year, workday, provisional)
			}
		}
		if _, err := new(Calendar).With(c); err != nil {
			t.Fatalf("not taken again: %v", err)
		}
	})
}
