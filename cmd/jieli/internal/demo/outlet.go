package demo

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"golang.org/x/term"
)

// outlet is where the demonstration speaks to. When nobody hears it any more, as behind `| head`, it ends the
// demonstration in order: the process must not die at once of a broken pipe and leave its nodes behind.
type outlet struct {
	w    io.Writer
	gone context.CancelCauseFunc
}

// Write implements io.Writer.
func (o *outlet) Write(b []byte) (int, error) {
	n, err := o.w.Write(b)
	if err != nil {
		o.gone(fmt.Errorf("nobody reads what the demonstration says: %w", err))
	}
	return n, err
}

// survivePipes makes a write to a broken pipe an error instead of a death, until the function returned is called.
func survivePipes() func() {
	ignored := make(chan os.Signal, 1)
	signal.Notify(ignored, syscall.SIGPIPE)
	return func() { signal.Stop(ignored) }
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}
