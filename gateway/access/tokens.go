package access

import (
	"cmp"
	"crypto/rand"
	"encoding/base32"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jieli-gateway/jieli/gateway/fault"
)

const (
	// DefaultLifetime is how long a token works when nothing else is asked for.
	DefaultLifetime = 365 * 24 * time.Hour
	// MaxLifetime is the longest a token may work.
	MaxLifetime = 10 * 365 * 24 * time.Hour
	// useKept is how long after its last use a token counts as in use, and useGrain how exactly that is kept.
	useKept  = 24 * time.Hour
	useGrain = time.Minute
	// RefreshInterval is how often a running node looks whether the file has changed.
	RefreshInterval = 500 * time.Millisecond
)

// Reasons of a refused call; stable.
const (
	ReasonNoToken      = "NO_TOKEN"
	ReasonBadToken     = "BAD_TOKEN"
	ReasonTokenExpired = "TOKEN_EXPIRED"
	ReasonTokenRevoked = "TOKEN_REVOKED"
)

// ErrUnknownToken means that no token has this id.
var ErrUnknownToken = errors.New("no token has this id")

// Options are what may be chosen when opening tokens; the zero value is right outside tests.
type Options struct {
	// Log gets a line when the file cannot be read again. Default: discard.
	Log *slog.Logger
	// Now is the application's clock. Default: time.Now.
	Now func() time.Time
	// Random is where tokens come from. Default: crypto/rand.
	Random io.Reader
}

// Tokens are the tokens of one file. Safe for concurrent use, by several processes too.
type Tokens struct {
	path string
	opts Options

	current atomic.Pointer[known]
	// looked is when the file was last looked at, in Unix nanoseconds.
	looked  atomic.Int64
	refresh sync.Mutex
}

// known is what is known of the file.
type known struct {
	records  map[digest]*record
	used     map[digest]*atomic.Int64 // when each was last used here, in Unix nanoseconds; 0: not since the start
	seen     fileState
	complain string // the error already logged
}

// Open reads the tokens of a file; one that is not there yet holds none.
func Open(path string, opts Options) (*Tokens, error) {
	if opts.Log == nil {
		opts.Log = slog.New(slog.DiscardHandler)
	}
	if opts.Now == nil {
		opts.Now = time.Now
	}
	if opts.Random == nil {
		opts.Random = rand.Reader
	}
	t := &Tokens{path: path, opts: opts}
	if err := t.reload(opts.Now()); err != nil {
		return nil, err
	}
	return t, nil
}

// Spec describes a token to be made.
type Spec struct {
	// Name of the person or system, 1 to MaxName characters.
	Name string
	// Kind of caller; Person when empty.
	Kind Kind
	// Roles it gives; at least one.
	Roles []Role
	// Expires is when it stops working, at most MaxLifetime ahead; zero: DefaultLifetime from now.
	Expires time.Time
}

// checkCaller reports what is wrong with whom a spec describes.
func (s Spec) checkCaller() error {
	if err := CheckName(s.Name, MaxName); err != nil {
		return fmt.Errorf("name %w", err)
	}
	if s.Kind != Person && s.Kind != System {
		return fmt.Errorf("kind %q: must be person or system", s.Kind)
	}
	if len(s.Roles) == 0 {
		return errors.New("roles: at least one is needed")
	}
	for _, role := range s.Roles {
		if !slices.Contains(AllRoles(), role) {
			return fmt.Errorf("role %q: must be one of operator, admin, auditor, monitor", role)
		}
	}
	return nil
}

// check reports what is wrong with a spec.
func (s Spec) check(now time.Time) error {
	if err := s.checkCaller(); err != nil {
		return err
	}
	switch {
	case !s.Expires.After(now):
		return errors.New("expires: must lie ahead")
	case s.Expires.After(now.Add(MaxLifetime)):
		return errors.New("expires: at most ten years ahead")
	}
	return nil
}

// Create makes a token and keeps its digest. The token is returned here and never again.
func (t *Tokens) Create(spec Spec) (token string, entry Entry, err error) {
	now := t.opts.Now().UTC().Truncate(time.Second)
	if spec.Kind == "" {
		spec.Kind = Person
	}
	if spec.Expires.IsZero() {
		spec.Expires = now.Add(DefaultLifetime)
	}
	if err := spec.check(now); err != nil {
		return "", Entry{}, fmt.Errorf("create a token: %w", err)
	}
	err = t.change(func(b *book) error {
		secret, d, err := newSecret(t.opts.Random)
		if err != nil {
			return err
		}
		id, err := t.newID(b)
		if err != nil {
			return err
		}
		if err := b.makeRoom(now); err != nil {
			return err
		}
		entry = Entry{
			ID: id, Name: spec.Name, Kind: spec.Kind, Roles: slices.Clone(spec.Roles),
			Created: now, Expires: spec.Expires.UTC().Truncate(time.Second),
		}
		token = secret
		b.Tokens = append(b.Tokens, record{Entry: entry, Digest: d})
		return nil
	})
	if err != nil {
		return "", Entry{}, err
	}
	return token, entry, nil
}

// List gives all tokens in the order they were made.
func (t *Tokens) List() ([]Entry, error) {
	b, err := readBook(t.path)
	if err != nil {
		return nil, err
	}
	entries := make([]Entry, len(b.Tokens))
	for i, r := range b.Tokens {
		entries[i] = r.Entry
	}
	return entries, nil
}

// Revoke makes a token useless, here at once and in other processes within a second. Revoking it again does
// nothing. It fails with ErrUnknownToken when there is none of this id.
func (t *Tokens) Revoke(id string) (Entry, error) {
	var entry Entry
	err := t.change(func(b *book) error {
		i := slices.IndexFunc(b.Tokens, func(r record) bool { return r.ID == id })
		if i < 0 {
			return fmt.Errorf("revoke token %q: %w", id, ErrUnknownToken)
		}
		if b.Tokens[i].Revoked.IsZero() {
			b.Tokens[i].Revoked = t.opts.Now().UTC().Truncate(time.Second)
		}
		entry = b.Tokens[i].Entry
		return nil
	})
	return entry, err
}

// Authenticate says whose token this is. Its errors are fault.Errors of kind Unauthenticated with the reasons
// above.
func (t *Tokens) Authenticate(token string) (Caller, error) {
	if token == "" {
		return Caller{}, fault.New(fault.Unauthenticated, ReasonNoToken,
			"no token: send `Authorization: Bearer jieli_…`; `jieli token create` makes one")
	}
	d, ok := digestOf(token)
	if !ok {
		return Caller{}, errBadToken()
	}
	now := t.opts.Now()
	k := t.known(now)
	r, ok := k.records[d]
	switch {
	case !ok:
		return Caller{}, errBadToken()
	case !r.Revoked.IsZero():
		return Caller{}, fault.New(fault.Unauthenticated, ReasonTokenRevoked, "token %s has been revoked", r.ID)
	case !now.Before(r.Expires):
		return Caller{}, fault.New(fault.Unauthenticated, ReasonTokenExpired,
			"token %s expired at %s; `jieli token create` makes a new one", r.ID, r.Expires.Format(time.RFC3339))
	}
	if used := k.used[d]; now.UnixNano()-used.Load() > int64(useGrain) {
		used.Store(now.UnixNano())
	}
	return Caller{ID: r.ID, Name: r.Name, Kind: r.Kind, Roles: r.Roles}, nil
}

// Ending lists the tokens that were used here within the last 24 hours and stop working within a time, soonest first.
func (t *Tokens) Ending(within time.Duration) []Entry {
	now := t.opts.Now()
	k := t.known(now)
	var ending []Entry
	for d, r := range k.records {
		if r.State(now) == "ACTIVE" && r.Expires.Sub(now) < within && now.Sub(time.Unix(0, k.used[d].Load())) < useKept {
			ending = append(ending, r.Entry)
		}
	}
	slices.SortFunc(ending, func(a, b Entry) int { return cmp.Or(a.Expires.Compare(b.Expires), strings.Compare(a.ID, b.ID)) })
	return ending
}

func errBadToken() error {
	return fault.New(fault.Unauthenticated, ReasonBadToken,
		"this is not a token of this node; send one that `jieli token create` printed here, whole")
}

// change reads the book, lets f change it, writes it back and takes the result over, with other writers locked out.
func (t *Tokens) change(f func(*book) error) error {
	unlock, err := lockBook(t.path)
	if err != nil {
		return err
	}
	defer unlock()
	b, err := readBook(t.path)
	if err != nil {
		return err
	}
	if err := f(b); err != nil {
		return err
	}
	if err := b.write(t.path); err != nil {
		return err
	}
	t.refresh.Lock()
	defer t.refresh.Unlock()
	return t.reload(t.opts.Now())
}

// known gives the newest state, having looked at the file at most RefreshInterval ago.
func (t *Tokens) known(now time.Time) *known {
	since := now.UnixNano() - t.looked.Load()
	if since >= 0 && since < int64(RefreshInterval) || !t.refresh.TryLock() {
		return t.current.Load()
	}
	defer t.refresh.Unlock()
	current := t.current.Load()
	if current.seen.unchanged(lookAt(t.path)) {
		t.looked.Store(now.UnixNano())
		return current
	}
	if err := t.reload(now); err != nil && err.Error() != current.complain {
		// A file that cannot be read takes nobody's access away, and gives none.
		t.opts.Log.Error("tokens cannot be read again; the ones read before stay in use, and revoking has no effect until this is mended",
			slog.String("file", t.path), slog.Any("error", err))
		t.current.Store(&known{records: current.records, used: current.used, complain: err.Error()})
	}
	return t.current.Load()
}

// reload reads the file and takes it over.
func (t *Tokens) reload(now time.Time) error {
	t.looked.Store(now.UnixNano())
	// Looked at before it is read: a change in between is seen the next time.
	seen := lookAt(t.path)
	b, err := readBook(t.path)
	if err != nil {
		return err
	}
	next := &known{records: make(map[digest]*record, len(b.Tokens)), used: make(map[digest]*atomic.Int64, len(b.Tokens)), seen: seen}
	before := t.current.Load()
	for i := range b.Tokens {
		d := b.Tokens[i].Digest
		next.records[d], next.used[d] = &b.Tokens[i], new(atomic.Int64)
		if before != nil && before.used[d] != nil {
			next.used[d] = before.used[d]
		}
	}
	t.current.Store(next)
	return nil
}

// newID makes an id that is easy to read out: ten letters and digits.
func (t *Tokens) newID(b *book) (string, error) {
	for range 10 {
		var bits [7]byte
		if _, err := io.ReadFull(t.opts.Random, bits[:]); err != nil {
			return "", fmt.Errorf("make a token: %w", err)
		}
		id := strings.ToLower(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(bits[:]))[:10]
		if !slices.ContainsFunc(b.Tokens, func(r record) bool { return r.ID == id }) {
			return id, nil
		}
	}
	return "", errors.New("make a token: found no free id")
}

// makeRoom drops the oldest tokens that no longer work when the book is full.
func (b *book) makeRoom(now time.Time) error {
	for len(b.Tokens) >= MaxTokens {
		i := slices.IndexFunc(b.Tokens, func(r record) bool { return r.State(now) != "ACTIVE" })
		if i < 0 {
			return fmt.Errorf("there are %d working tokens, and no more are kept: revoke some", MaxTokens)
		}
		b.Tokens = slices.Delete(b.Tokens, i, i+1)
	}
	return nil
}

// fileState is how a file looked from outside.
type fileState struct {
	info os.FileInfo // nil: not there
	// settled: it was last written long enough ago that a later change cannot have the same time.
	settled bool
}

// settling is longer than the coarsest time stamps of file systems that are in use.
const settling = 3 * time.Second

func lookAt(path string) fileState {
	info, err := os.Stat(path)
	if err != nil {
		return fileState{settled: true}
	}
	return fileState{info: info, settled: time.Since(info.ModTime()) > settling}
}

// unchanged reports whether the file is certainly still as it was.
func (s fileState) unchanged(now fileState) bool {
	if s.info == nil || now.info == nil {
		return s.settled && s.info == nil && now.info == nil
	}
	return s.settled && os.SameFile(s.info, now.info) &&
		s.info.Size() == now.info.Size() && s.info.ModTime().Equal(now.info.ModTime())
}
