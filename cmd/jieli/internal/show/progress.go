package show

import (
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"golang.org/x/term"
)

const (
	// progressEvery bounds how often the line changes.
	progressEvery = 100 * time.Millisecond
	eraseLine     = "\r\x1b[K"
)

// Progress is one changing line on a terminal, and nothing elsewhere. Safe for concurrent use.
type Progress struct {
	out io.Writer // nil: nobody looks
	now func() time.Time

	mu   sync.Mutex
	last time.Time
}

// NewProgress shows progress on out if that is a terminal.
func NewProgress(out io.Writer) *Progress {
	if f, ok := out.(*os.File); !ok || !term.IsTerminal(int(f.Fd())) {
		out = nil
	}
	return &Progress{out: out, now: time.Now}
}

// Tell changes the line, unless it has just changed.
func (p *Progress) Tell(format string, args ...any) {
	if p.out == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if now := p.now(); now.Sub(p.last) >= progressEvery {
		p.last = now
		_, _ = fmt.Fprintf(p.out, eraseLine+format, args...)
	}
}

// End takes the line away, so that what is printed next stands at its beginning.
func (p *Progress) End() {
	if p.out == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.last.IsZero() {
		_, _ = io.WriteString(p.out, eraseLine)
	}
}
