package lang

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"
)

// Every code that a status or a link can show has Chinese.
func TestCodesHaveChinese(t *testing.T) {
	const root = "../../../../"
	for _, source := range []struct{ files, pattern string }{
		{"gateway/link/reason.go", `Reason\w+ += "([A-Z_]+)"`},
		{"gateway/link/reason.go", `"([A-Z_]+)": true`},
		{"gateway/link/retry.go", `Reason\w+ = "([A-Z_]+)"`},
		{"gateway/api/problems.go", `found\(\w+, "([A-Z_]+[A-Z])"`},
		{"gateway/joinhint.go", `joinAdvice\{\s*"([A-Z_]+)"`},
	} {
		text, err := os.ReadFile(filepath.Join(root, source.files))
		if err != nil {
			t.Fatal(err)
		}
		for _, match := range regexp.MustCompile(source.pattern).FindAllStringSubmatch(string(text), -1) {
			if Code(match[1]) == match[1] {
				t.Errorf("%s, of %s, has no Chinese", match[1], source.files)
			}
		}
	}
	for _, state := range []string{"UP", "CONNECTING", "DOWN", "STOPPED", "BEHIND"} {
		if Code("LINK_"+state) == "LINK_"+state && state != "UP" || Values().Of(state) == state {
			t.Errorf("a link that is %s has no Chinese", state)
		}
	}
	if Code("SOMETHING_NEW") != "SOMETHING_NEW" || Code("DNS") != "域名解析失败（DNS）" {
		t.Error("a code is not shown beside its Chinese, or alone where it has none")
	}
}
