package regions

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestTiesAreRefused(t *testing.T) {
	tests := []struct {
		name       string
		have, want Rule // what is in the table, and what is written
		tie        bool
	}{
		{"both without ends", rule("32", "", "a1"), during("32", "", "b1", "2026-01-01", ""), true},
		{"last day is first day", during("32", "", "a1", "", "2026-01-31"), during("32", "", "b1", "2026-01-31", ""), true},
		{"one inside the other", during("32", "", "a1", "2026-01-01", "2026-12-31"), during("32", "", "b1", "2026-03-01", "2026-03-31"), true},
		{"one around the other", during("32", "", "a1", "2026-03-01", "2026-03-31"), during("32", "", "b1", "2026-01-01", "2026-12-31"), true},
		{"same region", rule("32", "", "a1"), during("32", "", "a1", "2026-01-01", ""), true},
		{"same place by six digits", rule("3205", "", "a1"), during("320500", "", "b1", "2026-01-01", ""), true},
		{"one day after the other", during("32", "", "a1", "", "2026-01-31"), during("32", "", "b1", "2026-02-01", ""), false},
		{"another service", rule("32", "", "a1"), rule("32", "urban", "b1"), false},
		{"another place", rule("32", "", "a1"), rule("3205", "", "b1"), false},
		{"in a village", rule("320505001001", "", "a1"), during("320505001001", "", "b1", "2026-01-01", ""), true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			before := table(t, test.have)
			_, err := before.With([]Rule{test.want}, nil)
			var tie *TieError
			if errors.As(err, &tie) != test.tie {
				t.Fatalf("got %v, want a tie: %v", err, test.tie)
			}
			if test.tie && (tie.Rule != test.want || tie.Existing != test.have) {
				t.Errorf("got %v, want %s to tie with %s", err, test.want, test.have)
			}
			if test.tie && (!strings.Contains(err.Error(), test.want.String()) || !strings.Contains(err.Error(), test.have.String())) {
				t.Errorf("%q does not name both rules", err)
			}
		})
	}
}

func TestTieWithinOneChange(t *testing.T) {
	_, err := NewTable(divisions(t), rule("32", "", "a1"), rule("33", "", "b1"), during("32", "", "c1", "2026-01-01", ""))
	var tie *TieError
	if !errors.As(err, &tie) || tie.Rule.Region != "c1" || tie.Existing.Region != "a1" {
		t.Errorf("got %v, want a tie of c1 with a1", err)
	}
	if _, err := NewTable(divisions(t), rule("32", "", "a1"), rule("32", "", "a1")); !errors.As(err, &tie) {
		t.Errorf("one rule twice: got %v, want a tie", err)
	}
}

func TestWithReplacesByKey(t *testing.T) {
	before := table(t, rule("32", "", "a1"), during("33", "", "a1", "2026-01-01", ""))
	after, err := before.With([]Rule{during("32", "", "b1", "", "2026-12-31")}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if got, _ := after.Get(Key{Division: code("32")}); got != during("32", "", "b1", "", "2026-12-31") || after.Len() != 2 {
		t.Errorf("got %s, and %d rules", got, after.Len())
	}
	if got, _ := before.Get(Key{Division: code("32")}); got != rule("32", "", "a1") || before.Len() != 2 {
		t.Errorf("the table before was changed: %s, and %d rules", got, before.Len())
	}
}

func TestWithDeletesFirst(t *testing.T) {
	before := table(t, rule("32", "", "a1"))
	after, err := before.With([]Rule{during("32", "", "b1", "2026-01-01", "")}, []Key{{Division: code("32")}})
	if err != nil {
		t.Fatalf("the rule that tied is deleted in the same change: %v", err)
	}
	if got := slices.Collect(after.Rules(Key{})); len(got) != 1 || got[0].Region != "b1" {
		t.Errorf("got %v", got)
	}
}

func TestDeletingWhatIsNotThere(t *testing.T) {
	before := table(t, rule("32", "", "a1"))
	keys := []Key{
		{Division: code("33")},
		{Division: code("32"), Service: "urban"},
		{Division: code("32"), ValidFrom: day("2026-01-01")},
		{Division: code("320505001")},
	}
	for _, key := range keys {
		_, err := before.With(nil, []Key{key})
		var missing *MissingRuleError
		if !errors.As(err, &missing) || missing.Key != key {
			t.Errorf("%s: got %v", key, err)
		}
	}
	if _, err := before.With(nil, []Key{{Division: code("32")}, {Division: code("32")}}); err == nil {
		t.Error("one rule was deleted twice")
	}
	after, err := before.With(nil, []Key{{Division: code("32")}})
	if err != nil || after.Len() != 0 {
		t.Errorf("the last rule: %v, %d left", err, after.Len())
	}
}

func TestBadRulesNeverEnter(t *testing.T) {
	before := table(t, rule("32", "", "a1"))
	bad := []Rule{
		{Region: "a1"},
		{Division: code("32"), Region: "A"},
		{Division: code("32"), Region: "a1", Service: ".."},
		{Division: code("32"), Region: "a1", ValidFrom: -1},
		{Division: code("32"), Region: "a1", ValidTo: lastDay + 1},
	}
	for _, r := range bad {
		var invalid *InvalidError
		if _, err := before.With([]Rule{rule("33", "", "b1"), r}, nil); !errors.As(err, &invalid) {
			t.Errorf("%+v: got %v", r, err)
		}
	}
}

// TestErrorsDoNotDependOnHistory: two nodes with the same rules, one of which
// has met more names before, must reject a change with the same words.
func TestErrorsDoNotDependOnHistory(t *testing.T) {
	fresh := table(t, rule("32", "urban", "a1"), rule("32", "health", "a1"))
	worn := table(t, rule("33", "zebra", "z1"), rule("33", "market", "z1"), rule("33", "civil", "z1"))
	worn, err := worn.With(
		[]Rule{rule("32", "health", "a1"), rule("32", "urban", "a1")},
		[]Key{{Division: code("33"), Service: "zebra"}, {Division: code("33"), Service: "market"}, {Division: code("33"), Service: "civil"}},
	)
	if err != nil {
		t.Fatal(err)
	}
	changes := []struct {
		name string
		set  []Rule
		del  []Key
	}{
		{"two ties", []Rule{during("32", "urban", "b1", "2026-01-01", ""), during("32", "health", "b1", "2026-01-01", "")}, nil},
		{"a tie and something missing", []Rule{during("32", "health", "b1", "2026-01-01", "")}, []Key{{Division: code("32"), Service: "civil"}}},
		{"two missing", nil, []Key{{Division: code("32"), Service: "zebra"}, {Division: code("32"), Service: "civil"}}},
		{"one never heard of", nil, []Key{{Division: code("33"), Service: "zebra"}, {Division: code("32"), Service: "unheard"}}},
	}
	for _, change := range changes {
		t.Run(change.name, func(t *testing.T) {
			_, one := fresh.With(change.set, change.del)
			_, two := worn.With(change.set, change.del)
			if one == nil || two == nil || one.Error() != two.Error() {
				t.Errorf("one says %v\nthe other %v", one, two)
			}
		})
	}
}

// TestNamesThatNoRuleHasAreForgotten: a table can number 65,535 services; ones
// that came and went do not count.
func TestNamesThatNoRuleHasAreForgotten(t *testing.T) {
	services := func(from, to int) []Rule {
		var rules []Rule
		for i := from; i < to; i++ {
			rules = append(rules, rule("32", fmt.Sprintf("s%d", i), "a1"))
		}
		return rules
	}
	full, err := NewTable(divisions(t), services(0, maxNames-1)...)
	if err != nil {
		t.Fatal(err)
	}
	var invalid *InvalidError
	if _, err := full.With(services(maxNames, maxNames+1), nil); !errors.As(err, &invalid) || invalid.Field != "service" {
		t.Fatalf("one service too many: got %v", err)
	}
	emptied, err := full.With(nil, []Key{{Division: code("32"), Service: "s7"}, {Division: code("32"), Service: "s8"}})
	if err != nil {
		t.Fatal(err)
	}
	again, err := emptied.With(services(maxNames, maxNames+2), nil)
	if err != nil {
		t.Fatalf("two services went, two came: %v", err)
	}
	if got := again.Lookup(Query{Division: code("320505"), Service: fmt.Sprintf("s%d", maxNames+1)}); !got.Found() {
		t.Errorf("got %+v", got)
	}
}

// TestCountyWithManyDifferentRules has more different rules than 11 bits can
// number, and divisions with several.
func TestCountyWithManyDifferentRules(t *testing.T) {
	var rules []Rule
	for i := range 3000 {
		village := fmt.Sprintf("320505%03d%03d", 1+i/900, 1+i%900)
		rules = append(rules, during(village, "", fmt.Sprintf("r%d", i), "2026-01-01", ""))
		if i%3 == 0 {
			rules = append(rules, during(village, "urban", fmt.Sprintf("u%d", i), "2026-01-01", ""))
		}
	}
	routes := table(t, rules...)
	if got := slices.Collect(routes.Rules(Key{})); !slices.Equal(got, rules) {
		t.Fatalf("%d rules come back, want the %d put in, in order", len(got), len(rules))
	}
	for _, r := range rules {
		if got, found := routes.Get(r.Key()); !found || got != r {
			t.Fatalf("got %s, %v; want %s", got, found, r)
		}
	}
	fewer, err := routes.With(nil, []Key{rules[0].Key(), rules[len(rules)-1].Key()})
	if err != nil || fewer.Len() != len(rules)-2 {
		t.Fatalf("%v; %d rules left", err, fewer.Len())
	}
}

func TestRulesFromAKey(t *testing.T) {
	routes := delta(t)
	all := slices.Collect(routes.Rules(Key{}))
	if len(all) != routes.Len() || !slices.IsSortedFunc(all, func(a, b Rule) int { return a.Key().Compare(b.Key()) }) {
		t.Fatalf("%d of %d rules, or not in order", len(all), routes.Len())
	}
	for i, r := range all {
		if got := slices.Collect(routes.Rules(r.Key())); !slices.Equal(got, all[i:]) {
			t.Errorf("from %s: %d rules, want %d", r.Key(), len(got), len(all)-i)
		}
	}
	// Keys that no rule has.
	for _, key := range []Key{
		{Division: code("13"), Service: "zzz"},
		{Division: code("130630")},
		{Division: code("320505001003")},
		{Division: code("320505"), Service: "a"},
		{Division: code("34"), ValidFrom: day("2026-01-01")},
		{Division: code("99")},
		{Service: "urban"},
	} {
		var want []Rule
		for _, r := range all {
			if r.Key().Compare(key) >= 0 {
				want = append(want, r)
			}
		}
		if got := slices.Collect(routes.Rules(key)); !slices.Equal(got, want) {
			t.Errorf("from %s: got %v, want %v", key, got, want)
		}
	}
}

func TestBuilderIsTheSameAsNewTable(t *testing.T) {
	want := delta(t)
	b := NewBuilder(divisions(t))
	for r := range want.Rules(Key{}) {
		if err := b.Add(r); err != nil {
			t.Fatal(err)
		}
	}
	if b.Len() != want.Len() {
		t.Errorf("%d rules taken, want %d", b.Len(), want.Len())
	}
	got, err := b.Build()
	if err != nil {
		t.Fatal(err)
	}
	if !Diff(want, got).Empty() {
		t.Errorf("they differ: %+v", Diff(want, got))
	}
}

func TestDiff(t *testing.T) {
	before := table(t, rule("32", "", "a1"), rule("33", "", "a1"), rule("330102001", "", "a1"))
	after := table(t, rule("31", "", "b1"), rule("32", "", "a1"), during("33", "", "a1", "", "2026-12-31"))
	got := Diff(before, after)
	if !slices.Equal(got.Added, []Rule{rule("31", "", "b1")}) ||
		!slices.Equal(got.Removed, []Rule{rule("330102001", "", "a1")}) ||
		!slices.Equal(got.Changed, []ChangedRule{{rule("33", "", "a1"), during("33", "", "a1", "", "2026-12-31")}}) ||
		got.Empty() {
		t.Errorf("got %+v", got)
	}
	if !Diff(before, before).Empty() {
		t.Error("a table differs from itself")
	}
}

// naive is the routing rules of the design in the plainest words.
type naive struct {
	divisions *Divisions
	rules     map[Key]Rule
}

// change returns the rules after a change, or false if it must be refused.
func (n naive) change(set []Rule, del []Key) (naive, bool) {
	next := naive{n.divisions, maps.Clone(n.rules)}
	for _, key := range del {
		if _, found := next.rules[key]; !found {
			return n, false
		}
		delete(next.rules, key)
	}
	written := map[Key]bool{}
	for _, r := range set {
		if written[r.Key()] {
			return n, false
		}
		written[r.Key()] = true
		next.rules[r.Key()] = r
	}
	for key, r := range next.rules {
		for otherKey, other := range next.rules {
			if key != otherKey && r.Division == other.Division && r.Service == other.Service &&
				r.ValidFrom <= closed(other.ValidTo) && other.ValidFrom <= closed(r.ValidTo) {
				return n, false
			}
		}
	}
	return next, true
}

func (n naive) sorted() []Rule {
	return slices.SortedFunc(maps.Values(n.rules), func(a, b Rule) int { return a.Key().Compare(b.Key()) })
}

// best returns the rule for a place whose code has at least n digits.
func (n naive) best(q Query, digits int) (Rule, bool) {
	var best Rule
	found := false
	for _, r := range n.rules {
		place := strings.HasPrefix(q.Division.String(), r.Division.String()) && r.Division.Len() >= digits
		matter := r.Service == "" || r.Service == q.Service || strings.HasPrefix(q.Service, r.Service+".")
		if !place || !matter || !r.ActiveOn(q.AsOf) {
			continue
		}
		if !found || cmp.Or(cmp.Compare(r.Division.Len(), best.Division.Len()), cmp.Compare(len(r.Service), len(best.Service))) > 0 {
			best, found = r, true
		}
	}
	return best, found
}

func (n naive) lookup(q Query) Answer {
	if n.divisions.Knows(q.Division) && n.divisions.Successors(q.Division) == nil {
		if r, found := n.best(q, 2); found {
			return Answer{Rule: r}
		}
		return Answer{Reason: NotFound}
	}
	if successors := n.divisions.Successors(q.Division); successors != nil {
		was, _ := n.divisions.Lookup(q.Division)
		if r, found := n.best(q, was.Code.Len()); found {
			return Answer{Rule: r}
		}
		regions := map[string]bool{}
		var first Answer
		for i, successor := range successors {
			q.Division = successor
			r, _ := n.best(q, 2)
			regions[r.Region] = true
			if i == 0 {
				first = Answer{Rule: r, Via: successor}
			}
		}
		switch {
		case len(regions) > 1:
			return Answer{Reason: DivisionSplit}
		case regions[""]:
			return Answer{Reason: NotFound}
		}
		return first
	}
	for _, r := range n.rules {
		if strings.HasPrefix(q.Division.String(), r.Division.String()) && !n.divisions.Knows(r.Division) {
			if r, found := n.best(q, 2); found {
				return Answer{Rule: r}
			}
			return Answer{Reason: NotFound}
		}
	}
	return Answer{Reason: UnknownDivision}
}

// Places, services and days of the random tests: few, so that rules meet.
var (
	somePlaces = codes("33", "3301", "330102", "330102001", "330102001051", "330102001052", "330102002", "330114", "330104",
		"330104009", "330105", "4419", "441900003", "441900003001", "11", "1101", "110101", "320576", "330115", "330115001", "330199", "99")
	someServices = []string{"", "urban", "urban.housing", "urban.housing.rent", "urban.planning", "health", "urbane"}
	someRegions  = []string{"r1", "r2", "r3"}
)

func drawRule(t *rapid.T) Rule {
	r := Rule{
		Division:  rapid.SampledFrom(somePlaces).Draw(t, "division"),
		Service:   rapid.SampledFrom(someServices).Draw(t, "service"),
		Region:    rapid.SampledFrom(someRegions).Draw(t, "region"),
		ValidFrom: Day(rapid.IntRange(0, 12).Draw(t, "from")),
	}
	if length := rapid.IntRange(0, 6).Draw(t, "length"); length > 0 {
		r.ValidTo = max(r.ValidFrom, 1) + Day(length) - 1
	}
	return r
}

func drawQuery(t *rapid.T) Query {
	return Query{
		Division: rapid.SampledFrom(somePlaces).Draw(t, "place"),
		Service:  rapid.SampledFrom(someServices).Draw(t, "matter"),
		AsOf:     Day(rapid.IntRange(0, 18).Draw(t, "asOf")),
	}
}

// TestTableAgainstNaive changes a table at random and compares it with the
// plainest implementation after each change: what is refused, what is in it, in
// which order, and what it answers; and that the table before stays as it was.
func TestTableAgainstNaive(t *testing.T) {
	d := divisions(t)
	rapid.Check(t, func(t *rapid.T) {
		routes, err := NewTable(d)
		if err != nil {
			t.Fatal(err)
		}
		model := naive{d, map[Key]Rule{}}
		for range rapid.IntRange(1, 8).Draw(t, "changes") {
			set := rapid.SliceOfN(rapid.Custom(drawRule), 0, 6).Draw(t, "set")
			var del []Key
			if have := model.sorted(); len(have) > 0 {
				for _, r := range rapid.SliceOfN(rapid.SampledFrom(have), 0, 3).Draw(t, "del") {
					del = append(del, r.Key())
				}
			}
			if rapid.IntRange(0, 9).Draw(t, "bad delete") == 0 {
				del = append(del, drawRule(t).Key())
			}
			before := model.sorted()
			wanted, taken := model.change(set, del)
			next, err := routes.With(set, del)
			if (err == nil) != taken {
				t.Fatalf("with %v without %v: got %v, want it taken: %v", set, del, err, taken)
			}
			if got := slices.Collect(routes.Rules(Key{})); !slices.Equal(got, before) {
				t.Fatalf("the table before has changed: %v, want %v", got, before)
			}
			if !taken {
				continue
			}
			routes, model = next, wanted
			all := model.sorted()
			if got := slices.Collect(routes.Rules(Key{})); !slices.Equal(got, all) || routes.Len() != len(all) {
				t.Fatalf("%d rules: %v, want %v", routes.Len(), got, all)
			}
			from := drawRule(t).Key()
			var rest []Rule
			for _, r := range all {
				if r.Key().Compare(from) >= 0 {
					rest = append(rest, r)
				}
			}
			if got := slices.Collect(routes.Rules(from)); !slices.Equal(got, rest) {
				t.Fatalf("rules from %s: %v, want %v", from, got, rest)
			}
			for range 5 {
				checkQuery(t, routes, model, drawQuery(t))
			}
		}
	})
}

// checkQuery compares one answer, and its explanation, with the model's.
func checkQuery(t *rapid.T, routes *Table, model naive, q Query) {
	got, want := routes.Lookup(q), model.lookup(q)
	if got != want {
		t.Fatalf("%s %q on day %d: got %+v, want %+v\nof %v", q.Division, q.Service, q.AsOf, got, want, model.sorted())
	}
	explanation := routes.Explain(q)
	if explanation.Answer != got {
		t.Fatalf("explained as %+v, answered as %+v", explanation.Answer, got)
	}
	won := 0
	for _, c := range explanation.Candidates {
		if c.Outcome == Won {
			won++
		}
		if c.Outcome == Won && c.Via == got.Via && c.Rule != got.Rule {
			t.Fatalf("%s is said to have won, but %s did", c.Rule, got.Rule)
		}
		if (c.Outcome == NotYetValid || c.Outcome == Expired) == c.Rule.ActiveOn(q.AsOf) {
			t.Fatalf("%s on day %d is said to be %s", c.Rule, q.AsOf, c.Outcome)
		}
	}
	if got.Found() != (won > 0) {
		t.Fatalf("%d candidates won, but the answer is %+v", won, got)
	}
}

// TestDiffIsWhatToApply: a table changed by a difference is the other table.
func TestDiffIsWhatToApply(t *testing.T) {
	d := divisions(t)
	rapid.Check(t, func(t *rapid.T) {
		draw := func(name string) *Table {
			routes, err := NewTable(d)
			if err != nil {
				t.Fatal(err)
			}
			for _, r := range rapid.SliceOfN(rapid.Custom(drawRule), 0, 20).Draw(t, name) {
				if next, err := routes.With([]Rule{r}, nil); err == nil {
					routes = next
				}
			}
			return routes
		}
		before, after := draw("before"), draw("after")
		difference := Diff(before, after)
		set := slices.Clone(difference.Added)
		for _, changed := range difference.Changed {
			set = append(set, changed.After)
		}
		var del []Key
		for _, removed := range difference.Removed {
			del = append(del, removed.Key())
		}
		got, err := before.With(set, del)
		if err != nil {
			t.Fatalf("the difference cannot be applied: %v", err)
		}
		if !slices.Equal(slices.Collect(got.Rules(Key{})), slices.Collect(after.Rules(Key{}))) {
			t.Fatalf("got %v, want %v", slices.Collect(got.Rules(Key{})), slices.Collect(after.Rules(Key{})))
		}
	})
}
