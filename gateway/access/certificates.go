package access

import (
	"fmt"
	"slices"
)

// Grant is what a client certificate with a common name may do.
type Grant struct {
	// CommonName of the certificate's subject; it is also the caller's name.
	CommonName string
	// Kind of caller; System when empty.
	Kind Kind
	// Roles it gives; at least one.
	Roles []Role
}

// Certificates says who calls with a client certificate: an alternative to tokens where the API's TLS has a client
// CA. A certificate that the CA signed and no grant names gives nothing.
type Certificates struct {
	callers map[string]Caller
}

// NewCertificates checks the grants and makes them ready.
func NewCertificates(grants ...Grant) (*Certificates, error) {
	callers := make(map[string]Caller, len(grants))
	for _, g := range grants {
		if g.Kind == "" {
			g.Kind = System
		}
		spec := Spec{Name: g.CommonName, Kind: g.Kind, Roles: g.Roles}
		if err := spec.checkCaller(); err != nil {
			return nil, fmt.Errorf("client certificate %q: %w", g.CommonName, err)
		}
		if _, double := callers[g.CommonName]; double {
			return nil, fmt.Errorf("client certificate %q: named twice", g.CommonName)
		}
		callers[g.CommonName] = Caller{
			ID: "certificate:" + g.CommonName, Name: g.CommonName, Kind: g.Kind, Roles: slices.Clone(g.Roles),
		}
	}
	return &Certificates{callers: callers}, nil
}

// Caller says whose verified certificate this is; a nil Certificates knows nobody.
func (c *Certificates) Caller(commonName string) (Caller, bool) {
	if c == nil {
		return Caller{}, false
	}
	caller, ok := c.callers[commonName]
	return caller, ok
}
