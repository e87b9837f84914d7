package lang

import (
	"regexp"
	"slices"
	"strings"
	"sync"
)

// rule is how the API says what is wrong with a field, and its Chinese.
type rule struct {
	english *regexp.Regexp
	chinese string
	// states says that the words of states in it are not to be typed, only read.
	states bool
}

// of makes a rule: parts of the English in parentheses come again in the Chinese, as $1 and $2.
func of(english, chinese string) rule {
	return rule{english: regexp.MustCompile("^(?:" + english + ")$"), chinese: chinese}
}

// states is of for a message with words of states in it.
func states(english, chinese string) rule {
	r := of(english, chinese)
	r.states = true
	return r
}

var rules = sync.OnceValue(func() []rule {
	return slices.Concat([]rule{
		of(`(?:is missing|(?:is|are) required|required|must not be blank)`, "必填"),
		of(`(?:required: one of|unknown value \d+: must be one of) (.*)`, "须为以下之一：$1"),
		of(`must have (\d+) to (\d+) characters, has (\d+)`, "须有 $1 至 $2 个字符，现有 $3 个"),
		of(`must have 1 to (\d+) (?:characters|bytes)`, "长度须为 1 至 $1"),
		of(`must have letters A-Z a-z, digits and ._- only`, "只能含字母、数字和 ._-"),
		of(`must have digits, \+, - and spaces only`, "只能含数字、+、- 和空格"),
		of(`must be the code of an existing division`, "须为现有行政区划的代码"),
		of(`no service (.*) in the registry; see .*`, "登记表中没有事项 $1；见 jieli service list"),
		of(`no region (.*)`, "没有区域 $1"),
		of(`already used with other content`, "已用于另一内容"),
		of(`is set by the node and must be left out`, "由节点填写，不可给出"),
		of(`must be one line`, "只能有一行"),
		of(`must be valid UTF-8`, "须为有效的 UTF-8"),
		of(`must be a day(?:,? .*)?`, "须为日期，如 2026-01-31"),
		of(`(.*) is not a day`, "$1 不是日期"),
		of(`must not be more than (\d+) minutes in the future: .*`, "不得晚于现在 $1 分钟以上"),
		of(`the check character of the unified social credit code does not fit`, "统一社会信用代码的校验位不符"),
		of(`at most (\d+) are allowed, there are (\d+)`, "最多 $1 个，现有 $2 个"),
		of(`invalid character (\S+).*`, "无效字符 $1"),
		states(`[A-Z_]+ cannot follow while the ticket is ([A-Z_]+), only while it is ([A-Z_, ]+)`, "工单现为 $1；此操作只能在以下状态：$2"),
		of(`(\S+) has the pen`, "现由 $1 办理"),
		of(`must be (\d+) to (\d+)`, "须为 $1 至 $2"),
		of(`there is and was no such division(?:, and no rule names it)?`, "没有此行政区划，过去也没有"),
		of(`no service has this code, name or alias`, "没有此代码、名称或别名的事项"),
		of("`jieli (.*)` shows (?:them|those it has)", "见 jieli $1"),
		of(`(".*") is neither a ticket id .*`, "$1 既不是工单的编号，也不是工单号"),
		of(`is not from a list with the same filters`, "不是同样筛选条件的列表所给"),
		of(`begin again without it`, "请去掉它重新开始"),
		of(`the registry has no region (.*)|no region (\S+) in the registry`, "登记表中没有区域 $1$2"),
		of(`no ticket (\S+)(?: on this node)?`, "本节点没有工单 $1"),
		of(`unknown field (.*)`, "未知字段 $1"),
		of(`invalid value for enum field (\w+): (\S+); must be one of (.*)`, "$1 没有 $2；须为以下之一：$3"),
		of(`invalid value for (\w+) field (\w+): (.*)`, "$2 须为 $1；现为 $3"),
		of(`unexpected token (.*)`, "此处不应有 $1"),
		of(`unexpected end of JSON input|unexpected EOF`, "JSON 不完整"),
		of(`longer than (\d+) bytes`, "超过 $1 字节"),
		of(`no "ticket" in it`, `缺少 "ticket"`),
	}, answers(), local(), entryRules())
})

// place is how a message says of what it speaks.
var place = regexp.MustCompile(`^([a-zA-Z][a-zA-Z0-9.\[\]]*): (.*)$`)

var state = regexp.MustCompile(`[A-Z_]{3,}`)

var column = regexp.MustCompile(`^column (\d+): (.*)$`)

// Rule gives the Chinese of what is wrong with a field or a line, or of what a node answers; the text itself where not
// all of it is known. What comes before a colon, the field or the column, stays before it; the parts between semicolons
// are known each by itself.
func Rule(english string) string {
	if chinese, ok := sentence(english); ok {
		return chinese
	}
	return english
}

func sentence(english string) (string, bool) {
	if chinese, ok := part(english); ok {
		return chinese, true
	}
	if found := column.FindStringSubmatch(english); found != nil {
		return "第 " + found[1] + " 列：" + Rule(found[2]), true
	}
	parts := strings.Split(english, "; ")
	for i, one := range parts {
		chinese, ok := part(one)
		if !ok {
			return "", false // rather than half of it
		}
		parts[i] = chinese
	}
	return strings.Join(parts, "；"), true
}

// part is a sentence without semicolons, or one that is known as a whole.
func part(english string) (string, bool) {
	for _, r := range rules() {
		if r.english.MatchString(english) {
			chinese := r.english.ReplaceAllString(english, r.chinese)
			if r.states {
				chinese = state.ReplaceAllStringFunc(chinese, Values().Of)
			}
			return chinese, true
		}
	}
	found := place.FindStringSubmatch(english)
	if found == nil {
		return "", false
	}
	chinese, ok := part(found[2])
	return found[1] + "：" + chinese, ok
}
