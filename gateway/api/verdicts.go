package api

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/jieli-gateway/jieli/gateway/link"
	jieliv1 "github.com/jieli-gateway/jieli/proto/jieli/v1"
)

// inquiry is what this node and the others see, by region.
type inquiry struct {
	self string
	own  map[string]*jieliv1.LinkStatus
	// asked are the other regions; those that answered have their links by peer.
	asked    map[string]bool
	answered map[string]map[string]*jieliv1.SeenLink
	// told are pairs of regions, in order, whose line somebody has been named for.
	told map[[2]string]bool
}

// verdicts says, for each region that somebody does not reach, what follows from all views together.
func verdicts(self string, own []*jieliv1.LinkStatus, views []*jieliv1.View) []*jieliv1.Verdict {
	q := inquiry{
		self: self, own: map[string]*jieliv1.LinkStatus{},
		asked: map[string]bool{}, answered: map[string]map[string]*jieliv1.SeenLink{}, told: map[[2]string]bool{},
	}
	regions := map[string]bool{}
	for _, l := range own {
		q.own[l.GetPeer()], regions[l.GetPeer()] = l, true
	}
	for _, v := range views {
		q.asked[v.GetRegion()], regions[v.GetRegion()] = true, true
		if !v.GetAnswered() {
			continue
		}
		seen := map[string]*jieliv1.SeenLink{}
		for _, l := range v.GetLinks() {
			seen[l.GetPeer()] = l
		}
		q.answered[v.GetRegion()] = seen
	}
	var all []*jieliv1.Verdict
	for _, region := range slices.Sorted(maps.Keys(regions)) {
		if v := q.verdict(region); v != nil {
			all = append(all, v)
		}
	}
	return all
}

// verdict judges one region; nil when everybody reaches it.
func (q *inquiry) verdict(region string) *jieliv1.Verdict {
	v := &jieliv1.Verdict{Region: region}
	for _, other := range slices.Sorted(maps.Keys(q.answered)) {
		l := q.answered[other][region]
		switch {
		case other == region || l == nil:
		case l.GetState() == link.StateUp:
			v.ReachedBy = append(v.ReachedBy, other)
		default:
			v.MissedBy = append(v.MissedBy, other)
		}
	}
	l := q.own[region]
	if l == nil || l.GetState() == link.StateUp {
		return q.othersLine(v)
	}
	q.ours(v, l)
	return v
}

// othersLine is the verdict on a region that this node reaches. A line between two others is told of once.
func (q *inquiry) othersLine(v *jieliv1.Verdict) *jieliv1.Verdict {
	untold := slices.DeleteFunc(slices.Clone(v.GetMissedBy()), func(other string) bool {
		pair := [2]string{min(other, v.GetRegion()), max(other, v.GetRegion())}
		told := q.told[pair] || q.down(other) // who is down reaches nobody, and has a verdict of its own
		q.told[pair] = true
		return told
	})
	if len(untold) == 0 {
		return nil
	}
	v.MissedBy, v.Code = untold, jieliv1.Verdict_OTHERS_LINE
	v.Message = fmt.Sprintf("%s does not reach %s, but this node does: the fault lies between those two", names(untold), v.GetRegion())
	v.MessageZh = fmt.Sprintf("%s 连不上 %s，而本节点能连上：问题在这两方之间", namesZh(untold), v.GetRegion())
	return v
}

func (q *inquiry) down(region string) bool {
	l := q.own[region]
	return l != nil && l.GetState() != link.StateUp
}

// ours is the verdict on a region whose link is not up here.
func (q *inquiry) ours(v *jieliv1.Verdict, l *jieliv1.LinkStatus) {
	region, reached, missed := v.GetRegion(), v.GetReachedBy(), v.GetMissedBy()
	others := len(q.answered)
	_, answers := q.answered[region]
	switch {
	case answers:
		v.Code = jieliv1.Verdict_EXCHANGE_ONLY
		v.Message = fmt.Sprintf("%s answers from here; only the exchange of tickets with it does not go on: %s", region, l.GetReason())
		v.MessageZh = fmt.Sprintf("本节点能问到 %s，只是工单交换未进行：%s", region, l.GetReason())
	case others == 0 && len(q.asked) > 1:
		v.Code = jieliv1.Verdict_WE_ARE_CUT_OFF
		v.Message = "nobody answers from here: the fault is most likely our own line"
		v.MessageZh = "所有区域都问不到：问题很可能在本方线路"
	case len(reached) == 0 && len(missed) == 0:
		v.Code = jieliv1.Verdict_CANNOT_TELL
		v.Message = fmt.Sprintf("nobody else could be asked about %s: phone them", region)
		v.MessageZh = fmt.Sprintf("没有其他区域可以询问 %s 的情况：请电话联系对方", region)
	case len(missed) == 0:
		v.Code = jieliv1.Verdict_OUR_LINE
		v.Message = fmt.Sprintf("my line is down: %s reaches %s, only this node does not", names(reached), region)
		v.MessageZh = fmt.Sprintf("我方线路不通：%s 能连上 %s，只有本节点连不上", namesZh(reached), region)
	case len(reached) == 0:
		v.Code = jieliv1.Verdict_THEY_ARE_DOWN
		v.Message = fmt.Sprintf("they are down: %s does not reach %s either", names(missed), region)
		v.MessageZh = fmt.Sprintf("对方不通：%s 也连不上 %s", namesZh(missed), region)
	default:
		v.Code = jieliv1.Verdict_SOME_LINES
		v.Message = fmt.Sprintf("some lines are down: %s reaches %s; %s and this node do not", names(reached), region, names(missed))
		v.MessageZh = fmt.Sprintf("部分线路不通：%s 能连上 %s；%s 和本节点连不上", namesZh(reached), region, namesZh(missed))
	}
}

// maxNamed bounds the regions a sentence names.
const maxNamed = 4

func names(regions []string) string {
	if n := len(regions); n > maxNamed {
		return fmt.Sprintf("each of %s and %d more", strings.Join(regions[:maxNamed], ", "), n-maxNamed)
	}
	if len(regions) == 1 {
		return regions[0]
	}
	return "each of " + strings.Join(regions, ", ")
}

func namesZh(regions []string) string {
	if n := len(regions); n > maxNamed {
		return fmt.Sprintf("%s 等 %d 个区域", strings.Join(regions[:maxNamed], "、"), n)
	}
	return strings.Join(regions, "、")
}
