package trust

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"sync"
)

// Keys finds the key that a region signs with, or has signed with; false if the registry does not know it. It is
// asked for every event, so it must be quick; whether the key was in effect at the event's time is the caller's to
// judge.
type Keys func(region, keyID string) (Verifier, bool)

// VerifyEvent checks that the region has signed the event, as SealBatch describes. It fails with ErrUnknownKey,
// ErrBadProof or ErrBadSignature.
func VerifyEvent(keys Keys, clusterID, region string, eventHash Hash, proof Proof) error {
	return (&BatchVerifier{keys: keys}).VerifyEvent(clusterID, region, eventHash, proof)
}

// DefaultVerifiedRoots is how many verified roots a BatchVerifier remembers if nothing else is asked for: 32 bytes
// each, and some for the table.
const DefaultVerifiedRoots = 4096

// BatchVerifier is VerifyEvent with a memory of the roots it has verified: all events of one batch cost one signature
// check. The key is looked up for each event all the same, so a key that the registry no longer knows is noticed. It
// may be used from several goroutines.
type BatchVerifier struct {
	keys Keys

	mu       sync.Mutex
	verified map[Hash]struct{}
	ring     []Hash // what is in verified, in the order it came
	next     int    // the oldest in ring, once it is full
	limit    int
}

// NewBatchVerifier makes a verifier that remembers up to limit roots; 0 stands for DefaultVerifiedRoots.
func NewBatchVerifier(keys Keys, limit int) *BatchVerifier {
	if limit <= 0 {
		limit = DefaultVerifiedRoots
	}
	return &BatchVerifier{keys: keys, limit: limit, verified: make(map[Hash]struct{})}
}

// VerifyEvent is the function of this name.
func (v *BatchVerifier) VerifyEvent(clusterID, region string, eventHash Hash, proof Proof) error {
	message, err := batchMessage(clusterID, region, proof.Size, proof.Root)
	if err != nil {
		return fmt.Errorf("verify event of %s: %w", clip(region, 2*maxName), err)
	}
	key, ok := v.keys(region, proof.KeyID)
	if !ok {
		return fmt.Errorf("verify event of %s: key %q: %w", region, clip(proof.KeyID, 2*maxName), ErrUnknownKey)
	}
	if err := checkInclusion(eventHash, proof); err != nil {
		return fmt.Errorf("verify event of %s: %w", region, err)
	}
	fact := signedFact(key.PublicKey(), message, proof.Signature)
	if v.knows(fact) {
		return nil
	}
	if err := key.Verify(TagBatch, message, proof.Signature); err != nil {
		return fmt.Errorf("verify event of %s: key %s: %w", region, proof.KeyID, err)
	}
	v.remember(fact)
	return nil
}

// signedFact names the fact that a key has signed a message. Each part is preceded by its length, so that no two
// facts look alike.
func signedFact(publicKey, message, signature []byte) Hash {
	buffer := make([]byte, 0, 24+len(publicKey)+len(message)+len(signature))
	for _, part := range [][]byte{publicKey, message, signature} {
		buffer = binary.BigEndian.AppendUint64(buffer, uint64(len(part)))
		buffer = append(buffer, part...)
	}
	return sha256.Sum256(buffer)
}

func (v *BatchVerifier) knows(fact Hash) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	_, ok := v.verified[fact]
	return ok
}

func (v *BatchVerifier) remember(fact Hash) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if _, ok := v.verified[fact]; ok || v.limit == 0 {
		return
	}
	v.verified[fact] = struct{}{}
	if len(v.ring) < v.limit {
		v.ring = append(v.ring, fact)
		return
	}
	delete(v.verified, v.ring[v.next])
	v.ring[v.next] = fact
	v.next = (v.next + 1) % v.limit
}
