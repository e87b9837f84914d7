package demo

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/jieli-gateway/jieli/cmd/jieli/internal/importer"
	"github.com/jieli-gateway/jieli/regions"
)

func eleven(t *testing.T) []*centre {
	t.Helper()
	plan, err := layoutNamed(Provinces)
	if err != nil {
		t.Fatal(err)
	}
	all, err := plan.centres()
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestACallComesInAtAMemberOfTheClusterItNames(t *testing.T) {
	all := eleven(t)
	at := newReception(all)
	for cluster, members := range map[string][]string{
		"jingjinji":    {"beijing", "tianjin", "hebei", "xiongan"},
		"changsanjiao": {"shanghai", "jiangsu", "suzhou", "zhejiang", "anhui"},
		"chengyu":      {"chongqing", "sichuan"},
	} {
		seen := map[string]int{}
		for i := range 400 {
			number := fmt.Sprintf("X-%d", i)
			first := at.of(importer.Line{Region: cluster, Ticket: json.RawMessage(`{"a":1}`)}, number)
			again := newReception(eleven(t)).of(importer.Line{Region: cluster, Ticket: json.RawMessage(`{"b":2}`)}, number)
			if first == nil || again == nil || first.id != again.id {
				t.Fatalf("%s came in at %v, then at %v", number, first, again)
			}
			seen[first.id]++
		}
		for _, id := range members {
			if seen[id] < 400/len(members)/2 {
				t.Errorf("%s took %d of 400 calls of %s", id, seen[id], cluster)
			}
		}
		if len(seen) != len(members) {
			t.Errorf("calls of %s came in at %v, want %v", cluster, seen, members)
		}
	}
}

func TestACallComesInAtTheRegionItNames(t *testing.T) {
	at := newReception(eleven(t))
	if c := at.of(importer.Line{Region: "suzhou"}, "X-1"); c == nil || c.id != "suzhou" {
		t.Errorf("got %v, want suzhou", c)
	}
	if c := at.of(importer.Line{Region: "guangdong"}, "X-1"); c != nil {
		t.Errorf("a region that takes no part took a call: %s", c.id)
	}
	seen := map[string]bool{}
	for _, title := range []string{"漏水", "停电", "噪声", "占道", "欠薪", "路灯", "井盖", "退费"} {
		seen[at.of(importer.Line{Region: "chengyu", Ticket: json.RawMessage(`{"title":"` + title + `"}`)}, "").id] = true
	}
	if len(seen) != 2 {
		t.Errorf("tickets without numbers came in at %v, want at both by their texts", seen)
	}
}

func TestSuzhouAndXionganAreInsideTheirProvinces(t *testing.T) {
	var rules []regions.Rule
	for _, c := range eleven(t) {
		for _, place := range c.places {
			rules = append(rules, regions.Rule{Division: division(t, place), Region: c.id})
		}
	}
	divisions, err := regions.LoadDivisions()
	if err != nil {
		t.Fatal(err)
	}
	table, err := regions.NewTable(divisions, rules...)
	if err != nil {
		t.Fatal(err)
	}
	for place, want := range map[string]string{
		"320506": "suzhou", "320583": "suzhou", "320102": "jiangsu", "130629": "xiongan", "130632": "xiongan", "130638": "xiongan",
		"130602": "hebei", "110101": "beijing", "120101": "tianjin", "310101": "shanghai", "330102": "zhejiang", "340102": "anhui",
		"500237": "chongqing", "510104": "sichuan",
	} {
		if got := table.Lookup(regions.Query{Division: division(t, place)}).Rule.Region; got != want {
			t.Errorf("%s is served by %s, want %s", place, got, want)
		}
	}
}

func division(t *testing.T, text string) regions.Code {
	t.Helper()
	code, err := regions.ParseCode(text)
	if err != nil {
		t.Fatal(err)
	}
	return code
}

func TestNoOtherLayout(t *testing.T) {
	if _, err := layoutNamed("cities"); err == nil {
		t.Error("an unknown layout was taken")
	}
}
