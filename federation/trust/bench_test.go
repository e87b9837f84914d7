package trust

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"testing"
	"time"
)

func testSigner(tb testing.TB, seed byte) *Ed25519Signer {
	tb.Helper()
	material := sha256.Sum256([]byte{seed})
	signer, err := NewEd25519Signer(ed25519.NewKeyFromSeed(material[:]))
	if err != nil {
		tb.Fatal(err)
	}
	return signer
}

func testHashes(n int) []Hash {
	hashes := make([]Hash, n)
	for i := range hashes {
		hashes[i] = sha256.Sum256(binary.BigEndian.AppendUint64([]byte("event "), uint64(i)))
	}
	return hashes
}

func keysOf(tb testing.TB, region string, signers ...Signer) Keys {
	tb.Helper()
	verifiers := map[string]Verifier{}
	for _, signer := range signers {
		verifier, err := NewVerifier(signer.Algorithm(), signer.PublicKey())
		if err != nil {
			tb.Fatal(err)
		}
		verifiers[verifier.KeyID()] = verifier
	}
	return func(asked, keyID string) (Verifier, bool) {
		verifier, ok := verifiers[keyID]
		return verifier, ok && asked == region
	}
}

func BenchmarkSealBatch(b *testing.B) {
	signer := testSigner(b, 1)
	for _, size := range []int{1, 16, 128, 1024} {
		b.Run(fmt.Sprintf("events=%d", size), func(b *testing.B) {
			hashes := testHashes(size)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := SealBatch(signer, "cluster", "beijing", hashes); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkVerifyEvent is one event of a batch of 128: with the root not seen before, and with it remembered.
func BenchmarkVerifyEvent(b *testing.B) {
	signer := testSigner(b, 1)
	keys := keysOf(b, "beijing", signer)
	hashes := testHashes(128)
	batch, err := SealBatch(signer, "cluster", "beijing", hashes)
	if err != nil {
		b.Fatal(err)
	}
	remembering := NewBatchVerifier(keys, 0)
	for _, mode := range []struct {
		name   string
		verify func(i int) error
	}{
		{"root=new", func(i int) error { return VerifyEvent(keys, "cluster", "beijing", hashes[i], batch.Proof(i)) }},
		{"root=remembered", func(i int) error {
			return remembering.VerifyEvent("cluster", "beijing", hashes[i], batch.Proof(i))
		}},
	} {
		b.Run(mode.name, func(b *testing.B) {
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				if err := mode.verify(i % 128); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkRecheck is a registry change that closes nothing, with 64 connections open.
func BenchmarkRecheck(b *testing.B) {
	const open = 64
	ca, err := newAuthority("beijing", time.Now())
	if err != nil {
		b.Fatal(err)
	}
	members, id := newTestMembers(), NodeID{"beijing", "1"}
	members.setBundle("beijing", ca.certs)
	members.allow(id, UseLink)
	peers, err := NewPeers(Config{Certificates: &Certificates{}, Members: members})
	if err != nil {
		b.Fatal(err)
	}
	for range open {
		conn := &Conn{peers: peers, peer: identity{id: id, use: UseLink, root: ca.certs[0]}}
		if err := peers.remember(conn); err != nil {
			b.Fatal(err)
		}
	}
	for b.Loop() {
		peers.Recheck()
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/open, "ns/connection")
}
