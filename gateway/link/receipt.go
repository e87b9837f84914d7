package link

import (
	"errors"
	"fmt"

	"google.golang.org/protobuf/proto"

	"github.com/jieli-gateway/jieli/federation/trust"
	"github.com/jieli-gateway/jieli/gateway/store"
	jieliv1 "github.com/jieli-gateway/jieli/proto/jieli/v1"
)

// signReceipt gives a receipt the form in which it travels and is kept. The bytes signed are the bytes sent.
func signReceipt(s Signer, r *jieliv1.Receipt) (*jieliv1.SignedReceipt, []byte, error) {
	body, err := proto.MarshalOptions{Deterministic: true}.Marshal(r)
	if err != nil {
		return nil, nil, fmt.Errorf("encode receipt %d: %w", r.GetNumber(), err)
	}
	sig, err := s.Sign(TagReceipt, body)
	if err != nil {
		return nil, nil, fmt.Errorf("sign receipt %d: %w", r.GetNumber(), err)
	}
	signed := &jieliv1.SignedReceipt{Receipt: body, KeyId: s.KeyID(), Signature: sig}
	kept, err := proto.Marshal(signed)
	if err != nil {
		return nil, nil, fmt.Errorf("encode signed receipt %d: %w", r.GetNumber(), err)
	}
	return signed, kept, nil
}

// errUnknownKey: the registry here does not know the key a receipt is signed with.
var errUnknownKey = errors.New("the registry knows no such signing key")

// openReceipt verifies a peer's receipt for this region and checks what needs no store. It fails with *Breach; where
// the key is not known it gives the receipt as well, unverified, with errUnknownKey.
func openReceipt(keys trust.Keys, clusterID, peer, self string, s *jieliv1.SignedReceipt) (*jieliv1.Receipt, error) {
	r := new(jieliv1.Receipt)
	if err := proto.Unmarshal(s.GetReceipt(), r); err != nil {
		return nil, breach("a receipt that cannot be read")
	}
	if r.GetClusterId() != clusterID || r.GetRegion() != peer || r.GetSender() != self {
		return nil, breach("receipt %d is of region %q for %q, not of %s for %s in this federation",
			r.GetNumber(), clip(r.GetRegion()), clip(r.GetSender()), peer, self)
	}
	if err := checkReceipt(r); err != nil {
		return nil, err
	}
	key, ok := keys(peer, s.GetKeyId())
	if !ok {
		return r, errUnknownKey
	}
	if err := key.Verify(TagReceipt, s.GetReceipt(), s.GetSignature()); err != nil {
		return nil, breach("receipt %d is not signed by %s with key %q", r.GetNumber(), peer, clip(s.GetKeyId()))
	}
	return r, nil
}

// checkReceipt checks the form of a receipt: what it covers, and that it lists nothing else, in order and once.
func checkReceipt(r *jieliv1.Receipt) error {
	first, last, n := r.GetFirstSequence(), r.GetLastSequence(), r.GetNumber()
	switch {
	case n == 0:
		return breach("a receipt without a number")
	case first == 0 && last == 0:
		if len(r.GetLifted()) == 0 {
			return breach("receipt %d covers nothing and lifts nothing", n)
		}
	case first == 0 || last < first:
		return breach("receipt %d covers %d to %d", n, first, last)
	case last-first >= maxCovered:
		return breach("receipt %d covers %d items, more than ever were under way", n, last-first+1)
	case len(r.GetRunningHash()) != 32:
		return breach("receipt %d has no running hash of 32 bytes", n)
	}
	lifted := make(map[uint64]bool, len(r.GetLifted()))
	var before uint64
	for _, seq := range r.GetLifted() {
		if seq <= before || (first > 0 && seq >= first) {
			return breach("receipt %d lifts sequence %d out of order", n, seq)
		}
		before, lifted[seq] = seq, true
	}
	covers := func(seq uint64) bool { return lifted[seq] || (first > 0 && seq >= first && seq <= last) }
	listed := make(map[uint64]bool)
	for _, it := range r.GetRefused() {
		seq := it.GetSequence()
		if !covers(seq) || listed[seq] || it.GetRefusal() == nil {
			return breach("receipt %d refuses sequence %d, twice, unsigned, or without covering it", n, seq)
		}
		listed[seq] = true
	}
	for _, it := range r.GetStopped() {
		seq := it.GetSequence()
		if !covers(seq) || lifted[seq] || listed[seq] || it.GetReason() == "" {
			return breach("receipt %d stops sequence %d, twice, without a reason, or without covering it", n, seq)
		}
		listed[seq] = true
	}
	return nil
}

// maxCovered bounds what one receipt may cover: all that may be under way, and as much again.
const maxCovered = 2 * windowItems

// keptReceipt reads a receipt of our own from the store.
func keptReceipt(k *store.Receipt) (*jieliv1.Receipt, error) {
	signed, r := new(jieliv1.SignedReceipt), new(jieliv1.Receipt)
	if err := proto.Unmarshal(k.Bytes, signed); err != nil {
		return nil, fmt.Errorf("kept receipt %d cannot be read: %w", k.Number, err)
	}
	if err := proto.Unmarshal(signed.GetReceipt(), r); err != nil {
		return nil, fmt.Errorf("kept receipt %d cannot be read: %w", k.Number, err)
	}
	return r, nil
}
