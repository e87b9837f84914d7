package gateway

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	dto "github.com/prometheus/client_model/go"

	jieliv1 "github.com/jieli-gateway/jieli/proto/jieli/v1"
)

// TestMetrics hands one ticket from one node to another and looks at what they show then.
func TestMetrics(t *testing.T) {
	c := startCollector(t)
	traced := func(cfg *Config) { cfg.TracesEndpoint, cfg.TracesRatio = c.endpoint, 1 }
	centres := startCentres(t, map[string]string{"jingjinji": "11", "changsanjiao": "31"}, traced, "jingjinji", "changsanjiao")
	origin, holder := centres["jingjinji"], centres["changsanjiao"]
	res, err := origin.tickets.SubmitTicket(origin.ctx(), &jieliv1.SubmitTicketRequest{Ticket: complaint()})
	must(t, err)
	id := res.GetTicket().GetId()
	holder.sees(id, jieliv1.Ticket_OFFERED)
	_, err = holder.tickets.AcceptTicket(holder.ctx(), &jieliv1.AcceptTicketRequest{Id: id})
	must(t, err)
	origin.sees(id, jieliv1.Ticket_ACCEPTED)
	families := gather(t, origin.node)

	t.Run("say what has happened", func(t *testing.T) {
		for _, want := range []struct {
			name   string
			labels map[string]string
			value  float64
		}{
			{"jieli_ready", nil, 1},
			{"jieli_build_info", map[string]string{"version": "v1.2.3"}, 1},
			{"jieli_tickets", map[string]string{"state": "ACCEPTED"}, 1},
			{"jieli_tickets", map[string]string{"state": "CLOSED"}, 0},
			{"jieli_tickets_waiting", map[string]string{"state": "UNROUTED"}, 0},
			{"jieli_tickets_open", nil, 0},
			{"jieli_link_up", map[string]string{"peer": "changsanjiao"}, 1},
			{"jieli_link_state", map[string]string{"peer": "changsanjiao", "state": "DOWN"}, 0},
			{"jieli_link_stopped_tickets", map[string]string{"peer": "changsanjiao"}, 0},
			{"jieli_handoff_delivery_seconds", map[string]string{"peer": "changsanjiao"}, 1},
			{"jieli_registry_regions", map[string]string{"state": "ACTIVE"}, 2},
			{"jieli_registry_nodes", nil, 2},
			{"jieli_registry_routes", nil, 2},
			{"jieli_registry_leader_known", nil, 1},
			{"jieli_store_free_limit_bytes", map[string]string{"limit": "hard"}, 10 << 20},
			{"jieli_store_signed_events_total", nil, 2},
			{"jieli_api_calls_total", map[string]string{"method": "/jieli.v1.TicketService/SubmitTicket", "code": "OK"}, 1},
			{"jieli_reading_failures_total", map[string]string{"part": "store"}, 0},
		} {
			if got := valueIn(t, families, want.name, want.labels); got != want.value {
				t.Errorf("%s%v is %v, expected %v", want.name, want.labels, got, want.value)
			}
		}
		expires := float64(origin.node.material.Leaf.NotAfter.Unix())
		if got := valueIn(t, families, "jieli_certificate_expiry_timestamp_seconds", map[string]string{"kind": "node"}); got != expires {
			t.Errorf("the node's certificate expires at %v, expected %v", got, expires)
		}
	})
	t.Run("keep Prometheus' conventions", func(t *testing.T) {
		var mine []*dto.MetricFamily // Go's and Raft's are theirs
		for name, f := range families {
			if strings.HasPrefix(name, "jieli_") {
				mine = append(mine, f)
			}
		}
		problems, err := promlint.NewWithMetricFamilies(mine).Lint()
		must(t, err)
		for _, p := range problems {
			t.Errorf("%s: %s", p.Metric, p.Text)
		}
	})
	t.Run("are served", func(t *testing.T) {
		page := get(t, "http://"+origin.node.APIAddress()+"/metrics")
		for name := range ours(t, origin.node) {
			if _, has := families[name]; has && !strings.Contains(page, "\n# TYPE "+name+" ") {
				t.Errorf("/metrics lacks %s", name)
			}
		}
	})
	t.Run("are documented", func(t *testing.T) { documented(t, origin.node, families) })
}

// documented holds docs/metrics.md to what a node has.
func documented(t *testing.T, n *Node, families map[string]*dto.MetricFamily) {
	page, err := os.ReadFile("../docs/metrics.md")
	must(t, err)
	rows := map[string]string{}
	for line := range strings.Lines(string(page)) {
		if cells := strings.Split(line, " | "); len(cells) == 5 && strings.HasPrefix(line, "| `jieli_") {
			rows[strings.Trim(cells[0], "| `")] = strings.TrimSpace(line)
		}
	}
	known := ours(t, n)
	for name := range rows {
		if known[name] == nil {
			t.Errorf("docs/metrics.md has %s, which no node shows", name)
		}
	}
	for name, m := range known {
		kind := "(counter, gauge or histogram)"
		if f := families[name]; f != nil {
			kind = strings.ToLower(f.GetType().String())
		} else if cells := strings.Split(rows[name], " | "); len(cells) == 5 {
			kind = cells[1] // nothing has been counted yet
		}
		if want := m.row(kind); rows[name] != want {
			t.Errorf("docs/metrics.md should say\n%s\nand says\n%s", want, rows[name])
		}
	}
}

// described is what a metric says of itself.
type described struct {
	name, help string
	labels     []string
}

// row is its line in docs/metrics.md.
func (d described) row(kind string) string {
	labels := ""
	if len(d.labels) > 0 {
		labels = "`" + strings.Join(d.labels, "` `") + "`"
	}
	return fmt.Sprintf("| `%s` | %s | %s | %s | %s |", d.name, kind, unitOf(d.name), labels, d.help)
}

// unitOf is a metric's unit, which its name has.
func unitOf(name string) string {
	name = strings.TrimSuffix(name, "_total")
	for suffix, unit := range map[string]string{"_timestamp_seconds": "s since 1970", "_seconds": "s", "_bytes": "bytes"} {
		if strings.HasSuffix(name, suffix) && (suffix != "_seconds" || !strings.HasSuffix(name, "_timestamp_seconds")) {
			return unit
		}
	}
	return ""
}

var (
	description   = regexp.MustCompile(`^Desc\{fqName: ("jieli_[a-z0-9_]+"), help: ("[^"]*"), unit: "[^"]*", constLabels: \{(.*)\}, variableLabels: \{(.*)\}\}$`)
	constantLabel = regexp.MustCompile(`([a-z_]+)="[^"]*"`)
)

// ours are all metrics of this project that a node can show, also those that nothing has counted yet.
func ours(t *testing.T, n *Node) map[string]*described {
	t.Helper()
	descs := make(chan *prometheus.Desc)
	go func() {
		n.metrics.Describe(descs)
		close(descs)
	}()
	var all []string // first, for what describes waits for its reader
	for one := range descs {
		all = append(all, one.String())
	}
	metrics := map[string]*described{}
	for _, one := range all {
		m := description.FindStringSubmatch(one)
		if m == nil {
			continue // Go's, the process's, Raft's
		}
		name, err := strconv.Unquote(m[1])
		must(t, err)
		help, err := strconv.Unquote(m[2])
		must(t, err)
		d := &described{name: name, help: help}
		for _, l := range constantLabel.FindAllStringSubmatch(m[3], -1) {
			d.labels = append(d.labels, l[1])
		}
		if m[4] != "" {
			d.labels = append(d.labels, strings.Split(m[4], ",")...)
		}
		metrics[name] = d
	}
	return metrics
}

func gather(t *testing.T, n *Node) map[string]*dto.MetricFamily {
	t.Helper()
	all, err := n.metrics.Gather()
	must(t, err)
	families := map[string]*dto.MetricFamily{}
	for _, f := range all {
		families[f.GetName()] = f
	}
	return families
}

func value(t *testing.T, n *Node, name string, labels map[string]string) float64 {
	t.Helper()
	return valueIn(t, gather(t, n), name, labels)
}

// valueIn is the one metric with these labels; of a histogram, how much it has counted.
func valueIn(t *testing.T, families map[string]*dto.MetricFamily, name string, labels map[string]string) float64 {
	t.Helper()
	var found []*dto.Metric
	for _, m := range families[name].GetMetric() {
		have := map[string]string{}
		for _, l := range m.GetLabel() {
			have[l.GetName()] = l.GetValue()
		}
		same := true
		for k, v := range labels {
			same = same && have[k] == v
		}
		if same {
			found = append(found, m)
		}
	}
	if len(found) != 1 {
		t.Fatalf("there are %d of %s%v", len(found), name, labels)
	}
	switch m := found[0]; {
	case m.GetGauge() != nil:
		return m.GetGauge().GetValue()
	case m.GetCounter() != nil:
		return m.GetCounter().GetValue()
	default:
		return float64(m.GetHistogram().GetSampleCount())
	}
}

func get(t *testing.T, url string) string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	must(t, err)
	res, err := http.DefaultClient.Do(req)
	must(t, err)
	defer func() { _ = res.Body.Close() }()
	b, err := io.ReadAll(res.Body)
	must(t, err)
	http.DefaultClient.CloseIdleConnections()
	return string(b)
}

// secrets are what must appear in nothing that leaves the two regions' stores.
const (
	secretName  = "张三丰"
	secretPhone = "13912345678"
	secretText  = "楼道长期堆放杂物"
)

func complaint() *jieliv1.Ticket {
	return &jieliv1.Ticket{
		Type: jieliv1.Ticket_COMPLAINT, Title: secretText, Description: secretText + "，多次反映无果", Division: "310101", Service: "urban.housing",
		Reporter: &jieliv1.Reporter{Name: secretName, Phone: secretPhone},
	}
}
