package config

import (
	"fmt"
	"net"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/jieli-gateway/jieli/federation"
	"github.com/jieli-gateway/jieli/gateway/access"
	"github.com/jieli-gateway/jieli/gateway/api"
	"github.com/jieli-gateway/jieli/gateway/telemetry"
)

const (
	// leastKept is the least number of rows that store.feedRows and its like may keep.
	leastKept = 1000
	// most is the highest number that a limit may have: enough for anything, and far from where arithmetic ends.
	most = 1 << 40
)

var numberPrefix = regexp.MustCompile(`^[A-Z]{1,8}$`)

// bad notes a mistake at the line or variable its value came from, or where its section is; one for each key.
func (l *loading) bad(key, format string, args ...any) {
	if slices.ContainsFunc(l.wrong, func(m Mistake) bool { return m.Key == key }) {
		return
	}
	problem := key + ": " + fmt.Sprintf(format, args...)
	source, line := l.sources[key], 0
	if strings.HasPrefix(source, "JIELI_") || source == SourceFlag {
		l.wrong = append(l.wrong, Mistake{Where: source, Key: key, Problem: problem})
		return
	}
	for name := key; name != "" && line == 0; name = parent(name) {
		line = l.lines[name]
	}
	file := l.file
	if file == "" {
		file = Nowhere
	}
	l.wrong.at(file, line, key, "%s", problem)
}

// parent is the section a key stands in, or the list an entry stands in.
func parent(name string) string {
	if i := strings.LastIndexAny(name, ".["); i > 0 {
		return name[:i]
	}
	return ""
}

// check finds every mistake in values that could be read.
func (l *loading) check() {
	if l.config.DataDir == "" {
		l.bad("dataDir", "must not be empty")
	}
	if p := l.config.Region.NumberPrefix; p != "" && !numberPrefix.MatchString(p) {
		l.bad("region.numberPrefix", "must be 1 to 8 of A to Z; it is %q", p)
	}
	l.checkAddresses()
	l.checkTLS()
	l.checkRaft()
	l.checkStore()
	l.checkTraces()
	if level := l.config.Log.Level; !slices.Contains([]string{"debug", "info", "warn", "error"}, level) {
		l.bad("log.level", "must be debug, info, warn or error; it is %q", level)
	}
	if format := l.config.Log.Format; !slices.Contains([]string{"text", "json"}, format) {
		l.bad("log.format", "must be text or json; it is %q", format)
	}
}

func (l *loading) checkAddresses() {
	listen, advertise := l.config.Federation.Listen, l.config.Federation.Advertise
	good := l.address("federation.listen", listen)
	switch {
	case advertise == "" && good:
		l.bad("federation.advertise", "is required: federation.listen (%s) names no address that other regions could dial", listen)
	case advertise == "" || !l.address("federation.advertise", advertise):
	case everywhere(advertise) || strings.HasSuffix(advertise, ":0"):
		l.bad("federation.advertise", "must be host:port that other regions can dial; it is %q", advertise)
	}
	if !l.address("api.listen", l.config.API.Listen) {
		return
	}
	if err := api.CheckAddress(l.config.API.Listen, l.config.API.TLS.Certificate != ""); err != nil {
		l.bad("api.listen", "%v", err)
	}
	if l.config.API.Listen == listen && !strings.HasSuffix(listen, ":0") {
		l.bad("api.listen", "must differ from federation.listen (%s)", listen)
	}
}

// address tells whether a value is host:port.
func (l *loading) address(key, value string) bool {
	_, port, err := net.SplitHostPort(value)
	if err == nil {
		_, err = strconv.ParseUint(port, 10, 16)
	}
	if err != nil {
		l.bad(key, "must be host:port, e.g. 10.0.0.5:7345; it is %q", value)
	}
	return err == nil
}

func (l *loading) checkTLS() {
	t := l.config.API.TLS
	switch {
	case t.Certificate != "" && t.Key == "":
		l.bad("api.tls.key", "is required: certificate and key go together")
	case t.Certificate == "" && t.Key != "":
		l.bad("api.tls.certificate", "is required: certificate and key go together")
	case t.Certificate == "" && t.ClientCA != "":
		l.bad("api.tls.clientCa", "needs api.tls.certificate and api.tls.key: without TLS no client shows a certificate")
	}
	if len(l.config.API.Clients) > 0 && t.ClientCA == "" {
		l.bad(clientsKey, "needs api.tls.clientCa, whose certificates they show")
	}
	names := map[string]bool{}
	for i, client := range l.config.API.Clients {
		entry := fmt.Sprintf("%s[%d]", clientsKey, i)
		if _, err := client.grant(); err != nil {
			l.bad(entry, "%v", err)
		}
		if names[client.CommonName] {
			l.bad(entry, "commonName %s stands twice", client.CommonName)
		}
		names[client.CommonName] = true
	}
}

// grant is what a client's certificate gives.
func (c Client) grant() (access.Grant, error) {
	roles, err := access.ParseRoles(c.Roles...)
	if err != nil {
		return access.Grant{}, err
	}
	g := access.Grant{CommonName: c.CommonName, Kind: access.Kind(c.Kind), Roles: roles}
	_, err = access.NewCertificates(g)
	return g, err
}

// Certificates says what client certificates may do.
func (a API) Certificates() (*access.Certificates, error) {
	grants := make([]access.Grant, 0, len(a.Clients))
	for _, c := range a.Clients {
		g, err := c.grant()
		if err != nil {
			return nil, err
		}
		grants = append(grants, g)
	}
	return access.NewCertificates(grants...)
}

func (l *loading) checkRaft() {
	if _, err := federation.ProfileNamed(l.config.Raft.Profile); err != nil {
		l.bad("raft.profile", "must be %s or %s; it is %q", federation.ProfileWAN, federation.ProfileLAN, l.config.Raft.Profile)
		return
	}
	if _, err := l.config.Profile(); err != nil {
		// The message begins with the key.
		if key, problem, ok := strings.Cut(err.Error(), ": "); ok {
			l.bad(key, "%s", problem)
		}
	}
}

func (l *loading) checkStore() {
	s := l.config.Store
	switch {
	case s.HardFreeMiB < 0 || s.HardFreeMiB > most:
		l.bad("store.hardFreeMiB", "must be 0 to %d; it is %d", int64(most), s.HardFreeMiB)
	case s.SoftFreeMiB < s.HardFreeMiB || s.SoftFreeMiB > most:
		l.bad("store.softFreeMiB", "must be at least store.hardFreeMiB (%d); it is %d", s.HardFreeMiB, s.SoftFreeMiB)
	}
	for _, kept := range []struct {
		key string
		n   int
	}{
		{"store.feedRows", s.FeedRows},
		{"store.requestIds", s.RequestIDs},
		{"store.evidence", s.Evidence},
	} {
		if kept.n < leastKept {
			l.bad(kept.key, "must be at least %d; it is %d", leastKept, kept.n)
		}
	}
}

func (l *loading) checkTraces() {
	t := l.config.Telemetry.Traces
	if t.Endpoint != "" {
		if err := telemetry.CheckEndpoint(t.Endpoint); err != nil {
			l.bad("telemetry.traces.endpoint", "%v", err)
		}
	}
	if !(t.SampleRatio >= 0 && t.SampleRatio <= 1) { // NaN neither
		l.bad("telemetry.traces.sampleRatio", "must be 0 to 1; it is %v", t.SampleRatio)
	}
}

// everywhere: an address that listens on all interfaces is none to dial.
func everywhere(address string) bool {
	host, _, err := net.SplitHostPort(address)
	ip := net.ParseIP(host)
	return err != nil || host == "" || (ip != nil && ip.IsUnspecified())
}
