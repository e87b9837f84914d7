package sqlite

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net/url"

	engine "modernc.org/sqlite"
)

// conn is one connection with its prepared statements. It speaks to the driver directly: database/sql would add a
// pool, a lock and reflection to each of the ten statements of a hand-off. Not safe for concurrent use.
type conn struct {
	driver   driver.Conn
	prepared map[string]*statement
}

// statement is a prepared statement, used again and again.
type statement struct {
	driver driver.Stmt
	exec   driver.StmtExecContext
	query  driver.StmtQueryContext
	args   []driver.NamedValue
	dest   row
}

// fileURI names a database file in SQLite's way, whatever characters its path has.
func fileURI(path, mode string) string {
	u := url.URL{Scheme: "file", Path: path, RawQuery: "mode=" + mode}
	return u.String()
}

// dial opens a connection and gives it its settings.
func dial(uri string, pragmas ...string) (*conn, error) {
	d, err := new(engine.Driver).Open(uri)
	if err != nil {
		return nil, err
	}
	c := &conn{driver: d, prepared: map[string]*statement{}}
	for _, p := range pragmas {
		if err := c.each("PRAGMA "+p, nil, func(row) error { return nil }); err != nil {
			return nil, errors.Join(fmt.Errorf("pragma %s: %w", p, err), c.close())
		}
	}
	return c, nil
}

func (c *conn) close() error {
	var err error
	for _, s := range c.prepared {
		err = errors.Join(err, s.driver.Close())
	}
	return errors.Join(err, c.driver.Close())
}

// prepare finds or makes the statement for a text. Texts are constants, so there are only so many.
func (c *conn) prepare(text string) (*statement, error) {
	if s := c.prepared[text]; s != nil {
		return s, nil
	}
	d, err := c.driver.Prepare(text)
	if err != nil {
		return nil, err
	}
	s := &statement{driver: d}
	var ok bool
	if s.exec, ok = d.(driver.StmtExecContext); !ok {
		return nil, errors.Join(errors.New("the SQLite driver has no StmtExecContext"), d.Close())
	}
	if s.query, ok = d.(driver.StmtQueryContext); !ok {
		return nil, errors.Join(errors.New("the SQLite driver has no StmtQueryContext"), d.Close())
	}
	c.prepared[text] = s
	return s, nil
}

// bind lays out arguments as the driver wants them. It takes int64, string, []byte and nil.
func (s *statement) bind(args []driver.Value) []driver.NamedValue {
	s.args = s.args[:0]
	for i, a := range args {
		s.args = append(s.args, driver.NamedValue{Ordinal: i + 1, Value: a})
	}
	return s.args
}

// exec runs a statement that returns no rows and tells how many rows it changed.
func (c *conn) exec(text string, args ...driver.Value) (int64, error) {
	s, err := c.prepare(text)
	if err != nil {
		return 0, err
	}
	// Statements run to their end: one that is interrupted could take the whole transaction with it.
	result, err := s.exec.ExecContext(context.Background(), s.bind(args))
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}

// once runs a text that may hold several statements and is not used again.
func (c *conn) once(text string, args ...driver.Value) error {
	d, err := c.driver.Prepare(text)
	if err != nil {
		return err
	}
	s := &statement{driver: d, exec: d.(driver.StmtExecContext)}
	_, err = s.exec.ExecContext(context.Background(), s.bind(args))
	return errors.Join(err, d.Close())
}

// each calls fn with each row of a query; the row is only good until fn returns, its values for ever. The error
// stop ends it early without being returned.
func (c *conn) each(text string, args []driver.Value, fn func(row) error) (err error) {
	s, err := c.prepare(text)
	if err != nil {
		return err
	}
	rows, err := s.query.QueryContext(context.Background(), s.bind(args))
	if err != nil {
		return err
	}
	defer func() {
		if e := rows.Close(); err == nil {
			err = e
		}
	}()
	if s.dest == nil {
		s.dest = make(row, len(rows.Columns()))
	}
	for {
		switch err := rows.Next(s.dest); {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		}
		switch err := fn(s.dest); {
		case errors.Is(err, errStop):
			return nil
		case err != nil:
			return err
		}
	}
}

// errStop ends each early.
var errStop = errors.New("stop")

// one calls fn with the first row of a query and tells whether there was one.
func (c *conn) one(text string, args []driver.Value, fn func(row) error) (found bool, err error) {
	err = c.each(text, args, func(r row) error {
		found = true
		if err := fn(r); err != nil {
			return err
		}
		return errStop
	})
	return found, err
}

// taken tells whether a statement failed because a unique value is taken; the transaction goes on then.
func taken(err error) bool {
	const constraint = 19 // SQLITE_CONSTRAINT, the low byte of its extended codes
	var e *engine.Error
	return errors.As(err, &e) && e.Code()&0xff == constraint
}
