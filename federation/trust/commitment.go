package trust

import (
	"crypto/sha256"
	"fmt"
	"io"
)

// CommitmentRandomBytes is the length of the secret random bytes in a commitment.
const CommitmentRandomBytes = 32

// Commit binds content without showing it: SHA-256(random ‖ content). The random bytes are kept, sent and erased with
// the content; without them nobody can find out the content by guessing, however short it is.
func Commit(random [CommitmentRandomBytes]byte, content []byte) [sha256.Size]byte {
	hash := sha256.New()
	hash.Write(random[:])
	hash.Write(content)
	var sum [sha256.Size]byte
	hash.Sum(sum[:0])
	return sum
}

// NewRandom reads the random bytes for one commitment from a source, crypto/rand.Reader outside tests.
func NewRandom(source io.Reader) ([CommitmentRandomBytes]byte, error) {
	var random [CommitmentRandomBytes]byte
	if _, err := io.ReadFull(source, random[:]); err != nil {
		return random, fmt.Errorf("random bytes for a commitment: %w", err)
	}
	return random, nil
}
