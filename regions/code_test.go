package regions

import (
	"encoding/json"
	"errors"
	"testing"
)

func TestParseCode(t *testing.T) {
	tests := []struct {
		name, text, want string
		kind             Kind
	}{
		{"province", "13", "13", Province},
		{"prefecture", "1309", "1309", Prefecture},
		{"county", "130930", "130930", County},
		{"township", "130930100", "130930100", Township},
		{"village", "130930100201", "130930100201", Village},
		{"province in six digits", "130000", "13", Province},
		{"prefecture in six digits", "130900", "1309", Prefecture},
		{"county in twelve digits", "130930000000", "130930", County},
		{"township in twelve digits", "130930100000", "130930100", Township},
		{"county that repeats its city", "441900", "4419", Prefecture},
		{"township of a city without counties", "441900003", "441900003", Township},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := ParseCode(test.text)
			if err != nil {
				t.Fatal(err)
			}
			if got.String() != test.want || got.Kind() != test.kind {
				t.Errorf("%s: got %s, a %s; want %s, a %s", test.text, got, got.Kind(), test.want, test.kind)
			}
		})
	}
}

func TestParseCodeRefuses(t *testing.T) {
	tests := []struct{ name, text string }{
		{"nothing", ""},
		{"one digit", "1"},
		{"three digits", "130"},
		{"five digits", "13093"},
		{"thirteen digits", "1309301002010"},
		{"letters", "13a930"},
		{"sign", "-30930"},
		{"wide digits", "１３"},
		{"leading zero", "030930"},
		{"zeros", "000000"},
		{"space", "1309 0"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := ParseCode(test.text)
			var invalid *InvalidError
			if !errors.As(err, &invalid) || invalid.Field != "division" {
				t.Errorf("%q: got %s, %v; want an InvalidError for the division", test.text, got, err)
			}
		})
	}
}

func TestCodesSortAsDivisionsNest(t *testing.T) {
	ordered := []string{"11", "1101", "110101", "110101001", "110101001002", "110101002", "110102", "12", "130930", "130930100", "1310", "441900003"}
	for i := 1; i < len(ordered); i++ {
		if before, after := code(ordered[i-1]), code(ordered[i]); before >= after {
			t.Errorf("%s should sort before %s", before, after)
		}
	}
}

func TestPrefixAndContains(t *testing.T) {
	village := code("130930100201")
	for n, want := range map[int]string{1: "", 2: "13", 3: "13", 4: "1309", 5: "1309", 6: "130930", 8: "130930", 9: "130930100", 12: "130930100201", 20: "130930100201"} {
		if got := village.Prefix(n); got.String() != want {
			t.Errorf("Prefix(%d) is %q, want %q", n, got, want)
		}
	}
	if got := code("441900003").Prefix(6); got != code("4419") {
		t.Errorf("441900003 has no county of its own, got %s", got)
	}
	tests := []struct {
		wide, narrow string
		want         bool
	}{
		{"13", "130930100201", true},
		{"1309", "1309", true},
		{"130930", "1309", false},
		{"1309", "131001", false},
		{"4419", "441900003", true},
	}
	for _, test := range tests {
		if got := code(test.wide).Contains(code(test.narrow)); got != test.want {
			t.Errorf("%s contains %s: got %v", test.wide, test.narrow, got)
		}
	}
	if Code(0).Contains(village) || village.Contains(0) {
		t.Error("no division contains nothing and is in nothing")
	}
}

func TestCodeInJSON(t *testing.T) {
	type place struct {
		Division Code `json:"division"`
	}
	text, err := json.Marshal(place{code("130930")})
	if err != nil || string(text) != `{"division":"130930"}` {
		t.Errorf("got %s, %v", text, err)
	}
	var back place
	if err := json.Unmarshal([]byte(`{"division":"130900"}`), &back); err != nil || back.Division != code("1309") {
		t.Errorf("got %v, %v", back, err)
	}
	if err := json.Unmarshal([]byte(`{"division":""}`), &back); err != nil || back.Division != 0 {
		t.Errorf("no text: got %v, %v", back, err)
	}
	if err := json.Unmarshal([]byte(`{"division":"13093"}`), &back); err == nil {
		t.Error("a bad code was taken")
	}
}

// TestAnyBitsAreNoPanic: a Code is a number, and somebody may make one of his
// own.
func TestAnyBitsAreNoPanic(t *testing.T) {
	d := divisions(t)
	routes := table(t, rule("13", "", "hebei"))
	for _, c := range []Code{1, 3, 5, 13, 15, 1 << 63, 1<<64 - 1, Code(1e12) << lengthBits, Code(1e13)<<lengthBits | 6, code("13") + 1} {
		_ = c.String()
		_ = c.Kind()
		_ = c.Prefix(4)
		_ = c.Contains(code("13"))
		d.Lookup(c)
		d.Successors(c)
		d.Children(c)
		routes.Lookup(Query{Division: c})
		routes.Explain(Query{Division: c})
		routes.Check(1, c)
		if err := (Rule{Division: c, Region: "hebei"}).Validate(); err == nil {
			t.Errorf("a rule for %#x was taken", uint64(c))
		}
	}
}

func FuzzParseCode(f *testing.F) {
	for _, seed := range []string{"", "13", "130900", "441900003", "130930100201", "999999999999", "0x13", "１３"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, err := ParseCode(text)
		if err != nil {
			if got != 0 {
				t.Errorf("%q: an error and the code %s", text, got)
			}
			return
		}
		if !got.valid() {
			t.Errorf("%q: %s is not valid", text, got)
		}
		again, err := ParseCode(got.String())
		if err != nil || again != got {
			t.Errorf("%q: %s reads back as %s, %v", text, got, again, err)
		}
		for n := 2; n <= codeDigits; n++ {
			if prefix := got.Prefix(n); !prefix.Contains(got) || !prefix.valid() {
				t.Errorf("%s does not lie in its prefix %s", got, prefix)
			}
		}
	})
}
