package regions

import (
	"slices"
	"testing"
)

// delta is a table as three clusters would have it: Suzhou and Xiong'an answer
// for themselves inside their provinces.
func delta(t testing.TB) *Table {
	return table(t,
		rule("11", "", "jingjinji"),
		rule("12", "", "jingjinji"),
		rule("13", "", "jingjinji"),
		rule("130629", "", "xiongan"),
		rule("130632", "", "xiongan"),
		rule("130638", "", "xiongan"),
		rule("31", "", "changsanjiao"),
		rule("32", "", "changsanjiao"),
		rule("32", "transport", "jiangsu-roads"),
		rule("3205", "", "suzhou"),
		rule("3205", "urban", "suzhou-housing"),
		rule("3205", "urban.housing.rent", "suzhou-rent"),
		rule("330102", "", "hangzhou-east"),
		rule("330114", "", "hangzhou-bay"),
		during("34", "", "anhui-old", "", "2026-06-30"),
		during("34", "", "anhui-new", "2026-07-01", ""),
		during("340111001", "", "baohe", "2026-03-01", "2026-03-31"),
		rule("4419", "", "dongguan"),
		rule("320505001002", "utility.water", "suzhou-water"),
	)
}

func TestLookup(t *testing.T) {
	tests := []struct {
		name, division, service, asOf string
		region                        string
		reason                        Reason
		via                           string
	}{
		{name: "a province's rule covers its counties", division: "130930", region: "jingjinji"},
		{name: "a county's rule beats its province's", division: "130632", region: "xiongan"},
		{name: "down to the village", division: "130632100201", region: "xiongan"},
		{name: "a prefecture by six digits", division: "320500", region: "suzhou"},
		{name: "a narrower place beats a narrower service", division: "320505", service: "transport.taxi", region: "suzhou"},
		{name: "elsewhere the service counts", division: "320102", service: "transport.taxi", region: "jiangsu-roads"},
		{name: "and its parts only", division: "320102", service: "transportation", region: "changsanjiao"},
		{name: "of one place the narrower service wins", division: "320505", service: "urban.planning", region: "suzhou-housing"},
		{name: "the narrowest wins", division: "320505", service: "urban.housing.rent", region: "suzhou-rent"},
		{name: "a service between two that have rules", division: "320505", service: "urban.housing", region: "suzhou-housing"},
		{name: "below the narrowest", division: "320505", service: "urban.housing.rent.flat", region: "suzhou-rent"},
		{name: "no service meets rules for all", division: "320505", region: "suzhou"},
		{name: "a village for one service", division: "320505001002", service: "utility.water", region: "suzhou-water"},
		{name: "for another its city", division: "320505001002", service: "urban", region: "suzhou-housing"},
		{name: "and its neighbour too", division: "320505001003", service: "utility.water", region: "suzhou"},
		{name: "a pseudo-city", division: "1101", region: "jingjinji"},
		{name: "a development zone", division: "320576", region: "suzhou"},
		{name: "a city without counties by its six digits", division: "441900", region: "dongguan"},
		{name: "a township of it", division: "441900003", region: "dongguan"},
		{name: "the last day of a rule", division: "340111", asOf: "2026-06-30", region: "anhui-old"},
		{name: "the first day of the next", division: "340111", asOf: "2026-07-01", region: "anhui-new"},
		{name: "a narrower rule while it is valid", division: "340111001", asOf: "2026-03-15", region: "baohe"},
		{name: "and after", division: "340111001", asOf: "2026-04-01", region: "anhui-old"},
		{name: "nobody serves the place", division: "440103", reason: NotFound},
		{name: "a wider place than any rule's", division: "33", reason: NotFound},
		{name: "no such division", division: "139999", reason: UnknownDivision},
		{name: "no such village's township", division: "320505999001", reason: UnknownDivision},
		{name: "no such province", division: "99", reason: UnknownDivision},
		{name: "retired, one successor", division: "320584", region: "suzhou", via: "320509"},
		{name: "retired, all successors in one region", division: "130421", region: "jingjinji", via: "130402"},
		{name: "retired, successors in two regions", division: "330104", reason: DivisionSplit},
		{name: "a place inside it", division: "330104005003", reason: DivisionSplit},
		{name: "retired, nobody serves the successor", division: "330103", reason: NotFound},
		{name: "retired, a successor of several not served", division: "341400", asOf: "2026-01-01", region: "anhui-old", via: "340124"},
	}
	routes := delta(t)
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			q := Query{Division: code(test.division), Service: test.service, AsOf: day("2026-05-01")}
			if test.asOf != "" {
				q.AsOf = day(test.asOf)
			}
			got := routes.Lookup(q)
			if got.Rule.Region != test.region || got.Reason != test.reason || got.Via.String() != test.via || got.Found() != (test.reason == "") {
				t.Errorf("%s %s on %s: got %+v, want region %q, reason %q, via %q", test.division, test.service, q.AsOf, got, test.region, test.reason, test.via)
			}
			if got.Found() && !got.Rule.ActiveOn(q.AsOf) {
				t.Errorf("the rule that won is not valid on %s: %s", q.AsOf, got.Rule)
			}
		})
	}
}

func TestLookupSplitWhenOneSuccessorIsNotServed(t *testing.T) {
	routes := table(t, rule("330102", "", "hangzhou"))
	if got := routes.Lookup(Query{Division: code("330104")}); got.Reason != DivisionSplit {
		t.Errorf("got %+v, want %s", got, DivisionSplit)
	}
}

func TestRuleForRetiredCodeSettlesASplit(t *testing.T) {
	routes := table(t,
		rule("330102", "", "hangzhou-east"),
		rule("330114", "", "hangzhou-bay"),
		during("330104", "", "hangzhou", "2026-01-01", ""),
		rule("330104009", "", "xiasha"),
	)
	tests := []struct {
		name, division, asOf string
		region               string
		reason               Reason
	}{
		{"the old code", "330104", "2026-05-01", "hangzhou", ""},
		{"a place in it", "330104001", "2026-05-01", "hangzhou", ""},
		{"a place in it with a rule", "330104009", "2026-05-01", "xiasha", ""},
		{"before the rule is valid", "330104", "2025-05-01", "", DivisionSplit},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := routes.Lookup(Query{Division: code(test.division), AsOf: day(test.asOf)})
			if got.Rule.Region != test.region || got.Reason != test.reason || got.Via != 0 {
				t.Errorf("got %+v, want region %q, reason %q", got, test.region, test.reason)
			}
		})
	}
}

// TestNextYearsDivisions: the embedded data knows no 330115, but a rule may.
func TestNextYearsDivisions(t *testing.T) {
	routes := table(t,
		rule("33", "", "zhejiang"),
		during("330115", "urban", "new-district", "2027-01-01", ""),
	)
	tests := []struct {
		name, division, service, asOf string
		region                        string
		reason                        Reason
	}{
		{"once it is valid", "330115", "urban.housing", "2027-01-01", "new-district", ""},
		{"a township in it", "330115001", "urban", "2027-01-01", "new-district", ""},
		{"a village in it", "330115001002", "urban", "2027-01-01", "new-district", ""},
		{"another service", "330115", "health", "2027-01-01", "zhejiang", ""},
		{"loaded but not yet valid", "330115", "urban", "2026-12-31", "zhejiang", ""},
		{"one that no rule names", "330116", "urban", "2027-01-01", "", UnknownDivision},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := routes.Lookup(Query{Division: code(test.division), Service: test.service, AsOf: day(test.asOf)})
			if got.Rule.Region != test.region || got.Reason != test.reason {
				t.Errorf("got %+v, want region %q, reason %q", got, test.region, test.reason)
			}
		})
	}
}

func TestEmptyTable(t *testing.T) {
	routes := table(t)
	if got := routes.Lookup(Query{Division: code("13")}); got.Reason != NotFound {
		t.Errorf("got %+v", got)
	}
	if got := routes.Lookup(Query{}); got.Reason != UnknownDivision {
		t.Errorf("no division: got %+v", got)
	}
	if routes.Len() != 0 || len(slices.Collect(routes.Rules(Key{}))) != 0 {
		t.Error("an empty table has rules")
	}
}

func TestLookupAllocatesNothing(t *testing.T) {
	routes := delta(t)
	queries := []Query{
		{Division: code("320505001002"), Service: "urban.housing.rent.flat", AsOf: day("2026-05-01")},
		{Division: code("330104"), Service: "urban", AsOf: day("2026-05-01")},
		{Division: code("130421"), AsOf: day("2026-05-01")},
		{Division: code("999999"), Service: "nobody.knows.this"},
	}
	if n := testing.AllocsPerRun(100, func() {
		for _, q := range queries {
			routes.Lookup(q)
		}
	}); n != 0 {
		t.Errorf("%v allocations for %d look-ups", n, len(queries))
	}
}

func TestExplain(t *testing.T) {
	routes := table(t,
		rule("32", "", "jiangsu"),
		rule("32", "urban", "jiangsu-urban"),
		rule("3205", "", "suzhou"),
		during("3205", "urban", "suzhou-old", "", "2025-12-31"),
		during("3205", "urban", "suzhou-now", "2026-01-01", "2026-12-31"),
		during("3205", "urban", "suzhou-next", "2027-01-01", ""),
		rule("3205", "health", "suzhou-health"),
		rule("3206", "urban", "nantong"),
	)
	got := routes.Explain(Query{Division: code("320505"), Service: "urban.housing", AsOf: day("2026-05-01")})
	want := []struct {
		region  string
		outcome Outcome
	}{
		{"suzhou-next", NotYetValid},
		{"suzhou-now", Won},
		{"suzhou-old", Expired},
		{"suzhou", LessSpecificService},
		{"jiangsu-urban", ShorterPrefix},
		{"jiangsu", ShorterPrefix},
	}
	if got.Answer.Rule.Region != "suzhou-now" {
		t.Errorf("the answer is %+v", got.Answer)
	}
	if len(got.Candidates) != len(want) {
		t.Fatalf("%d candidates, want %d: %+v", len(got.Candidates), len(want), got.Candidates)
	}
	for i, candidate := range got.Candidates {
		if candidate.Rule.Region != want[i].region || candidate.Outcome != want[i].outcome {
			t.Errorf("candidate %d is %s: %s; want %s: %s", i, candidate.Rule, candidate.Outcome, want[i].region, want[i].outcome)
		}
	}
}

func TestExplainRetired(t *testing.T) {
	type line struct {
		region  string
		outcome Outcome
		via     string
	}
	lines := func(explanation Explanation) []line {
		var all []line
		for _, c := range explanation.Candidates {
			all = append(all, line{c.Rule.Region, c.Outcome, c.Via.String()})
		}
		return all
	}
	split := table(t, rule("33", "", "zhejiang"), rule("330102", "", "east"), during("330104", "", "old", "", "2020-12-31"))
	got := split.Explain(Query{Division: code("330104"), AsOf: day("2026-05-01")})
	want := []line{
		{"old", Expired, ""},
		{"east", SuccessorsDiffer, "330102"},
		{"zhejiang", ShorterPrefix, "330102"},
		{"zhejiang", SuccessorsDiffer, "330114"},
	}
	if got.Answer.Reason != DivisionSplit || !slices.Equal(lines(got), want) {
		t.Errorf("got %s\n%v\nwant\n%v", got.Answer.Reason, lines(got), want)
	}

	whole := table(t, rule("33", "", "zhejiang"))
	got = whole.Explain(Query{Division: code("330104"), AsOf: day("2026-05-01")})
	want = []line{{"zhejiang", Won, "330102"}, {"zhejiang", Won, "330114"}}
	if got.Answer.Rule.Region != "zhejiang" || got.Answer.Via != code("330102") || !slices.Equal(lines(got), want) {
		t.Errorf("got %+v\n%v\nwant\n%v", got.Answer, lines(got), want)
	}

	settled := table(t, rule("33", "", "zhejiang"), rule("330104", "", "old"))
	got = settled.Explain(Query{Division: code("330104"), AsOf: day("2026-05-01")})
	if want = []line{{"old", Won, ""}}; !slices.Equal(lines(got), want) {
		t.Errorf("got %v, want %v", lines(got), want)
	}

	if got = settled.Explain(Query{Division: code("999999")}); got.Answer.Reason != UnknownDivision || got.Candidates != nil {
		t.Errorf("an unknown division: got %+v", got)
	}
}
