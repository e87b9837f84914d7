package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jieli-gateway/jieli/configs"
)

func write(t *testing.T, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "jieli.yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

const good = "dataDir: /var/lib/jieli\nfederation:\n  advertise: bj.example:7345\n"

func TestMistakesNameFileLineAndKey(t *testing.T) {
	for name, tc := range map[string]struct {
		text string
		want []string
	}{
		"unknown key":                {good + "dataDirr: x\n", []string{":4: unknown key dataDirr"}},
		"unknown key in a section":   {good + "api:\n  lisen: x\n", []string{":5: unknown key api.lisen", "listen"}},
		"section that is a value":    {good + "api: 8345\n", []string{"api must hold keys"}},
		"list where one value":       {good + "dataDir2: [a]\n", []string{"unknown key dataDir2"}},
		"no address to dial":         {"dataDir: d\n", []string{"federation.advertise: is required"}},
		"API in the open":            {good + "api:\n  listen: 0.0.0.0:8345\n", []string{":5: api.listen", "api.tls.certificate"}},
		"certificate without key":    {good + "api:\n  tls:\n    certificate: a.pem\n", []string{"certificate and key go together"}},
		"profile":                    {good + "raft:\n  profile: moon\n", []string{":5: raft.profile"}},
		"limits the wrong way round": {good + "store:\n  softFreeMiB: 1\n", []string{":5: store.softFreeMiB"}},
		"log":                        {good + "log:\n  level: loud\n  format: xml\n", []string{":5: log.level", ":6: log.format"}},
		"not YAML":                   {"a: [", []string{"yaml"}},
		"wrong type":                 {good + "store:\n  feedRows: many\n", []string{"feedRows"}},
	} {
		t.Run(name, func(t *testing.T) {
			file := write(t, tc.text)
			_, err := Load(file, nil)
			if err == nil {
				t.Fatal("accepted")
			}
			for _, want := range append(tc.want, file) {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("error %q does not say %q", err, want)
				}
			}
		})
	}
}

func TestRisingOrder(t *testing.T) {
	file := write(t, good+"log:\n  level: warn\napi:\n  listen: 127.0.0.1:1\n")
	t.Setenv("JIELI_API_LISTEN", "127.0.0.1:2")
	t.Setenv("JIELI_LOG_LEVEL", "error")
	c, err := Load(file, map[string]any{"log.level": "debug"})
	if err != nil {
		t.Fatal(err)
	}
	if c.API.Listen != "127.0.0.1:2" || c.Log.Level != "debug" || c.Federation.Listen != "0.0.0.0:7345" || c.PKIDir != "/var/lib/jieli/pki" {
		t.Errorf("got %+v", c)
	}
}

func TestDefaultFileIsGood(t *testing.T) {
	text := strings.Replace(string(configs.Default()), `advertise: ""`, `advertise: "bj.example:7345"`, 1)
	c, err := Load(write(t, text), nil)
	if err != nil {
		t.Fatal(err)
	}
	if c.Store.FeedRows != 10_000_000 || c.Raft.Profile != "wan" {
		t.Errorf("the commented defaults are not the defaults: %+v", c)
	}
}

func FuzzLoad(f *testing.F) {
	f.Add(good)
	f.Add("a: &a [*a]")
	f.Add("? {x: y}\n: z")
	f.Fuzz(func(t *testing.T, text string) {
		_, _ = Load(write(t, text), nil) // must not panic
	})
}
