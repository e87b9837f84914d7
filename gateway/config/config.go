// Package config reads a node's configuration once, into one typed struct: a YAML file, then `JIELI_*` environment
// variables, then flags, each over the one before. Unknown keys are errors, and every mistake is found at once, with its
// file, line and key.
package config

import (
	"time"

	"github.com/jieli-gateway/jieli/federation"
	jieliv1 "github.com/jieli-gateway/jieli/proto/jieli/v1"
)

// Config is the effective configuration of a node.
type Config struct {
	// DataDir holds the registry, the store and tokens.json. Default: ./data.
	DataDir string `mapstructure:"dataDir" yaml:"dataDir"`
	// PKIDir holds keys and certificates, as `jieli pki` makes them. Default: <dataDir>/pki.
	PKIDir string `mapstructure:"pkiDir" yaml:"pkiDir"`
	// Region is what this region says of itself when it is registered. Required for `serve --bootstrap` and
	// `pki show -o json`; a node that is in a federation does not look at it.
	Region Region `mapstructure:"region" yaml:"region"`
	// Federation is the port between regions.
	Federation Federation `mapstructure:"federation" yaml:"federation"`
	// API is the port for this region's own centre, admins and monitoring.
	API API `mapstructure:"api" yaml:"api"`
	// Raft paces the registry.
	Raft Raft `mapstructure:"raft" yaml:"raft"`
	// Store bounds what the ticket store keeps and when intake stops.
	Store Store `mapstructure:"store" yaml:"store"`
	// Metrics are at /metrics of the API.
	Metrics Metrics `mapstructure:"metrics" yaml:"metrics"`
	// Telemetry goes to a collector, where one is named.
	Telemetry Telemetry `mapstructure:"telemetry" yaml:"telemetry"`
	// Log goes to standard error.
	Log Log `mapstructure:"log" yaml:"log"`
}

// Region is what stands behind a region's entry in the registry.
type Region struct {
	// NameZH is the Chinese name, 1 to 100 characters. Required.
	NameZH string `mapstructure:"nameZh" yaml:"nameZh"`
	// NameEN is the English name, up to 100 characters. Optional.
	NameEN string `mapstructure:"nameEn" yaml:"nameEn"`
	// Cluster is a label: jingjinji, changsanjiao, chengyu or another. Optional.
	Cluster string `mapstructure:"cluster" yaml:"cluster"`
	// LegalName is who stands behind the region, 1 to 200 characters. Required.
	LegalName string `mapstructure:"legalName" yaml:"legalName"`
	// DocumentNumber is that of the document that admits it. Optional.
	DocumentNumber string `mapstructure:"documentNumber" yaml:"documentNumber"`
	// DutyPhone is answered day and night; other regions see it when a link is down. Required.
	DutyPhone string `mapstructure:"dutyPhone" yaml:"dutyPhone"`
	// DataContact is whom to ask about personal data. Optional.
	DataContact string `mapstructure:"dataContact" yaml:"dataContact"`
	// NumberPrefix is what ticket numbers begin with: 1 to 8 of A to Z, no other region's, never changed. Required.
	NumberPrefix string `mapstructure:"numberPrefix" yaml:"numberPrefix"`
}

// Missing lists the keys that registering the region needs and that are empty.
func (r Region) Missing() []string {
	var missing []string
	for _, k := range []struct{ key, value string }{
		{"region.nameZh", r.NameZH},
		{"region.legalName", r.LegalName},
		{"region.dutyPhone", r.DutyPhone},
		{"region.numberPrefix", r.NumberPrefix},
	} {
		if k.value == "" {
			missing = append(missing, k.key)
		}
	}
	return missing
}

// Entry is what the registry keeps of it. Id, bundle and keys come from the PKI directory.
func (r Region) Entry() *jieliv1.Region {
	return &jieliv1.Region{
		NameZh: r.NameZH, NameEn: r.NameEN, Cluster: r.Cluster, LegalName: r.LegalName, DocumentNumber: r.DocumentNumber,
		DutyPhone: r.DutyPhone, DataContact: r.DataContact, NumberPrefix: r.NumberPrefix,
	}
}

// Federation is the port between regions: Raft and links, mutual TLS.
type Federation struct {
	// Listen is host:port. Default: 0.0.0.0:7345.
	Listen string `mapstructure:"listen" yaml:"listen"`
	// Advertise is host:port at which other regions reach it. Default: Listen; required when that names no one address.
	Advertise string `mapstructure:"advertise" yaml:"advertise"`
}

// API is the port for centres.
type API struct {
	// Listen is host:port. Default: 127.0.0.1:8345. Any other than a loopback address needs TLS.
	Listen string `mapstructure:"listen" yaml:"listen"`
	// TLS serves it with TLS.
	TLS TLS `mapstructure:"tls" yaml:"tls"`
	// Clients may call with a certificate of TLS.ClientCA instead of a token. Default: nobody.
	Clients []Client `mapstructure:"clients" yaml:"clients,omitempty"`
}

// TLS of the API, PEM files.
type TLS struct {
	// Certificate with its intermediates, and its Key. They go together and are read again when they change.
	// Default: no TLS.
	Certificate string `mapstructure:"certificate" yaml:"certificate"`
	Key         string `mapstructure:"key" yaml:"key"`
	// ClientCA holds the CAs whose client certificates are taken; read at the start. Default: none are.
	ClientCA string `mapstructure:"clientCa" yaml:"clientCa"`
}

// Client is whoever calls with a certificate of this common name.
type Client struct {
	// CommonName of the certificate's subject. Required.
	CommonName string `mapstructure:"commonName" yaml:"commonName"`
	// Kind is person, or system for one that names its operator on each call. Default: system.
	Kind string `mapstructure:"kind" yaml:"kind"`
	// Roles are what it may do: operator, admin, auditor, monitor. At least one is required.
	Roles []string `mapstructure:"roles" yaml:"roles"`
}

// Raft paces the registry. Each duration replaces that of the profile; 0 leaves it.
type Raft struct {
	// Profile is wan (sites 50 ms apart; default) or lan (one site, tests).
	Profile string `mapstructure:"profile" yaml:"profile"`
	// Heartbeat is how long a follower waits for its leader before it wants an election. Profiles: 2s, 200ms.
	Heartbeat time.Duration `mapstructure:"heartbeat" yaml:"heartbeat,omitempty"`
	// Election is how long a candidate waits for votes, at least Heartbeat. Profiles: 2s, 200ms.
	Election time.Duration `mapstructure:"election" yaml:"election,omitempty"`
	// Lease is how long a leader goes on without a quorum, at most Heartbeat. Profiles: 1s, 100ms.
	Lease time.Duration `mapstructure:"lease" yaml:"lease,omitempty"`
	// RPC bounds one message and its answer. Profiles: 10s, 2s.
	RPC time.Duration `mapstructure:"rpc" yaml:"rpc,omitempty"`
	// Stall is how long one write to the log may take before this node stops leading. Profiles: 2s, 2s.
	Stall time.Duration `mapstructure:"stall" yaml:"stall,omitempty"`
}

// Store bounds the ticket store.
type Store struct {
	// SoftFreeMiB: below so much free space status warns. Default: 2048.
	SoftFreeMiB int64 `mapstructure:"softFreeMiB" yaml:"softFreeMiB"`
	// HardFreeMiB: below so much free space intake stops. Default: 512.
	HardFreeMiB int64 `mapstructure:"hardFreeMiB" yaml:"hardFreeMiB"`
	// FeedRows is how many entries of the event feed are kept; a cursor older than these is out of range.
	// Default: 10,000,000; at least 1,000.
	FeedRows int `mapstructure:"feedRows" yaml:"feedRows"`
	// RequestIDs is how many answered requests are remembered, so that a repeated one gets the same answer.
	// Default: 1,000,000; at least 1,000.
	RequestIDs int `mapstructure:"requestIds" yaml:"requestIds"`
	// Evidence is how many items that broke a rule are kept. Default: 10,000; at least 1,000.
	Evidence int `mapstructure:"evidence" yaml:"evidence"`
}

// Metrics of Prometheus.
type Metrics struct {
	// Anonymous lets /metrics be read without a token. Default: false.
	Anonymous bool `mapstructure:"anonymous" yaml:"anonymous"`
}

// Telemetry that is sent out.
type Telemetry struct {
	// Traces follow tickets across regions.
	Traces Traces `mapstructure:"traces" yaml:"traces"`
}

// Traces of OpenTelemetry.
type Traces struct {
	// Endpoint is http://host:port or https://host:port of a collector that takes OTLP over gRPC. Default: none, and
	// nothing is traced.
	Endpoint string `mapstructure:"endpoint" yaml:"endpoint"`
	// SampleRatio is the share of tickets that are traced, 0 to 1; regions with the same ratio trace the same tickets.
	// Default: 1.
	SampleRatio float64 `mapstructure:"sampleRatio" yaml:"sampleRatio"`
}

// Log of the node.
type Log struct {
	// Level is debug, info, warn or error. Default: info.
	Level string `mapstructure:"level" yaml:"level"`
	// Format is text or json. Default: text.
	Format string `mapstructure:"format" yaml:"format"`
}

// Profile gives the registry's durations: those of the profile, with what is set in place of them.
func (c *Config) Profile() (federation.Profile, error) {
	p, err := federation.ProfileNamed(c.Raft.Profile)
	if err != nil {
		return p, err
	}
	p = p.Override(federation.Profile{
		Heartbeat: c.Raft.Heartbeat, Election: c.Raft.Election, Lease: c.Raft.Lease, RPC: c.Raft.RPC, Stall: c.Raft.Stall,
	})
	return p, p.Check()
}

// SoftFree is the soft disk limit in bytes.
func (s Store) SoftFree() int64 { return s.SoftFreeMiB << 20 }

// HardFree is the hard disk limit in bytes.
func (s Store) HardFree() int64 { return s.HardFreeMiB << 20 }
