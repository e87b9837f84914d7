package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/jieli-gateway/jieli/cmd/jieli/internal/routefile"
	"github.com/jieli-gateway/jieli/cmd/jieli/internal/show"
	"github.com/jieli-gateway/jieli/regions"
)

// usualRows is how many routes of each region a difference shows.
const usualRows = 20

// mostWarned is how many unserved divisions and idle rules are named.
const mostWarned = 10

// difference is what an import changes, as scripts read it: always whole.
type difference struct {
	Revision uint64             `json:"revision"` // of the registry it was compared with
	Regions  []routefile.Count  `json:"regions"`
	Added    []regions.Rule     `json:"added"`
	Removed  []regions.Rule     `json:"removed"`
	Changed  []changedRoute     `json:"changed"`
	Warnings routefile.Warnings `json:"warnings"`
}

type changedRoute struct {
	Before regions.Rule `json:"before"`
	After  regions.Rule `json:"after"`
}

// showPlan shows what an import would change: by region, the first rows of each; 0 shows all.
func (a *app) showPlan(plan *routefile.Plan, rows int) error {
	d := difference{
		Revision: plan.Revision(), Regions: plan.Counts, Warnings: plan.Warnings, Changed: []changedRoute{},
		Added: append([]regions.Rule{}, plan.Difference.Added...), Removed: append([]regions.Rule{}, plan.Difference.Removed...),
	}
	for _, c := range plan.Difference.Changed {
		d.Changed = append(d.Changed, changedRoute{c.Before, c.After})
	}
	if a.output != "table" {
		return a.printer().Value(d, nil)
	}
	say := a.printer().Say
	if plan.Empty() {
		_, err := fmt.Fprintf(a.out, say("nothing changes: revision %d has it all\n", "没有变更：版次 %d 已全部具备\n"), d.Revision)
		return err
	}
	if err := a.printer().Value(d, func() *show.Table { return differenceTable(d, plan.FullName, rows) }); err != nil {
		return err
	}
	if _, err := fmt.Fprintln(a.out); err != nil {
		return err
	}
	if err := a.printer().Value(d, func() *show.Table { return countTable(d.Regions) }); err != nil {
		return err
	}
	if _, err := fmt.Fprintln(a.out); err != nil {
		return err
	}
	for _, warning := range a.warningsOf(d.Warnings, plan.FullName) {
		if _, err := fmt.Fprintln(a.out, warning); err != nil {
			return err
		}
	}
	_, err := fmt.Fprintf(a.out, say("%d added, %d removed, %d changed since revision %d\n", "新增 %d，删除 %d，变更 %d（相对版次 %d）\n"), len(d.Added), len(d.Removed), len(d.Changed), d.Revision)
	return err
}

// shownRoute is one row of a difference.
type shownRoute struct {
	region string // it is listed under
	rule   regions.Rule
	cells  []string
}

// differenceTable has a row for each route, by region and place: - is removed, + is added, ~ is changed.
func differenceTable(d difference, name func(regions.Code) string, rows int) *show.Table {
	var all []shownRoute
	add := func(sign string, r regions.Rule, region, to string) {
		all = append(all, shownRoute{r.Region, r, []string{sign, r.Division.String(), name(r.Division), or(r.Service, "*"), region, r.ValidFrom.String(), to}})
	}
	for _, r := range d.Removed {
		add("-", r, r.Region, r.ValidTo.String())
	}
	for _, r := range d.Added {
		add("+", r, r.Region, r.ValidTo.String())
	}
	for _, c := range d.Changed {
		add("~", c.After, arrow(c.Before.Region, c.After.Region), arrow(c.Before.ValidTo.String(), c.After.ValidTo.String()))
	}
	slices.SortStableFunc(all, func(a, b shownRoute) int {
		if a.region != b.region {
			return strings.Compare(a.region, b.region)
		}
		return a.rule.Key().Compare(b.rule.Key())
	})
	t := &show.Table{Head: []string{"CHANGE", "DIVISION", "FULL NAME", "SERVICE", "REGION", "FROM", "TO"}}
	shown, hidden := 0, 0
	for i, r := range all {
		if rows == 0 || shown < rows {
			t.Add(r.cells...)
			shown++
		} else {
			hidden++
		}
		if i == len(all)-1 || all[i+1].region != r.region {
			if hidden > 0 {
				t.Add("…", fmt.Sprintf("+%d", hidden), "", "", r.region)
			}
			shown, hidden = 0, 0
		}
	}
	return t
}

func countTable(counts []routefile.Count) *show.Table {
	t := &show.Table{Head: []string{"REGION", "ADDED", "CHANGED", "REMOVED"}}
	for _, c := range counts {
		t.Add(c.Region, fmt.Sprint(c.Added), fmt.Sprint(c.Changed), fmt.Sprint(c.Removed))
	}
	return t
}

// warningsOf says what an import leaves doubtful.
func (a *app) warningsOf(w routefile.Warnings, name func(regions.Code) string) (lines []string) {
	say := a.printer().Say
	if n := len(w.Unserved); n > 0 {
		var places []string
		for _, code := range w.Unserved[:min(n, mostWarned)] {
			places = append(places, code.String()+" "+name(code))
		}
		if n > mostWarned {
			places = append(places, "…")
		}
		lines = append(lines, fmt.Sprintf(say("warning: from %[2]s nobody serves %[1]d divisions that are served now: %[3]s", "提示：%[2]s 起有 %[1]d 个现有承办区域的行政区划无人承办：%[3]s"),
			n, w.Day, strings.Join(places, say(", ", "、"))))
	}
	if w.StillUnserved > 0 {
		lines = append(lines, fmt.Sprintf(say("%d more divisions stay unserved, as they are now (jieli route check)", "另有 %d 个行政区划仍无人承办（见 jieli route check）"), w.StillUnserved))
	}
	for i, idle := range w.Idle {
		if i == mostWarned {
			lines = append(lines, fmt.Sprintf(say("warning: %d more routes of the file never win", "提示：文件中另有 %d 条路由不会生效"), len(w.Idle)-i))
			break
		}
		lines = append(lines, fmt.Sprintf(say("warning: line %d: route %s never wins: %s", "提示：第 %d 行：路由 %s 不会生效：%s"), idle.Line, idle.Rule, a.why(string(idle.Reason))))
	}
	return lines
}

// arrow shows what becomes what, where it does.
func arrow(before, after string) string {
	if before == after {
		return after
	}
	return or(before, "*") + " → " + or(after, "*")
}
