package demo

import (
	"fmt"
	"io"
)

// progress tells how many tickets have come to their end: one changing line on a terminal, at most about ten lines
// elsewhere. Its user serializes the calls.
type progress struct {
	out      io.Writer
	terminal bool
	format   string // takes how many of how many
	all      int
	step     int
	told     int
	unended  bool // a line on the terminal waits for its end
}

func newProgress(out io.Writer, terminal bool, format string, all int) *progress {
	p := &progress{out: out, terminal: terminal, format: format, all: all}
	if p.step = max(100, all/10); p.terminal {
		p.step = max(1, all/200)
	}
	return p
}

// tell is called with the count now and then; the same again says nothing.
func (p *progress) tell(done int) {
	if done == p.told || done%p.step != 0 && done != p.all {
		return
	}
	p.told = done
	line := fmt.Sprintf(p.format, done, p.all)
	if p.terminal {
		_, _ = fmt.Fprintf(p.out, "\r%s\x1b[K", line)
		p.unended = true
		return
	}
	_, _ = fmt.Fprintln(p.out, line)
}

// interrupt makes room for a line of another kind.
func (p *progress) interrupt() {
	if p.unended {
		_, _ = fmt.Fprintln(p.out)
		p.unended = false
	}
}
