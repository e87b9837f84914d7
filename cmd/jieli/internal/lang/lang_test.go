package lang

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"testing"

	jieliv1 "github.com/jieli-gateway/jieli/proto/jieli/v1"
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

// What a node says in several parts is in Chinese where each part is known, and in English where one is not.
func TestRulesOfSeveralParts(t *testing.T) {
	for english, want := range map[string]string{
		`route 32 * nowhere: region "nowhere" is not a member`:                                                               "路由 32 * nowhere：区域 nowhere 不是成员",
		"the registry knows no region nowhere; see `jieli region list`":                                                      "登记表中没有区域 nowhere；见 jieli region list",
		`externalId "A-1" is already used by ticket T-1 with other content; use another number, or a command on that ticket`: `首接中心编号 "A-1" 已用于工单 T-1，其内容不同；请另用编号，或直接办理该工单`,
		`column 3: title: is missing; division: must be the code of an existing division`:                                    "第 3 列：title：必填；division：须为现有行政区划的代码",
		`region suzhou has 3 open tickets; finish them or name a successor`:                                                  "区域 suzhou 有 3 件在办工单；请先办结，或指定接替区域",
		"region wuxi takes no new offers just now; `jieli link list` says why and whom to phone":                             "区域 wuxi 暂不收新的转办；原因和联系电话见 jieli link list",
		"region suzhou is ACTIVE: only one that is PENDING can be approved":                                                  "区域 suzhou 正常：只能批准 待批准 的区域",
		"the check digit does not fit: one digit was misheard or mistyped":                                                   "校验位不符：有一位听错或输错",
		"the text says “着火”: if somebody is in danger, tell the caller to dial 119":                                          "内容提到“着火”：如有人身危险，请来电人拨打 119",
		`category "杂项" is not known as a service: routed by place alone`:                                                     `类别 "杂项" 不是已知事项：仅按地点确定承办区域`,
		"title: is missing; something new":                                                                                   "title: is missing; something new",
		"CLOSED cannot follow while the ticket is OFFERED, only while it is ANSWERED; suzhou has the pen":                    "工单现为 已转办；此操作只能在以下状态：已答复；现由 suzhou 办理",
		"the ticket is shared with region wuxi, which has not been heard from with a matching history since this node started; " +
			"see `jieli link list`, or excuse it with `jieli link excuse wuxi`": "工单与 wuxi 共有，而本节点启动后尚未与其核对一致；见 jieli link list；或用 jieli link excuse wuxi 说明后继续办理",
	} {
		if got := Rule(english); got != want {
			t.Errorf("%s\ngot  %s\nwant %s", english, got, want)
		}
	}
}

// One thing has one Chinese word, wherever it is said.
func TestGlossary(t *testing.T) {
	not := map[string]string{
		"撤回": "收回 (recall)", "撤诉": "撤单 (withdraw)", "经手人": "经办人 (person)", "个人信息联系人": "数据联系人", "字头": "前缀",
		"协同区域": "城市群 (cluster)", "积压": "待送 (backlog)", "失密": "密钥已泄露", "联邦": "联盟", "策略": "规定",
	}
	texts := []Chinese{Tables(), Help(), Values(), ChangeKinds(), ChangeFields(), RouteReasons(), Reasons(), codes()}
	for _, known := range texts {
		for english, chinese := range known {
			for word, better := range not {
				if strings.Contains(chinese, word) {
					t.Errorf("%s: %s says %s, not %s", english, chinese, word, better)
				}
			}
		}
	}
	for english, want := range map[string]string{"REVISION": "版次", "revision": "版次", "VERSION": "程序版本"} {
		if got := Tables().Of(english); got != want {
			t.Errorf("%s is %s, want %s", english, got, want)
		}
	}
}

// A word of a state can be typed in Chinese: two states must not share one.
func TestStatesOfTicketsAreToldApart(t *testing.T) {
	for english, chinese := range Values() {
		if back := Values().English(chinese); Values().Of(back) != chinese {
			t.Errorf("%s is %s, which is %s", english, chinese, back)
		}
	}
	for _, name := range jieliv1.Ticket_State_name {
		if chinese, ok := Values()[name]; ok && Values().English(chinese) != name {
			t.Errorf("%s is %s, which is %s too", name, chinese, Values().English(chinese))
		}
	}
}

// What goes wrong before a node starts is in Chinese too, with where it is kept in front of it.
func TestErrorsOfThisMachine(t *testing.T) {
	for english, want := range map[string]string{
		"federation port 127.0.0.1:7345: listen tcp 127.0.0.1:7345: bind: address already in use; is another node running here, or another program on this port?": "联盟端口 127.0.0.1:7345 已被占用：是否有另一节点或其他程序在使用？",
		"API port 127.0.0.1:1: listen tcp 127.0.0.1:1: bind: permission denied; is another node running here, or another program on this port?":                   "不能监听 API 端口 127.0.0.1:1：listen tcp 127.0.0.1:1: bind: 权限不足",
		"this node is in no federation: start it once with --bootstrap to make one, or with --join to join one":                                                   "本节点不在任何联盟中：首次启动时用 --bootstrap 建立联盟，或用 --join 加入联盟",
		"bootstrap: this node is in a federation already: 0b5c":                                                                                                   "本节点已在联盟 0b5c 中",
		"a.yaml:3: dataDir: must not be empty\nsomething new":                                                                                                     "a.yaml:3：dataDir：不得为空\nsomething new",
		"JIELI_LOG_FORMAT: log.format: must be text or json; it is \"x\"":                                                                                         `JIELI_LOG_FORMAT：log.format：须为 text 或 json；现为 "x"`,
	} {
		if got := InChinese(errors.New(english)); got != want {
			t.Errorf("%s\ngot  %s\nwant %s", english, got, want)
		}
	}
}
