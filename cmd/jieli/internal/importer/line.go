package importer

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"google.golang.org/protobuf/encoding/protojson"

	"github.com/jieli-gateway/jieli/cmd/jieli/internal/misread"
	jieliv1 "github.com/jieli-gateway/jieli/proto/jieli/v1"
)

// maxLine bounds a line, in bytes. The longest ticket there may be is far shorter.
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

// patient waits for an input that may be silent for ever, or have no end of line, until ctx ends. The read under way then is
// left behind.
type patient struct {
	ctx context.Context // a Reader has no other place for it
	in  io.Reader
	buf []byte
}

// Read implements io.Reader.
func (p *patient) Read(b []byte) (int, error) {
	if err := p.ctx.Err(); err != nil {
		return 0, err
	}
	if len(p.buf) < len(b) {
		p.buf = make([]byte, len(b))
	}
	into := p.buf[:len(b)] // not b, which is the caller's again when this gives up
	type reading struct {
		n   int
		err error
	}
	read := make(chan reading, 1)
	go func() {
		n, err := p.in.Read(into)
		read <- reading{n, err}
	}()
	select {
	case r := <-read:
		return copy(b, into[:r.n]), r.err
	case <-p.ctx.Done():
		return 0, p.ctx.Err()
	}
}

// lines reads a file line by line.
type lines struct {
	in *bufio.Reader
	// number is that of the line last read; the first is 1.
	number int
	// bytes were read so far.
	bytes int64
}

func newLines(in io.Reader) *lines { return &lines{in: bufio.NewReaderSize(in, 64<<10)} }

// next reads one line without the white space around it; one that is too long is read to its end and dropped. What is
// read before an error stands.
func (l *lines) next() (line []byte, tooLong bool, err error) {
	l.number++
	for {
		part, err := l.in.ReadSlice('\n')
		l.bytes += int64(len(part))
		if line = append(line, part...); len(line) > maxLine {
			tooLong, line = true, line[:0]
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			if tooLong {
				line = nil
			}
			if l.number == 1 {
				line = bytes.TrimPrefix(line, []byte("\ufeff")) // some editors begin a file with it
			}
			return bytes.TrimSpace(line), tooLong, err
		}
	}
}

// parse reads a line; its errors say at which column.
func parse(b []byte) (l Line, t *jieliv1.Ticket, err error) {
	if err := json.Unmarshal(b, &l); err != nil {
		return l, nil, columnOfJSON(err)
	}
	if len(l.Ticket) == 0 || string(l.Ticket) == "null" {
		return l, nil, errors.New(`no "ticket" in it`)
	}
	t = new(jieliv1.Ticket)
	if err := protojson.Unmarshal(l.Ticket, t); err != nil {
		return l, nil, columnOfTicket(err, t, max(0, bytes.Index(b, l.Ticket)))
	}
	return l, t, nil
}

func columnOfJSON(err error) error {
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	switch {
	case errors.As(err, &syntax):
		return fmt.Errorf("column %d: %s", syntax.Offset, strings.TrimPrefix(syntax.Error(), "json: "))
	case errors.As(err, &kind):
		return fmt.Errorf("column %d: %s must not be a %s", kind.Offset, or(kind.Field, "the line"), kind.Value)
	}
	return err
}

// columnOfTicket counts a column inside the ticket from the beginning of its line, before characters.
func columnOfTicket(err error, t *jieliv1.Ticket, before int) error {
	_, column, what := misread.Of(err, t)
	if column == 0 {
		return errors.New(what)
	}
	return fmt.Errorf("column %d: %s", before+column, what)
}

func or(s, other string) string {
	if s == "" {
		return other
	}
	return s
}
