// Package sqlite keeps tickets in one SQLite database: the default store, which needs no set-up.
//
// One goroutine writes (writer.go). It takes every update that waits, runs them one after the other in one transaction
// (group.go, tx.go), signs the events of this region that they wrote with one signature, and syncs once; concurrency
// fills groups, not timers. Any number of views read beside it, each from a snapshot of its own (view.go, reader.go).
// migrations/ has the tables and says how they are laid out.
//
// SQLite is modernc.org/sqlite, translated to Go: no C compiler, one static binary. WAL with synchronous=FULL syncs the
// log at each commit, so an update that has returned survives a power cut. secure_delete=ON overwrites what is deleted
// or replaced with zeros, also in pages given free; with the log emptied soon after (checkpoint.go), erased content is
// gone from the files within minutes. DESIGN.md says what else was considered, with figures.
//
// No type of the engine leaves this package.
package sqlite

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/jieli-gateway/jieli/gateway/store"
)

// fileName is the database's name in the data directory; its write-ahead log lies beside it.
const fileName = "jieli.db"

// DefaultReadConns is how many views read at once when Options does not say. Each costs up to 4 MiB of cache.
const DefaultReadConns = 4

// Options of a store.
type Options struct {
	// Dir is the data directory; made when missing. Required. One process may have it open.
	Dir string
	// Sealer signs this region's events; without one they keep no proof.
	Sealer store.Sealer
	// OnCommit is told of each commit that wrote outbox or feed rows, before its updates return. Called on the
	// writer's goroutine; must not block.
	OnCommit func(store.Changes)
	// Observe is told of each commit that had something to write, for metrics. Called on the writer's goroutine after
	// its updates have returned; must not block.
	Observe func(store.Commit)
	// Logger for what an operator must act on; default: discard.
	Logger *slog.Logger
	// ReadConns is how many views read at once; further ones wait. Default DefaultReadConns.
	ReadConns int
	// Now is the clock; default time.Now.
	Now func() time.Time

	// For tests: how often to tidy, and how many updates wait before callers do.
	tidyInterval time.Duration
	maxWaiting   int
}

// Store is a store in a data directory. Safe for concurrent use.
type Store struct {
	opts   Options
	epoch  string
	lock   *os.File
	pool   *pool
	writer *writer

	mu     sync.RWMutex // held for reading while something is handed to the writer or the pool
	closed bool
}

var _ store.Store = (*Store)(nil)

// Open opens the store of a data directory, making or migrating it first. It reads no table through, so it takes the
// same few milliseconds however many tickets there are; after a crash it reads the write-ahead log back, some 20 MB and rarely more than 64.
//
// Errors: store.ErrInUse when another process has the directory, store.ErrNewer when a later version wrote it (which it
// leaves as it is), and what the file system says.
func Open(ctx context.Context, o Options) (*Store, error) {
	if o.Dir == "" {
		return nil, errors.New("open the store: no data directory is given")
	}
	dir, err := filepath.Abs(o.Dir)
	if err != nil {
		return nil, fmt.Errorf("open the store in %s: %w", o.Dir, err)
	}
	o.Dir = dir
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.ReadConns <= 0 {
		o.ReadConns = DefaultReadConns
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.tidyInterval <= 0 {
		o.tidyInterval = tidyInterval
	}
	if o.maxWaiting <= 0 {
		o.maxWaiting = maxWaiting
	}
	s := &Store{opts: o}
	if err := s.open(ctx); err != nil {
		return nil, fmt.Errorf("open the store in %s: %w", o.Dir, err)
	}
	return s, nil
}

func (s *Store) open(ctx context.Context) (err error) {
	if err := os.MkdirAll(s.opts.Dir, 0o700); err != nil {
		return err
	}
	if s.lock, err = lockDir(s.opts.Dir); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.lock.Close())
		}
	}()
	path := filepath.Join(s.opts.Dir, fileName)
	if err := checkVersion(path); err != nil {
		return err
	}
	c, err := dialWriter(path)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, c.close())
		}
	}()
	if err := migrate(ctx, c, s.opts.Now()); err != nil {
		return err
	}
	if err := syncDir(s.opts.Dir); err != nil {
		return err
	}
	if s.epoch, err = readEpoch(c); err != nil {
		return err
	}
	l, err := readLedger(c)
	if err != nil {
		return err
	}
	if s.pool, err = newPool(path, s.opts.ReadConns); err != nil {
		return err
	}
	s.writer = &writer{
		c: c, opts: s.opts, log: s.opts.Logger, ledger: l,
		checkpoints: newCheckpoints(c, s.pool, s.opts.Logger),
		queue:       make(chan *request, s.opts.maxWaiting), done: make(chan struct{}),
	}
	go s.writer.loop()
	return nil
}

const pageBytes = 4096

// dialWriter opens the connection that writes.
func dialWriter(path string) (*conn, error) {
	return dial(fileURI(path, "rwc"),
		fmt.Sprintf("page_size = %d", pageBytes),
		"busy_timeout = 1000", // only other programs can be in the way
		"journal_mode = WAL",
		"synchronous = FULL",
		"secure_delete = ON",
		"temp_store = MEMORY",
		"cache_size = -32768",
		"wal_autocheckpoint = 0", // see checkpoint.go
		// What a long View made the log grow to is given back.
		fmt.Sprintf("journal_size_limit = %d", forceAt*pageBytes),
		"trusted_schema = OFF",
	)
}

// Update implements store.Store.
func (s *Store) Update(ctx context.Context, fn func(store.Tx) error) error {
	r := &request{ctx: ctx, fn: fn, done: make(chan outcome, 1)}
	if err := s.enqueue(r); err != nil {
		return err
	}
	select {
	case o := <-r.done:
		return o.result()
	case <-ctx.Done():
		// If it has not begun it never will. If it has, its outcome is not known here.
		if r.state.CompareAndSwap(waiting, abandoned) {
			return fmt.Errorf("update has not run: %w", ctx.Err())
		}
		return fmt.Errorf("update may or may not have been kept: %w", ctx.Err())
	case <-s.writer.done:
	}
	// The writer ends only when everything is answered, or when a function has ended its goroutine.
	select {
	case o := <-r.done:
		return o.result()
	default:
		return fmt.Errorf("the store's writer has ended: %w", store.ErrClosed)
	}
}

// result gives a caller its outcome; a panic goes on where the function came from.
func (o outcome) result() error {
	if o.panicked != nil {
		panic(o.panicked)
	}
	return o.err
}

// enqueue hands a request to the writer, waiting for room.
func (s *Store) enqueue(r *request) error {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.closed {
		return store.ErrClosed
	}
	if err := r.ctx.Err(); err != nil {
		return fmt.Errorf("update has not run: %w", err)
	}
	select {
	case s.writer.queue <- r:
		return nil
	default:
	}
	select {
	case s.writer.queue <- r:
		return nil
	case <-r.ctx.Done():
		return fmt.Errorf("update has not run: %w: %w", store.ErrBusy, r.ctx.Err())
	case <-s.writer.done:
		return fmt.Errorf("the store's writer has ended: %w", store.ErrClosed)
	}
}

// View implements store.Store.
func (s *Store) View(ctx context.Context, fn func(store.Reader) error) error {
	s.mu.RLock()
	closed := s.closed
	s.mu.RUnlock()
	if closed {
		return store.ErrClosed
	}
	return s.pool.view(ctx, fn)
}

// Epoch implements store.Store.
func (s *Store) Epoch() string { return s.epoch }

// Usage implements store.Store: the sizes of the database and its log, and what the file system has left for this user.
func (s *Store) Usage() (store.Usage, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.closed {
		return store.Usage{}, store.ErrClosed
	}
	var u store.Usage
	for _, suffix := range []string{"", "-wal", "-shm"} {
		info, err := os.Stat(filepath.Join(s.opts.Dir, fileName+suffix))
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return store.Usage{}, fmt.Errorf("size of the store: %w", err)
		}
		if err == nil {
			u.Bytes += info.Size()
		}
	}
	var err error
	if u.Free, err = freeBytes(s.opts.Dir); err != nil {
		return store.Usage{}, fmt.Errorf("free space of the store in %s: %w", s.opts.Dir, err)
	}
	return u, nil
}

// Close implements store.Store.
func (s *Store) Close() error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return store.ErrClosed
	}
	s.closed = true
	close(s.writer.queue)
	s.mu.Unlock()

	<-s.writer.done
	err := errors.Join(
		s.pool.close(),
		s.writer.c.close(), // the last to close; SQLite moves the log into the database
		s.lock.Close(),
	)
	if err != nil {
		return fmt.Errorf("close the store in %s: %w", s.opts.Dir, err)
	}
	return nil
}
