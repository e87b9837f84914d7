package federation_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/jieli-gateway/jieli/federation/trust"
	jieliv1 "github.com/jieli-gateway/jieli/proto/jieli/v1"
)

// regionFor is the entry of a region with keys of its own, by which nothing is signed.
func regionFor(t *testing.T, region string) *jieliv1.Region {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "pki")
	if err := trust.Init(dir, region); err != nil {
		t.Fatal(err)
	}
	material, err := trust.Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	show := material.Show()
	return &jieliv1.Region{
		Id: region, NameZh: region, LegalName: region, DutyPhone: "12345", NumberPrefix: strings.ToUpper(region),
		Bundle: show.Bundle,
		SigningKeys: []*jieliv1.SigningKey{{
			KeyId: show.SigningKeyID, Algorithm: show.SigningAlgorithm, PublicKey: show.SigningPublicKey,
		}},
	}
}
