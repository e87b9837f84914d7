package main

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/jieli-gateway/jieli/cmd/jieli/internal/client"
	"github.com/jieli-gateway/jieli/cmd/jieli/internal/show"
	jieliv1 "github.com/jieli-gateway/jieli/proto/jieli/v1"
)

// usualTickets is how many tickets a list shows when nobody says otherwise.
const usualTickets = 100

func (a *app) ticketList() *cobra.Command {
	req := &jieliv1.ListTicketsRequest{}
	var words []string
	var since, light, due string
	c := &cobra.Command{
		Use: "list", Short: "List tickets, newest change last", Args: exactly(0),
		Long: `Lists tickets, those first whose last change is the longest ago: what waits longest stands on top. Of a long list that is
the oldest part; --since leaves out what has not changed since then.`,
		Example: "  jieli ticket list --state OFFERED --holder suzhou\n  jieli ticket list --state RETURNED,UNROUTED,ARBITRATION\n  jieli ticket list --since '2026-11-24 08:00'\n  jieli ticket list --light RED\n  jieli ticket list --due-before 2026-12-01",
		RunE: func(cmd *cobra.Command, _ []string) error {
			states, err := statesOf(words)
			if err != nil {
				return err
			}
			if len(states) > 1 && req.GetPageToken() != "" {
				return usage("--page-token goes on with a list of one --state, or of all", "--page-token 只用于一个 --state 或全部状态的列表")
			}
			if since != "" {
				t, err := parseTime("--since", since)
				if err != nil {
					return err
				}
				req.UpdatedAfter = timestamppb.New(t)
			}
			if light != "" {
				v, err := enum("--light", light, jieliv1.Ticket_Light_value)
				if err != nil {
					return err
				}
				req.Light = jieliv1.Ticket_Light(v)
			}
			if due != "" {
				t, err := parseTime("--due-before", due)
				if err != nil {
					return err
				}
				req.DueBefore = timestamppb.New(t)
			}
			return a.call(cmd.Context(), func(ctx context.Context, c *client.Client) error { return a.listTickets(ctx, c, req, states) })
		},
	}
	f := c.Flags()
	f.StringSliceVar(&words, "state", nil, "only in this state, e.g. OFFERED; or in one of several, with commas between")
	f.StringVar(&since, "since", "", "only changed since then: 2026-01-31, or '2026-01-31 08:00'")
	f.StringVar(&light, "light", "", "only with this light: GREEN, YELLOW or RED")
	f.StringVar(&due, "due-before", "", "only due before then: 2026-12-01, or '2026-12-01 08:00'")
	f.StringVar(&req.Origin, "origin", "", "only of this origin")
	f.StringVar(&req.Holder, "holder", "", "only of this holder")
	f.StringVar(&req.Service, "service", "", "only of this service or below it")
	f.StringVar(&req.Division, "division", "", "only with this division prefix")
	f.StringVar(&req.ExternalId, "external-id", "", "only with the origin's own number")
	f.Int32Var(&req.PageSize, "page-size", usualTickets, "most to show, up to 1000")
	f.StringVar(&req.PageToken, "page-token", "", "go on from here")
	return c
}

// statesOf reads states; none: all of them.
func statesOf(words []string) ([]jieliv1.Ticket_State, error) {
	if len(words) == 0 {
		return []jieliv1.Ticket_State{jieliv1.Ticket_STATE_UNSPECIFIED}, nil
	}
	var states []jieliv1.Ticket_State
	for _, word := range words {
		v, err := enum("--state", strings.TrimSpace(word), jieliv1.Ticket_State_value)
		if err != nil {
			return nil, err
		}
		if s := jieliv1.Ticket_State(v); !slices.Contains(states, s) {
			states = append(states, s)
		}
	}
	return states, nil
}

// parseTime reads a time as tables show it, or a day, in the zone of this machine.
func parseTime(flag, text string) (time.Time, error) {
	for _, layout := range []string{time.DateOnly, "2006-01-02 15:04", time.DateTime} {
		if t, err := time.ParseInLocation(layout, text, time.Local); err == nil {
			return t, nil
		}
	}
	if t, err := time.Parse(time.RFC3339, text); err == nil {
		return t, nil
	}
	return time.Time{}, usage("%s must be a day or a time like '2026-01-31 08:00'; it is %q", "%s 须为日期或时间，如 '2026-01-31 08:00'；现为 %q", flag, text)
}

// listTickets shows one page of tickets. Of several states that is one page of each by the time of their last change, as
// far as all of them are known.
func (a *app) listTickets(ctx context.Context, c *client.Client, req *jieliv1.ListTicketsRequest, states []jieliv1.Ticket_State) error {
	var pages []*jieliv1.ListTicketsResponse
	for _, state := range states {
		one := proto.CloneOf(req)
		one.State = state
		page, err := c.Tickets.ListTickets(ctx, one)
		if err != nil {
			return err
		}
		pages = append(pages, page)
	}
	all, more := pages[0], pages[0].GetNextPageToken() != ""
	if len(pages) > 1 {
		all, more = merged(pages, int(req.GetPageSize()))
	}
	if err := a.printer().Message(all, func() *show.Table { return ticketTable(all.GetTickets()...) }); err != nil || !more {
		return err
	}
	return a.sayMore(all.GetNextPageToken())
}

// merged puts pages into one of at most so many tickets (0: the API's default), in the order of their last change, and
// tells whether there are more. It ends where the first of the pages ends that does not have all of its list.
func merged(pages []*jieliv1.ListTicketsResponse, most int) (all *jieliv1.ListTicketsResponse, more bool) {
	all = &jieliv1.ListTicketsResponse{}
	changed := func(t *jieliv1.Ticket) time.Time { return t.GetUpdateTime().AsTime() }
	var end time.Time
	for _, page := range pages {
		tickets := page.GetTickets()
		all.Tickets = append(all.Tickets, tickets...)
		if page.GetNextPageToken() == "" || len(tickets) == 0 {
			continue
		}
		if last := changed(tickets[len(tickets)-1]); !more || last.Before(end) {
			end, more = last, true
		}
	}
	slices.SortStableFunc(all.GetTickets(), func(a, b *jieliv1.Ticket) int { return changed(a).Compare(changed(b)) })
	if more {
		all.Tickets = slices.DeleteFunc(all.GetTickets(), func(t *jieliv1.Ticket) bool { return changed(t).After(end) })
	}
	if most = cmp.Or(most, usualTickets); len(all.GetTickets()) > most {
		all.Tickets, more = all.GetTickets()[:most], true
	}
	return all, more
}

// sayMore says how a list that is longer goes on. Whoever reads one page of JSON finds the token there.
func (a *app) sayMore(token string) (err error) {
	say := a.printer().Say
	switch {
	case token == "":
		_, err = fmt.Fprintln(a.err, say("more, changed later: list one state for the rest, or --since TIME", "还有更多（更新较晚）：请逐个状态列出，或用 --since 时间"))
	case a.output == "table":
		_, err = fmt.Fprintf(a.err, say("more, changed later: --page-token %s, or --since TIME\n", "还有更多（更新较晚）：--page-token %s，或用 --since 时间\n"), token)
	}
	return err
}
