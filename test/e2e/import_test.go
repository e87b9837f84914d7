package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"golang.org/x/sync/errgroup"
	"google.golang.org/protobuf/encoding/protojson"

	jieliv1 "github.com/jieli-gateway/jieli/proto/jieli/v1"
)

// linesEach is how many calls each region imports.
const linesEach = 1500

// Each region imports a file of calls with `jieli ticket import` while the nodes are killed in turn. Every import ends
// well, every line is a ticket, once, and all come to their end.
func TestNodesKilledWhileFilesAreImported(t *testing.T) {
	f := newFederation(t, "jingjinji", "changsanjiao", "chengyu")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	workers, wctx := errgroup.WithContext(ctx)
	centres := map[string]*centre{}
	for _, n := range f.nodes {
		c := &centre{n: n, ended: map[string]bool{}}
		centres[n.id.Region] = c
		workers.Go(func() error { return c.work(wctx) })
	}

	imports, ictx := errgroup.WithContext(wctx)
	for _, n := range f.nodes {
		imports.Go(func() error { return n.importFile(ictx, linesEach) })
	}
	imported := make(chan error, 1)
	go func() { imported <- imports.Wait() }()
	deaths := 0
	for done := false; !done; {
		n := f.nodes[deaths%len(f.nodes)]
		n.kill()
		deaths++
		n.start()
		n.ready()
		select {
		case err := <-imported:
			must(t, err)
			done = true
		case <-wctx.Done():
			t.Fatal(workers.Wait())
		default:
		}
	}
	if deaths < len(f.nodes) {
		t.Errorf("%d kills; the imports were over before each node was killed once", deaths)
	}

	taken := map[string]string{}
	for _, n := range f.nodes {
		for _, c := range n.allTickets() {
			if c.GetOrigin() == n.id.Region {
				taken[n.id.Region+"/"+c.GetExternalId()] = c.GetId()
			}
		}
	}
	if len(taken) != linesEach*len(f.nodes) {
		t.Errorf("%d tickets of %d lines", len(taken), linesEach*len(f.nodes))
	}
	for name, id := range taken {
		region := f.regionOf(name)
		wait(t, "ticket "+name+" to be closed", func() bool { return centres[region].has(id) })
	}
	cancel()
	must(t, workers.Wait())
	f.settle()
	for _, n := range f.nodes {
		n.stop()
	}
	t.Logf("%d lines, %d kills", len(taken), deaths)
	f.checkProperties(taken)
}

// importFile writes a file of calls and imports it as an admin would.
func (n *node) importFile(ctx context.Context, lines int) error {
	var b bytes.Buffer
	for i := range lines {
		ticket, err := protojson.Marshal(complaint(fmt.Sprintf("F-%d", i), []string{"110105", "320506", "500103"}[i%3]))
		if err != nil {
			return err
		}
		fmt.Fprintf(&b, "{\"region\":%q,\"ticket\":%s}\n", n.id.Region, ticket)
	}
	file, token := filepath.Join(n.dir, "calls.jsonl"), filepath.Join(n.dir, "token")
	if err := os.WriteFile(file, b.Bytes(), 0o600); err != nil {
		return err
	}
	if err := os.WriteFile(token, []byte(n.token), 0o600); err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, binary, "ticket", "import", file, "--region", n.id.Region, "--server", n.api, "--token-file", token, "--parallel", "4", "-o", "json")
	var out, complaints bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &complaints
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("import at %s: %w\n%s\n%s", n.id, err, out.String(), complaints.String())
	}
	var result struct{ Lines, Taken int }
	if err := json.Unmarshal(out.Bytes(), &result); err != nil {
		return fmt.Errorf("import at %s printed %q: %w", n.id, out.String(), err)
	}
	if result.Lines != lines || result.Taken != lines {
		return fmt.Errorf("import at %s took %d of %d lines; want %d", n.id, result.Taken, result.Lines, lines)
	}
	return nil
}

// allTickets reads every page.
func (n *node) allTickets() (all []*jieliv1.Ticket) {
	n.t.Helper()
	req := &jieliv1.ListTicketsRequest{PageSize: 1000}
	for {
		var res *jieliv1.ListTicketsResponse
		must(n.t, again(n.t.Context(), func() (err error) {
			res, err = n.tickets.ListTickets(n.ctx(), req)
			return err
		}))
		all = append(all, res.GetTickets()...)
		if req.PageToken = res.GetNextPageToken(); req.PageToken == "" {
			return all
		}
	}
}
