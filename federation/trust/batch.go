package trust

import (
	"encoding/binary"
	"errors"
	"fmt"

	"golang.org/x/mod/sumdb/tlog"
)

// TagBatch is the tag of a batch signature.
const TagBatch Tag = "jieli/batch/1"

const (
	// MaxBatch bounds the events under one signature; a path then has at most 16 hashes.
	MaxBatch = 1 << 16

	maxClusterID = 255
)

// Errors of VerifyEvent. All are final but ErrUnknownKey: the registry may come to know the key.
var (
	// ErrUnknownKey means that the registry has no such key for the region.
	ErrUnknownKey = errors.New("the registry does not know this signing key")
	// ErrBadProof means that the event is not in the batch, or the proof is malformed.
	ErrBadProof = errors.New("inclusion proof does not verify")
)

// Hash is a SHA-256: of an event, or in a Merkle tree.
type Hash = [32]byte

// Proof shows that a region has signed an event. It stays with the event for ever.
type Proof struct {
	Root      Hash   // of the batch
	KeyID     string // of the signing key
	Signature []byte // over the root
	Size      uint64 // events in the batch
	Index     uint64 // of the event in it, from 0
	Path      []Hash // inclusion path, from the leaf's sibling up
}

// Batch is one signature over several events.
type Batch struct {
	Root      Hash
	KeyID     string
	Signature []byte
	paths     [][]Hash
}

// Size is the number of events.
func (b *Batch) Size() int { return len(b.paths) }

// Proof gives the proof of the i-th event, from 0. Root, signature and path are shared, and must not be changed.
func (b *Batch) Proof(i int) Proof {
	return Proof{
		Root: b.Root, KeyID: b.KeyID, Signature: b.Signature,
		Size: uint64(len(b.paths)), Index: uint64(i), Path: b.paths[i],
	}
}

// SealBatch signs events of one region together: 1 to MaxBatch of them, in the order given.
//
// The tree is RFC 6962's over SHA-256: a leaf is SHA-256(0x00 ‖ event hash), a node SHA-256(0x01 ‖ left ‖ right). What
// is signed is, byte for byte,
//
//	"jieli/batch/1" ‖ 0x00 ‖
//	uint8 length of cluster id ‖ cluster id ‖
//	uint8 length of region id ‖ region id ‖
//	uint64, big-endian: number of events ‖
//	root (32 bytes)
//
// Vectors are in proto/testdata/batch.json.
func SealBatch(signer Signer, clusterID, region string, eventHashes []Hash) (*Batch, error) {
	if len(eventHashes) == 0 || len(eventHashes) > MaxBatch {
		return nil, fmt.Errorf("seal batch of %s: must have 1 to %d events, has %d", region, MaxBatch, len(eventHashes))
	}
	tree, err := newTree(eventHashes)
	if err != nil {
		return nil, fmt.Errorf("seal batch of %s: %w", region, err)
	}
	batch := &Batch{KeyID: signer.KeyID(), paths: make([][]Hash, len(eventHashes))}
	if batch.Root, err = tree.root(); err != nil {
		return nil, fmt.Errorf("seal batch of %s: %w", region, err)
	}
	for i := range eventHashes {
		if batch.paths[i], err = tree.path(int64(i)); err != nil {
			return nil, fmt.Errorf("seal batch of %s: %w", region, err)
		}
	}
	message, err := batchMessage(clusterID, region, uint64(len(eventHashes)), batch.Root)
	if err != nil {
		return nil, fmt.Errorf("seal batch: %w", err)
	}
	if batch.Signature, err = signer.Sign(TagBatch, message); err != nil {
		return nil, fmt.Errorf("seal batch of %s: %w", region, err)
	}
	return batch, nil
}

// batchMessage lays out what is signed, after the tag.
func batchMessage(clusterID, region string, size uint64, root Hash) ([]byte, error) {
	if clusterID == "" || len(clusterID) > maxClusterID {
		return nil, fmt.Errorf("cluster id: must have 1 to %d bytes, has %d", maxClusterID, len(clusterID))
	}
	if err := CheckRegion(region); err != nil {
		return nil, err
	}
	message := make([]byte, 0, 1+len(clusterID)+1+len(region)+8+len(root))
	message = append(message, byte(len(clusterID)))
	message = append(message, clusterID...)
	message = append(message, byte(len(region)))
	message = append(message, region...)
	message = binary.BigEndian.AppendUint64(message, size)
	return append(message, root[:]...), nil
}

// tree is a Merkle tree in memory, in tlog's order of stored hashes.
type tree struct {
	size   int64
	hashes []tlog.Hash
}

func newTree(eventHashes []Hash) (*tree, error) {
	t := &tree{hashes: make([]tlog.Hash, 0, 2*len(eventHashes))}
	for _, hash := range eventHashes {
		stored, err := tlog.StoredHashes(t.size, hash[:], t)
		if err != nil {
			return nil, err
		}
		t.hashes = append(t.hashes, stored...)
		t.size++
	}
	return t, nil
}

// ReadHashes implements tlog.HashReader.
func (t *tree) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	hashes := make([]tlog.Hash, len(indexes))
	for i, index := range indexes {
		if index < 0 || index >= int64(len(t.hashes)) {
			return nil, fmt.Errorf("merkle tree of %d: no hash %d", t.size, index)
		}
		hashes[i] = t.hashes[index]
	}
	return hashes, nil
}

func (t *tree) root() (Hash, error) {
	root, err := tlog.TreeHash(t.size, t)
	return Hash(root), err
}

func (t *tree) path(index int64) ([]Hash, error) {
	proof, err := tlog.ProveRecord(t.size, index, t)
	if err != nil {
		return nil, err
	}
	path := make([]Hash, len(proof))
	for i, hash := range proof {
		path[i] = Hash(hash)
	}
	return path, nil
}

// checkInclusion verifies that an event is where the proof says.
func checkInclusion(eventHash Hash, proof Proof) error {
	if proof.Size == 0 || proof.Size > MaxBatch || proof.Index >= proof.Size {
		return fmt.Errorf("event %d of %d: %w", proof.Index, proof.Size, ErrBadProof)
	}
	if len(proof.Path) > maxPath {
		return fmt.Errorf("path of %d hashes: %w", len(proof.Path), ErrBadProof)
	}
	path := make(tlog.RecordProof, len(proof.Path))
	for i, hash := range proof.Path {
		path[i] = tlog.Hash(hash)
	}
	leaf := tlog.RecordHash(eventHash[:])
	if tlog.CheckRecord(path, int64(proof.Size), tlog.Hash(proof.Root), int64(proof.Index), leaf) != nil {
		return fmt.Errorf("event %d of %d: %w", proof.Index, proof.Size, ErrBadProof)
	}
	return nil
}

const maxPath = 16 // log2(MaxBatch)
