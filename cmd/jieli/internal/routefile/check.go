package routefile

import (
	"context"
	"slices"

	"github.com/jieli-gateway/jieli/cmd/jieli/internal/client"
	"github.com/jieli-gateway/jieli/cmd/jieli/internal/lang"
	"github.com/jieli-gateway/jieli/cmd/jieli/internal/suggest"
	jieliv1 "github.com/jieli-gateway/jieli/proto/jieli/v1"
	"github.com/jieli-gateway/jieli/regions"
)

// known is what routes may name.
type known struct {
	regions  map[string]jieliv1.Region_State
	services map[string]bool
}

func fetchKnown(ctx context.Context, c *client.Client) (*known, error) {
	k := &known{regions: map[string]jieliv1.Region_State{}, services: map[string]bool{}}
	return k, call(ctx, c, func(ctx context.Context) error {
		members, err := c.Registry.ListRegions(ctx, &jieliv1.ListRegionsRequest{})
		if err != nil {
			return err
		}
		for _, r := range members.GetRegions() {
			k.regions[r.GetId()] = r.GetState()
		}
		catalogue, err := c.Registry.ListServices(ctx, &jieliv1.ListServicesRequest{})
		if err != nil {
			return err
		}
		for _, s := range catalogue.GetServices() {
			k.services[s.GetCode()] = true
		}
		return nil
	})
}

// checkNames finds the lines that name what there is not.
func (f *File) checkNames(wrong *mistakes, k *known, divisions *regions.Divisions, o Options) {
	for _, rule := range f.Rules {
		if wrong.full() {
			break
		}
		line := f.lines[rule.Key()]
		if err := k.region(rule.Region); err != nil {
			wrong.add(line, err)
		}
		if rule.Service != "" && !k.services[rule.Service] {
			wrong.add(line, lang.Errorf("service: there is no service %s%s", "service：没有事项 %s%s", rule.Service, nearest(rule.Service, k.services)))
		}
		if !o.NewDivisions && !divisions.Knows(rule.Division) {
			wrong.add(line, lang.Errorf("division: there is and was no division %s; --new-divisions takes it all the same",
				"division：没有行政区划 %s，过去也没有；加 --new-divisions 可照样导入", rule.Division))
		}
	}
}

// region refuses a region that routes cannot lead to.
func (k *known) region(id string) error {
	state, ok := k.regions[id]
	switch {
	case !ok:
		return lang.Errorf("region: there is no region %s%s", "region：没有区域 %s%s", id, nearest(id, k.regions))
	case state != jieliv1.Region_ACTIVE && state != jieliv1.Region_SUSPENDED:
		return lang.Errorf("region: %s is %s; routes lead to members only", "region：%s 的状态为 %s；路由只能指向成员", id, state)
	}
	return nil
}

// nearest asks whether a known word was meant.
func nearest[V any](word string, all map[string]V) lang.Words {
	words := make([]string, 0, len(all))
	for w := range all {
		words = append(words, w)
	}
	slices.Sort(words)
	near := suggest.Nearest(word, words)
	if near == "" {
		return lang.Words{}
	}
	return lang.Words{English: "; did you mean " + near + "?", Chinese: "；是否应为 " + near + "？"}
}

// checkTies finds rules for one place and service whose days overlap, among rules in order of key.
func (f *File) checkTies(wrong *mistakes, after []regions.Rule) {
	for i, rule := range after {
		for _, next := range after[i+1:] {
			over := rule.ValidTo != 0 && rule.ValidTo < next.ValidFrom // before this one begins, and all after it
			if next.Division != rule.Division || next.Service != rule.Service || over || wrong.full() {
				break
			}
			f.addTie(wrong, rule, next)
		}
	}
}

// addTie tells of a tie at the line of the later rule that the file has.
func (f *File) addTie(wrong *mistakes, one, other regions.Rule) {
	at, hasOne := f.lines[one.Key()]
	line, hasOther := f.lines[other.Key()]
	switch {
	case hasOne && hasOther:
		wrong.add(max(at, line), lang.Errorf("its days overlap with those of line %d: %s; %s", "日期与第 %d 行重叠：%s；%s", min(at, line), one, other))
	case hasOther:
		wrong.add(line, lang.Errorf("%s: its days overlap with those of route %s, which stays", "%s：日期与仍然有效的路由 %s 重叠", other, one))
	default:
		wrong.add(at, lang.Errorf("%s: its days overlap with those of route %s, which stays", "%s：日期与仍然有效的路由 %s 重叠", one, other))
	}
}

// warn looks for what an import leaves doubtful, on the day from which all of it holds.
func (f *File) warn(old, next *regions.Table, d regions.Difference, today regions.Day) Warnings {
	w := Warnings{Day: today, Unserved: []regions.Code{}, Idle: []Idle{}}
	if d.Empty() {
		return w
	}
	for _, r := range d.Added {
		w.Day = max(w.Day, r.ValidFrom)
	}
	before := map[regions.Code]bool{}
	for _, code := range old.Check(w.Day).Unserved {
		before[code] = true
	}
	report := next.Check(w.Day)
	for _, code := range report.Unserved {
		if coveredBy(before, code) {
			w.StillUnserved++
		} else {
			w.Unserved = append(w.Unserved, code)
		}
	}
	for _, idle := range report.Idle {
		if line, here := f.lines[idle.Rule.Key()]; here {
			w.Idle = append(w.Idle, Idle{Line: line, Rule: idle.Rule, Reason: idle.Reason})
		}
	}
	slices.SortFunc(w.Idle, func(a, b Idle) int { return a.Line - b.Line })
	return w
}

// coveredBy tells whether a division, or one that it lies in, is among some.
func coveredBy(some map[regions.Code]bool, code regions.Code) bool {
	for _, digits := range []int{2, 4, 6, 9, 12} {
		if digits <= code.Len() && some[code.Prefix(digits)] {
			return true
		}
	}
	return false
}
