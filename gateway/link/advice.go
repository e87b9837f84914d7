package link

// Words are what a reason means and what to do about it, in English and Chinese. They are halves of sentences: no
// capital, no full stop.
type Words struct {
	Means, MeansZh string
	Do, DoZh       string
}

// WordsOf gives the words for the reason why a link is not up, or is up with a restriction. Reasons it does not know
// have none.
func WordsOf(reason string) Words {
	if w, ok := reachWords()[reason]; ok {
		return w
	}
	if w, ok := memberWords()[reason]; ok {
		return w
	}
	return exchangeWords()[reason]
}

// reachWords are about reaching the peer at all.
func reachWords() map[string]Words {
	return map[string]Words{
		ReasonDNS: {
			"its name is not known to DNS", "域名解析查不到其主机名",
			"check the address in `jieli node list` and this machine's DNS", "核对 `jieli node list` 中的地址和本机的域名解析设置",
		},
		ReasonRefused: {
			"its machine answers, but nothing listens at the port", "对方主机有响应，但该端口无人监听",
			"phone them: the node is stopped, or listens elsewhere; check the port in `jieli node list`", "请电话联系对方：节点已停止或监听在别处；核对 `jieli node list` 中的端口",
		},
		ReasonTimeout: {
			"nothing comes back from its address", "对方地址没有任何回应",
			"a firewall, the network between, or their machine is off; if others reach them, look at our own firewall first", "可能是防火墙、中间网络或对方主机关机；若其他区域能连通，请先查本方防火墙",
		},
		ReasonUnreachable: {
			"there is no network route to its address", "到对方地址没有网络路由",
			"ask the network people on this side", "请联系本方网络管理人员",
		},
		ReasonNotANode: {
			"something that is no Jieli node answers at its address", "该地址上应答的不是接力节点",
			"check the port in `jieli node list`; ask them what listens there", "核对 `jieli node list` 中的端口，并询问对方该端口上运行的是什么",
		},
		ReasonCertificate: {
			"one side does not take the other's certificate", "一方不接受另一方的证书",
			"`jieli pki show` on both sides says when certificates expire; renew with `jieli pki rotate node`. `bad certificate` also means that a node was removed from the registry: see `jieli node list` there, and have the bootstrap region's admin set it again",
			"双方用 `jieli pki show` 查看到期时间；用 `jieli pki rotate node` 更换。`bad certificate` 也可能是节点已从登记表移除：请对方查看 `jieli node list`，并由发起区域的管理员重新登记",
		},
		ReasonBroken: {
			"the connection was lost", "连接中断",
			"it is tried again by itself; if it lasts, phone them and run `jieli link test`", "系统会自动重试；若持续不通，请电话联系对方并执行 `jieli link test`",
		},
		ReasonNoAddress: {
			"it has no node that runs tickets", "该区域没有承办工单的节点",
			"their admin, or the bootstrap region's admin, sets one with `jieli node set`", "由对方或发起区域的管理员用 `jieli node set` 设置",
		},
		ReasonDraining: {
			"they are stopping, or restarting, in an orderly way", "对方正在有序停机或重启",
			"wait; if it lasts, phone them", "请等待；若持续不恢复，请电话联系对方",
		},
	}
}

// memberWords are about what the registry says of the peer.
func memberWords() map[string]Words {
	return map[string]Words{
		ReasonNotMember: {
			"one of the two is no active member of the federation", "双方之一不是联盟的有效成员",
			"see `jieli region list` on both sides; a node that has just joined may have to catch up", "双方查看 `jieli region list`；刚加入的节点可能尚未同步完成",
		},
		ReasonPending: {
			"it asked to join and has not been approved", "该区域已申请加入，尚未批准",
			"the bootstrap region approves it with `jieli region approve`", "由发起区域用 `jieli region approve` 批准",
		},
		ReasonSuspended: {
			"the region is suspended: what is under way finishes, nothing new is offered", "该区域已被暂停：在途工单继续办结，不再新转办",
			"a decision, not a fault; `jieli region resume` ends it", "这是管理决定而非故障；用 `jieli region resume` 恢复",
		},
		ReasonRetired: {
			"the region has left the federation", "该区域已退出联盟",
			"nothing to do", "无须处理",
		},
		ReasonRevoked: {
			"the region has been cut off", "该区域已被吊销",
			"ask the bootstrap region why", "请向发起区域了解原因",
		},
		ReasonWrongCluster: {
			"it belongs to another federation", "对方属于另一个联盟",
			"compare the cluster id of `jieli status` by phone: one side was started with --bootstrap instead of --join, or runs on another data directory", "电话核对双方 `jieli status` 的联盟编号：一方可能误用了 --bootstrap 而非 --join，或用了别的数据目录",
		},
		ReasonVersion: {
			"the two have no link version in common that policy allows", "双方没有规定允许的共同链路版本",
			"upgrade the older side; see `jieli version` and the link version floor of `jieli policy show`", "升级较旧的一方；参见 `jieli version` 和 `jieli policy show` 的链路版本下限",
		},
		ReasonDiverged: {
			"its registry differs from ours at the same revision: nothing new is offered", "双方登记表在同一版次上内容不同：不再新转办",
			"alarm: keep both data directories and report it", "严重：请保留双方的数据目录并上报",
		},
		ReasonBehind: {
			"a newer registry is needed and on its way", "需要更新的登记表，正在同步",
			"wait; if it lasts, look at the registry in `jieli status`", "请等待；若持续不变，请查看 `jieli status` 中的登记表",
		},
	}
}

// exchangeWords are about the exchange itself.
func exchangeWords() map[string]Words {
	return map[string]Words{
		ReasonPeerRestored: {
			"they run on an older copy of their store than we have seen", "对方的工单库是旧副本，比我方见过的更旧",
			"phone them: is there a newer copy? docs/operations.md, An old copy of a store", "请电话联系对方，询问有无更新的副本；见 docs/operations.md 的 An old copy of a store",
		},
		ReasonSelfRestored: {
			"this node runs on an older copy of its store than they have seen", "本节点的工单库是旧副本，比对方见过的更旧",
			"stop this node and put the newest copy there; docs/operations.md, An old copy of a store", "停止本节点并换上最新的副本；见 docs/operations.md 的 An old copy of a store",
		},
		ReasonPeerDisk: {
			"their disk is nearly full: they take no new offers", "对方磁盘将满：不接受新转办",
			"phone them to make room; tickets for them wait here as UNROUTED", "请电话联系对方清理磁盘；转给对方的工单在此等待（UNROUTED）",
		},
		ReasonReplaced: {
			"another stream of the link takes over", "链路正由另一条连接接管",
			"wait", "请等待",
		},
		ReasonProtocol: {
			"one side sent what the protocol does not allow", "一方发送了协议不允许的内容",
			"read both nodes' logs and report it", "查看双方节点日志并上报",
		},
		ReasonTooLarge: {
			"a message is larger than allowed", "消息超过允许的大小",
			"read both nodes' logs and report it", "查看双方节点日志并上报",
		},
		ReasonTooManyStopped: {
			"too many tickets stand still", "停滞的工单过多",
			"clear up why, then `jieli link retry TICKET`", "查明原因后执行 `jieli link retry 工单号`",
		},
		ReasonStore: {
			"this node could not read or write its store", "本节点无法读写工单库",
			"look at its disk and log", "检查本节点的磁盘和日志",
		},
		ReasonNotReady: {
			"its node is still starting, or runs no tickets", "对方节点仍在启动，或不承办工单",
			"wait; if it lasts, phone them", "请等待；若持续不变，请电话联系对方",
		},
	}
}
