package e2e

import (
	"bytes"
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

// walkPatience bounds the whole walk, which takes some ten seconds on an idle machine.
const walkPatience = 3 * time.Minute

// walkStep is a block of commands of docs/operations.md, and what the page says that it prints.
type walkStep struct {
	commands string
	says     string
}

// TestOperationsWordForWord runs the commands of docs/operations.md, "A first federation, word for word", as somebody
// would who copies them into a terminal: from an empty directory, and with nothing but the program. What the page says
// in code in the first sentence below a block is what the block must print.
func TestOperationsWordForWord(t *testing.T) {
	page, err := os.ReadFile("../../docs/operations.md")
	must(t, err)
	steps := walkSteps(t, string(page))
	home := t.TempDir()
	out := runWalk(t, home, freePorts(t, walkScript(steps)))
	for i, step := range steps {
		printed := between(out, mark(i), mark(i+1))
		for _, code := range codeOf(step.says) {
			if !strings.Contains(printed, code) {
				t.Errorf("block %d is said to print %q:\n%s\nIt printed:\n%s", i+1, code, step.commands, printed)
			}
		}
	}
	if t.Failed() {
		for _, region := range []string{"jingjinji", "suzhou", "chengyu"} {
			log, _ := os.ReadFile(filepath.Join(home, "first-federation", region, "log"))
			t.Logf("log of %s:\n%s", region, log)
		}
	}
}

// walkSteps takes the section apart.
func walkSteps(t *testing.T, page string) (steps []walkStep) {
	t.Helper()
	section := between(page, "## A first federation, word for word\n", "\n### ")
	block := regexp.MustCompile("(?ms)^```bash\n(.*?)^```\n+((?:> [^\n]*\n)*)")
	for _, found := range block.FindAllStringSubmatch(section, -1) {
		steps = append(steps, walkStep{commands: found[1], says: found[2]})
	}
	if len(steps) < 15 {
		t.Fatalf("the page has %d blocks of commands", len(steps))
	}
	return steps
}

// codeOf gives what stands in code in the first sentence.
func codeOf(says string) (codes []string) {
	sentence, _, _ := strings.Cut(says, ". ")
	for _, found := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(sentence, -1) {
		codes = append(codes, found[1])
	}
	return codes
}

func mark(block int) string { return fmt.Sprintf("@@@ block %d @@@\n", block+1) }

// walkScript is all blocks as one session, with a mark in the output before each.
func walkScript(steps []walkStep) string {
	var script strings.Builder
	script.WriteString("set -euo pipefail\n")
	for i, step := range steps {
		fmt.Fprintf(&script, "echo -n %q\n%s", strings.TrimSuffix(mark(i), "\n"), "echo\n"+step.commands)
	}
	fmt.Fprintf(&script, "echo %q\n", strings.TrimSuffix(mark(len(steps)), "\n"))
	return script.String()
}

// freePorts puts free ports in place of those of the page, which something else may use here.
func freePorts(t *testing.T, script string) string {
	t.Helper()
	free := map[string]string{}
	return regexp.MustCompile(`127\.0\.0\.1:\d+`).ReplaceAllStringFunc(script, func(address string) string {
		if free[address] == "" {
			free[address] = freeAddress(t)
			if _, _, err := net.SplitHostPort(free[address]); err != nil {
				t.Fatal(err)
			}
		}
		return free[address]
	})
}

// runWalk runs a script in an empty home, and ends whatever it has left running.
func runWalk(t *testing.T, home, script string) string {
	t.Helper()
	programs := t.TempDir()
	must(t, os.Symlink(binary, filepath.Join(programs, "jieli")))
	ctx, cancel := context.WithTimeout(t.Context(), walkPatience)
	defer cancel()
	cmd := exec.CommandContext(ctx, "bash", "-s")
	cmd.Dir = home
	cmd.Env = []string{"HOME=" + home, "PATH=" + programs + ":/usr/local/bin:/usr/bin:/bin", "LANG=C.UTF-8"}
	cmd.Stdin = strings.NewReader(script)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	err := cmd.Run()
	if cmd.Process != nil {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // what a failed walk has started
	}
	if err != nil {
		t.Errorf("the walk ended with %v:\n%s", err, &out)
	}
	return out.String()
}

// between is what stands between two texts; up to the end where the second is missing.
func between(text, from, to string) string {
	_, after, _ := strings.Cut(text, from)
	inside, _, _ := strings.Cut(after, to)
	return inside
}
