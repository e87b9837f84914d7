package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/jieli-gateway/jieli/cmd/jieli/internal/client"
	"github.com/jieli-gateway/jieli/cmd/jieli/internal/importer"
	"github.com/jieli-gateway/jieli/cmd/jieli/internal/lang"
	"github.com/jieli-gateway/jieli/cmd/jieli/internal/show"
	jieliv1 "github.com/jieli-gateway/jieli/proto/jieli/v1"
)

func (a *app) ticketImport() *cobra.Command {
	var o importer.Options
	var rejects string
	c := &cobra.Command{
		Use: "import FILE", Short: "Submit tickets from a file of JSON lines",
		Long: `Reads one {"ticket":{…}} a line, also with "region" and "resolution" beside it; - reads standard input. Bad lines are
reported by number and reason, and the import goes on.

It may be stopped and run again: a ticket with an externalId is taken once, and one without is taken once from the same
unchanged file (not from standard input). --from-line saves the time of what was done. To mend bad lines: --rejects, correct
that file, and import it. It holds personal data.`,
		Example: `  jieli ticket import complaints.jsonl --region jingjinji
  jieli ticket import complaints.jsonl --rejects bad.jsonl
  jieli ticket import complaints.jsonl --from-line 41200   # after it stopped there`,
		Args: exactly(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if o.From < 1 || o.Parallel < 1 {
				return usage("--from-line and --parallel must be at least 1", "--from-line 和 --parallel 至少为 1")
			}
			f, size, err := a.openImport(args[0])
			if err != nil {
				return err
			}
			defer func() { _ = f.Close() }()
			if o.Batch, err = batchOf(f, size); err != nil {
				return err
			}
			into, err := openRejects(rejects, f, o.From > 1)
			if err != nil {
				return err
			}
			return a.connected(func(c *client.Client) error {
				return errors.Join(a.runImport(cmd.Context(), c, f, size, o, into), into.Close())
			})
		},
	}
	f := c.Flags()
	f.StringVar(&o.Region, "region", "", "only lines of this region")
	f.StringVar(&rejects, "rejects", "", "write bad lines into this file, to be corrected and imported")
	f.IntVar(&o.From, "from-line", 1, "begin at this line")
	f.IntVar(&o.Parallel, "parallel", 16, "submissions under way at once")
	f.DurationVar(&o.Patience, "patience", 2*time.Minute, "how long to wait for a node that is away")
	return c
}

// openImport opens what is to be imported; size is 0 for what cannot be read twice.
func (a *app) openImport(name string) (in *os.File, size int64, err error) {
	if name == "-" {
		if f, ok := a.in.(*os.File); ok {
			return f, 0, nil
		}
		return nil, 0, lang.Errorf("standard input is no file", "标准输入不是文件")
	}
	f, err := os.Open(filepath.Clean(name))
	if err != nil {
		return nil, 0, err
	}
	info, err := f.Stat()
	switch {
	case err != nil:
	case info.IsDir():
		err = &fs.PathError{Op: "read", Path: name, Err: errors.New("is a directory")}
	case info.Mode().IsRegular():
		return f, info.Size(), nil
	default:
		return f, 0, nil
	}
	_ = f.Close()
	return nil, 0, err
}

// batchOf names a file by what is in it: tickets without an externalId are the same while the file is. Each run on what
// cannot be read twice is a batch of its own.
func batchOf(f *os.File, size int64) (string, error) {
	if size == 0 {
		return newID(), nil
	}
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", err
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// runImport imports with progress on a terminal, and tells each bad line.
func (a *app) runImport(ctx context.Context, c *client.Client, in io.Reader, size int64, o importer.Options, into *rejects) error {
	say := a.printer().Say
	progress, pace := show.NewProgress(a.err), show.NewPace()
	first := int64(-1)
	o.Progress = func(r importer.Result) {
		if first < 0 {
			first = r.Bytes // what --from-line read over took no time
		}
		left := ""
		if d := pace.Left(r.Bytes-first, size-first); d > 0 {
			left = fmt.Sprintf(say(", %s left", "，剩余 %s"), d)
		}
		progress.Tell(say("line %d: %d taken, %d bad, %d a second%s", "第 %d 行：已接收 %d，有误 %d，每秒 %d%s"),
			r.LastLine, r.Taken, r.Failed, pace.Rate(r.Lines), left)
	}
	o.Reject = func(b importer.Bad) error {
		progress.End()
		_, _ = fmt.Fprintf(a.err, say("line %d: %s\n", "第 %d 行：%s\n"), b.Line, show.Clean(a.printer().Rule(b.Reason)))
		return into.add(b)
	}
	o.Submit = func(ctx context.Context, req *jieliv1.SubmitTicketRequest) (*jieliv1.SubmitTicketResponse, error) {
		ctx, cancel := c.Context(ctx)
		defer cancel()
		return c.Tickets.SubmitTicket(ctx, req)
	}
	r, err := importer.Run(ctx, in, o)
	progress.End()
	if shown := a.showImport(r, pace, o.Region != ""); shown != nil {
		return shown
	}
	switch {
	case err != nil:
		return lang.Errorf("%w\nstopped after line %d; run it again, or go on with --from-line %d: nothing is taken twice",
			"%w\n停在第 %d 行之后；可重新运行，或用 --from-line %d 继续：不会重复接收", interrupted(ctx, err), max(r.LastLine, o.From-1), max(r.LastLine+1, o.From))
	case r.Failed > 0:
		return &exitCode{client.ExitFailed}
	}
	return nil
}

// interrupted says in words that somebody stopped the command.
func interrupted(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return lang.Errorf("interrupted", "已中断")
	}
	return err
}

// summary is what an import prints in the end.
type summary struct {
	importer.Result
	Seconds   float64 `json:"seconds"`
	PerSecond int     `json:"perSecond"`
}

// mostCallsShown bounds the lines whose callers must dial another number; JSON has more of them.
const mostCallsShown = 20

// showImport tells what became of the lines, also when something stopped the import half-way, and who must dial another
// number.
func (a *app) showImport(r importer.Result, pace *show.Pace, ofOneRegion bool) error {
	s := summary{Result: r, Seconds: pace.Elapsed().Round(10 * time.Millisecond).Seconds(), PerSecond: pace.Rate(r.Lines)}
	p := a.printer()
	if err := p.Value(s, func() *show.Table { return importTable(s, ofOneRegion) }); err != nil || a.output != "table" {
		return err
	}
	for _, call := range s.Calls[:min(len(s.Calls), mostCallsShown)] {
		line := fmt.Sprintf(p.Say("EMERGENCY: line %d, %s: tell the caller to dial %s now", "紧急：第 %d 行，%s：请让来电人立即拨打 %s"), call.Line, call.Number, call.CallNumber)
		if _, err := fmt.Fprintln(a.out, show.Clean(line)); err != nil {
			return err
		}
	}
	if len(s.Calls) <= mostCallsShown {
		return nil
	}
	_, err := fmt.Fprintln(a.out, p.Say("and more: jieli ticket list --state DIVERTED", "还有更多：jieli ticket list --state DIVERTED"))
	return err
}

// importTable counts lines; those left out only where --region leaves any out.
func importTable(s summary, ofOneRegion bool) *show.Table {
	t := &show.Table{Labels: true}
	t.Add("lines", fmt.Sprint(s.Lines))
	t.Add("taken", fmt.Sprint(s.Taken))
	t.Add("of them, there already", fmt.Sprint(s.Repeated))
	t.Add("of them, to an emergency number", fmt.Sprint(s.Diverted))
	if ofOneRegion {
		t.Add("left out (--region)", fmt.Sprint(s.Skipped))
	}
	t.Add("bad", fmt.Sprint(s.Failed))
	t.Add("seconds", fmt.Sprint(s.Seconds))
	t.Add("per second", fmt.Sprint(s.PerSecond))
	return t
}

// rejects is the file that bad lines go to; nil: none.
type rejects struct{ file *os.File }

// openRejects begins the file, or goes on with that of an import that stopped. Only its owner may read it.
func openRejects(name string, in *os.File, goOn bool) (*rejects, error) {
	if name == "" {
		return nil, nil
	}
	source, err := in.Stat()
	if err != nil {
		return nil, err
	}
	if old, err := os.Stat(name); err == nil && os.SameFile(source, old) {
		return nil, usage("--rejects must not be the file that is imported", "--rejects 不能是正在导入的文件")
	}
	f, err := os.OpenFile(filepath.Clean(name), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, fmt.Errorf("--rejects: %w", err)
	}
	// What is in it may have been corrected by hand and not been imported yet.
	if info, err := f.Stat(); err == nil && info.Mode().IsRegular() && info.Size() > 0 && !goOn {
		return nil, errors.Join(usage("--rejects: %s is not empty; name another file, or remove it", "--rejects：文件 %s 不是空的；请另指定文件，或先删除它", name), f.Close())
	}
	// One that was there already may have been readable to all.
	if info, err := f.Stat(); err == nil && info.Mode().IsRegular() {
		if err := f.Chmod(0o600); err != nil {
			return nil, fmt.Errorf("--rejects: %w", errors.Join(err, f.Close()))
		}
	}
	return &rejects{f}, nil
}

// add writes a bad line as it was. One that is too long to be kept is told and not written.
func (r *rejects) add(b importer.Bad) error {
	if r == nil || len(b.Text) == 0 {
		return nil
	}
	if _, err := r.file.Write(append(b.Text, '\n')); err != nil {
		return fmt.Errorf("--rejects: %w", err)
	}
	return nil
}

// Close ends the file.
func (r *rejects) Close() error {
	if r == nil {
		return nil
	}
	return r.file.Close()
}
