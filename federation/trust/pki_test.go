package trust

import (
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"maps"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

func mustLoad(t *testing.T, dir string) *Material {
	t.Helper()
	m, err := Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func newPKI(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "pki")
	if err := Init(dir, "beijing"); err != nil {
		t.Fatal(err)
	}
	if err := Issue(dir, "n-1", IssueOptions{DNSNames: []string{"n1.example"}, IPs: []net.IP{net.IPv4(10, 0, 0, 1)}}); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestInitAndIssue(t *testing.T) {
	dir := newPKI(t)
	info, err := os.Stat(dir)
	if err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("directory mode %v, %v", info.Mode(), err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, entry := range entries {
		names = append(names, entry.Name())
		if info, err := entry.Info(); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: mode %v, %v", entry.Name(), info.Mode(), err)
		}
	}
	if want := []string{FileAuthority, FileContent, FileNode, FileSigning}; !slices.Equal(names, want) {
		t.Errorf("files %v, expected %v and nothing temporary", names, want)
	}

	m := mustLoad(t, dir)
	if m.Region != "beijing" || m.Node != (NodeID{"beijing", "n-1"}) || !m.CanIssue || len(m.Signers) != 1 || m.Vault == nil {
		t.Errorf("loaded %+v", m)
	}
	if left := time.Until(m.Leaf.NotAfter); left > DefaultNodeValidity || left < DefaultNodeValidity-time.Minute {
		t.Errorf("the node certificate is valid for %s, expected %s", left, DefaultNodeValidity)
	}
	ca := m.Bundle[0]
	if !ca.MaxPathLenZero || ca.MaxPathLen != 0 || len(ca.URIs) != 1 || ca.URIs[0].String() != "spiffe://beijing" {
		t.Errorf("CA: path length %d, URIs %v", ca.MaxPathLen, ca.URIs)
	}
	if years := time.Until(ca.NotAfter).Hours() / 24 / 365; years < 9.9 || years > 10.1 {
		t.Errorf("the CA is valid for %.1f years", years)
	}
	if len(m.Leaf.URIs) != 1 || m.Leaf.URIs[0].String() != "spiffe://beijing/node/n-1" || len(m.Leaf.ExtKeyUsage) != 2 || m.Leaf.IsCA {
		t.Errorf("leaf: URIs %v, usages %v", m.Leaf.URIs, m.Leaf.ExtKeyUsage)
	}
	certs, err := m.Certificates(nil)
	if err != nil {
		t.Fatal(err)
	}
	if chain := certs.current().Certificate; len(chain) != 2 || !bytes.Equal(chain[1], ca.Raw) {
		t.Error("the chain must be leaf, then CA, so that a joiner can pin the CA")
	}
}

func TestNothingIsOverwritten(t *testing.T) {
	dir := newPKI(t)
	before := readAll(t, dir)
	if err := Init(dir, "beijing"); !errors.Is(err, ErrExists) {
		t.Errorf("second init: %v", err)
	}
	if err := Issue(dir, "n-2", IssueOptions{}); !errors.Is(err, ErrExists) {
		t.Errorf("second issue: %v", err)
	}
	if after := readAll(t, dir); !maps.Equal(before, after) {
		t.Error("a file has changed")
	}
}

func TestInterruptedInitIsCompleted(t *testing.T) {
	dir := newPKI(t)
	before := readAll(t, dir)
	for _, name := range []string{FileAuthority, FileNode, FileSigning} {
		if err := os.Remove(filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := Load(dir); !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), "pki init") {
		t.Errorf("load of half a directory: %v", err)
	}
	if err := Init(dir, "beijing"); err != nil {
		t.Fatal(err)
	}
	if after := readAll(t, dir); after[FileContent] != before[FileContent] {
		t.Error("the content key that was there has been replaced")
	}
	if m := mustLoad(t, dir); !m.Node.IsZero() || len(m.Signers) != 1 {
		t.Errorf("loaded %+v", m)
	}
}

func TestIssueForAnotherMachine(t *testing.T) {
	dir := newPKI(t)
	for _, test := range []struct {
		name string
		opts IssueOptions
		keys bool
	}{
		{"registry only", IssueOptions{Out: filepath.Join(t.TempDir(), "n2")}, false},
		{"with tickets", IssueOptions{Out: filepath.Join(t.TempDir(), "n3"), RegionKeys: true}, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			if err := Issue(dir, "n-2", test.opts); err != nil {
				t.Fatal(err)
			}
			m := mustLoad(t, test.opts.Out)
			if m.CanIssue || m.Node != (NodeID{"beijing", "n-2"}) || (m.Vault != nil) != test.keys || (len(m.Signers) == 1) != test.keys {
				t.Errorf("loaded %+v", m)
			}
			if test.keys && m.Show().SigningKeyID != mustLoad(t, dir).Show().SigningKeyID {
				t.Error("the signing key is another one")
			}
			for _, part := range []Part{PartNode, PartCA} {
				if err := Rotate(test.opts.Out, part); err == nil || !strings.Contains(err.Error(), "private key") {
					t.Errorf("rotate %s without the CA's key: %v", part, err)
				}
			}
		})
	}
}

func TestIssueRefused(t *testing.T) {
	dir := newPKI(t)
	for name, issue := range map[string]func() error{
		"bad node name":    func() error { return Issue(dir, "../x", IssueOptions{}) },
		"negative":         func() error { return Issue(dir, "a", IssueOptions{Validity: -time.Hour}) },
		"outlives its CA":  func() error { return Issue(dir, "a", IssueOptions{Validity: 11 * 365 * 24 * time.Hour}) },
		"no CA":            func() error { return Issue(t.TempDir(), "a", IssueOptions{}) },
		"bad region":       func() error { return Init(filepath.Join(t.TempDir(), "x"), "Bei") },
		"unknown part":     func() error { return Rotate(dir, "everything") },
		"rotate no CA":     func() error { return Rotate(t.TempDir(), PartCA) },
		"rotate no node":   func() error { return Rotate(t.TempDir(), PartNode) },
		"retire no CA":     func() error { return RetireOldCAs(t.TempDir()) },
		"rotate no key":    func() error { return Rotate(t.TempDir(), PartSigning) },
		"rotate no vault":  func() error { return Rotate(t.TempDir(), PartContent) },
		"load nothing":     func() error { _, err := Load(t.TempDir()); return err },
		"dir is a file":    func() error { return Init(filepath.Join(dir, FileNode), "beijing") },
		"another at work":  func() error { return whileLocked(t, dir, func() error { return Rotate(dir, PartNode) }) },
		"no node for TLS":  func() error { _, err := (&Material{dir: dir}).Certificates(nil); return err },
		"file for TLS":     func() error { _, err := NewCertificates(filepath.Join(dir, "none"), nil); return err },
		"CA is not a node": func() error { _, err := NewCertificates(filepath.Join(dir, FileAuthority), nil); return err },
	} {
		t.Run(name, func(t *testing.T) {
			if err := issue(); err == nil {
				t.Error("it was not refused")
			}
		})
	}
}

func whileLocked(t *testing.T, dir string, do func() error) error {
	t.Helper()
	unlock, err := lockDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer unlock()
	return do()
}

func TestLoadRefusesWhatDoesNotBelongTogether(t *testing.T) {
	other := newTestRegion(t, "tianjin")
	if err := Issue(other.dir, "1", IssueOptions{}); err != nil {
		t.Fatal(err)
	}
	impostor := newTestRegion(t, "beijing")
	if err := Issue(impostor.dir, "1", IssueOptions{}); err != nil {
		t.Fatal(err)
	}
	read := func(dir, name string) []byte {
		data, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	for _, test := range []struct {
		name string
		file string
		data []byte
		mode os.FileMode
	}{
		{"node of another region", FileNode, read(other.dir, FileNode), 0o600},
		{"node of another CA", FileNode, read(impostor.dir, FileNode), 0o600},
		{"CA key of another CA", FileAuthority, slices.Concat(pemBlock(read(other.dir, FileAuthority), 0), pemBlock(read(impostor.dir, FileAuthority), 1)), 0o600},
		{"two CA keys", FileAuthority, slices.Concat(pemBlock(read(other.dir, FileAuthority), 0), read(impostor.dir, FileAuthority)), 0o600},
		{"CAs of two regions", FileAuthority, slices.Concat(read(impostor.dir, FileAuthority), pemBlock(read(other.dir, FileAuthority), 1)), 0o600},
		{"a node as CA", FileAuthority, read(impostor.dir, FileNode), 0o600},
		{"not PEM", FileSigning, []byte("hello"), 0o600},
		{"empty", FileContent, nil, 0o600},
		{"CA key as signing key", FileSigning, pemBlock(read(other.dir, FileAuthority), 0), 0o600},
		{"signing key as content key", FileContent, read(other.dir, FileSigning), 0o600},
		{"readable by others", FileSigning, read(other.dir, FileSigning), 0o604},
		{"writable by the group", FileNode, read(other.dir, FileNode), 0o660},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := newPKI(t)
			path := filepath.Join(dir, test.file)
			if err := os.WriteFile(path, test.data, test.mode); err != nil {
				t.Fatal(err)
			}
			if err := os.Chmod(path, test.mode); err != nil {
				t.Fatal(err)
			}
			if _, err := Load(dir); err == nil || !strings.Contains(err.Error(), test.file) {
				t.Errorf("expected an error that names %s, got %v", test.file, err)
			}
		})
	}
}

// pemBlock cuts the n-th block out of a PEM file.
func pemBlock(data []byte, n int) []byte {
	parts := strings.Split(string(data), "-----BEGIN ")
	return []byte("-----BEGIN " + parts[n+1])
}

func TestRotateNode(t *testing.T) {
	dir := newPKI(t)
	before := mustLoad(t, dir)
	if err := Rotate(dir, PartNode); err != nil {
		t.Fatal(err)
	}
	after := mustLoad(t, dir)
	if after.Leaf.Equal(before.Leaf) || after.Node != before.Node {
		t.Error("expected a new certificate of the same node")
	}
	if !slices.Equal(after.Leaf.DNSNames, before.Leaf.DNSNames) || len(after.Leaf.IPAddresses) != 1 {
		t.Errorf("names were lost: %v %v", after.Leaf.DNSNames, after.Leaf.IPAddresses)
	}
	length := func(m *Material) time.Duration { return m.Leaf.NotAfter.Sub(m.Leaf.NotBefore) }
	if length(after) != length(before) {
		t.Errorf("valid for %s, before for %s", length(after), length(before))
	}
}

func TestRotateSigning(t *testing.T) {
	dir := newPKI(t)
	first := mustLoad(t, dir).Show().SigningKeyID
	if err := Rotate(dir, PartSigning); err != nil {
		t.Fatal(err)
	}
	m := mustLoad(t, dir)
	second := m.Show().SigningKeyID
	if second == first || len(m.Signers) != 2 {
		t.Fatalf("keys %v", m.Signers)
	}
	// Until the registry has the new key, the node goes on with the old one.
	for known, want := range map[string]string{first: first, first + second: second} {
		signer, ok := m.Signer(func(id string) bool { return strings.Contains(known, id) })
		if !ok || signer.KeyID() != want {
			t.Errorf("registry knows %s: signer %v, %v", known, signer, ok)
		}
	}
	if _, ok := m.Signer(func(string) bool { return false }); ok {
		t.Error("found a signer that the registry does not know")
	}
	for range 3 {
		if err := Rotate(dir, PartSigning); err != nil {
			t.Fatal(err)
		}
	}
	if m := mustLoad(t, dir); len(m.Signers) != signingKeysKept {
		t.Errorf("%d signing keys are kept, expected %d", len(m.Signers), signingKeysKept)
	}
}

func TestRotateContentKeepsOldContentReadable(t *testing.T) {
	dir := newPKI(t)
	sealed, err := mustLoad(t, dir).Vault.Seal([]byte("ticket"), []byte("name"))
	if err != nil {
		t.Fatal(err)
	}
	if err := Rotate(dir, PartContent); err != nil {
		t.Fatal(err)
	}
	vault := mustLoad(t, dir).Vault
	if id, _ := KeyIDOf(sealed); id == vault.KeyID() {
		t.Error("the key is still the same")
	}
	if content, err := vault.Open([]byte("ticket"), sealed); err != nil || string(content) != "name" {
		t.Errorf("opened %q, %v", content, err)
	}
}

// TestRotateCA is the whole procedure: both in the bundle, then the node, then the old one goes.
func TestRotateCA(t *testing.T) {
	dir := newPKI(t)
	old := mustLoad(t, dir)
	if err := Rotate(dir, PartCA); err != nil {
		t.Fatal(err)
	}
	both := mustLoad(t, dir)
	if len(both.Bundle) != 2 || !both.Bundle[1].Equal(old.Bundle[0]) || !both.Leaf.Equal(old.Leaf) {
		t.Fatal("expected new and old CA, and the node's certificate as it was")
	}
	if show := both.Show(); show.BundleFingerprint != FingerprintOf(old.Bundle[0]) || len(show.Bundle) != 2 {
		t.Error("a joiner must still be told the fingerprint of the CA that the node shows")
	}
	if err := RetireOldCAs(dir); err == nil || !strings.Contains(err.Error(), "rotate the node first") {
		t.Errorf("the old CA was retired under the node's feet: %v", err)
	}
	if err := Rotate(dir, PartNode); err != nil {
		t.Fatal(err)
	}
	if show := mustLoad(t, dir).Show(); show.BundleFingerprint != FingerprintOf(both.Bundle[0]) {
		t.Error("the fingerprint should be the new CA's now")
	}
	if err := RetireOldCAs(dir); err != nil {
		t.Fatal(err)
	}
	if m := mustLoad(t, dir); len(m.Bundle) != 1 || !m.Bundle[0].Equal(both.Bundle[0]) {
		t.Errorf("%d CAs left", len(m.Bundle))
	}
	for range MaxBundle - 1 {
		if err := Rotate(dir, PartCA); err != nil {
			t.Fatal(err)
		}
	}
	if err := Rotate(dir, PartCA); err == nil {
		t.Error("the bundle grew over its bound")
	}
}

func TestShow(t *testing.T) {
	dir := newPKI(t)
	m := mustLoad(t, dir)
	encoded, err := json.Marshal(m.Show())
	if err != nil {
		t.Fatal(err)
	}
	var fields map[string]any
	if err := json.Unmarshal(encoded, &fields); err != nil {
		t.Fatal(err)
	}
	var names []string
	for name := range fields {
		names = append(names, name)
	}
	slices.Sort(names)
	want := []string{
		"bundle", "bundleFingerprint", "caExpires", "certificateExpires", "contentKeyId", "node", "region",
		"signingAlgorithm", "signingKeyId", "signingPublicKey", "spiffeId",
	}
	if !slices.Equal(names, want) {
		t.Errorf("fields %v, expected %v", names, want)
	}
	var back Show
	if err := json.Unmarshal(encoded, &back); err != nil {
		t.Fatal(err)
	}
	bundle, err := ParseBundle(back.Region, back.Bundle)
	if err != nil {
		t.Fatal(err)
	}
	if FingerprintOf(bundle[0]) != back.BundleFingerprint || !back.CertificateExpires.Equal(m.Leaf.NotAfter) {
		t.Errorf("read back %+v", back)
	}
	verifier, err := NewVerifier(back.SigningAlgorithm, back.SigningPublicKey)
	if err != nil || verifier.KeyID() != back.SigningKeyID || len(back.SigningKeyID) != 16 {
		t.Errorf("signing key %s: %v", back.SigningKeyID, err)
	}
}

func TestParseBundleRefuses(t *testing.T) {
	beijing, tianjin := newTestRegion(t, "beijing"), newTestRegion(t, "tianjin")
	ca := beijing.ca.certs[0].Raw
	leaf := beijing.forge(t, nil, "spiffe://beijing/node/1").Leaf.Raw
	many := make([][]byte, MaxBundle+1)
	for i := range many {
		many[i] = newTestRegion(t, "beijing").ca.certs[0].Raw
	}
	for _, test := range []struct {
		name string
		ders [][]byte
	}{
		{"none", nil},
		{"too many", many},
		{"twice the same", [][]byte{ca, ca}},
		{"another region's CA", [][]byte{ca, tianjin.ca.certs[0].Raw}},
		{"a leaf", [][]byte{leaf}},
		{"rubbish", [][]byte{{1, 2, 3}}},
		{"too long", [][]byte{make([]byte, MaxCertificateBytes+1)}},
		{"more behind it", [][]byte{append(slices.Clone(ca), 0)}},
	} {
		t.Run(test.name, func(t *testing.T) {
			if _, err := ParseBundle("beijing", test.ders); err == nil {
				t.Error("it was not refused")
			}
		})
	}
	if _, err := ParseBundle("beijing", [][]byte{ca}); err != nil {
		t.Errorf("a good bundle was refused: %v", err)
	}
}

func FuzzParseBundle(f *testing.F) {
	ca, err := newAuthority("beijing", time.Now())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(ca.certs[0].Raw)
	f.Add([]byte{0x30, 0x80})
	f.Fuzz(func(t *testing.T, der []byte) {
		bundle, err := ParseBundle("beijing", [][]byte{der})
		if err == nil && (len(bundle) != 1 || !bytes.Equal(bundle[0].Raw, der)) {
			t.Error("the bundle is not what was given")
		}
	})
}

func TestFingerprint(t *testing.T) {
	want := FingerprintOf(newTestRegion(t, "beijing").ca.certs[0])
	text := want.String()
	var colons strings.Builder
	for i := 0; i < len(text); i += 2 {
		colons.WriteString(strings.ToUpper(text[i:i+2]) + ":")
	}
	for _, s := range []string{text, strings.ToUpper(text), " " + text + "\n", strings.TrimSuffix(colons.String(), ":")} {
		if got, err := ParseFingerprint(s); err != nil || got != want {
			t.Errorf("%q reads as %v, %v", s, got, err)
		}
	}
	for _, s := range []string{"", text[1:], text + "00", "zz" + text[2:]} {
		if _, err := ParseFingerprint(s); err == nil {
			t.Errorf("%q was read", s)
		}
	}
}

func readAll(t *testing.T, dir string) map[string]string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{}
	for _, entry := range entries {
		data, err := os.ReadFile(filepath.Join(dir, entry.Name()))
		if err != nil {
			t.Fatal(err)
		}
		files[entry.Name()] = string(data)
	}
	return files
}
