package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/jieli-gateway/jieli/cmd/jieli/internal/client"
	"github.com/jieli-gateway/jieli/cmd/jieli/internal/show"
	jieliv1 "github.com/jieli-gateway/jieli/proto/jieli/v1"
)

func (a *app) status() *cobra.Command {
	var check bool
	c := &cobra.Command{
		Use: "status", Short: "Say how this node, the registry and all links are", Args: exactly(0),
		Long: "Shows what is wrong first, then the registry, the store and the links. With --check nothing but one line is printed and\nthe exit code is 0 healthy, 1 degraded, 3 down or unreachable, for monitoring.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.call(cmd.Context(), func(ctx context.Context, c *client.Client) error {
				res, err := c.Status.GetStatus(ctx, &jieliv1.GetStatusRequest{})
				if err != nil {
					return err
				}
				if check {
					return a.checkStatus(res)
				}
				if a.output != "table" {
					return a.printer().Message(res, nil)
				}
				return a.showStatus(res)
			})
		},
	}
	c.Flags().BoolVar(&check, "check", false, "one line and an exit code, for monitoring")
	return c
}

func (a *app) checkStatus(res *jieliv1.Status) error {
	line := res.GetHealth().String()
	for _, p := range res.GetProblems() {
		line += " " + p.GetReason()
	}
	if _, err := fmt.Fprintln(a.out, line); err != nil {
		return err
	}
	switch res.GetHealth() {
	case jieliv1.Status_HEALTHY:
		return nil
	case jieliv1.Status_DEGRADED:
		return &exitCode{client.ExitFailed}
	}
	return &exitCode{client.ExitUnavailable}
}

func (a *app) showStatus(res *jieliv1.Status) error {
	p := a.printer()
	say := func(en, zh string, args ...any) { _, _ = fmt.Fprintf(a.out, p.Say(en, zh)+"\n", args...) }
	say("%s/%s %s: %s, up since %s", "%s/%s %s：%s，启动于 %s", res.GetRegion(), res.GetNode(), res.GetVersion(), res.GetHealth(), stamp(res.GetStartTime()))
	for _, problem := range res.GetProblems() {
		say("  ! %s: %s", "  ！%s：%s", problem.GetReason(), p.Say(problem.GetMessage(), or(problem.GetMessageZh(), problem.GetMessage())))
	}
	r := res.GetRegistry()
	say("federation: %s", "联盟：%s", or(r.GetClusterId(), "-"))
	say("\nregistry: revision %d, level %d, leader %s, term %d, %s here; %d voters, quorum %d, %d routes", "\n登记表：版本 %d，级别 %d，主节点 %s，任期 %d，本节点为 %s；投票节点 %d，法定 %d，路由 %d",
		r.GetRevision(), r.GetLevel(), or(r.GetLeader(), "?"), r.GetTerm(), r.GetRaftState(), r.GetVoters(), r.GetQuorum(), r.GetRoutes())
	nodes := &show.Table{Head: []string{"NODE", "ADDRESS", "VOTER", "REACHABLE", "STATE", "REVISION", "LAG"}}
	for _, n := range r.GetNodes() {
		nodes.Add(n.GetRegion()+"/"+n.GetName(), n.GetAddress(), fmt.Sprint(n.GetVoter()), fmt.Sprint(n.GetReachable()), n.GetRaftState(), fmt.Sprint(n.GetRevision()), fmt.Sprint(n.GetLag()))
	}
	if err := p.Value(nil, func() *show.Table { return nodes }); err != nil {
		return err
	}
	if s := res.GetStore(); s != nil {
		say("\ntickets: %d open here; disk %s, %d MiB used, %d MiB free", "\n工单：本区域在办 %d；磁盘 %s，已用 %d MiB，可用 %d MiB", s.GetOpen(), s.GetDisk(), s.GetBytes()>>20, s.GetFreeBytes()>>20)
		say("\nlinks:", "\n链路：")
		return p.Value(nil, func() *show.Table { return a.linkTable(res.GetLinks()) })
	}
	return nil
}
