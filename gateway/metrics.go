package gateway

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"

	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/jieli-gateway/jieli/federation"
	"github.com/jieli-gateway/jieli/federation/trust"
	"github.com/jieli-gateway/jieli/gateway/link"
	"github.com/jieli-gateway/jieli/gateway/store"
	"github.com/jieli-gateway/jieli/gateway/telemetry"
)

// openMetrics registers what can be told from the beginning: the process, the binary, the registry, certificates. Of the
// registry and the API the packages themselves add more.
func (n *Node) openMetrics(certificates *trust.Certificates) (err error) {
	n.metrics.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	if err := telemetry.AddBuild(n.metrics, n.cfg.Version); err != nil {
		return err
	}
	if err := federation.BridgeRaftMetrics(n.metrics); err != nil {
		return fmt.Errorf("metrics of Raft: %w", err)
	}
	if n.readings, err = telemetry.NewReadings(n.metrics, n.log); err != nil {
		return err
	}
	if err := n.readings.AddRegistry(n.registry); err != nil {
		return err
	}
	own := telemetry.Own{Region: n.material.Region, Node: certificates.Leaf}
	if n.cfg.APITLS != nil {
		own.API = func() *x509.Certificate { return apiLeaf(n.cfg.APITLS) }
	}
	return n.readings.AddCertificates(own, n.registry)
}

// apiLeaf is the certificate the API shows now; nil when it cannot be told.
func apiLeaf(cfg *tls.Config) *x509.Certificate {
	if cfg.GetCertificate == nil {
		return nil
	}
	pair, err := cfg.GetCertificate(&tls.ClientHelloInfo{})
	if err != nil || pair == nil {
		return nil
	}
	return pair.Leaf
}

// addTickets adds what a node that runs tickets can tell.
func (n *Node) addTickets(s store.Store, links *link.Links) error {
	limits := telemetry.Limits{Soft: n.cfg.SoftFree, Hard: n.cfg.HardFree}
	if err := n.readings.AddStore(n.material.Region, s, limits); err != nil {
		return err
	}
	return n.readings.AddLinks(links, n.cfg.Now)
}
