package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/jieli-gateway/jieli/cmd/jieli/internal/client"
	"github.com/jieli-gateway/jieli/cmd/jieli/internal/manual"
	"github.com/jieli-gateway/jieli/gateway/config"
)

// manCommand is for those who make packages.
func (a *app) manCommand() *cobra.Command {
	var dir string
	c := &cobra.Command{
		Use: "man --dir DIR", Short: "Write the manual pages", Hidden: true, Args: exactly(0),
		Example: "  jieli man --dir /usr/share/man/man1\n  jieli man --dir /usr/share/man/zh_CN/man1 --lang zh",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := os.MkdirAll(dir, 0o755); err != nil { //nolint:gosec // for everybody to read
				return err
			}
			return a.writePages(cmd.Root(), dir)
		},
	}
	c.Flags().StringVar(&dir, "dir", "", "directory to write them to")
	_ = c.MarkFlagRequired("dir") // the flag exists
	return c
}

// writePages writes the page of a command and of all below it.
func (a *app) writePages(c *cobra.Command, dir string) error {
	var b bytes.Buffer
	if err := manual.Of(c, a.lang == "zh").Roff(&b, a.around(c)); err != nil {
		return err
	}
	file := filepath.Join(dir, manual.FileName(c.CommandPath()))
	if err := os.WriteFile(file, b.Bytes(), 0o644); err != nil { //nolint:gosec // for everybody to read
		return err
	}
	for _, child := range c.Commands() {
		if !child.IsAvailableCommand() {
			continue
		}
		if err := a.writePages(child, dir); err != nil {
			return err
		}
	}
	return nil
}

// around is what each page says beside its command.
func (a *app) around(c *cobra.Command) manual.Around {
	say := a.printer().Say
	m := manual.Around{
		Version: version,
		Exit: []manual.Entry{
			{Name: "0", Text: say("done", "完成")},
			{Name: fmt.Sprint(client.ExitFailed), Text: say("failed", "失败")},
			{Name: fmt.Sprint(client.ExitUsage), Text: say("the command line is wrong", "用法错误")},
			{Name: fmt.Sprint(client.ExitUnavailable), Text: say("the node, or what it needs, is not available now", "节点或其所需暂不可用")},
			{Name: fmt.Sprint(client.ExitNotFound), Text: say("not found", "未找到")},
			{Name: fmt.Sprint(client.ExitDenied), Text: say("denied", "无权限")},
			{Name: fmt.Sprint(client.ExitConflict), Text: say("conflict: not in this state, taken already, or somebody was faster", "冲突：状态不符、已被占用或他人已先行")},
		},
		Environment: []manual.Entry{
			{Name: "JIELI_SERVER", Text: say("what --server says", "同 --server")},
			{Name: "JIELI_TOKEN_FILE", Text: say("what --token-file says", "同 --token-file")},
			{Name: "JIELI_TOKEN", Text: say("the access token itself, where no file is named", "访问令牌本身（未指定文件时）")},
			{Name: "JIELI_LANG", Text: say("what --lang says", "同 --lang")},
			{Name: "JIELI_OPERATOR", Text: say("what --operator says", "同 --operator")},
			{Name: "JIELI_…", Text: say("any key of the configuration, for example JIELI_LOG_LEVEL; see jieli config show", "配置的任一键，如 JIELI_LOG_LEVEL；见 jieli config show")},
			{Name: "LC_ALL, LC_MESSAGES, LANG", Text: say("the language, where neither --lang nor JIELI_LANG says it", "语言（--lang 和 JIELI_LANG 均未指定时）")},
		},
	}
	for i, place := range config.Places() {
		m.Files = append(m.Files, manual.Entry{Name: place, Text: say("the configuration, where --config does not name it", "配置文件（未指定 --config 时）")})
		if i > 0 {
			m.Files[i].Text = say("the configuration, where that is not there", "配置文件（前者不存在时）")
		}
	}
	if c.HasParent() {
		m.SeeAlso = append(m.SeeAlso, c.Parent().CommandPath())
	}
	for _, child := range c.Commands() {
		if child.IsAvailableCommand() {
			m.SeeAlso = append(m.SeeAlso, child.CommandPath())
		}
	}
	return m
}
