package lang

import (
	"regexp"
	"strings"
)

// local are what goes wrong on this machine: with configurations, mappings, keys and starting a node.
func local() []rule {
	return []rule{
		// Configurations and mappings.
		of(`is required: no federation can be made or joined without it`, "必填：否则不能建立或加入联盟"),
		of(`is required: federation\.listen \((.*)\) names no address that other regions could dial`, "必填：federation.listen（$1）不是其他区域可以连接的地址"),
		of(`is required: certificate and key go together`, "必填：证书与私钥须一起给出"),
		of(`needs api\.tls\.certificate and api\.tls\.key: .*`, "须同时有 api.tls.certificate 和 api.tls.key"),
		of(`needs api\.tls\.clientCa, whose certificates they show`, "须有 api.tls.clientCa"),
		of(`commonName (.*) stands twice`, "commonName $1 出现两次"),
		of(`must be host:port that other regions can dial; it is (.*)`, "须为其他区域可以连接的 主机:端口；现为 $1"),
		of(`must be host:port, e\.g\. (\S+); it is (.*)`, "须为 主机:端口，如 $1；现为 $2"),
		of(`must differ from federation\.listen \((.*)\)`, "不得与 federation.listen（$1）相同"),
		of(`API address (\S+): others than this machine can reach it, and tokens would pass in the clear: .*`, "其他机器可以连到 $1，令牌会以明文传送：请设置 api.tls，或只监听 127.0.0.1"),
		of(`must be at least (\S+)(?: \((.*)\))?; it is (.*)`, "不得小于 $1；现为 $3"),
		of(`must be a whole number; it is (.*)`, "须为整数；现为 $1"),
		of(`must be a number; it is (.*)`, "须为数；现为 $1"),
		of(`must be true or false; it is (.*)`, "须为 true 或 false；现为 $1"),
		of(`must be a duration, like 500ms or 2s; it is (.*)`, "须为时长，如 500ms 或 2s；现为 $1"),
		of(`must be 1 to 8 of A to Z; it is (.*)`, "须为 1 至 8 个大写字母；现为 $1"),
		of(`must be (\S+) to (\S+); it is (.*)`, "须为 $1 至 $2；现为 $3"),
		of(`must be (\S+) to (\S+), is (.*)`, "须为 $1 至 $2；现为 $3"),
		of(`must be more than 0, is (.*)`, "须大于 0；现为 $1"),
		of(`(\S+) is more than raft\.heartbeat \((.*)\): .*`, "$1 大于 raft.heartbeat（$2）"),
		of(`(\S+) is less than raft\.heartbeat \((.*)\)`, "$1 小于 raft.heartbeat（$2）"),
		of(`must be ([a-z, ]+) or ([a-z]+); it is (.*)`, "须为 $1 或 $2；现为 $3"),
		of(`must be one of ([a-z, ]+)`, "须为以下之一：$1"),
		of(`unknown key (\S+); known here: (.*)`, "未知的键 $1；此处可用：$2"),
		of(`(\S+) stands twice; the first is in line (\d+)`, "$1 出现两次；前一个在第 $2 行"),
		of(`the file must hold keys: (.*)`, "文件须为键：$1"),
		of(`(\S+) must hold keys: (.*)`, "$1 须为键：$2"),
		of(`(\S+|the file) must hold keys, each with a colon after it`, "$1 须为键，每个键后有冒号"),
		of(`(\S+) must be one value`, "$1 须为单个值"),
		of(`(\S+) must be a list of commonName, kind and roles`, "$1 须为 commonName、kind 和 roles 的列表"),
		of(`(\S+) must be commonName, kind and a list of roles`, "$1 须为 commonName、kind 和 roles"),
		of(`is not YAML: (.*)`, "不是 YAML：$1"),
		of(`a configuration is one document; another begins here`, "一个文件只能有一份配置；此处开始了另一份"),
		of(`more than (\d+) bytes`, "超过 $1 字节"),
		of(`(\S+) is missing: give it a word of the centre's`, "$1 缺失：请填写热线中心的用词"),
		of("no service (\\S+) is built in; `jieli service list` shows them\\. .*", "内置目录中没有事项 $1；见 jieli service list。联盟新增的事项，请把该类别设为其别名"),
		of(`(\S+) stands at (\S+) already, in line (\d+); a word belongs to one key`, "$1 已在第 $3 行的 $2 中；一个词只能属于一个键"),
		of(`(\S+) must be a list of the centre's words, like \[投诉\]`, "$1 须为热线中心用词的列表，如 [投诉]"),
		of(`must be a word of the centre's`, "须为热线中心的用词"),
		of(`(".*") begins or ends with a space`, "$1 首尾有空格"),
		of(`a word has at most (\d+) characters`, "一个词最多 $1 个字符"),
		of(`(".*") has a control character`, "$1 含控制字符"),

		// Keys and certificates.
		of("keys of this node in (\\S+): pki directory \\S+: no (\\S+) in it; make one with `jieli pki init`: .*", "$1 中没有本节点的密钥（缺少 $2）；请用 jieli pki init 和 jieli pki issue 生成"),
		of("keys of this node in (\\S+): (.*); make them with `jieli pki init` and `jieli pki issue`", "$1 中的本节点密钥有误：$2；请用 jieli pki init 和 jieli pki issue 生成"),
		of("pki directory (\\S+): no (\\S+) in it; make one with `jieli pki init`: .*", "密钥目录 $1 中没有 $2；请用 jieli pki init 生成"),
		of("pki directory (\\S+): no node certificate in it; make one with `jieli pki issue`", "密钥目录 $1 中没有节点证书；请用 jieli pki issue 签发"),
		of("there is no certificate of this node in (\\S+); make one with `jieli pki issue`", "$1 中没有本节点的证书；请用 jieli pki issue 签发"),
		of(`pki directory (\S+): another pki command is at work on it: .*`, "密钥目录 $1 正被另一 pki 命令使用"),
		of(`pki init: (\S+): it is there already and is not overwritten`, "$1 已存在，不会覆盖"),
		of(`pki issue: (\S+): it is there already and is not overwritten`, "$1 已存在，不会覆盖"),
		of(`(\S+): mode (\d+) lets others at a private key; run: (.*)`, "$1 的权限 $2 使他人可读私钥；请执行：$3"),
		of(`(?:pki \w+: )?the CA's private key is not in this directory: .*`, "此目录没有 CA 的私钥：请在 CA 所在处操作"),
		of(`(?:pki \w+: )?a certificate until (\S+) would outlive its CA, which ends (\S+): .*`, "证书到 $1，晚于 CA 的截止时间 $2：请缩短有效期，或更换 CA"),
		of(`region id (\S+): .*`, "区域编号 $1 须为 2 至 32 个 a-z、0-9 或 -，以字母开头"),
		of(`node name (\S+): .*`, "节点名 $1 须为 1 至 32 个 a-z、0-9 或 -，不以 - 开头"),

		// Tokens.
		of(`no token has this id`, "没有此编号的令牌"),

		// Starting a node.
		of(`federation port (\S+): .*bind: address already in use; .*`, "联盟端口 $1 已被占用：是否有另一节点或其他程序在使用？"),
		of(`API port (\S+): .*bind: address already in use; .*`, "API 端口 $1 已被占用：是否有另一节点或其他程序在使用？"),
		of(`(federation|API) port (\S+): (.*); is another node running here, or another program on this port\?`, "不能监听 $1 端口 $2：$3"),
		of(`this node is in no federation: .*`, "本节点不在任何联盟中：首次启动时用 --bootstrap 建立联盟，或用 --join 加入联盟"),
		of(`a node either makes a federation \(--bootstrap\) or joins one \(--join\)`, "--bootstrap（建立联盟）与 --join（加入联盟）只能选一"),
		of(`this node is in federation (\S+) already, and --cluster-id names (\S+): .*`, "本节点已在联盟 $1 中，而 --cluster-id 为 $2：如系误建且没有工单，请删除数据目录中的 registry，再用 --join 启动"),
		of(`(?:bootstrap|join \S+): this node is in a federation already: ([^;\s]+).*`, "本节点已在联盟 $1 中"),
		of(`(?:registry: )?(?:.*: )?the data directory is in use by another process`, "数据目录正被另一进程使用"),
		of(`a new federation cannot begin with this region: (.*)`, "不能以本区域建立联盟：$1"),
		of("node (\\S+) is not in the registry this node has; register it at a member with `jieli node set`", "登记表中没有节点 $1；请在某成员处用 jieli node set 登记"),
		of("the registry knows no signing key of this node; .*", "登记表中没有本节点的签名密钥；请用 jieli pki show -o json 的输出更新本区域登记"),
	}
}

// spot is where a mistake is: a file, with or without its line, or a variable.
var spot = regexp.MustCompile(`^(\S+\.\w+(?::\d+)?|configuration|mapping|JIELI_\w+): (.*)$`)

// lines gives the Chinese of what went wrong on this machine, line by line, as far as it is known.
func lines(english string) string {
	all := strings.Split(english, "\n")
	for i, line := range all {
		if chinese, ok := sentence(line); ok {
			all[i] = chinese
			continue
		}
		if found := spot.FindStringSubmatch(line); found != nil {
			if chinese, ok := sentence(found[2]); ok {
				all[i] = found[1] + "：" + chinese
			}
		}
	}
	return strings.Join(all, "\n")
}
