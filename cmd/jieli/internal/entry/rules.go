package entry

import (
	"regexp"
	"strings"

	"github.com/jieli-gateway/jieli/cmd/jieli/internal/lang"
)

const ruleUnknownDivision = "there is and was no such division"

// rules are those that fields break, with their Chinese. A * stands for what differs, in the same order in both.
func rules() [][2]string {
	return [][2]string{
		{ruleUnknownDivision, "没有此行政区划，过去也没有"},
		{"a division code has 2, 4, 6, 9 or 12 digits", "行政区划代码为 2、4、6、9 或 12 位数字"},
		{"a division code has digits only", "行政区划代码只含数字"},
		{"a division code does not begin with 0", "行政区划代码不以 0 开头"},
		{"a rule names a division by 2, 4, 6, 9 or 12 digits", "路由的行政区划代码为 2、4、6、9 或 12 位数字"},
		{"a day is written YYYY-MM-DD", "日期格式为 YYYY-MM-DD"},
		{"a day lies between 1970-01-02 and 9999-12-31", "日期在 1970-01-02 至 9999-12-31 之间"},
		{"the last day is not before validFrom, *", "截止日不早于起始日 *"},
		{"a region id has 2 to 32 of a-z, 0-9 and -, and begins with a letter", "区域编号为 2 至 32 个 a-z、0-9 或 -，以字母开头"},
		{"must be a letter and 1 to 31 more of a-z, 0-9 and -", "须为 2 至 32 个 a-z、0-9 或 -，以字母开头"},
		{"a service code has at most * characters", "事项代码最多 * 个字符"},
		{"a service code has at most * levels", "事项代码最多 * 级"},
		{"a service code has words of a-z and 0-9 that begin with a letter, joined by dots", "事项代码由点连接，各段为 a-z 和 0-9，以字母开头"},
		{"a service has at most * aliases", "事项最多 * 个别名"},
		{"an emergency number is 110, 119, 120 or 122", "紧急电话为 110、119、120 或 122"},
		{"must be 1 to 32 of a-z, 0-9 and -, and not begin with -", "须为 1 至 32 个 a-z、0-9 或 -，不以 - 开头"},
		{"must be host:port", "须为 主机:端口"},
		{"port must be 1 to 65535", "端口须为 1 至 65535"},
		{"in brackets stands an IPv6 address without zone", "方括号内须为不带区域标识的 IPv6 地址"},
		{"host must be a DNS name, an IPv4 address or an IPv6 address in brackets", "主机须为域名、IPv4 地址或带方括号的 IPv6 地址"},
		{"* is no IPv4 address", "* 不是 IPv4 地址"},
		{"must be valid UTF-8", "须为有效的 UTF-8"},
		{"must have * to * characters, has *", "须有 * 至 * 个字符，现有 * 个"},
		{"must not have control characters", "不得含控制字符"},
		{"must be 1 to 8 of A to Z", "须为 1 至 8 个大写字母"},
		{"must have 1 to * certificates", "须有 1 至 * 个证书"},
		{"a certificate must have 1 to * bytes", "证书须为 1 至 * 字节"},
		{"must be 1 to 64", "须为 1 至 64 个"},
		{"must be Ed25519 keys of 32 bytes", "须为 32 字节的 Ed25519 密钥"},
		{"key id * is not that of its key", "密钥编号 * 与密钥不符"},
		{"* stands twice", "* 出现两次"},
		{"* has an invalid time", "* 的时间无效"},
		{"* is valid until before it is valid from", "* 的截止时间早于起始时间"},
		{"must be the region's id", "须为本区域编号"},
		{"stands twice", "出现两次"},
		{"text is valid UTF-8", "须为有效的 UTF-8"},
		{"text has no control characters", "不得含控制字符"},
		{"must not be empty", "不得为空"},
		{"has at most * characters", "最多 * 个字符"},
		{"must be 1 minute to 365 days", "须为 1 分钟至 365 天"},
		{"must be at most *", "最大为 *"},
		{"must be * to *", "须为 * 至 *"},
	}
}

// words are a rule in both languages.
func words(rule string) lang.Words {
	for _, r := range rules() {
		pattern := "^" + strings.ReplaceAll(regexp.QuoteMeta(r[0]), `\*`, "(.*)") + "$"
		found := regexp.MustCompile(pattern).FindStringSubmatch(rule)
		if found == nil {
			continue
		}
		chinese := r[1]
		for _, part := range found[1:] {
			chinese = strings.Replace(chinese, "*", part, 1)
		}
		return lang.Words{English: rule, Chinese: chinese}
	}
	return lang.Words{English: rule, Chinese: rule}
}
