package link

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/jieli-gateway/jieli/federation/trust"
	"github.com/jieli-gateway/jieli/gateway/store"
	jieliv1 "github.com/jieli-gateway/jieli/proto/jieli/v1"
)

// Config is what links must be told. Region and Peer are required.
type Config struct {
	// Region this node belongs to.
	Region string
	// Node is its name, and Version its binary's; for people on the other side.
	Node    string
	Version string
	// Peer gives the region of whoever opened the stream of this context, as its certificate says; false when there
	// is none.
	Peer func(ctx context.Context) (region string, ok bool)
	// HashMismatch is told when a peer's registry turns out to differ from ours; it must not block. Default: nothing
	// beside log and metric.
	HashMismatch func(peer string)
	// Log for what somebody must act on. Default: discard.
	Log *slog.Logger
	// Registerer of the metrics. Default: they are kept to themselves.
	Registerer prometheus.Registerer
	// Now is the application's clock. Default: time.Now.
	Now func() time.Time
}

// Links are the links of this node with all other regions. Safe for concurrent use. It implements
// jieliv1.LinkServiceServer.
type Links struct {
	jieliv1.UnimplementedLinkServiceServer

	cfg      Config
	log      *slog.Logger
	store    store.Store
	tickets  Tickets
	registry Registry
	signer   Signer
	keys     trust.Keys
	open     func(ctx context.Context, region, address string) (frames, error)
	meters   *meters
	// orders numbers streams as they come to be.
	orders atomic.Uint64
	reason atomic.Pointer[string] // why no new offers are taken

	mu     sync.RWMutex
	links  map[string]*link
	closed bool
}

// New makes links; Run lets them live. The store's commits must be told to Wake.
func New(cfg Config, st store.Store, tickets Tickets, registry Registry, signer Signer, keys trust.Keys, dial Dialer) (*Links, error) {
	switch {
	case cfg.Region == "" || cfg.Peer == nil:
		return nil, errors.New("link: region and the way to know a peer are required")
	case st == nil, tickets == nil, registry == nil, signer == nil, keys == nil, dial == nil:
		return nil, errors.New("link: store, tickets, registry, signer, keys and dialer are required")
	}
	if cfg.HashMismatch == nil {
		cfg.HashMismatch = func(string) {}
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	m, err := newMeters(cfg.Registerer)
	if err != nil {
		return nil, fmt.Errorf("link: metrics: %w", err)
	}
	l := &Links{
		cfg: cfg, log: cfg.Log, store: st, tickets: tickets, registry: registry, signer: signer, keys: keys,
		meters: m, links: map[string]*link{},
	}
	l.open = func(ctx context.Context, region, address string) (frames, error) {
		return openFrames(ctx, dial, region, address)
	}
	return l, nil
}

// Run keeps a link with every member of the federation until ctx ends, then says goodbye, finishes commits under way
// and waits for all of it. It can be called once.
func (l *Links) Run(ctx context.Context) error {
	var running sync.WaitGroup
	defer running.Wait()
	defer l.close()
	if err := l.begin(ctx, &running); err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return err
	}
	for ctx.Err() == nil {
		changed := l.registry.Changed()
		for _, m := range l.registry.Members() {
			if m.Region != l.cfg.Region && m.exchanges() {
				l.ensure(ctx, m.Region, &running)
			}
		}
		select {
		case <-ctx.Done():
		case <-changed:
		}
	}
	return nil
}

// begin brings in order what an earlier run has left, and keeps links with regions something was exchanged with, even
// when they have left the federation meanwhile.
func (l *Links) begin(ctx context.Context, running *sync.WaitGroup) error {
	var rows []*store.Link
	err := l.store.View(ctx, func(r store.Reader) error {
		var err error
		rows, err = r.Links()
		return err
	})
	if err != nil {
		return fmt.Errorf("read the links: %w", err)
	}
	for _, row := range rows {
		k := newLink(l, row.Peer)
		if err := k.recover(ctx); err != nil {
			return err
		}
		l.start(ctx, k, running)
	}
	return nil
}

// ensure makes the link with a region if there is none.
func (l *Links) ensure(ctx context.Context, region string, running *sync.WaitGroup) {
	if l.link(region) == nil {
		l.start(ctx, newLink(l, region), running)
	}
}

func (l *Links) start(ctx context.Context, k *link, running *sync.WaitGroup) {
	l.mu.Lock()
	l.links[k.peer] = k
	l.mu.Unlock()
	running.Go(func() { k.run(ctx) })
}

func (l *Links) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
}

func (l *Links) link(region string) *link {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.links[region]
}

// Connect implements jieliv1.LinkServiceServer: a stream a peer has dialled. It returns when the stream has ended; what
// is under way then is still waited for by Run.
func (l *Links) Connect(stream jieliv1.LinkService_ConnectServer) error {
	region, ok := l.cfg.Peer(stream.Context())
	if !ok {
		return status.Error(codes.Unauthenticated, "a link needs the certificate of a region's node")
	}
	k, err := l.expected(region)
	if err != nil {
		return err
	}
	conn := newAcceptedFrames(stream)
	s, err := k.accepted(stream.Context(), conn)
	if err != nil {
		return err
	}
	select {
	case <-conn.closed:
	case <-s.done:
	case <-stream.Context().Done():
	}
	return nil
}

// expected is the link with a region that may connect.
func (l *Links) expected(region string) (*link, error) {
	if region == l.cfg.Region {
		return nil, status.Error(codes.PermissionDenied, "NOT_A_MEMBER: a region has no link with itself")
	}
	m, ok := l.registry.Member(region)
	if reason, message := l.unfit(m, ok); reason != "" {
		return nil, status.Errorf(codes.PermissionDenied, "%s: %s: %s", reason, region, message)
	}
	k := l.link(region)
	if k == nil {
		// The registry has just come to know it, or this node has not begun yet, or is ending.
		return nil, status.Error(codes.Unavailable, "DRAINING: links are not running; try again")
	}
	return k, nil
}

// Wake implements desk.Peers: there are new outbox rows for these peers. It never blocks.
func (l *Links) Wake(peers []string) {
	for _, p := range peers {
		if k := l.link(p); k != nil {
			k.wake.set()
		}
	}
}

// Ask implements desk.Peers: there are new requests to these peers. It never blocks.
func (l *Links) Ask(peers []string) {
	for _, p := range peers {
		if k := l.link(p); k != nil {
			k.ask.set()
		}
	}
}

// SetNotTaking tells peers that this side takes no new offers now, and why (DISK, DRAINING); empty: it does.
func (l *Links) SetNotTaking(reason string) {
	if l.notTaking() == reason {
		return
	}
	l.reason.Store(&reason)
	for _, k := range l.all() {
		if s := k.current(); s != nil {
			s.askKeepalive()
		}
	}
}

func (l *Links) notTaking() string {
	if r := l.reason.Load(); r != nil {
		return *r
	}
	return ""
}

// all links in order of peer.
func (l *Links) all() []*link {
	l.mu.RLock()
	defer l.mu.RUnlock()
	all := make([]*link, 0, len(l.links))
	for _, p := range sortedKeys(l.links) {
		all = append(all, l.links[p])
	}
	return all
}

// Confirmed tells whether the peer has been heard from with a matching history since this node started, or has been
// excused. Until then nothing may be appended to tickets shared with it: this store may be an old copy.
func (l *Links) Confirmed(peer string) bool {
	k := l.link(peer)
	return k != nil && k.isConfirmed()
}

// Excuse counts a peer as confirmed until the next start, on a person's word.
func (l *Links) Excuse(peer, who, reason string) error {
	k := l.link(peer)
	if k == nil {
		return fmt.Errorf("excuse %q: there is no link with such a region: %w", clip(peer), store.ErrNotFound)
	}
	k.mu.Lock()
	k.excused = true
	k.mu.Unlock()
	k.log.Warn("the peer is excused: tickets shared with it go on although it has not been heard from",
		slog.String("who", clip(who)), slog.String("reason", clip(reason)))
	return nil
}

// Diverged tells whether the peer's registry differed from ours when last compared; no new offers go to it then.
func (l *Links) Diverged(peer string) bool {
	k := l.link(peer)
	if k == nil {
		return false
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.diverged
}

// Taking tells whether the peer takes new offers, as far as it has said. What is in the outbox already still goes.
func (l *Links) Taking(peer string) bool {
	k := l.link(peer)
	if k == nil {
		return true
	}
	s := k.current()
	return s == nil || s.keepalive.heardTaking()
}

// SameTable tells whether the peer is connected and at our very revision and state hash.
func (l *Links) SameTable(peer string) bool {
	k := l.link(peer)
	if k == nil {
		return false
	}
	s := k.current()
	if s == nil {
		return false
	}
	revision, table := s.keepalive.heardTable()
	standing := l.registry.Standing()
	return revision == standing.Revision && table == standing.StateHash
}
