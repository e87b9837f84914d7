package regions

import (
	"encoding/json"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestDayOfIsTheDayInChina(t *testing.T) {
	tests := []struct{ name, moment, want string }{
		{"last second of the day", "2026-01-31T15:59:59Z", "2026-01-31"},
		{"midnight in China", "2026-01-31T16:00:00Z", "2026-02-01"},
		{"noon", "2026-02-01T12:00:00+08:00", "2026-02-01"},
		{"another zone", "2026-01-31T20:00:00-05:00", "2026-02-01"},
		{"before days are counted", "1969-12-31T00:00:00Z", ""},
		{"leap day", "2028-02-29T00:00:00+08:00", "2028-02-29"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			moment, err := time.Parse(time.RFC3339, test.moment)
			if err != nil {
				t.Fatal(err)
			}
			if got := DayOf(moment); got.String() != test.want {
				t.Errorf("%s is %q, want %q", test.moment, got, test.want)
			}
		})
	}
}

func TestParseDay(t *testing.T) {
	for _, text := range []string{"1970-01-02", "2026-01-31", "2028-02-29", "9999-12-31"} {
		got, err := ParseDay(text)
		if err != nil || got.String() != text {
			t.Errorf("%s: got %s, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "2026-1-31", "2026-02-29", "1970-01-01", "0001-01-01", "10000-01-01", "2026-01-31T00:00:00Z", "20260131", "明天"} {
		if got, err := ParseDay(text); err == nil {
			t.Errorf("%q: got %s, want an error", text, got)
		}
	}
	if got, err := ParseDay("9999-12-31"); err != nil || got != lastDay {
		t.Errorf("the last day is %d, want %d", got, lastDay)
	}
}

func TestDayRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := Day(rapid.Int32Range(1, int32(lastDay)).Draw(t, "day"))
		if again, err := ParseDay(d.String()); err != nil || again != d {
			t.Fatalf("%d is %s, which is %d, %v", d, d, again, err)
		}
		if got := DayOf(d.Start()); got != d {
			t.Fatalf("%s begins at %s, which is on %s", d, d.Start(), got)
		}
	})
}

func TestDayInJSON(t *testing.T) {
	text, err := json.Marshal([]Day{day("2026-01-31"), 0})
	if err != nil || string(text) != `["2026-01-31",""]` {
		t.Errorf("got %s, %v", text, err)
	}
	var back []Day
	if err := json.Unmarshal(text, &back); err != nil || len(back) != 2 || back[0] != day("2026-01-31") || back[1] != 0 {
		t.Errorf("got %v, %v", back, err)
	}
	if err := json.Unmarshal([]byte(`["2026-02-30"]`), &back); err == nil {
		t.Error("a day that is none was taken")
	}
}
