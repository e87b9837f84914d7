package regions

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestErrorsSayWhatWhereAndWhatToDo(t *testing.T) {
	tests := []struct {
		name string
		err  error
		want string
	}{
		{"invalid", &InvalidError{Field: "division", Value: "13a", Rule: "a division code has digits only"}, `division "13a": a division code has digits only`},
		{
			"tie", &TieError{Rule: during("32", "", "b1", "2026-01-01", ""), Existing: rule("32", "", "a1")},
			"route 32 any service -> b1, from 2026-01-01 ties with 32 any service -> a1: their days overlap; end or delete one of them first",
		},
		{"missing rule", &MissingRuleError{Key{Division: code("32"), Service: "urban"}}, "no route 32 urban: nothing to delete"},
		{"missing service", &MissingServiceError{"urban"}, "no service urban: nothing to delete"},
		{
			"ambiguous word", &AmbiguousWordError{Word: "水", Service: "b", Existing: "a"},
			`service b: the word "水" already stands for service a; a code, name or alias may stand for one service only`,
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := test.err.Error(); got != test.want {
				t.Errorf("got  %s\nwant %s", got, test.want)
			}
		})
	}
}

func TestInvalidErrorShortensLongValues(t *testing.T) {
	for _, value := range []string{strings.Repeat("水", 10_000), "x" + strings.Repeat("水", 10_000), strings.Repeat("\x80", 10_000)} {
		text := (&InvalidError{Field: "title", Value: value, Rule: "is shorter"}).Error()
		if len(text) > 500 || !utf8.ValidString(text) {
			t.Errorf("%d bytes, valid %v: %.100s", len(text), utf8.ValidString(text), text)
		}
	}
}
