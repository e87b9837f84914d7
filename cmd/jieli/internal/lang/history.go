package lang

// ChangeKinds are the kinds of changes in the registry's history.
func ChangeKinds() Chinese {
	return Chinese{
		"FEDERATION_STARTED": "联盟建立",
		"REGION_REGISTERED":  "区域登记",
		"REGION_UPDATED":     "区域登记变更",
		"REGION_APPROVED":    "批准区域",
		"REGION_SUSPENDED":   "暂停区域",
		"REGION_RESUMED":     "恢复区域",
		"REGION_RETIRED":     "区域退出",
		"REGION_REVOKED":     "切断区域",
		"NODE_ADDED":         "新增节点",
		"NODE_CHANGED":       "节点变更",
		"NODE_REMOVED":       "移除节点",
		"NODE_REPORTED":      "节点上报版本",
		"ROUTES_CHANGED":     "路由变更",
		"ROUTES_IMPORTED":    "路由导入",
		"SERVICES_CHANGED":   "事项变更",
		"POLICY_CHANGED":     "规定变更",
		"LEVEL_RAISED":       "级别提升",
	}
}

// ChangeFields are the fields that a change names.
func ChangeFields() Chinese {
	return Chinese{
		"address":          "地址",
		"aliases":          "别名",
		"bundle":           "CA",
		"cluster":          "城市群",
		"dataContact":      "数据联系人",
		"documentNumber":   "文件号",
		"dutyPhone":        "值班电话",
		"emergency":        "紧急电话",
		"legalName":        "法定名称",
		"level":            "级别",
		"linkVersionFloor": "链路版本下限",
		"nameEn":           "英文名",
		"nameZh":           "中文名",
		"numberPrefix":     "工单号前缀",
		"raft":             "登记表",
		"region":           "区域",
		"registryGrace":    "登记表宽限",
		"requestIds":       "请求编号数",
		"signingKeys":      "签名密钥",
		"state":            "状态",
		"successor":        "接替区域",
		"tickets":          "工单",
		"validTo":          "截止日",
		"version":          "程序版本",
	}
}

// RouteReasons say why a route wins, loses or never wins, and what else a check finds.
func RouteReasons() Chinese {
	return Chinese{
		"WINS":                  "生效",
		"SHORTER_PREFIX":        "有更细的区划",
		"LESS_SPECIFIC_SERVICE": "有更细的事项",
		"NOT_YET_VALID":         "尚未生效",
		"EXPIRED":               "已过期",
		"SUCCESSORS_DIFFER":     "后继区划承办不一",
		"SHADOWED":              "被更细的路由全部覆盖",
		"UNKNOWN_DIVISION":      "没有此区划",
		"UNSERVED":              "无人承办",
		"NEVER_WINS":            "不会生效",
	}
}
