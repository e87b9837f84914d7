package trust

import (
	"context"
	"log/slog"
	"net"
	"sync"
	"time"
)

const (
	refusalLogPause   = time.Minute // between two lines about the same peer and reason
	refusalLogEntries = 1024        // kinds of refusal remembered; forgotten together when there are more
	refusalLogText    = 600         // bytes of the error: a certificate can claim a name of many kilobytes
)

// refusalLog writes a line for each refusal, but not again and again about the same one: whoever reaches the port can
// cause refusals at will, and must not be able to fill the disk with them. Metrics count them all.
type refusalLog struct {
	log *slog.Logger
	now func() time.Time
	// expected tells which refusals are details; nil: none.
	expected func(*Refusal) bool

	mu   sync.Mutex
	last map[refusalKind]time.Time
}

type refusalKind struct {
	reason Reason
	peer   NodeID
	host   string
}

func (l *refusalLog) write(r *Refusal) {
	if !l.due(r) {
		return
	}
	level := slog.LevelWarn
	if l.expected != nil && l.expected(r) {
		level = slog.LevelDebug
	}
	l.log.Log(context.Background(), level, "peer refused",
		slog.String("reason", string(r.Reason)), slog.String("peer", r.Peer.String()),
		slog.String("dialled", r.Expected.String()), slog.String("remote", r.Remote), slog.String("use", string(r.Use)),
		slog.Bool("open", r.Open), slog.String("error", clip(r.Error(), refusalLogText)))
}

func (l *refusalLog) due(r *Refusal) bool {
	if r.Open {
		return true // bounded by the connections there were
	}
	host, _, err := net.SplitHostPort(r.Remote)
	if err != nil {
		host = r.Remote
	}
	kind := refusalKind{reason: r.Reason, peer: r.Peer, host: host}
	now := l.now()

	l.mu.Lock()
	defer l.mu.Unlock()
	if last, ok := l.last[kind]; ok && now.Sub(last) < refusalLogPause {
		return false
	}
	if l.last == nil || len(l.last) >= refusalLogEntries {
		l.last = make(map[refusalKind]time.Time)
	}
	l.last[kind] = now
	return true
}
