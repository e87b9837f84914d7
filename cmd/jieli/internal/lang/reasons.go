package lang

import "strings"

// reason is what a reason of the API's errors means.
type reason struct {
	// means is what docs/api.md says it means; a test holds the two together, so that the Chinese is looked at again when
	// the meaning changes.
	means string
	// chinese says the same in words for people who work with the command line.
	chinese string
}

// reasons are those of docs/api.md, in its order.
func reasons() map[string]reason {
	return map[string]reason{
		// Of the call.
		"NO_TOKEN":           {"no token and no client certificate that is known here", "缺少访问令牌：用 --token-file 指定令牌文件，或设 JIELI_TOKEN；令牌由节点上的 jieli token create 生成"},
		"BAD_TOKEN":          {"no token of this node, or not `Bearer jieli_…`", "访问令牌不是本节点所发；请完整使用本节点 jieli token create 显示的令牌"},
		"TOKEN_EXPIRED":      {"it has expired: have another made", "访问令牌已过期；请由管理员另发（jieli token create）"},
		"TOKEN_REVOKED":      {"it was revoked", "访问令牌已被吊销；请由管理员另发（jieli token create）"},
		"TOO_MANY_ATTEMPTS":  {"too many bad tokens from this address", "无效令牌尝试过多，请稍后用有效令牌再试"},
		"ROLE_REQUIRED":      {"the token has none of the roles named", "令牌没有所需的角色"},
		"OPERATOR_REQUIRED":  {"a system must name the person in `Jieli-Operator`", "系统令牌须指明所代表的经办人（--operator）"},
		"INVALID_OPERATOR":   {"`Jieli-Operator` is too long, not percent-encoded UTF-8, or there twice", "经办人姓名无效"},
		"NO_RULE":            {"nobody may call this method", "此方法不对任何人开放"},
		"WRONG_PORT":         {"the method is of the federation's port", "此方法只在联盟端口上提供"},
		"NO_SUCH_PATH":       {"nothing is served at this path", "没有此路径"},
		"METHOD_NOT_ALLOWED": {"the path takes other methods: see `Allow`", "此路径不接受该 HTTP 方法"},
		"INVALID_FIELD":      {"fields break a rule; each is named with its rule", "字段有误"},
		"INVALID_ARGUMENT":   {"a path or query parameter cannot be read", "请求参数有误"},
		"INVALID_JSON":       {"the body is not the JSON of this message; the place is named", "JSON 有误"},
		"INVALID_UTF8":       {"the body is not UTF-8; the byte is named", "内容不是 UTF-8"},
		"MALFORMED_MESSAGE":  {"over gRPC: not a message of this type", "不是此类消息"},
		"INVALID_PAGE_TOKEN": {"no token of an answer here, or of a list with other filters", "翻页标记无效；请去掉它重新开始"},
		"BODY_INCOMPLETE":    {"the body ended early or came too slowly", "请求内容不完整或到达过慢"},
		"BODY_TOO_LARGE":     {"more than 1 MiB (HTTP 413)", "请求内容过大"},
		"CANCELLED":          {"the caller went away", "调用方已离开"},
		"DEADLINE_EXCEEDED":  {"not done in time; it may still happen", "未在时限内完成，但仍可能生效"},
		"READER_GONE":        {"a reader of the stream did not take an event in time", "读取方未及时取走条目"},

		// Of the node.
		"STARTING":        {"still loading; `/readyz` says what", "节点正在启动，请稍后再试"},
		"DRAINING":        {"stopping: a long call was ended", "节点正在停止，长连接已结束"},
		"STOPPING":        {"stopping: nothing was done", "节点正在停止，未作任何修改"},
		"CLOSING":         {"the same, of its registry", "节点的登记表正在停止，未作任何修改"},
		"BUSY":            {"too many changes are waiting", "节点繁忙，请稍后再试"},
		"DISK_FULL":       {"below the hard limit of free disk: no new tickets; commands on others go on", "节点磁盘空间不足，暂不收新工单"},
		"DISK_STALLED":    {"its disk does not answer and nobody else leads", "节点磁盘无响应，且没有其他主节点"},
		"OUTCOME_UNKNOWN": {"the call ended before it was known whether the change is durable", "结果未知：请重试同一请求"},
		"NO_TICKETS_HERE": {"this node carries the registry only", "本节点只承载登记表，不办理工单"},
		"NO_REGISTRY":     {"it is in no federation yet", "本节点还没有登记表：请先建立或加入联盟"},
		"NOT_A_MEMBER":    {"its region is not in the registry it has; of a change, `FAILED_PRECONDITION`", "该区域不在登记表中"},
		"NO_QUORUM":       {"the registry cannot be changed now; the voters missing are named. Nothing was changed", "登记表失去法定多数，此刻不能修改"},
		"LEVEL_UNKNOWN":   {"the registry is at a level that this binary does not know: upgrade the node", "本程序不支持登记表的级别，请升级节点"},

		// Of tickets and the feed.
		"TICKET_NOT_FOUND":    {"no such ticket at this node", "没有此工单"},
		"EXTERNAL_ID_USED":    {"the number belongs to a ticket with other content", "此首接中心编号已用于另一内容的工单"},
		"REQUEST_ID_USED":     {"the id was used for another command", "此请求编号已用于另一命令"},
		"EVENT_MOVED_ON":      {"the ticket is not at `expectedEvent` any more", "工单已有新的流转；请重读后再定"},
		"UNKNOWN_DIVISION":    {"no such place; of a look-up, `NOT_FOUND`", "没有此行政区划；可用 jieli division search 查找"},
		"WRONG_STATE":         {"not in this state; the message says in which", "现在的状态不允许这样做"},
		"NO_PEN":              {"another region has the ticket", "工单此刻不由本区域办理"},
		"NOT_ORIGIN":          {"only the region that took the call may", "只有首接区域可以这样做"},
		"PEN_MISUSED":         {"the region had no right to this step", "该区域无权作此流转"},
		"RETURN_WINDOW_OVER":  {"the time to return it is over: it counts as accepted", "已过退单时限，视为签收，须予办理"},
		"REQUEST_REQUIRED":    {"only at the origin's request", "须先由首接区域提出请求"},
		"OWN_REGION":          {"it would be offered to the region that offers it: accept it instead", "这是本区域自己"},
		"LOOP":                {"that region returned it in this round already", "该区域本轮已退回过此工单；请转办给其他区域，或自行签收"},
		"SECOND_RETURN":       {"returned twice in this round: it is in arbitration", "本轮已退回两次，待裁定"},
		"TOO_MANY_OFFERS":     {"five offers were delivered in this round", "本轮转办次数已达上限"},
		"WRONG_BASIS":         {"an offer on this basis cannot follow", "不能以此依据转办"},
		"WRONG_ROUND":         {"a step of another round", "该流转属于另一轮次"},
		"TICKET_FULL":         {"too many or too long texts to take another note, offer or round; it can still be answered and closed", "工单的内容已达上限，只能答复和办结"},
		"NO_ROUTE":            {"no rule says who serves it; of a look-up, `NOT_FOUND`", "没有规定由谁承办；请用 --to 指定区域，或添加路由"},
		"NO_NODE":             {"the region has no node that takes tickets", "该区域没有办理工单的节点"},
		"SUSPENDED":           {"the region, or this one, takes and makes no offers now", "已暂停的区域不收也不发新的转办"},
		"PEER_NOT_TAKING":     {"the region's node takes no offers now", "对方节点暂不收新的转办"},
		"PEER_UNCONFIRMED":    {"the ticket is shared with a region not heard from since this node started", "工单与某区域共有，而本节点启动后尚无该区域音讯"},
		"REGISTRY_UNCERTAIN":  {"this node's table is too old, or differs from the other region's", "本节点的路由表过旧，或与对方的不一致"},
		"TOO_MANY_REQUESTS":   {"too many recalls, withdrawals and notes wait for that region", "待该区域处理的收回、撤单和备注过多"},
		"CURSOR_OUT_OF_RANGE": {"the feed cannot go on from this cursor", "不能从此游标继续；请读取全部工单后重新开始"},

		// Of the registry.
		"REVISION_MOVED_ON":    {"the registry is not at `expectedRevision` any more", "登记表已被他人修改；请重读后再试"},
		"BAD_REQUEST_ID":       {"not a UUIDv7 made about now", "请求编号有误"},
		"REQUEST_TOO_OLD":      {"the id is older than is remembered: nobody can tell whether it was applied", "请求编号过旧，无从得知是否已生效"},
		"NOT_YOUR_ENTRY":       {"it belongs to another region", "这属于另一区域，本区域不能修改"},
		"SPEAKS_FOR_ANOTHER":   {"a node changes things in its own region's name only", "节点只能以本区域的名义修改"},
		"NOT_ACTIVE":           {"the region is not active, so it changes nothing", "区域不在正常状态，不能作任何修改"},
		"REGION_NOT_FOUND":     {"no such region", "没有此区域"},
		"NODE_NOT_FOUND":       {"no such node", "没有此节点"},
		"ROUTE_NOT_FOUND":      {"no such route", "没有此路由"},
		"SERVICE_NOT_FOUND":    {"no such service", "没有此事项"},
		"SERVICE_UNKNOWN":      {"of a look-up: no service has this code, name or alias", "没有此代码、名称或别名的事项"},
		"DIVISION_SPLIT":       {"a retired place whose successors lie in different regions", "此区划已撤销，其后继区划分属不同区域；请指明其中之一"},
		"REGION_ID_USED":       {"ids are never used again", "此区域编号已用过，编号不重复使用"},
		"PREFIX_USED":          {"another region's number prefix", "此工单号前缀已属于另一区域"},
		"SERVICE_WORD_USED":    {"another service has this name or alias", "此名称或别名已属于另一事项"},
		"ROUTE_TIE":            {"another route would tie with it on some days", "与另一路由冲突：同一地点、事项和日期"},
		"SERVICE_IN_USE":       {"routes name it", "此事项仍有路由引用"},
		"ROUTES_LEFT":          {"routes still lead to the region", "仍有路由指向此区域"},
		"OPEN_TICKETS":         {"the region has open tickets, or has not said how many", "该区域仍有在办工单，或尚未申报件数"},
		"WOULD_LOSE_QUORUM":    {"votes would be lost that nobody can take over", "会失去无人可接替的投票，登记表将没有法定多数"},
		"BOOTSTRAP_REGION":     {"the region that made the federation stays until members vote", "发起区域不能暂停或退出"},
		"SECOND_TICKETS_NODE":  {"another node of the region runs tickets", "该区域已有一个办理工单的节点"},
		"KEY_DROPPED":          {"signing keys stay: what they signed stays valid", "签名密钥须保留：其所签内容仍然有效"},
		"NODE_BELOW_LEVEL":     {"a node is too old for the level: upgrade it first", "有节点不支持该级别，请先升级"},
		"LEVEL_TOO_HIGH":       {"the change belongs to a higher level: raise it first", "此修改属于更高级别，请先提升登记表级别"},
		"ALREADY_BOOTSTRAPPED": {"the federation exists", "联盟已经建立"},
		"NOT_BOOTSTRAPPED":     {"it does not yet", "联盟尚未建立"},
		"IMPORT_NOT_FOUND":     {"no such import is under way", "没有此导入，请重新开始"},
		"CHUNK_OUT_OF_ORDER":   {"another part of the import comes next", "导入的下一段不是这一段"},
		"CHUNK_MISSING":        {"the import has fewer parts than it says", "导入的段数少于所说"},
		"TOO_MANY_IMPORTS":     {"finish or abandon one", "同时进行的导入过多；请先完成或放弃一个"},
		"TOO_MANY_CHANGES":     {"more routes in a change, or parts in an import, than it may have", "一次变更或导入的路由过多"},
		"TOO_MANY_REGIONS":     {"the federation is full", "联盟的区域数已达上限"},
		"TOO_MANY_NODES":       {"the region has eight", "该区域已有八个节点"},
		"TOO_MANY_ROUTES":      {"the registry is full", "登记表的路由数已达上限"},
		"TOO_MANY_SERVICES":    {"the registry is full", "登记表的事项数已达上限"},
		"COMMAND_TOO_LARGE":    {"a change of more than 1 MiB", "一次修改过大（超过 1 MiB）"},
		"NOT_STOPPED":          {"nothing of this ticket stands still", "此工单没有停止"},
		"TOO_MANY_TESTS":       {"tests of links are under way already", "正在进行的链路测试过多，请稍后再试"},
	}
}

// Reasons say in words what the reasons of the API's errors mean. In English its messages do.
func Reasons() Chinese {
	all := Chinese{}
	for name, r := range reasons() {
		all[name] = r.chinese
	}
	return all
}

// context is where a reason means something narrower: where the message begins, or, after a *, goes on like this.
type context struct{ reason, message, chinese string }

func contexts() []context {
	return []context{
		{"WRONG_STATE", "region ", "区域现在的状态不允许这样做"},
		{"WRONG_STATE", "*the ticket is ", "工单现在的状态不允许这样做"},
		{"OWN_REGION", "*accepts the ticket", "这是本区域的事项：请直接签收"},
		{"OWN_REGION", "*accept it", "这是本区域的事项：请直接签收"},
		{"OWN_REGION", "*name another one", "这是本节点所在的区域：请指定其他区域"},
		{"OPEN_TICKETS", "*must declare its open tickets", "该区域尚未申报在办工单件数"},
		{"OPEN_TICKETS", "*open tickets; finish them", "该区域仍有在办工单"},
		{"NO_TICKETS_HERE", "retire region ", "请在该区域办理工单的节点上执行，由其清点在办工单"},
		{"NO_ROUTE", "no region serves ", "没有规定由谁承办；可用 jieli route set 添加路由"},
	}
}

// Meaning gives the Chinese of a reason where a message goes with it, and whether it is known.
func Meaning(name, message string) (string, bool) {
	for _, c := range contexts() {
		part, anywhere := strings.CutPrefix(c.message, "*")
		if c.reason == name && (strings.HasPrefix(message, part) || anywhere && strings.Contains(message, part)) {
			return c.chinese, true
		}
	}
	r, ok := reasons()[name]
	return r.chinese, ok
}

// English gives what the API says with a reason in the words of the command line, where the API speaks of HTTP, or the
// message itself.
func English(name, message string) string {
	switch name {
	case "NO_TOKEN":
		return "no access token: name its file with --token-file, or set JIELI_TOKEN; `jieli token create` on the node makes one"
	case "OPERATOR_REQUIRED":
		return strings.Replace(message, "in the header Jieli-Operator", "with --operator", 1)
	}
	return message
}

// Whole tells whether a reason's words say all that its message does.
func Whole(reason string) bool {
	switch reason {
	case "NO_TOKEN", "BAD_TOKEN", "TOKEN_REVOKED", "TOO_MANY_ATTEMPTS", "NO_REGISTRY", "STARTING", "STOPPING", "CLOSING", "BUSY",
		"OUTCOME_UNKNOWN", "REQUEST_TOO_OLD", "BODY_INCOMPLETE", "NO_SUCH_PATH":
		return true
	}
	return false
}
