package trust

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"path/filepath"
	"slices"
	"time"
)

// Files of a pki directory. The directory has mode 0700, each file 0600.
const (
	// FileAuthority holds the CA's private key, its certificate, and the CA certificates that it replaced. On a node
	// that does not issue certificates it holds certificates only.
	FileAuthority = "ca.pem"
	// FileNode holds the node's private key, its certificate, and the CA certificate that signed it.
	FileNode = "node.pem"
	// FileSigning holds the region's signing keys, the current one first.
	FileSigning = "signing.pem"
	// FileContent holds the region's content keys, the current one first. Losing it loses all personal data.
	FileContent = "content.pem"
)

const (
	// DefaultNodeValidity is how long a node's certificate is valid if nothing else is asked for.
	DefaultNodeValidity = 90 * 24 * time.Hour
	// signingKeysKept is how many signing keys stay in the file: the current one and older ones, which a node goes on
	// using until the registry knows the new one.
	signingKeysKept = 3
)

// Part is what Rotate replaces.
type Part string

// Parts of a pki directory that can be rotated.
const (
	PartNode    Part = "node"
	PartSigning Part = "signing"
	PartCA      Part = "ca"
	PartContent Part = "content"
)

// Init makes a region's keys: CA, signing key and content key. It never touches keys that are there: with a CA there
// it fails with ErrExists, and what an interrupted Init left behind is completed.
func Init(dir, region string) error {
	if err := CheckRegion(region); err != nil {
		return err
	}
	unlock, err := lockDir(dir)
	if err != nil {
		return err
	}
	defer unlock()

	// The CA comes last: with it, everything is there.
	if _, err := loadAuthority(filepath.Join(dir, FileAuthority)); !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("pki init: %s: %w", filepath.Join(dir, FileAuthority), ErrExists)
	}
	signing, err := newSigningBlock()
	if err != nil {
		return fmt.Errorf("pki init: %w", err)
	}
	content, err := newContentBlock()
	if err != nil {
		return fmt.Errorf("pki init: %w", err)
	}
	for name, data := range map[string][]byte{FileSigning: signing, FileContent: content} {
		if err := createFile(filepath.Join(dir, name), data); err != nil && !errors.Is(err, ErrExists) {
			return fmt.Errorf("pki init: %w", err)
		}
	}
	ca, err := newAuthority(region, time.Now())
	if err != nil {
		return fmt.Errorf("pki init: %w", err)
	}
	data, err := ca.encode()
	if err != nil {
		return fmt.Errorf("pki init: %w", err)
	}
	return createFile(filepath.Join(dir, FileAuthority), data)
}

// IssueOptions are what may be chosen about a node's certificate; the zero value is right for a node that lives where
// the CA is.
type IssueOptions struct {
	// DNSNames and IPs are put into the certificate for tools that look at them; Jieli itself goes by SPIFFE id.
	DNSNames []string
	IPs      []net.IP
	// Validity defaults to DefaultNodeValidity.
	Validity time.Duration
	// Out is where the node's files go, if not into the directory itself: another node's directory, with the CA's
	// certificates beside it but without its key.
	Out string
	// RegionKeys also copies signing and content keys to Out: for a node that runs tickets on the region's database.
	RegionKeys bool
	// Now defaults to time.Now.
	Now func() time.Time
}

// Issue makes a key and certificate for a node, from the CA in dir. If there is one already it fails with ErrExists:
// Rotate replaces it.
func Issue(dir, node string, opts IssueOptions) error {
	if err := CheckNode(node); err != nil {
		return err
	}
	if opts.Validity == 0 {
		opts.Validity = DefaultNodeValidity
	}
	if opts.Validity < 0 {
		return fmt.Errorf("pki issue: validity %s must be positive", opts.Validity)
	}
	if opts.Now == nil {
		opts.Now = time.Now
	}
	if opts.Out == "" {
		opts.Out = dir
	}
	ca, err := loadAuthority(filepath.Join(dir, FileAuthority))
	if err != nil {
		return fmt.Errorf("pki issue: %w", err)
	}
	data, err := ca.issue(leafOptions{
		id: NodeID{Region: ca.region, Node: node}, dnsNames: opts.DNSNames, ips: opts.IPs,
		validity: opts.Validity, now: opts.Now(),
	})
	if err != nil {
		return fmt.Errorf("pki issue: %w", err)
	}
	unlock, err := lockDir(opts.Out)
	if err != nil {
		return err
	}
	defer unlock()
	if filepath.Clean(opts.Out) != filepath.Clean(dir) {
		if err := copyForNode(dir, opts.Out, ca, opts.RegionKeys); err != nil {
			return fmt.Errorf("pki issue: %w", err)
		}
	}
	if err := createFile(filepath.Join(opts.Out, FileNode), data); err != nil {
		return fmt.Errorf("pki issue: %w", err)
	}
	return nil
}

// copyForNode puts beside a node's certificate what else the node needs. Files that are there stay as they are.
func copyForNode(dir, out string, ca *authority, regionKeys bool) error {
	certificates, err := (&authority{region: ca.region, certs: ca.certs}).encode()
	if err != nil {
		return err
	}
	files := map[string][]byte{FileAuthority: certificates}
	if regionKeys {
		for _, name := range []string{FileSigning, FileContent} {
			if files[name], _, err = readPrivate(filepath.Join(dir, name)); err != nil {
				return err
			}
		}
	}
	for name, data := range files {
		if err := createFile(filepath.Join(out, name), data); err != nil && !errors.Is(err, ErrExists) {
			return err
		}
	}
	return nil
}

// Rotate replaces one part by a new one.
//
// PartNode: a new key and certificate with the same names and length of validity; a running node takes it over by
// itself. PartSigning: a new signing key; nodes go on signing with an older one until the registry has the new one.
// PartContent: a new key for what is encrypted from then on; older keys stay, for reading. PartCA: a new CA beside the
// old; the bundle then has both. The node's certificate stays the old CA's until PartNode is rotated, which is to be
// done only when the region's entry in the registry has the new bundle; after that, RetireOldCAs ends it.
func Rotate(dir string, part Part) error {
	unlock, err := lockDir(dir)
	if err != nil {
		return err
	}
	defer unlock()
	switch part {
	case PartNode:
		err = rotateNode(dir, time.Now())
	case PartSigning:
		err = rotateKeys(filepath.Join(dir, FileSigning), blockPrivateKey, signingKeysKept, newSigningBlock)
	case PartContent:
		err = rotateKeys(filepath.Join(dir, FileContent), blockContentKey, maxContentKeys, newContentBlock)
	case PartCA:
		err = rotateCA(dir, time.Now())
	default:
		err = fmt.Errorf("unknown part %q: node, signing, ca or content", part)
	}
	if err != nil {
		return fmt.Errorf("pki rotate: %w", err)
	}
	return nil
}

func rotateNode(dir string, now time.Time) error {
	path := filepath.Join(dir, FileNode)
	pair, id, _, err := readPair(path)
	if err != nil {
		return err
	}
	ca, err := loadAuthority(filepath.Join(dir, FileAuthority))
	if err != nil {
		return err
	}
	old := pair.Leaf
	data, err := ca.issue(leafOptions{
		id: id, dnsNames: old.DNSNames, ips: old.IPAddresses,
		validity: old.NotAfter.Sub(old.NotBefore) - backdate, now: now,
	})
	if err != nil {
		return err
	}
	return replaceFile(path, data)
}

// rotateKeys puts a new key at the head of a file of keys. When there would be more than kept, the oldest signing key
// goes; a content key is never dropped, since something may be encrypted with it.
func rotateKeys(path, blockType string, kept int, newBlock func() ([]byte, error)) error {
	blocks, err := readBlocks(path, blockType)
	if err != nil {
		return err
	}
	if len(blocks) >= kept {
		if blockType == blockContentKey {
			return fmt.Errorf("%s: holds %d content keys already, at most %d are read", path, len(blocks), kept)
		}
		blocks = blocks[:kept-1]
	}
	data, err := newBlock()
	if err != nil {
		return err
	}
	for _, block := range blocks {
		data = append(data, pem.EncodeToMemory(block)...)
	}
	return replaceFile(path, data)
}

func rotateCA(dir string, now time.Time) error {
	path := filepath.Join(dir, FileAuthority)
	old, err := loadAuthority(path)
	if err != nil {
		return err
	}
	if old.key == nil {
		return errors.New("the CA's private key is not in this directory: rotate the CA where it is")
	}
	if len(old.certs) >= MaxBundle {
		return fmt.Errorf("%s: holds %d CA certificates already: retire the old ones first", path, len(old.certs))
	}
	ca, err := newAuthority(old.region, now)
	if err != nil {
		return err
	}
	ca.certs = append(ca.certs, old.certs...)
	data, err := ca.encode()
	if err != nil {
		return err
	}
	return replaceFile(path, data)
}

// RetireOldCAs drops every CA certificate but the current one: the last step of a CA rotation. It is refused while
// the node's own certificate is still signed by an old one. Update the region's entry afterwards.
func RetireOldCAs(dir string) error {
	unlock, err := lockDir(dir)
	if err != nil {
		return err
	}
	defer unlock()
	path := filepath.Join(dir, FileAuthority)
	ca, err := loadAuthority(path)
	if err != nil {
		return fmt.Errorf("pki retire: %w", err)
	}
	pair, id, _, err := readPair(filepath.Join(dir, FileNode))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("pki retire: %w", err)
	}
	if err == nil && pair.Leaf.CheckSignatureFrom(ca.certs[0]) != nil {
		return fmt.Errorf("pki retire: the certificate of %s is still signed by an old CA: rotate the node first", id)
	}
	ca.certs = slices.Clip(ca.certs[:1])
	data, err := ca.encode()
	if err != nil {
		return fmt.Errorf("pki retire: %w", err)
	}
	if err := replaceFile(path, data); err != nil {
		return fmt.Errorf("pki retire: %w", err)
	}
	return nil
}

func newSigningBlock() ([]byte, error) {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	return encodePrivateKey(key)
}

func newContentBlock() ([]byte, error) {
	key := make([]byte, contentKeyBytes)
	if _, err := rand.Read(key); err != nil {
		return nil, err
	}
	return pem.EncodeToMemory(&pem.Block{Type: blockContentKey, Bytes: key}), nil
}
