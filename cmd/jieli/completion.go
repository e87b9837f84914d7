package main

import (
	"context"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/jieli-gateway/jieli/cmd/jieli/internal/client"
	"github.com/jieli-gateway/jieli/cmd/jieli/internal/show"
	jieliv1 "github.com/jieli-gateway/jieli/proto/jieli/v1"
)

func (a *app) completionCommand() *cobra.Command {
	var bare bool
	c := &cobra.Command{
		Use: "completion bash|zsh|fish|powershell", Short: "Print a script that lets a shell complete what is typed",
		Long: `Prints a script that lets a shell complete commands, flags and, where a node answers within a second, the ids of regions,
nodes, services and tickets.`,
		Example: `  source <(jieli completion bash)                                        # this session
  jieli completion bash > /etc/bash_completion.d/jieli                   # every session
  jieli completion zsh > "${fpath[1]}/_jieli"
  jieli completion fish > ~/.config/fish/completions/jieli.fish`,
		Args:      exactly(1),
		ValidArgs: []cobra.Completion{"bash", "zsh", "fish", "powershell"},
		RunE: func(cmd *cobra.Command, args []string) error {
			root := cmd.Root()
			switch args[0] {
			case "bash":
				return root.GenBashCompletionV2(a.out, !bare)
			case "zsh":
				if bare {
					return root.GenZshCompletionNoDesc(a.out)
				}
				return root.GenZshCompletion(a.out)
			case "fish":
				return root.GenFishCompletion(a.out, !bare)
			case "powershell":
				return root.GenPowerShellCompletionWithDesc(a.out)
			}
			return usage("no completion for %s%s: name bash, zsh, fish or powershell", "没有 %s 的补全脚本%s：须为 bash、zsh、fish 或 powershell",
				args[0], didYouMean("", args[0], []string{"bash", "zsh", "fish", "powershell"}))
		},
	}
	c.Flags().BoolVar(&bare, "no-descriptions", false, "complete without descriptions")
	return c
}

// completeAll lets a shell complete arguments and flags by the names they have in help.
func (a *app) completeAll(c *cobra.Command) {
	for _, child := range c.Commands() {
		a.completeAll(child)
	}
	if words := argumentsOf(c); len(words) > 0 && c.ValidArgsFunction == nil && len(c.ValidArgs) == 0 {
		c.ValidArgsFunction = func(_ *cobra.Command, args []string, begun string) ([]cobra.Completion, cobra.ShellCompDirective) {
			if len(args) >= len(words) {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			return a.complete(c, words[len(args)], begun)
		}
	}
	c.LocalFlags().VisitAll(func(f *pflag.Flag) {
		kind := or(flagKinds()[c.CommandPath()+" --"+f.Name], flagKinds()[f.Name])
		if kind == "" {
			return
		}
		_ = c.RegisterFlagCompletionFunc(f.Name, func(_ *cobra.Command, _ []string, begun string) ([]cobra.Completion, cobra.ShellCompDirective) {
			return a.complete(c, kind, begun)
		}) // the flag exists, and is registered once
	})
}

// argumentsOf gives the names of a command's arguments.
func argumentsOf(c *cobra.Command) (names []string) {
	for _, word := range strings.Fields(c.Use)[1:] {
		if strings.HasPrefix(word, "-") {
			break // a flag that is required, and its value
		}
		names = append(names, strings.Trim(word, "[]"))
	}
	if len(names) > 0 && (names[0] == "ID" || names[0] == "CODE") && c.HasParent() {
		names[0] = map[string]string{"region": "REGION", "service": "SERVICE"}[c.Parent().Name()]
	}
	return names
}

// flagKinds names what flags take: by name, or by command and name where the same name means different things.
func flagKinds() map[string]string {
	return map[string]string{
		"region": "REGION", "origin": "REGION", "holder": "REGION", "onward": "REGION", "successor": "REGION", "service": "SERVICE",
		"jieli ticket offer --to": "REGION", "jieli ticket list --state": "STATE", "jieli ticket list --light": "LIGHT", "jieli ticket return --reason": "REASON", "role": "ROLE",
		"output": "table|json|yaml", "lang": "zh|en",
		"file": "FILE", "config": "FILE", "ca-file": "FILE", "token-file": "FILE", "input": "FILE", "rejects": "FILE",
		"dir": "DIR", "data-dir": "DIR", "out": "DIR",
	}
}

// complete gives what may stand for a name.
func (a *app) complete(c *cobra.Command, kind, begun string) ([]cobra.Completion, cobra.ShellCompDirective) {
	none := cobra.ShellCompDirectiveNoFileComp
	switch {
	case kind == "FILE":
		return nil, cobra.ShellCompDirectiveDefault
	case kind == "DIR":
		return nil, cobra.ShellCompDirectiveFilterDirs
	case strings.Contains(kind, "|"):
		return strings.Split(kind, "|"), none
	case kind == "STATE":
		return a.ticketStates(), none
	case kind == "LIGHT":
		return a.completions(enumWords(jieliv1.Ticket_Light_value)), none
	case kind == "REASON":
		return a.returnReasons(), none
	case kind == "ROLE":
		return roleNames(), none
	}
	return a.ask(c, kind, begun), none
}

// askTime bounds how long somebody who pressed a key waits for the node.
const askTime = time.Second

// ask has the node say what may stand for a name; nothing when it does not answer soon.
func (a *app) ask(c *cobra.Command, kind, begun string) (found []cobra.Completion) {
	add := func(word, description string) {
		if strings.HasPrefix(word, begun) {
			found = append(found, cobra.CompletionWithDesc(word, show.Clean(description)))
		}
	}
	a.options.Timeout = askTime
	_ = a.call(c.Context(), func(ctx context.Context, node *client.Client) error {
		switch kind {
		case "REGION":
			res, err := node.Registry.ListRegions(ctx, &jieliv1.ListRegionsRequest{})
			for _, r := range res.GetRegions() {
				add(r.GetId(), a.name(r.GetNameZh(), r.GetNameEn()))
			}
			return err
		case "REGION/NODE":
			res, err := node.Registry.ListNodes(ctx, &jieliv1.ListNodesRequest{})
			for _, n := range res.GetNodes() {
				add(n.GetRegion()+"/"+n.GetName(), n.GetAddress())
			}
			return err
		case "SERVICE":
			res, err := node.Registry.ListServices(ctx, &jieliv1.ListServicesRequest{})
			for _, s := range res.GetServices() {
				add(s.GetCode(), a.name(s.GetNameZh(), s.GetNameEn()))
			}
			return err
		case "TICKET":
			res, err := node.Tickets.ListTickets(ctx, &jieliv1.ListTicketsRequest{
				State: actsOn(c.Name()), UpdatedAfter: timestamppb.New(time.Now().Add(-freshFor)), PageSize: maxFresh,
			})
			for _, t := range res.GetTickets() {
				add(t.GetNumber(), cut(t.GetTitle()))
			}
			return err
		}
		return nil
	}) // silent: nobody wants an error where they type
	return found
}

const (
	// freshFor and maxFresh bound the tickets that are offered.
	freshFor = 24 * time.Hour
	maxFresh = 200
)

// actsOn is the state in which a command on a ticket is of use; unspecified: any.
func actsOn(command string) jieliv1.Ticket_State {
	switch command {
	case "accept", "recall":
		return jieliv1.Ticket_OFFERED
	case "answer":
		return jieliv1.Ticket_ACCEPTED
	case "close":
		return jieliv1.Ticket_ANSWERED
	}
	return jieliv1.Ticket_STATE_UNSPECIFIED
}
