package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/jieli-gateway/jieli/cmd/jieli/internal/client"
	"github.com/jieli-gateway/jieli/cmd/jieli/internal/lang"
	"github.com/jieli-gateway/jieli/cmd/jieli/internal/show"
)

// app is what all commands share: where they print, and the flags every command has.
type app struct {
	in       io.Reader
	out, err io.Writer
	output   string
	lang     string
	options  client.Options
}

// run executes one command line and returns its exit code: 0 done, 1 failed, 2 usage, 3 unavailable, 4 not found,
// 5 denied, 6 conflict.
func run(args []string, in io.Reader, out, stderr io.Writer) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	a := &app{in: in, out: out, err: stderr}
	root := a.root()
	if a.lang = languageIn(args, a.lang); a.lang == "zh" {
		translate(root, lang.Help())
	}
	root.SetArgs(args)
	root.SetIn(in)
	root.SetOut(out)
	root.SetErr(stderr)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return 0
	}
	var code *exitCode
	if errors.As(err, &code) {
		return code.code
	}
	err = asUsage(a.withNearby(root, args, err))
	_, _ = fmt.Fprintln(stderr, a.printer().Error(err))
	if mistake := (usageError{}); errors.As(err, &mistake) {
		return client.ExitUsage
	}
	return client.ExitCode(err)
}

// exitCode ends a command with a code and no message.
type exitCode struct{ code int }

func (e *exitCode) Error() string { return fmt.Sprintf("exit %d", e.code) }

func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "jieli",
		Short: "接力 Jieli: hand hotline tickets from region to region",
		Long: `Jieli is the node that each regional 12345 centre runs. All nodes share a replicated registry of who serves which
place and which kind of matter, and hand complaint tickets to each other across jurisdictions.

接力是各区域12345热线中心运行的节点：共享路由登记表，跨区域转办工单。

Exit codes: 0 done, 1 failed, 2 usage, 3 unavailable, 4 not found, 5 denied, 6 conflict.`,
		SilenceUsage: true, SilenceErrors: true, CompletionOptions: cobra.CompletionOptions{DisableDefaultCmd: true},
		Args: knownCommand, RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
		PersistentPreRunE: func(*cobra.Command, []string) error { return a.check() },
	}
	root.SetFlagErrorFunc(flagMistake)
	f := root.PersistentFlags()
	f.StringVarP(&a.output, "output", "o", "table", "how to print: table, json or yaml")
	f.StringVar(&a.lang, "lang", defaultLang(), "language of messages and tables: en or zh (JIELI_LANG; default: the terminal's)")
	f.StringVar(&a.options.Server, "server", or(os.Getenv("JIELI_SERVER"), client.DefaultServer), "host:port of the node's API (JIELI_SERVER)")
	f.StringVar(&a.options.TokenFile, "token-file", os.Getenv("JIELI_TOKEN_FILE"), "file with the access token (JIELI_TOKEN_FILE; or JIELI_TOKEN)")
	f.StringVar(&a.options.CAFile, "ca-file", "", "PEM file of CAs to trust, for a node that is not on this machine")
	f.StringVar(&a.options.Operator, "operator", os.Getenv("JIELI_OPERATOR"), "person for whom a system acts (JIELI_OPERATOR)")
	f.DurationVar(&a.options.Timeout, "timeout", client.DefaultTimeout, "how long a call may take")
	root.AddCommand(
		a.serve(), a.demo(), a.config(), a.pki(), a.token(), a.region(), a.node(), a.route(), a.service(), a.division(),
		a.ticket(), a.link(), a.policy(), a.status(), a.bench(), a.versionCommand(), a.completionCommand(), a.manCommand(),
	)
	// Help and manuals say what holds when nobody says otherwise, whatever this terminal says.
	f.Lookup("lang").DefValue, f.Lookup("server").DefValue = "", client.DefaultServer
	f.Lookup("token-file").DefValue, f.Lookup("operator").DefValue = "", ""
	a.helpIn(root)
	a.completeAll(root)
	return root
}

func (a *app) check() error {
	if a.output != "table" && a.output != "json" && a.output != "yaml" {
		return usage("--output must be table, json or yaml; it is %q", "--output 须为 table、json 或 yaml；现为 %q", a.output)
	}
	if a.lang != "en" && a.lang != "zh" {
		return usage("--lang must be en or zh; it is %q", "--lang 须为 en 或 zh；现为 %q", a.lang)
	}
	if _, _, err := net.SplitHostPort(a.options.Server); err != nil {
		return usage("--server must be host:port; it is %q", "--server 须为 host:port；现为 %q", a.options.Server)
	}
	return nil
}

// printer prints answers as the flags say.
func (a *app) printer() *show.Printer {
	return &show.Printer{Out: a.out, Format: a.output, Chinese: a.lang == "zh"}
}

// connected reaches the node's API for fn, which bounds each of its calls itself.
func (a *app) connected(fn func(*client.Client) error) error {
	c, err := client.Dial(a.options)
	if err != nil {
		return err
	}
	defer func() { _ = c.Close() }()
	return fn(c)
}

// call reaches the node's API for fn, within the timeout.
func (a *app) call(ctx context.Context, fn func(context.Context, *client.Client) error) error {
	return a.connected(func(c *client.Client) error {
		ctx, cancel := c.Context(ctx)
		defer cancel()
		return fn(ctx, c)
	})
}

// languageIn finds the language that a command line asks for, also where the rest of it cannot be understood.
func languageIn(args []string, other string) string {
	for i, arg := range args {
		value, ok := strings.CutPrefix(arg, "--lang=")
		if arg == "--lang" && i+1 < len(args) {
			value, ok = args[i+1], true
		}
		if arg == "--" {
			break
		}
		if ok && (value == "en" || value == "zh") {
			other = value
		}
	}
	return other
}

// defaultLang is that of JIELI_LANG, or the terminal's language.
func defaultLang() string {
	for _, name := range []string{"JIELI_LANG", "LC_ALL", "LC_MESSAGES", "LANG"} {
		if v := os.Getenv(name); v != "" {
			if strings.HasPrefix(v, "zh") {
				return "zh"
			}
			return "en"
		}
	}
	return "en"
}

func or(s, other string) string {
	if s == "" {
		return other
	}
	return s
}
