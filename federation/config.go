package federation

import (
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/jieli-gateway/jieli/federation/trust"
)

const (
	defaultWriteTimeout    = 10 * time.Second
	defaultReadTimeout     = 5 * time.Second
	defaultCloseTimeout    = 10 * time.Second
	defaultRequestAge      = 24 * time.Hour
	defaultCheckpointPause = 100 * time.Millisecond
	defaultRequestAhead    = 5 * time.Minute
	defaultMaxInFlight     = 4096

	// statusTimeout bounds the question to another node how it is.
	statusTimeout = time.Second
)

// Config is what a Registry must be told.
type Config struct {
	// Self is this node. Required.
	Self trust.NodeID
	// Dir is the directory of the Raft log, snapshots and the checkpoint; made if need be, used by this process alone.
	// Required.
	Dir string
	// Version of the binary, for people: nodes report it, status shows it.
	Version string
	// Profile holds the durations of Raft. Default: wan.
	Profile Profile
	// KnownLevel is the highest registry level this binary knows. Default: that of package registry. Tests lower it.
	KnownLevel uint32
	// WriteTimeout bounds a write, inside its context. Default: 10 s.
	WriteTimeout time.Duration
	// ReadTimeout bounds a strong read, inside its context. Default: 5 s.
	ReadTimeout time.Duration
	// CloseTimeout bounds Close. Default: 10 s.
	CloseTimeout time.Duration
	// CheckpointPause is how long after a change the last known table is written to disk, so that a burst is written
	// once. However short, at most a tenth of the time goes into writing. Default: 100 ms.
	CheckpointPause time.Duration
	// RequestAge is how old a command's request id may be when this node takes it, RequestAhead how far ahead of this
	// node's clock. Defaults: 24 h, 5 min.
	RequestAge   time.Duration
	RequestAhead time.Duration
	// MaxInFlight bounds the writes given to Raft and not yet answered; more are refused with ErrBusy. Default: 4096.
	MaxInFlight int
	// Now is the application's clock: it stamps entries and judges request ids. Default: time.Now. What waits does so by
	// the machine's monotonic clock.
	Now func() time.Time
	// Log gets what an operator must act on. Default: discard.
	Log *slog.Logger
	// Metrics takes this registry's metrics. Optional.
	Metrics prometheus.Registerer
	// OpenStorage opens where Raft keeps its log. Default: OpenFiles. Tests put faults in between.
	OpenStorage func(dir string, log *slog.Logger) (Storage, error)
}

// withDefaults fills in what is missing and reports what cannot be.
func (c Config) withDefaults() (Config, error) {
	if err := c.Self.Check(); err != nil {
		return c, fmt.Errorf("federation: self: %w", err)
	}
	if c.Dir == "" {
		return c, errors.New("federation: a data directory is required")
	}
	if c.Profile == (Profile{}) {
		c.Profile, _ = ProfileNamed(ProfileWAN) // it exists
	}
	if err := c.Profile.Check(); err != nil {
		return c, err
	}
	if c.KnownLevel == 0 {
		c.KnownLevel = knownLevel
	}
	for _, field := range []struct {
		value    *time.Duration
		standard time.Duration
	}{
		{&c.WriteTimeout, defaultWriteTimeout},
		{&c.ReadTimeout, defaultReadTimeout},
		{&c.CloseTimeout, defaultCloseTimeout},
		{&c.CheckpointPause, defaultCheckpointPause},
		{&c.RequestAge, defaultRequestAge},
		{&c.RequestAhead, defaultRequestAhead},
	} {
		if *field.value <= 0 {
			*field.value = field.standard
		}
	}
	if c.MaxInFlight <= 0 {
		c.MaxInFlight = defaultMaxInFlight
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.OpenStorage == nil {
		c.OpenStorage = OpenFiles
	}
	return c, nil
}
