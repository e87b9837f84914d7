package trust

import (
	"crypto/x509"
	"fmt"
	"strings"

	"github.com/spiffe/go-spiffe/v2/spiffeid"
	"github.com/spiffe/go-spiffe/v2/svid/x509svid"
)

const (
	maxName      = 32 // characters in a region id or node name
	nodePathRoot = "/node/"
)

// NodeID names one node of one region. Where a function takes "the peer expected", an empty Node stands for any node
// of the region. The zero NodeID names nobody.
type NodeID struct {
	Region string
	Node   string
}

// ParseNodeID reads a SPIFFE id of the form spiffe://<region>/node/<name>.
func ParseNodeID(id string) (NodeID, error) {
	parsed, err := spiffeid.FromString(id)
	if err != nil {
		return NodeID{}, fmt.Errorf("node id %q: %w", id, err)
	}
	return nodeIDFromSPIFFE(parsed)
}

// ParseShortNodeID reads the form that String writes: <region>/<name>.
func ParseShortNodeID(short string) (NodeID, error) {
	region, node, found := strings.Cut(short, "/")
	if !found {
		return NodeID{}, fmt.Errorf("node %q: expected region/name", short)
	}
	id := NodeID{Region: region, Node: node}
	return id, id.Check()
}

func nodeIDFromSPIFFE(id spiffeid.ID) (NodeID, error) {
	name, found := strings.CutPrefix(id.Path(), nodePathRoot)
	if !found {
		return NodeID{}, fmt.Errorf("node id %q: the path must be %s<name>", id, nodePathRoot)
	}
	node := NodeID{Region: id.TrustDomain().Name(), Node: name}
	if err := node.Check(); err != nil {
		return NodeID{}, fmt.Errorf("node id %q: %w", id, err)
	}
	return node, nil
}

// nodeIDFromCertificate reads the identity a certificate claims: exactly one URI SAN, a node's SPIFFE id. It verifies
// nothing.
func nodeIDFromCertificate(cert *x509.Certificate) (NodeID, error) {
	id, err := x509svid.IDFromCert(cert)
	if err != nil {
		return NodeID{}, err
	}
	return nodeIDFromSPIFFE(id)
}

// SPIFFE gives the id as it stands in a certificate: spiffe://<region>/node/<name>.
func (id NodeID) SPIFFE() string { return "spiffe://" + id.Region + nodePathRoot + id.Node }

// String gives <region>/<name>, or the region alone when no node is named.
func (id NodeID) String() string {
	if id.Node == "" {
		return id.Region
	}
	return id.Region + "/" + id.Node
}

// IsZero reports whether the id names nobody.
func (id NodeID) IsZero() bool { return id == NodeID{} }

// Check reports what is wrong with the region id or node name, if anything is.
func (id NodeID) Check() error {
	if err := CheckRegion(id.Region); err != nil {
		return err
	}
	return CheckNode(id.Node)
}

// covers reports whether peer is the node expected, or any node of the region expected.
func (id NodeID) covers(peer NodeID) bool {
	return id.Region == peer.Region && (id.Node == "" || id.Node == peer.Node)
}

// CheckRegion reports what is wrong with a region id; the rule is [a-z][a-z0-9-]{1,31}.
func CheckRegion(region string) error {
	switch {
	case len(region) < 2 || len(region) > maxName:
		return fmt.Errorf("region id %q: must have 2 to %d characters", clip(region, 2*maxName), maxName)
	case region[0] < 'a' || region[0] > 'z':
		return fmt.Errorf("region id %q: must start with a letter a-z", region)
	case !onlyNameCharacters(region):
		return fmt.Errorf("region id %q: only a-z, 0-9 and - are allowed", region)
	}
	return nil
}

// CheckNode reports what is wrong with a node name; the rule is [a-z0-9][a-z0-9-]{0,31}.
func CheckNode(name string) error {
	switch {
	case name == "" || len(name) > maxName:
		return fmt.Errorf("node name %q: must have 1 to %d characters", clip(name, 2*maxName), maxName)
	case name[0] == '-':
		return fmt.Errorf("node name %q: must start with a-z or 0-9", name)
	case !onlyNameCharacters(name):
		return fmt.Errorf("node name %q: only a-z, 0-9 and - are allowed", name)
	}
	return nil
}

func onlyNameCharacters(s string) bool {
	for i := range len(s) {
		c := s[i]
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' {
			return false
		}
	}
	return true
}

// clip keeps an over-long text from filling an error message or a log line.
func clip(s string, limit int) string {
	if len(s) > limit {
		return s[:limit] + "…"
	}
	return s
}
