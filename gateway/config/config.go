// Package config reads a node's configuration once, into one typed struct: a YAML file, then `JIELI_*` environment
// variables, then flags, each over the one before. Unknown keys are errors, and every mistake is found at once, with its
// file, line and key.
package config

import (
	"github.com/jieli-gateway/jieli/federation"
)

// Config is the effective configuration of a node.
type Config struct {
	// DataDir holds the registry, the store and tokens.json. Default: ./data.
	DataDir string `mapstructure:"dataDir" yaml:"dataDir"`
	// PKIDir holds keys and certificates, as `jieli pki` makes them. Default: <dataDir>/pki.
	PKIDir string `mapstructure:"pkiDir" yaml:"pkiDir"`
	// Region is what this region says of itself when it is registered. Required for `serve --bootstrap` and `pki show`.
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
	// Log goes to standard error.
	Log Log `mapstructure:"log" yaml:"log"`
}

// Region is what stands behind a region's entry in the registry.
type Region struct {
	NameZH         string `mapstructure:"nameZh" yaml:"nameZh"`
	NameEN         string `mapstructure:"nameEn" yaml:"nameEn"`
	Cluster        string `mapstructure:"cluster" yaml:"cluster"`
	LegalName      string `mapstructure:"legalName" yaml:"legalName"`
	DocumentNumber string `mapstructure:"documentNumber" yaml:"documentNumber"`
	DutyPhone      string `mapstructure:"dutyPhone" yaml:"dutyPhone"`
	DataContact    string `mapstructure:"dataContact" yaml:"dataContact"`
	// NumberPrefix is what ticket numbers begin with: 1 to 8 of A to Z, no other region's.
	NumberPrefix string `mapstructure:"numberPrefix" yaml:"numberPrefix"`
}

// Federation is the port between regions: Raft and links, mutual TLS.
type Federation struct {
	// Listen is host:port. Default: 0.0.0.0:7345.
	Listen string `mapstructure:"listen" yaml:"listen"`
	// Advertise is host:port at which other regions reach it. Required when Listen names no one address.
	Advertise string `mapstructure:"advertise" yaml:"advertise"`
}

// API is the port for centres.
type API struct {
	// Listen is host:port. Default: 127.0.0.1:8345. Any other than a loopback address needs TLS.
	Listen string `mapstructure:"listen" yaml:"listen"`
	TLS    TLS    `mapstructure:"tls" yaml:"tls"`
}

// TLS of the API, PEM files read again when they change.
type TLS struct {
	Certificate string `mapstructure:"certificate" yaml:"certificate"`
	Key         string `mapstructure:"key" yaml:"key"`
	// ClientCA lets clients call with certificates instead of tokens. Optional.
	ClientCA string `mapstructure:"clientCa" yaml:"clientCa"`
}

// Raft paces the registry.
type Raft struct {
	// Profile is wan (sites 50 ms apart; default) or lan (one site, tests).
	Profile string `mapstructure:"profile" yaml:"profile"`
}

// Store bounds the ticket store.
type Store struct {
	// SoftFreeMiB: below so much free space status warns. Default: 2048.
	SoftFreeMiB int64 `mapstructure:"softFreeMiB" yaml:"softFreeMiB"`
	// HardFreeMiB: below so much free space intake stops. Default: 512.
	HardFreeMiB int64 `mapstructure:"hardFreeMiB" yaml:"hardFreeMiB"`
	// FeedRows, RequestIDs and Evidence bound what is kept. Defaults: 10,000,000, 1,000,000, 10,000.
	FeedRows   int `mapstructure:"feedRows" yaml:"feedRows"`
	RequestIDs int `mapstructure:"requestIds" yaml:"requestIds"`
	Evidence   int `mapstructure:"evidence" yaml:"evidence"`
}

// Metrics of Prometheus.
type Metrics struct {
	// Anonymous lets /metrics be read without a token. Default: false.
	Anonymous bool `mapstructure:"anonymous" yaml:"anonymous"`
}

// Log of the node.
type Log struct {
	// Level is debug, info, warn or error. Default: info.
	Level string `mapstructure:"level" yaml:"level"`
	// Format is text or json. Default: text.
	Format string `mapstructure:"format" yaml:"format"`
}

// Profile gives the registry's durations.
func (c *Config) Profile() (federation.Profile, error) {
	return federation.ProfileNamed(c.Raft.Profile)
}

// SoftFree is the soft disk limit in bytes.
func (s Store) SoftFree() int64 { return s.SoftFreeMiB << 20 }

// HardFree is the hard disk limit in bytes.
func (s Store) HardFree() int64 { return s.HardFreeMiB << 20 }

// defaults by key.
func defaults() map[string]any {
	return map[string]any{
		"dataDir": "data", "pkiDir": "",
		"region.nameZh": "", "region.nameEn": "", "region.cluster": "", "region.legalName": "", "region.documentNumber": "",
		"region.dutyPhone": "", "region.dataContact": "", "region.numberPrefix": "",
		"federation.listen": "0.0.0.0:7345", "federation.advertise": "",
		"api.listen": "127.0.0.1:8345", "api.tls.certificate": "", "api.tls.key": "", "api.tls.clientCa": "",
		"raft.profile":      "wan",
		"store.softFreeMiB": 2048, "store.hardFreeMiB": 512, "store.feedRows": 10_000_000, "store.requestIds": 1_000_000, "store.evidence": 10_000,
		"metrics.anonymous": false, "log.level": "info", "log.format": "text",
	}
}

// maxFile bounds a configuration file.
const maxFile = 1 << 20
