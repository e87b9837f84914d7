package regions

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Limits of a calendar's text.
const (
	MaxCalendarBytes = 64 << 10 // a year takes some 700
	maxHolidayDays   = 31       // in one line
	maxMistakes      = 20       // told at once
)

// LineError says in which line of a text a mistake is.
type LineError struct {
	Line int // from 1
	Err  error
}

func (e *LineError) Error() string { return fmt.Sprintf("line %d: %v", e.Line, e.Err) }

// Unwrap returns the mistake without the line.
func (e *LineError) Unwrap() error { return e.Err }

// ParseCalendar reads a calendar in the format that data/README.md describes. It
// takes nothing or all: the error joins one *LineError, around an *InvalidError,
// for each mistake up to the twentieth, in the order of the lines. A text without
// a year is a mistake.
//
// Checked is what a slip of the pen would break: each year is whole (it has New
// Year's Day, Labour Day and National Day off, which the law fixes), follows the
// one before, and names each day once; only weekends are made working days; and a
// notice reaches back no further than the last week before its year.
func ParseCalendar(text string) (*Calendar, error) {
	if len(text) > MaxCalendarBytes {
		return nil, &LineError{Line: 1, Err: &InvalidError{
			Field: "calendar", Value: fmt.Sprintf("%d bytes", len(text)), Rule: fmt.Sprintf("a calendar has at most %d bytes", MaxCalendarBytes),
		}}
	}
	r := noticeReader{seen: make(map[Day]int)}
	for line := range strings.Lines(text) {
		r.line++
		r.read(strings.TrimRight(line, "\r\n"))
	}
	r.endYear()
	if len(r.years) == 0 && len(r.mistakes) == 0 {
		r.wrongAt(max(r.line, 1), "calendar", "", "a calendar has at least one year")
	}
	if len(r.mistakes) > 0 {
		return nil, r.joined()
	}
	return newCalendar(r.years)
}

// noticeReader reads a calendar line by line.
type noticeReader struct {
	line     int
	years    []calendarYear
	yearLine int         // where the last of years began
	seen     map[Day]int // the line that names a day
	mistakes []*LineError
}

// joined returns the first mistakes by line as one error.
func (r *noticeReader) joined() error {
	slices.SortStableFunc(r.mistakes, func(a, b *LineError) int { return a.Line - b.Line })
	var all []error
	for _, mistake := range r.mistakes[:min(len(r.mistakes), maxMistakes)] {
		all = append(all, mistake)
	}
	return errors.Join(all...)
}

func (r *noticeReader) wrong(field, value, rule string) { r.wrongAt(r.line, field, value, rule) }

func (r *noticeReader) wrongAt(line int, field, value, rule string) {
	r.mistakes = append(r.mistakes, &LineError{Line: line, Err: &InvalidError{Field: field, Value: value, Rule: rule}})
}

func (r *noticeReader) read(line string) {
	if line == "" || line[0] == '#' {
		return
	}
	if !utf8.ValidString(line) {
		r.wrong("calendar", strings.ToValidUTF8(line, "�"), "a calendar is written in UTF-8")
		return
	}
	fields := strings.Split(line, "\t")
	switch kind := fields[0]; {
	case kind == "year" && len(fields) == 5:
		r.endYear()
		r.readYear(fields[1:])
	case kind == "off" && len(fields) == 4, kind == "work" && len(fields) == 4:
		r.readDays(kind == "work", fields[1:])
	default:
		r.wrong("calendar", line, "a line has between tabs: year, the year, title, number and date of the notice; or off or work, first day, last day and name")
	}
}

// readYear begins a year: "year", title, number and date of the notice.
func (r *noticeReader) readYear(fields []string) {
	year, err := strconv.Atoi(fields[0])
	if err != nil || year < 1971 || year > 9998 || len(fields[0]) != 4 {
		r.wrong("year", fields[0], "a year is written YYYY, from 1971 to 9998")
		// Its days are checked all the same, against each other.
		year = 0
	}
	if last := len(r.years) - 1; year != 0 && last >= 0 && r.years[last].Year != 0 && r.years[last].Year+1 != year {
		r.wrong("year", fields[0], "years are in order, each once, without a gap")
	}
	if strings.TrimSpace(fields[1]) == "" || strings.TrimSpace(fields[2]) == "" {
		r.wrong("notice", fields[1]+fields[2], "a year has title and number of its notice")
	}
	issued, err := ParseDay(fields[3])
	if err != nil {
		r.wrong("issued", fields[3], "a day is written YYYY-MM-DD")
	}
	r.years = append(r.years, calendarYear{
		Notice:     Notice{Year: year, Title: fields[1], Number: fields[2], Issued: issued},
		exceptions: make(map[Day]bool),
	})
	r.yearLine = r.line
}

// readDays adds days to the year that was begun: first day, last day, name.
func (r *noticeReader) readDays(work bool, fields []string) {
	if len(r.years) == 0 {
		r.wrong("day", fields[0], "days come after the year they belong to")
		return
	}
	from, err := ParseDay(fields[0])
	if err != nil {
		r.wrong("day", fields[0], "a day is written YYYY-MM-DD")
		return
	}
	to, err := ParseDay(fields[1])
	if err != nil {
		r.wrong("day", fields[1], "a day is written YYYY-MM-DD")
		return
	}
	if to < from || to-from >= maxHolidayDays {
		r.wrong("day", fields[1], fmt.Sprintf("the last day is the first or one of the %d after it", maxHolidayDays-1))
		return
	}
	if strings.TrimSpace(fields[2]) == "" {
		r.wrong("name", fields[2], "days have the name of the holiday")
	}
	year := r.years[len(r.years)-1]
	if year.Year != 0 && (from < newYear(year.Year)-reach || to >= newYear(year.Year+1)) {
		r.wrong("day", fields[0], fmt.Sprintf("a day lies in its year or in the %d days before it", reach))
		return
	}
	for day := from; day <= to; day++ {
		r.addDay(year, day, work)
	}
}

func (r *noticeReader) addDay(year calendarYear, day Day, work bool) {
	if line, twice := r.seen[day]; twice {
		r.wrong("day", day.String(), fmt.Sprintf("a calendar has a day once; line %d has it too", line))
		return
	}
	r.seen[day] = r.line
	if work && !weekend(day) {
		r.wrong("day", day.String(), "only a Saturday or a Sunday is made a working day")
		return
	}
	year.exceptions[day] = work
}

// endYear checks that the last year begun has the holidays whose dates the law
// fixes (全国年节及纪念日放假办法): without them its notice was not copied whole.
func (r *noticeReader) endYear() {
	if len(r.years) == 0 {
		return
	}
	year := r.years[len(r.years)-1]
	if year.Year == 0 {
		return
	}
	for _, fixed := range [...]string{"01-01", "05-01", "10-01"} {
		day, _ := ParseDay(fmt.Sprintf("%d-%s", year.Year, fixed))
		if work, found := year.exceptions[day]; !found || work {
			r.wrongAt(r.yearLine, "year", strconv.Itoa(year.Year), fmt.Sprintf("a year has its fixed holidays; %s is missing", day))
		}
	}
}
