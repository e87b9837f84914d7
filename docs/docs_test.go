// Package docs_test holds the documents and the code together where one repeats the other.
package docs_test

import (
	"os"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/jieli-gateway/jieli/gateway/ticket"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestProtocolHasTheTable: docs/protocol.md is normative, so its table of the pen is the one the code judges by.
func TestProtocolHasTheTable(t *testing.T) {
	b, err := os.ReadFile("protocol.md")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(b), ticket.Table()) {
		t.Errorf("protocol.md, §4, has another table than the code. It should be:\n\n%s", ticket.Table())
	}
}
