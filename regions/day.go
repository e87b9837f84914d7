package regions

import "time"

// Day is a whole day in China (UTC+8 all year, everywhere): routes are valid
// from one day to another. It counts days from 1970-01-01; the zero Day stands
// for no day: an open end of a span. Days run from 1970-01-02 to 9999-12-31.
type Day int32

const (
	dayLayout      = "2006-01-02"
	secondsPerDay  = 24 * 60 * 60
	secondsToChina = 8 * 60 * 60  // UTC+8, without summer time since 1991
	lastDay        = Day(2932896) // 9999-12-31
)

// DayOf returns the day that it is in China at a moment; the zero Day for a
// moment before 1970-01-02 or after 9999-12-31.
func DayOf(t time.Time) Day {
	seconds := t.Unix() + secondsToChina
	if seconds < 0 || seconds/secondsPerDay > int64(lastDay) {
		return 0
	}
	return Day(seconds / secondsPerDay)
}

// ParseDay reads a day as in 2026-01-31. The error is an *InvalidError with
// Field "day".
func ParseDay(text string) (Day, error) {
	t, err := time.Parse(dayLayout, text)
	if err != nil {
		return 0, &InvalidError{Field: "day", Value: text, Rule: "a day is written YYYY-MM-DD"}
	}
	day := t.Unix() / secondsPerDay
	if day < 1 || day > int64(lastDay) {
		return 0, &InvalidError{Field: "day", Value: text, Rule: "a day lies between 1970-01-02 and 9999-12-31"}
	}
	return Day(day), nil
}

// Start returns the moment at which the day begins.
func (d Day) Start() time.Time {
	return time.Unix(int64(d)*secondsPerDay-secondsToChina, 0).UTC()
}

// String returns the day as in 2026-01-31, or "" for the zero Day.
func (d Day) String() string {
	if d == 0 {
		return ""
	}
	return time.Unix(int64(d)*secondsPerDay, 0).UTC().Format(dayLayout)
}

// valid reports whether the day is one that ParseDay can return, or zero.
func (d Day) valid() bool { return d >= 0 && d <= lastDay }

// MarshalText writes the day as String does.
func (d Day) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText reads the day as ParseDay does; no text is the zero Day.
func (d *Day) UnmarshalText(text []byte) error {
	if len(text) == 0 {
		*d = 0
		return nil
	}
	day, err := ParseDay(string(text))
	if err != nil {
		return err
	}
	*d = day
	return nil
}
