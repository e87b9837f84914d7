package trust

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
)

const (
	contentKeyBytes = 32 // AES-256
	contentKeyID    = 8  // bytes
	contentNonce    = 12
	contentTag      = 16

	vaultFormat = 1
	vaultHeader = 1 + contentKeyID

	// maxContentKeys bounds the keys a vault reads with: rotating each year, more than a century.
	maxContentKeys = 128

	// VaultOverhead is by how many bytes sealed content is longer than plain.
	VaultOverhead = vaultHeader + contentNonce + contentTag
)

// Errors of Vault.Open.
var (
	// ErrContentKey means that content was sealed with a key that is not in content.pem.
	ErrContentKey = errors.New("content is encrypted with a key that this node does not have")
	// ErrSealed means that sealed content was changed, cut, or belongs to another place (other context).
	ErrSealed = errors.New("encrypted content does not open: it was changed, or belongs elsewhere")
)

// Vault encrypts content at rest with the region's content key. Sealed content is
//
//	0x01 ‖ key id (8 bytes) ‖ nonce (12 bytes) ‖ AES-256-GCM ciphertext and tag (16 bytes)
//
// with additional data 0x01 ‖ key id ‖ context. The key id is the first 8 bytes of SHA-256("jieli/content-key/1" ‖
// 0x00 ‖ key); the nonce is random. One key is good for 2^32 contents: rotate it long before (each year, say). A vault
// may be used from several goroutines.
type Vault struct {
	current [contentKeyID]byte
	keys    map[[contentKeyID]byte]cipher.AEAD
}

// NewVault makes a vault of AES-256 keys: it seals with the first and opens with all.
func NewVault(keys ...[]byte) (*Vault, error) {
	if len(keys) == 0 || len(keys) > maxContentKeys {
		return nil, fmt.Errorf("content keys: must be 1 to %d, are %d", maxContentKeys, len(keys))
	}
	v := &Vault{keys: make(map[[contentKeyID]byte]cipher.AEAD, len(keys))}
	for i, key := range keys {
		if len(key) != contentKeyBytes {
			return nil, fmt.Errorf("content key %d: must have %d bytes, has %d", i, contentKeyBytes, len(key))
		}
		block, err := aes.NewCipher(key)
		if err != nil {
			return nil, fmt.Errorf("content key %d: %w", i, err)
		}
		aead, err := cipher.NewGCMWithRandomNonce(block)
		if err != nil {
			return nil, fmt.Errorf("content key %d: %w", i, err)
		}
		id := idOfContentKey(key)
		if i == 0 {
			v.current = id
		}
		v.keys[id] = aead
	}
	return v, nil
}

func idOfContentKey(key []byte) [contentKeyID]byte {
	sum := sha256.Sum256(append([]byte("jieli/content-key/1\x00"), key...))
	return [contentKeyID]byte(sum[:contentKeyID])
}

// KeyID names the key that Seal uses, as 16 hex digits.
func (v *Vault) KeyID() string { return hex.EncodeToString(v.current[:]) }

// KeyIDOf names the key that content was sealed with; false if this is not sealed content.
func KeyIDOf(sealed []byte) (string, bool) {
	if len(sealed) < VaultOverhead || sealed[0] != vaultFormat {
		return "", false
	}
	return hex.EncodeToString(sealed[1:vaultHeader]), true
}

// Seal encrypts content. The context says where it belongs (a ticket and field, say) and must be given to Open again;
// so sealed content cannot be moved to another place.
func (v *Vault) Seal(context, content []byte) ([]byte, error) {
	aead, ok := v.keys[v.current]
	if !ok {
		return nil, errors.New("content vault: it has no keys; make it with NewVault")
	}
	sealed := make([]byte, vaultHeader, len(content)+VaultOverhead)
	sealed[0] = vaultFormat
	copy(sealed[1:], v.current[:])
	return aead.Seal(sealed, nil, content, additionalData(sealed[:vaultHeader], context)), nil
}

// Open decrypts what Seal made, with whichever key it was sealed. It fails with ErrContentKey or ErrSealed.
func (v *Vault) Open(context, sealed []byte) ([]byte, error) {
	if len(sealed) < VaultOverhead || sealed[0] != vaultFormat {
		return nil, ErrSealed
	}
	header, body := sealed[:vaultHeader], sealed[vaultHeader:]
	aead, ok := v.keys[[contentKeyID]byte(header[1:])]
	if !ok {
		return nil, fmt.Errorf("key %x: %w", header[1:], ErrContentKey)
	}
	content, err := aead.Open(nil, nil, body, additionalData(header, context))
	if err != nil {
		return nil, ErrSealed
	}
	return content, nil
}

func additionalData(header, context []byte) []byte {
	data := make([]byte, 0, len(header)+len(context))
	data = append(data, header...)
	return append(data, context...)
}

// String names the current key, and keeps key bytes out of whatever is printed.
func (v *Vault) String() string { return "content vault " + v.KeyID() }

// GoString is String, for %#v.
func (v *Vault) GoString() string { return v.String() }
