package demo

import (
	"bytes"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/jieli-gateway/jieli/cmd/jieli/internal/client"
	"github.com/jieli-gateway/jieli/federation/trust"
	"github.com/jieli-gateway/jieli/gateway"
	"github.com/jieli-gateway/jieli/gateway/access"
	"github.com/jieli-gateway/jieli/gateway/config"
)

//go:embed sample.jsonl
var sample []byte

// centre is one regional centre of the demonstration: a node, and somebody who works on it.
type centre struct {
	id     string
	cfg    config.Config
	places []string
	memory string // GOMEMLIMIT of its node; empty for none
	dir    string
	api    string
	fed    string

	material *trust.Material
	client   *client.Client
	cmd      *exec.Cmd
	exited   chan struct{}

	mu    sync.Mutex
	death context.CancelCauseFunc
	ended bool
}

func (c *centre) tokenFile() string  { return filepath.Join(c.dir, "admin.token") }
func (c *centre) configFile() string { return filepath.Join(c.dir, "jieli.yaml") }
func (c *centre) logFile() string    { return filepath.Join(c.dir, "node.log") }
func (c *centre) dataDir() string    { return filepath.Join(c.dir, "data") }

// prepare makes keys, a token and a configuration; what is there already stays.
func (c *centre) prepare() error {
	pki := filepath.Join(c.dataDir(), "pki")
	if err := os.MkdirAll(c.dataDir(), 0o700); err != nil {
		return err
	}
	if err := trust.Init(pki, c.id); err != nil && !errors.Is(err, trust.ErrExists) {
		return err
	}
	if m, err := trust.Load(pki); err != nil || m.Node.IsZero() {
		if err := trust.Issue(pki, "n1", trust.IssueOptions{}); err != nil {
			return err
		}
	}
	var err error
	if c.material, err = trust.Load(pki); err != nil {
		return err
	}
	if err := c.makeToken(); err != nil {
		return err
	}
	if err := c.writeConfig(); err != nil {
		return err
	}
	c.client, err = client.Dial(client.Options{Server: c.api, TokenFile: c.tokenFile(), Timeout: 15 * time.Second})
	return err
}

func (c *centre) makeToken() error {
	if _, err := os.Stat(c.tokenFile()); err == nil {
		return nil
	}
	tokens, err := access.Open(gateway.TokensFile(c.dataDir()), access.Options{})
	if err != nil {
		return err
	}
	token, _, err := tokens.Create(access.Spec{Name: "demo", Kind: access.Person, Roles: access.AllRoles()})
	if err != nil {
		return err
	}
	return os.WriteFile(c.tokenFile(), []byte(token+"\n"), 0o600)
}

func (c *centre) writeConfig() error {
	cfg := c.cfg
	cfg.DataDir, cfg.PKIDir = c.dataDir(), filepath.Join(c.dataDir(), "pki")
	cfg.Federation = config.Federation{Listen: c.fed, Advertise: c.fed}
	cfg.API.Listen = c.api
	b, err := yaml.Marshal(&cfg)
	if err != nil {
		return err
	}
	return os.WriteFile(c.configFile(), b, 0o600)
}

// start runs the node as a process of its own.
func (c *centre) start(ctx context.Context, binary string, flags ...string) error {
	log, err := os.OpenFile(c.logFile(), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }()                                                                           // the child has its own
	c.cmd = exec.CommandContext(ctx, binary, append([]string{"serve", "--config", c.configFile()}, flags...)...) // #nosec G204 -- our own binary
	c.cmd.Stdout, c.cmd.Stderr = log, log
	if c.memory != "" {
		c.cmd.Env = append(os.Environ(), "GOMEMLIMIT="+c.memory)
	}
	c.cmd.SysProcAttr = nodeProcess()
	started, exited := make(chan error), make(chan struct{})
	go func() {
		// Linux takes the end of this thread for that of the parent, so it must last as long as the node.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := c.cmd.Start()
		started <- err
		if err != nil {
			return
		}
		err = c.cmd.Wait()
		c.mu.Lock()
		defer c.mu.Unlock()
		c.ended = true
		close(exited)
		if c.death != nil {
			c.death(fmt.Errorf("node of %s ended: %w", c.id, errors.Join(err, errors.New("see its log"))))
		}
	}()
	if err := <-started; err != nil {
		return fmt.Errorf("start %s: %w", c.id, err)
	}
	c.exited = exited
	return nil
}

// onDeath is told when the node ends by itself.
func (c *centre) onDeath(f context.CancelCauseFunc) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.death = f
	if c.ended {
		f(fmt.Errorf("node of %s has ended", c.id))
	}
}

func (c *centre) dead() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.ended
}

// stop ends the node in order, or by force after a while.
func (c *centre) stop() error {
	if c.client != nil {
		defer func() { _ = c.client.Close() }()
	}
	return c.halt()
}

// halt ends the node and leaves the client, for the next start.
func (c *centre) halt() error {
	if c.exited == nil {
		return nil
	}
	c.onDeathQuietly()
	_ = c.cmd.Process.Signal(syscall.SIGTERM) // it may have ended
	select {
	case <-c.exited:
	case <-time.After(20 * time.Second):
		_ = c.cmd.Process.Kill()
		<-c.exited
		return fmt.Errorf("node of %s did not stop in time and was killed", c.id)
	}
	return nil
}

func (c *centre) onDeathQuietly() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.death = nil
}

// lastWords is the end of the node's log.
func (c *centre) lastWords() string {
	b, err := os.ReadFile(c.logFile())
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimSpace(string(b)), "\n")
	return strings.Join(lines[max(0, len(lines)-8):], "\n")
}

// ready waits until the node says it is.
func (c *centre) ready(ctx context.Context, wanted func(status int, body string) bool) error {
	return until(ctx, c.id+" to be ready", func() (bool, error) {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+c.api+"/readyz", nil)
		if err != nil {
			return false, err
		}
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			return false, nil //nolint:nilerr // not up yet
		}
		b, err := io.ReadAll(io.LimitReader(res.Body, 1<<16))
		return err == nil && wanted(res.StatusCode, string(b)), res.Body.Close()
	})
}

// until asks again and again, until ctx ends.
func until(ctx context.Context, what string, ask func() (bool, error)) error {
	const pause = 50 * time.Millisecond
	for {
		ok, err := ask()
		if ok || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("waiting for %s: %w", what, context.Cause(ctx))
		case <-time.After(pause):
		}
	}
}

func splitLines(b []byte) [][]byte { return bytes.Split(bytes.TrimSpace(b), []byte("\n")) }

func orSample(file string) string {
	if file == "" {
		return "the built-in sample"
	}
	return file
}
