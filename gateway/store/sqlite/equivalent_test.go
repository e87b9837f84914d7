package sqlite

import (
	"testing"

	"github.com/jieli-gateway/jieli/gateway/store"
	"github.com/jieli-gateway/jieli/gateway/store/memory"
	"github.com/jieli-gateway/jieli/gateway/store/storetest"
)

func TestSameAsMemory(t *testing.T) {
	if storetest.Race {
		t.Skip("a hundred databases under the race detector take minutes; the suite runs there")
	}
	storetest.Equivalent(t, open, func(_ testing.TB, o storetest.Options) store.Store {
		return memory.New(memory.Options{Sealer: o.Sealer, Now: o.Now})
	})
}
