// Package manual writes what there is to read about a command: help for a terminal, and manual pages. Both say the same,
// in English or Chinese.
package manual

import (
	"regexp"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// Page is all there is to say of a command.
type Page struct {
	// Path is the command as it is typed, Use how it is called; Short and Long are what it does.
	Path, Use, Short, Long string
	Aliases                []string
	Example                string
	Commands               []Entry
	Flags, Global          []Flag
	Chinese                bool
}

// Entry is a command of a group, or anything else with a description.
type Entry struct{ Name, Text string }

// Flag is an option of a command.
type Flag struct {
	Short, Long string
	// Takes is what stands after it; empty for a switch.
	Takes   string
	Usage   string
	Default string
}

// Name is the flag as it is typed.
func (f Flag) Name() string {
	name := "--" + f.Long
	if f.Short != "" {
		name = "-" + f.Short + ", " + name
	}
	if f.Takes != "" {
		name += " " + f.Takes
	}
	return name
}

// Of makes the page of a command whose descriptions are in the language already.
func Of(c *cobra.Command, chinese bool) Page {
	c.InitDefaultHelpFlag()
	p := Page{
		Path: c.CommandPath(), Use: c.UseLine(), Short: c.Short, Long: c.Long, Aliases: c.Aliases,
		Example: strings.TrimRight(c.Example, "\n"), Chinese: chinese,
	}
	if c.HasAvailableSubCommands() {
		p.Use = c.CommandPath() + " " + p.word("COMMAND")
	}
	p.Use = strings.Replace(p.Use, "[flags]", p.word("[FLAGS]"), 1)
	for _, child := range c.Commands() {
		if child.IsAvailableCommand() {
			p.Commands = append(p.Commands, Entry{child.Name(), child.Short})
		}
	}
	p.Flags, p.Global = p.flags(c.LocalFlags()), p.flags(c.InheritedFlags())
	return p
}

func (p Page) flags(set *pflag.FlagSet) (flags []Flag) {
	set.VisitAll(func(f *pflag.Flag) {
		if f.Hidden || f.Deprecated != "" {
			return
		}
		one := Flag{Short: f.Shorthand, Long: f.Name, Takes: takes(f), Usage: f.Usage, Default: shown(f)}
		if f.Name == "help" {
			one.Usage = p.word("show this help")
		}
		flags = append(flags, one)
	})
	return flags
}

// takes says in a word what a flag takes.
func takes(f *pflag.Flag) string {
	switch f.Name {
	case "output":
		return "table|json|yaml"
	case "lang":
		return "zh|en"
	case "dir", "data-dir", "out":
		return "DIR"
	case "file", "config", "ca-file", "token-file", "input", "rejects":
		return "FILE"
	case "server", "join", "address":
		return "HOST:PORT"
	}
	switch t := f.Value.Type(); {
	case t == "bool":
		return ""
	case strings.HasPrefix(t, "int") && strings.HasSuffix(t, "Slice"):
		return "N,…"
	case t == "duration":
		return "DURATION"
	case strings.HasPrefix(t, "int"), strings.HasPrefix(t, "uint"):
		return "N"
	case strings.HasSuffix(t, "Slice"), strings.HasSuffix(t, "Array"):
		return "WORD,…"
	}
	return "WORD"
}

// shown is a default worth showing, unless the description has it already.
func shown(f *pflag.Flag) string {
	switch f.DefValue {
	case "", "0", "0s", "false", "[]":
		return ""
	}
	if strings.Contains(f.Usage, "default") || strings.Contains(f.Usage, "默认") {
		return ""
	}
	if d, err := time.ParseDuration(f.DefValue); err == nil {
		return zeros.ReplaceAllString(d.String(), "$1")
	}
	return strings.Trim(f.DefValue, "[]")
}

// zeros end a duration that is written out, like 2m0s.
var zeros = regexp.MustCompile(`([hm])(?:0m)?0s$`)

// word is one of the few words that stand on every page.
func (p Page) word(english string) string {
	if zh, ok := words()[english]; ok && p.Chinese {
		return zh
	}
	return english
}

func words() map[string]string {
	return map[string]string{
		"COMMAND": "命令", "[FLAGS]": "[选项]", "show this help": "显示帮助",
		"Usage": "用法", "Aliases": "别名", "Examples": "示例", "Commands": "命令", "Flags": "选项", "Flags of every command": "通用选项",
		"default %s": "默认 %s", "See %s COMMAND --help for one of them.": "用 %s 命令 --help 查看其中之一。",
		"NAME": "名称", "SYNOPSIS": "用法", "DESCRIPTION": "说明", "COMMANDS": "命令", "OPTIONS": "选项", "COMMON OPTIONS": "通用选项",
		"EXAMPLES": "示例", "EXIT STATUS": "退出码", "ENVIRONMENT": "环境变量", "FILES": "文件", "SEE ALSO": "另见",
	}
}
