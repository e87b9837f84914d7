package regions

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
)

func TestParseRule(t *testing.T) {
	got, err := ParseRule("320500", "urban.housing", "suzhou", "2026-01-01", "2026-12-31")
	want := during("3205", "urban.housing", "suzhou", "2026-01-01", "2026-12-31")
	if err != nil || got != want {
		t.Errorf("got %v, %v; want %v", got, err, want)
	}
	if got.String() != "3205 urban.housing -> suzhou, 2026-01-01 to 2026-12-31" {
		t.Errorf("it reads %q", got)
	}
	got, err = ParseRule("32", "", "changsanjiao", "", "")
	if err != nil || got != rule("32", "", "changsanjiao") {
		t.Errorf("without service and days: got %v, %v", got, err)
	}
	if got.String() != "32 any service -> changsanjiao" {
		t.Errorf("it reads %q", got)
	}
}

func TestParseRuleNamesTheBadField(t *testing.T) {
	tests := []struct {
		name                                          string
		division, service, region, validFrom, validTo string
		field                                         string
	}{
		{"no division", "", "", "suzhou", "", "", "division"},
		{"division of letters", "jiangsu", "", "suzhou", "", "", "division"},
		{"service in capitals", "32", "Urban", "suzhou", "", "", "service"},
		{"no region", "32", "", "", "", "", "region"},
		{"region of one letter", "32", "", "s", "", "", "region"},
		{"region that begins with a digit", "32", "", "1suzhou", "", "", "region"},
		{"region with a dot", "32", "", "su.zhou", "", "", "region"},
		{"region too long", "32", "", strings.Repeat("s", MaxRegionID+1), "", "", "region"},
		{"first day that is none", "32", "", "suzhou", "2026-02-30", "", "validFrom"},
		{"last day that is none", "32", "", "suzhou", "", "soon", "validTo"},
		{"last day before the first", "32", "", "suzhou", "2026-02-02", "2026-02-01", "validTo"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := ParseRule(test.division, test.service, test.region, test.validFrom, test.validTo)
			var invalid *InvalidError
			if !errors.As(err, &invalid) || invalid.Field != test.field {
				t.Errorf("got %v, want an InvalidError for %s", err, test.field)
			}
		})
	}
}

func TestRuleIsValidFromFirstToLastDay(t *testing.T) {
	r := during("32", "", "suzhou", "2026-01-01", "2026-01-31")
	for text, want := range map[string]bool{"2025-12-31": false, "2026-01-01": true, "2026-01-31": true, "2026-02-01": false} {
		if got := r.ActiveOn(day(text)); got != want {
			t.Errorf("on %s: got %v", text, got)
		}
	}
	if open := rule("32", "", "suzhou"); !open.ActiveOn(0) || !open.ActiveOn(lastDay) {
		t.Error("a rule without ends is not always valid")
	}
}

func TestRuleInJSON(t *testing.T) {
	text, err := json.Marshal(during("3205", "urban", "suzhou", "2026-01-01", ""))
	want := `{"division":"3205","service":"urban","region":"suzhou","validFrom":"2026-01-01","validTo":""}`
	if err != nil || string(text) != want {
		t.Errorf("got %s, %v; want %s", text, err, want)
	}
	var back Rule
	if err := json.Unmarshal(text, &back); err != nil || back != during("3205", "urban", "suzhou", "2026-01-01", "") {
		t.Errorf("it reads back as %v, %v", back, err)
	}
}

func FuzzParseRule(f *testing.F) {
	f.Add("320500", "urban.housing", "suzhou", "2026-01-01", "2026-12-31")
	f.Add("", "", "", "", "")
	f.Add("441900", "a.b.c.d.e.f.g.h.i", "\xff", "9999-12-31", "1970-01-01")
	f.Fuzz(func(t *testing.T, division, service, region, validFrom, validTo string) {
		r, err := ParseRule(division, service, region, validFrom, validTo)
		key, keyErr := ParseKey(division, service, validFrom)
		if err != nil {
			return
		}
		if err := r.Validate(); err != nil {
			t.Fatalf("%v was parsed but is not valid: %v", r, err)
		}
		if keyErr != nil || key != r.Key() {
			t.Fatalf("the key of %v is %v, %v", r, key, keyErr)
		}
		again, err := ParseRule(r.Division.String(), r.Service, r.Region, r.ValidFrom.String(), r.ValidTo.String())
		if err != nil || again != r {
			t.Fatalf("%v reads back as %v, %v", r, again, err)
		}
		d, err := LoadDivisions()
		if err != nil {
			t.Fatal(err)
		}
		routes, err := NewTable(d, r)
		if err != nil {
			t.Fatalf("%v alone does not make a table: %v", r, err)
		}
		if got, found := routes.Get(r.Key()); !found || got != r {
			t.Fatalf("the table has %v, want %v", got, r)
		}
		if got := routes.Lookup(Query{Division: r.Division, Service: r.Service, AsOf: r.ValidFrom}); got.Rule != r {
			t.Fatalf("on its first day %v does not win: %v", r, got)
		}
	})
}
