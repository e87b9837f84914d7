package main

import (
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/jieli-gateway/jieli/cmd/jieli/internal/lang"
)

// usageWords are those of cobra's template for usage.
func usageWords() *strings.Replacer {
	return strings.NewReplacer(
		"Usage:", "用法：", "Aliases:", "别名：", "Examples:", "示例：", "Available Commands:", "命令：",
		"Additional Commands:", "其他命令：", "Additional help topics:", "其他帮助：", "Global Flags:", "全局选项：", "Flags:", "选项：",
		`Use "{{.CommandPath}} [command] --help" for more information about a command.`, `用“{{.CommandPath}} [命令] --help”查看某个命令的帮助。`,
	)
}

// helpIn makes help come in the language that is asked for on the same command line.
func (a *app) helpIn(root *cobra.Command) {
	english := root.HelpFunc()
	root.SetHelpFunc(func(c *cobra.Command, args []string) {
		if a.lang == "zh" {
			root.SetUsageTemplate(usageWords().Replace(root.UsageTemplate()))
			translate(root, lang.Help())
		}
		english(c, args)
	})
}

// translate puts descriptions into Chinese.
func translate(c *cobra.Command, chinese lang.Chinese) {
	c.Short = chinese.Of(c.Short)
	if zh, ok := chinese[c.CommandPath()]; ok && c.Long != "" {
		c.Long = zh
	}
	flag := func(f *pflag.Flag) {
		if strings.HasPrefix(f.Usage, "help for ") {
			f.Usage = "显示帮助"
			return
		}
		f.Usage = chinese.Of(f.Usage)
	}
	c.LocalFlags().VisitAll(flag)
	c.PersistentFlags().VisitAll(flag)
	for _, child := range c.Commands() {
		translate(child, chinese)
	}
}
