package api

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/jieli-gateway/jieli/gateway/access"
	"github.com/jieli-gateway/jieli/gateway/link"
	jieliv1 "github.com/jieli-gateway/jieli/proto/jieli/v1"
)

const (
	// skewLimit is the difference of clocks from which on somebody should look.
	skewLimit = 5 * time.Second
	// connectingLimit is how long a link may be connecting before somebody should look.
	connectingLimit = 30 * time.Second
	// lagLimit is how many revisions a node may be behind before somebody should look.
	lagLimit = 1000
	// renewalTime is how long before its end a certificate should be renewed.
	renewalTime = 14 * 24 * time.Hour
	// tokenRenewalTime is how long before its end a token that is in use should be renewed.
	tokenRenewalTime = 30 * 24 * time.Hour
	// maxTokensShown bounds the tokens that a status names.
	maxTokensShown = 5
	// maxProblems bounds what a status lists, and maxStoppedShown the tickets named in one problem.
	maxProblems     = 100
	maxStoppedShown = 5
)

// severity orders problems, worst first.
type severity int

const (
	down    severity = iota // no tickets are taken, or there is no registry
	grave                   // something stands still until somebody acts
	careful                 // works, but somebody should look
)

// finding is a problem with how bad it is.
type finding struct {
	severity severity
	problem  *jieliv1.Problem
}

// findings are the problems found.
type findings []finding

func (f *findings) add(more ...finding) { *f = append(*f, more...) }

// health is the word for all of them.
func (f findings) health() jieliv1.Status_Health {
	health := jieliv1.Status_HEALTHY
	for _, one := range f {
		if one.severity == down {
			return jieliv1.Status_DOWN
		}
		health = jieliv1.Status_DEGRADED
	}
	return health
}

// problems lists them, worst first.
func (f findings) problems() []*jieliv1.Problem {
	ordered := slices.Clone(f)
	slices.SortStableFunc(ordered, func(a, b finding) int { return cmp.Compare(a.severity, b.severity) })
	problems := make([]*jieliv1.Problem, 0, min(len(ordered), maxProblems))
	for _, one := range ordered[:min(len(ordered), maxProblems)] {
		problems = append(problems, one.problem)
	}
	return problems
}

// found makes a finding; both texts say what, where and what to do.
func found(s severity, reason, english, chinese string) finding {
	return finding{s, &jieliv1.Problem{Reason: reason, Message: english, MessageZh: chinese}}
}

// since is the finding with the time from which on it is so; nil where that is not known.
func (f finding) since(t *timestamppb.Timestamp) finding {
	f.problem.Since = t
	return f
}

// with is the finding as one about the link with a peer.
func (f finding) with(l *jieliv1.LinkStatus) finding {
	f.problem.Peer, f.problem.DutyPhone = l.GetPeer(), l.GetDutyPhone()
	return f
}

// because is the finding with the reason of a link behind it, and what to do about that.
func (f finding) because(reason string) finding {
	words := link.WordsOf(reason)
	f.problem.Cause, f.problem.Advice, f.problem.AdviceZh = reason, words.Do, words.DoZh
	return f
}

func starting(loading []string, since time.Time) finding {
	what := strings.Join(loading, ", ")
	return found(down, "STARTING",
		"this node is not ready yet: "+what+". Wait; if it lasts, read its log",
		"本节点尚未就绪："+what+"。请稍候；若持续不变，请查看日志").since(timestamppb.New(since))
}

func storeSilent() finding {
	return found(down, "STORE_FAILING",
		"the ticket store does not answer. Look at its disk and at this node's log",
		"工单存储没有响应。请检查磁盘和本节点日志")
}

// ofCertificate finds whether this node's own certificate must be renewed. Without it no peer takes a new connection.
func ofCertificate(end, now time.Time) findings {
	until := end.Local().Format(time.DateTime)
	switch {
	case now.After(end):
		return findings{found(grave, "CERTIFICATE_EXPIRED",
			"this node's certificate expired at "+until+": no peer takes a new connection with it. Renew it with `jieli pki rotate node`; no restart is needed",
			"本节点的证书已于 "+until+" 过期：各方不再接受新连接。请用 `jieli pki rotate node` 更换，无须重启").since(timestamppb.New(end))}
	case end.Sub(now) < renewalTime:
		return findings{found(careful, "CERTIFICATE_EXPIRES",
			"this node's certificate expires at "+until+". Renew it with `jieli pki rotate node`; no restart is needed",
			"本节点的证书将于 "+until+" 到期。请用 `jieli pki rotate node` 更换，无须重启")}
	}
	return nil
}

// ofJoining finds why a node that was told to join is not in the federation yet.
func ofJoining(j *Joining) finding {
	english, chinese := "this node joins a federation through "+j.Address, "本节点正在通过 "+j.Address+" 加入联盟"
	if j.Error != "" {
		english += "; the last try failed: " + j.Error
		chinese += "；最近一次尝试失败：" + j.Error
	}
	f := found(down, "JOINING", english+`. It is tried again by itself (docs/operations.md, "Add a region")`, chinese+"。将自动重试（见 docs/operations.md 的 Add a region 一节）")
	f.problem.Cause, f.problem.Advice, f.problem.AdviceZh = j.Cause, j.Advice, j.AdviceZh
	return f.since(timestamppb.New(j.Since))
}

// ofTokens finds which tokens in use stop working before long, the soonest first: a system whose token ends stands still.
func ofTokens(ending []access.Entry) findings {
	var f findings
	for _, e := range ending[:min(len(ending), maxTokensShown)] {
		day := e.Expires.Local().Format(time.DateOnly)
		f.add(found(careful, "TOKEN_EXPIRES",
			fmt.Sprintf("the token of %s (%s) stops working on %s. Make a new one with `jieli token create`, give it to them, and revoke the old one", e.Name, e.ID, day),
			fmt.Sprintf("%s 的令牌（%s）将于 %s 失效。请用 `jieli token create` 另发并交给使用者，再吊销旧的", e.Name, e.ID, day)))
	}
	return f
}

// ofRegistry finds what is wrong with the registry as this node sees it.
func ofRegistry(r *jieliv1.RegistryStatus) findings {
	if r.GetClusterId() == "" {
		return findings{found(down, "NO_REGISTRY",
			"this node has no registry yet. Start a federation (`jieli serve --bootstrap`) or join one (`jieli serve --join …`; docs/operations.md, \"Add a region\")",
			"本节点还没有登记表。请新建联盟（`jieli serve --bootstrap`）或加入已有联盟（`jieli serve --join …`；见 docs/operations.md 的 Add a region 一节）")}
	}
	var f findings
	if r.GetLeader() == "" {
		f.add(found(careful, "NO_LEADER",
			"no leader of the registry is known. Tickets go on; changes of the registry wait. Look at the links between voters",
			"目前没有登记表主节点。工单照常办理，登记表暂不能修改。请检查各投票节点之间的网络").since(r.GetLastContact()))
	}
	if r.GetStale() {
		f.add(found(grave, "REGISTRY_STALE",
			"the registry here is a last known one: "+r.GetStaleReason()+". Tickets are taken and routed by it; past the registry grace, or when this binary is too old, offers go only to peers with the very same table",
			"本节点的登记表不是最新的："+r.GetStaleReason()+"。仍按其受理和派单；超过宽限期或程序过旧时，只向登记表完全一致的区域转办").since(r.GetLastContact()))
	}
	f.add(ofNodes(r)...)
	return f
}

// ofNodes finds nodes that do not answer or are far behind, and whether a quorum is left.
func ofNodes(r *jieliv1.RegistryStatus) findings {
	var f findings
	var reachable uint32
	for _, node := range r.GetNodes() {
		name := node.GetRegion() + "/" + node.GetName()
		if node.GetVoter() && node.GetReachable() {
			reachable++
		}
		var one finding
		switch {
		case !node.GetReachable():
			one = found(careful, "NODE_UNREACHABLE",
				fmt.Sprintf("node %s at %s does not answer. Phone its region, see `jieli link list`", name, node.GetAddress()),
				fmt.Sprintf("节点 %s（%s）没有响应。请联系该区域值班人员", name, node.GetAddress()))
		case node.GetLag() > lagLimit:
			one = found(careful, "NODE_BEHIND",
				fmt.Sprintf("node %s is %d revisions behind. It catches up by itself; if not, look at its disk and log", name, node.GetLag()),
				fmt.Sprintf("节点 %s 落后 %d 个版次。通常会自行追上；否则请检查其磁盘和日志", name, node.GetLag()))
		default:
			continue
		}
		one.problem.Peer = node.GetRegion()
		f.add(one)
	}
	if len(r.GetNodes()) > 0 && reachable < r.GetQuorum() {
		f.add(found(grave, "NO_QUORUM",
			fmt.Sprintf("%d of %d voters answer and %d are needed. Tickets go on; the registry cannot be changed until voters are back", reachable, r.GetVoters(), r.GetQuorum()),
			fmt.Sprintf("%d/%d 个投票节点有响应，至少需要 %d 个。工单照常办理，恢复之前登记表不能修改", reachable, r.GetVoters(), r.GetQuorum())).since(r.GetLastContact()))
	}
	return f
}

// ofStore finds what is wrong with the ticket store.
func ofStore(s *jieliv1.StoreStatus) findings {
	free := s.GetFreeBytes() >> 20
	switch s.GetDisk() {
	case "HARD_LIMIT":
		return findings{found(down, "DISK_FULL",
			fmt.Sprintf("%d MiB are free on the store's disk, and new tickets are refused. Make room", free),
			fmt.Sprintf("存储磁盘仅剩 %d MiB，已停止接收新工单。请立即清理或扩容", free)).since(s.GetDiskSince())}
	case "SOFT_LIMIT":
		return findings{found(careful, "DISK_LOW",
			fmt.Sprintf("%d MiB are free on the store's disk. Make room before new tickets are refused", free),
			fmt.Sprintf("存储磁盘仅剩 %d MiB。请在停止接收新工单之前清理或扩容", free)).since(s.GetDiskSince())}
	default:
		return nil
	}
}

// ofLink finds what is wrong with one link.
func ofLink(l *jieliv1.LinkStatus, now time.Time) findings {
	f := ofLinkState(l, now)
	if n := len(l.GetStopped()); n > 0 {
		names := stoppedNames(l.GetStopped())
		f.add(found(grave, "TICKETS_STOPPED",
			fmt.Sprintf("%d tickets stand still with %s: %s. Clear up the reason, then `jieli link retry TICKET`", n, l.GetPeer(), names),
			fmt.Sprintf("与 %s 之间有 %d 件工单停滞：%s。查明原因后执行 `jieli link retry 工单号`", l.GetPeer(), n, names)).
			with(l).since(firstStopped(l.GetStopped())))
	}
	if skew := l.GetClockSkew().AsDuration(); skew.Abs() >= skewLimit {
		f.add(found(careful, "CLOCK_SKEW",
			fmt.Sprintf("the clock of %s is %s off ours. Set both by NTP; from 5 minutes on offers are refused", l.GetPeer(), skew.Round(time.Millisecond)),
			fmt.Sprintf("%s 的时钟与本节点相差 %s。请双方校准 NTP；超过 5 分钟转办将被拒收", l.GetPeer(), skew.Round(time.Millisecond))).with(l))
	}
	return f
}

// ofLinkState finds what is wrong with a link as a whole.
func ofLinkState(l *jieliv1.LinkStatus, now time.Time) findings {
	why, whyZh := whyOf(l)
	switch l.GetState() {
	case link.StateUp:
		return ofRestriction(l, why, whyZh)
	case link.StateStopped:
		return findings{found(grave, "LINK_STOPPED",
			fmt.Sprintf("the link with %s has stopped and does not go on by itself: %s. %d items wait", l.GetPeer(), why, l.GetBacklog()),
			fmt.Sprintf("与 %s 的链路已停止，不会自动恢复：%s。待送 %d 条", l.GetPeer(), whyZh, l.GetBacklog())).
			with(l).because(l.GetReason()).since(l.GetSince())}
	case link.StateConnecting:
		if l.GetSince() == nil || now.Sub(l.GetSince().AsTime()) <= connectingLimit {
			return nil
		}
	}
	return findings{found(careful, "LINK_"+l.GetState(),
		fmt.Sprintf("the link with %s is not up: %s. %d items wait; they go when it is back", l.GetPeer(), why, l.GetBacklog()),
		fmt.Sprintf("与 %s 的链路未接通：%s。待送 %d 条，恢复后自动送达", l.GetPeer(), whyZh, l.GetBacklog())).
		with(l).because(l.GetReason()).since(l.GetSince())}
}

// ofRestriction finds why a link that is up carries no new offers. A suspension is a decision, not a problem.
func ofRestriction(l *jieliv1.LinkStatus, why, whyZh string) findings {
	s := careful
	switch l.GetReason() {
	case "", link.ReasonSuspended:
		return nil
	case link.ReasonDiverged:
		s = grave
	}
	return findings{found(s, l.GetReason(),
		fmt.Sprintf("nothing new is offered to %s: %s", l.GetPeer(), why),
		fmt.Sprintf("暂不向 %s 转办：%s", l.GetPeer(), whyZh)).
		with(l).because(l.GetReason()).since(l.GetSince())}
}

// whyOf says why a link is not up: the code, what it means, and what was found.
func whyOf(l *jieliv1.LinkStatus) (english, chinese string) {
	words := link.WordsOf(l.GetReason())
	english, chinese = l.GetReason(), l.GetReason()
	if words.Means != "" {
		english += ", " + words.Means
		chinese += "，" + words.MeansZh
	}
	if l.GetMessage() != "" && l.GetMessage() != words.Means {
		english += " (" + l.GetMessage() + ")"
		chinese += "（" + l.GetMessage() + "）"
	}
	if english == "" {
		return "it has not been tried yet", "尚未尝试"
	}
	return english, chinese
}

// firstStopped is since when the first of them stands still.
func firstStopped(stopped []*jieliv1.StoppedTicket) *timestamppb.Timestamp {
	var first *timestamppb.Timestamp
	for _, t := range stopped {
		if since := t.GetSince(); since != nil && (first == nil || since.AsTime().Before(first.AsTime())) {
			first = since
		}
	}
	return first
}

// stoppedNames names the first few tickets that stand still.
func stoppedNames(stopped []*jieliv1.StoppedTicket) string {
	var names []string
	for _, t := range stopped[:min(len(stopped), maxStoppedShown)] {
		names = append(names, t.GetTicketId()+" "+t.GetReason())
	}
	if len(stopped) > maxStoppedShown {
		names = append(names, "…")
	}
	return strings.Join(names, ", ")
}
