// Package importer submits tickets from a file of JSON lines. It may be run again on the same file: a ticket that is
// there already is answered with the first one.
package importer

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"

	jieliv1 "github.com/jieli-gateway/jieli/proto/jieli/v1"
)

const (
	// maxLine bounds a line, in bytes. The longest ticket there may be is far shorter.
	maxLine = 1 << 20
	// firstPause and longestPause are between attempts while a node is away.
	firstPause   = 100 * time.Millisecond
	longestPause = 2 * time.Second
)

// Line is one line of a file: a ticket, the region where the call came in, and how it was answered.
type Line struct {
	Region     string          `json:"region"`
	Ticket     json.RawMessage `json:"ticket"`
	Resolution *struct {
		Text       string `json:"text"`
		ResolvedAt string `json:"resolvedAt"`
	} `json:"resolution"`
	// Play asks the demo for something other than the usual course.
	Play string `json:"play"`
}

// Result counts what became of the lines.
type Result struct {
	// Lines that were not empty.
	Lines int `json:"lines"`
	// Taken were answered with a ticket; Repeated of them were there already.
	Taken    int `json:"taken"`
	Repeated int `json:"repeated"`
	// Skipped are of other regions.
	Skipped int `json:"skipped"`
	// Bad lines, in the order of the file.
	Bad []Bad `json:"bad"`
}

// Bad is a line that was not taken.
type Bad struct {
	Line   int    `json:"line"`
	Reason string `json:"reason"`
}

// Options of an import.
type Options struct {
	// Region submits only lines of this region, and those that name none; empty: all.
	Region string
	// Parallel submissions under way; at least 1.
	Parallel int
	// Submit sends one ticket. It bounds its own time.
	Submit func(context.Context, *jieliv1.SubmitTicketRequest) (*jieliv1.SubmitTicketResponse, error)
	// Progress is told after each line, one call at a time; it must not block. Optional.
	Progress func(Result)
	// Patience bounds how long a node that is away is waited for.
	Patience time.Duration
}

// Run reads all lines and goes on after bad ones. It stops at what is wrong with the node or the caller and not with a
// line; the result then says what was done until there.
func Run(ctx context.Context, in io.Reader, o Options) (Result, error) {
	r := &running{options: o, result: Result{Bad: []Bad{}}}
	group, gctx := errgroup.WithContext(ctx)
	group.SetLimit(max(o.Parallel, 1))
	lines := bufio.NewReaderSize(in, 64<<10)
	var err error
	for number := 1; err == nil && gctx.Err() == nil; number++ {
		var line []byte
		var tooLong bool
		line, tooLong, err = readLine(lines)
		switch {
		case tooLong:
			r.bad(number, fmt.Errorf("longer than %d bytes", maxLine))
		case len(line) > 0:
			group.Go(func() error { return r.line(gctx, number, line) })
		}
	}
	if errors.Is(err, io.EOF) {
		err = nil
	}
	if stopped := group.Wait(); stopped != nil {
		err = errors.Join(err, stopped)
	}
	if err == nil {
		err = ctx.Err()
	}
	slices.SortFunc(r.result.Bad, func(a, b Bad) int { return cmp.Compare(a.Line, b.Line) })
	return r.result, err
}

// readLine reads one line without the white space around it; one that is too long is read to its end and dropped.
func readLine(in *bufio.Reader) (line []byte, tooLong bool, err error) {
	for {
		part, err := in.ReadSlice('\n')
		if line = append(line, part...); len(line) > maxLine {
			tooLong, line = true, line[:0]
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			return bytes.TrimSpace(line), tooLong, err
		}
	}
}

type running struct {
	options Options
	mu      sync.Mutex
	result  Result
}

func (r *running) count(change func(*Result)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.result.Lines++
	change(&r.result)
	if r.options.Progress != nil {
		r.options.Progress(r.result)
	}
}

func (r *running) bad(line int, err error) {
	r.count(func(res *Result) { res.Bad = append(res.Bad, Bad{Line: line, Reason: err.Error()}) })
}

// line submits one line. Its error stops the import.
func (r *running) line(ctx context.Context, number int, b []byte) error {
	l, t, err := parse(b)
	if err != nil {
		r.bad(number, err)
		return nil
	}
	if r.options.Region != "" && l.Region != "" && l.Region != r.options.Region {
		r.count(func(res *Result) { res.Skipped++ })
		return nil
	}
	res, err := r.submit(ctx, &jieliv1.SubmitTicketRequest{Ticket: t, RequestId: uuid.Must(uuid.NewV7()).String()})
	switch {
	case err == nil:
		r.count(func(c *Result) {
			c.Taken++
			if res.GetRepeated() {
				c.Repeated++
			}
		})
		return nil
	case final(err):
		r.bad(number, errors.New(status.Convert(err).Message()))
		return nil
	}
	return fmt.Errorf("line %d: %w", number, err)
}

func parse(b []byte) (l Line, t *jieliv1.Ticket, err error) {
	if err := json.Unmarshal(b, &l); err != nil {
		return l, nil, err
	}
	if len(l.Ticket) == 0 || string(l.Ticket) == "null" {
		return l, nil, errors.New(`no "ticket" in it`)
	}
	t = new(jieliv1.Ticket)
	return l, t, protojson.Unmarshal(l.Ticket, t)
}

// final tells an answer about this line from trouble with the node.
func final(err error) bool {
	switch status.Code(err) {
	case codes.InvalidArgument, codes.AlreadyExists, codes.FailedPrecondition, codes.NotFound:
		return true
	}
	return false
}

// submit tries again while the node is away: with the same request id, it is taken once.
func (r *running) submit(ctx context.Context, req *jieliv1.SubmitTicketRequest) (*jieliv1.SubmitTicketResponse, error) {
	deadline := time.Now().Add(r.options.Patience)
	pause := firstPause
	for {
		res, err := r.options.Submit(ctx, req)
		code := status.Code(err)
		again := code == codes.Unavailable || code == codes.DeadlineExceeded || code == codes.ResourceExhausted
		if err == nil || !again || time.Now().Add(pause).After(deadline) {
			return res, err
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(pause):
		}
		pause = min(2*pause, longestPause)
	}
}
