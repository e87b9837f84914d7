package main

import (
	"os"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	testscript.Main(goleakMain{m}, map[string]func(){
		"jieli": func() { os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr)) },
	})
}

// goleakMain looks for goroutines left over after the tests, and not in the commands that they run.
type goleakMain struct{ m *testing.M }

func (g goleakMain) Run() int {
	code := g.m.Run()
	if err := goleak.Find(); err != nil && code == 0 {
		_, _ = os.Stderr.WriteString(err.Error() + "\n")
		return 1
	}
	return code
}

// Each file in testdata/script is a session of somebody at a terminal, without a node.
func TestScripts(t *testing.T) { scripts(t, "testdata/script", "127.0.0.1:1") }

// Each file in testdata/online is one with a node that always answers alike. JIELI_UPDATE_SCRIPTS=1 keeps what is printed now.
func TestOnlineScripts(t *testing.T) { scripts(t, "testdata/online", serveFakeNode(t)) }

func scripts(t *testing.T, dir, server string) {
	t.Run("all", func(t *testing.T) { // scripts run in parallel; this waits for them
		testscript.Run(t, testscript.Params{
			Dir:           dir,
			UpdateScripts: os.Getenv("JIELI_UPDATE_SCRIPTS") != "",
			Setup: func(env *testscript.Env) error {
				env.Setenv("LANG", "en_GB.UTF-8")
				env.Setenv("TZ", "Asia/Shanghai")
				env.Setenv("JIELI_SERVER", server)
				env.Setenv("JIELI_TOKEN", "jieli_test")
				return nil
			},
		})
	})
}
