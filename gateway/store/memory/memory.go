// Package memory is a store without a disk, for tests and models of everything that stands on a store.
//
// It behaves as gateway/store/sqlite does, checked by gateway/store/storetest. An update works on a copy of the
// state, which is cheap because nothing in a state ever changes (tree.go): undoing it is forgetting the copy, a
// snapshot is a pointer, and so is what a power cut would leave (Clone). There is no I/O and no goroutine, so it
// works inside testing/synctest bubbles; whoever waits for another's update waits on a channel made by New.
package memory

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"github.com/jieli-gateway/jieli/gateway/store"
)

// Options of a store; all may be zero.
type Options struct {
	// Sealer signs this region's events; without one they keep no proof.
	Sealer store.Sealer
	// OnCommit is told of each commit that wrote outbox or feed rows, before its Update returns; it must not block.
	OnCommit func(store.Changes)
	// Now is the clock; default time.Now.
	Now func() time.Time
	// Epoch of a new store; default a random UUID.
	Epoch string
	// From continues from what another store had made durable, as a start after a power cut does.
	From *Image
	// BeforeCommit runs when a function has succeeded and nothing is durable yet; its error fails the update.
	BeforeCommit func() error
	// AfterCommit runs when an update is durable and its caller does not know it yet.
	AfterCommit func()
	// Usage answers the store's Usage; default: no bytes, a terabyte free.
	Usage func() (store.Usage, error)
}

// Store is a store in memory. Safe for concurrent use.
type Store struct {
	opts   Options
	epoch  string
	now    atomic.Pointer[state]
	writer chan struct{} // holds one token: who has it may write
	closed chan struct{}
}

var _ store.Store = (*Store)(nil)

// Image is what a store had made durable at one moment. It never changes and can be opened many times.
type Image struct {
	state *state
	epoch string
}

// New makes a store, empty or as an image has it. Close it to make later calls fail; it holds nothing else.
func New(o Options) *Store {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Usage == nil {
		o.Usage = func() (store.Usage, error) { return store.Usage{Free: 1 << 40}, nil }
	}
	s := &Store{opts: o, epoch: o.Epoch, writer: make(chan struct{}, 1), closed: make(chan struct{})}
	s.writer <- struct{}{}
	s.now.Store(&state{})
	if o.From != nil {
		s.epoch = o.From.epoch
		s.now.Store(o.From.state)
	}
	if s.epoch == "" {
		s.epoch = uuid.NewString()
	}
	return s
}

// Clone is what would be found after a power cut now: all updates that are durable, none under way. It works on
// a closed store too.
func (s *Store) Clone() *Image { return &Image{state: s.now.Load(), epoch: s.epoch} }

// Update implements store.Store; each update is a commit of its own.
func (s *Store) Update(ctx context.Context, fn func(store.Tx) error) error {
	if err := s.enter(ctx); err != nil {
		return err
	}
	defer func() { s.writer <- struct{}{} }()

	t := newTx(s.now.Load(), s.opts.Now())
	defer func() { t.over = true }()
	if err := fn(t); err != nil {
		return err
	}
	if err := s.seal(t); err != nil {
		return fmt.Errorf("sign the events of an update: %w", err)
	}
	if s.opts.BeforeCommit != nil {
		if err := s.opts.BeforeCommit(); err != nil {
			return fmt.Errorf("commit an update: %w", err)
		}
	}
	next := t.next
	s.now.Store(&next)
	if s.opts.AfterCommit != nil {
		s.opts.AfterCommit()
	}
	if s.opts.OnCommit != nil && !t.changes.None() {
		s.opts.OnCommit(t.changes)
	}
	return nil
}

// enter waits for the right to write.
func (s *Store) enter(ctx context.Context) error {
	if s.isClosed() {
		return store.ErrClosed
	}
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("update: %w", err)
	}
	select {
	case <-s.writer:
	case <-ctx.Done():
		return fmt.Errorf("update: %w", ctx.Err())
	}
	if s.isClosed() {
		s.writer <- struct{}{}
		return store.ErrClosed
	}
	return nil
}

// seal gives this region's new events their proofs.
func (s *Store) seal(t *tx) error {
	if len(t.own) == 0 || s.opts.Sealer == nil {
		return nil
	}
	hashes := make([][32]byte, len(t.own))
	for i, k := range t.own {
		e, _ := t.next.events.get(k)
		hashes[i] = e.Hash
	}
	proofs, err := s.opts.Sealer.Seal(hashes)
	if err != nil {
		return err
	}
	if len(proofs) != len(hashes) {
		return errors.New("the sealer gave another number of proofs than it was given events")
	}
	for i, k := range t.own {
		e, _ := t.next.events.get(k)
		sealed := *e
		sealed.Proof = proofs[i]
		t.next.events = t.next.events.put(k, copyEvent(&sealed))
	}
	return nil
}

// View implements store.Store.
func (s *Store) View(ctx context.Context, fn func(store.Reader) error) error {
	if s.isClosed() {
		return store.ErrClosed
	}
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("view: %w", err)
	}
	return fn(reader{s.now.Load()})
}

// Epoch implements store.Store.
func (s *Store) Epoch() string { return s.epoch }

// Usage implements store.Store.
func (s *Store) Usage() (store.Usage, error) {
	if s.isClosed() {
		return store.Usage{}, store.ErrClosed
	}
	return s.opts.Usage()
}

// Close implements store.Store. It waits for an update under way.
func (s *Store) Close() error {
	<-s.writer
	defer func() { s.writer <- struct{}{} }()
	if s.isClosed() {
		return store.ErrClosed
	}
	close(s.closed)
	return nil
}

func (s *Store) isClosed() bool {
	select {
	case <-s.closed:
		return true
	default:
		return false
	}
}
