package trust

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/spiffe/go-spiffe/v2/bundle/x509bundle"
	"github.com/spiffe/go-spiffe/v2/spiffeid"
	"github.com/spiffe/go-spiffe/v2/svid/x509svid"
)

// HandshakeTimeout bounds a TLS handshake, on either side.
const HandshakeTimeout = 5 * time.Second

// DefaultMaxPerPeer bounds the connections accepted from one node and open at once. A link takes one, Raft a few.
const DefaultMaxPerPeer = 64

// Config is what Peers needs.
type Config struct {
	// Certificates is this node's own certificate. Required.
	Certificates *Certificates
	// Members answers who may connect. Required.
	Members Members
	// OnRefusal is called once for each refused peer, for counting, from the goroutine that does the handshake. It
	// must be quick. Optional.
	OnRefusal func(*Refusal)
	// Expected tells of a refused peer whether that is as it should be: then the line in the log is a detail. It is called
	// from the goroutine that does the handshake, and must be quick. Optional.
	Expected func(*Refusal) bool
	// Log gets one line for each refused peer; a peer that keeps trying is logged once a minute. Optional.
	Log *slog.Logger
	// Now is the application's clock. Optional: time.Now.
	Now func() time.Time
	// MaxPerPeer bounds the connections accepted from one node. Optional: DefaultMaxPerPeer.
	MaxPerPeer int
}

// Peers decides which peers may connect, and keeps the connections that are open. All its methods may be called from
// several goroutines at once.
type Peers struct {
	own       *Certificates
	members   Members
	onRefusal func(*Refusal)
	log       refusalLog
	now       func() time.Time
	perPeer   int

	mu     sync.Mutex
	closed bool
	open   map[*Conn]struct{}
	counts map[NodeID]int // accepted connections in open
}

// NewPeers makes the judge of peers. Close it after everything that accepts or dials through it.
func NewPeers(cfg Config) (*Peers, error) {
	if cfg.Certificates == nil || cfg.Members == nil {
		return nil, errors.New("trust: Config needs Certificates and Members")
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.OnRefusal == nil {
		cfg.OnRefusal = func(*Refusal) {}
	}
	if cfg.MaxPerPeer <= 0 {
		cfg.MaxPerPeer = DefaultMaxPerPeer
	}
	return &Peers{
		own:       cfg.Certificates,
		members:   cfg.Members,
		onRefusal: cfg.OnRefusal,
		log:       refusalLog{log: cfg.Log, now: cfg.Now, expected: cfg.Expected},
		now:       cfg.Now,
		perPeer:   cfg.MaxPerPeer,
		open:      map[*Conn]struct{}{},
		counts:    map[NodeID]int{},
	}, nil
}

// Self is the node that this process is.
func (p *Peers) Self() NodeID { return p.own.ID() }

// ServerConfig is the TLS configuration for accepting other nodes: TLS 1.3, no resumption, a client certificate that
// the registry vouches for, and for Raft the right to speak it.
func (p *Peers) ServerConfig() *tls.Config {
	cfg := p.serverConfig("")
	cfg.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
		return p.serverConfig(hello.Conn.RemoteAddr().String()), nil
	}
	return cfg
}

func (p *Peers) serverConfig(remote string) *tls.Config {
	return &tls.Config{
		MinVersion:             tls.VersionTLS13,
		SessionTicketsDisabled: true,
		NextProtos:             []string{ProtocolGRPC, ProtocolRaft},
		GetCertificate:         p.own.forServer,
		Time:                   p.now,
		// Asked for, not required: so a peer without one is refused by us, with a reason, and counted.
		ClientAuth: tls.RequestClientCert,
		VerifyConnection: func(state tls.ConnectionState) error {
			return p.judge(state, NodeID{}, remote)
		},
	}
}

// ClientConfig is the TLS configuration for dialling a node for one use. Only the node expected, or any node of the
// region if it names none, is accepted as the other side. Connections made with it directly are not seen by Recheck:
// use DialRaft and ClientCredentials where they fit.
func (p *Peers) ClientConfig(expect NodeID, use Use) *tls.Config {
	return p.clientConfig(expect, use, "")
}

func (p *Peers) clientConfig(expect NodeID, use Use, remote string) *tls.Config {
	return &tls.Config{
		MinVersion:             tls.VersionTLS13,
		SessionTicketsDisabled: true,
		NextProtos:             []string{use.protocol()},
		GetClientCertificate:   p.own.forClient,
		Time:                   p.now,
		// Peers have SPIFFE ids, not host names, and each region a CA of its own: VerifyConnection does all checks.
		InsecureSkipVerify: true,
		VerifyConnection: func(state tls.ConnectionState) error {
			return p.judge(state, expect, remote)
		},
	}
}

// judge decides whether the other side of a handshake may be who it says, for what it wants; a refusal is logged and
// counted. A zero expect stands for anybody.
func (p *Peers) judge(state tls.ConnectionState, expect NodeID, remote string) error {
	_, refusal := p.verify(state, expect)
	if refusal == nil {
		return nil
	}
	refusal.Remote = remote
	return p.refused(refusal)
}

// refused counts and logs a refusal, and gives it back as an error.
func (p *Peers) refused(refusal *Refusal) error {
	p.onRefusal(refusal)
	p.log.write(refusal)
	return refusal
}

// identity is a verified peer.
type identity struct {
	id   NodeID
	use  Use
	root *x509.Certificate // the CA its certificate was verified by
}

// verify makes every check of a peer; all that it says about the peer holds once the handshake is complete.
func (p *Peers) verify(state tls.ConnectionState, expect NodeID) (identity, *Refusal) {
	refusal := &Refusal{Expected: expect}
	refuse := func(reason Reason, err error) (identity, *Refusal) {
		refusal.Reason, refusal.Err = reason, err
		return identity{}, refusal
	}

	use, ok := useOf(state.NegotiatedProtocol)
	refusal.Use = use
	if !ok {
		return refuse(ReasonHandshake, fmt.Errorf("no common protocol: offer %s or %s by ALPN", ProtocolGRPC, ProtocolRaft))
	}
	if state.Version < tls.VersionTLS13 || state.DidResume {
		return refuse(ReasonHandshake, errors.New("only full TLS 1.3 handshakes are taken"))
	}
	if len(state.PeerCertificates) == 0 {
		return refuse(ReasonNoCertificate, nil)
	}
	peer, err := nodeIDFromCertificate(state.PeerCertificates[0])
	if err != nil {
		return refuse(ReasonBadID, err)
	}
	refusal.Peer = peer
	bundle, ok := p.members.Bundle(peer.Region)
	if !ok || len(bundle) == 0 {
		return refuse(ReasonUnknownRegion, nil)
	}
	root, err := verifyChain(state.PeerCertificates, peer.Region, bundle, p.now())
	if err != nil {
		return refuse(chainReason(err), err)
	}
	if !expect.IsZero() && !expect.covers(peer) {
		return refuse(ReasonWrongPeer, nil)
	}
	if err := p.members.NodeAllowed(peer, use); err != nil {
		return refuse(memberReason(err))
	}
	return identity{id: peer, use: use, root: root}, nil
}

// verifyChain verifies a leaf against the CAs of one region and gives the CA that it ends in.
func verifyChain(chain []*x509.Certificate, region string, authorities []*x509.Certificate, now time.Time) (*x509.Certificate, error) {
	domain, err := spiffeid.TrustDomainFromString(region)
	if err != nil {
		return nil, err
	}
	// The bundle answers for this one domain only: a certificate of another domain finds no CA in it.
	bundle := x509bundle.FromX509Authorities(domain, authorities)
	_, chains, err := x509svid.Verify(chain, bundle, x509svid.WithTime(now))
	if err != nil {
		return nil, err
	}
	verified := chains[0]
	return verified[len(verified)-1], nil
}

func chainReason(err error) Reason {
	var invalid x509.CertificateInvalidError
	if errors.As(err, &invalid) && invalid.Reason == x509.Expired {
		return ReasonExpired
	}
	return ReasonBadChain
}

// memberReason reads the registry's answer about a node.
func memberReason(err error) (Reason, error) {
	reason, ok := ReasonOf(err)
	if !ok {
		return ReasonUnregisteredNode, err
	}
	if err.Error() == reason.Error() {
		return reason, nil // the bare reason: nothing to add
	}
	return reason, err
}

// Recheck closes at once each open connection, accepted or dialled, whose peer may no longer be connected. Call it
// after each change of the registry that is visible through Members. It does not block on the network; with nothing
// to close it costs well under a microsecond for each open connection.
func (p *Peers) Recheck() {
	for _, conn := range p.snapshot() {
		_ = p.recheck(conn) // a refusal is counted and logged there
	}
}

// recheck closes one connection if its peer may no longer be connected, and gives the refusal then.
func (p *Peers) recheck(conn *Conn) error {
	refusal := p.stillAllowed(conn)
	if refusal == nil {
		return nil
	}
	if !conn.cut() {
		return refusal // somebody else closed it first: not ours to count
	}
	refusal.Remote, refusal.Open = conn.RemoteAddr().String(), true
	return p.refused(refusal)
}

func (p *Peers) stillAllowed(conn *Conn) *Refusal {
	refusal := &Refusal{Peer: conn.peer.id, Use: conn.peer.use}
	bundle, ok := p.members.Bundle(conn.peer.id.Region)
	if !ok || len(bundle) == 0 {
		refusal.Reason = ReasonUnknownRegion
		return refusal
	}
	if !hasCertificate(bundle, conn.peer.root) {
		// The CA is gone; another one with the same key may have replaced it.
		chain := conn.ConnectionState().PeerCertificates
		if _, err := verifyChain(chain, conn.peer.id.Region, bundle, p.now()); err != nil {
			refusal.Reason, refusal.Err = chainReason(err), err
			return refusal
		}
	}
	if err := p.members.NodeAllowed(conn.peer.id, conn.peer.use); err != nil {
		refusal.Reason, refusal.Err = memberReason(err)
		return refusal
	}
	return nil
}

// Close closes every open connection; none can be made afterwards.
func (p *Peers) Close() error {
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	for _, conn := range p.snapshot() {
		conn.cut()
	}
	return nil
}
