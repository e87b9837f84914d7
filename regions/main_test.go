package regions

import (
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// divisions returns the embedded divisions.
func divisions(t testing.TB) *Divisions {
	t.Helper()
	d, err := LoadDivisions()
	if err != nil {
		t.Fatalf("embedded divisions: %v", err)
	}
	return d
}

// code parses a code that the test knows to be good.
func code(text string) Code {
	c, err := ParseCode(text)
	if err != nil {
		panic(err)
	}
	return c
}

// day parses a day that the test knows to be good; "" is the zero Day.
func day(text string) Day {
	if text == "" {
		return 0
	}
	d, err := ParseDay(text)
	if err != nil {
		panic(err)
	}
	return d
}

// rule makes a rule without ends: rule("3205", "urban", "suzhou").
func rule(division, service, region string) Rule {
	return Rule{Division: code(division), Service: service, Region: region}
}

// during makes a rule with its days.
func during(division, service, region, from, to string) Rule {
	return Rule{Division: code(division), Service: service, Region: region, ValidFrom: day(from), ValidTo: day(to)}
}

// table makes a table of rules that do not tie.
func table(t testing.TB, rules ...Rule) *Table {
	t.Helper()
	made, err := NewTable(divisions(t), rules...)
	if err != nil {
		t.Fatalf("table: %v", err)
	}
	return made
}
