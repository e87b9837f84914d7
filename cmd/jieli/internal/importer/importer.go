// Package importer submits tickets from a file of JSON lines. It may be run again on the same file: a ticket that is
// there already is answered with the first one.
package importer

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"

	jieliv1 "github.com/jieli-gateway/jieli/proto/jieli/v1"
)

// maxLine bounds a line.
const maxLine = 1 << 20

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
	Lines    int   `json:"lines"`
	Taken    int   `json:"taken"`
	Repeated int   `json:"repeated"`
	Skipped  int   `json:"skipped"`
	Bad      []Bad `json:"bad"`
}

// Bad is a line that was not taken.
type Bad struct {
	Line   int    `json:"line"`
	Reason string `json:"reason"`
}

// Options of an import.
type Options struct {
	// Region submits only lines of this region; empty: all.
	Region string
	// Parallel submissions under way.
	Parallel int
	// Submit sends one ticket; it may take its time.
	Submit func(context.Context, *jieliv1.SubmitTicketRequest) (*jieliv1.SubmitTicketResponse, error)
	// Progress is told now and then.
	Progress func(Result)
	// Patience bounds how long a node that is away is waited for.
	Patience time.Duration
}

// Run reads all lines and goes on after bad ones.
func Run(ctx context.Context, in io.Reader, o Options) (Result, error) {
	r := &running{options: o}
	group, gctx := errgroup.WithContext(ctx)
	group.SetLimit(max(o.Parallel, 1))
	lines := bufio.NewScanner(in)
	lines.Buffer(make([]byte, 0, 64<<10), maxLine)
	n := 0
	for lines.Scan() && gctx.Err() == nil {
		n++
		number, line := n, append([]byte(nil), lines.Bytes()...)
		if len(line) == 0 {
			continue
		}
		group.Go(func() error { return r.line(gctx, number, line) })
	}
	err := group.Wait()
	if scan := lines.Err(); scan != nil {
		err = errors.Join(err, fmt.Errorf("line %d: %w", n+1, scan))
	}
	return r.result, err
}

type running struct {
	options Options
	mu      sync.Mutex
	result  Result
}

func (r *running) count(change func(*Result)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	change(&r.result)
	if r.options.Progress != nil {
		r.options.Progress(r.result)
	}
}

func (r *running) bad(line int, err error) {
	r.count(func(res *Result) {
		res.Lines++
		res.Bad = append(res.Bad, Bad{Line: line, Reason: err.Error()})
	})
}

func (r *running) line(ctx context.Context, number int, b []byte) error {
	var l Line
	if err := json.Unmarshal(b, &l); err != nil {
		r.bad(number, err)
		return nil
	}
	if r.options.Region != "" && l.Region != "" && l.Region != r.options.Region {
		r.count(func(res *Result) { res.Lines++; res.Skipped++ })
		return nil
	}
	t := new(jieliv1.Ticket)
	if err := protojson.Unmarshal(l.Ticket, t); err != nil {
		r.bad(number, err)
		return nil
	}
	res, err := r.submit(ctx, &jieliv1.SubmitTicketRequest{Ticket: t})
	switch {
	case err == nil:
		r.count(func(c *Result) {
			c.Lines++
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

// final tells an answer about this line from trouble with the node.
func final(err error) bool {
	switch status.Code(err) {
	case codes.InvalidArgument, codes.AlreadyExists, codes.FailedPrecondition, codes.NotFound:
		return true
	}
	return false
}

// submit tries again while the node is away; a line with an externalId is safe to send twice.
func (r *running) submit(ctx context.Context, req *jieliv1.SubmitTicketRequest) (*jieliv1.SubmitTicketResponse, error) {
	deadline := time.Now().Add(r.options.Patience)
	pause := 100 * time.Millisecond
	for {
		res, err := r.options.Submit(ctx, req)
		code := status.Code(err)
		again := code == codes.Unavailable || code == codes.DeadlineExceeded || code == codes.ResourceExhausted
		if err == nil || !again || req.GetTicket().GetExternalId() == "" || time.Now().After(deadline) {
			return res, err
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(pause):
		}
		pause = min(2*pause, 2*time.Second)
	}
}
