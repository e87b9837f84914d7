package sqlite

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jieli-gateway/jieli/gateway/store"
)

// pool is the connections that read. Each is used by one View at a time.
type pool struct {
	uri string
	// free holds the connections not in use; nil stands for one that is yet to be opened.
	free   chan *conn
	size   int
	closed chan struct{}
}

func newPool(path string, size int) (*pool, error) {
	p := &pool{uri: fileURI(path, "ro"), free: make(chan *conn, size), size: size, closed: make(chan struct{})}
	first, err := p.dial()
	if err != nil {
		return nil, err
	}
	p.free <- first
	for range size - 1 {
		p.free <- nil
	}
	return p, nil
}

func (p *pool) dial() (*conn, error) {
	return dial(p.uri, "busy_timeout = 5000", "cache_size = -4096", "temp_store = MEMORY", "query_only = 1")
}

// view runs fn in a read transaction.
func (p *pool) view(ctx context.Context, fn func(store.Reader) error) (err error) {
	var c *conn
	select {
	case c = <-p.free:
	case <-p.closed:
		return store.ErrClosed
	case <-ctx.Done():
		return fmt.Errorf("view: %w", ctx.Err())
	}
	defer func() { p.free <- c }()
	if c == nil {
		if c, err = p.dial(); err != nil {
			return fmt.Errorf("open a connection: %w", err)
		}
	}
	if _, err := c.exec(`BEGIN`); err != nil {
		return fmt.Errorf("begin to read: %w", err)
	}
	r := &reader{c: c, ctx: ctx}
	defer func() {
		r.c = nil
		if _, e := c.exec(`ROLLBACK`); e != nil { // in no known state: the next View opens another
			err = errors.Join(err, e, c.close())
			c = nil
		}
	}()
	return fn(r)
}

// pause holds back new views until resume is called, and tells whether all others have ended within the time given.
func (p *pool) pause(wait time.Duration) (resume func(), quiet bool) {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	held := make([]*conn, 0, p.size)
	resume = func() {
		for _, c := range held {
			p.free <- c
		}
	}
	for len(held) < p.size {
		select {
		case c := <-p.free:
			held = append(held, c)
		case <-timer.C:
			return resume, false
		}
	}
	return resume, true
}

// close turns away the views that wait and waits for the others to end.
func (p *pool) close() error {
	close(p.closed)
	var err error
	for range p.size {
		if c := <-p.free; c != nil {
			err = errors.Join(err, c.close())
		}
	}
	return err
}
