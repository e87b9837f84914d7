package config

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/jieli-gateway/jieli/regions"
)

const defaultMapping = "../../configs/mapping.yaml"

// The mapping to begin with is a good one.
func TestDefaultMappingIsGood(t *testing.T) {
	if err := CheckMapping(defaultMapping, regions.DefaultCatalogue()); err != nil {
		t.Error(err)
	}
}

// Each mistake in a mapping is told with its line and key, all of them at once.
func TestMappingMistakes(t *testing.T) {
	b, err := os.ReadFile(defaultMapping)
	if err != nil {
		t.Fatal(err)
	}
	good := string(b)
	tests := []struct {
		name, old, now string
		want           []string // key and a part of the problem, in turn
	}{
		{"unknown type", "  PRAISE: [表扬]", "  PRAISE: [表扬]\n  PRAISES: [感谢]", []string{"types.PRAISES", "unknown key"}},
		{"type missing", "  PRAISE: [表扬]\n", "", []string{"types.PRAISE", "is missing"}},
		{"key twice", "  HELP: [求助]", "  HELP: [求助]\n  HELP: [求救]", []string{"types.HELP", "stands twice; the first is in line"}},
		{"word twice", "  HELP: [求助]", "  HELP: [求助, 咨询]", []string{"types.HELP", "咨询 stands at INQUIRY already"}},
		{"category twice", "[路灯照明, 井盖]", "[路灯照明, 物业服务管理]", []string{"categories.city.facilities", "物业服务管理 stands at urban.property already"}},
		{"unknown service", "  labour.wages:", "  labour.wage:", []string{"categories.labour.wage", "no service labour.wage"}},
		{"unknown state", "  CLOSED: 已办结", "  FINISHED: 已办结", []string{"states.CLOSED", "is missing", "states.FINISHED", "unknown key"}},
		{"unknown urgency", "  URGENT: [紧急]", "  URGENT: [紧急]\n  HIGH: [高]", []string{"urgencies.HIGH", "unknown key"}},
		{"a word for a list", "  HELP: [求助]", "  HELP: 求助", []string{"types.HELP", "must be a list"}},
		{"an empty list", "  HELP: [求助]", "  HELP: []", []string{"types.HELP", "must be a list"}},
		{"a list for a word", "  CLOSED: 已办结", "  CLOSED: [已办结]", []string{"states.CLOSED", "must be a word"}},
		{"nothing for a word", "  CLOSED: 已办结", "  CLOSED:", []string{"states.CLOSED", "must be a word"}},
		{"spaces", "  CLOSED: 已办结", `  CLOSED: " 已办结"`, []string{"states.CLOSED", "begins or ends with a space"}},
		{"too long", "[拖欠农民工工资]", "[" + strings.Repeat("长", 101) + "]", []string{"categories.labour.wages", "at most 100 characters"}},
		{"control character", "[拖欠农民工工资]", `["拖欠\t工资"]`, []string{"categories.labour.wages", "control character"}},
		{"unknown section", "types:", "kinds:", []string{
			"types.INQUIRY", "is missing", "types.HELP", "is missing", "types.COMPLAINT", "is missing", "types.REPORT", "is missing",
			"types.SUGGESTION", "is missing", "types.PRAISE", "is missing", "kinds", "unknown key kinds; known here: types, urgencies, states, categories",
		}},
		{"a section that is a list", "categories:\n", "categories: [a]\nmore:\n", []string{"categories", "must hold keys", "more", "unknown key"}},
		{"not YAML", "types:", "types: [", []string{"", "is not YAML"}},
		{"two documents", "types:", "a: b\n---\ntypes:", []string{"", "one document"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if !strings.Contains(good, test.old) {
				t.Fatalf("the default mapping has no %q", test.old)
			}
			text := strings.Replace(good, test.old, test.now, 1)
			found := checkMapping("m.yaml", []byte(text), regions.DefaultCatalogue())
			for i := 0; i < len(test.want); i += 2 {
				key, problem := test.want[i], test.want[i+1]
				if !slices.ContainsFunc(found, func(m Mistake) bool { return m.Key == key && strings.Contains(m.Problem, problem) }) {
					t.Errorf("not told: %s: %s; told was:\n%v", key, problem, found)
				}
			}
		})
	}
}

// A mistake names the line where it is.
func TestMappingMistakeNamesItsLine(t *testing.T) {
	text := "types:\n  INQUIRY: [咨询]\n  NONSENSE: [胡说]\n"
	found := checkMapping("m.yaml", []byte(text), regions.DefaultCatalogue())
	if !slices.ContainsFunc(found, func(m Mistake) bool { return m.Where == "m.yaml:3" && m.Key == "types.NONSENSE" }) {
		t.Errorf("line 3 is not named:\n%v", found)
	}
}

func TestMappingThatCannotBeRead(t *testing.T) {
	if err := CheckMapping(filepath.Join(t.TempDir(), "none.yaml"), regions.DefaultCatalogue()); err == nil {
		t.Error("a file that is not there is good")
	}
}

// No file makes the check panic, and one it calls good has every type, urgency and state.
func FuzzMapping(f *testing.F) {
	b, err := os.ReadFile(defaultMapping)
	if err != nil {
		f.Fatal(err)
	}
	for _, seed := range []string{
		string(b), "", "# nothing", "---", "types:", "types: {INQUIRY: [a, a]}", "a: &x [*x]", "? [a]\n: b", "<<: {types: }",
		"types:\n  INQUIRY: !!binary aGk=\n", "categories: {urban: [住建]}", "\xff", "states: {CLOSED: {a: b}}",
	} {
		f.Add([]byte(seed))
	}
	catalogue := regions.DefaultCatalogue()
	f.Fuzz(func(t *testing.T, b []byte) {
		found := checkMapping("m.yaml", b, catalogue)
		if len(found) > 0 {
			return
		}
		for _, word := range []string{"INQUIRY", "PRAISE", "CRITICAL", "UNROUTED", "ARBITRATION"} {
			if !strings.Contains(string(b), word) {
				t.Errorf("good without %s:\n%s", word, b)
			}
		}
	})
}
