package lang

// Values are the words that stand for values: of states, kinds and reasons. They are the same in English as in the API.
func Values() Chinese {
	return Chinese{
		// States of tickets, and kinds of events.
		"RECEIVED":      "已受理",
		"UNROUTED":      "无人承办",
		"OFFERED":       "已转办",
		"ACCEPTED":      "已签收",
		"IN_PROGRESS":   "办理中",
		"RETURNED":      "已退回",
		"RECALLED":      "已收回",
		"ANSWERED":      "已答复",
		"CLOSED":        "已办结",
		"WITHDRAWN":     "已撤单",
		"DIVERTED":      "转紧急电话",
		"ARBITRATION":   "待裁定",
		"OFFER_REFUSED": "被拒收",
		"NOTED":         "备注",
		"REOPENED":      "已重办",

		// Why a ticket comes back.
		"NOT_OUR_PLACE":  "非本地",
		"NOT_OUR_MATTER": "非本职",
		"DUPLICATE":      "重复",
		"OUT_OF_SCOPE":   "不予受理",

		// Types and urgency.
		"INQUIRY":    "咨询",
		"HELP":       "求助",
		"COMPLAINT":  "投诉",
		"REPORT":     "举报",
		"SUGGESTION": "建议",
		"PRAISE":     "表扬",
		"NORMAL":     "一般",
		"URGENT":     "紧急",
		"CRITICAL":   "特急",

		// Lights, and who signed.
		"GREEN":  "绿灯",
		"YELLOW": "黄灯",
		"RED":    "红灯",
		"DEEMED": "视为签收",

		// Units.
		"LEAD":   "主办",
		"ASSIST": "协办",

		// Regions.
		"PENDING":   "待批准",
		"ACTIVE":    "正常",
		"SUSPENDED": "已暂停",
		"RETIRED":   "已退出",
		"REVOKED":   "已切断",

		// Links, and nodes in the registry.
		"UP":         "接通",
		"CONNECTING": "连接中",
		"DOWN":       "不通",
		"STOPPED":    "已停止",
		"BEHIND":     "落后",
		"Leader":     "主节点",
		"Follower":   "从节点",
		"Candidate":  "竞选中",
		"Shutdown":   "已停",

		// Divisions.
		"PROVINCE":   "省级",
		"PREFECTURE": "地级",
		"COUNTY":     "县级",
		"TOWNSHIP":   "乡级",
		"VILLAGE":    "村级",

		// Tokens.
		"person":  "个人",
		"system":  "系统",
		"EXPIRED": "已过期",

		"true":  "是",
		"false": "否",
	}
}

// Healths are the words for a node as a whole.
func Healths() Chinese {
	return Chinese{"HEALTHY": "正常", "DEGRADED": "降级", "DOWN": "停止"}
}

// Disks are the words for how full the store's disk is.
func Disks() Chinese {
	return Chinese{"OK": "正常", "SOFT_LIMIT": "不足", "HARD_LIMIT": "已满"}
}

// English gives the word whose Chinese this is, or the text itself where there is none.
func (c Chinese) English(chinese string) string {
	for en, zh := range c {
		if zh == chinese {
			return en
		}
	}
	return chinese
}
