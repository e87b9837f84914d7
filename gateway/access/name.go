package access

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	// MaxOperator is the longest name of a person that a system acts for, in characters.
	MaxOperator = 100
	// MaxName is the longest name of a token or certificate, in characters. With an operator's and what stands
	// between them it makes the 200 that the registry keeps of who made a change.
	MaxName = 95
)

// CheckName reports what is wrong with the name of a person or system: it has 1 to longest characters of valid
// UTF-8, none of which controls or formats text, and does not begin or end with a space.
func CheckName(name string, longest int) error {
	switch {
	case name == "":
		return errors.New("is empty")
	case !utf8.ValidString(name):
		return errors.New("is not valid UTF-8")
	case utf8.RuneCountInString(name) > longest:
		return fmt.Errorf("has more than %d characters", longest)
	case strings.TrimSpace(name) != name:
		return errors.New("begins or ends with a space")
	case strings.ContainsFunc(name, func(r rune) bool { return unicode.IsControl(r) || unicode.Is(unicode.Cf, r) }):
		return errors.New("has a control character")
	}
	return nil
}
