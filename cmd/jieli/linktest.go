package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/jieli-gateway/jieli/cmd/jieli/internal/client"
	"github.com/jieli-gateway/jieli/cmd/jieli/internal/show"
	jieliv1 "github.com/jieli-gateway/jieli/proto/jieli/v1"
)

func (a *app) linkTest() *cobra.Command {
	return &cobra.Command{
		Use: "test REGION", Short: "Try to reach a region step by step, and say where it fails", Args: exactly(1),
		Long: `The node tries each node of the region that runs tickets, with its real certificate: name, tcp, tls, identity, hello,
registry. The link itself goes on meanwhile. The exit code is 0 when all is well, 1 otherwise.`,
		Example: "  jieli link test suzhou",
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.call(cmd.Context(), func(ctx context.Context, c *client.Client) error {
				res, err := c.Status.TestLink(ctx, &jieliv1.TestLinkRequest{Region: args[0]})
				if err != nil {
					return err
				}
				if err := a.showTest(res); err != nil {
					return err
				}
				if !res.GetOk() {
					return &exitCode{client.ExitFailed}
				}
				return nil
			})
		},
	}
}

// showTest prints a test: as JSON or YAML, or node by node.
func (a *app) showTest(res *jieliv1.TestLinkResponse) error {
	p := a.printer()
	if a.output != "table" {
		return p.Message(res, nil)
	}
	for _, n := range res.GetNodes() {
		if err := a.showNodeTest(p, res.GetRegion(), n); err != nil {
			return err
		}
	}
	var last []string
	if l := res.GetLink(); l != nil {
		last = append(last, p.Say("the link itself: ", "链路本身：")+standing(p, l.GetState(), l.GetReason())+p.Say(" since ", "，起于 ")+stamp(l.GetSince()))
	}
	if !res.GetOk() && res.GetDutyPhone() != "" {
		last = append(last, p.Say("phone: ", "值班电话：")+res.GetDutyPhone())
	}
	for _, line := range last {
		if _, err := fmt.Fprintln(a.out, show.Clean(line)); err != nil {
			return err
		}
	}
	return nil
}

func (a *app) showNodeTest(p *show.Printer, region string, n *jieliv1.NodeTest) error {
	who := region
	if n.GetNode() != "" {
		who = fmt.Sprintf(p.Say("%s/%s at %s", "%s/%s（%s）"), region, n.GetNode(), n.GetAddress())
	}
	if _, err := fmt.Fprintln(a.out, show.Clean(who)); err != nil {
		return err
	}
	t := &show.Table{Head: []string{"STEP", "RESULT", "REASON", "TOOK", "DETAIL"}}
	todo := ""
	for _, s := range n.GetSteps() {
		t.Add(s.GetName(), resultWord(p, s.GetResult()), p.Code(s.GetReason()), millis(s.GetTook()), p.Say(s.GetMessage(), or(s.GetMessageZh(), s.GetMessage())))
		todo = or(todo, p.Say(s.GetAdvice(), or(s.GetAdviceZh(), s.GetAdvice())))
	}
	if err := p.Value(nil, func() *show.Table { return t }); err != nil || todo == "" {
		return err
	}
	_, err := fmt.Fprintln(a.out, show.Clean(p.Say("do: ", "处理：")+todo))
	return err
}

// resultWord is how a step went, for people.
func resultWord(p *show.Printer, r jieliv1.TestStep_Result) string {
	switch r {
	case jieliv1.TestStep_OK:
		return p.Say("ok", "正常")
	case jieliv1.TestStep_FAILED:
		return p.Say("FAILED", "失败")
	}
	return p.Say("skipped", "跳过")
}
