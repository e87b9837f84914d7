package api

import (
	"encoding/json"
	"testing"
)

func TestWrapLeavesAloneWhatIsNotBare(t *testing.T) {
	b := bareObjects["POST /v1/tickets"]
	for name, body := range map[string]string{
		"the request itself": `{"ticket":{"title":"a"}}`,
		"both":               `{"ticket":{"title":"a"},"title":"b"}`,
		"without its sign":   `{"description":"a"}`,
		"not JSON":           `title`,
		"cut short":          `{"title":"a"`,
		"more after it":      `{"title":"a"} {}`,
		"a list":             `["title"]`,
		"empty":              ``,
		"key without value":  `{"title"}`,
	} {
		if got := string(b.wrap([]byte(body))); got != body {
			t.Errorf("%s: became %s", name, got)
		}
	}
}

func TestEachBareObjectHasItsKeyAndSign(t *testing.T) {
	for path, b := range bareObjects {
		fields := b.request.ProtoReflect().Descriptor().Fields()
		if thing := fields.ByJSONName(b.key); thing == nil || thing.Message() == nil || thing.Message().Fields().ByJSONName(b.sign) == nil {
			t.Errorf("%s: no %s with a %s", path, b.key, b.sign)
		}
		if fields.ByJSONName(b.sign) != nil {
			t.Errorf("%s: %s is a key of the request too", path, b.sign)
		}
	}
}

func TestJSONPath(t *testing.T) {
	const text = "{\"a\": 1, \"b\": {\"c\": [true, {\"路\": null}], \"d\": []},\n \"e\": \"x\"}"
	for offset, want := range map[int]string{1: "a", 6: "a", 9: "b", 15: "b.c", 21: "b.c[0]", 28: "b.c[1].路", 38: "b.c[1].路", 46: "b.d", 58: "e"} {
		if got := jsonPathAt([]byte(text), offset); got != want {
			t.Errorf("at %d (%q): %q, want %q", offset, text[offset:offset+3], got, want)
		}
	}
	if got := offsetOf([]byte("路灯\nab"), 2, 2); got != 8 {
		t.Errorf("line 2 column 2 is at %d", got)
	}
	if got := offsetOf([]byte("路灯"), 9, 99); got != 6 {
		t.Errorf("beyond the end is at %d", got)
	}
}

func FuzzBody(f *testing.F) {
	f.Add([]byte(`{"title":"a","requestId":"r"}`), 3)
	f.Add([]byte(`{"title":[{"a":1}]}`), 12)
	f.Fuzz(func(t *testing.T, body []byte, at int) {
		jsonPathAt(body, at)
		offsetOf(body, at%1000, at%1000)
		wrapped := bareObjects["POST /v1/tickets"].wrap(body)
		if string(wrapped) != string(body) && !json.Valid(wrapped) {
			t.Fatalf("%q became %q, which is not JSON", body, wrapped)
		}
	})
}

func FuzzOperator(f *testing.F) {
	f.Add("%E7%8E%8B")
	f.Add("a%")
	f.Fuzz(func(t *testing.T, value string) {
		name, err := parseOperator([]string{value})
		if err == nil && (name == "" || len(name) > 400) {
			t.Fatalf("%q gave %q", value, name)
		}
	})
}
