package trust

import (
	"bytes"
	"errors"
	"slices"
	"testing"
)

func testVault(tb testing.TB, seeds ...byte) *Vault {
	tb.Helper()
	keys := make([][]byte, len(seeds))
	for i, seed := range seeds {
		keys[i] = bytes.Repeat([]byte{seed}, contentKeyBytes)
	}
	vault, err := NewVault(keys...)
	if err != nil {
		tb.Fatal(err)
	}
	return vault
}

func TestVault(t *testing.T) {
	vault := testVault(t, 1)
	context := []byte("ticket 7, reporter")
	for _, content := range [][]byte{nil, []byte("张三"), bytes.Repeat([]byte{9}, 20_000)} {
		sealed, err := vault.Seal(context, content)
		if err != nil {
			t.Fatal(err)
		}
		if len(sealed) != len(content)+VaultOverhead {
			t.Errorf("%d bytes became %d, expected %d more", len(content), len(sealed), VaultOverhead)
		}
		if id, ok := KeyIDOf(sealed); !ok || id != vault.KeyID() {
			t.Errorf("sealed with %s, expected %s", id, vault.KeyID())
		}
		opened, err := vault.Open(context, sealed)
		if err != nil || !bytes.Equal(opened, content) {
			t.Errorf("opened %d bytes of %d: %v", len(opened), len(content), err)
		}
		again, err := vault.Seal(context, content)
		if err != nil || bytes.Equal(again, sealed) {
			t.Errorf("the same content was sealed to the same bytes: %v", err)
		}
	}
}

func TestVaultRefuses(t *testing.T) {
	vault, context := testVault(t, 1), []byte("ticket 7")
	sealed, err := vault.Seal(context, []byte("张三"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := vault.Open([]byte("ticket 8"), sealed); !errors.Is(err, ErrSealed) {
		t.Errorf("opened in another place: %v", err)
	}
	if _, err := testVault(t, 2).Open(context, sealed); !errors.Is(err, ErrContentKey) {
		t.Errorf("opened with another key: %v", err)
	}
	if content, err := testVault(t, 2, 1).Open(context, sealed); err != nil || string(content) != "张三" {
		t.Errorf("not opened with an older key: %v", err)
	}
	for i := range sealed {
		changed := slices.Clone(sealed)
		changed[i] ^= 1
		if _, err := vault.Open(context, changed); !errors.Is(err, ErrSealed) && !errors.Is(err, ErrContentKey) {
			t.Errorf("opened with byte %d changed: %v", i, err)
		}
		if _, err := vault.Open(context, sealed[:i]); !errors.Is(err, ErrSealed) {
			t.Errorf("opened when cut to %d bytes: %v", i, err)
		}
	}
	for name, keys := range map[string][][]byte{
		"no key": nil, "a short key": {make([]byte, 16)}, "too many": make([][]byte, maxContentKeys+1),
	} {
		if _, err := NewVault(keys...); err == nil {
			t.Errorf("a vault with %s", name)
		}
	}
	if _, err := new(Vault).Seal(nil, nil); err == nil {
		t.Error("a vault without keys sealed something")
	}
	if _, ok := KeyIDOf([]byte("x")); ok {
		t.Error("found a key id in one byte")
	}
}

func FuzzVaultOpen(f *testing.F) {
	vault := testVault(f, 1)
	sealed, err := vault.Seal(nil, []byte("seed"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add([]byte(nil), sealed)
	f.Add([]byte("x"), sealed[:VaultOverhead])
	f.Fuzz(func(t *testing.T, context, data []byte) {
		content, err := vault.Open(context, data)
		if err != nil {
			if !errors.Is(err, ErrSealed) && !errors.Is(err, ErrContentKey) {
				t.Errorf("unexpected error %v", err)
			}
			return
		}
		if len(content)+VaultOverhead != len(data) {
			t.Errorf("opened %d bytes of %d", len(content), len(data))
		}
	})
}
