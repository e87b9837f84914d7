package main

import (
	"context"
	"fmt"

	"github.com/google/uuid"
	"github.com/spf13/cobra"

	"github.com/jieli-gateway/jieli/cmd/jieli/internal/client"
	"github.com/jieli-gateway/jieli/cmd/jieli/internal/show"
	jieliv1 "github.com/jieli-gateway/jieli/proto/jieli/v1"
)

func (a *app) ticket() *cobra.Command {
	return group("ticket", "Submit tickets and act on them",
		a.ticketSubmit(), a.ticketImport(), a.ticketList(), a.ticketShow(), a.ticketOffer(), a.ticketAccept(), a.ticketReturn(),
		a.ticketText("note", "Add a note that the regions concerned see", "已联系诉求人", func(ctx context.Context, c *client.Client, id, text string) (*jieliv1.Ticket, error) {
			return c.Tickets.NoteTicket(ctx, &jieliv1.NoteTicketRequest{Id: id, Text: text, RequestId: newID()})
		}),
		a.ticketText("answer", "Answer a ticket", "已退还定金", func(ctx context.Context, c *client.Client, id, text string) (*jieliv1.Ticket, error) {
			return c.Tickets.AnswerTicket(ctx, &jieliv1.AnswerTicketRequest{Id: id, Text: text, RequestId: newID()})
		}),
		a.ticketText("reopen", "Open a ticket again, and say why", "诉求人称未收到退款", func(ctx context.Context, c *client.Client, id, text string) (*jieliv1.Ticket, error) {
			return c.Tickets.ReopenTicket(ctx, &jieliv1.ReopenTicketRequest{Id: id, Text: text, RequestId: newID()})
		}),
		a.ticketText("withdraw", "Take a ticket back at the caller's wish", "诉求人已自行解决", func(ctx context.Context, c *client.Client, id, text string) (*jieliv1.Ticket, error) {
			return c.Tickets.WithdrawTicket(ctx, &jieliv1.WithdrawTicketRequest{Id: id, Text: text, RequestId: newID()})
		}),
		a.ticketClose(), a.ticketRecall(),
	)
}

// newID makes a request id: a command line that is run again is another request.
func newID() string { return uuid.Must(uuid.NewV7()).String() }

// one runs a command on one ticket and shows the ticket.
func (a *app) one(ctx context.Context, do func(context.Context, *client.Client) (*jieliv1.Ticket, error)) error {
	return a.call(ctx, func(ctx context.Context, c *client.Client) error {
		t, err := do(ctx, c)
		if err != nil {
			return err
		}
		a.sayPending(t)
		return a.printer().Message(t, func() *show.Table { return ticketTable(t) })
	})
}

// sayPending says that what was asked of another region has not been answered: until then the ticket is as it was.
func (a *app) sayPending(t *jieliv1.Ticket) {
	say := a.printer().Say
	switch {
	case t.GetRecallPending():
		_, _ = fmt.Fprintf(a.err, say("recall asked; waiting for %s\n", "已请求收回；等待 %s 回应\n"), show.Clean(or(t.GetOfferedTo(), t.GetHolder())))
	case t.GetWithdrawPending():
		_, _ = fmt.Fprintf(a.err, say("withdrawal asked; waiting for %s\n", "已请求撤单；等待 %s 回应\n"), show.Clean(t.GetHolder()))
	}
}

// ticketText is a command that takes words: after the ticket, or as `ticket return` and `ticket close` take them.
func (a *app) ticketText(use, short, example string, do func(ctx context.Context, c *client.Client, id, text string) (*jieliv1.Ticket, error)) *cobra.Command {
	var text string
	c := &cobra.Command{
		Use: use + " TICKET [TEXT]", Short: short, Args: between(1, 2),
		Example: "  jieli ticket " + use + " JJJ-20261124-000042-7 '" + example + "'\n  jieli ticket " + use + " JJJ-20261124-000042-7 --text '" + example + "'",
		RunE: func(cmd *cobra.Command, args []string) error {
			if (len(args) == 2) == cmd.Flags().Changed("text") {
				return usage("say it once: as TEXT after the ticket, or with --text", "请给出一次内容：写在工单号之后，或用 --text")
			}
			if len(args) == 2 {
				text = args[1]
			}
			return a.one(cmd.Context(), func(ctx context.Context, c *client.Client) (*jieliv1.Ticket, error) {
				return do(ctx, c, args[0], text)
			})
		},
	}
	c.Flags().StringVar(&text, "text", "", "the text, in place of TEXT")
	return c
}

func (a *app) ticketSubmit() *cobra.Command {
	var file string
	c := &cobra.Command{
		Use: "submit --file FILE", Short: "Submit a ticket: JSON {\"ticket\":{…}}", Args: exactly(0),
		Example: `  echo '{"ticket":{"type":"COMPLAINT","title":"路灯不亮","description":"…","division":"320506"}}' | jieli ticket submit --file -`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			req := new(jieliv1.SubmitTicketRequest)
			if err := a.readFile(file, req); err != nil {
				return err
			}
			return a.call(cmd.Context(), func(ctx context.Context, c *client.Client) error {
				res, err := c.Tickets.SubmitTicket(ctx, req)
				if err != nil {
					return err
				}
				for _, w := range res.GetWarnings() {
					_, _ = fmt.Fprintln(a.err, show.Clean(a.printer().Say("warning: ", "提示：")+a.printer().Rule(w)))
				}
				if res.GetCallNumber() != "" {
					_, _ = fmt.Fprintf(a.err, a.printer().Say("EMERGENCY: tell the caller to dial %s now\n", "紧急：请让来电人立即拨打 %s\n"), res.GetCallNumber())
				}
				return a.printer().Message(res, func() *show.Table { return ticketTable(res.GetTicket()) })
			})
		},
	}
	fileFlag(c, &file)
	return c
}

func (a *app) ticketShow() *cobra.Command {
	req := &jieliv1.GetTicketRequest{}
	c := &cobra.Command{
		Use: "show TICKET", Short: "Show one ticket with its life so far", Args: exactly(1),
		Example: "  jieli ticket show JJJ-20261124-000042-7\n  jieli ticket show JJJ-20261124-000042-7 -o json",
		RunE: func(cmd *cobra.Command, args []string) error {
			req.Id = args[0]
			return a.call(cmd.Context(), func(ctx context.Context, c *client.Client) error {
				t, err := c.Tickets.GetTicket(ctx, req)
				if err != nil {
					return err
				}
				if a.output != "table" {
					return a.printer().Message(t, nil)
				}
				if err := a.printer().Message(t, func() *show.Table { return a.detailTable(t) }); err != nil {
					return err
				}
				_, _ = fmt.Fprintln(a.out)
				return a.printer().Message(t, func() *show.Table { return a.eventTable(t) })
			})
		},
	}
	c.Flags().BoolVar(&req.Unmask, "unmask", false, "show the reporter in full; written down with who looked")
	return c
}

func (a *app) ticketOffer() *cobra.Command {
	var to string
	c := &cobra.Command{
		Use: "offer TICKET", Short: "Offer a ticket to a region, or by the routing table", Args: exactly(1),
		Example: "  jieli ticket offer JJJ-20261124-000042-7\n  jieli ticket offer JJJ-20261124-000042-7 --to suzhou",
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.one(cmd.Context(), func(ctx context.Context, c *client.Client) (*jieliv1.Ticket, error) {
				return c.Tickets.OfferTicket(ctx, &jieliv1.OfferTicketRequest{Id: args[0], To: to, RequestId: newID()})
			})
		},
	}
	c.Flags().StringVar(&to, "to", "", "region; empty asks the routing table")
	return c
}

func (a *app) ticketAccept() *cobra.Command {
	var reference string
	c := &cobra.Command{
		Use: "accept TICKET", Short: "Sign for a ticket", Args: exactly(1),
		Example: "  jieli ticket accept JJJ-20261124-000042-7 --reference SZ-2026-0088",
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.one(cmd.Context(), func(ctx context.Context, c *client.Client) (*jieliv1.Ticket, error) {
				return c.Tickets.AcceptTicket(ctx, &jieliv1.AcceptTicketRequest{Id: args[0], Reference: reference, RequestId: newID()})
			})
		},
	}
	c.Flags().StringVar(&reference, "reference", "", "this centre's own number of it")
	return c
}

func (a *app) ticketReturn() *cobra.Command {
	var reason, text, basis, onward string
	c := &cobra.Command{
		Use: "return TICKET --reason REASON --text TEXT", Short: "Return a ticket to its origin", Args: exactly(1),
		Example: "  jieli ticket return JJJ-20261124-000042-7 --reason NOT_OUR_PLACE --text '事发地在无锡' --onward changsanjiao",
		RunE: func(cmd *cobra.Command, args []string) error {
			v, err := enum("--reason", reason, jieliv1.Returned_Reason_value)
			if err != nil {
				return err
			}
			return a.one(cmd.Context(), func(ctx context.Context, c *client.Client) (*jieliv1.Ticket, error) {
				return c.Tickets.ReturnTicket(ctx, &jieliv1.ReturnTicketRequest{
					Id: args[0], Reason: jieliv1.Returned_Reason(v), Text: text, Basis: basis, Onward: onward, RequestId: newID(),
				})
			})
		},
	}
	f := c.Flags()
	f.StringVar(&reason, "reason", "", "NOT_OUR_PLACE, NOT_OUR_MATTER, DUPLICATE or OUT_OF_SCOPE")
	f.StringVar(&text, "text", "", "why, in words")
	f.StringVar(&basis, "basis", "", "legal basis")
	f.StringVar(&onward, "onward", "", "region that should have it")
	return c
}

func (a *app) ticketClose() *cobra.Command {
	var resolved bool
	var text string
	c := &cobra.Command{
		Use: "close TICKET", Short: "Close an answered ticket after follow-up", Args: exactly(1),
		Example: "  jieli ticket close JJJ-20261124-000042-7 --resolved --text '诉求人满意'",
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.one(cmd.Context(), func(ctx context.Context, c *client.Client) (*jieliv1.Ticket, error) {
				return c.Tickets.CloseTicket(ctx, &jieliv1.CloseTicketRequest{Id: args[0], Resolved: resolved, Text: text, RequestId: newID()})
			})
		},
	}
	c.Flags().BoolVar(&resolved, "resolved", false, "the caller says the matter is resolved")
	c.Flags().StringVar(&text, "text", "", "what the caller said")
	return c
}

func (a *app) ticketRecall() *cobra.Command {
	return &cobra.Command{
		Use: "recall TICKET", Short: "Recall an offer that is not yet accepted", Args: exactly(1),
		Example: "  jieli ticket recall JJJ-20261124-000042-7",
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.one(cmd.Context(), func(ctx context.Context, c *client.Client) (*jieliv1.Ticket, error) {
				return c.Tickets.RecallTicket(ctx, &jieliv1.RecallTicketRequest{Id: args[0], RequestId: newID()})
			})
		},
	}
}
