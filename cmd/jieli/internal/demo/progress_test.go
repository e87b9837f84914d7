package demo

import (
	"bytes"
	"strings"
	"testing"
)

func TestProgressIsAFewLinesInAFile(t *testing.T) {
	for name, tc := range map[string]struct{ all, lines int }{
		"a sample": {60, 1}, "a day": {394, 4}, "a month": {50_000, 10},
	} {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			p := newProgress(&out, false, "%d of %d", tc.all)
			for n := 1; n <= tc.all; n++ {
				p.tell(n)
			}
			p.interrupt()
			if got := strings.Count(out.String(), "\n"); got != tc.lines || strings.ContainsAny(out.String(), "\r\x1b") {
				t.Errorf("got %d lines, want %d, of plain text: %q", got, tc.lines, out.String())
			}
		})
	}
}

func TestProgressIsOneLineOnATerminal(t *testing.T) {
	var out bytes.Buffer
	p := newProgress(&out, true, "%d of %d", 3)
	p.tell(1)
	p.tell(2)
	p.interrupt()
	p.interrupt()
	if got, want := out.String(), "\r1 of 3\x1b[K\r2 of 3\x1b[K\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
