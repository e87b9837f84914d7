package access

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"strings"
)

const (
	// tokenPrefix lets people and secret scanners recognise a token.
	tokenPrefix = "jieli_"
	// secretBytes are the random bytes of a token.
	secretBytes = 32
)

// encoding has one text for each secret: Strict refuses stray bits in the last character.
var encoding = base64.RawURLEncoding.Strict()

// digest is the SHA-256 of a token's random bytes: all that is kept of it.
type digest [sha256.Size]byte

// newSecret makes a token and its digest.
func newSecret(random io.Reader) (token string, d digest, err error) {
	var secret [secretBytes]byte
	if _, err := io.ReadFull(random, secret[:]); err != nil {
		return "", digest{}, fmt.Errorf("make a token: %w", err)
	}
	return tokenPrefix + encoding.EncodeToString(secret[:]), sha256.Sum256(secret[:]), nil
}

// digestOf reads a token; false when it does not have the form of one.
func digestOf(token string) (digest, bool) {
	text, ok := strings.CutPrefix(token, tokenPrefix)
	if !ok || len(text) != encoding.EncodedLen(secretBytes) {
		return digest{}, false
	}
	var secret [secretBytes]byte
	// Decode skips line ends; with the length as it must be, skipping any leaves too few bytes.
	if n, err := encoding.Decode(secret[:], []byte(text)); err != nil || n != secretBytes {
		return digest{}, false
	}
	return sha256.Sum256(secret[:]), true
}

// MarshalText lets a digest stand in JSON as hexadecimal.
func (d digest) MarshalText() ([]byte, error) { return []byte(hex.EncodeToString(d[:])), nil }

// UnmarshalText reads 64 hexadecimal digits.
func (d *digest) UnmarshalText(text []byte) error {
	if len(text) != hex.EncodedLen(len(d)) {
		return fmt.Errorf("a digest has %d hexadecimal digits", hex.EncodedLen(len(d)))
	}
	if _, err := hex.Decode(d[:], text); err != nil {
		return fmt.Errorf("a digest has hexadecimal digits only: %w", err)
	}
	return nil
}
