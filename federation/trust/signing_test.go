package trust

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/iotest"
)

func TestSignatureBelongsToItsTag(t *testing.T) {
	signer := testSigner(t, 1)
	verifier, err := NewVerifier(signer.Algorithm(), signer.PublicKey())
	if err != nil {
		t.Fatal(err)
	}
	message := []byte("message")
	signature, err := signer.Sign("jieli/a/1", message)
	if err != nil {
		t.Fatal(err)
	}
	if err := verifier.Verify("jieli/a/1", message, signature); err != nil {
		t.Fatal(err)
	}
	if verifier.KeyID() != signer.KeyID() {
		t.Errorf("key id %s and %s", verifier.KeyID(), signer.KeyID())
	}
	// What is signed is tag, a zero byte, message: as the doc comment says.
	if !ed25519.Verify(signer.PublicKey(), []byte("jieli/a/1\x00message"), signature) {
		t.Error("the signed bytes are not tag ‖ 0x00 ‖ message")
	}
	for name, verify := range map[string]func() error{
		"another tag":     func() error { return verifier.Verify("jieli/b/1", message, signature) },
		"another message": func() error { return verifier.Verify("jieli/a/1", []byte("massage"), signature) },
		"cut signature":   func() error { return verifier.Verify("jieli/a/1", message, signature[:63]) },
		"no signature":    func() error { return verifier.Verify("jieli/a/1", message, nil) },
	} {
		if err := verify(); !errors.Is(err, ErrBadSignature) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestTagRefused(t *testing.T) {
	signer := testSigner(t, 1)
	for _, tag := range []Tag{"", "a\x00b", "a b", "接力", Tag(strings.Repeat("x", maxTag+1))} {
		if _, err := signer.Sign(tag, nil); err == nil {
			t.Errorf("signed with tag %q", string(tag))
		}
	}
}

func TestKeysRefused(t *testing.T) {
	if _, err := NewVerifier(AlgorithmEd25519, make([]byte, 31)); err == nil {
		t.Error("a short public key was taken")
	}
	if _, err := NewVerifier("SM2", make([]byte, 32)); err == nil {
		t.Error("an unknown algorithm was taken")
	}
	if _, err := NewEd25519Signer(make([]byte, 32)); err == nil {
		t.Error("a short private key was taken")
	}
}

// TestSecretsAreNotPrinted: whatever verb somebody logs them with.
func TestSecretsAreNotPrinted(t *testing.T) {
	dir := newPKI(t)
	m := mustLoad(t, dir)
	secret := fmt.Sprintf("%v", []byte(m.Signers[0].private[:4]))
	secret = strings.Trim(secret, "[]")
	for _, format := range []string{"%v", "%+v", "%#v", "%s"} {
		if text := fmt.Sprintf(format, m); strings.Contains(text, secret) {
			t.Errorf("%s of Material prints the signing key", format)
		}
		for _, value := range []any{m.Signers[0], m.Vault} {
			if text := fmt.Sprintf(format, value); !strings.HasPrefix(text, "signing key ") && !strings.HasPrefix(text, "content vault ") {
				t.Errorf("%s prints %s", format, text)
			}
		}
	}
}

func TestCommit(t *testing.T) {
	random, err := NewRandom(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	content := []byte("内容")
	if Commit(random, content) != sha256.Sum256(append(random[:], content...)) {
		t.Error("the commitment is not SHA-256(random ‖ content)")
	}
	other, err := NewRandom(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if Commit(random, content) == Commit(other, content) {
		t.Error("equal contents give equal commitments")
	}
	if _, err := NewRandom(bytes.NewReader(make([]byte, 31))); err == nil {
		t.Error("31 random bytes were enough")
	}
	broken := errors.New("broken")
	if _, err := NewRandom(iotest.ErrReader(broken)); !errors.Is(err, broken) {
		t.Errorf("a broken source gives %v", err)
	}
}
