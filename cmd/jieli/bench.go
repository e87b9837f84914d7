package main

import (
	"context"
	"fmt"
	"io"
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
	o := bench.Options{Regions: bench.DefaultRegions}
	c := &cobra.Command{
		Use: use, Short: short, Args: exactly(0), Example: "  jieli bench " + use + " --duration 10s",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := checkBench(o); err != nil {
				return err
			}
			progress := show.NewProgress(a.err)
			o.Progress = func(done, all int) {
				progress.Tell(a.printer().Say("writing tickets: %d of %d", "正在写入工单：%d / %d"), done, all)
			}
			report, err := run(cmd.Context(), o)
			progress.End()
			if err != nil {
				return err
			}
			return a.showReport(report)
		},
	}
	c.Flags().DurationVar(&o.Duration, "duration", 3*time.Second, "how long each level of concurrency is measured")
	if use != "route" {
		c.Flags().IntSliceVar(&o.Levels, "in-flight", bench.DefaultLevels(), "levels of concurrency")
	}
	if use == "handoff" || use == "registry" {
		c.Flags().IntVar(&o.Regions, "regions", bench.DefaultRegions, "how many regions there are, each a process")
	}
	if use == "handoff" {
		c.Flags().IntVar(&o.Tickets, "tickets", 0, "how many tickets the sender has before")
	}
	return c
}

// showReport prints what was measured.
func (a *app) showReport(report *bench.Report) error {
	p := a.printer()
	if err := p.Value(report, func() *show.Table { return a.benchTable(report) }); err != nil || a.output != "table" {
		return err
	}
	var lines string
	if f := report.Failover; f != nil {
		lines += fmt.Sprintf(p.Say(
			"first write after kill -9 of the leader: median %.0f ms, at most %.0f ms in %d rounds\n",
			"主节点被 kill -9 后首次写入：中位 %.0f 毫秒，最长 %.0f 毫秒，共 %d 轮\n"), f.MedianMillis, f.MaxMillis, f.Rounds)
	}
	if n := report.Node; n != nil {
		lines += fmt.Sprintf(p.Say(
			"with %d tickets (%.0f MiB) and %d regions: started in %.0f ms, %.0f MiB of memory, %.0f after the runs\n",
			"已有工单 %d 件（%.0f MiB）、区域 %d 个：启动 %.0f 毫秒，内存 %.0f MiB，测量后 %.0f MiB\n"),
			n.Tickets, n.StoreMiB, n.Regions, n.StartMillis, n.MemoryMiB, n.MemoryAfterMiB)
	}
	_, err := io.WriteString(a.out, lines)
	return err
}

func (a *app) benchTable(report *bench.Report) *show.Table {
	if report.Rules > 0 {
		t := &show.Table{}
		t.Add(fmt.Sprintf(a.printer().Say("%.0f ns, %.0f allocations a look-up with %d rules", "每次查找 %.0f 纳秒、%.0f 次分配，规则 %d 条"),
			report.NanosPerOp, report.AllocsPerOp, report.Rules))
		return t
	}
	t := &show.Table{Head: []string{"IN FLIGHT", "PER SECOND", "P50 MS", "P99 MS", "CPU US"}}
	for _, r := range report.Runs {
		t.Add(fmt.Sprint(r.InFlight), fmt.Sprintf("%.0f", r.PerSecond), fmt.Sprintf("%.2f", r.P50Millis), fmt.Sprintf("%.2f", r.P99Millis), fmt.Sprintf("%.0f", r.CPUMicros))
	}
	return t
}

// checkBench refuses what cannot be measured.
func checkBench(o bench.Options) error {
	const most = 4096
	for _, n := range o.Levels {
		if n < 1 || n > most {
			return usage("--in-flight: %d is not 1 to %d", "--in-flight：%d 不在 1 至 %d 之间", n, most)
		}
	}
	switch {
	case o.Duration <= 0:
		return usage("--duration must be more than 0s", "--duration 必须大于 0s")
	case o.Tickets < 0:
		return usage("--tickets must not be negative", "--tickets 不能为负数")
	}
	return nil
}
