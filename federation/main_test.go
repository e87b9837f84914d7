package federation

import (
	"log/slog"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// patience bounds every wait in these tests; none is meant to come near it.
const patience = 15 * time.Second

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func discard() *slog.Logger { return slog.New(slog.DiscardHandler) }
