// Package demo starts three regional centres (or eleven) on one machine, each its own process, store, CA and ports, plays a day's
// complaints across them to the end, and counts by the tickets themselves what became of them.
package demo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/jieli-gateway/jieli/cmd/jieli/internal/importer"
)

// Options of a demonstration.
type Options struct {
	// Binary is run as each node; default: this one.
	Binary string
	// DataDir keeps everything; default: a temporary directory that is removed at the end.
	DataDir string
	// Layout is who takes part: Clusters (default) or Provinces.
	Layout string
	// Input is a file of JSON lines; default: the built-in sample.
	Input string
	// Exit stops at the end instead of staying up.
	Exit bool
	// JSON prints only the summary, as one JSON object.
	JSON bool
	// PortBase is where its ports begin; 0 takes any free ones, below 0 the usual ones (API 8401, federation 7401).
	PortBase int
	// Chinese speaks Chinese.
	Chinese bool
	Out     io.Writer
	Err     io.Writer
}

// playTime bounds playing a file to its end.
const playTime = 10 * time.Minute

// Run plays the demonstration.
func Run(ctx context.Context, o Options) (err error) {
	plan, err := layoutNamed(o.Layout)
	if err != nil {
		return err
	}
	lines, err := readInput(o.Input)
	if err != nil {
		return err
	}
	if o.DataDir == "" {
		if o.DataDir, err = os.MkdirTemp("", "jieli-demo-"); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, os.RemoveAll(o.DataDir)) }()
	}
	if o.DataDir, err = filepath.Abs(o.DataDir); err != nil {
		return err
	}
	if o.Binary == "" {
		if o.Binary, err = os.Executable(); err != nil {
			return err
		}
	}
	defer survivePipes()()
	ctx, gone := context.WithCancelCause(ctx)
	defer gone(nil)
	d := &demo{o: o, layout: plan, terminal: isTerminal(o.Out), life: context.WithoutCancel(ctx)}
	d.o.Out = &outlet{w: o.Out, gone: gone}
	defer func() { err = errors.Join(err, d.stop()) }()
	began := time.Now()
	if err := d.bounded(ctx, plan.setUp, d.setUp); err != nil {
		return d.explain(err)
	}
	var s *Summary
	if err := d.bounded(ctx, playTime, func(ctx context.Context) error { s, err = d.play(ctx, lines); return err }); err != nil {
		return d.explain(err)
	}
	s.Seconds = float64(time.Since(began).Round(time.Millisecond)) / float64(time.Second)
	if err := d.report(s); err != nil || o.Exit {
		return err
	}
	return d.stay(ctx)
}

type demo struct {
	o        Options
	layout   layout
	terminal bool // Out is one
	centres  []*centre
	// died ends the part under way when a node ends by itself.
	died context.CancelCauseFunc
	// life is as long as the nodes may run: until stop has ended them in order.
	life context.Context
}

// bounded runs a part under a deadline, and ends it when a node dies.
func (d *demo) bounded(ctx context.Context, most time.Duration, part func(context.Context) error) error {
	ctx, cancel := context.WithTimeoutCause(ctx, most, fmt.Errorf("the demonstration took longer than %s", most))
	defer cancel()
	ctx, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	d.died = fail
	for _, c := range d.centres {
		c.onDeath(fail)
	}
	err := part(ctx)
	if err != nil && ctx.Err() != nil {
		return errors.Join(context.Cause(ctx), err)
	}
	return err
}

// explain adds what a dead node last said.
func (d *demo) explain(err error) error {
	for _, c := range d.centres {
		if c.dead() {
			return fmt.Errorf("%w\n%s ended; its last words (%s):\n%s", err, c.id, c.logFile(), c.lastWords())
		}
	}
	return err
}

func (d *demo) say(en, zh string, args ...any) {
	if d.o.JSON {
		return
	}
	format := en
	if d.o.Chinese {
		format = zh
	}
	_, _ = fmt.Fprintf(d.o.Out, format+"\n", args...)
}

// progress of a play of so many lines; nobody hears it beside JSON.
func (d *demo) progress(all int) *progress {
	switch {
	case d.o.JSON:
		return newProgress(io.Discard, false, "", all)
	case d.o.Chinese:
		return newProgress(d.o.Out, d.terminal, "  已到终点 %d / %d", all)
	}
	return newProgress(d.o.Out, d.terminal, "  %d of %d have come to their end", all)
}

func (d *demo) report(s *Summary) error {
	if d.o.JSON {
		return json.NewEncoder(d.o.Out).Encode(s)
	}
	d.say("\nWhat happened, counted from the regions' own tickets:", "\n结果（按各区域自己的工单统计）：")
	for _, row := range s.rows() {
		d.say("  %-12s %6d  %s", "  %-12s %6d  %s", row.key, row.n, row.say(d.o.Chinese))
	}
	d.say("  in %.1f seconds", "  用时 %.1f 秒", s.Seconds)
	return nil
}

// stay keeps the regions up until ctx ends.
func (d *demo) stay(ctx context.Context) error {
	d.say("\nThe %d centres stay up until Ctrl-C. Try, for example:", "\n%d 个中心保持运行，按 Ctrl-C 结束。可以试试：", len(d.centres))
	for _, c := range d.centres {
		d.say("  %s --server %s --token-file %s status", "  %s --server %s --token-file %s status", d.o.Binary, c.api, c.tokenFile())
	}
	d.say("  curl -H \"Authorization: Bearer $(cat %s)\" 'http://%s/v1/tickets?pageSize=1'", "  curl -H \"Authorization: Bearer $(cat %s)\" 'http://%s/v1/tickets?pageSize=1'", d.centres[0].tokenFile(), d.centres[0].api)
	died := make(chan error, len(d.centres))
	for _, c := range d.centres {
		c.onDeath(func(err error) { died <- err })
	}
	select {
	case <-ctx.Done():
		return nil
	case err := <-died:
		return d.explain(err)
	}
}

func (d *demo) stop() error {
	var failures []error
	for i := len(d.centres) - 1; i >= 0; i-- {
		failures = append(failures, d.centres[i].stop())
	}
	return errors.Join(failures...)
}

// readInput reads lines to play. A bad line ends the demonstration: the counts would mean nothing.
func readInput(file string) ([]importer.Line, error) {
	b := sample
	if file != "" {
		var err error
		if b, err = os.ReadFile(filepath.Clean(file)); err != nil {
			return nil, err
		}
	}
	var lines []importer.Line
	for i, raw := range splitLines(b) {
		if len(raw) == 0 {
			continue
		}
		var l importer.Line
		if err := json.Unmarshal(raw, &l); err != nil {
			return nil, fmt.Errorf("%s line %d: %w", orSample(file), i+1, err)
		}
		lines = append(lines, l)
	}
	return lines, nil
}
