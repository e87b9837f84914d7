package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/jieli-gateway/jieli/cmd/jieli/internal/client"
	jieliv1 "github.com/jieli-gateway/jieli/proto/jieli/v1"
)

// watchEvery is how often --watch looks again.
const watchEvery = 2 * time.Second

// clearScreen puts the cursor at the top of an empty screen.
const clearScreen = "\x1b[H\x1b[2J"

func (a *app) status() *cobra.Command {
	var check, all, watch bool
	c := &cobra.Command{
		Use: "status", Short: "Say how this node, the registry and all links are", Args: exactly(0),
		Long: `Shows what is wrong first: since when, why, what to do and whom to phone; then the registry, the store and the links.

With --all the nodes of other regions are asked what they see, so that "they are down" differs from "my line is down".
With --check nothing but one line is printed and the exit code is 0 healthy, 1 degraded, 3 down or unreachable, for monitoring.`,
		Example: "  jieli status\n  jieli status --all\n  jieli status --watch\n  jieli status --check",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if watch && check {
				return usage("--check looks once: leave out --watch", "--check 只看一次：请去掉 --watch")
			}
			req := &jieliv1.GetStatusRequest{All: all}
			if watch {
				return a.connected(func(c *client.Client) error { return a.watchStatus(cmd.Context(), c, req) })
			}
			return a.call(cmd.Context(), func(ctx context.Context, c *client.Client) error {
				res, err := c.Status.GetStatus(ctx, req)
				if err != nil {
					return err
				}
				if check {
					return a.checkStatus(res)
				}
				return a.showStatus(a.out, res)
			})
		},
	}
	c.Flags().BoolVar(&check, "check", false, "one line and an exit code, for monitoring")
	c.Flags().BoolVar(&all, "all", false, "ask the other regions' nodes too what they see; takes up to 3 s")
	c.Flags().BoolVar(&watch, "watch", false, "show it again every 2 s until Ctrl-C")
	return c
}

func (a *app) checkStatus(res *jieliv1.Status) error {
	line := res.GetHealth().String()
	for _, p := range res.GetProblems() {
		line += " " + p.GetReason()
	}
	if _, err := fmt.Fprintln(a.out, line); err != nil {
		return err
	}
	switch res.GetHealth() {
	case jieliv1.Status_HEALTHY:
		return nil
	case jieliv1.Status_DEGRADED:
		return &exitCode{client.ExitFailed}
	}
	return &exitCode{client.ExitUnavailable}
}

// watchStatus shows the status again and again until ctx ends. A node that does not answer is what somebody who watches
// wants to see, not a reason to stop.
func (a *app) watchStatus(ctx context.Context, c *client.Client, req *jieliv1.GetStatusRequest) error {
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	for {
		begin := "\n"
		if f, ok := a.out.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
			begin = clearScreen
		}
		if err := a.lookOnce(ctx, c, req, begin); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// lookOnce shows the status as it is now, all at once so that a redrawn screen does not flicker.
func (a *app) lookOnce(ctx context.Context, c *client.Client, req *jieliv1.GetStatusRequest, begin string) error {
	call, cancel := c.Context(ctx)
	defer cancel()
	res, err := c.Status.GetStatus(call, req)
	if ctx.Err() != nil {
		return nil
	}
	screen := new(screen)
	screen.say("%s", begin)
	if err != nil {
		screen.say("%s  %s\n", local(time.Now()), a.printer().Error(err))
	} else if err := a.showStatus(screen, res); err != nil {
		return err
	}
	_, err = io.WriteString(a.out, screen.String())
	return err
}
