package regions

import (
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestCheckUnserved(t *testing.T) {
	tests := []struct {
		name             string
		rules            []Rule
		within           string
		unserved, partly string // codes
	}{
		{"nothing at all", nil, "13 31", "13 31", ""},
		{"a whole province", []Rule{rule("13", "", "r1")}, "13", "", ""},
		{"all prefectures but one", []Rule{
			rule("4601", "", "r1"), rule("4602", "", "r1"), rule("4604", "", "r1"), rule("4690", "", "r1"),
		}, "46", "4603", ""},
		{"all of them", []Rule{
			rule("4601", "", "r1"), rule("4602", "", "r1"), rule("4603", "", "r1"), rule("4604", "", "r1"), rule("4690", "", "r1"),
		}, "46", "", ""},
		{"some services only", []Rule{rule("13", "urban", "r1")}, "13", "", "13"},
		{"some services in the province, all in a city", []Rule{rule("46", "urban", "r1"), rule("4601", "", "r1")}, "46", "", "4602 4603 4604 4690"},
		{"one county of a city", []Rule{rule("460105", "", "r1")}, "4601", "460106 460107 460108", ""},
		{"a city inside a province that is served", []Rule{rule("46", "", "r1")}, "4601", "", ""},
		{"a city inside a province partly served", []Rule{rule("46", "urban", "r1")}, "4601", "", "4601"},
		{"rules for tomorrow", []Rule{during("46", "", "r1", "2026-05-02", "")}, "46", "46", ""},
		{"rules of yesterday in all places", []Rule{during("4601", "", "r1", "", "2026-04-30"), during("4602", "", "r1", "", "2026-04-30")}, "46", "46", ""},
		{"only a village of a township", []Rule{rule("110101001001", "", "r1")}, "110101001", "", "110101001"},
		{"a village whose rule is over", []Rule{during("110101001001", "", "r1", "", "2026-04-30")}, "110101001", "110101001", ""},
		{"a city without counties", []Rule{rule("441900003", "", "r1")}, "441900003", "", ""},
		{"a code that is none", nil, "99", "", ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			report := table(t, test.rules...).Check(day("2026-05-01"), codes(strings.Fields(test.within)...)...)
			if want := codes(strings.Fields(test.unserved)...); !slices.Equal(report.Unserved, want) {
				t.Errorf("unserved are %v, want %v", report.Unserved, want)
			}
			if want := codes(strings.Fields(test.partly)...); !slices.Equal(report.Partly, want) {
				t.Errorf("partly served are %v, want %v", report.Partly, want)
			}
		})
	}
}

func TestCheckEverywhere(t *testing.T) {
	report := delta(t).Check(day("2026-05-01"))
	if slices.Contains(report.Unserved, code("44")) || !slices.Contains(report.Unserved, code("4401")) {
		t.Errorf("Guangdong is served in Dongguan only, so it is unserved city by city: %v", report.Unserved)
	}
	for _, text := range []string{"14", "50", "65", "4420", "330105"} {
		if !slices.Contains(report.Unserved, code(text)) {
			t.Errorf("%s is not among the unserved", text)
		}
	}
	for _, text := range []string{"13", "32", "34", "4419", "33"} {
		if slices.Contains(report.Unserved, code(text)) {
			t.Errorf("%s is among the unserved", text)
		}
	}
}

func TestCheckIdleRules(t *testing.T) {
	routes := table(t,
		during("13", "", "r1", "", "2026-04-30"), // over
		during("13", "", "r2", "2026-05-01", ""),
		rule("139999", "", "r1"), // no such county
		rule("330104", "", "r1"), // retired, but its old code is still used
		rule("46", "", "r1"),     // all cities have their own
		rule("46", "health", "r2"),
		rule("4601", "", "r1"), rule("4602", "", "r1"), rule("4603", "", "r1"), rule("4604", "", "r1"), rule("4690", "", "r1"),
		rule("11", "urban", "r1"), // beaten for half of its parts only
		rule("1101", "urban.housing", "r2"),
		during("12", "", "r1", "2027-01-01", ""), // beaten on its first day
		during("1201", "", "r2", "2026-12-01", ""),
		rule("31", "", "r1"), // beaten from next year on only
		during("3101", "", "r2", "2027-01-01", ""),
	)
	want := map[string]IdleReason{
		"13 any service -> r1, until 2026-04-30": IdleExpired,
		"139999 any service -> r1":               IdleUnknownDivision,
		"46 any service -> r1":                   IdleShadowed,
		"46 health -> r2":                        IdleShadowed,
		"12 any service -> r1, from 2027-01-01":  IdleShadowed,
	}
	report := routes.Check(day("2026-05-01"))
	for _, idle := range report.Idle {
		if want[idle.Rule.String()] != idle.Reason {
			t.Errorf("%s is said to be idle: %s", idle.Rule, idle.Reason)
		}
		delete(want, idle.Rule.String())
	}
	for text, reason := range want {
		t.Errorf("%s is not said to be idle: %s", text, reason)
	}
	if report := routes.Check(day("2026-05-01"), code("46")); len(report.Idle) != 2 {
		t.Errorf("within 46: %v", report.Idle)
	}
}

// TestCheckAgreesWithLookup: a township finds a region for a matter of unknown
// service exactly if Check reports neither it nor a division around it.
func TestCheckAgreesWithLookup(t *testing.T) {
	d := divisions(t)
	var townships []Code
	for _, c := range d.codes {
		if c.Len() == 9 && (code("3301").Contains(c) || code("4419").Contains(c) || code("6202").Contains(c)) {
			townships = append(townships, c)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		routes, err := NewTable(d)
		if err != nil {
			t.Fatal(err)
		}
		for range rapid.IntRange(0, 30).Draw(t, "rules") {
			c := rapid.SampledFrom(townships).Draw(t, "township").
				Prefix(rapid.SampledFrom([]int{2, 4, 6, 6, 6, 9}).Draw(t, "digits"))
			r := Rule{Division: c, Service: rapid.SampledFrom([]string{"", "urban"}).Draw(t, "service"), Region: "r1"}
			if next, err := routes.With([]Rule{r}, nil); err == nil {
				routes = next
			}
		}
		report := routes.Check(1, codes("33", "44", "62")...)
		for _, township := range townships {
			in := func(divisions []Code) bool { return anyContains(divisions, township) }
			some := routes.Lookup(Query{Division: township, Service: "urban"}).Found()
			every := routes.Lookup(Query{Division: township}).Found()
			wantUnserved, wantPartly := !some, some && !every
			if in(report.Unserved) != wantUnserved || in(report.Partly) != wantPartly {
				t.Fatalf("%s is served for some matters: %v, for every one: %v; but unserved are %v, partly served %v",
					township, some, every, report.Unserved, report.Partly)
			}
		}
	})
}
