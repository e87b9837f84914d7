package connect

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

// docTime bounds following the document from its beginning to its end.
const docTime = 3 * time.Minute

// bashBlock is a block of commands in a document.
var bashBlock = regexp.MustCompile("(?ms)^```bash\n(.*?)^```$")

// docs/connect.md, followed word for word in a fresh copy of the repository, leads where it says. Only the ports are
// changed, for somebody may have a demonstration running.
func TestConnectingAsTheDocumentSays(t *testing.T) {
	for _, program := range []string{"bash", "make", "curl"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skipf("the document needs %s: %v", program, err)
		}
	}
	text, err := os.ReadFile("../../docs/connect.md")
	must(t, err)
	script := "set -euo pipefail\n"
	blocks := bashBlock.FindAllStringSubmatch(string(text), -1)
	for i, block := range blocks {
		script += fmt.Sprintf("echo \"== block %d, $SECONDS s\"\n%s", i+1, block[1])
	}
	if len(blocks) < 10 {
		t.Fatalf("the document has only %d blocks of commands: is it still found rightly?", len(blocks))
	}
	base := freePorts(t, 6)
	script = strings.ReplaceAll(script, "bin/jieli demo ", fmt.Sprintf("bin/jieli demo --port-base %d ", base))
	for i, usual := range []string{":8401", ":8402"} {
		script = strings.ReplaceAll(script, usual, fmt.Sprintf(":%d", base+i))
	}

	dir := copyOfRepository(t)
	// What somebody left behind who was interrupted is no hindrance.
	must(t, os.MkdirAll(filepath.Join(dir, "connect-demo", "demo-data", "jingjinji"), 0o700))
	for _, left := range []string{"mapping.yaml", "north.db", "demo.log"} {
		must(t, os.WriteFile(filepath.Join(dir, "connect-demo", left), []byte("stay up until"), 0o600))
	}
	ctx, cancel := context.WithTimeout(t.Context(), docTime)
	defer cancel()
	bash := exec.CommandContext(ctx, "bash", "-c", script)
	bash.Dir = dir
	// A group of its own, so that what the script has started ends with it, however it ends.
	bash.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	bash.Cancel = func() error { return syscall.Kill(-bash.Process.Pid, syscall.SIGKILL) }
	bash.WaitDelay = 10 * time.Second
	out, err := bash.CombinedOutput()
	if bash.Process != nil {
		_ = syscall.Kill(-bash.Process.Pid, syscall.SIGKILL)
	}
	t.Logf("%s", out)
	if err != nil {
		t.Fatalf("%v\n%s", err, tail(filepath.Join(dir, "connect-demo", "demo.log")))
	}
}

// copyOfRepository copies what a build needs.
func copyOfRepository(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range []string{"go.mod", "go.sum", "Makefile", "cmd", "configs", "examples", "federation", "gateway", "proto", "regions"} {
		from := filepath.Join("../..", name)
		info, err := os.Stat(from)
		must(t, err)
		if info.IsDir() {
			must(t, os.CopyFS(filepath.Join(dir, name), os.DirFS(from)))
			continue
		}
		b, err := os.ReadFile(from)
		must(t, err)
		must(t, os.WriteFile(filepath.Join(dir, name), b, 0o600))
	}
	return dir
}

// freePorts finds the first of n ports in a row that nobody listens on.
func freePorts(t *testing.T, n int) int {
	t.Helper()
	for base := 21000; base < 31000; base += n {
		if free(base, n) {
			return base
		}
	}
	t.Fatal("no free ports")
	return 0
}

func free(base, n int) bool {
	for port := base; port < base+n; port++ {
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err != nil {
			return false
		}
		_ = l.Close()
	}
	return true
}
