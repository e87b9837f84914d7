package lang

// Reasons say in words what the reasons of the API's errors mean. In English its messages do.
func Reasons() Chinese {
	return Chinese{
		// Of the caller.
		"NO_TOKEN":          "缺少访问令牌（--token-file 或 JIELI_TOKEN）",
		"BAD_TOKEN":         "访问令牌无效",
		"TOKEN_EXPIRED":     "访问令牌已过期；请由管理员另发（jieli token create）",
		"TOKEN_REVOKED":     "访问令牌已被吊销",
		"TOO_MANY_ATTEMPTS": "令牌尝试过多，请稍后再试",
		"ROLE_REQUIRED":     "令牌没有所需的角色",
		"OPERATOR_REQUIRED": "系统令牌须指明所代表的经办人（--operator）",
		"INVALID_OPERATOR":  "经办人姓名无效",
		"NOT_YOUR_ENTRY":    "只能修改本区域自己的登记",
		"BOOTSTRAP_REGION":  "只有发起区域可以这样做",

		// Of the input.
		"INVALID_FIELD":    "字段有误",
		"INVALID_ARGUMENT": "请求有误",
		"INVALID_JSON":     "JSON 有误",
		"UNKNOWN_DIVISION": "没有此行政区划；可用 jieli division search 查找",
		"TOO_LARGE":        "内容过大",
		"TOO_MANY_CHANGES": "一次变更过多",
		"EXTERNAL_ID_USED": "此首接中心编号已用于另一内容的工单",
		"REQUEST_ID_USED":  "此请求编号已用于另一命令",
		"BAD_REQUEST_ID":   "请求编号有误",
		"REQUEST_TOO_OLD":  "请求编号过旧",

		"RETURN_WINDOW_OVER": "已过退单时限，视为签收，须予办理",

		// Not there.
		"REGION_NOT_FOUND":  "没有此区域",
		"NODE_NOT_FOUND":    "没有此节点",
		"ROUTE_NOT_FOUND":   "没有此路由",
		"SERVICE_NOT_FOUND": "没有此事项",
		"SERVICE_UNKNOWN":   "没有此事项",
		"TICKET_NOT_FOUND":  "没有此工单",
		"IMPORT_NOT_FOUND":  "没有此导入",
		"NO_SUCH_PATH":      "没有此路径",
		"NO_PEER":           "与该区域没有链路",

		// Of tickets.
		"WRONG_STATE":         "工单的状态不允许这样做",
		"NO_PEN":              "工单此刻不由本区域办理",
		"NOT_ORIGIN":          "只有首接区域可以这样做",
		"NO_ROUTE":            "没有规定由谁承办；请用 --to 指定区域，或添加路由",
		"OWN_REGION":          "这是本区域的事项：请直接签收",
		"LOOP":                "该区域已退回过此工单",
		"TOO_MANY_OFFERS":     "转办次数已达上限",
		"SECOND_RETURN":       "已因同一原因退回过",
		"TICKET_FULL":         "工单的内容已达上限",
		"NOT_STOPPED":         "此工单没有停止",
		"NO_TICKETS_HERE":     "本节点只承载登记表，不办理工单",
		"SUSPENDED":           "该区域已暂停，不收新的转办",
		"NO_NODE":             "该区域没有办理工单的节点",
		"PEER_DISK":           "对方磁盘空间不足，暂不收新的转办",
		"PEER_NOT_TAKING":     "对方暂不收新的转办",
		"PEER_RESTORED":       "对方的工单库是旧备份，链路已停",
		"CURSOR_OUT_OF_RANGE": "游标过旧",
		"REQUEST_REQUIRED":    "须先由对方提出请求",

		// Of the registry.
		"NO_REGISTRY":          "本节点还没有登记表：请先建立或加入联盟",
		"NO_QUORUM":            "登记表失去法定多数，此刻不能修改",
		"NOT_A_MEMBER":         "该区域不是成员",
		"NOT_ACTIVE":           "该区域不在正常状态",
		"REVISION_MOVED_ON":    "登记表已被他人修改；请重读后再试",
		"REGION_ID_USED":       "此区域编号已被使用",
		"PREFIX_USED":          "此工单号字头已被使用",
		"ROUTE_TIE":            "与另一路由冲突：同一地点、事项和日期",
		"SERVICE_WORD_USED":    "此名称或别名已属于另一事项",
		"SERVICE_IN_USE":       "此事项仍有路由引用",
		"ROUTES_LEFT":          "仍有路由指向此区域",
		"OPEN_TICKETS":         "仍有在办工单",
		"ALREADY_BOOTSTRAPPED": "联盟已经建立",
		"KEY_DROPPED":          "不能去掉仍在使用的密钥",
		"NODE_BELOW_LEVEL":     "有节点不支持该级别",
		"LEVEL_TOO_HIGH":       "只能提升一级",
		"LEVEL_UNKNOWN":        "本程序不支持登记表的级别",
		"SECOND_TICKETS_NODE":  "该区域已有一个办理工单的节点",
		"OUTCOME_UNKNOWN":      "结果未知：请重试同一请求",

		// Of the node.
		"STARTING":          "节点正在启动",
		"STOPPING":          "节点正在停止",
		"DRAINING":          "节点正在停止",
		"BUSY":              "节点繁忙，请稍后再试",
		"DISK_FULL":         "节点磁盘空间不足，暂不收新工单",
		"DEADLINE_EXCEEDED": "未在时限内完成，但仍可能生效",
		"INTERNAL":          "节点内部错误；详见其日志中的关联号",
	}
}

// Whole tells whether a reason's words say all that its message does.
func Whole(reason string) bool {
	switch reason {
	case "NO_TOKEN", "BAD_TOKEN", "TOKEN_REVOKED", "TOO_MANY_ATTEMPTS", "NO_REGISTRY", "STARTING", "STOPPING", "BUSY":
		return true
	}
	return false
}
