package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/jieli-gateway/jieli/cmd/jieli/internal/client"
	"github.com/jieli-gateway/jieli/cmd/jieli/internal/importer"
	"github.com/jieli-gateway/jieli/cmd/jieli/internal/show"
	jieliv1 "github.com/jieli-gateway/jieli/proto/jieli/v1"
)

func (a *app) ticketImport() *cobra.Command {
	var region string
	var parallel int
	var patience time.Duration
	c := &cobra.Command{
		Use: "import FILE", Short: "Submit tickets from a file of JSON lines",
		Long: `Reads one {"ticket":{…}} a line, also with "region" and "resolution" beside it. Bad lines are reported by number and the
import goes on. It may be run again: tickets with an externalId that are there already are not taken twice.`,
		Example: "  jieli ticket import complaints.jsonl --region jingjinji",
		Args:    exactly(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			f, err := os.Open(filepath.Clean(args[0]))
			if err != nil {
				return err
			}
			defer func() { _ = f.Close() }()
			progress := show.NewProgress(a.err)
			return a.connected(func(c *client.Client) error {
				result, err := importer.Run(cmd.Context(), f, importer.Options{
					Region: region, Parallel: parallel, Patience: patience,
					Progress: func(r importer.Result) {
						progress.Tell(a.printer().Say("%d lines, %d taken, %d bad", "%d 行，已接收 %d，有误 %d"), r.Lines, r.Taken, len(r.Bad))
					},
					Submit: func(ctx context.Context, req *jieliv1.SubmitTicketRequest) (*jieliv1.SubmitTicketResponse, error) {
						ctx, cancel := c.Context(ctx)
						defer cancel()
						return c.Tickets.SubmitTicket(ctx, req)
					},
				})
				progress.End()
				return a.showImport(result, err)
			})
		},
	}
	f := c.Flags()
	f.StringVar(&region, "region", "", "only lines of this region")
	f.IntVar(&parallel, "parallel", 16, "submissions under way at once")
	f.DurationVar(&patience, "patience", 2*time.Minute, "how long to wait for a node that is away")
	return c
}

// showImport tells what became of the lines, also when something stopped the import half-way.
func (a *app) showImport(r importer.Result, stopped error) error {
	say := a.printer().Say
	err := a.printer().Value(r, func() *show.Table {
		t := &show.Table{}
		t.Add(fmt.Sprintf(say("%d lines: %d taken (%d were there already), %d of other regions, %d bad", "%d 行：接收 %d（其中 %d 已存在），其他区域 %d，有误 %d"),
			r.Lines, r.Taken, r.Repeated, r.Skipped, len(r.Bad)))
		for _, b := range r.Bad {
			t.Add(fmt.Sprintf(say("line %d: %s", "第 %d 行：%s"), b.Line, b.Reason))
		}
		return t
	})
	switch {
	case err != nil:
		return err
	case stopped != nil:
		return fmt.Errorf(say("%w (the import stopped here; run it again to go on)", "%w（导入在此停止；重新运行即可继续）"), stopped)
	case len(r.Bad) > 0:
		return &exitCode{client.ExitFailed}
	}
	return nil
}
