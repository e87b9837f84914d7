package main

import (
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/jieli-gateway/jieli/cmd/jieli/internal/lang"
	"github.com/jieli-gateway/jieli/cmd/jieli/internal/manual"
)

// helpIn makes help come in the language of the command line.
func (a *app) helpIn(root *cobra.Command) {
	root.SetHelpCommand(a.helpCommand())
	root.SetHelpFunc(func(c *cobra.Command, _ []string) {
		_ = manual.Of(c, a.lang == "zh").Text(a.out) // nobody reads it, if it cannot be written
	})
}

func (a *app) helpCommand() *cobra.Command {
	return &cobra.Command{
		Use: "help [COMMAND]", Short: "Show help about any command",
		Example: "  jieli help ticket import",
		RunE: func(c *cobra.Command, args []string) error {
			about, rest, err := c.Root().Find(args)
			if err != nil || len(rest) > 0 {
				return knownCommand(about, rest)
			}
			return about.Help()
		},
		ValidArgsFunction: func(c *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
			about, rest, err := c.Root().Find(args)
			if err != nil || len(rest) > 0 {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			var names []cobra.Completion
			for _, child := range about.Commands() {
				if child.IsAvailableCommand() {
					names = append(names, cobra.CompletionWithDesc(child.Name(), child.Short))
				}
			}
			return names, cobra.ShellCompDirectiveNoFileComp
		},
	}
}

// translate puts descriptions into Chinese.
func translate(c *cobra.Command, chinese lang.Chinese) {
	if zh, ok := chinese[c.CommandPath()]; ok && c.Long != "" {
		c.Long = zh
	}
	c.Short = chinese.Of(c.Short)
	c.Example = comments(c.Example, chinese)
	flag := func(f *pflag.Flag) { f.Usage = chinese.Of(f.Usage) }
	c.LocalFlags().VisitAll(flag)
	c.PersistentFlags().VisitAll(flag)
	for _, child := range c.Commands() {
		translate(child, chinese)
	}
}

// comments translates what examples say behind a #.
func comments(example string, chinese lang.Chinese) string {
	lines := strings.Split(example, "\n")
	for i, line := range lines {
		if command, comment, ok := strings.Cut(line, "# "); ok {
			lines[i] = command + "# " + chinese.Of(comment)
		}
	}
	return strings.Join(lines, "\n")
}
