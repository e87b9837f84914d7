package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/jieli-gateway/jieli/cmd/jieli/internal/show"
)

// views says whose line is down, in sentences, and then who reaches whom.
func (v *statusView) views() error {
	if len(v.res.GetViews()) == 0 {
		return nil
	}
	answered := 0
	for _, view := range v.res.GetViews() {
		if view.GetAnswered() {
			answered++
		}
	}
	if err := v.heading("what the others see: %d nodes asked, %d answered", "其他区域所见：询问 %d 个节点，%d 个应答", len(v.res.GetViews()), answered); err != nil {
		return err
	}
	for _, verdict := range v.res.GetVerdicts() {
		text := v.p.Say(verdict.GetMessage(), or(verdict.GetMessageZh(), verdict.GetMessage()))
		if err := v.say("  %s: %s", "  %s：%s", verdict.GetRegion(), text); err != nil {
			return err
		}
	}
	if len(v.res.GetVerdicts()) == 0 {
		if err := v.say("  everybody who answered reaches everybody", "  应答的各区域之间全部连通"); err != nil {
			return err
		}
	}
	return v.table(v.whoReaches())
}

// whoReaches has a row for each region: how this node reaches it, how the others do, and whether it answered.
func (v *statusView) whoReaches() *show.Table {
	here, answers := map[string]string{}, map[string]string{}
	reach, miss := map[string][]string{}, map[string][]string{}
	for _, l := range v.res.GetLinks() {
		here[l.GetPeer()] = standing(v.p, l.GetState(), l.GetReason())
	}
	for _, view := range v.res.GetViews() {
		answer := v.p.Say("no: ", "否：") + v.p.Code(view.GetReason())
		if view.GetAnswered() {
			answer = v.p.Say("yes", "是")
		}
		answers[view.GetRegion()] = answer
		for _, l := range view.GetLinks() {
			if l.GetState() == "UP" {
				reach[l.GetPeer()] = append(reach[l.GetPeer()], view.GetRegion())
			} else {
				miss[l.GetPeer()] = append(miss[l.GetPeer()], view.GetRegion()+" "+standing(v.p, l.GetState(), l.GetReason()))
			}
		}
	}
	self := v.res.GetRegion()
	here[self] = v.p.Say("(here)", "（本区域）")
	regions := map[string]bool{}
	for _, from := range []map[string]string{here, answers} {
		for region := range from {
			regions[region] = true
		}
	}
	t := &show.Table{Head: []string{"REGION", "FROM HERE", "ANSWERED", "REACHED BY", "NOT REACHED BY"}}
	for _, region := range slices.Sorted(maps.Keys(regions)) {
		t.Add(region, here[region], answers[region], few(reach[region]), few(miss[region]))
	}
	return t
}

// few counts names, and gives them where they are few.
func few(names []string) string {
	const most = 3
	if len(names) == 0 {
		return "0"
	}
	if len(names) > most {
		return fmt.Sprintf("%d: %s …", len(names), strings.Join(names[:most], ", "))
	}
	return fmt.Sprintf("%d: %s", len(names), strings.Join(names, ", "))
}
