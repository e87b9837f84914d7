package telemetry

import (
	"context"
	"crypto/x509"
	"fmt"
	"time"

	jieliv1 "github.com/jieli-gateway/jieli/proto/jieli/v1"
)

// Own are the certificates this node shows.
type Own struct {
	// Region this node belongs to.
	Region string
	// Node is the certificate that it shows other regions now.
	Node func() *x509.Certificate
	// API is the certificate of the API; nil when it has no TLS.
	API func() *x509.Certificate
}

// AddCertificates reads when certificates expire: this node's own, and each region's CA, as the registry has it. Of
// several CAs of one region the last to expire counts: the others are on their way out. Signing keys do not expire.
func (r *Readings) AddCertificates(own Own, registry Registry) error {
	p := r.newPart("certificates")
	expiry := p.gauge("certificate_expiry_timestamp_seconds",
		"When a certificate expires: this node's own towards other regions (node) and of its API (api), and the CA of each region (ca).", "kind", "region")
	return p.add(func(_ context.Context, to scrape) error {
		if c := own.Node(); c != nil {
			to.set(expiry, unix(c.NotAfter), "node", own.Region)
		}
		if own.API != nil {
			if c := own.API(); c != nil {
				to.set(expiry, unix(c.NotAfter), "api", own.Region)
			}
		}
		var failed error
		for _, region := range registry.View().Regions() {
			if s := region.GetState(); s != jieliv1.Region_ACTIVE && s != jieliv1.Region_SUSPENDED {
				continue
			}
			last, err := lastExpiry(region.GetBundle())
			if err != nil {
				failed = fmt.Errorf("CA of %s: %w", region.GetId(), err)
				continue
			}
			to.set(expiry, unix(last), "ca", region.GetId())
		}
		return failed
	})
}

// lastExpiry is when the last of these certificates expires.
func lastExpiry(bundle [][]byte) (time.Time, error) {
	var last time.Time
	for _, der := range bundle {
		c, err := x509.ParseCertificate(der)
		if err != nil {
			return last, err
		}
		if c.NotAfter.After(last) {
			last = c.NotAfter
		}
	}
	return last, nil
}
