package registry

import (
	"crypto/sha256"
	"encoding/hex"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"
	"google.golang.org/protobuf/proto"

	jieliv1 "github.com/jieli-gateway/jieli/proto/jieli/v1"
	"github.com/jieli-gateway/jieli/regions"
)

// maxHost is the length of the longest DNS name.
const maxHost = 253

var (
	nodeName     = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,31}$`)
	numberPrefix = regexp.MustCompile(`^[A-Z]{1,8}$`)
	hostName     = regexp.MustCompile(`^[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?(\.[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?)*$`)
)

// checkRegion checks what a region says of itself. Whether its certificates are good is checked where the write is
// taken, for that depends on the version of the parser.
func checkRegion(r *jieliv1.Region) *rejection {
	if err := regions.ValidateRegionID(r.GetId()); err != nil {
		return reject("INVALID_FIELD", "region.id: must be a letter and 1 to 31 more of a-z, 0-9 and -")
	}
	for _, f := range []struct {
		name, text string
		least      int
		most       int
	}{
		{"region.nameZh", r.GetNameZh(), 1, 100},
		{"region.nameEn", r.GetNameEn(), 0, 100},
		{"region.cluster", r.GetCluster(), 0, 32},
		{"region.legalName", r.GetLegalName(), 1, 200},
		{"region.documentNumber", r.GetDocumentNumber(), 0, 100},
		{"region.dutyPhone", r.GetDutyPhone(), 1, 64},
		{"region.dataContact", r.GetDataContact(), 0, 200},
	} {
		if bad := checkText(f.name, f.text, f.least, f.most); bad != nil {
			return bad
		}
	}
	if !numberPrefix.MatchString(r.GetNumberPrefix()) {
		return reject("INVALID_FIELD", "region.numberPrefix: must be 1 to 8 of A to Z")
	}
	if n := len(r.GetBundle()); n == 0 || n > maxBundle {
		return reject("INVALID_FIELD", "region.bundle: must have 1 to %d certificates", maxBundle)
	}
	for _, c := range r.GetBundle() {
		if len(c) == 0 || len(c) > maxCertificate {
			return reject("INVALID_FIELD", "region.bundle: a certificate must have 1 to %d bytes", maxCertificate)
		}
	}
	return checkKeys(r.GetSigningKeys())
}

func checkKeys(keys []*jieliv1.SigningKey) *rejection {
	if n := len(keys); n == 0 || n > maxSigningKeys {
		return reject("INVALID_FIELD", "region.signingKeys: must be 1 to %d", maxSigningKeys)
	}
	seen := make(map[string]bool, len(keys))
	for _, k := range keys {
		if k.GetAlgorithm() != "Ed25519" || len(k.GetPublicKey()) != 32 {
			return reject("INVALID_FIELD", "region.signingKeys: must be Ed25519 keys of 32 bytes")
		}
		sum := sha256.Sum256(k.GetPublicKey())
		if k.GetKeyId() != hex.EncodeToString(sum[:8]) {
			return reject("INVALID_FIELD", "region.signingKeys: key id %q is not that of its key", k.GetKeyId())
		}
		if seen[k.GetKeyId()] {
			return reject("INVALID_FIELD", "region.signingKeys: %s stands twice", k.GetKeyId())
		}
		seen[k.GetKeyId()] = true
		from, until := k.GetValidFrom(), k.GetValidUntil()
		if (from != nil && from.CheckValid() != nil) || (until != nil && until.CheckValid() != nil) {
			return reject("INVALID_FIELD", "region.signingKeys: %s has an invalid time", k.GetKeyId())
		}
		if from != nil && until != nil && !until.AsTime().After(from.AsTime()) {
			return reject("INVALID_FIELD", "region.signingKeys: %s is valid until before it is valid from", k.GetKeyId())
		}
	}
	return nil
}

// keepKeys checks that a region's new keys contain its old ones, and takes over what they leave out of them: what a key
// signed stays valid, so its days only ever become fewer.
func keepKeys(old, next []*jieliv1.SigningKey) *rejection {
	for _, k := range old {
		i := slices.IndexFunc(next, func(n *jieliv1.SigningKey) bool { return n.GetKeyId() == k.GetKeyId() })
		if i < 0 {
			return reject("KEY_DROPPED", "region.signingKeys: %s is missing; keys stay, for what they signed stays valid", k.GetKeyId())
		}
		n := next[i]
		if string(n.GetPublicKey()) != string(k.GetPublicKey()) {
			return reject("INVALID_FIELD", "region.signingKeys: %s is another key", k.GetKeyId())
		}
		if n.GetValidFrom() == nil {
			n.ValidFrom = k.GetValidFrom()
		}
		if !proto.Equal(n.GetValidFrom(), k.GetValidFrom()) {
			return reject("INVALID_FIELD", "region.signingKeys: %s: validFrom stays as it is", k.GetKeyId())
		}
		if n.GetValidUntil() == nil {
			n.ValidUntil = k.GetValidUntil()
		}
		if k.GetValidUntil() != nil && n.GetValidUntil().AsTime().After(k.GetValidUntil().AsTime()) {
			return reject("INVALID_FIELD", "region.signingKeys: %s: validUntil does not become later", k.GetKeyId())
		}
	}
	return nil
}

// checkNode checks what is said of a node by itself.
func checkNode(n *jieliv1.Node) *rejection {
	if !nodeName.MatchString(n.GetName()) {
		return reject("INVALID_FIELD", "node.name: must be 1 to 32 of a-z, 0-9 and -, and not begin with -")
	}
	if bad := checkAddress(n.GetAddress()); bad != nil {
		return bad
	}
	return checkText("node.version", n.GetVersion(), 0, 100)
}

// checkTickets: of a region's nodes one runs tickets and all its links.
func checkTickets(n *jieliv1.Node, others []*jieliv1.Node) *rejection {
	for _, o := range others {
		if n.GetTickets() && o.GetTickets() && o.GetName() != n.GetName() {
			return reject("SECOND_TICKETS_NODE", "node %s/%s runs tickets already; one node of a region does", o.GetRegion(), o.GetName())
		}
	}
	return nil
}

// checkAddress: host:port as other regions dial it, the host a DNS name, an IPv4 address or an IPv6 address in brackets.
func checkAddress(address string) *rejection {
	colon := strings.LastIndexByte(address, ':')
	if colon < 0 {
		return reject("INVALID_FIELD", "node.address: must be host:port")
	}
	host, port := address[:colon], address[colon+1:]
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 || port[0] == '0' {
		return reject("INVALID_FIELD", "node.address: port must be 1 to 65535")
	}
	if inside, bracketed := strings.CutPrefix(host, "["); bracketed {
		inside, closed := strings.CutSuffix(inside, "]")
		if ip, err := netip.ParseAddr(inside); !closed || err != nil || !ip.Is6() || ip.Zone() != "" {
			return reject("INVALID_FIELD", "node.address: in brackets stands an IPv6 address without zone")
		}
		return nil
	}
	if len(host) > maxHost || !hostName.MatchString(host) {
		return reject("INVALID_FIELD", "node.address: host must be a DNS name, an IPv4 address or an IPv6 address in brackets")
	}
	if last := host[strings.LastIndexByte(host, '.')+1:]; onlyDigits(last) {
		// No top-level domain is a number, so this is meant as an address.
		if ip, err := netip.ParseAddr(host); err != nil || !ip.Is4() {
			return reject("INVALID_FIELD", "node.address: %s is no IPv4 address", host)
		}
	}
	return nil
}

func onlyDigits(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r < '0' || r > '9' })
}

func checkPolicy(p *jieliv1.Policy) *rejection {
	if g := p.GetRegistryGrace(); g != nil && (g.CheckValid() != nil || g.AsDuration() < time.Minute || g.AsDuration() > maxGrace) {
		return reject("INVALID_FIELD", "policy.registryGrace: must be 1 minute to 365 days")
	}
	if n := p.GetRequestIds(); n != 0 && (n < minRequestIDs || n > maxRequestIDs) {
		return reject("INVALID_FIELD", "policy.requestIds: must be %d to %d", minRequestIDs, maxRequestIDs)
	}
	if p.GetLinkVersionFloor() > 1000 {
		return reject("INVALID_FIELD", "policy.linkVersionFloor: must be at most 1000")
	}
	_, bad := parseTerms(p.GetTerms())
	return bad
}

func checkClusterID(text string) *rejection {
	id, err := uuid.Parse(text)
	if err != nil || id.String() != text {
		return reject("INVALID_FIELD", "clusterId: must be a UUID in canonical text")
	}
	return nil
}

// checkChangedBy checks who made a change, as draft.who writes it.
func checkChangedBy(who string) *rejection {
	return checkText("changedBy", who, 0, regions.MaxRegionID+len(": ")+maxActor)
}

// checkText checks a one-line text by characters.
func checkText(field, s string, least, most int) *rejection {
	if !utf8.ValidString(s) {
		return reject("INVALID_FIELD", "%s: must be valid UTF-8", field)
	}
	if n := utf8.RuneCountInString(s); n < least || n > most {
		return reject("INVALID_FIELD", "%s: must have %d to %d characters, has %d", field, least, most, n)
	}
	for _, r := range s {
		if r < ' ' || (r >= 0x7f && r < 0xa0) {
			return reject("INVALID_FIELD", "%s: must not have control characters", field)
		}
	}
	return nil
}

// InvalidField says which field of an entry breaks which rule.
type InvalidField struct {
	Field string // as the public contract names it: region.dutyPhone
	Rule  string
}

// Error implements error.
func (e *InvalidField) Error() string { return e.Field + ": " + e.Rule }

// CheckRegion checks a region's entry as Apply will: all but whether it fits what the registry has. The error is an
// *InvalidField.
func CheckRegion(r *jieliv1.Region) error { return checkRegion(r).field() }

// CheckNode checks a node's entry likewise.
func CheckNode(n *jieliv1.Node) error {
	if err := regions.ValidateRegionID(n.GetRegion()); err != nil {
		return &InvalidField{"node.region", "must be a letter and 1 to 31 more of a-z, 0-9 and -"}
	}
	return checkNode(n).field()
}

// CheckPolicy checks a policy likewise.
func CheckPolicy(p *jieliv1.Policy) error {
	p = clone(p)
	orderTerms(p)
	return checkPolicy(p).field()
}

// field is a rejection of what a field has; nil for none.
func (r *rejection) field() error {
	if r == nil {
		return nil
	}
	field, rule, _ := strings.Cut(r.message, ": ")
	return &InvalidField{field, rule}
}
