package api

import (
	"strings"
	"testing"

	"github.com/jieli-gateway/jieli/gateway/fault"
	"github.com/jieli-gateway/jieli/regions"
)

func TestPageTokenComesBack(t *testing.T) {
	for _, key := range []regions.Key{
		newKey(t, "11", "", ""), newKey(t, "110101001", "urban.housing", "2026-01-01"),
	} {
		token := pageToken("f", key)
		got, err := parsePageToken("f", token)
		if err != nil || got != key {
			t.Fatalf("%v, %v; want %v", got, err, key)
		}
		if _, err := parsePageToken("g", token); fault.ReasonOf(err) != "INVALID_PAGE_TOKEN" {
			t.Fatalf("with other filters: %v", err)
		}
		if _, err := parsePageToken("f", token[:len(token)-2]); err == nil {
			// A shorter day or code may be one, too; it must not be read as the same.
			if cut, _ := parsePageToken("f", token[:len(token)-2]); cut == key {
				t.Fatal("a cut token is the same")
			}
		}
	}
	for name, token := range map[string]string{
		"not base64": "%%%", "empty": "AA", "too long": strings.Repeat("A", maxPageToken+1), "other version": "Ag" + strings.Repeat("A", 20),
	} {
		if _, err := parsePageToken("f", token); fault.ReasonOf(err) != "INVALID_PAGE_TOKEN" {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func newKey(t *testing.T, division, service, from string) regions.Key {
	t.Helper()
	key, err := regions.ParseKey(division, service, from)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func FuzzPageToken(f *testing.F) {
	f.Add("filters", "AQ")
	f.Add("f", pageToken("f", regions.Key{}))
	f.Fuzz(func(t *testing.T, filters, token string) {
		key, err := parsePageToken(filters, token)
		if err != nil || token == "" {
			return
		}
		if again, err := parsePageToken(filters, pageToken(filters, key)); err != nil || again != key {
			t.Fatalf("%q gives %v, and that %v, %v", token, key, again, err)
		}
	})
}
