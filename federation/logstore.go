package federation

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/hashicorp/raft"
	raftboltdb "github.com/hashicorp/raft-boltdb/v2"
	"go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"
)

const (
	fileRaftLog  = "raft.db"
	dirSnapshots = "snapshots" // made by Raft in the directory it is given

	// logCacheEntries is how many of the newest entries are kept in memory: followers that keep up are served from it.
	logCacheEntries = maxAppendEntries
	// lockPatience is how long another process may take to let go of the file.
	lockPatience = time.Second
)

// ErrDirInUse means that another process has this data directory open.
var ErrDirInUse = errors.New("the data directory is in use by another process")

// Storage is where Raft keeps its log, its vote and its snapshots.
type Storage struct {
	// Log holds the entries, Stable the vote and term. Both must be durable when a call returns.
	Log    raft.LogStore
	Stable raft.StableStore
	// Snapshots holds snapshots of the registry.
	Snapshots raft.SnapshotStore
	// Size is how much the log takes on disk in bytes; nil: unknown.
	Size func() int64
	// Close is called last; may be nil.
	Close func() error
}

// OpenFiles keeps everything in files of a directory, which it makes if need be.
func OpenFiles(dir string, log *slog.Logger) (Storage, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return Storage{}, fmt.Errorf("registry directory: %w", err)
	}
	path := filepath.Join(dir, fileRaftLog)
	bolt, err := raftboltdb.New(raftboltdb.Options{
		Path: path,
		// The free list is rebuilt when the file is opened instead of being written with each commit. Commits
		// themselves are always synced.
		BoltOptions:             &bbolt.Options{Timeout: lockPatience, NoFreelistSync: true, FreelistType: bbolt.FreelistMapType},
		MsgpackUseNewTimeFormat: true,
	})
	if errors.Is(err, berrors.ErrTimeout) {
		return Storage{}, fmt.Errorf("%s: %w: stop the other one, or give this one another directory", path, ErrDirInUse)
	}
	if err != nil {
		return Storage{}, fmt.Errorf("raft log %s: %w", path, err)
	}
	snapshots, err := raft.NewFileSnapshotStoreWithLogger(dir, snapshotsRetained, newRaftLogger(log))
	if err != nil {
		return Storage{}, errors.Join(fmt.Errorf("raft snapshots in %s: %w", filepath.Join(dir, dirSnapshots), err), bolt.Close())
	}
	return Storage{
		Log: bolt, Stable: bolt, Snapshots: snapshots,
		Size:  func() int64 { return fileSize(path) },
		Close: bolt.Close,
	}, nil
}

func fileSize(path string) int64 {
	info, err := os.Stat(path)
	if err != nil {
		return 0
	}
	return info.Size()
}

// watched puts the gate's watch and a cache of the newest entries in front of the log.
func (s Storage) watched(g *gate) (raft.LogStore, error) {
	cached, err := raft.NewLogCache(logCacheEntries, &watchedLog{LogStore: s.Log, gate: g})
	if err != nil {
		return nil, fmt.Errorf("raft log cache: %w", err)
	}
	return cached, nil
}

func (s Storage) size() int64 {
	if s.Size == nil {
		return 0
	}
	return s.Size()
}

func (s Storage) close() error {
	if s.Close == nil {
		return nil
	}
	return s.Close()
}
