package lang

// codes are words that the documents look up: problems of a status, and why a link is not up or an item stands still.
// Their Chinese is shown with them, not instead of them.
func codes() Chinese {
	return Chinese{
		// Problems.
		"STARTING":            "正在启动",
		"STORE_FAILING":       "工单库无响应",
		"CERTIFICATE_EXPIRED": "证书已过期",
		"CERTIFICATE_EXPIRES": "证书即将到期",
		"TOKEN_EXPIRES":       "令牌即将到期",
		"JOINING":             "正在加入联盟",
		"NO_REGISTRY":         "没有登记表",
		"NO_LEADER":           "没有主节点",
		"REGISTRY_STALE":      "登记表过旧",
		"NODE_UNREACHABLE":    "节点无响应",
		"NODE_BEHIND":         "节点落后",
		"NO_QUORUM":           "失去法定多数",
		"DISK_FULL":           "磁盘已满",
		"DISK_LOW":            "磁盘空间不足",
		"TICKETS_STOPPED":     "有工单停止",
		"CLOCK_SKEW":          "时钟不准",
		"LINK_STOPPED":        "链路已停止",
		"LINK_DOWN":           "链路不通",
		"LINK_CONNECTING":     "链路连接中",
		"LINK_BEHIND":         "链路落后",

		// Why joining fails.
		"OTHER_CA":     "CA 不符",
		"NO_TLS":       "端口不使用 TLS",
		"NOT_ADMITTED": "对方尚未批准",
		"FAILED":       "失败",

		// Why a link is not up.
		"DNS":              "域名解析失败",
		"REFUSED":          "端口无人监听",
		"TIMEOUT":          "没有响应",
		"UNREACHABLE":      "网络不可达",
		"CERTIFICATE":      "证书不被接受",
		"NO_ADDRESS":       "没有登记地址",
		"NOT_A_NODE":       "应答的不是节点",
		"CONNECTION_LOST":  "连接中断",
		"NOT_A_MEMBER":     "不是成员",
		"PENDING":          "待批准",
		"SUSPENDED":        "已暂停",
		"RETIRED":          "已退出",
		"REVOKED":          "已切断",
		"WRONG_CLUSTER":    "属于另一联盟",
		"VERSION":          "程序版本不兼容",
		"PEER_RESTORED":    "对方的工单库是旧备份",
		"SELF_RESTORED":    "本方的工单库是旧备份",
		"BEHIND":           "登记表落后",
		"REGISTRY_DIFFERS": "登记表不一致",
		"PEER_DISK":        "对方磁盘空间不足",
		"DRAINING":         "正在停止",
		"REPLACED":         "已换新连接",
		"PROTOCOL":         "对方违反协议",
		"TOO_MANY_STOPPED": "停止的工单过多",
		"STORE":            "工单库出错",
		"NOT_READY":        "尚未就绪",
		"SUPERSEDED":       "已被新连接取代",
		"OTHER":            "其他",

		// Why an item stands still.
		"FORGED":              "签名不符",
		"CHAIN_BROKEN":        "流转不连续",
		"PEN_MISUSED":         "无权作此流转",
		"EQUIVOCATION":        "前后矛盾",
		"TOO_LARGE":           "过大",
		"MALFORMED":           "格式有误",
		"CONTENT_MISMATCH":    "内容与签名不符",
		"UNKNOWN_KIND":        "未知类型",
		"PREDECESSOR_STOPPED": "前一条已停止",
		"EVIDENCE_GONE":       "原件已不在",
	}
}

// Code gives a code's Chinese with the code in parentheses, or the code alone where it has none.
func Code(code string) string {
	if chinese, ok := codes()[code]; ok {
		return chinese + "（" + code + "）"
	}
	return code
}
