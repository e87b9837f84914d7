// Package desk carries out what centres command and what links bring: it loads a ticket, asks the pure rules of
// gateway/ticket, and commits events, content, outbox and feed rows in one transaction of the store.
//
// Everything that changes a ticket passes through here, whoever caused it: an operator (commands.go, submit.go), a
// peer's item (take.go), a peer's receipt (delivered.go), a peer's request or its answer (requests.go), a registry that
// now knows a route (waiting.go), or time (timers.go). Streams, sequences and receipts are gateway/link's; who may call is
// gateway/api's.
package desk

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"time"

	"github.com/jieli-gateway/jieli/federation/trust"
	"github.com/jieli-gateway/jieli/gateway/store"
	"github.com/jieli-gateway/jieli/regions"
)

// TagDecision and the tag of receipts keep one kind of signature from passing for another.
const TagDecision trust.Tag = "jieli/decision/1"

// Peers is what a desk asks of the links.
type Peers interface {
	// Confirmed: the peer has been heard from with a matching history since this node started, or an operator
	// excused it. Until then nothing is appended to tickets shared with it (docs/protocol.md §5).
	Confirmed(peer string) bool
	// Diverged: the peer's registry differs from ours at the same revision; no new offers go to it.
	Diverged(peer string) bool
	// Taking: the peer has not said that it takes no new offers now, for want of disk space for instance.
	Taking(peer string) bool
	// SameTable: the peer is known to be at our very revision and state hash.
	SameTable(peer string) bool
	// Wake tells that there are new outbox rows for these peers, and Ask that there are new requests.
	Wake(peers []string)
	Ask(peers []string)
	// Retry judges the kept items of a stopped ticket again; store.ErrNotFound when there are none.
	Retry(ctx context.Context, ticketID string) (taken int, reason string, err error)
	// Excuse counts a peer as confirmed on a person's word.
	Excuse(peer, who, reason string) error
}

// Config is what a desk must be told. All fields are required but those with a default.
type Config struct {
	// Region this node belongs to.
	Region string
	// Store of this node.
	Store store.Store
	// Registry gives the newest table.
	Registry Registry
	// Signer signs decisions on offers.
	Signer trust.Signer
	// Vault encrypts reporter data at rest.
	Vault *trust.Vault
	// Intake says whether new tickets are taken: nil, or why not (a fault.Error). Default: always.
	Intake func() error
	// OnDelivered is told, for metrics, how long after it was appended an offer's receipt came from the peer. Called
	// within the transaction that takes the receipt; must not block. Default: nobody is told.
	OnDelivered func(peer string, took time.Duration)
	// Log for what an operator must act on. Default: discard.
	Log *slog.Logger
	// Calendar tells working days. Default: the embedded one.
	Calendar *regions.Calendar
	// Now is the application's clock. Default: time.Now.
	Now func() time.Time
	// Random is where ids, query codes and commitments come from. Default: crypto/rand.
	Random io.Reader
	// WaitInterval is how often waiting tickets and timers are looked at without a change of the registry; default 30 s.
	WaitInterval time.Duration
}

// Desk carries out commands and items. Safe for concurrent use.
type Desk struct {
	cfg      Config
	store    store.Store
	log      *slog.Logger
	verifier *trust.BatchVerifier
	keys     *keyring
	peers    Peers
	feed     *bell
	recent   *recent
	wake     chan struct{}
}

// New makes a desk. UsePeers must be called before anything else.
func New(cfg Config) (*Desk, error) {
	switch {
	case cfg.Region == "":
		return nil, errors.New("desk: region is missing")
	case cfg.Store == nil, cfg.Registry == nil, cfg.Signer == nil, cfg.Vault == nil:
		return nil, errors.New("desk: store, registry, signer and vault are required")
	}
	if cfg.Intake == nil {
		cfg.Intake = func() error { return nil }
	}
	if cfg.OnDelivered == nil {
		cfg.OnDelivered = func(string, time.Duration) {}
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Calendar == nil {
		var err error
		if cfg.Calendar, err = regions.LoadCalendar(); err != nil {
			return nil, fmt.Errorf("desk: %w", err)
		}
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Random == nil {
		cfg.Random = rand.Reader
	}
	if cfg.WaitInterval <= 0 {
		cfg.WaitInterval = 30 * time.Second
	}
	keys := &keyring{registry: cfg.Registry}
	return &Desk{
		cfg: cfg, store: cfg.Store, log: cfg.Log,
		keys: keys, verifier: trust.NewBatchVerifier(keys.verifier, verifiedRoots),
		feed: newBell(), recent: newRecent(), wake: make(chan struct{}, 1),
	}, nil
}

// verifiedRoots bounds how many verified batch signatures are remembered.
const verifiedRoots = 4096

// UsePeers gives the desk its links; the two need each other, so this comes after New.
func (d *Desk) UsePeers(p Peers) { d.peers = p }

// Committed is the store's OnCommit hook: it wakes links and readers of the feed.
func (d *Desk) Committed(c store.Changes) {
	if d.peers != nil {
		d.peers.Wake(c.Peers)
		d.peers.Ask(c.Requests)
	}
	if len(c.Feed) > 0 {
		d.recent.add(c.Feed, d.cursor)
		d.feed.ring()
	}
}

// Run looks after tickets that wait for a route, and those whose timer is over, until ctx ends.
func (d *Desk) Run(ctx context.Context) error {
	ticker := time.NewTicker(d.cfg.WaitInterval)
	defer ticker.Stop()
	settled := false
	for {
		changed := d.cfg.Registry.Changed()
		if err := d.routeWaiting(ctx); err != nil && ctx.Err() == nil {
			d.log.Error("looking after waiting tickets failed; it is tried again", slog.Any("error", err))
		}
		if err := d.deemAccepted(ctx); err != nil && ctx.Err() == nil {
			d.log.Error("signing for tickets whose time to return is over failed; it is tried again", slog.Any("error", err))
		}
		if !settled { // once: a calendar comes with the binary
			err := d.settleDates(ctx)
			if settled = err == nil; !settled && ctx.Err() == nil {
				d.log.Error("computing deadlines by the new calendar failed; it is tried again", slog.Any("error", err))
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-changed:
		case <-ticker.C:
		case <-d.wake:
		}
	}
}

// lookAgain makes Run look at waiting tickets now.
func (d *Desk) lookAgain() {
	select {
	case d.wake <- struct{}{}:
	default:
	}
}

// random returns n random bytes.
func (d *Desk) random(n int) ([]byte, error) {
	b := make([]byte, n)
	if _, err := io.ReadFull(d.cfg.Random, b); err != nil {
		return nil, fmt.Errorf("reading random bytes: %w", err)
	}
	return b, nil
}

// bell wakes all who wait, again and again.
type bell struct {
	mu sync.Mutex
	ch chan struct{}
}

func newBell() *bell { return &bell{ch: make(chan struct{})} }

// next returns a channel that is closed at the next ring.
func (b *bell) next() <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.ch
}

func (b *bell) ring() {
	b.mu.Lock()
	defer b.mu.Unlock()
	close(b.ch)
	b.ch = make(chan struct{})
}
