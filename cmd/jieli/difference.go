package main

import (
	"fmt"

	"github.com/jieli-gateway/jieli/cmd/jieli/internal/routefile"
	"github.com/jieli-gateway/jieli/cmd/jieli/internal/show"
	"github.com/jieli-gateway/jieli/regions"
)

// mostRows of a difference are shown before an import; a dry run shows all.
const mostRows = 100

// difference is what an import changes, as scripts read it.
type difference struct {
	Added   []regions.Rule `json:"added"`
	Removed []regions.Rule `json:"removed"`
	Changed []changedRoute `json:"changed"`
}

type changedRoute struct {
	Before regions.Rule `json:"before"`
	After  regions.Rule `json:"after"`
}

// showPlan shows what an import would change, or the beginning of it.
func (a *app) showPlan(plan *routefile.Plan, whole bool) error {
	d := difference{Added: append([]regions.Rule{}, plan.Difference.Added...), Removed: append([]regions.Rule{}, plan.Difference.Removed...), Changed: []changedRoute{}}
	for _, c := range plan.Difference.Changed {
		d.Changed = append(d.Changed, changedRoute{c.Before, c.After})
	}
	if err := a.printer().Value(d, func() *show.Table { return differenceTable(d, plan.FullName, whole) }); err != nil || a.output != "table" {
		return err
	}
	_, err := fmt.Fprintf(a.out, a.printer().Say("%d added, %d removed, %d changed\n", "新增 %d，删除 %d，变更 %d\n"), len(d.Added), len(d.Removed), len(d.Changed))
	return err
}

// differenceTable has a row for each route: - is removed, + is added, ~ is changed.
func differenceTable(d difference, name func(regions.Code) string, whole bool) *show.Table {
	t := &show.Table{}
	add := func(sign string, r regions.Rule, region, from, to string) {
		if whole || len(t.Rows) < mostRows {
			t.Add(sign, r.Division.String(), name(r.Division), or(r.Service, "*"), region, from, to)
		}
	}
	for _, r := range d.Removed {
		add("-", r, r.Region, r.ValidFrom.String(), r.ValidTo.String())
	}
	for _, r := range d.Added {
		add("+", r, r.Region, r.ValidFrom.String(), r.ValidTo.String())
	}
	for _, c := range d.Changed {
		add("~", c.After, arrow(c.Before.Region, c.After.Region), c.After.ValidFrom.String(), arrow(c.Before.ValidTo.String(), c.After.ValidTo.String()))
	}
	if all := len(d.Removed) + len(d.Added) + len(d.Changed); all > len(t.Rows) {
		t.Add("…", fmt.Sprint(all))
	}
	if len(t.Rows) > 0 {
		t.Head = []string{"CHANGE", "DIVISION", "FULL NAME", "SERVICE", "REGION", "FROM", "TO"}
	}
	return t
}

// arrow shows what becomes what, where it does.
func arrow(before, after string) string {
	if before == after {
		return after
	}
	return or(before, "*") + " → " + or(after, "*")
}
