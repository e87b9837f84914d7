package config

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/jieli-gateway/jieli/configs"
)

// documented is what the default configuration says beside each key: the comment before it, by the key's name.
func documented(t *testing.T) map[string]string {
	t.Helper()
	var root yaml.Node
	if err := yaml.Unmarshal(configs.Default(), &root); err != nil {
		t.Fatal(err)
	}
	comments := map[string]string{}
	var walk func(n *yaml.Node, prefix string)
	walk = func(n *yaml.Node, prefix string) {
		for i := 0; i+1 < len(n.Content); i += 2 {
			at, value := n.Content[i], n.Content[i+1]
			name := prefix + at.Value
			comments[name] = at.HeadComment
			if value.Kind == yaml.MappingNode {
				walk(value, name+".")
			}
		}
	}
	walk(root.Content[0], "")
	return comments
}

// The comment of a key ends with a line that says whether it is required, and what it is by default.
var lastLine = regexp.MustCompile(`^# (?:Optional|Required .+)\. Default: ([^ ]+)(?: \(.+\))?$`)

func TestDefaultConfigurationDocumentsEveryKey(t *testing.T) {
	comments := documented(t)
	for _, k := range keys() {
		comment, ok := comments[k.name]
		if !ok {
			t.Errorf("configs/jieli.yaml lacks %s", k.name)
			continue
		}
		lines := strings.Split(comment, "\n")
		said := lastLine.FindStringSubmatch(lines[len(lines)-1])
		if len(lines) < 2 || said == nil {
			t.Errorf("the comment of %s must say what it does and, in its last line, \"Optional. Default: VALUE\" or \"Required …. Default: VALUE\"; it is\n%s", k.name, comment)
			continue
		}
		if want := inWords(k.value); said[1] != want {
			t.Errorf("configs/jieli.yaml says that %s is %s by default; it is %s", k.name, said[1], want)
		}
	}
}

// inWords is a default as the file states it.
func inWords(value any) string {
	switch v := value.(type) {
	case time.Duration:
		return v.String()
	case string:
		if v != "" {
			return v
		}
		return "none"
	case []Client:
		return "none"
	}
	return fmt.Sprint(value)
}

// What is said to be required is what Missing asks for.
func TestDefaultConfigurationNamesWhatIsRequired(t *testing.T) {
	var said []string
	for name, comment := range documented(t) {
		if strings.Contains(comment, "# Required by `serve --bootstrap`") {
			said = append(said, name)
		}
	}
	want := Region{}.Missing()
	slices.Sort(said)
	slices.Sort(want)
	if !slices.Equal(said, want) {
		t.Errorf("configs/jieli.yaml requires %v of a region, the code %v", said, want)
	}
}
