package ticket_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jieli-gateway/jieli/gateway/ticket"
)

func TestNumber(t *testing.T) {
	day := time.Date(2026, 11, 23, 16, 0, 0, 0, time.UTC) // midnight in China
	tests := map[string]struct {
		prefix  string
		at      time.Time
		counter uint64
		want    string
	}{
		"the one in the contract":                   {"JJJ", day, 42, "JJJ-20261124-000042-7"},
		"a second before midnight in China":         {"JJJ", day.Add(-time.Second), 42, "JJJ-20261123-000042-9"},
		"one letter, the first of the day":          {"T", day, 1, "T-20261124-000001-0"},
		"eight letters":                             {"ABCDWXYZ", day, 999_999, "ABCDWXYZ-20261124-999999-7"},
		"more tickets in a day than six digits say": {"TJ", day, 1_234_567, "TJ-20261124-1234567-3"},
		"the last counter there is":                 {"TJ", day, 1<<64 - 1, "TJ-20261124-18446744073709551615-6"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got := ticket.Number(test.prefix, test.at, test.counter)
			if got != test.want {
				t.Errorf("got %s, want %s", got, test.want)
			}
			prefix, on, counter, err := ticket.ParseNumber(got)
			if err != nil || prefix != test.prefix || counter != test.counter || strings.ReplaceAll(on.String(), "-", "") != strings.Split(got, "-")[1] {
				t.Errorf("%s is read as %s %s %d, %v", got, prefix, on, counter, err)
			}
		})
	}
}

// TestMisheardNumbers: no single wrong digit, no swap of neighbours and no letter of another key passes.
func TestMisheardNumbers(t *testing.T) {
	const keys = "22233344455566677778889999"
	key := func(b byte) byte {
		if b >= 'A' && b <= 'Z' {
			return keys[b-'A']
		}
		return b
	}
	for counter := range uint64(500) {
		number := ticket.Number("CSJ", morning.Add(time.Duration(counter)*24*time.Hour), counter*7919)
		for i := range len(number) {
			for _, other := range "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ" {
				if number[i] == '-' || key(byte(other)) == key(number[i]) {
					continue
				}
				if wrong := number[:i] + string(other) + number[i+1:]; ticket.CheckNumber(wrong) == nil {
					t.Fatalf("%s passes for %s", wrong, number)
				}
			}
		}
		plain := strings.ReplaceAll(number, "-", "")
		for i := range len(plain) - 1 {
			if key(plain[i]) == key(plain[i+1]) {
				continue
			}
			swapped := plain[:i] + string(plain[i+1]) + string(plain[i]) + plain[i+2:]
			if wrong := swapped[:3] + "-" + swapped[3:11] + "-" + swapped[11:len(swapped)-1] + "-" + swapped[len(swapped)-1:]; ticket.CheckNumber(wrong) == nil {
				t.Fatalf("%s passes for %s", wrong, number)
			}
		}
	}
}

func TestWrongNumbers(t *testing.T) {
	for name, number := range map[string]string{
		"nothing":                         "",
		"small letters":                   "jjj-20261124-000042-7",
		"no letters":                      "-20261124-000042-7",
		"nine letters":                    "ABCDEFGHI-20261124-000042-7",
		"a counter without its zeros":     "JJJ-20261124-42-7",
		"a counter with zeros to spare":   withCheck("JJJ-20261124-0000042"),
		"a counter beyond 64 bits":        withCheck("JJJ-20261124-18446744073709551616"),
		"the 31st of November":            withCheck("JJJ-20261131-000042"),
		"no check digit":                  "JJJ-20261124-000042",
		"another check digit":             "JJJ-20261124-000042-8",
		"spaces":                          "JJJ 20261124 000042 7",
		"a minus too many":                "JJJ--20261124-000042-7",
		"digits of another script":        "JJJ-20261124-00004２-7",
		"something behind it":             "JJJ-20261124-000042-7 ",
		"a check digit of two characters": "JJJ-20261124-000042-77",
	} {
		if err := ticket.CheckNumber(number); reasonOf(t, err) != ticket.ReasonInvalidField {
			t.Errorf("%s (%s): %v", name, number, err)
		}
	}
}

// Only what is a number but for its check digit was misheard.
func TestMisheard(t *testing.T) {
	for number, want := range map[string]bool{
		"JJJ-20261124-000042-7": false, "JJJ-20261124-000042-8": true, "JJJ-20261124-000043-7": true, "JJK-20261124-000042-7": false,
		"JJM-20261124-000042-7": true, "JJJ-20261124-000042": false, "": false, "jjj-20261124-000042-8": false,
	} {
		if got := ticket.Misheard(number); got != want {
			t.Errorf("%s: got %v", number, got)
		}
	}
}

// withCheck finds the check digit of what would be a number but for something else.
func withCheck(body string) string {
	for digit := range 10 {
		if err := ticket.CheckNumber(fmt.Sprintf("%s-%d", body, digit)); err == nil || !strings.Contains(err.Error(), "check digit") {
			return fmt.Sprintf("%s-%d", body, digit)
		}
	}
	return ""
}

func TestQueryCode(t *testing.T) {
	for name, test := range map[string]struct {
		random []byte
		want   string
	}{
		"zeros are digits too":   {make([]byte, 8), "00000000"},
		"all ones":               {[]byte{255, 255, 255, 255, 255, 255, 255, 255}, "09551615"},
		"few bytes still give 8": {[]byte{7}, "00000007"},
	} {
		if got := ticket.QueryCode(test.random); got != test.want {
			t.Errorf("%s: %s, want %s", name, got, test.want)
		}
	}
}
