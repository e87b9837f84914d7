package gateway

import (
	"bytes"
	"encoding/json"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"
)

// What is watched with: the dashboard and the alert rules must speak of metrics that a node has, and each alert of a
// section that is there.

// TestDashboardAndAlerts holds both to a node that really runs.
func TestDashboardAndAlerts(t *testing.T) {
	c := startCollector(t)
	traced := func(cfg *Config) { cfg.TracesEndpoint, cfg.TracesRatio = c.endpoint, 1 }
	node := startCentres(t, map[string]string{"jingjinji": "11"}, traced, "jingjinji")["jingjinji"].node
	// labels of each metric there is; those every scrape adds go with all.
	labels := map[string][]string{"up": nil}
	for name := range gather(t, node) {
		labels[name] = nil // Go's and the process's, without labels of interest
	}
	for name, m := range ours(t, node) {
		labels[name] = m.labels
	}
	check := func(t *testing.T, where, expr string) {
		t.Helper()
		for _, s := range selectors(expr) {
			name := s.name
			for _, suffix := range []string{"_bucket", "_sum", "_count"} {
				if base, is := strings.CutSuffix(name, suffix); is {
					if _, has := labels[base]; has {
						name = base
					}
				}
			}
			known, has := labels[name]
			if !has {
				t.Errorf("%s asks for %s, which no node shows: %s", where, s.name, expr)
				continue
			}
			for _, l := range s.labels {
				if !slices.Contains(append([]string{"job", "instance"}, known...), l) {
					t.Errorf("%s asks for the label %s, which %s does not have: %s", where, l, name, expr)
				}
			}
		}
	}
	t.Run("alerts", func(t *testing.T) { checkAlerts(t, check) })
	t.Run("dashboard", func(t *testing.T) { checkDashboard(t, check) })
}

// rules is a rule file of Prometheus, as far as it has alerts.
type rules struct {
	Groups []struct {
		Name  string
		Rules []struct {
			Alert       string
			Expr        string
			For         string
			Labels      struct{ Severity string }
			Annotations struct {
				Summary       string
				SummaryZH     string `yaml:"summary_zh"`
				Description   string
				DescriptionZH string `yaml:"description_zh"`
				Runbook       string
			}
		}
	}
}

func checkAlerts(t *testing.T, check func(t *testing.T, where, expr string)) {
	b, err := os.ReadFile("../configs/alerts/jieli.rules.yaml")
	must(t, err)
	var file rules
	decoder := yaml.NewDecoder(bytes.NewReader(b))
	decoder.KnownFields(true)
	must(t, decoder.Decode(&file))
	sections := anchors(t, "../docs/operations.md")
	seen := map[string]bool{}
	for _, group := range file.Groups {
		for _, r := range group.Rules {
			if seen[r.Alert] {
				t.Errorf("there are two alerts %s", r.Alert)
			}
			seen[r.Alert] = true
			check(t, r.Alert, r.Expr)
			if r.For != "" {
				if _, err := time.ParseDuration(r.For); err != nil {
					t.Errorf("%s: %v", r.Alert, err)
				}
			}
			if s := r.Labels.Severity; s != "critical" && s != "warning" {
				t.Errorf("%s has the severity %q", r.Alert, s)
			}
			a := r.Annotations
			for _, text := range []string{a.Summary, a.Description} {
				if text == "" || chinese(text) {
					t.Errorf("%s should say in English: %q", r.Alert, text)
				}
			}
			for _, text := range []string{a.SummaryZH, a.DescriptionZH} {
				if !chinese(text) {
					t.Errorf("%s should say in Chinese: %q", r.Alert, text)
				}
			}
			anchor, is := strings.CutPrefix(a.Runbook, "docs/operations.md#")
			if !is || !slices.Contains(sections, anchor) {
				t.Errorf("%s points at %q, which is not there", r.Alert, a.Runbook)
			}
		}
	}
	if len(seen) == 0 {
		t.Error("there are no alerts")
	}
	for _, section := range sections {
		if strings.HasPrefix(section, "jieli") && !slices.ContainsFunc(slices.Collect(maps.Keys(seen)), func(name string) bool { return strings.ToLower(name) == section }) {
			t.Errorf("docs/operations.md has a section for an alert that there is not: %s", section)
		}
	}
}

// panel is a panel of a dashboard of Grafana.
type panel struct {
	ID          int    `json:"id"`
	Type        string `json:"type"`
	Title       string `json:"title"`
	Description string `json:"description"`
	FieldConfig struct {
		Defaults struct {
			Unit string `json:"unit"`
		} `json:"defaults"`
	} `json:"fieldConfig"`
	Datasource struct {
		UID string `json:"uid"`
	} `json:"datasource"`
	GridPos struct{ H, W, X, Y int } `json:"gridPos"`
	Targets []struct {
		Expr string `json:"expr"`
	} `json:"targets"`
}

func checkDashboard(t *testing.T, check func(t *testing.T, where, expr string)) {
	b, err := os.ReadFile("../configs/grafana/jieli.json")
	must(t, err)
	var dashboard struct {
		UID        string  `json:"uid"`
		Panels     []panel `json:"panels"`
		Templating struct {
			List []struct {
				Name       string `json:"name"`
				Definition string `json:"definition"`
			} `json:"list"`
		} `json:"templating"`
	}
	must(t, json.Unmarshal(b, &dashboard))
	ids := map[int]bool{}
	for _, p := range dashboard.Panels {
		if ids[p.ID] {
			t.Errorf("two panels have the id %d", p.ID)
		}
		ids[p.ID] = true
		if p.GridPos.W == 0 || p.GridPos.X+p.GridPos.W > 24 {
			t.Errorf("%s has no place: %+v", p.Title, p.GridPos)
		}
		if p.Type == "row" {
			continue
		}
		if p.FieldConfig.Defaults.Unit == "" || p.Description == "" || p.Datasource.UID != "${datasource}" || len(p.Targets) == 0 {
			t.Errorf("%s should have a unit, a description, something to show, and the data source that is chosen", p.Title)
		}
		for _, target := range p.Targets {
			check(t, p.Title, target.Expr)
		}
	}
	for _, v := range dashboard.Templating.List {
		if args, is := strings.CutPrefix(v.Definition, "label_values("); is {
			check(t, "variable "+v.Name, strings.Split(args, ",")[0])
		}
	}
}

// selector is a metric an expression asks for, with the labels it names.
type selector struct {
	name   string
	labels []string
}

var (
	quoted    = regexp.MustCompile(`"(?:[^"\\]|\\.)*"`)
	grouping  = regexp.MustCompile(`\b(?:by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)`)
	ranges    = regexp.MustCompile(`\[[^\]]*\]`)
	asked     = regexp.MustCompile(`([a-zA-Z_:][a-zA-Z0-9_:]*)\s*(\{[^}]*\}|\()?`)
	labelName = regexp.MustCompile(`([a-zA-Z_][a-zA-Z0-9_]*)\s*(?:=~|!~|!=|=)`)
)

// selectors finds the metrics of an expression of PromQL: each name that is no function and no operator.
func selectors(expr string) (found []selector) {
	expr = quoted.ReplaceAllString(expr, `""`)
	expr = grouping.ReplaceAllString(ranges.ReplaceAllString(expr, ""), "")
	for _, m := range asked.FindAllStringSubmatch(expr, -1) {
		if m[2] == "(" || slices.Contains([]string{"and", "or", "unless", "bool", "offset", "e", "inf", "nan"}, strings.ToLower(m[1])) {
			continue
		}
		s := selector{name: m[1]}
		for _, l := range labelName.FindAllStringSubmatch(m[2], -1) {
			s.labels = append(s.labels, l[1])
		}
		found = append(found, s)
	}
	return found
}

func TestSelectors(t *testing.T) {
	got := selectors(`sum by (instance, le) (rate(a_bucket{x="y{z}", w=~"v"}[5m])) > on (instance) 0.5 * b or vector(0) unless time() - c < 14 * 86400`)
	want := []selector{{"a_bucket", []string{"x", "w"}}, {"b", nil}, {"c", nil}}
	if len(got) != len(want) {
		t.Fatalf("found %v", got)
	}
	for i := range want {
		if got[i].name != want[i].name || !slices.Equal(got[i].labels, want[i].labels) {
			t.Errorf("found %v, expected %v", got[i], want[i])
		}
	}
}

// anchors are the sections of a document, as links name them.
func anchors(t *testing.T, file string) (found []string) {
	t.Helper()
	b, err := os.ReadFile(file)
	must(t, err)
	for line := range strings.Lines(string(b)) {
		if title, is := strings.CutPrefix(strings.TrimLeft(line, "#"), " "); is && strings.HasPrefix(line, "#") {
			found = append(found, strings.ReplaceAll(strings.ToLower(strings.TrimSpace(title)), " ", "-"))
		}
	}
	return found
}

func chinese(text string) bool {
	return strings.ContainsFunc(text, func(r rune) bool { return r >= 0x4E00 && r <= 0x9FFF })
}
