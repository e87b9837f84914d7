package lang

import (
	"errors"
	"fmt"
	"io/fs"
	"testing"
)

func TestErrorsAreInBothLanguages(t *testing.T) {
	missing := Errorf("no file %s: %w", "没有文件 %s：%w", "x", fs.ErrNotExist)
	for name, tc := range map[string]struct {
		err                error
		english, inChinese string
	}{
		"plain":   {errors.New("disk on fire"), "disk on fire", "disk on fire"},
		"ours":    {missing, "no file x: file does not exist", "没有文件 x：file does not exist"},
		"wrapped": {fmt.Errorf("--file: %w", missing), "--file: no file x: file does not exist", "--file: 没有文件 x：file does not exist"},
		"nested":  {Errorf("stopped: %w", "已停止：%w", missing), "stopped: no file x: file does not exist", "已停止：没有文件 x：file does not exist"},
	} {
		t.Run(name, func(t *testing.T) {
			if tc.err.Error() != tc.english || InChinese(tc.err) != tc.inChinese {
				t.Errorf("got %q and %q", tc.err, InChinese(tc.err))
			}
		})
	}
	if e := Errorf("%s!", "%s！", Words{"yes", "是"}); e.Error() != "yes!" || InChinese(e) != "是！" {
		t.Errorf("got %q and %q", e, InChinese(e))
	}
	if !errors.Is(missing, fs.ErrNotExist) {
		t.Error("does not wrap")
	}
}

func TestRules(t *testing.T) {
	for english, want := range map[string]string{
		"title: is missing": "title：必填",
		"ticket.reporter.phone: must have digits, +, - and spaces only": "ticket.reporter.phone：只能含数字、+、- 和空格",
		"must have 1 to 200 characters, has 0":                          "须有 1 至 200 个字符，现有 0 个",
		`column 28: unknown field "nosuch"`:                             `第 28 列：未知字段 "nosuch"`,
		"something new":                                                 "something new",
		"field: something new":                                          "field: something new",
		"CLOSED cannot follow while the ticket is OFFERED, only while it is ANSWERED": "工单现为 已转办；此操作只能在以下状态：已答复",
	} {
		if got := Rule(english); got != want {
			t.Errorf("%s: got %s, want %s", english, got, want)
		}
	}
}
