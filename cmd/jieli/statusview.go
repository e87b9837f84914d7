package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/jieli-gateway/jieli/cmd/jieli/internal/lang"
	"github.com/jieli-gateway/jieli/cmd/jieli/internal/show"
	jieliv1 "github.com/jieli-gateway/jieli/proto/jieli/v1"
)

// screen is text that is put together before it is shown.
type screen struct{ strings.Builder }

func (s *screen) say(format string, args ...any) { _, _ = fmt.Fprintf(s, format, args...) }

// showStatus prints a status: as JSON or YAML, or what is wrong and then all the rest.
func (a *app) showStatus(out io.Writer, res *jieliv1.Status) error {
	p := a.printer()
	p.Out = out
	if a.output != "table" {
		return p.Message(res, nil)
	}
	v := &statusView{p: p, res: res}
	for _, part := range []func() error{v.head, v.problems, v.views, v.registry, v.store, v.links} {
		if err := part(); err != nil {
			return err
		}
	}
	return nil
}

// statusView prints a status part by part.
type statusView struct {
	p   *show.Printer
	res *jieliv1.Status
}

// heading is say after an empty line.
func (v *statusView) heading(en, zh string, args ...any) error {
	if _, err := fmt.Fprintln(v.p.Out); err != nil {
		return err
	}
	return v.say(en, zh, args...)
}

// say prints a sentence in the reader's language; what others wrote in it cannot steer the terminal.
func (v *statusView) say(en, zh string, args ...any) error {
	_, err := fmt.Fprintln(v.p.Out, show.Clean(fmt.Sprintf(v.p.Say(en, zh), args...)))
	return err
}

func (v *statusView) table(t *show.Table) error {
	return v.p.Value(nil, func() *show.Table { return t })
}

func (v *statusView) head() error {
	r := v.res
	return v.say("%s/%s %s: %s, up since %s", "%s/%s %s：%s，启动于 %s", r.GetRegion(), r.GetNode(), r.GetVersion(), v.health(r.GetHealth().String()), stamp(r.GetStartTime()))
}

// health is the word for the node as a whole.
func (v *statusView) health(word string) string {
	return v.p.Say(word, lang.Healths().Of(word))
}

// problems says what is wrong: what, since when, what to do, what is known of the link, and whom to phone.
func (v *statusView) problems() error {
	if len(v.res.GetProblems()) == 0 {
		return v.say("nothing is wrong", "一切正常")
	}
	links := map[string]*jieliv1.LinkStatus{}
	for _, l := range v.res.GetLinks() {
		links[l.GetPeer()] = l
	}
	for _, problem := range v.res.GetProblems() {
		lines := []string{v.title(problem), v.p.Say(problem.GetMessage(), or(problem.GetMessageZh(), problem.GetMessage()))}
		if todo := v.p.Say(problem.GetAdvice(), or(problem.GetAdviceZh(), problem.GetAdvice())); todo != "" {
			lines = append(lines, v.p.Say("do: ", "处理：")+todo)
		}
		if l := links[problem.GetPeer()]; l != nil && problem.GetCause() != "" {
			lines = append(lines, v.standing(l))
		}
		for i, line := range lines {
			indent := "    "
			if i == 0 {
				indent = v.p.Say("  ! ", "  ！")
			}
			if err := v.say("%s%s", "%s%s", indent, line); err != nil {
				return err
			}
		}
	}
	return nil
}

// title is a problem in one line.
func (v *statusView) title(problem *jieliv1.Problem) string {
	words := []string{v.p.Code(problem.GetReason())}
	if cause := problem.GetCause(); cause != "" && cause != problem.GetReason() {
		words = append(words, v.p.Code(cause))
	}
	if problem.GetPeer() != "" {
		words = append(words, problem.GetPeer())
	}
	title := strings.Join(words, v.p.Say(" ", "，"))
	if problem.GetSince() != nil {
		title += v.p.Say(", since ", "，起于 ") + stamp(problem.GetSince())
	}
	if problem.GetDutyPhone() != "" {
		title += v.p.Say(", phone ", "，电话 ") + problem.GetDutyPhone()
	}
	return title
}

// standing is what is known of a link that is not as it should be.
func (v *statusView) standing(l *jieliv1.LinkStatus) string {
	parts := []string{v.p.Say("last success ", "最近成功 ") + or(stamp(l.GetLastSuccess()), v.p.Say("none since the start", "启动后无"))}
	if l.GetNextTry() != nil {
		parts = append(parts, v.p.Say("next try ", "下次尝试 ")+stamp(l.GetNextTry()))
	}
	parts = append(parts, fmt.Sprintf(v.p.Say("%d wait", "待送 %d"), l.GetBacklog()))
	if l.GetOldest() != nil {
		parts = append(parts, v.p.Say("the oldest since ", "最早 ")+stamp(l.GetOldest()))
	}
	return strings.Join(parts, v.p.Say(", ", "，"))
}

func (v *statusView) registry() error {
	r := v.res.GetRegistry()
	if err := v.heading("federation: %s", "联盟：%s", or(r.GetClusterId(), "-")); err != nil {
		return err
	}
	if err := v.say("registry: revision %d, level %d, leader %s, term %d, %s here; %d voters, quorum %d, %d routes",
		"登记表：版次 %d，级别 %d，主节点 %s，任期 %d，本节点为%s；投票节点 %d，法定 %d，路由 %d",
		r.GetRevision(), r.GetLevel(), or(r.GetLeader(), "?"), r.GetTerm(), v.p.Word(r.GetRaftState()), r.GetVoters(), r.GetQuorum(), r.GetRoutes()); err != nil {
		return err
	}
	nodes := &show.Table{Head: []string{"NODE", "ADDRESS", "VOTER", "REACHABLE", "STATE", "REVISION", "LAG"}}
	for _, n := range r.GetNodes() {
		nodes.Add(n.GetRegion()+"/"+n.GetName(), n.GetAddress(), fmt.Sprint(n.GetVoter()), fmt.Sprint(n.GetReachable()), n.GetRaftState(), fmt.Sprint(n.GetRevision()), fmt.Sprint(n.GetLag()))
	}
	return v.table(nodes)
}

func (v *statusView) store() error {
	s := v.res.GetStore()
	if s == nil {
		return nil
	}
	if err := v.heading("tickets: %d open here; disk %s, %d MiB used, %d MiB free", "工单：本区域在办 %d；磁盘%s，已用 %d MiB，可用 %d MiB", s.GetOpen(), v.p.Say(s.GetDisk(), lang.Disks().Of(s.GetDisk())), s.GetBytes()>>20, s.GetFreeBytes()>>20); err != nil {
		return err
	}
	return v.waiting(s.GetWaiting())
}

// waiting says how many tickets wait for somebody here to decide: no problem of the node, and nobody else looks at them.
func (v *statusView) waiting(counts map[string]uint64) error {
	var all uint64
	var states []string
	for _, state := range []string{"UNROUTED", "RETURNED", "ARBITRATION"} {
		if n := counts[state]; n > 0 {
			all += n
			states = append(states, fmt.Sprintf("%s %d", v.p.Word(state), n))
		}
	}
	if all == 0 {
		return nil
	}
	return v.say("%d wait for people (%s): `jieli ticket list --state …`", "%d 件等待人工处理（%s）：`jieli ticket list --state …`",
		all, strings.Join(states, v.p.Say(", ", "，")))
}

func (v *statusView) links() error {
	if v.res.GetStore() == nil {
		return nil
	}
	if err := v.heading("links:", "链路："); err != nil {
		return err
	}
	return v.table(linkTable(v.p, v.res.GetLinks()))
}
