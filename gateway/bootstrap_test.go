package gateway

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jieli-gateway/jieli/federation/trust"
	jieliv1 "github.com/jieli-gateway/jieli/proto/jieli/v1"
)

// A region that the registry would refuse is refused before Raft has written anything.
func TestNoFederationBeginsWithABadRegion(t *testing.T) {
	dir := t.TempDir()
	pki := filepath.Join(dir, "pki")
	if err := trust.Init(pki, "suzhou"); err != nil {
		t.Fatal(err)
	}
	if err := trust.Issue(pki, "n1", trust.IssueOptions{}); err != nil {
		t.Fatal(err)
	}
	region := &jieliv1.Region{NameZh: strings.Repeat("苏", 101), LegalName: "苏州中心", DutyPhone: "0512-12345", NumberPrefix: "SZ"}
	n, err := Open(t.Context(), Config{
		DataDir: dir, PKIDir: pki, FederationListen: "127.0.0.1:0", APIListen: "127.0.0.1:0", Bootstrap: &Bootstrap{Region: region},
	})
	if err == nil {
		t.Fatal("it was taken", n.Close())
	}
	if !strings.Contains(err.Error(), "region.nameZh") {
		t.Errorf("got %v, want the field", err)
	}
	if _, err := os.Stat(registryDir(dir)); err == nil || Entered(dir) {
		t.Error("the registry was begun")
	}
}
