package config

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// clientsKey is the one key that holds a list.
const clientsKey = "api.clients"

// key is one key of the file, by its full name, with its default, whose type is the key's.
type key struct {
	name  string
	value any
}

// keys are all there are, in the order of the file.
func keys() []key {
	return []key{
		{"dataDir", "data"},
		{"pkiDir", ""},
		{"region.nameZh", ""},
		{"region.nameEn", ""},
		{"region.cluster", ""},
		{"region.legalName", ""},
		{"region.documentNumber", ""},
		{"region.dutyPhone", ""},
		{"region.dataContact", ""},
		{"region.numberPrefix", ""},
		{"federation.listen", "0.0.0.0:7345"},
		{"federation.advertise", ""},
		{"api.listen", "127.0.0.1:8345"},
		{"api.tls.certificate", ""},
		{"api.tls.key", ""},
		{"api.tls.clientCa", ""},
		{clientsKey, []Client(nil)},
		{"raft.profile", "wan"},
		{"raft.heartbeat", time.Duration(0)},
		{"raft.election", time.Duration(0)},
		{"raft.lease", time.Duration(0)},
		{"raft.rpc", time.Duration(0)},
		{"raft.stall", time.Duration(0)},
		{"store.softFreeMiB", 2048},
		{"store.hardFreeMiB", 512},
		{"store.feedRows", 10_000_000},
		{"store.requestIds", 1_000_000},
		{"store.evidence", 10_000},
		{"metrics.anonymous", false},
		{"telemetry.traces.endpoint", ""},
		{"telemetry.traces.sampleRatio", 1.0},
		{"log.level", "info"},
		{"log.format", "text"},
	}
}

// env is the environment variable of a key: that of api.listen is JIELI_API_LISTEN. A list has none.
func (k key) env() string {
	if k.name == clientsKey {
		return ""
	}
	return "JIELI_" + strings.ToUpper(strings.ReplaceAll(k.name, ".", "_"))
}

// parse reads a value of the key's type. Text stays as it is written: a phone number is no number.
func (k key) parse(text string) (any, error) {
	switch k.value.(type) {
	case int:
		n, err := strconv.Atoi(strings.ReplaceAll(text, "_", ""))
		if err != nil {
			return nil, fmt.Errorf("must be a whole number; it is %q", text)
		}
		return n, nil
	case float64:
		f, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return nil, fmt.Errorf("must be a number; it is %q", text)
		}
		return f, nil
	case bool:
		b, err := strconv.ParseBool(text)
		if err != nil {
			return nil, fmt.Errorf("must be true or false; it is %q", text)
		}
		return b, nil
	case time.Duration:
		d, err := time.ParseDuration(text)
		if err != nil || d < 0 {
			return nil, fmt.Errorf("must be a duration, like 500ms or 2s; it is %q", text)
		}
		return d, nil
	}
	return text, nil
}

// find gives the key of a name.
func find(name string) (key, bool) {
	all := keys()
	i := slices.IndexFunc(all, func(k key) bool { return k.name == name })
	if i < 0 {
		return key{}, false
	}
	return all[i], true
}

// section tells whether a name holds others.
func section(name string) bool {
	return slices.ContainsFunc(keys(), func(k key) bool { return strings.HasPrefix(k.name, name+".") })
}

// below lists what may stand under a prefix.
func below(prefix string) []string {
	var names []string
	for _, k := range keys() {
		if rest, ok := strings.CutPrefix(k.name, prefix); ok {
			name, _, _ := strings.Cut(rest, ".")
			if !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	return names
}
