package regions

import (
	"fmt"
	"unicode/utf8"
)

// InvalidError says which field of an input breaks which rule. Its text is
// fit for the person who sent the input.
type InvalidError struct {
	Field string // as the public contract names it: "division", "service", "validFrom"
	Value string // as received
	Rule  string // what the value should have been
}

func (e *InvalidError) Error() string {
	return fmt.Sprintf("%s %q: %s", e.Field, shorten(e.Value), e.Rule)
}

// maxQuoted bounds how much of a bad value an error repeats, in bytes.
const maxQuoted = 80

// shorten cuts a value between two characters so that an error stays readable.
func shorten(value string) string {
	if len(value) <= maxQuoted {
		return value
	}
	cut := maxQuoted
	for cut > 0 && !utf8.RuneStart(value[cut]) {
		cut--
	}
	return value[:cut] + "…"
}
