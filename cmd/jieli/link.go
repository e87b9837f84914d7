package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/jieli-gateway/jieli/cmd/jieli/internal/client"
	"github.com/jieli-gateway/jieli/cmd/jieli/internal/show"
	"github.com/jieli-gateway/jieli/gateway/link"
	jieliv1 "github.com/jieli-gateway/jieli/proto/jieli/v1"
)

func (a *app) link() *cobra.Command {
	return group("link", "See and mend the links with other regions", a.linkList(), a.linkTest(), a.linkRetry(), a.linkExcuse())
}

func linkTable(p *show.Printer, links []*jieliv1.LinkStatus) *show.Table {
	t := &show.Table{Head: []string{"PEER", "STATE", "REASON", "SINCE", "BACKLOG", "OLDEST", "ROUND TRIP", "SKEW", "PHONE", "DETAIL"}}
	for _, l := range links {
		detail := found(p, l)
		if n := len(l.GetStopped()); n > 0 {
			detail = fmt.Sprintf(p.Say("%d stopped: %s %s. %s", "%d 件停止：%s %s。%s"), n, l.GetStopped()[0].GetTicketId(), p.Code(l.GetStopped()[0].GetReason()), detail)
		}
		t.Add(l.GetPeer(), l.GetState(), p.Code(l.GetReason()), stamp(l.GetSince()), fmt.Sprint(l.GetBacklog()), stamp(l.GetOldest()), millis(l.GetRoundTrip()), millis(l.GetClockSkew()), l.GetDutyPhone(), detail)
	}
	return t
}

// found is what was found of a link, in the reader's language: in Chinese what its reason means, and then the words of
// whoever noticed, unless they are known.
func found(p *show.Printer, l *jieliv1.LinkStatus) string {
	said := p.Rule(l.GetMessage())
	means := link.WordsOf(l.GetReason()).MeansZh
	switch {
	case !p.Chinese || said != l.GetMessage() || means == "":
		return said
	case said == "" || said == link.WordsOf(l.GetReason()).Means:
		return means
	}
	return means + "（" + said + "）"
}

// standing is how a link is, in a few words.
func standing(p *show.Printer, state, reason string) string {
	return strings.TrimSpace(p.Word(state) + " " + p.Code(reason))
}

// millis shows a duration as finely as people care for.
func millis(d *durationpb.Duration) string {
	if d == nil {
		return ""
	}
	return d.AsDuration().Round(100 * time.Microsecond).String()
}

func (a *app) linkList() *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "Show each link: state, reason, backlog, oldest, round trip, whom to phone", Args: exactly(0),
		Example: "  jieli link list",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.call(cmd.Context(), func(ctx context.Context, c *client.Client) error {
				res, err := c.Status.ListLinks(ctx, &jieliv1.ListLinksRequest{})
				if err != nil {
					return err
				}
				return a.printer().Message(res, func() *show.Table { return linkTable(a.printer(), res.GetLinks()) })
			})
		},
	}
}

func (a *app) linkRetry() *cobra.Command {
	return &cobra.Command{
		Use: "retry TICKET", Short: "Judge the kept items of a stopped ticket again", Args: exactly(1),
		Example: "  jieli link retry 0193f2a6-5c1e-7b3a-9d42-6f0e8a1b2c3d",
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.call(cmd.Context(), func(ctx context.Context, c *client.Client) error {
				res, err := c.Status.RetryTicket(ctx, &jieliv1.RetryTicketRequest{Ticket: args[0]})
				if err != nil {
					return err
				}
				return a.printer().Message(res, func() *show.Table {
					t := &show.Table{}
					t.Add(fmt.Sprintf(a.printer().Say("%d items taken", "已接收 %d 条"), res.GetTaken()), a.printer().Code(res.GetReason()))
					return t
				})
			})
		},
	}
}

func (a *app) linkExcuse() *cobra.Command {
	var reason string
	c := &cobra.Command{
		Use: "excuse REGION --reason TEXT", Short: "Go on with tickets shared with a region that has not been heard from since the start",
		Example: "  jieli link excuse wuxi --reason '对方值班员电话确认停机，已报备'",
		Args:    exactly(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.call(cmd.Context(), func(ctx context.Context, c *client.Client) error {
				res, err := c.Status.ExcusePeer(ctx, &jieliv1.ExcusePeerRequest{Region: args[0], Reason: reason})
				if err != nil {
					return err
				}
				return a.printer().Message(res, func() *show.Table {
					t := &show.Table{}
					t.Add(fmt.Sprintf(a.printer().Say("tickets shared with %s go on until the next start; it is logged with your name", "与 %s 共有的工单可继续办理，直至下次启动；已记录经办人"), args[0]))
					return t
				})
			})
		},
	}
	c.Flags().StringVar(&reason, "reason", "", "why, for the record")
	_ = c.MarkFlagRequired("reason") // the flag exists
	return c
}
