package gateway

import (
	"crypto/tls"
	"errors"
	"log/slog"
	"time"

	"github.com/jieli-gateway/jieli/federation"
	"github.com/jieli-gateway/jieli/federation/trust"
	"github.com/jieli-gateway/jieli/gateway/access"
	jieliv1 "github.com/jieli-gateway/jieli/proto/jieli/v1"
)

// Config is what a node must be told. cmd/jieli makes it of files, environment and flags.
type Config struct {
	// DataDir holds the registry, the store and tokens.json; made if need be. Required.
	DataDir string
	// PKIDir holds the node's keys and certificates, as `jieli pki` makes them. Required.
	PKIDir string
	// FederationListen is host:port of the federation port. Required.
	FederationListen string
	// Advertise is host:port at which other regions reach it; used by Bootstrap. Default: FederationListen.
	Advertise string
	// APIListen is host:port of the API. Required.
	APIListen string
	// APITLS serves the API with TLS; required for an address that is not loopback.
	APITLS *tls.Config
	// APICertificates says what client certificates may do. Optional.
	APICertificates *access.Certificates
	// MetricsAnonymous lets /metrics be read without a token.
	MetricsAnonymous bool
	// TracesEndpoint is the collector that traces go to; empty: nothing is traced. TracesRatio is the share of tickets that
	// are, 0 to 1.
	TracesEndpoint string
	TracesRatio    float64
	// Raft holds the registry's durations.
	Raft federation.Profile
	// Disk limits of the ticket store, in bytes free on its file system: below SoftFree status warns, below HardFree
	// intake stops. Defaults: 2 GiB and 512 MiB.
	SoftFree, HardFree int64
	// KeepFeed, KeepAnswered and KeepEvidence bound what is kept of feed rows, request ids and broken items.
	// Defaults: 10,000,000, 1,000,000 and 10,000.
	KeepFeed, KeepAnswered, KeepEvidence int
	// Version of the binary.
	Version string
	// Bootstrap makes a new federation with this node; nil otherwise. A node that is in one already starts as usual.
	Bootstrap *Bootstrap
	// Join is what a joiner was told out of band; nil otherwise. A node that is a member already starts as usual.
	Join *federation.JoinRequest
	// Log of the node. Default: discard.
	Log *slog.Logger
	// Now is the application's clock. Default: time.Now.
	Now func() time.Time
}

// Bootstrap is what a new federation begins with beside the node's own keys.
type Bootstrap struct {
	// Region: nameZh, nameEn, cluster, legalName, documentNumber, dutyPhone, dataContact, numberPrefix. Id, bundle and
	// keys come from the PKI directory.
	Region *jieliv1.Region
	// Actor is the person who makes it.
	Actor string
}

const (
	defaultSoftFree     = 2 << 30
	defaultHardFree     = 512 << 20
	defaultKeepFeed     = 10_000_000
	defaultKeepAnswered = 1_000_000
	defaultKeepEvidence = 10_000
)

func (c Config) withDefaults() (Config, error) {
	switch {
	case c.DataDir == "" || c.PKIDir == "":
		return c, errors.New("a node needs a data directory and a PKI directory")
	case c.FederationListen == "" || c.APIListen == "":
		return c, errors.New("a node needs addresses for the federation port and the API")
	case c.Bootstrap != nil && c.Join != nil:
		return c, errors.New("a node either makes a federation (--bootstrap) or joins one (--join)")
	}
	if c.Advertise == "" {
		c.Advertise = c.FederationListen
	}
	if c.SoftFree == 0 {
		c.SoftFree = defaultSoftFree
	}
	if c.HardFree == 0 {
		c.HardFree = defaultHardFree
	}
	if c.KeepFeed == 0 {
		c.KeepFeed = defaultKeepFeed
	}
	if c.KeepAnswered == 0 {
		c.KeepAnswered = defaultKeepAnswered
	}
	if c.KeepEvidence == 0 {
		c.KeepEvidence = defaultKeepEvidence
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return c, nil
}

// Entry makes what `jieli region register` takes of a region: its own words with id, bundle and signing keys from its
// PKI, and the node. `jieli pki show` prints it.
func Entry(m *trust.Material, region *jieliv1.Region, advertise string, raft, tickets bool) (*jieliv1.Region, *jieliv1.Node) {
	r := &jieliv1.Region{
		Id: m.Region, NameZh: region.GetNameZh(), NameEn: region.GetNameEn(), Cluster: region.GetCluster(),
		LegalName: region.GetLegalName(), DocumentNumber: region.GetDocumentNumber(), DutyPhone: region.GetDutyPhone(),
		DataContact: region.GetDataContact(), NumberPrefix: region.GetNumberPrefix(),
	}
	for _, c := range m.Bundle {
		r.Bundle = append(r.Bundle, c.Raw)
	}
	for _, s := range m.Signers {
		r.SigningKeys = append(r.SigningKeys, &jieliv1.SigningKey{KeyId: s.KeyID(), Algorithm: s.Algorithm(), PublicKey: s.PublicKey()})
	}
	return r, &jieliv1.Node{Region: m.Region, Name: m.Node.Node, Address: advertise, Raft: raft, Tickets: tickets}
}
