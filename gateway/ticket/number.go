package ticket

import (
	"strconv"
	"strings"
	"time"

	"github.com/jieli-gateway/jieli/regions"
)

const (
	// MaxNumberPrefix is the most letters a ticket number begins with.
	MaxNumberPrefix = 8
	// minCounterDigits pads the counter; it grows beyond.
	minCounterDigits = 6
	maxCounterDigits = 20 // of a uint64
	// CheckDigitRule says what is wrong with a number that is Misheard.
	CheckDigitRule = "the check digit does not fit: one digit was misheard or mistyped"
	dayDigits      = 8 // 20261124
)

// Number makes a ticket's number for people: the origin's letters (1 to 8 of A to Z), the day in China, the day's
// counter with at least six digits, and a check digit, e.g. `JJJ-20261124-000042-7`.
//
// The check digit is Verhoeff's over all before it, letters read as the digits they share a key with on a telephone
// (ABC is 2, WXYZ is 9). It finds every single wrong digit and every swap of two neighbouring ones, and every letter
// taken for one of another key.
func Number(prefix string, day time.Time, counter uint64) string {
	digits := strconv.FormatUint(counter, 10)
	if missing := minCounterDigits - len(digits); missing > 0 {
		digits = strings.Repeat("0", missing) + digits
	}
	body := prefix + "-" + strings.ReplaceAll(regions.DayOf(day).String(), "-", "") + "-" + digits
	return body + "-" + string(rune('0'+verhoeffInverse[verhoeff(body, 1)]))
}

// ParseNumber reads a number that Number made. The error is a *Violation of the field `number`.
func ParseNumber(s string) (prefix string, day regions.Day, counter uint64, err error) {
	parts, ok := numberParts(s)
	if !ok {
		return "", 0, 0, inputChecks.fail("number", "must be letters-date-counter-check digit, e.g. JJJ-20261124-000042-7")
	}
	if verhoeff(s, 0) != 0 {
		return "", 0, 0, inputChecks.fail("number", "%s", CheckDigitRule)
	}
	date := parts[1]
	if day, err = regions.ParseDay(date[:4] + "-" + date[4:6] + "-" + date[6:]); err != nil {
		return "", 0, 0, inputChecks.fail("number", "%s is not a day", date)
	}
	padded := len(parts[2]) == minCounterDigits
	if counter, err = strconv.ParseUint(parts[2], 10, 64); err != nil || (parts[2][0] == '0' && !padded) {
		return "", 0, 0, inputChecks.fail("number", "%s is not a counter", parts[2])
	}
	return parts[0], day, counter, nil
}

// numberParts are those of what has the form of a number: letters, day, counter and check digit.
func numberParts(s string) (parts []string, ok bool) {
	parts = strings.Split(s, "-")
	return parts, len(parts) == 4 && isPrefix(parts[0]) && isDigits(parts[1], dayDigits, dayDigits) &&
		isDigits(parts[2], minCounterDigits, maxCounterDigits) && isDigits(parts[3], 1, 1)
}

// Misheard tells whether s has the form of a number but not its check digit.
func Misheard(s string) bool {
	_, ok := numberParts(s)
	return ok && verhoeff(s, 0) != 0
}

// CheckNumber tells whether s is a number that Number can have made. The error is that of ParseNumber.
func CheckNumber(s string) error {
	_, _, _, err := ParseNumber(s)
	return err
}

func isPrefix(s string) bool {
	for i := range len(s) {
		if s[i] < 'A' || s[i] > 'Z' {
			return false
		}
	}
	return s != "" && len(s) <= MaxNumberPrefix
}

func isDigits(s string, least, most int) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return len(s) >= least && len(s) <= most
}
