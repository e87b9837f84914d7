package trust

import (
	"crypto/tls"
	"fmt"
	"net"
	"sync"
	"time"
)

// Conn is an open connection with a verified peer, accepted or dialled. Closing it is also what makes Peers forget
// it.
type Conn struct {
	*tls.Conn
	peers    *Peers
	peer     identity
	accepted bool
	once     sync.Once
}

// Peer is the verified node on the other side.
func (c *Conn) Peer() NodeID { return c.peer.id }

// Close says goodbye to the peer (for at most 5 s, if its side is stuck) and closes the connection.
func (c *Conn) Close() error {
	c.release()
	return c.Conn.Close()
}

// cut closes the connection at once, without a word; it reports whether it was still open.
func (c *Conn) cut() bool {
	wasOpen := c.release()
	if wasOpen {
		_ = c.NetConn().Close() // nothing to be done: the connection is being thrown away
	}
	return wasOpen
}

// release makes Peers forget the connection; it reports whether this was the first time.
func (c *Conn) release() bool {
	first := false
	c.once.Do(func() {
		first = true
		c.peers.forget(c)
	})
	return first
}

// admit takes a connection whose handshake is complete among the open ones. It checks the peer once more after that:
// so a change of the registry between handshake and admission cannot be missed.
func (p *Peers) admit(tlsConn *tls.Conn, expect NodeID, accepted bool) (*Conn, error) {
	remote := tlsConn.RemoteAddr().String()
	peer, refusal := p.verify(tlsConn.ConnectionState(), expect)
	if refusal != nil {
		_ = tlsConn.NetConn().Close()
		refusal.Remote = remote
		return nil, p.refused(refusal)
	}
	conn := &Conn{Conn: tlsConn, peers: p, peer: peer, accepted: accepted}
	if err := p.remember(conn); err != nil {
		_ = tlsConn.NetConn().Close()
		return nil, err
	}
	if err := p.recheck(conn); err != nil {
		return nil, err
	}
	return conn, nil
}

func (p *Peers) remember(conn *Conn) error {
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		return fmt.Errorf("connection with %s: this node is closing: %w", conn.peer.id, net.ErrClosed)
	}
	if conn.accepted && p.counts[conn.peer.id] >= p.perPeer {
		p.mu.Unlock()
		return p.refused(&Refusal{
			Reason: ReasonTooMany, Peer: conn.peer.id, Use: conn.peer.use, Remote: conn.RemoteAddr().String(),
			Err: fmt.Errorf("%d are open", p.perPeer),
		})
	}
	defer p.mu.Unlock()
	p.open[conn] = struct{}{}
	if conn.accepted {
		p.counts[conn.peer.id]++
	}
	return nil
}

func (p *Peers) forget(conn *Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.open, conn)
	if !conn.accepted {
		return
	}
	if p.counts[conn.peer.id]--; p.counts[conn.peer.id] == 0 {
		delete(p.counts, conn.peer.id)
	}
}

func (p *Peers) snapshot() []*Conn {
	p.mu.Lock()
	defer p.mu.Unlock()
	conns := make([]*Conn, 0, len(p.open))
	for conn := range p.open {
		conns = append(conns, conn)
	}
	return conns
}

// closeAccepted closes every open connection that was accepted.
func (p *Peers) closeAccepted() {
	for _, conn := range p.snapshot() {
		if conn.accepted {
			conn.cut()
		}
	}
}

// OpenConnection describes one open connection, for status.
type OpenConnection struct {
	Peer     NodeID
	Use      Use
	Accepted bool // false: dialled by this node
	Remote   string
	Expires  time.Time // of the peer's certificate
}

// Open lists the connections open now, in no order.
func (p *Peers) Open() []OpenConnection {
	conns := p.snapshot()
	list := make([]OpenConnection, 0, len(conns))
	for _, conn := range conns {
		list = append(list, OpenConnection{
			Peer: conn.peer.id, Use: conn.peer.use, Accepted: conn.accepted, Remote: conn.RemoteAddr().String(),
			Expires: conn.ConnectionState().PeerCertificates[0].NotAfter,
		})
	}
	return list
}
