package main

import (
	"slices"
	"testing"
)

// What may have been mistyped is what was said in a name's place, not a command, a flag or its value.
func TestWhatMayHaveBeenMistyped(t *testing.T) {
	for name, tc := range map[string]struct {
		args []string
		kind string
		want []string
	}{
		"argument":                {[]string{"service", "delete", "nosuch", "--lang", "en"}, "SERVICE", []string{"nosuch"}},
		"second argument":         {[]string{"route", "lookup", "3205", "nosuch"}, "SERVICE", []string{"nosuch"}},
		"flag":                    {[]string{"ticket", "offer", "JJJ-1", "--to", "suzohu"}, "REGION", []string{"suzohu"}},
		"flag with a sign":        {[]string{"ticket", "list", "--holder=suzohu", "-o", "json"}, "REGION", []string{"suzohu"}},
		"of another kind":         {[]string{"route", "lookup", "3205", "nosuch"}, "REGION", nil},
		"no command at all":       {[]string{"nosuch"}, "REGION", nil},
		"a region of its own set": {[]string{"region", "show", "suzohu"}, "REGION", []string{"suzohu"}},
	} {
		t.Run(name, func(t *testing.T) {
			root := (&app{lang: "en"}).root()
			if c, rest, err := root.Find(tc.args); err == nil {
				if err := c.ParseFlags(rest); err != nil {
					t.Fatal(err)
				}
			}
			if got := wordsOf(root, tc.args, tc.kind); !slices.Equal(got, tc.want) {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
}
