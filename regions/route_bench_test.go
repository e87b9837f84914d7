package regions

import (
	"bytes"
	"math/rand/v2"
	"runtime"
	"testing"
)

// manyRules is the number of rules that the goals of design §9 speak of: about
// one for each village of the country.
const manyRules = 700_000

var benchServices = []string{"", "urban", "urban.housing", "transport", "labour.wages", "environment"}

var benchRegions = []string{"jingjinji", "changsanjiao", "chengyu", "suzhou", "xiongan", "guangdong"}

// villageRules returns a rule for each county and township and, up to n in all,
// for villages of all townships.
func villageRules(d *Divisions, n int) []Rule {
	rules := make([]Rule, 0, n)
	add := func(c Code) {
		i := len(rules)
		rules = append(rules, Rule{Division: c, Service: benchServices[i%len(benchServices)], Region: benchRegions[i%len(benchRegions)]})
	}
	var townships []Code
	for _, c := range d.codes {
		add(c)
		if c.Len() == 9 {
			townships = append(townships, c)
		}
	}
	for village := uint64(1); len(rules) < n; village++ {
		for _, township := range townships {
			if len(rules) == n {
				break
			}
			add(makeCode(township.digits()+village, codeDigits))
		}
	}
	return rules
}

func manyRulesTable(b *testing.B) (*Table, []Rule) {
	b.Helper()
	rules := villageRules(divisions(b), manyRules)
	builder := NewBuilder(divisions(b))
	for _, r := range rules {
		if err := builder.Add(r); err != nil {
			b.Fatal(err)
		}
	}
	t, err := builder.Build()
	if err != nil {
		b.Fatal(err)
	}
	return t, rules
}

// BenchmarkLookup700k looks up random divisions of 700,000 rules, so that most
// of the table is in no cache: with the service of the division's own rule,
// which wins; and with any service, so that mostly a rule for a wider division
// wins, after a search of two to five.
func BenchmarkLookup700k(b *testing.B) {
	t, rules := manyRulesTable(b)
	asOf := day("2026-11-01")
	random := rand.New(rand.NewPCG(1, 2))
	order := make([]uint32, 1<<20)
	divisions := make([]Code, len(order))
	for i := range order {
		order[i] = uint32(random.IntN(len(rules)))
		divisions[i] = rules[order[i]].Division
	}
	run := func(b *testing.B, service func(i int) string) {
		b.ReportAllocs()
		found := 0
		for i := range b.N {
			i &= len(order) - 1
			if t.Lookup(Query{Division: divisions[i], Service: service(i), AsOf: asOf}).Found() {
				found++
			}
		}
		if b.N > 1000 && found == 0 {
			b.Fatal("no look-up found a region")
		}
	}
	b.Run("narrowest", func(b *testing.B) {
		run(b, func(i int) string { return benchServices[int(order[i])%len(benchServices)] })
	})
	b.Run("wider", func(b *testing.B) {
		run(b, func(i int) string { return benchServices[i%len(benchServices)] })
	})
}

// BenchmarkPublishOne changes one village's rule in a table of 700,000.
func BenchmarkPublishOne(b *testing.B) {
	t, rules := manyRulesTable(b)
	random := rand.New(rand.NewPCG(1, 2))
	b.ReportAllocs()
	b.ResetTimer()
	for range b.N {
		r := rules[random.IntN(len(rules))]
		r.Region = benchRegions[random.IntN(len(benchRegions))]
		next, err := t.With([]Rule{r}, nil)
		if err != nil {
			b.Fatal(err)
		}
		t = next
	}
}

// BenchmarkPublishThousand changes 1,000 rules all over the country at once,
// the most that one registry command holds.
func BenchmarkPublishThousand(b *testing.B) {
	t, rules := manyRulesTable(b)
	random := rand.New(rand.NewPCG(1, 2))
	set := make([]Rule, 1000)
	b.ReportAllocs()
	b.ResetTimer()
	for range b.N {
		start := random.IntN(len(rules) - len(set)*600)
		for i := range set {
			set[i] = rules[start+i*600]
			set[i].Region = benchRegions[random.IntN(len(benchRegions))]
		}
		next, err := t.With(set, nil)
		if err != nil {
			b.Fatal(err)
		}
		t = next
	}
}

// BenchmarkBuild700k makes the whole table, and reports what it holds in memory.
func BenchmarkBuild700k(b *testing.B) {
	rules := villageRules(divisions(b), manyRules)
	rand.Shuffle(len(rules), func(i, j int) { rules[i], rules[j] = rules[j], rules[i] })
	b.ResetTimer()
	for range b.N {
		b.StopTimer()
		before := heapBytes()
		b.StartTimer()
		builder := NewBuilder(divisions(b))
		for _, r := range rules {
			if err := builder.Add(r); err != nil {
				b.Fatal(err)
			}
		}
		t, err := builder.Build()
		if err != nil {
			b.Fatal(err)
		}
		b.StopTimer()
		builder = nil //nolint:wastedassign // its memory is not to be counted
		b.ReportMetric(float64(heapBytes()-before)/(1<<20), "MiB-held")
		runtime.KeepAlive(t)
		b.StartTimer()
	}
}

func heapBytes() int64 {
	var stats runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&stats)
	return int64(stats.HeapAlloc)
}

// BenchmarkLoadDivisions decodes the embedded divisions, and reports what they
// hold in memory.
func BenchmarkLoadDivisions(b *testing.B) {
	for range b.N {
		b.StopTimer()
		before := heapBytes()
		b.StartTimer()
		d, err := readDivisions(bytes.NewReader(divisionsFile), retiredFile)
		if err != nil {
			b.Fatal(err)
		}
		b.StopTimer()
		b.ReportMetric(float64(heapBytes()-before)/(1<<20), "MiB-held")
		runtime.KeepAlive(d)
		b.StartTimer()
	}
}

// BenchmarkSearch looks for a county by the name of its city and its own.
func BenchmarkSearch(b *testing.B) {
	d := divisions(b)
	b.ReportAllocs()
	for range b.N {
		if len(d.Search("沧州孟村", 20)) == 0 {
			b.Fatal("not found")
		}
	}
}
