package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/jieli-gateway/jieli/cmd/jieli/internal/bench"
	"github.com/jieli-gateway/jieli/cmd/jieli/internal/show"
)

func (a *app) bench() *cobra.Command {
	return group("bench", "Measure this machine with real processes, fsync and mutual TLS",
		a.measure("handoff", "Submit to receipt: a whole hand-off between two regions", bench.Handoff),
		a.measure("registry", "Registry writes agreed by three voters", bench.Registry),
		a.measure("route", "Look-ups in a table of 700,000 rules", bench.Route),
		a.measure("store", "Durable updates of the ticket store", bench.Store),
	)
}

func (a *app) measure(use, short string, run func(context.Context, bench.Options) (*bench.Report, error)) *cobra.Command {
	o := bench.Options{}
	c := &cobra.Command{
		Use: use, Short: short, Args: exactly(0), Example: "  jieli bench " + use + " --duration 10s",
		RunE: func(cmd *cobra.Command, _ []string) error {
			report, err := run(cmd.Context(), o)
			if err != nil {
				return err
			}
			return a.printer().Value(report, func() *show.Table {
				t := &show.Table{Head: []string{"IN FLIGHT", "PER SECOND", "P50 MS", "P99 MS", "CPU US"}}
				for _, r := range report.Runs {
					t.Add(fmt.Sprint(r.InFlight), fmt.Sprintf("%.0f", r.PerSecond), fmt.Sprintf("%.2f", r.P50Millis), fmt.Sprintf("%.2f", r.P99Millis), fmt.Sprintf("%.0f", r.CPUMicros))
				}
				if report.Rules > 0 {
					t.Head = nil
					t.Add(fmt.Sprintf("%.0f ns, %.0f allocations a look-up with %d rules", report.NanosPerOp, report.AllocsPerOp, report.Rules))
				}
				return t
			})
		},
	}
	c.Flags().DurationVar(&o.Duration, "duration", 3*time.Second, "how long each level of concurrency is measured")
	if use != "route" {
		c.Flags().IntSliceVar(&o.Levels, "in-flight", bench.DefaultLevels(), "levels of concurrency")
	}
	return c
}
