package trust

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
)

// AlgorithmEd25519 is the default algorithm of signing keys.
const AlgorithmEd25519 = "Ed25519"

// Tag says what kind of thing is signed, so that a signature over one kind can never pass for another. A tag is 1 to
// 64 printable ASCII characters, by convention "jieli/<kind>/<version>".
type Tag string

const maxTag = 64

// Bytes gives what is really signed: tag ‖ 0x00 ‖ message.
func (t Tag) Bytes(message []byte) ([]byte, error) {
	if t == "" || len(t) > maxTag {
		return nil, fmt.Errorf("signature tag %q: must have 1 to %d characters", string(t), maxTag)
	}
	if strings.ContainsFunc(string(t), func(r rune) bool { return r <= ' ' || r > '~' }) {
		return nil, fmt.Errorf("signature tag %q: only printable ASCII is allowed", string(t))
	}
	signed := make([]byte, 0, len(t)+1+len(message))
	signed = append(signed, t...)
	signed = append(signed, 0)
	return append(signed, message...), nil
}

// ErrBadSignature means that a signature does not belong to key, tag and message.
var ErrBadSignature = errors.New("signature does not verify")

// Signer signs with one key of a region.
type Signer interface {
	// KeyID is the first 16 hex digits of SHA-256 over the public key.
	KeyID() string
	// Algorithm names the kind of key, as in the registry.
	Algorithm() string
	// PublicKey is the public key as it stands in the registry.
	PublicKey() []byte
	// Sign signs tag ‖ 0x00 ‖ message.
	Sign(tag Tag, message []byte) ([]byte, error)
}

// Verifier checks signatures by one public key. The registry keeps one for each key of its snapshot.
type Verifier interface {
	// KeyID is the first 16 hex digits of SHA-256 over the public key.
	KeyID() string
	// PublicKey is the public key as it stands in the registry.
	PublicKey() []byte
	// Verify gives nil if the signature is over tag ‖ 0x00 ‖ message, otherwise ErrBadSignature.
	Verify(tag Tag, message, signature []byte) error
}

// NewVerifier makes the verifier for a public key of the registry. An empty algorithm stands for Ed25519.
func NewVerifier(algorithm string, publicKey []byte) (Verifier, error) {
	switch algorithm {
	case "", AlgorithmEd25519:
		if len(publicKey) != ed25519.PublicKeySize {
			return nil, fmt.Errorf("public key for Ed25519: must have %d bytes, has %d", ed25519.PublicKeySize, len(publicKey))
		}
		key := ed25519.PublicKey(append([]byte(nil), publicKey...))
		return &ed25519Verifier{key: key, id: keyID(key)}, nil
	}
	return nil, fmt.Errorf("signing algorithm %q is not known to this version", algorithm)
}

// keyID is how a public key is named: the first 16 hex digits of its SHA-256.
func keyID(publicKey []byte) string {
	sum := sha256.Sum256(publicKey)
	return hex.EncodeToString(sum[:8])
}

// Ed25519Signer is a signing key in memory.
type Ed25519Signer struct {
	private ed25519.PrivateKey
	public  ed25519.PublicKey
	id      string
}

// NewEd25519Signer makes a signer of a private key.
func NewEd25519Signer(key ed25519.PrivateKey) (*Ed25519Signer, error) {
	if len(key) != ed25519.PrivateKeySize {
		return nil, fmt.Errorf("private key for Ed25519: must have %d bytes, has %d", ed25519.PrivateKeySize, len(key))
	}
	public, ok := key.Public().(ed25519.PublicKey)
	if !ok {
		return nil, errors.New("private key for Ed25519: it has no public key")
	}
	return &Ed25519Signer{private: key, public: public, id: keyID(public)}, nil
}

// KeyID implements Signer.
func (s *Ed25519Signer) KeyID() string { return s.id }

// Algorithm implements Signer.
func (s *Ed25519Signer) Algorithm() string { return AlgorithmEd25519 }

// PublicKey implements Signer.
func (s *Ed25519Signer) PublicKey() []byte { return append([]byte(nil), s.public...) }

// Sign implements Signer.
func (s *Ed25519Signer) Sign(tag Tag, message []byte) ([]byte, error) {
	signed, err := tag.Bytes(message)
	if err != nil {
		return nil, err
	}
	return ed25519.Sign(s.private, signed), nil
}

// String names the key, and keeps its bytes out of whatever is printed.
func (s *Ed25519Signer) String() string { return "signing key " + s.id }

// GoString is String, for %#v.
func (s *Ed25519Signer) GoString() string { return s.String() }

type ed25519Verifier struct {
	key ed25519.PublicKey
	id  string
}

func (v *ed25519Verifier) KeyID() string     { return v.id }
func (v *ed25519Verifier) PublicKey() []byte { return append([]byte(nil), v.key...) }

func (v *ed25519Verifier) Verify(tag Tag, message, signature []byte) error {
	signed, err := tag.Bytes(message)
	if err != nil {
		return err
	}
	if !ed25519.Verify(v.key, signed, signature) {
		return ErrBadSignature
	}
	return nil
}
