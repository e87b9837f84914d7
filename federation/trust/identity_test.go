package trust

import (
	"strings"
	"testing"
)

func TestNodeID(t *testing.T) {
	for _, id := range []string{"spiffe://beijing/node/1", "spiffe://jing-jin-ji/node/n-1", "spiffe://a1/node/" + strings.Repeat("x", 32)} {
		parsed, err := ParseNodeID(id)
		if err != nil {
			t.Fatalf("%s: %v", id, err)
		}
		if parsed.SPIFFE() != id {
			t.Errorf("%s is written %s", id, parsed.SPIFFE())
		}
		short, err := ParseShortNodeID(parsed.String())
		if err != nil || short != parsed {
			t.Errorf("%s: short form %s reads as %v, %v", id, parsed, short, err)
		}
	}
}

func TestNodeIDRefused(t *testing.T) {
	for name, id := range map[string]string{
		"empty":               "",
		"other scheme":        "https://beijing/node/1",
		"no path":             "spiffe://beijing",
		"no node":             "spiffe://beijing/node/",
		"other kind":          "spiffe://beijing/user/1",
		"more path":           "spiffe://beijing/node/1/2",
		"dots":                "spiffe://beijing/node/..",
		"percent":             "spiffe://beijing/node/%31",
		"port":                "spiffe://beijing:7345/node/1",
		"user":                "spiffe://me@beijing/node/1",
		"query":               "spiffe://beijing/node/1?x=1",
		"upper case":          "spiffe://Beijing/node/1",
		"upper case node":     "spiffe://beijing/node/A",
		"region of one":       "spiffe://b/node/1",
		"region digit first":  "spiffe://1b/node/1",
		"region dot":          "spiffe://bei.jing/node/1",
		"region underscore":   "spiffe://bei_jing/node/1",
		"region too long":     "spiffe://" + strings.Repeat("b", 33) + "/node/1",
		"node too long":       "spiffe://beijing/node/" + strings.Repeat("b", 33),
		"node hyphen first":   "spiffe://beijing/node/-1",
		"node with underline": "spiffe://beijing/node/a_b",
		"chinese":             "spiffe://北京/node/1",
	} {
		t.Run(name, func(t *testing.T) {
			if parsed, err := ParseNodeID(id); err == nil {
				t.Errorf("%q was read as %v", id, parsed)
			}
		})
	}
}

func TestExpectedPeer(t *testing.T) {
	node := NodeID{"beijing", "1"}
	for _, test := range []struct {
		expect NodeID
		covers bool
	}{
		{NodeID{"beijing", "1"}, true},
		{NodeID{"beijing", ""}, true},
		{NodeID{"beijing", "2"}, false},
		{NodeID{"tianjin", ""}, false},
		{NodeID{"tianjin", "1"}, false},
	} {
		if test.expect.covers(node) != test.covers {
			t.Errorf("%s covers %s: expected %v", test.expect, node, test.covers)
		}
	}
}

func FuzzParseNodeID(f *testing.F) {
	f.Add("spiffe://beijing/node/1")
	f.Add("spiffe://beijing/node/../x")
	f.Fuzz(func(t *testing.T, id string) {
		parsed, err := ParseNodeID(id)
		if err != nil {
			return
		}
		if parsed.SPIFFE() != id || parsed.Check() != nil {
			t.Errorf("%q was read as %v", id, parsed)
		}
	})
}
