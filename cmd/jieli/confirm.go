package main

import (
	"bufio"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/jieli-gateway/jieli/cmd/jieli/internal/lang"
)

// yesFlag is how somebody says beforehand that what cannot be undone is meant.
func yesFlag(c *cobra.Command, yes *bool) {
	c.Flags().BoolVar(yes, "yes", false, "do not ask whether it is meant; required where there is no terminal to ask at")
}

// confirm asks at a terminal whether what cannot be undone is meant: the name of what it is done to is to be typed.
func (a *app) confirm(name string, what lang.Words) error {
	in, ok := a.in.(*os.File)
	if !ok || !term.IsTerminal(int(in.Fd())) {
		return usage("%s, and this cannot be undone; nobody can be asked here whether it is meant: --yes is required", "%s，且不可撤销；此处无法询问是否确认：必须指定 --yes", what)
	}
	say := a.printer().Say
	_, _ = fmt.Fprintf(a.err, say("%s, and this cannot be undone.\nType %s to go on: ", "%s，且不可撤销。\n如确认，请输入 %s："), say(what.English, what.Chinese), name)
	answer, err := bufio.NewReader(in).ReadString('\n')
	if strings.TrimSpace(answer) != name || err != nil && answer == "" {
		return lang.Errorf("nothing was done", "未作任何修改")
	}
	return nil
}
