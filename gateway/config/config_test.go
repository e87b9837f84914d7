package config

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
	"go.yaml.in/yaml/v3"

	"github.com/jieli-gateway/jieli/configs"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func write(t *testing.T, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "jieli.yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

const good = "dataDir: /var/lib/jieli\nfederation:\n  advertise: bj.example:7345\n"

const withTLS = good + "api:\n  tls: {certificate: a.pem, key: b.pem, clientCa: c.pem}\n"

func TestMistakesNameFileLineAndKey(t *testing.T) {
	for name, tc := range map[string]struct {
		text string
		want []string
	}{
		"unknown key":                  {good + "dataDirr: x\n", []string{":4: unknown key dataDirr; known here: dataDir, pkiDir"}},
		"unknown key in a section":     {good + "api:\n  lisen: x\n", []string{":5: unknown key api.lisen; known here: listen"}},
		"unknown key in other letters": {good + "DataDir: x\n", []string{":4: unknown key DataDir"}},
		"key twice":                    {good + "dataDir: x\n", []string{":4: dataDir stands twice; the first is in line 1"}},
		"section twice":                {good + "federation:\n  listen: 0.0.0.0:1\n", []string{":4: federation stands twice"}},
		"section that is a value":      {good + "api: 8345\n", []string{":4: api must hold keys: listen, tls"}},
		"file that is a list":          {"- a\n", []string{":1: the file must hold keys"}},
		"list where one value":         {good + "log:\n  level: [info]\n", []string{":5: log.level must be one value"}},
		"alias":                        {good + "log: &a\n  level: info\nmetrics: *a\n", []string{":6: metrics must hold keys"}},
		"not YAML":                     {good + "api: [\n", []string{"is not YAML"}},
		"second document":              {good + "---\ndataDir: x\n", []string{":4: a configuration is one document"}},
		"word where a number":          {good + "store:\n  feedRows: many\n", []string{`:5: store.feedRows: must be a whole number; it is "many"`}},
		"word where yes or no":         {good + "metrics:\n  anonymous: perhaps\n", []string{":5: metrics.anonymous: must be true or false"}},
		"word where a duration":        {good + "raft:\n  lease: 5\n", []string{`:5: raft.lease: must be a duration, like 500ms or 2s; it is "5"`}},
		"no data directory":            {good[strings.Index(good, "\n")+1:] + "dataDir: ''\n", []string{":3: dataDir: must not be empty"}},
		"no address to dial":           {"dataDir: d\n", []string{"jieli.yaml: federation.advertise: is required"}},
		"address nobody can dial":      {"federation:\n  advertise: 0.0.0.0:7345\n", []string{":2: federation.advertise: must be host:port that other regions can dial"}},
		"address without port":         {good + "api:\n  listen: localhost\n", []string{`:5: api.listen: must be host:port, e.g. 10.0.0.5:7345; it is "localhost"`}},
		"port that is none":            {good + "api:\n  listen: 127.0.0.1:99999\n", []string{":5: api.listen: must be host:port"}},
		"one port for both":            {"federation: {listen: '127.0.0.1:1'}\napi: {listen: '127.0.0.1:1'}\n", []string{":2: api.listen: must differ from federation.listen"}},
		"API in the open":              {good + "api:\n  listen: 0.0.0.0:8345\n", []string{":5: api.listen", "api.tls.certificate"}},
		"certificate without key":      {good + "api:\n  tls:\n    certificate: a.pem\n", []string{":5: api.tls.key: is required"}},
		"key without certificate":      {good + "api:\n  tls:\n    key: a.pem\n", []string{":5: api.tls.certificate: is required"}},
		"client CA without TLS":        {good + "api:\n  tls:\n    clientCa: a.pem\n", []string{":6: api.tls.clientCa: needs api.tls.certificate"}},
		"clients without their CA":     {good + "api:\n  clients: [{commonName: x, roles: [operator]}]\n", []string{":5: api.clients: needs api.tls.clientCa"}},
		"client without roles":         {withTLS + "  clients:\n  - commonName: x\n", []string{":7: api.clients[0]: roles"}},
		"client with an unknown role":  {withTLS + "  clients:\n  - {commonName: x, roles: [king]}\n", []string{`:7: api.clients[0]: role "king"`}},
		"client with an unknown key":   {withTLS + "  clients:\n  - {commonName: x, role: [admin]}\n", []string{":7: unknown key api.clients[0].role"}},
		"client of an unknown kind":    {withTLS + "  clients:\n  - {commonName: x, kind: robot, roles: [admin]}\n", []string{`:7: api.clients[0]: `, `kind "robot"`}},
		"client without a name":        {withTLS + "  clients:\n  - {roles: [admin]}\n", []string{`:7: api.clients[0]: `, "name is empty"}},
		"client twice":                 {withTLS + "  clients:\n  - {commonName: x, roles: [admin]}\n  - {commonName: x, roles: [admin]}\n", []string{":8: api.clients[1]: commonName x stands twice"}},
		"clients that are no list":     {withTLS + "  clients: x\n", []string{":6: api.clients must be a list"}},
		"profile":                      {good + "raft:\n  profile: moon\n", []string{`:5: raft.profile: must be wan or lan; it is "moon"`}},
		"lease longer than heartbeat":  {good + "raft:\n  lease: 3s\n", []string{":5: raft.lease: 3s is more than raft.heartbeat"}},
		"limits the wrong way round":   {good + "store:\n  softFreeMiB: 1\n", []string{":5: store.softFreeMiB: must be at least store.hardFreeMiB (512); it is 1"}},
		"limit below zero":             {good + "store:\n  hardFreeMiB: -1\n", []string{":5: store.hardFreeMiB: must be 0 to"}},
		"limit beyond all measure":     {good + "store:\n  hardFreeMiB: 9000000000000000000\n", []string{":5: store.hardFreeMiB: must be 0 to"}},
		"nothing kept":                 {good + "store: {feedRows: 1, requestIds: 1, evidence: 1}\n", []string{"store.feedRows: must be at least 1000", "store.requestIds:", "store.evidence:"}},
		"prefix of a number":           {good + "region: {numberPrefix: bj1}\n", []string{`:4: region.numberPrefix: must be 1 to 8 of A to Z; it is "bj1"`}},
		"traces to no collector":       {good + "telemetry:\n  traces:\n    endpoint: collector:4317\n    sampleRatio: 1.5\n", []string{":6: telemetry.traces.endpoint: must be http://", ":7: telemetry.traces.sampleRatio: must be 0 to 1"}},
		"no share":                     {good + "telemetry: {traces: {sampleRatio: half}}\n", []string{":4: telemetry.traces.sampleRatio: must be a number"}},
		"share that is none":           {good + "telemetry: {traces: {sampleRatio: NaN}}\n", []string{":4: telemetry.traces.sampleRatio: must be 0 to 1"}},
		"log":                          {good + "log:\n  level: loud\n  format: xml\n", []string{":5: log.level", ":6: log.format"}},
	} {
		t.Run(name, func(t *testing.T) {
			file := write(t, tc.text)
			c, err := Load(file, nil)
			var mistakes Mistakes
			if !errors.As(err, &mistakes) || c != nil {
				t.Fatalf("got %v and error %v, want mistakes", c, err)
			}
			for _, want := range append(tc.want, file) {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("error %q does not say %q", err, want)
				}
			}
			if len(mistakes) > len(tc.want) {
				t.Errorf("told of more than there is: %v", mistakes)
			}
		})
	}
}

func TestAllMistakesAreToldAtOnceInTheOrderOfTheFile(t *testing.T) {
	file := write(t, "log:\n  level: loud\nstore:\n  feedRows: many\n  evidence: 3\nsomething: else\n")
	t.Setenv("JIELI_RAFT_PROFILE", "moon")
	t.Setenv("JIELI_METRICS_ANONYMOUS", "perhaps")
	_, err := Load(file, nil)
	var mistakes Mistakes
	if !errors.As(err, &mistakes) {
		t.Fatalf("got %v", err)
	}
	var keys []string
	for _, m := range mistakes {
		keys = append(keys, strings.TrimPrefix(m.Where, file)+" "+m.Key)
	}
	want := []string{
		"JIELI_METRICS_ANONYMOUS metrics.anonymous", " federation.advertise", "JIELI_RAFT_PROFILE raft.profile",
		":2 log.level", ":4 store.feedRows", ":5 store.evidence", ":6 something",
	}
	if !slices.Equal(keys, want) {
		t.Errorf("got  %q\nwant %q", keys, want)
	}
	if b, err := json.Marshal(mistakes[3]); err != nil || !strings.Contains(string(b), `"key":"log.level"`) {
		t.Errorf("as JSON: %s, %v", b, err)
	}
}

func TestRisingOrder(t *testing.T) {
	file := write(t, good+"log:\n  level: warn\napi:\n  listen: 127.0.0.1:1\nstore: {feedRows: 20_000}\n")
	t.Setenv("JIELI_API_LISTEN", "127.0.0.1:2")
	t.Setenv("JIELI_LOG_LEVEL", "error")
	t.Setenv("JIELI_RAFT_HEARTBEAT", "3s")
	t.Setenv("JIELI_RAFT_ELECTION", "3s")
	t.Setenv("JIELI_STORE_EVIDENCE", "010000")
	t.Setenv("JIELI_REGION_CLUSTER", "") // as if it were not set
	overrides := map[string]any{"log.level": "debug"}
	c, err := Load(file, overrides)
	if err != nil {
		t.Fatal(err)
	}
	if c.API.Listen != "127.0.0.1:2" || c.Log.Level != "debug" || c.Federation.Listen != "0.0.0.0:7345" ||
		c.PKIDir != "/var/lib/jieli/pki" || c.Store.FeedRows != 20_000 || c.Store.Evidence != 10_000 {
		t.Errorf("got %+v", c)
	}
	if p, err := c.Profile(); err != nil || p.Heartbeat != 3*time.Second || p.Lease != time.Second {
		t.Errorf("got profile %+v, %v", p, err)
	}
	settings, err := Settings(file, overrides)
	if err != nil {
		t.Fatal(err)
	}
	if len(settings) != len(keys()) {
		t.Errorf("%d settings of %d keys", len(settings), len(keys()))
	}
	for key, want := range map[string]Setting{
		"dataDir":              {Value: "/var/lib/jieli", Source: file + ":1"},
		"pkiDir":               {Value: "/var/lib/jieli/pki", Source: SourceDefault},
		"federation.advertise": {Value: "bj.example:7345", Source: file + ":3"},
		"api.listen":           {Value: "127.0.0.1:2", Source: "JIELI_API_LISTEN"},
		"log.level":            {Value: "debug", Source: SourceFlag},
		"raft.heartbeat":       {Value: 3 * time.Second, Source: "JIELI_RAFT_HEARTBEAT"},
		"region.cluster":       {Value: "", Source: SourceDefault},
	} {
		i := slices.IndexFunc(settings, func(s Setting) bool { return s.Key == key })
		if got := settings[i]; got.Value != want.Value || got.Source != want.Source {
			t.Errorf("%s: got %+v, want %+v", key, got, want)
		}
	}
}

func TestTextStaysAsItIsWritten(t *testing.T) {
	file := write(t, good+"region: {dutyPhone: 051255512345, documentNumber: 1e3, nameZh: yes, nameEn: null, cluster: ~}\n")
	c, err := Load(file, nil)
	if err != nil {
		t.Fatal(err)
	}
	if r := c.Region; r.DutyPhone != "051255512345" || r.DocumentNumber != "1e3" || r.NameZH != "yes" || r.NameEN != "" || r.Cluster != "" {
		t.Errorf("got %+v", r)
	}
	if missing := c.Region.Missing(); !slices.Equal(missing, []string{"region.legalName", "region.numberPrefix"}) {
		t.Errorf("missing %q", missing)
	}
}

func TestClientsCallWithCertificates(t *testing.T) {
	c, err := Load(write(t, withTLS+"  clients:\n  - {commonName: ticket-system, roles: [operator, monitor]}\n  - {commonName: 王芳, kind: person, roles: [admin]}\n"), nil)
	if err != nil {
		t.Fatal(err)
	}
	certificates, err := c.API.Certificates()
	if err != nil {
		t.Fatal(err)
	}
	if caller, ok := certificates.Caller("ticket-system"); !ok || caller.Kind != "system" || len(caller.Roles) != 2 {
		t.Errorf("got %+v", caller)
	}
	if caller, ok := certificates.Caller("王芳"); !ok || caller.Kind != "person" {
		t.Errorf("got %+v", caller)
	}
	if _, ok := certificates.Caller("nobody"); ok {
		t.Error("nobody is somebody")
	}
}

func TestFiles(t *testing.T) {
	if _, err := Load(filepath.Join(t.TempDir(), "nosuch.yaml"), nil); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("missing: %v", err)
	}
	if _, err := Load(write(t, strings.Repeat("#", maxFile+1)), nil); err == nil || !strings.Contains(err.Error(), "more than") {
		t.Errorf("too long: %v", err)
	}
	t.Setenv("JIELI_FEDERATION_ADVERTISE", "bj.example:7345")
	for name, text := range map[string]string{"empty": "", "comments": "# nothing yet\n", "null": "~\n"} {
		if _, err := Load(write(t, text), nil); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := Load("", nil); err != nil {
		t.Errorf("none: %v", err)
	}
}

// The commented default shows every key there is, with its default.
func TestDefaultFileShowsEveryKey(t *testing.T) {
	text := strings.Replace(string(configs.Default()), `advertise: ""`, `advertise: "bj.example:7345"`, 1)
	settings, err := Settings(write(t, text), nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range settings {
		k, _ := find(s.Key)
		_, short, _ := strings.Cut("."+s.Key, ".")
		if i := strings.LastIndex(short, "."); i >= 0 {
			short = short[i+1:]
		}
		if !strings.Contains(text, short+":") {
			t.Errorf("%s is not in the file", s.Key)
		}
		switch s.Key {
		case "dataDir", "pkiDir", "federation.advertise", clientsKey: // the file's own
		default:
			if s.Value != k.value {
				t.Errorf("%s is %v in the file and %v by default", s.Key, s.Value, k.value)
			}
		}
	}
}

// What a configuration is printed as can be read again.
func TestPrintedConfigurationIsGood(t *testing.T) {
	c, err := Load(write(t, withTLS+"  clients: [{commonName: x, kind: system, roles: [operator]}]\nraft: {heartbeat: 4s, election: 5s}\n"), nil)
	if err != nil {
		t.Fatal(err)
	}
	b, err := yaml.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	again, err := Load(write(t, string(b)), nil)
	if err != nil {
		t.Fatal(err)
	}
	if b2, err := yaml.Marshal(again); err != nil || string(b2) != string(b) {
		t.Errorf("printed\n%s\nread and printed again\n%s", b, b2)
	}
}

func FuzzLoad(f *testing.F) {
	f.Add(good)
	f.Add(withTLS + "  clients: [{commonName: x, roles: [operator]}]")
	f.Add("a: &a [*a]")
	f.Add("? {x: y}\n: z")
	f.Add("api: {clients: [[], {roles: 1}, ~]}")
	f.Fuzz(func(t *testing.T, text string) {
		_, _ = Load(write(t, text), nil) // must not panic
	})
}
