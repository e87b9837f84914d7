package show

// headings are the Chinese of table headings.
var headings = map[string]string{
	"ID": "编号", "NAME": "名称", "REGION": "区域", "STATE": "状态", "CLUSTER": "协同区域", "DUTY PHONE": "值班电话",
	"REVISION": "版本", "CHANGED BY": "修改人", "NODE": "节点", "ADDRESS": "地址", "RAFT": "登记表", "TICKETS": "工单",
	"LEVEL": "级别", "VERSION": "程序版本", "DIVISION": "行政区划", "SERVICE": "事项", "FROM": "起始日", "TO": "截止日",
	"CODE": "代码", "CHINESE": "中文名", "ENGLISH": "英文名", "EMERGENCY": "紧急电话", "ALIASES": "别名", "KIND": "类型",
	"FULL NAME": "全称", "PARENT": "上级", "NUMBER": "工单号", "ORIGIN": "首接区域", "HOLDER": "承办区域", "OFFERED TO": "转办至",
	"TYPE": "类型", "TITLE": "标题", "UPDATED": "更新时间", "EVENT": "流转", "AUTHOR": "经办区域", "TIME": "时间", "DETAIL": "说明",
	"PEER": "对方", "REASON": "原因", "SINCE": "起于", "BACKLOG": "待送", "OLDEST": "最早", "ROUND TRIP": "往返时延", "PHONE": "电话",
	"VOTER": "投票", "REACHABLE": "可达", "LAG": "落后", "ROLES": "角色", "EXPIRES": "到期", "WHY": "原因", "FIELD": "字段", "VALUE": "值",
	"CHANGE": "变更", "KEY": "键", "SOURCE": "来源", "LINE": "行", "RESULT": "结果", "SKEW": "时钟差",
}
