package demo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// deadNode is a program that says something and ends, as a node with a bad configuration does.
func deadNode(t *testing.T) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "jieli")
	if err := os.WriteFile(file, []byte("#!/bin/sh\necho 'error: no room on this disk'\nexit 1\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestADeadNodeEndsTheDemonstrationWithItsLastWords(t *testing.T) {
	var out bytes.Buffer
	err := Run(context.Background(), Options{Binary: deadNode(t), DataDir: t.TempDir(), Exit: true, JSON: true, PortBase: 0, Out: &out, Err: &out})
	if err == nil || !strings.Contains(err.Error(), "no room on this disk") {
		t.Errorf("got %v, want the node's last words", err)
	}
	if out.Len() > 0 {
		t.Errorf("printed %q beside the error", out.String())
	}
}

// What listens at one of the ports is not spoken to, and nothing is left behind.
func TestAPortInUseIsNamedBeforeAnythingIsMade(t *testing.T) {
	const base = 31990
	for name, taken := range map[string]int{"the first API": base, "the last federation port": base + 5} {
		t.Run(name, func(t *testing.T) {
			l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", local(taken))
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = l.Close() }()
			var out bytes.Buffer
			dir := filepath.Join(t.TempDir(), "demo")
			err = Run(t.Context(), Options{Binary: deadNode(t), DataDir: dir, Exit: true, JSON: true, PortBase: base, Out: &out, Err: &out})
			if want := fmt.Sprintf("port %d is in use", taken); err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "--port-base") {
				t.Errorf("got %v, want %q and how to move", err, want)
			}
			if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("%s was made (%v)", dir, err)
			}
		})
	}
}

func TestADirectoryKeepsItsAddresses(t *testing.T) {
	dir := t.TempDir()
	c := &centre{id: "chengyu", dir: filepath.Join(dir, "chengyu"), api: "127.0.0.1:9101", fed: "127.0.0.1:9102"}
	if err := os.MkdirAll(filepath.Join(c.dataDir(), "registry"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := c.writeConfig(); err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		base    int
		refused bool
	}{
		"any free ones": {0, false}, "the usual ones": {-1, false}, "others": {30000, true}, "the same": {9101, false},
	} {
		t.Run(name, func(t *testing.T) {
			again := &centre{id: c.id, dir: c.dir}
			d := &demo{o: Options{DataDir: dir, PortBase: tc.base}}
			err := d.choosePorts(t.Context(), []*centre{again})
			if tc.refused {
				if err == nil || !strings.Contains(err.Error(), "127.0.0.1:9102") {
					t.Errorf("got %v, want a refusal that names the old address", err)
				}
				return
			}
			if err != nil || again.api != c.api || again.fed != c.fed {
				t.Errorf("got %s %s %v, want %s %s", again.api, again.fed, err, c.api, c.fed)
			}
		})
	}
}
