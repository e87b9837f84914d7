package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"

	"github.com/jieli-gateway/jieli/cmd/jieli/internal/importer"
	jieliv1 "github.com/jieli-gateway/jieli/proto/jieli/v1"
)

// countingNode takes tickets once, by externalId or request id, and says when it has taken so many.
type countingNode struct {
	jieliv1.UnimplementedTicketServiceServer
	mu    sync.Mutex
	taken map[string]string // title by what it is known by
	tell  int
	told  chan struct{}
}

func (n *countingNode) SubmitTicket(_ context.Context, req *jieliv1.SubmitTicketRequest) (*jieliv1.SubmitTicketResponse, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	key := or(req.GetTicket().GetExternalId(), req.GetRequestId())
	_, repeated := n.taken[key]
	n.taken[key] = req.GetTicket().GetTitle()
	if !repeated && len(n.taken) == n.tell {
		close(n.told)
	}
	return &jieliv1.SubmitTicketResponse{Ticket: req.GetTicket(), Repeated: repeated}, nil
}

func serveCounting(t *testing.T, n *countingNode) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := grpc.NewServer()
	jieliv1.RegisterTicketServiceServer(s, n)
	done := make(chan error, 1)
	go func() { done <- s.Serve(l) }()
	t.Cleanup(func() {
		s.Stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return l.Addr().String()
}

// complaints writes a file of so many lines, every other without a number of its own; some are alike.
func complaints(t *testing.T, lines int) string {
	t.Helper()
	var b bytes.Buffer
	for i := range lines {
		if i%2 == 0 {
			fmt.Fprintf(&b, `{"ticket":{"externalId":"BJ-%d","title":"路灯不亮"}}`+"\n", i)
		} else {
			fmt.Fprintf(&b, `{"ticket":{"title":"噪声 %d"}}`+"\n", i%10)
		}
	}
	file := filepath.Join(t.TempDir(), "complaints.jsonl")
	if err := os.WriteFile(file, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// imports runs one import as a process of its own.
func imports(t *testing.T, server, file string, more ...string) (*exec.Cmd, *bytes.Buffer, *bytes.Buffer) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	var out, stderr bytes.Buffer
	c := exec.CommandContext(ctx, "jieli", append([]string{"ticket", "import", file, "--server", server, "-o", "json", "--lang", "en"}, more...)...)
	c.Stdout, c.Stderr = &out, &stderr
	return c, &out, &stderr
}

// An import that is killed or interrupted at any moment is run again, and each line is taken once.
func TestAnImportSurvivesItsOwnEnd(t *testing.T) {
	const lines = 4000
	for name, end := range map[string]os.Signal{"kill": os.Kill, "interrupt": os.Interrupt} {
		t.Run(name, func(t *testing.T) {
			n := &countingNode{taken: map[string]string{}, tell: lines / 4, told: make(chan struct{})}
			server, file := serveCounting(t, n), complaints(t, lines)
			first, out, stderr := imports(t, server, file)
			if err := first.Start(); err != nil {
				t.Fatal(err)
			}
			<-n.told
			if err := first.Process.Signal(end); err != nil {
				t.Fatal(err)
			}
			if err := first.Wait(); err == nil {
				t.Fatal("came to its end before its end")
			}
			more := []string{}
			if end == os.Interrupt {
				more = append(more, "--from-line", fmt.Sprint(resumeAt(t, out.Bytes(), stderr.String())))
			}
			second, out, stderr := imports(t, server, file, more...)
			if err := second.Run(); err != nil {
				t.Fatal(err, stderr)
			}
			var r importer.Result
			if err := json.Unmarshal(out.Bytes(), &r); err != nil {
				t.Fatal(err)
			}
			if len(n.taken) != lines || r.LastLine != lines || r.Failed != 0 {
				t.Errorf("%d lines are %d tickets: %+v", lines, len(n.taken), r)
			}
			if end == os.Kill && r.Repeated < lines/4 {
				t.Errorf("only %d were there already", r.Repeated)
			}
		})
	}
}

// resumeAt reads where an interrupted import says to go on.
func resumeAt(t *testing.T, out []byte, stderr string) int {
	t.Helper()
	var r importer.Result
	if err := json.Unmarshal(out, &r); err != nil {
		t.Fatal(err)
	}
	if r.LastLine == 0 || r.Lines != r.LastLine || !strings.Contains(stderr, fmt.Sprintf("interrupted\nstopped after line %d;", r.LastLine)) ||
		!strings.Contains(stderr, fmt.Sprintf("--from-line %d:", r.LastLine+1)) {
		t.Fatalf("got %+v and %s", r, stderr)
	}
	return r.LastLine + 1
}
