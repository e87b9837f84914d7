package trust

import (
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"
)

// PEM block types in our files.
const (
	blockPrivateKey  = "PRIVATE KEY" // PKCS #8
	blockCertificate = "CERTIFICATE"
	blockContentKey  = "JIELI CONTENT KEY" // 32 bytes, AES-256
)

// ErrExists means that a key is there already; only Rotate replaces keys.
var ErrExists = errors.New("it is there already and is not overwritten")

// lockDir keeps two pki commands from changing one directory at the same time; the lock ends with the process. It
// makes the directory if there is none.
func lockDir(dir string) (unlock func(), err error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("pki directory: %w", err)
	}
	handle, err := os.Open(dir)
	if err != nil {
		return nil, fmt.Errorf("pki directory: %w", err)
	}
	if err := syscall.Flock(int(handle.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		_ = handle.Close()
		return nil, fmt.Errorf("pki directory %s: another pki command is at work on it: %w", dir, err)
	}
	return func() { _ = handle.Close() }, nil
}

// createFile writes a file that must not exist yet, whole or not at all, mode 0600.
func createFile(path string, data []byte) error {
	return writeFile(path, data, func(temporary string) error {
		err := os.Link(temporary, path) // unlike Rename, fails if path exists
		if errors.Is(err, fs.ErrExist) {
			return fmt.Errorf("%s: %w", path, ErrExists)
		}
		return err
	})
}

// replaceFile writes a file, whole or not at all, mode 0600, in place of the one there.
func replaceFile(path string, data []byte) error {
	return writeFile(path, data, func(temporary string) error { return os.Rename(temporary, path) })
}

// writeFile writes data to a temporary file beside path, makes it durable, and lets place put it there.
func writeFile(path string, data []byte, place func(temporary string) error) error {
	dir := filepath.Dir(path)
	file, err := os.CreateTemp(dir, ".new-*") // mode 0600
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	defer func() { _ = os.Remove(file.Name()) }() // after a rename it is gone already
	_, err = file.Write(data)
	if err == nil {
		err = file.Sync()
	}
	if closeErr := file.Close(); err == nil {
		err = closeErr
	}
	if err == nil {
		err = place(file.Name())
	}
	if err == nil {
		err = syncDir(dir)
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}

func syncDir(dir string) error {
	handle, err := os.Open(dir)
	if err != nil {
		return err
	}
	err = handle.Sync()
	if closeErr := handle.Close(); err == nil {
		err = closeErr
	}
	return err
}

// readPrivate reads a file that holds private keys; it refuses one that others may read or change.
func readPrivate(path string) ([]byte, fs.FileInfo, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, nil, err
	}
	if mode := info.Mode().Perm(); mode&0o027 != 0 {
		return nil, nil, fmt.Errorf("%s: mode %04o lets others at a private key; run: chmod 600 %s", path, mode, path)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, nil, err
	}
	return data, info, nil
}

// readBlocks reads all PEM blocks of a private file; each must be of one of the types given.
func readBlocks(path string, types ...string) ([]*pem.Block, error) {
	data, _, err := readPrivate(path)
	if err != nil {
		return nil, err
	}
	var blocks []*pem.Block
	for {
		block, rest := pem.Decode(data)
		if block == nil {
			break
		}
		if !slices.Contains(types, block.Type) {
			return nil, fmt.Errorf("%s: holds a block of type %q, expected %q", path, block.Type, types)
		}
		blocks = append(blocks, block)
		data = rest
	}
	if len(blocks) == 0 {
		return nil, fmt.Errorf("%s: holds no PEM block, expected %q", path, types)
	}
	return blocks, nil
}

func encodePrivateKey(key any) ([]byte, error) {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	return pem.EncodeToMemory(&pem.Block{Type: blockPrivateKey, Bytes: der}), nil
}

func encodeCertificates(certs ...*x509.Certificate) []byte {
	var out []byte
	for _, cert := range certs {
		out = append(out, pem.EncodeToMemory(&pem.Block{Type: blockCertificate, Bytes: cert.Raw})...)
	}
	return out
}
