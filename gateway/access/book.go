package access

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

const (
	// bookVersion is the format of tokens.json.
	bookVersion = 1
	// maxBookBytes bounds what is read of it.
	maxBookBytes = 16 << 20
	// MaxTokens bounds the tokens kept, revoked and expired ones included; Create drops the oldest of those first.
	MaxTokens = 10_000
)

// Entry is what is kept of a token.
type Entry struct {
	// ID names the token in lists, logs and `jieli token revoke`.
	ID string `json:"id"`
	// Name of the person or system it was made for.
	Name string `json:"name"`
	// Kind of caller.
	Kind Kind `json:"kind"`
	// Roles it gives.
	Roles []Role `json:"roles"`
	// Created is when it was made.
	Created time.Time `json:"created"`
	// Expires is when it stops working.
	Expires time.Time `json:"expires"`
	// Revoked is when it was revoked; zero while it was not.
	Revoked time.Time `json:"revoked,omitzero"`
}

// State is ACTIVE, EXPIRED or REVOKED at a moment.
func (e Entry) State(now time.Time) string {
	switch {
	case !e.Revoked.IsZero():
		return "REVOKED"
	case !now.Before(e.Expires):
		return "EXPIRED"
	default:
		return "ACTIVE"
	}
}

// record is an entry with its digest, as it stands in the file.
type record struct {
	Entry
	Digest digest `json:"sha256"`
}

// book is the content of tokens.json.
type book struct {
	Version int      `json:"version"`
	Tokens  []record `json:"tokens"`
}

// readBook reads the file; one that is not there is an empty book.
func readBook(path string) (*book, error) {
	file, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return &book{Version: bookVersion}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read tokens: %w", err)
	}
	defer file.Close()
	data, err := io.ReadAll(io.LimitReader(file, maxBookBytes+1))
	if err != nil {
		return nil, fmt.Errorf("read tokens: %w", err)
	}
	b, err := parseBook(data)
	if err != nil {
		return nil, fmt.Errorf("read tokens %s: %w", path, err)
	}
	return b, nil
}

// parseBook reads and checks the content of the file.
func parseBook(data []byte) (*book, error) {
	if len(data) > maxBookBytes {
		return nil, fmt.Errorf("larger than %d bytes", maxBookBytes)
	}
	var b book
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&b); err != nil {
		return nil, err
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("something follows the JSON object")
	}
	if b.Version != bookVersion {
		return nil, fmt.Errorf("format %d: this binary knows format %d only", b.Version, bookVersion)
	}
	if len(b.Tokens) > MaxTokens {
		return nil, fmt.Errorf("%d tokens: at most %d", len(b.Tokens), MaxTokens)
	}
	ids := make(map[string]bool, len(b.Tokens))
	for i, r := range b.Tokens {
		if err := r.check(); err != nil {
			return nil, fmt.Errorf("token %d (id %q): %w", i+1, r.ID, err)
		}
		if ids[r.ID] {
			return nil, fmt.Errorf("token %d: id %q is there twice", i+1, r.ID)
		}
		ids[r.ID] = true
	}
	return &b, nil
}

// check reports what is wrong with a record.
func (r record) check() error {
	if r.ID == "" {
		return errors.New("id is missing")
	}
	if r.Digest == (digest{}) {
		return errors.New("sha256 is missing")
	}
	if r.Expires.IsZero() {
		return errors.New("expires is missing")
	}
	return Spec{Name: r.Name, Kind: r.Kind, Roles: r.Roles}.checkCaller()
}

// write replaces the file, whole or not at all, mode 0600.
func (b *book) write(path string) error {
	data, err := json.MarshalIndent(b, "", "  ")
	if err != nil {
		return fmt.Errorf("write tokens: %w", err)
	}
	dir := filepath.Dir(path)
	file, err := os.CreateTemp(dir, ".tokens-*") // mode 0600
	if err != nil {
		return fmt.Errorf("write tokens: %w", err)
	}
	defer func() { _ = os.Remove(file.Name()) }() // after the rename it is gone already
	_, err = file.Write(append(data, '\n'))
	if err == nil {
		err = file.Sync()
	}
	if closeErr := file.Close(); err == nil {
		err = closeErr
	}
	if err == nil {
		err = os.Rename(file.Name(), path)
	}
	if err == nil {
		err = syncDirectory(dir)
	}
	if err != nil {
		return fmt.Errorf("write tokens %s: %w", path, err)
	}
	return nil
}

// syncDirectory makes a rename in it durable.
func syncDirectory(dir string) error {
	handle, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer handle.Close()
	return handle.Sync()
}

// lockBook waits until no other process changes the file. The lock is a file of its own, because each change puts
// another file in place of the book; it ends with the process.
func lockBook(path string) (unlock func(), err error) {
	file, err := os.OpenFile(path+".lock", os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock tokens: %w", err)
	}
	for {
		err = syscall.Flock(int(file.Fd()), syscall.LOCK_EX)
		if !errors.Is(err, syscall.EINTR) {
			break
		}
	}
	if err != nil {
		_ = file.Close()
		return nil, fmt.Errorf("lock tokens: %w", err)
	}
	return func() { _ = file.Close() }, nil
}
