package config

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/viper"
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

// Sources of values, beside file:line and environment variables.
const (
	SourceDefault = "default"
	SourceFlag    = "flag"
)

// Setting is one key of an effective configuration.
type Setting struct {
	Key   string `json:"key"`
	Value any    `json:"value"`
	// Source is where the value comes from: SourceDefault, SourceFlag, file:line or an environment variable.
	Source string `json:"source"`
}

// Load reads the file (none when empty), the environment and overrides by key, fills in defaults and checks all of it.
// The error is Mistakes, unless the file cannot be read.
func Load(file string, overrides map[string]any) (*Config, error) {
	l, err := load(file, overrides)
	if err != nil {
		return nil, err
	}
	return l.config, nil
}

// Check is Load for what an administrator looks at before a start. Where newcomer says that the node is in no federation
// yet, what its region must say of itself is required too.
func Check(file string, newcomer func(*Config) bool) error {
	l, err := load(file, nil)
	if l == nil || !newcomer(l.config) {
		return err
	}
	for _, key := range l.config.Region.Missing() {
		l.bad(key, "is required: no federation can be made or joined without it")
	}
	return l.wrong.err()
}

// Settings is Load with the source of each value, in the order of the file.
func Settings(file string, overrides map[string]any) ([]Setting, error) {
	l, err := load(file, overrides)
	if err != nil {
		return nil, err
	}
	var settings []Setting
	for _, k := range keys() {
		value := l.viper.Get(k.name)
		switch k.name { // what complete fills in
		case "pkiDir":
			value = l.config.PKIDir
		case "federation.advertise":
			value = l.config.Federation.Advertise
		}
		settings = append(settings, Setting{Key: k.name, Value: value, Source: l.sources[k.name]})
	}
	return settings, nil
}

// loading is a configuration on its way from its sources.
type loading struct {
	file    string
	viper   *viper.Viper
	config  *Config
	sources map[string]string // by key
	lines   map[string]int    // in the file, by key
	wrong   Mistakes
}

func load(file string, overrides map[string]any) (*loading, error) {
	l := &loading{file: file, viper: viper.New(), config: new(Config), sources: map[string]string{}, lines: map[string]int{}}
	for _, k := range keys() {
		l.viper.SetDefault(k.name, k.value)
		l.sources[k.name] = SourceDefault
	}
	if err := l.fromFile(); err != nil {
		return nil, err
	}
	l.fromEnvironment()
	for name, value := range overrides {
		l.viper.Set(name, value)
		l.sources[name] = SourceFlag
	}
	if slices.ContainsFunc(l.wrong, func(m Mistake) bool { return m.Key == "" }) {
		return nil, l.wrong.err() // nobody knows what the rest would have been
	}
	// Mistaken values were left out, so that what is good is checked too and all mistakes are told at once.
	if err := l.viper.UnmarshalExact(l.config); err != nil {
		return nil, fmt.Errorf("configuration: %w", err)
	}
	l.complete()
	return l, l.wrong.err()
}

func (l *loading) fromFile() error {
	if l.file == "" {
		return nil
	}
	c, err := read(l.file)
	if err != nil {
		return err
	}
	l.lines, l.wrong = c.lines, c.wrong
	values := map[string]any{}
	for name, value := range c.values {
		nest(values, name, value)
		l.sources[name] = fmt.Sprintf("%s:%d", l.file, c.lines[name])
	}
	if err := l.viper.MergeConfigMap(values); err != nil {
		return fmt.Errorf("%s: %w", l.file, err)
	}
	return nil
}

// nest puts a value under a name of several parts.
func nest(into map[string]any, name string, value any) {
	head, rest, deeper := strings.Cut(name, ".")
	if !deeper {
		into[name] = value
		return
	}
	inner, ok := into[head].(map[string]any)
	if !ok {
		inner = map[string]any{}
		into[head] = inner
	}
	nest(inner, rest, value)
}

// fromEnvironment takes variables that are set and not empty.
func (l *loading) fromEnvironment() {
	for _, k := range keys() {
		name := k.env()
		text := os.Getenv(name)
		if name == "" || text == "" {
			continue
		}
		value, err := k.parse(text)
		if err != nil {
			l.wrong = append(l.wrong, Mistake{Where: name, Key: k.name, Problem: fmt.Sprintf("%s: %v", k.name, err)})
			continue
		}
		l.viper.Set(k.name, value)
		l.sources[k.name] = name
	}
}

// complete fills in what follows from other values, and checks all.
func (l *loading) complete() {
	c := l.config
	if c.PKIDir == "" {
		c.PKIDir = filepath.Join(c.DataDir, "pki")
	}
	if c.Federation.Advertise == "" && !everywhere(c.Federation.Listen) {
		c.Federation.Advertise = c.Federation.Listen
	}
	l.check()
}
