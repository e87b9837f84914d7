package memory_test

import (
	"testing"

	"go.uber.org/goleak"

	"github.com/jieli-gateway/jieli/gateway/store"
	"github.com/jieli-gateway/jieli/gateway/store/memory"
	"github.com/jieli-gateway/jieli/gateway/store/storetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func open(_ testing.TB, o storetest.Options) store.Store {
	return memory.New(memory.Options{Sealer: o.Sealer, OnCommit: o.OnCommit, Now: o.Now})
}

func TestStore(t *testing.T) { storetest.Run(t, open) }
