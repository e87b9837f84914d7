package regions

import (
	_ "embed"
	"fmt"
	"slices"
	"sync"
	"time"
)

// Calendar tells working days from days off in mainland China: Monday to Friday,
// except for what the yearly notices of the State Council's General Office say
// otherwise, which give public holidays and make weekends near them working days
// (调休).
//
// A Calendar has whole years without a gap. About a day that its notices cannot
// settle it answers by plain weekdays and says that the answer is provisional:
// that is so outside its years, and in the last week of its last year, since the
// notice for the next year may reach back into it. The zero Calendar has no year
// and answers everything so.
//
// A Calendar is immutable. A newer one takes the place of an older one as a whole;
// With makes one of two.
type Calendar struct {
	years       []calendarYear // ascending, without a gap
	exceptions  map[Day]bool   // true for a worked weekend, false for a holiday
	first, last Day            // the days that the notices settle; zero without years
}

// calendarYear is a notice with the days that it makes an exception of.
type calendarYear struct {
	Notice
	exceptions map[Day]bool
}

// Notice is the document that a year of a calendar comes from.
type Notice struct {
	Year   int
	Title  string
	Number string // as in 国办发明电〔2025〕7号
	Issued Day
}

// reach is how many days before its year a notice can still change. The notice
// for 2019 made 2018-12-29 a working day and the two days after it holidays; a
// week leaves room for more.
const reach = 7

//go:embed data/workdays.tsv
var workdaysFile string

// loadCalendar parses the embedded calendar once, when it is first needed.
var loadCalendar = sync.OnceValues(func() (*Calendar, error) { return ParseCalendar(workdaysFile) })

// LoadCalendar returns the calendar embedded in the binary; see data/README.md
// for its years and sources. Later calls return the same value. An error means
// that the binary was built from a damaged file.
func LoadCalendar() (*Calendar, error) { return loadCalendar() }

// newCalendar makes a calendar of years in ascending order. The error is an
// *InvalidError for a gap between two, or for a day that two of them name.
func newCalendar(years []calendarYear) (*Calendar, error) {
	c := &Calendar{years: years, exceptions: make(map[Day]bool)}
	for i, year := range years {
		if i > 0 && year.Year != years[i-1].Year+1 {
			return nil, &InvalidError{Field: "year", Value: fmt.Sprint(year.Year), Rule: "a calendar has no gap between its years"}
		}
		for day, worked := range year.exceptions {
			if _, twice := c.exceptions[day]; twice {
				return nil, &InvalidError{Field: "day", Value: day.String(), Rule: "a calendar has a day once"}
			}
			c.exceptions[day] = worked
		}
	}
	if len(years) > 0 {
		c.first = newYear(years[0].Year)
		c.last = newYear(years[len(years)-1].Year+1) - 1 - reach
	}
	return c, nil
}

// newYear returns the first day of a year.
func newYear(year int) Day {
	return Day(time.Date(year, time.January, 1, 0, 0, 0, 0, time.UTC).Unix() / secondsPerDay)
}

// With returns a calendar with the years of both, those of newer in place of this
// one's: so a calendar with one new year, or with a year that was announced anew,
// can be added to the embedded one. The error is an *InvalidError if a gap would be
// left or two years would name the same day.
func (c *Calendar) With(newer *Calendar) (*Calendar, error) {
	years := slices.Clone(newer.years)
	for _, year := range c.years {
		if !slices.ContainsFunc(newer.years, func(other calendarYear) bool { return other.Year == year.Year }) {
			years = append(years, year)
		}
	}
	slices.SortFunc(years, func(a, b calendarYear) int { return a.Year - b.Year })
	return newCalendar(years)
}

// Notices returns the documents that the calendar comes from, by year.
func (c *Calendar) Notices() []Notice {
	notices := make([]Notice, 0, len(c.years))
	for _, year := range c.years {
		notices = append(notices, year.Notice)
	}
	return notices
}

// IsWorkday reports whether a day is a working day. Provisional means that the
// calendar's notices do not settle it and a later calendar may say otherwise. The
// zero Day is no working day, and stays provisional.
func (c *Calendar) IsWorkday(day Day) (workday, provisional bool) {
	if day < 1 || day > lastDay {
		return false, true
	}
	provisional = day < c.first || day > c.last
	if worked, found := c.exceptions[day]; found {
		return worked, provisional
	}
	return !weekend(day), provisional
}

// AddWorkdays returns the n-th working day after a day, which itself does not
// count: 5 working days after 2026-09-30 are 2026-10-13. A negative n counts back,
// and n = 0 is the day itself, working day or not. Provisional means that a day on
// the way is. It returns the zero Day, provisional, for the zero Day and where days
// run out (1970-01-02 or 9999-12-31).
func (c *Calendar) AddWorkdays(day Day, n int) (to Day, provisional bool) {
	if day < 1 || day > lastDay {
		return 0, true
	}
	step := 1
	if n < 0 {
		step = -1
	}
	for n != 0 {
		day += Day(step)
		if day < 1 || day > lastDay {
			return 0, true
		}
		workday, open := c.IsWorkday(day)
		provisional = provisional || open
		if workday {
			n -= step
		}
	}
	return day, provisional
}

// weekend reports whether a day is a Saturday or a Sunday.
func weekend(day Day) bool {
	weekday := time.Weekday((int(day) + int(time.Thursday)) % 7) // 1970-01-01 was a Thursday
	return weekday == time.Saturday || weekday == time.Sunday
}
