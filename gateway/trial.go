package gateway

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/connectivity"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/status"

	"github.com/jieli-gateway/jieli/federation/trust"
	"github.com/jieli-gateway/jieli/gateway/link"
	jieliv1 "github.com/jieli-gateway/jieli/proto/jieli/v1"
)

// expiresSoon is how long before its end a certificate is spoken of.
const expiresSoon = 14 * 24 * time.Hour

// trial is one node being tried. Each step leaves to the next what it has reached.
type trial struct {
	*linkTester
	member link.Member
	node   *jieliv1.Node

	port  string
	hosts []netip.Addr
	raw   net.Conn
	// secured is raw after the handshake, or why one of our checks of the other side failed.
	secured *watchedConn
	info    credentials.AuthInfo
	refusal error
	grpc    *grpc.ClientConn
	answer  *jieliv1.ProbeResponse
}

func (r *trial) close() {
	if r.grpc != nil {
		_ = r.grpc.Close() // it was used for one question only
	}
	switch {
	case r.secured != nil:
		_ = r.secured.Close() // most often closed already, with what was around it
	case r.raw != nil:
		_ = r.raw.Close()
	}
}

// name finds the addresses of the node.
func (r *trial) name(ctx context.Context) outcome {
	if r.node.GetAddress() == "" {
		return outcome{reason: link.ReasonNoAddress}
	}
	host, port, err := net.SplitHostPort(r.node.GetAddress())
	if err != nil {
		return outcome{reason: link.ReasonNoAddress, details: link.Clip(err.Error())}
	}
	r.port = port
	if ip, err := netip.ParseAddr(host); err == nil {
		r.hosts = []netip.Addr{ip}
		return outcome{en: "an IP address: no name to look up", zh: "是 IP 地址，无须查名"}
	}
	r.hosts, err = net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	if err != nil || len(r.hosts) == 0 {
		return outcome{reason: link.ReasonDNS, details: link.Clip(fmt.Sprint(err))}
	}
	return outcome{en: fmt.Sprintf("%s is %s", host, r.hosts[0]), zh: fmt.Sprintf("%s 即 %s", host, r.hosts[0])}
}

// tcp connects to the first address that answers.
func (r *trial) tcp(ctx context.Context) outcome {
	var failed error
	for i, host := range r.hosts {
		// What is left is shared by the addresses that are left, so that a silent one does not use it up.
		deadline, _ := ctx.Deadline()
		tryCtx, cancel := context.WithTimeout(ctx, time.Until(deadline)/time.Duration(len(r.hosts)-i))
		conn, err := new(net.Dialer).DialContext(tryCtx, "tcp", net.JoinHostPort(host.Unmap().String(), r.port))
		cancel()
		if err == nil {
			r.raw = conn
			return outcome{en: fmt.Sprintf("connected to %s", conn.RemoteAddr()), zh: fmt.Sprintf("已连接 %s", conn.RemoteAddr())}
		}
		failed = err
	}
	return failure(failed)
}

// tls agrees on an encrypted connection. Who stands at its end, the next step judges.
func (r *trial) tls(ctx context.Context) outcome {
	conn, info, err := r.peers.ClientCredentials(trust.NodeID{Region: r.member.Region}).ClientHandshake(ctx, "", r.raw)
	reason, refused := trust.ReasonOf(err)
	switch {
	case err == nil:
		r.secured, r.info = watch(conn), info
	case refused && reason != trust.ReasonHandshake:
		r.refusal = err
	default:
		return failure(err)
	}
	return outcome{en: "TLS 1.3", zh: "TLS 1.3"}
}

// identity finds out whether each side takes the other's certificate.
func (r *trial) identity(ctx context.Context) outcome {
	now := r.now()
	own := r.own()
	switch {
	case r.refusal != nil && r.absent() != "":
		return outcome{reason: r.absent(), details: link.Clip(r.refusal.Error())}
	case errors.Is(r.refusal, trust.ReasonExpired):
		return outcome{
			reason: link.ReasonCertificate, en: "their certificate, or its CA's, is expired or not valid yet", zh: "对方的证书或其 CA 已过期或尚未生效",
			details: link.Clip(r.refusal.Error()),
		}
	case r.refusal != nil:
		return outcome{
			reason: link.ReasonCertificate, en: "this node does not take their certificate", zh: "本节点不接受对方的证书",
			details: link.Clip(r.refusal.Error()),
		}
	case now.After(own.NotAfter):
		until := own.NotAfter.Local().Format(time.DateTime)
		return outcome{
			reason: link.ReasonCertificate, en: "this node's own certificate expired at " + until,
			zh: "本节点自己的证书已于 " + until + " 过期",
		}
	}
	if err := r.settle(ctx); err != nil {
		if link.Reason(err) != link.ReasonCertificate {
			return failure(err)
		}
		return outcome{
			reason: link.ReasonCertificate, en: "they do not take this node's certificate; their log says why",
			zh: "对方不接受本节点的证书；原因见对方日志", details: link.Clip(err.Error()),
		}
	}
	return r.identified(now)
}

// identified says who answers and, when that is soon, until when their certificate is good.
func (r *trial) identified(now time.Time) outcome {
	o := outcome{en: "another node of the region answers", zh: "应答的是该区域的另一节点"}
	if info, ok := r.info.(trust.PeerInfo); ok {
		o.en, o.zh = info.ID.String()+" answers", "应答者 "+info.ID.String()
	}
	if c, ok := r.secured.Conn.(*trust.Conn); ok {
		if chain := c.ConnectionState().PeerCertificates; len(chain) > 0 && chain[0].NotAfter.Sub(now) < expiresSoon {
			until := chain[0].NotAfter.Local().Format(time.DateTime)
			o.en += ", its certificate expires at " + until
			o.zh += "，其证书将于 " + until + " 到期"
		}
	}
	return o
}

// absent is why a region takes no part in links at all; empty when it does.
func (r *trial) absent() string {
	switch r.member.State {
	case jieliv1.Region_ACTIVE, jieliv1.Region_SUSPENDED:
		return ""
	case jieliv1.Region_PENDING:
		return link.ReasonPending
	case jieliv1.Region_RETIRED:
		return link.ReasonRetired
	case jieliv1.Region_REVOKED:
		return link.ReasonRevoked
	}
	return link.ReasonNotMember
}

// settle speaks HTTP/2 over the connection, which tells whether the other side took our certificate: in TLS 1.3 it
// judges after our part of the handshake.
func (r *trial) settle(ctx context.Context) error {
	conn, err := grpc.NewClient("passthrough:///"+r.node.GetAddress(),
		grpc.WithTransportCredentials(securedCredentials{r.info}), grpc.WithContextDialer(r.secured.once))
	if err != nil {
		return err
	}
	r.grpc = conn
	conn.Connect()
	for state := conn.GetState(); state != connectivity.Ready; state = conn.GetState() {
		if state == connectivity.TransientFailure || state == connectivity.Shutdown {
			return r.secured.why()
		}
		if !conn.WaitForStateChange(ctx, state) {
			return ctx.Err()
		}
	}
	return nil
}

// hello asks what a hello would be told.
func (r *trial) hello(ctx context.Context) outcome {
	begun := r.now()
	answer, err := jieliv1.NewLinkServiceClient(r.grpc).Probe(ctx, link.ProbeHere(r.registry), grpc.MaxCallRecvMsgSize(link.MaxAnswerBytes))
	if status.Code(err) == codes.Unimplemented {
		return outcome{reason: link.ReasonVersion, en: "its binary is too old to be asked", zh: "对方程序过旧，无法询问"}
	}
	if err != nil {
		reason, message := unanswered(err)
		return outcome{reason: reason, details: message}
	}
	r.answer = answer
	if reason, message := link.Judge(r.registry, answer); reason != "" {
		return outcome{reason: reason, details: message}
	}
	switch own := r.ownLink(); {
	case own.GetReason() == link.ReasonPeerRestored, own.GetReason() == link.ReasonSelfRestored:
		return outcome{reason: own.GetReason(), details: own.GetMessage()}
	case answer.GetNotTaking() == link.NotTakingDisk:
		return outcome{reason: link.ReasonPeerDisk}
	case answer.GetNotTaking() != "":
		return outcome{reason: link.ReasonDraining, details: link.Clip(answer.GetNotTaking())}
	}
	took := r.now().Sub(begun)
	skew := answer.GetTime().AsTime().Sub(begun.Add(took / 2)).Round(time.Millisecond)
	return outcome{
		en: fmt.Sprintf("it would take a stream; version %s, clock %s off ours", link.Clip(answer.GetVersion()), skew),
		zh: fmt.Sprintf("对方可建立链路；程序版本 %s，时钟相差 %s", link.Clip(answer.GetVersion()), skew),
	}
}

// ownLink is how this node's link with the region is; empty when there is none.
func (r *trial) ownLink() *jieliv1.LinkStatus {
	for _, l := range r.links() {
		if l.GetPeer() == r.member.Region {
			return l
		}
	}
	return &jieliv1.LinkStatus{}
}

// compare compares the two registries, and says what ours makes of the two regions.
func (r *trial) compare(context.Context) outcome {
	here := r.registry.Standing()
	theirs := r.answer.GetRevision()
	ours, there := here.StateHash[:], r.answer.GetStateHash()
	common := min(theirs, here.Revision)
	known := true
	if theirs > here.Revision {
		there = r.answer.GetStateHashAtYours()
		known = len(there) > 0
	} else if theirs < here.Revision {
		at, kept := r.registry.HashAt(theirs)
		ours, known = at[:], kept
	}
	if known && !bytes.Equal(ours, there) {
		return outcome{reason: link.ReasonDiverged, details: fmt.Sprintf("revision %d", common)}
	}
	self, _ := r.registry.Member(r.self)
	switch {
	case r.member.State == jieliv1.Region_SUSPENDED:
		return outcome{reason: link.ReasonSuspended, details: r.member.Region}
	case self.State == jieliv1.Region_SUSPENDED, r.answer.GetYourState() == jieliv1.Region_SUSPENDED.String():
		return outcome{reason: link.ReasonSuspended, details: r.self}
	case !known:
		return outcome{
			en: fmt.Sprintf("at revision %d, this node at %d: too far apart to compare", theirs, here.Revision),
			zh: fmt.Sprintf("对方版次 %d，本节点 %d：相差过大，无法比较", theirs, here.Revision),
		}
	case theirs != here.Revision:
		return outcome{
			en: fmt.Sprintf("at revision %d, this node at %d; the same up to the lower", theirs, here.Revision),
			zh: fmt.Sprintf("对方版次 %d，本节点 %d；较低版次处内容相同", theirs, here.Revision),
		}
	}
	return outcome{en: fmt.Sprintf("the same table, revision %d", theirs), zh: fmt.Sprintf("登记表相同，版次 %d", theirs)}
}
