package access

import (
	"errors"
	"strings"
	"unicode"
	"unicode/utf8"
)

// MaxName is the longest name of a caller or an operator, in characters.
const MaxName = 100

// CheckName reports what is wrong with the name of a person or system: it has 1 to MaxName characters of valid
// UTF-8, none of which controls or formats text, and does not begin or end with a space.
func CheckName(name string) error {
	switch {
	case name == "":
		return errors.New("is empty")
	case !utf8.ValidString(name):
		return errors.New("is not valid UTF-8")
	case utf8.RuneCountInString(name) > MaxName:
		return errors.New("has more than 100 characters")
	case strings.TrimSpace(name) != name:
		return errors.New("begins or ends with a space")
	case strings.ContainsFunc(name, func(r rune) bool { return unicode.IsControl(r) || unicode.Is(unicode.Cf, r) }):
		return errors.New("has a control character")
	}
	return nil
}
