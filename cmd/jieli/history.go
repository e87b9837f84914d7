package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/jieli-gateway/jieli/cmd/jieli/internal/client"
	"github.com/jieli-gateway/jieli/cmd/jieli/internal/lang"
	"github.com/jieli-gateway/jieli/cmd/jieli/internal/show"
	jieliv1 "github.com/jieli-gateway/jieli/proto/jieli/v1"
)

// historyPage is how many changes are asked for at once.
const historyPage = 1000

func historyFlag(c *cobra.Command, history *bool) {
	c.Flags().BoolVar(history, "history", false, "show what changed: who, when, at which revision")
}

// history shows what is kept of the registry's history, newest first.
func (a *app) history(ctx context.Context, req *jieliv1.ListChangesRequest) error {
	return a.connected(func(c *client.Client) error {
		all := &jieliv1.ListChangesResponse{}
		req.PageSize = historyPage
		for {
			res, err := changesPage(ctx, c, req)
			if err != nil {
				return err
			}
			all.Changes, all.Revision = append(all.Changes, res.GetChanges()...), res.GetRevision()
			if req.PageToken = res.GetNextPageToken(); req.PageToken == "" {
				break
			}
		}
		return a.printer().Message(all, func() *show.Table { return a.historyTable(all.GetChanges()) })
	})
}

func changesPage(ctx context.Context, c *client.Client, req *jieliv1.ListChangesRequest) (*jieliv1.ListChangesResponse, error) {
	ctx, cancel := c.Context(ctx)
	defer cancel()
	return c.Registry.ListChanges(ctx, req)
}

func (a *app) historyTable(changes []*jieliv1.Change) *show.Table {
	t := &show.Table{}
	if len(changes) == 0 {
		t.Add(a.printer().Say("nothing has changed yet", "尚无变更"))
		return t
	}
	t.Head = []string{"REVISION", "TIME", "CHANGED BY", "CHANGE", "OF", "DETAIL"}
	for _, c := range changes {
		t.Add(fmt.Sprint(c.GetRevision()), stamp(c.GetTime()), c.GetRegion()+": "+c.GetActor(), a.changeKind(c.GetKind()), c.GetSubject(), a.changeDetail(c))
	}
	return t
}

func (a *app) changeKind(kind jieliv1.Change_Kind) string {
	if a.lang == "zh" {
		return lang.ChangeKinds().Of(kind.String())
	}
	return kind.String()
}

// changeDetail is one line of which fields changed, and how many routes of whom.
func (a *app) changeDetail(c *jieliv1.Change) string {
	var parts []string
	if len(c.GetFields()) == 0 {
		for _, r := range c.GetRoutes() {
			parts = append(parts, fmt.Sprintf("%s +%d ~%d -%d", r.GetRegion(), r.GetAdded(), r.GetChanged(), r.GetRemoved()))
		}
		if n := c.GetServices(); n > 0 {
			parts = append(parts, fmt.Sprintf(a.printer().Say("%d services", "%d 项事项"), n))
		}
	}
	for _, f := range c.GetFields() {
		name, before, after := f.GetField(), f.GetBefore(), f.GetAfter()
		if name == "state" {
			before, after = a.printer().Word(before), a.printer().Word(after)
		}
		if a.lang == "zh" {
			name = lang.ChangeFields().Of(name)
		}
		if before != "" {
			after = before + " → " + or(after, "-")
		}
		parts = append(parts, name+" "+after)
	}
	return strings.Join(parts, "; ")
}
