package trust

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
)

var update = flag.Bool("update", false, "write the golden files")

const vectorFile = "../../proto/testdata/batch.json"

func mustSeal(tb testing.TB, hashes []Hash) *Batch {
	tb.Helper()
	batch, err := SealBatch(testSigner(tb, 1), "cluster", "beijing", hashes)
	if err != nil {
		tb.Fatal(err)
	}
	return batch
}

// referenceRoot is RFC 6962 §2.1, word for word.
func referenceRoot(hashes []Hash) Hash {
	if len(hashes) == 1 {
		return sha256.Sum256(append([]byte{0}, hashes[0][:]...))
	}
	split := 1
	for split*2 < len(hashes) {
		split *= 2
	}
	left, right := referenceRoot(hashes[:split]), referenceRoot(hashes[split:])
	return sha256.Sum256(slices.Concat([]byte{1}, left[:], right[:]))
}

func TestBatchOfEverySize(t *testing.T) {
	keys := keysOf(t, "beijing", testSigner(t, 1))
	for size := 1; size <= 70; size++ {
		hashes := testHashes(size)
		batch := mustSeal(t, hashes)
		if batch.Root != referenceRoot(hashes) {
			t.Fatalf("size %d: the root is not RFC 6962's", size)
		}
		if batch.Size() != size {
			t.Fatalf("size %d: Size is %d", size, batch.Size())
		}
		verifier := NewBatchVerifier(keys, 0)
		for i, hash := range hashes {
			if err := verifier.VerifyEvent("cluster", "beijing", hash, batch.Proof(i)); err != nil {
				t.Fatalf("size %d, event %d: %v", size, i, err)
			}
			other := (i + 1) % size
			if size > 1 && verifier.VerifyEvent("cluster", "beijing", hashes[other], batch.Proof(i)) == nil {
				t.Fatalf("size %d: event %d passes for event %d", size, other, i)
			}
		}
	}
}

func TestVerifyEventRefuses(t *testing.T) {
	signer, stranger := testSigner(t, 1), testSigner(t, 2)
	keys := keysOf(t, "beijing", signer)
	hashes := testHashes(5)
	batch := mustSeal(t, hashes)
	foreign, err := SealBatch(stranger, "cluster", "beijing", hashes)
	if err != nil {
		t.Fatal(err)
	}
	larger := mustSeal(t, testHashes(8))

	change := func(edit func(*Proof)) Proof {
		proof := batch.Proof(2)
		proof.Path, proof.Signature = slices.Clone(proof.Path), slices.Clone(proof.Signature)
		edit(&proof)
		return proof
	}
	for _, test := range []struct {
		name            string
		cluster, region string
		event           Hash
		proof           Proof
		want            error
	}{
		{"another cluster", "cluste2", "beijing", hashes[2], batch.Proof(2), ErrBadSignature},
		{"another region", "cluster", "tianjin", hashes[2], batch.Proof(2), ErrUnknownKey},
		{"a stranger's key", "cluster", "beijing", hashes[2], foreign.Proof(2), ErrUnknownKey},
		{"a stranger's signature", "cluster", "beijing", hashes[2], change(func(p *Proof) { p.Signature = foreign.Signature }), ErrBadSignature},
		{"an event not in it", "cluster", "beijing", sha256.Sum256([]byte("x")), batch.Proof(2), ErrBadProof},
		{"another event of it", "cluster", "beijing", hashes[3], batch.Proof(2), ErrBadProof},
		{"another index", "cluster", "beijing", hashes[2], change(func(p *Proof) { p.Index = 3 }), ErrBadProof},
		{"index beyond", "cluster", "beijing", hashes[2], change(func(p *Proof) { p.Index = 5 }), ErrBadProof},
		{"index huge", "cluster", "beijing", hashes[2], change(func(p *Proof) { p.Index = 1<<64 - 1 }), ErrBadProof},
		{"no events", "cluster", "beijing", hashes[2], change(func(p *Proof) { p.Size = 0 }), ErrBadProof},
		{"size huge", "cluster", "beijing", hashes[2], change(func(p *Proof) { p.Size = 1<<64 - 1 }), ErrBadProof},
		{"size that keeps the path", "cluster", "beijing", hashes[2], change(func(p *Proof) { p.Size = 6 }), ErrBadSignature},
		{"another root", "cluster", "beijing", hashes[2], change(func(p *Proof) { p.Root[0] ^= 1 }), ErrBadProof},
		{"path changed", "cluster", "beijing", hashes[2], change(func(p *Proof) { p.Path[0][0] ^= 1 }), ErrBadProof},
		{"path cut", "cluster", "beijing", hashes[2], change(func(p *Proof) { p.Path = p.Path[1:] }), ErrBadProof},
		{"path longer", "cluster", "beijing", hashes[2], change(func(p *Proof) { p.Path = append(p.Path, Hash{}) }), ErrBadProof},
		{"path endless", "cluster", "beijing", hashes[2], change(func(p *Proof) { p.Path = make([]Hash, 10_000) }), ErrBadProof},
		{"signature changed", "cluster", "beijing", hashes[2], change(func(p *Proof) { p.Signature[9] ^= 1 }), ErrBadSignature},
		{"signature missing", "cluster", "beijing", hashes[2], change(func(p *Proof) { p.Signature = nil }), ErrBadSignature},
		{"another batch's signature", "cluster", "beijing", hashes[2], change(func(p *Proof) { p.Signature = larger.Signature }), ErrBadSignature},
		{"zero", "cluster", "beijing", hashes[2], Proof{KeyID: batch.KeyID}, ErrBadProof},
	} {
		t.Run(test.name, func(t *testing.T) {
			if err := VerifyEvent(keys, test.cluster, test.region, test.event, test.proof); !errors.Is(err, test.want) {
				t.Errorf("expected %q, got %v", test.want, err)
			}
			// A verifier that knows the batch already must say the same.
			verifier := NewBatchVerifier(keys, 0)
			if err := verifier.VerifyEvent("cluster", "beijing", hashes[0], batch.Proof(0)); err != nil {
				t.Fatal(err)
			}
			if err := verifier.VerifyEvent(test.cluster, test.region, test.event, test.proof); !errors.Is(err, test.want) {
				t.Errorf("with the batch remembered: expected %q, got %v", test.want, err)
			}
		})
	}
	for name, err := range map[string]error{
		"no cluster":   VerifyEvent(keys, "", "beijing", hashes[2], batch.Proof(2)),
		"long cluster": VerifyEvent(keys, strings.Repeat("c", 256), "beijing", hashes[2], batch.Proof(2)),
		"bad region":   VerifyEvent(keys, "cluster", "Bei", hashes[2], batch.Proof(2)),
	} {
		if err == nil {
			t.Errorf("%s: verified", name)
		}
	}
}

func TestSealBatchRefuses(t *testing.T) {
	signer := testSigner(t, 1)
	for name, seal := range map[string]func() (*Batch, error){
		"no events":       func() (*Batch, error) { return SealBatch(signer, "cluster", "beijing", nil) },
		"too many events": func() (*Batch, error) { return SealBatch(signer, "cluster", "beijing", make([]Hash, MaxBatch+1)) },
		"no cluster":      func() (*Batch, error) { return SealBatch(signer, "", "beijing", testHashes(1)) },
		"bad region":      func() (*Batch, error) { return SealBatch(signer, "cluster", "b/j", testHashes(1)) },
		"broken signer":   func() (*Batch, error) { return SealBatch(brokenSigner{signer}, "cluster", "beijing", testHashes(1)) },
	} {
		if _, err := seal(); err == nil {
			t.Errorf("%s: sealed", name)
		}
	}
}

type brokenSigner struct{ Signer }

func (brokenSigner) Sign(Tag, []byte) ([]byte, error) { return nil, errors.New("no key") }

// countingVerifier counts what costs time.
type countingVerifier struct {
	Verifier
	checks *atomic.Int32
}

func (v countingVerifier) Verify(tag Tag, message, signature []byte) error {
	v.checks.Add(1)
	return v.Verifier.Verify(tag, message, signature)
}

func TestOneSignatureCheckForABatch(t *testing.T) {
	var checks atomic.Int32
	var gone atomic.Bool
	inner := keysOf(t, "beijing", testSigner(t, 1))
	keys := func(region, keyID string) (Verifier, bool) {
		verifier, ok := inner(region, keyID)
		return countingVerifier{verifier, &checks}, ok && !gone.Load()
	}
	hashes := testHashes(128)
	batch := mustSeal(t, hashes)
	verifier := NewBatchVerifier(keys, 2)
	for i, hash := range hashes {
		if err := verifier.VerifyEvent("cluster", "beijing", hash, batch.Proof(i)); err != nil {
			t.Fatal(err)
		}
	}
	if n := checks.Load(); n != 1 {
		t.Errorf("%d signature checks for one batch, expected 1", n)
	}

	// Bad signatures are not remembered.
	bad := batch.Proof(0)
	bad.Signature = slices.Clone(bad.Signature)
	bad.Signature[0] ^= 1
	for range 2 {
		if err := verifier.VerifyEvent("cluster", "beijing", hashes[0], bad); !errors.Is(err, ErrBadSignature) {
			t.Errorf("a bad signature gives %v", err)
		}
	}

	// The memory is bounded: the third root pushes the first out.
	checks.Store(0)
	for _, size := range []int{2, 3, 3} {
		other := mustSeal(t, testHashes(size))
		if err := verifier.VerifyEvent("cluster", "beijing", hashes[0], other.Proof(0)); err != nil {
			t.Fatal(err)
		}
	}
	if n := checks.Load(); n != 2 || len(verifier.verified) != 2 || len(verifier.ring) != 2 {
		t.Errorf("%d checks, %d roots remembered, expected 2 and 2", n, len(verifier.verified))
	}
	if err := verifier.VerifyEvent("cluster", "beijing", hashes[0], batch.Proof(0)); err != nil || checks.Load() != 3 {
		t.Errorf("the oldest root should have been forgotten: %d checks, %v", checks.Load(), err)
	}

	// A key that the registry no longer knows verifies nothing, remembered or not.
	gone.Store(true)
	if err := verifier.VerifyEvent("cluster", "beijing", hashes[0], batch.Proof(0)); !errors.Is(err, ErrUnknownKey) {
		t.Errorf("with the key gone: %v", err)
	}
}

func FuzzVerifyEvent(f *testing.F) {
	keys := keysOf(f, "beijing", testSigner(f, 1))
	hashes := testHashes(5)
	batch := mustSeal(f, hashes)
	good := batch.Proof(2)
	var path []byte
	for _, hash := range good.Path {
		path = append(path, hash[:]...)
	}
	f.Add(hashes[2][:], good.Root[:], good.Signature, good.Size, good.Index, path)
	f.Add([]byte{}, []byte{}, []byte{}, uint64(1)<<63, uint64(1)<<63-1, []byte{})
	f.Fuzz(func(t *testing.T, event, root, signature []byte, size, index uint64, path []byte) {
		proof := Proof{KeyID: batch.KeyID, Signature: signature, Size: size, Index: index}
		copy(proof.Root[:], root)
		for len(path) >= len(Hash{}) {
			proof.Path = append(proof.Path, Hash(path[:len(Hash{})]))
			path = path[len(Hash{}):]
		}
		var hash Hash
		copy(hash[:], event)
		if VerifyEvent(keys, "cluster", "beijing", hash, proof) != nil {
			return
		}
		if size != 5 || index > 4 || hash != hashes[index] || proof.Root != batch.Root {
			t.Error("verified an event that was never signed")
		}
	})
}

// batchVector is one case of proto/testdata/batch.json. All byte strings are hex.
type batchVector struct {
	Name          string        `json:"name"`
	PrivateSeed   string        `json:"privateSeed"` // Ed25519 seed, of RFC 8032
	PublicKey     string        `json:"publicKey"`
	KeyID         string        `json:"keyId"`
	ClusterID     string        `json:"clusterId"` // text
	Region        string        `json:"region"`    // text
	EventHashes   []string      `json:"eventHashes"`
	Root          string        `json:"root"`
	SignedMessage string        `json:"signedMessage"` // with tag and zero byte
	Signature     string        `json:"signature"`
	Proofs        []vectorProof `json:"proofs"`
}

type vectorProof struct {
	Index uint64   `json:"index"`
	Path  []string `json:"path"`
}

func makeVector(t *testing.T, size int) batchVector {
	t.Helper()
	seed := sha256.Sum256([]byte{1})
	signer := testSigner(t, 1)
	hashes := testHashes(size)
	const clusterID, region = "0192f0c1-7a3e-7b51-8a55-6c1f1e2d3c4b", "jingjinji"
	batch, err := SealBatch(signer, clusterID, region, hashes)
	if err != nil {
		t.Fatal(err)
	}
	// Laid out here by hand, so that the layout is written twice.
	signed := []byte("jieli/batch/1\x00")
	signed = append(signed, 36)
	signed = append(signed, clusterID...)
	signed = append(signed, 9)
	signed = append(signed, region...)
	signed = binary.BigEndian.AppendUint64(signed, uint64(size))
	signed = append(signed, batch.Root[:]...)
	vector := batchVector{
		Name: fmt.Sprintf("%d events", size), PrivateSeed: hex.EncodeToString(seed[:]),
		PublicKey: hex.EncodeToString(signer.PublicKey()), KeyID: signer.KeyID(), ClusterID: clusterID, Region: region,
		Root: hex.EncodeToString(batch.Root[:]), SignedMessage: hex.EncodeToString(signed),
		Signature: hex.EncodeToString(batch.Signature),
	}
	if !ed25519.Verify(signer.PublicKey(), signed, batch.Signature) {
		t.Fatal("the signature is not over the bytes that the doc comment describes")
	}
	for i, hash := range hashes {
		vector.EventHashes = append(vector.EventHashes, hex.EncodeToString(hash[:]))
		proof := vectorProof{Index: uint64(i), Path: []string{}}
		for _, sibling := range batch.Proof(i).Path {
			proof.Path = append(proof.Path, hex.EncodeToString(sibling[:]))
		}
		vector.Proofs = append(vector.Proofs, proof)
	}
	return vector
}

// TestVectors holds the code to the published vectors: what was signed once must verify for ever.
func TestVectors(t *testing.T) {
	var made []batchVector
	for _, size := range []int{1, 2, 3, 7} {
		made = append(made, makeVector(t, size))
	}
	encoded, err := json.MarshalIndent(made, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	encoded = append(encoded, '\n')
	if *update {
		if err := os.MkdirAll("../../proto/testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(vectorFile, encoded, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	published, err := os.ReadFile(vectorFile)
	if err != nil {
		t.Fatal(err)
	}
	if string(published) != string(encoded) {
		t.Error("SealBatch no longer makes the published vectors")
	}
	var vectors []batchVector
	if err := json.Unmarshal(published, &vectors); err != nil {
		t.Fatal(err)
	}
	for _, vector := range vectors {
		t.Run(vector.Name, func(t *testing.T) {
			verifier, err := NewVerifier(AlgorithmEd25519, unhex(t, vector.PublicKey))
			if err != nil {
				t.Fatal(err)
			}
			keys := func(_, keyID string) (Verifier, bool) { return verifier, keyID == vector.KeyID }
			for i, proof := range vector.Proofs {
				p := Proof{
					Root: Hash(unhex(t, vector.Root)), KeyID: vector.KeyID, Signature: unhex(t, vector.Signature),
					Size: uint64(len(vector.EventHashes)), Index: proof.Index,
				}
				for _, sibling := range proof.Path {
					p.Path = append(p.Path, Hash(unhex(t, sibling)))
				}
				if err := VerifyEvent(keys, vector.ClusterID, vector.Region, Hash(unhex(t, vector.EventHashes[i])), p); err != nil {
					t.Errorf("event %d: %v", i, err)
				}
			}
		})
	}
}

func unhex(t *testing.T, s string) []byte {
	t.Helper()
	decoded, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return decoded
}
