package main

import (
	"errors"
	"regexp"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/jieli-gateway/jieli/cmd/jieli/internal/lang"
	"github.com/jieli-gateway/jieli/cmd/jieli/internal/suggest"
)

// usageError is a mistake in how a command was called.
type usageError struct{ error }

// Unwrap gives the mistake in words.
func (e usageError) Unwrap() error { return e.error }

// usage makes a usageError in both languages.
func usage(english, chinese string, args ...any) error {
	return usageError{lang.Errorf(english, chinese, args...)}
}

// asUsage makes a usageError of a mistake in how a command was called, where cobra has no type for its own.
func asUsage(err error) error {
	found := requiredFlags.FindStringSubmatch(err.Error())
	if found == nil {
		return err
	}
	flags := "--" + strings.ReplaceAll(strings.ReplaceAll(found[1], `", "`, ", --"), `"`, "")
	return usage("%s is required", "必须指定 %s", flags)
}

// requiredFlags is how cobra says that flags are missing.
var requiredFlags = regexp.MustCompile(`^required flag\(s\) (".*") not set$`)

// flagMistake says in both languages what is wrong with a flag.
func flagMistake(cmd *cobra.Command, err error) error {
	var (
		unknown *pflag.NotExistError
		bare    *pflag.ValueRequiredError
		value   *pflag.InvalidValueError
	)
	switch {
	case errors.As(err, &unknown):
		name := "--" + unknown.GetSpecifiedName()
		if s := unknown.GetSpecifiedShortnames(); s != "" {
			name = "-" + unknown.GetSpecifiedName()
		}
		return usage("unknown flag %s of %s%s %s --help", "%[2]s 没有选项 %[1]s%[3]s %[4]s --help",
			name, cmd.CommandPath(), see(didYouMean("--", unknown.GetSpecifiedName(), flagNames(cmd))), cmd.CommandPath())
	case errors.As(err, &bare):
		return usage("--%s needs a value", "--%s 需要一个值", bare.GetFlag().Name)
	case errors.As(err, &value):
		f := value.GetFlag()
		return usage("--%[1]s must be %[3]s; it is %[2]q", "--%[1]s 须为%[3]s；现为 %[2]q", f.Name, value.GetValue(), kindOf(f))
	}
	return usageError{err}
}

// kindOf says what a flag takes.
func kindOf(f *pflag.Flag) lang.Words {
	switch t := f.Value.Type(); {
	case t == "duration":
		return lang.Words{English: "a duration like 30s, 5m or 24h", Chinese: "时长，如 30s、5m 或 24h"}
	case t == "bool":
		return lang.Words{English: "true or false", Chinese: " true 或 false"}
	case strings.HasPrefix(t, "int"), strings.HasPrefix(t, "uint"):
		return lang.Words{English: "a whole number", Chinese: "整数"}
	default:
		return lang.Words{English: "a " + t, Chinese: " " + t}
	}
}

func flagNames(cmd *cobra.Command) (names []string) {
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if !f.Hidden {
			names = append(names, f.Name)
		}
	})
	return names
}

// didYouMean says which of the known words may have been meant.
func didYouMean(before, word string, known []string) lang.Words {
	near := suggest.Nearest(word, known)
	if near == "" {
		return lang.Words{}
	}
	return lang.Words{English: ", did you mean " + before + near + "?", Chinese: "，是否想用 " + before + near + "？"}
}

// see leads from a question, or from none, to where more is said.
func see(question lang.Words) lang.Words {
	if question == (lang.Words{}) {
		return lang.Words{English: "; see", Chinese: "；见"}
	}
	return lang.Words{English: question.English + " See", Chinese: question.Chinese + "见"}
}

// exactly is cobra.ExactArgs as a usage error that shows how to call the command.
func exactly(n int) cobra.PositionalArgs { return between(n, n) }

// between is cobra.RangeArgs, likewise.
func between(least, most int) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) < least || len(args) > most {
			line, flags, _ := strings.Cut(cmd.UseLine(), " [flags]")
			return usage("usage: %s%s (see --help)", "用法：%s%s（见 --help）", line, lang.Words{English: " [FLAGS]" + flags, Chinese: " [选项]" + flags})
		}
		return nil
	}
}

// group is a command that only holds others.
func group(use, short string, children ...*cobra.Command) *cobra.Command {
	c := &cobra.Command{
		Use: use, Short: short, Args: knownCommand,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	c.AddCommand(children...)
	return c
}

// knownCommand refuses what is no command of a group, and says which was meant.
func knownCommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	var names []string
	for _, child := range cmd.Commands() {
		if child.IsAvailableCommand() {
			names = append(names, child.Name())
		}
	}
	return usage("unknown command %q of %s%s %s --help", "%[2]s 没有命令 %[1]q%[3]s %[4]s --help",
		args[0], cmd.CommandPath(), see(didYouMean("", args[0], names)), cmd.CommandPath())
}
