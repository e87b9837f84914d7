package config

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/viper"
	"go.yaml.in/yaml/v3"

	"github.com/jieli-gateway/jieli/gateway/api"
)

// Places where a configuration is looked for when none is named.
func Places() []string { return []string{"jieli.yaml", "/etc/jieli/jieli.yaml"} }

// Find gives the first of Places that exists; empty when there is none.
func Find() string {
	for _, p := range Places() {
		if _, err := os.Stat(p); err == nil {
			return p
		}
	}
	return ""
}

// Load reads the file (none when empty), the environment and overrides by key, fills in defaults and checks all of it.
// The error tells every mistake.
func Load(file string, overrides map[string]any) (*Config, error) {
	v := viper.New()
	for key, value := range defaults() {
		v.SetDefault(key, value)
		if err := v.BindEnv(key, envName(key)); err != nil {
			return nil, fmt.Errorf("environment %s: %w", envName(key), err)
		}
	}
	lines := map[string]int{}
	if file != "" {
		values, found, err := readFile(file)
		if err != nil {
			return nil, err
		}
		lines = found
		if err := v.MergeConfigMap(values); err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
	}
	for key, value := range overrides {
		v.Set(key, value)
	}
	c := new(Config)
	if err := v.UnmarshalExact(c); err != nil {
		return nil, fmt.Errorf("%s: %w", or(file, "configuration"), err)
	}
	if c.PKIDir == "" {
		c.PKIDir = filepath.Join(c.DataDir, "pki")
	}
	if c.Federation.Advertise == "" && !unspecified(c.Federation.Listen) {
		c.Federation.Advertise = c.Federation.Listen
	}
	return c, c.check(file, lines)
}

// envName is the environment variable of a key: api.listen is JIELI_API_LISTEN.
func envName(key string) string {
	return "JIELI_" + strings.ToUpper(strings.ReplaceAll(key, ".", "_"))
}

// readFile reads a YAML file and the line of each key. Unknown keys are errors that name their line.
func readFile(file string) (values map[string]any, lines map[string]int, err error) {
	info, err := os.Stat(file)
	if err != nil {
		return nil, nil, fmt.Errorf("configuration: %w", err)
	}
	if info.Size() > maxFile {
		return nil, nil, fmt.Errorf("%s: more than %d bytes", file, maxFile)
	}
	b, err := os.ReadFile(filepath.Clean(file))
	if err != nil {
		return nil, nil, fmt.Errorf("configuration: %w", err)
	}
	var root yaml.Node
	if err := yaml.Unmarshal(b, &root); err != nil {
		return nil, nil, fmt.Errorf("%s: %w", file, err)
	}
	values, lines = map[string]any{}, map[string]int{}
	if len(root.Content) == 0 {
		return values, lines, nil
	}
	w := walker{file: file, lines: lines}
	w.walk(root.Content[0], "")
	if len(w.wrong) > 0 {
		return nil, nil, errors.Join(w.wrong...)
	}
	if err := root.Decode(&values); err != nil {
		return nil, nil, fmt.Errorf("%s: %w", file, err)
	}
	return values, lines, nil
}

type walker struct {
	file  string
	lines map[string]int
	wrong []error
}

func (w *walker) walk(n *yaml.Node, prefix string) {
	if n.Kind != yaml.MappingNode {
		w.wrong = append(w.wrong, fmt.Errorf("%s:%d: %s must hold keys", w.file, n.Line, or(strings.TrimSuffix(prefix, "."), "the file")))
		return
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		k, v := n.Content[i], n.Content[i+1]
		key := prefix + k.Value
		if _, known := defaults()[key]; known {
			if v.Kind != yaml.ScalarNode {
				w.wrong = append(w.wrong, fmt.Errorf("%s:%d: %s must be one value", w.file, k.Line, key))
			}
			w.lines[key] = k.Line
			continue
		}
		if !section(key) {
			w.wrong = append(w.wrong, fmt.Errorf("%s:%d: unknown key %s; known here: %s", w.file, k.Line, key, strings.Join(known(prefix), ", ")))
			continue
		}
		w.walk(v, key+".")
	}
}

// section tells whether a key holds others.
func section(key string) bool {
	for k := range defaults() {
		if strings.HasPrefix(k, key+".") {
			return true
		}
	}
	return false
}

// known lists what may stand below a prefix.
func known(prefix string) []string {
	var names []string
	for k := range defaults() {
		if rest, ok := strings.CutPrefix(k, prefix); ok {
			name, _, _ := strings.Cut(rest, ".")
			if !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	slices.Sort(names)
	return names
}

// check finds every mistake.
func (c *Config) check(file string, lines map[string]int) error {
	var wrong []error
	bad := func(key, format string, args ...any) {
		where := or(file, "configuration")
		if line, ok := lines[key]; ok {
			where = fmt.Sprintf("%s:%d", file, line)
		}
		wrong = append(wrong, fmt.Errorf("%s: %s: %s", where, key, fmt.Sprintf(format, args...)))
	}
	if c.DataDir == "" {
		bad("dataDir", "must not be empty")
	}
	address := func(key, value string) {
		if _, _, err := net.SplitHostPort(value); err != nil {
			bad(key, "must be host:port, e.g. 10.0.0.5:7345; it is %q", value)
		}
	}
	address("federation.listen", c.Federation.Listen)
	address("api.listen", c.API.Listen)
	if c.Federation.Advertise != "" {
		address("federation.advertise", c.Federation.Advertise)
	} else {
		bad("federation.advertise", "is required: federation.listen (%s) names no address that other regions could dial", c.Federation.Listen)
	}
	if (c.API.TLS.Certificate == "") != (c.API.TLS.Key == "") {
		bad("api.tls", "certificate and key go together")
	}
	if err := api.CheckAddress(c.API.Listen, c.API.TLS.Certificate != ""); err != nil {
		bad("api.listen", "%v", err)
	}
	if _, err := c.Profile(); err != nil {
		bad("raft.profile", "%v", err)
	}
	if c.Store.HardFreeMiB < 0 || c.Store.SoftFreeMiB < c.Store.HardFreeMiB {
		bad("store.softFreeMiB", "must be at least store.hardFreeMiB (%d), and neither below 0", c.Store.HardFreeMiB)
	}
	for key, n := range map[string]int{"store.feedRows": c.Store.FeedRows, "store.requestIds": c.Store.RequestIDs, "store.evidence": c.Store.Evidence} {
		if n < 1000 {
			bad(key, "must be at least 1000; it is %d", n)
		}
	}
	if !slices.Contains([]string{"debug", "info", "warn", "error"}, c.Log.Level) {
		bad("log.level", "must be debug, info, warn or error; it is %q", c.Log.Level)
	}
	if !slices.Contains([]string{"text", "json"}, c.Log.Format) {
		bad("log.format", "must be text or json; it is %q", c.Log.Format)
	}
	slices.SortFunc(wrong, func(a, b error) int { return strings.Compare(a.Error(), b.Error()) })
	return errors.Join(wrong...)
}

// unspecified: an address that listens everywhere is none to dial.
func unspecified(address string) bool {
	host, _, err := net.SplitHostPort(address)
	ip := net.ParseIP(host)
	return err != nil || host == "" || (ip != nil && ip.IsUnspecified())
}

func or(s, other string) string {
	if s == "" {
		return other
	}
	return s
}
