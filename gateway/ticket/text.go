package ticket

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Limits of texts, in characters (Unicode code points).
const (
	MaxTitle        = 200
	MaxDescription  = 20_000
	MaxText         = 20_000
	MaxLegalBasis   = 2_000
	MaxCategory     = 100
	MaxAddress      = 200
	MaxName         = 100
	MaxPhone        = 32
	MaxOrganization = 200
	MaxIndustry     = 100
	MaxSize         = 32
)

// ValidateText checks words that a person wrote: valid UTF-8 of least to most characters, not blank where least is not
// 0. In several lines newline and tab are the only control characters; in one line there are none, nor other line ends.
func ValidateText(field, s string, least, most int, multiline bool) error {
	return first(inputChecks.text(field, s, least, most, multiline))
}

func (c checks) text(field, s string, least, most int, multiline bool) *Violation {
	if !utf8.ValidString(s) {
		return c.fail(field, "must be valid UTF-8")
	}
	if n := utf8.RuneCountInString(s); n < least || n > most {
		return c.fail(field, "must have %d to %d characters, has %d", least, most, n)
	}
	if least > 0 && strings.TrimSpace(s) == "" {
		return c.fail(field, "must not be blank")
	}
	for _, r := range s {
		switch {
		case multiline && (r == '\n' || r == '\t'):
		case unicode.IsControl(r):
			return c.fail(field, "must not have the control character U+%04X", r)
		case !multiline && (r == '\u2028' || r == '\u2029'):
			return c.fail(field, "must be one line")
		}
	}
	return nil
}

// line checks words in one line that may be empty.
func (c checks) line(field, s string, most int) *Violation { return c.text(field, s, 0, most, false) }

// phone checks a telephone number: 1 to MaxPhone of digits, `+`, `-` and spaces, at least one of them a digit.
func (c checks) phone(field, s string) *Violation {
	digits := 0
	for i := range len(s) {
		switch b := s[i]; {
		case b >= '0' && b <= '9':
			digits++
		case b == '+', b == '-', b == ' ':
		default:
			return c.fail(field, "must have digits, +, - and spaces only")
		}
	}
	if digits == 0 || len(s) > MaxPhone {
		return c.fail(field, "must have 1 to %d characters, one of them a digit", MaxPhone)
	}
	return nil
}

// phoneOrNone is phone for a field that may be empty.
func (c checks) phoneOrNone(field, s string) *Violation {
	if s == "" {
		return nil
	}
	return c.phone(field, s)
}
