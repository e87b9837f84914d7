package desk

import (
	"crypto/sha256"
	"sync"
	"time"

	"github.com/jieli-gateway/jieli/federation/registry"
	"github.com/jieli-gateway/jieli/federation/trust"
	"github.com/jieli-gateway/jieli/gateway/ticket"
	jieliv1 "github.com/jieli-gateway/jieli/proto/jieli/v1"
	"github.com/jieli-gateway/jieli/regions"
)

// Table is the registry as it is at one moment: immutable.
type Table struct {
	*registry.View
	// PastGrace: no contact with a quorum for longer than the policy allows, or the registry has a level this binary
	// does not know. Offers then go only to peers with the very same table.
	PastGrace bool
}

// Registry gives the newest table. federation's registry implements it through an adapter of a few lines.
type Registry interface {
	// Table is lock-free. Its View is nil until a registry has been loaded.
	Table() Table
	// Changed is closed when a newer table is there; take it before Table.
	Changed() <-chan struct{}
}

// routed is what the table says of a place and a matter.
type routed struct {
	region   string
	rule     regions.Rule
	unrouted jieliv1.Unrouted_Reason
}

// route asks the table who serves a ticket's place and matter on a day.
func route(t Table, division, service string, day regions.Day) routed {
	code, err := regions.ParseCode(division)
	if err != nil {
		return routed{unrouted: jieliv1.Unrouted_NOT_FOUND}
	}
	a := t.Routes().Lookup(regions.Query{Division: code, Service: service, AsOf: day})
	switch {
	case a.Found():
		return routed{region: a.Rule.Region, rule: a.Rule}
	case a.Reason == regions.DivisionSplit:
		return routed{unrouted: jieliv1.Unrouted_DIVISION_SPLIT}
	}
	return routed{unrouted: jieliv1.Unrouted_NOT_FOUND}
}

// regionState is a region's state, STATE_UNSPECIFIED when it is not a member.
func regionState(t Table, id string) jieliv1.Region_State {
	r, ok := t.Region(id)
	if !ok {
		return jieliv1.Region_STATE_UNSPECIFIED
	}
	return r.GetState()
}

// hasTickets tells whether a region has a node that runs tickets.
func hasTickets(t Table, id string) bool {
	for _, n := range t.Nodes(id) {
		if n.GetTickets() {
			return true
		}
	}
	return false
}

// today is the day of a moment in China.
func today(now time.Time) regions.Day { return regions.DayOf(now) }

// keyring finds signing keys in the newest table and keeps their verifiers.
type keyring struct {
	registry Registry
	made     sync.Map // region/keyID -> trust.Verifier
}

// verifier implements trust.Keys: keys of all members that ever were, for what they signed stays valid.
func (k *keyring) verifier(region, keyID string) (trust.Verifier, bool) {
	t := k.registry.Table()
	if t.View == nil {
		return nil, false
	}
	key, ok := t.SigningKey(region, keyID)
	if !ok {
		return nil, false
	}
	name := region + "/" + keyID
	if v, ok := k.made.Load(name); ok {
		return v.(trust.Verifier), true
	}
	v, err := trust.NewVerifier(key.GetAlgorithm(), key.GetPublicKey())
	if err != nil {
		return nil, false
	}
	k.made.Store(name, v)
	return v, true
}

// Sealer signs the events of each group commit of the store; it implements store.Sealer.
type Sealer struct {
	region  string
	cluster func() string
	signer  trust.Signer
}

// NewSealer makes the sealer of a region's store. cluster gives the federation's id.
func NewSealer(region string, cluster func() string, signer trust.Signer) *Sealer {
	return &Sealer{region: region, cluster: cluster, signer: signer}
}

// Seal implements store.Sealer.
func (s *Sealer) Seal(hashes [][32]byte) ([]*jieliv1.BatchProof, error) {
	b, err := trust.SealBatch(s.signer, s.cluster(), s.region, hashes)
	if err != nil {
		return nil, err
	}
	proofs := make([]*jieliv1.BatchProof, len(hashes))
	for i := range hashes {
		proofs[i] = proofToWire(b.Proof(i))
	}
	return proofs, nil
}

func proofToWire(p trust.Proof) *jieliv1.BatchProof {
	w := &jieliv1.BatchProof{
		KeyId: p.KeyID, Root: p.Root[:], Signature: p.Signature,
		Size: uint32(p.Size), Index: uint32(p.Index), Path: make([][]byte, len(p.Path)), // #nosec G115 -- at most trust.MaxBatch
	}
	for i := range p.Path {
		w.Path[i] = p.Path[i][:]
	}
	return w
}

// proofFromWire reads a proof; ok is false when a hash is not 32 bytes.
func proofFromWire(w *jieliv1.BatchProof) (p trust.Proof, ok bool) {
	if len(w.GetRoot()) != sha256.Size {
		return p, false
	}
	p = trust.Proof{
		Root: [32]byte(w.GetRoot()), KeyID: w.GetKeyId(), Signature: w.GetSignature(),
		Size: uint64(w.GetSize()), Index: uint64(w.GetIndex()), Path: make([]trust.Hash, len(w.GetPath())),
	}
	for i, h := range w.GetPath() {
		if len(h) != sha256.Size {
			return p, false
		}
		p.Path[i] = trust.Hash(h)
	}
	return p, true
}

// signDecision signs this region's final word on an offer.
func (d *Desk) signDecision(t Table, kind jieliv1.Decision_Kind, ticketID string, number uint32, hash [32]byte, reason string) (*jieliv1.SignedDecision, error) {
	b, err := ticket.EncodeDecision(&jieliv1.Decision{
		Kind: kind, TicketId: ticketID, Number: number, EventHash: hash[:], Reason: reason,
		Revision: t.Revision(), Region: d.cfg.Region, ClusterId: t.ClusterID(), Time: timestamp(d.cfg.Now()),
	})
	if err != nil {
		return nil, err
	}
	sig, err := d.cfg.Signer.Sign(TagDecision, b)
	if err != nil {
		return nil, err
	}
	return &jieliv1.SignedDecision{Decision: b, KeyId: d.cfg.Signer.KeyID(), Signature: sig}, nil
}

// errUnknownKey: the registry here knows no such key; a newer one may.
var errUnknownKey = &ticket.Violation{Reason: "FORGED", Field: "keyId", Message: "the registry knows no such key of the deciding region"}

// openDecision verifies a decision's signature and reads it. With errUnknownKey the decision is read but not verified.
func (d *Desk) openDecision(s *jieliv1.SignedDecision) (*jieliv1.Decision, error) {
	dec, err := ticket.DecodeDecision(s.GetDecision())
	if err != nil {
		return nil, err
	}
	if t := d.cfg.Registry.Table(); t.View == nil || dec.GetClusterId() != t.ClusterID() {
		return nil, &ticket.Violation{Reason: "FORGED", Field: "clusterId", Message: "the decision is of another federation"}
	}
	v, ok := d.keys.verifier(dec.GetRegion(), s.GetKeyId())
	if !ok {
		return dec, errUnknownKey
	}
	if err := v.Verify(TagDecision, s.GetDecision(), s.GetSignature()); err != nil {
		return nil, &ticket.Violation{Reason: "FORGED", Field: "signature", Message: "the decision's signature does not verify"}
	}
	return dec, nil
}

// Keys finds the signing keys of all regions, for links to verify receipts with.
func (d *Desk) Keys() trust.Keys { return d.keys.verifier }
