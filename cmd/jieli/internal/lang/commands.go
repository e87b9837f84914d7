package lang

// commands are the one-line descriptions of commands.
func commands() map[string]string {
	return map[string]string{
		"接力 Jieli: hand hotline tickets from region to region":           "接力 Jieli：跨区域转办热线工单",
		"Measure this machine with real processes, fsync and mutual TLS": "以真实进程、落盘和双向 TLS 测量本机性能",
		"Submit to receipt: a whole hand-off between two regions":        "从提交到回执：两区域间一次完整转办",
		"Registry writes agreed by three voters":                         "三个投票节点一致的登记表写入",
		"Look-ups in a table of 700,000 rules":                           "在 700,000 条路由中查询",
		"Durable updates of the ticket store":                            "工单库的落盘更新",
		"Show help about any command":                                    "显示某个命令的帮助",
		"Print a script that lets a shell complete what is typed":        "输出 shell 补全脚本",
		"Write the manual pages":                                         "写出手册页",

		"Check, show and begin configurations":                              "检查、显示和新建配置",
		"Say what is wrong with a configuration, by file, line and key":     "按文件、行和键指出配置的错误",
		"Write a commented configuration to begin with":                     "写出带注释的初始配置",
		"Show the effective configuration, and where each value comes from": "显示生效的配置及每个值的来源",

		"Start three regional centres here and play a day's complaints across them": "在本机启动三个区域中心，演示一天的跨区域诉求",
		"Run a node": "运行节点",
		"Say how this node, the registry and all links are":  "显示本节点、登记表和各链路的状况",
		"Show the version of this binary and what it speaks": "显示程序版本及其支持的协议",

		"Make and show this region's keys and certificates":                 "生成和显示本区域的密钥与证书",
		"Make a region's CA, signing key and content key":                   "生成区域的 CA、签名密钥和内容密钥",
		"Issue a node's certificate":                                        "签发节点证书",
		"Show what a federation must know of this region and node":          "显示联盟须知的本区域与节点信息",
		"Replace a key or certificate; old ones stay where they are needed": "更换密钥或证书；仍需要的旧件会保留",

		"Give and take access to this node's API":                 "授予和收回本节点接口的访问权",
		"Make a token for a person or a system; it is shown once": "为人员或系统生成令牌；只显示一次",
		"List tokens, without their secrets":                      "列出令牌（不含密文）",
		"Make a token useless, at once":                           "立即吊销令牌",

		"Register regions and say who is a member": "登记区域，管理成员资格",
		"List regions":                                                   "列出区域",
		"Show one region with its nodes":                                 "显示一个区域及其节点",
		"Register a region as pending, with its first nodes":             "登记区域及其首批节点（待批准）",
		"Replace this region's own entry, from `jieli pki show -o json`": "用 `jieli pki show -o json` 的输出更新本区域登记",
		"Make a pending region a member":                                 "批准待定区域成为成员",
		"Stop new offers to and from a region":                           "停止与某区域之间的新转办",
		"Make a suspended region active again":                           "恢复被暂停的区域",
		"End a membership; this cannot be undone":                        "终止成员资格；不可撤销",
		"Cut a compromised region off at once; this cannot be undone":    "立即切断密钥已泄露的区域；不可撤销",

		"Register the nodes of regions": "登记各区域的节点",
		"List nodes":                    "列出节点",
		"Register a node, or change one; what no flag names stays as it is": "登记节点或修改已登记的节点；未指定的保持不变",
		"Remove a node from the registry":                                   "从登记表移除节点",

		"Say who serves which place and which kind of matter": "规定何地、何事由谁承办",
		"Say who serves a place and a kind of matter":         "查询某地某事由谁承办",
		"List routes":      "列出路由",
		"Set one route":    "设置一条路由",
		"Delete one route": "删除一条路由",
		"Bring the routes to what a file says, all at once":     "按文件一次性更新路由",
		"Print all routes as CSV, as import takes them":         "以 CSV 输出全部路由，可供导入",
		"List divisions nobody serves and rules that never win": "列出无人承办的行政区划和从不生效的路由",

		"Keep the catalogue of services":        "维护事项目录",
		"List services":                         "列出事项",
		"Set a service":                         "设置事项",
		"Delete a service that no route names":  "删除没有路由引用的事项",
		"Find administrative divisions":         "查找行政区划",
		"Show one division":                     "显示一个行政区划",
		"Find divisions by name or code prefix": "按名称或代码前缀查找行政区划",

		"Show and change what holds for the whole federation":        "显示和修改全联盟的规定",
		"Show the policy and the registry's level":                   "显示规定和登记表级别",
		"Change the policy; what no flag names stays as it is":       "修改规定；未指定的保持不变",
		"Raise the registry's level once every active node knows it": "所有在用节点都支持后，提升登记表级别",

		"Submit tickets and act on them":                      "提交和办理工单",
		"Submit a ticket: JSON {\"ticket\":{…}}":              "提交工单：JSON {\"ticket\":{…}}",
		"Submit tickets from a file of JSON lines":            "从 JSON 行文件批量提交工单",
		"List tickets, newest change last":                    "列出工单，最近更新的在后",
		"Show one ticket with its life so far":                "显示一件工单及其流转",
		"Offer a ticket to a region, or by the routing table": "转办给指定区域，或按路由转办",
		"Sign for a ticket":                                   "签收工单",
		"Return a ticket to its origin":                       "退回首接区域",
		"Add a note that the regions concerned see":           "添加各相关区域可见的备注",
		"Answer a ticket":                                     "答复工单",
		"Close an answered ticket after follow-up":            "回访后办结已答复的工单",
		"Open a ticket again, and say why":                    "重办工单并说明原因",
		"Take a ticket back at the caller's wish":             "应诉求人要求撤单",
		"Recall an offer that is not yet accepted":            "收回尚未签收的转办",

		"See and mend the links with other regions":                                            "查看和修复与其他区域的链路",
		"Show each link: state, reason, backlog, oldest, round trip, whom to phone":            "显示各链路：状态、原因、待送、最早、时延、联系电话",
		"Try to reach a region step by step, and say where it fails":                           "逐步试连某区域，并指出在哪一步失败",
		"Judge the kept items of a stopped ticket again":                                       "重新判定已停止工单所保留的条目",
		"Go on with tickets shared with a region that has not been heard from since the start": "启动后尚无某区域音讯时，仍继续办理与其共有的工单",

		// What examples say.
		"after it stopped there": "停在该处之后",
		"at a member":            "在成员处",
		"it has moved":           "已迁移",
		"at the newcomer":        "在新加入者处",
		"every session":          "每次登录",
		"this session":           "本次登录",
	}
}
