package main

import (
	"github.com/spf13/cobra"

	"github.com/jieli-gateway/jieli/cmd/jieli/internal/demo"
)

func (a *app) demo() *cobra.Command {
	o := demo.Options{}
	c := &cobra.Command{
		Use: "demo", Short: "Start three regional centres here and play a day's complaints across them",
		Long: `Starts jingjinji, changsanjiao and chengyu on this machine, each its own process, store, CA and ports, registers and
approves them, plays complaints across them to the end, says what happened, and stays up until Ctrl-C.

With --layout provinces there are eleven: beijing, tianjin, hebei, shanghai, jiangsu, zhejiang, anhui, chongqing, sichuan,
and suzhou and xiongan inside their provinces by longer prefix (API 8401 to 8411, federation 7401 to 7411). A line that
names a cluster comes in at one of its members, always the same for the same number.

With --exit it stops at the end; with -o json it prints only one JSON object of counts. Tokens with all roles are in
DIR/<region>/admin.token.`,
		Example: "  jieli demo\n  jieli demo --layout provinces\n  jieli demo --exit --data-dir /tmp/demo --input complaints.jsonl -o json",
		Args:    exactly(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if a.output == "yaml" {
				return usage("the demonstration prints a table or json", "演示只输出 table 或 json")
			}
			o.JSON, o.Chinese, o.Out, o.Err = a.output == "json", a.lang == "zh", a.out, a.err
			return demo.Run(cmd.Context(), o)
		},
	}
	f := c.Flags()
	f.BoolVar(&o.Exit, "exit", false, "stop at the end")
	f.StringVar(&o.DataDir, "data-dir", "", "where everything is kept (default: a temporary directory, removed at the end)")
	f.StringVar(&o.Layout, "layout", demo.Clusters, "who takes part: clusters (three) or provinces (eleven)")
	f.StringVar(&o.Input, "input", "", "file of JSON lines to play (default: a built-in sample)")
	f.IntVar(&o.PortBase, "port-base", -1, "first of its ports; 0: any free ones (default: API 8401 8402 8403, federation 7401 7402 7403)")
	return c
}
