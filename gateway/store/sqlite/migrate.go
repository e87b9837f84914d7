package sqlite

import (
	"context"
	"database/sql/driver"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"regexp"
	"strconv"
	"time"

	"github.com/google/uuid"

	"github.com/jieli-gateway/jieli/gateway/store"
)

//go:embed migrations/*.sql
var migrationFiles embed.FS

// migration is one numbered change of the tables. They expand first and contract a release later, so that the binary
// before can still run on what the next one wrote: oldest is the number of the newest migration a binary must know to
// run after this one.
type migration struct {
	number int64
	name   string
	oldest int64
	text   string
}

// migrations reads the embedded files, in order, numbered from 1 without gaps.
func migrations(files fs.FS) ([]migration, error) {
	names, err := fs.Glob(files, "migrations/*.sql")
	if err != nil {
		return nil, err
	}
	all := make([]migration, 0, len(names))
	for i, file := range names {
		text, err := fs.ReadFile(files, file)
		if err != nil {
			return nil, err
		}
		name := path.Base(file)
		number, err := strconv.ParseInt(name[:4], 10, 64)
		if err != nil || number != int64(i+1) {
			return nil, fmt.Errorf("migration %s: want number %04d", name, i+1)
		}
		oldest := oldestLine.FindSubmatch(text)
		if oldest == nil {
			return nil, fmt.Errorf("migration %s: no line says `-- oldest: N`", name)
		}
		n, err := strconv.ParseInt(string(oldest[1]), 10, 64)
		if err != nil || n < 1 || n > number {
			return nil, fmt.Errorf("migration %s: oldest must be 1 to %d", name, number)
		}
		all = append(all, migration{number, name, n, string(text)})
	}
	return all, nil
}

var oldestLine = regexp.MustCompile(`(?m)^-- oldest: (\d+)$`)

// checkVersion refuses a database that a newer version has changed beyond what this one can run on, before anything is
// opened for writing. A file that does not exist is fine.
func checkVersion(file string) (err error) {
	if info, err := os.Stat(file); errors.Is(err, os.ErrNotExist) || err == nil && info.Size() == 0 {
		return nil
	}
	all, err := migrations(migrationFiles)
	if err != nil {
		return err
	}
	c, err := dial(fileURI(file, "ro"), "busy_timeout = 5000")
	if err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	defer func() { err = errors.Join(err, c.close()) }()
	applied, oldest, name, err := version(c)
	switch known := all[len(all)-1].number; {
	case err != nil:
		return fmt.Errorf("%s: %w", file, err)
	case oldest > known:
		return fmt.Errorf("%s has migration %d (%s), which needs a binary that knows migration %d; this one knows %d: install the newer version: %w",
			file, applied, name, oldest, known, store.ErrNewer)
	}
	return nil
}

// version reads the newest migration applied, and the oldest a binary must know.
func version(c *conn) (applied, oldest int64, name string, err error) {
	found, err := c.one(`SELECT name FROM sqlite_master WHERE type = 'table' AND name = 'migration'`, nil,
		func(row) error { return nil })
	if err != nil || !found {
		return 0, 0, "", err
	}
	_, err = c.one(`SELECT number, name FROM migration ORDER BY number DESC LIMIT 1`, nil, func(r row) error {
		applied, name = r.integer(0), r.text(1)
		return nil
	})
	if err == nil {
		_, err = c.one(`SELECT max(oldest) FROM migration`, nil, func(r row) error {
			oldest = r.integer(0)
			return nil
		})
	}
	return applied, oldest, name, err
}

// migrate applies what is missing, each migration in a transaction of its own.
func migrate(ctx context.Context, c *conn, now time.Time) error {
	all, err := migrations(migrationFiles)
	if err != nil {
		return err
	}
	applied, _, _, err := version(c)
	if err != nil {
		return err
	}
	for _, m := range all {
		if m.number <= applied {
			continue
		}
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("migration %s: %w", m.name, err)
		}
		if err := m.apply(c, now); err != nil {
			_, _ = c.exec(`ROLLBACK`)
			return fmt.Errorf("migration %s: %w", m.name, err)
		}
	}
	return nil
}

func (m migration) apply(c *conn, now time.Time) error {
	steps := []write{
		{`BEGIN IMMEDIATE`, nil},
		{`CREATE TABLE IF NOT EXISTS migration (
			number INTEGER PRIMARY KEY,
			name   TEXT    NOT NULL,
			oldest INTEGER NOT NULL, -- newest migration a binary must know to run on this store
			time   INTEGER NOT NULL
		)`, nil},
		{m.text, nil},
		{
			`INSERT INTO migration (number, name, oldest, time) VALUES (?, ?, ?, ?)`,
			[]driver.Value{m.number, m.name, m.oldest, now.UnixMicro()},
		},
	}
	if m.number == 1 {
		steps = append(steps, write{`INSERT INTO store (one, epoch, changed) VALUES (1, ?, 0)`, []driver.Value{uuid.NewString()}})
	}
	for _, s := range append(steps, write{`COMMIT`, nil}) {
		if err := c.once(s.text, s.args...); err != nil {
			return err
		}
	}
	return nil
}

func readEpoch(c *conn) (epoch string, err error) {
	found, err := c.one(`SELECT epoch FROM store`, nil, func(r row) error {
		epoch = r.text(0)
		return nil
	})
	if err == nil && !found {
		err = errors.New("the database has no epoch: it is damaged or not a store of Jieli's")
	}
	return epoch, err
}
