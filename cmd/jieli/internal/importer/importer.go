// Package importer submits tickets from a file of JSON lines. It may be run again on the same file: a ticket that is
// there already is answered with the first one. What it needs of memory does not grow with the file.
package importer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc/status"

	"github.com/jieli-gateway/jieli/cmd/jieli/internal/lang"
	jieliv1 "github.com/jieli-gateway/jieli/proto/jieli/v1"
)

const (
	// aheadOf bounds how many lines, for each submission under way, may be done before the first that is not.
	aheadOf = 4
	// maxBadKept bounds the bad lines that a result keeps, and the calls.
	maxBadKept = 1000
)

// Result counts what became of the lines, in the order of the file: up to the last line that is counted, each one is.
type Result struct {
	// Lines that were not empty.
	Lines int `json:"lines"`
	// Taken were answered with a ticket. Repeated of them were there already; Diverted went to an emergency number.
	Taken    int `json:"taken"`
	Repeated int `json:"repeated"`
	Diverted int `json:"diverted"`
	// Calls are the first of those, new or there already, whose callers must be told to dial another number.
	Calls []Call `json:"calls"`
	// Skipped are of other regions than Options.Region.
	Skipped int `json:"skipped"`
	// Failed were not taken; Bad are the first of them.
	Failed int   `json:"failed"`
	Bad    []Bad `json:"bad"`
	// LastLine is the number of the last line that is counted, 0 when none is.
	LastLine int `json:"lastLine"`
	// Bytes of the file up to there.
	Bytes int64 `json:"-"`
}

// Bad is a line that was not taken.
type Bad struct {
	Line   int    `json:"line"`
	Reason string `json:"reason"`
	// Text is the line without the white space around it; nil when it is too long to be kept.
	Text []byte `json:"-"`
}

// Call is a line whose caller must dial an emergency number.
type Call struct {
	Line int `json:"line"`
	// Number of the ticket.
	Number string `json:"number"`
	// CallNumber is what to dial.
	CallNumber string `json:"callNumber"`
}

// Options of an import.
type Options struct {
	// Region submits only lines of this region, and those that name none; empty: all.
	Region string
	// From is the number of the first line to submit; those before are read over.
	From int
	// Batch names the file: a line without an externalId that comes again under the same number of the same batch is
	// the same ticket.
	Batch string
	// Parallel submissions under way; at least 1.
	Parallel int
	// Patience bounds how long a node that is away is waited for.
	Patience time.Duration
	// Submit sends one ticket. It bounds its own time.
	Submit func(context.Context, *jieliv1.SubmitTicketRequest) (*jieliv1.SubmitTicketResponse, error)
	// Progress is told after each line; it must not block. Optional.
	Progress func(Result)
	// Reject is told of each bad line, in the order of the file; its error stops the import. Optional.
	Reject func(Bad) error
}

// Run reads all lines and goes on after bad ones. It stops at what is wrong with the node or the caller and not with a
// line; the result then says what was done until there. Lines after its last may have been taken as well.
func Run(ctx context.Context, in io.Reader, o Options) (Result, error) {
	o.Parallel = max(o.Parallel, 1)
	result := Result{Calls: []Call{}, Bad: []Bad{}}
	todo, inOrder := make(chan *task), make(chan *task, aheadOf*o.Parallel)
	group, gctx := errgroup.WithContext(ctx)
	group.Go(func() error { return o.read(gctx, in, todo, inOrder) })
	for range o.Parallel {
		group.Go(func() error { return o.work(gctx, todo) })
	}
	group.Go(func() error { return o.count(gctx, inOrder, &result) })
	err := group.Wait()
	if err == nil {
		err = ctx.Err()
	}
	return result, err
}

// task is one line on its way.
type task struct {
	number int
	end    int64 // bytes of the file up to its end
	text   []byte
	// done is closed when what follows is set.
	done    chan struct{}
	outcome outcome
	err     error // why it is bad
	call    *Call // where the caller must dial another number
}

// outcome is what became of a line.
type outcome int

const (
	taken outcome = iota
	repeated
	diverted
	skipped
	bad
	unknown // something else went wrong: the import stops
)

// read hands the lines out: to whoever is free, and in their order.
func (o Options) read(ctx context.Context, in io.Reader, todo, inOrder chan<- *task) error {
	defer close(todo)
	defer close(inOrder)
	l := newLines(&patient{ctx: ctx, in: in})
	for {
		text, tooLong, err := l.next()
		if ctx.Err() != nil {
			return nil // and what was read of a line is none
		}
		t := &task{number: l.number, end: l.bytes, text: text, done: make(chan struct{})}
		switch {
		case t.number < o.From:
		case tooLong:
			t.outcome, t.err = bad, fmt.Errorf("longer than %d bytes", maxLine)
			close(t.done)
			if !hand(ctx, t, inOrder) {
				return nil
			}
		case len(text) > 0:
			if !hand(ctx, t, inOrder, todo) {
				return nil
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return lang.Errorf("read line %d: %w", "读第 %d 行：%w", t.number, err)
		}
	}
}

// hand gives a task to each, unless the import ends first.
func hand(ctx context.Context, t *task, to ...chan<- *task) bool {
	for _, c := range to {
		select {
		case c <- t:
		case <-ctx.Done():
			return false
		}
	}
	return true
}

// work submits lines. Its error stops the import.
func (o Options) work(ctx context.Context, todo <-chan *task) error {
	for t := range todo {
		t.outcome, t.err = o.line(ctx, t)
		close(t.done)
		if t.outcome == unknown {
			return lang.Errorf("line %d: %w", "第 %d 行：%w", t.number, t.err)
		}
	}
	return nil
}

// line submits one line.
func (o Options) line(ctx context.Context, t *task) (outcome, error) {
	l, ticket, err := parse(t.text)
	if err != nil {
		return bad, err
	}
	if o.Region != "" && l.Region != "" && l.Region != o.Region {
		return skipped, nil
	}
	res, err := o.submit(ctx, &jieliv1.SubmitTicketRequest{Ticket: ticket, RequestId: requestID(o.Batch, t.number, l.Ticket)})
	switch {
	case err != nil && final(err):
		return bad, errors.New(status.Convert(err).Message())
	case err != nil:
		return unknown, err
	}
	if res.GetCallNumber() != "" {
		t.call = &Call{Line: t.number, Number: res.GetTicket().GetNumber(), CallNumber: res.GetCallNumber()}
	}
	switch {
	case res.GetRepeated():
		return repeated, nil
	case res.GetTicket().GetState() == jieliv1.Ticket_DIVERTED:
		return diverted, nil
	}
	return taken, nil
}

// count adds up what became of the lines, in their order.
func (o Options) count(ctx context.Context, inOrder <-chan *task, r *Result) error {
	for t := range inOrder {
		select {
		case <-t.done:
		case <-ctx.Done():
			return nil
		}
		if t.outcome == unknown {
			return nil // whoever worked on it says why
		}
		if err := o.add(t, r); err != nil {
			return err
		}
		if o.Progress != nil {
			o.Progress(*r)
		}
	}
	return nil
}

func (o Options) add(t *task, r *Result) error {
	switch t.outcome {
	case bad:
		r.Failed++
		b := Bad{Line: t.number, Reason: t.err.Error(), Text: t.text}
		if len(r.Bad) < maxBadKept {
			r.Bad = append(r.Bad, Bad{Line: b.Line, Reason: b.Reason})
		}
		if o.Reject != nil {
			if err := o.Reject(b); err != nil {
				return err
			}
		}
	case skipped:
		r.Skipped++
	case repeated:
		r.Taken++
		r.Repeated++
	case diverted:
		r.Taken++
		r.Diverted++
	default:
		r.Taken++
	}
	if t.call != nil && len(r.Calls) < maxBadKept {
		r.Calls = append(r.Calls, *t.call)
	}
	r.Lines++
	r.LastLine, r.Bytes = t.number, t.end
	return nil
}
