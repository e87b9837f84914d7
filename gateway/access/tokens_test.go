package access

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jieli-gateway/jieli/gateway/fault"
)

// clock is a time that tests set.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func newClock() *clock { return &clock{now: time.Date(2026, 11, 24, 8, 0, 0, 0, time.UTC)} }

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

func open(t *testing.T, path string, c *clock) *Tokens {
	t.Helper()
	tokens, err := Open(path, Options{Now: c.Now})
	if err != nil {
		t.Fatal(err)
	}
	return tokens
}

func create(t *testing.T, tokens *Tokens, spec Spec) (string, Entry) {
	t.Helper()
	token, entry, err := tokens.Create(spec)
	if err != nil {
		t.Fatal(err)
	}
	return token, entry
}

func wantReason(t *testing.T, err error, reason string) {
	t.Helper()
	e, ok := fault.As(err)
	if !ok || e.Kind != fault.Unauthenticated || e.Reason != reason {
		t.Fatalf("got %v, want an Unauthenticated fault with reason %s", err, reason)
	}
}

func TestTokenFromCreationToRevocation(t *testing.T) {
	path, c := filepath.Join(t.TempDir(), "tokens.json"), newClock()
	node, command := open(t, path, c), open(t, path, c)

	_, err := node.Authenticate("")
	wantReason(t, err, ReasonNoToken)

	token, entry := create(t, command, Spec{Name: "王芳", Kind: Person, Roles: []Role{Operator, Auditor}})
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("tokens.json: %v, %v; want mode 0600", info, err)
	}
	if data, _ := os.ReadFile(path); strings.Contains(string(data), strings.TrimPrefix(token, tokenPrefix)) {
		t.Fatal("the file holds the token itself")
	}

	c.advance(RefreshInterval)
	caller, err := node.Authenticate(token)
	if err != nil {
		t.Fatalf("a token made by another process: %v", err)
	}
	if caller.Name != "王芳" || caller.Kind != Person || caller.ID != entry.ID || !caller.HasAny(Admin, Auditor) || caller.HasAny(Admin, Monitor) {
		t.Fatalf("got %+v", caller)
	}

	if _, err := command.Revoke(entry.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := command.Authenticate(token); err == nil {
		t.Fatal("a revoked token is let in where it was revoked")
	}
	c.advance(RefreshInterval)
	_, err = node.Authenticate(token)
	wantReason(t, err, ReasonTokenRevoked)

	if _, err := command.Revoke("nosuchtoken"); !errors.Is(err, ErrUnknownToken) {
		t.Fatalf("revoking an unknown id: %v", err)
	}
	again, err := command.Revoke(entry.ID)
	if err != nil || again.State(c.Now()) != "REVOKED" {
		t.Fatalf("revoking twice: %+v, %v", again, err)
	}
}

func TestTokenExpires(t *testing.T) {
	path, c := filepath.Join(t.TempDir(), "tokens.json"), newClock()
	tokens := open(t, path, c)
	token, _ := create(t, tokens, Spec{Name: "crm", Kind: System, Roles: []Role{Operator}, Expires: c.Now().Add(time.Hour)})
	c.advance(time.Hour - time.Second)
	if _, err := tokens.Authenticate(token); err != nil {
		t.Fatalf("before its end: %v", err)
	}
	c.advance(time.Second)
	_, err := tokens.Authenticate(token)
	wantReason(t, err, ReasonTokenExpired)
}

// Only what is in use and ends soon is spoken of, also after the file has changed; what is renewed and not used any more is not.
func TestEnding(t *testing.T) {
	c := newClock()
	tokens := open(t, filepath.Join(t.TempDir(), "tokens.json"), c)
	const day = 24 * time.Hour
	secrets := map[string]string{}
	for name, days := range map[string]int{"idle": 5, "later": 60, "second": 20, "first": 10} {
		secrets[name], _ = create(t, tokens, Spec{Name: name, Roles: []Role{Operator}, Expires: c.Now().Add(time.Duration(days) * day)})
	}
	use := func(names ...string) {
		t.Helper()
		for _, name := range names {
			if _, err := tokens.Authenticate(secrets[name]); err != nil {
				t.Fatal(err)
			}
		}
	}
	want := func(names ...string) {
		t.Helper()
		var got []string
		for _, e := range tokens.Ending(30 * day) {
			got = append(got, e.Name)
		}
		if !slices.Equal(got, names) {
			t.Errorf("got %v, want %v", got, names)
		}
	}
	want()
	use("later", "second", "first")
	want("first", "second")
	create(t, tokens, Spec{Name: "another", Roles: []Role{Operator}}) // the file is read again
	want("first", "second")
	c.advance(23 * time.Hour)
	use("second")
	c.advance(2 * time.Hour)
	want("second")
	c.advance(19 * day)
	want()
}

func TestBadTokensAreRefused(t *testing.T) {
	path, c := filepath.Join(t.TempDir(), "tokens.json"), newClock()
	tokens := open(t, path, c)
	token, _ := create(t, tokens, Spec{Name: "crm", Kind: System, Roles: []Role{Operator}})
	last := token[len(token)-1]
	for name, bad := range map[string]string{
		"of another node":        tokenPrefix + strings.Repeat("A", 43),
		"cut short":              token[:len(token)-1],
		"too long":               token + "A",
		"without its prefix":     strings.TrimPrefix(token, tokenPrefix),
		"in capitals":            strings.ToUpper(token),
		"with spaces":            token[:10] + " " + token[11:],
		"with a line end":        token[:10] + "\n" + token[11:],
		"with its last bits set": token[:len(token)-1] + string(last+1),
		"not ASCII":              tokenPrefix + strings.Repeat("令", 43),
	} {
		t.Run(name, func(t *testing.T) {
			_, err := tokens.Authenticate(bad)
			wantReason(t, err, ReasonBadToken)
			if strings.Contains(err.Error(), bad) {
				t.Fatal("the error repeats the token")
			}
		})
	}
}

func TestSpecsThatAreRefused(t *testing.T) {
	path, c := filepath.Join(t.TempDir(), "tokens.json"), newClock()
	tokens := open(t, path, c)
	good := Spec{Name: "crm", Kind: System, Roles: []Role{Operator}}
	for name, change := range map[string]func(*Spec){
		"no name":           func(s *Spec) { s.Name = "" },
		"name too long":     func(s *Spec) { s.Name = strings.Repeat("名", MaxName+1) },
		"control character": func(s *Spec) { s.Name = "a\x00b" },
		"direction mark":    func(s *Spec) { s.Name = "a\u202eb" },
		"invalid UTF-8":     func(s *Spec) { s.Name = "a\xff" },
		"space at the end":  func(s *Spec) { s.Name = "crm " },
		"unknown kind":      func(s *Spec) { s.Kind = "robot" },
		"no roles":          func(s *Spec) { s.Roles = nil },
		"unknown role":      func(s *Spec) { s.Roles = []Role{"root"} },
		"expired":           func(s *Spec) { s.Expires = c.Now() },
		"for ever":          func(s *Spec) { s.Expires = c.Now().Add(MaxLifetime + time.Minute) },
	} {
		t.Run(name, func(t *testing.T) {
			spec := good
			change(&spec)
			if token, _, err := tokens.Create(spec); err == nil {
				t.Fatalf("made %q", token)
			}
		})
	}
	if list, err := tokens.List(); err != nil || len(list) != 0 {
		t.Fatalf("after refusals the file holds %v, %v", list, err)
	}
}

func TestConcurrentWritersLoseNothing(t *testing.T) {
	path, c := filepath.Join(t.TempDir(), "tokens.json"), newClock()
	const writers, each = 4, 5
	var group sync.WaitGroup
	for i := range writers {
		tokens := open(t, path, c)
		group.Go(func() {
			for j := range each {
				if _, _, err := tokens.Create(Spec{Name: fmt.Sprintf("crm %d-%d", i, j), Kind: System, Roles: []Role{Operator}}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
	list, err := open(t, path, c).List()
	if err != nil || len(list) != writers*each {
		t.Fatalf("%d tokens, %v; want %d", len(list), err, writers*each)
	}
}

func TestUnreadableFileKeepsWhatWasRead(t *testing.T) {
	path, c := filepath.Join(t.TempDir(), "tokens.json"), newClock()
	tokens := open(t, path, c)
	token, entry := create(t, tokens, Spec{Name: "crm", Kind: System, Roles: []Role{Operator}})
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}

	write(t, path, "{not json")
	c.advance(RefreshInterval)
	if _, err := tokens.Authenticate(token); err != nil {
		t.Fatalf("with a broken file: %v", err)
	}
	if _, err := tokens.Revoke(entry.ID); err == nil {
		t.Fatal("a broken file was written over")
	}
	if _, err := Open(path, Options{Now: c.Now}); err == nil {
		t.Fatal("a broken file was opened")
	}

	write(t, path, string(good))
	c.advance(RefreshInterval)
	if _, err := tokens.Authenticate(token); err != nil {
		t.Fatalf("with the file mended: %v", err)
	}

	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	c.advance(RefreshInterval)
	_, err = tokens.Authenticate(token)
	wantReason(t, err, ReasonBadToken)
}

func write(t *testing.T, path, data string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(data), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestBookOfAnotherFormIsRefused(t *testing.T) {
	record := `{"id":"a","name":"n","kind":"person","roles":["admin"],"created":"2026-01-01T00:00:00Z","expires":"2027-01-01T00:00:00Z","sha256":"` + strings.Repeat("ab", 32) + `"}`
	for name, test := range map[string]struct {
		text string
		ok   bool
	}{
		"good":           {`{"version":1,"tokens":[` + record + `]}`, true},
		"newer format":   {`{"version":2,"tokens":[]}`, false},
		"no version":     {`{"tokens":[]}`, false},
		"unknown field":  {`{"version":1,"tokens":[],"more":1}`, false},
		"double id":      {`{"version":1,"tokens":[` + record + `,` + record + `]}`, false},
		"short digest":   {`{"version":1,"tokens":[` + strings.Replace(record, "abab", "", 1) + `]}`, false},
		"unknown role":   {`{"version":1,"tokens":[` + strings.Replace(record, "admin", "root", 1) + `]}`, false},
		"without expiry": {`{"version":1,"tokens":[` + strings.Replace(record, `"expires":"2027-01-01T00:00:00Z",`, "", 1) + `]}`, false},
		"more after it":  {`{"version":1,"tokens":[]} {}`, false},
		"empty":          {``, false},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := parseBook([]byte(test.text)); (err == nil) != test.ok {
				t.Fatalf("parseBook: %v", err)
			}
		})
	}
}

func TestFullBookDropsWhatNoLongerWorks(t *testing.T) {
	c := newClock()
	b := &book{Version: bookVersion}
	for i := range MaxTokens {
		b.Tokens = append(b.Tokens, record{Entry: Entry{ID: fmt.Sprint(i), Expires: c.Now().Add(time.Hour)}})
	}
	if err := b.makeRoom(c.Now()); err == nil {
		t.Fatal("a full book of working tokens took one more")
	}
	b.Tokens[7].Revoked = c.Now()
	if err := b.makeRoom(c.Now()); err != nil || len(b.Tokens) != MaxTokens-1 || b.Tokens[7].ID != "8" {
		t.Fatalf("%d tokens, %v; want the revoked one dropped", len(b.Tokens), err)
	}
}

func FuzzToken(f *testing.F) {
	f.Add("jieli_" + strings.Repeat("A", 43))
	f.Add("jieli_")
	f.Add("jieli_" + strings.Repeat("\n", 43))
	f.Fuzz(func(t *testing.T, token string) {
		d, ok := digestOf(token)
		if !ok {
			return
		}
		if len(token) != len(tokenPrefix)+43 || d == (digest{}) {
			t.Fatalf("%q passed for a token", token)
		}
	})
}

func FuzzBook(f *testing.F) {
	f.Add([]byte(`{"version":1,"tokens":[]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		b, err := parseBook(data)
		if err != nil {
			return
		}
		for _, r := range b.Tokens {
			if err := r.check(); err != nil {
				t.Fatalf("%q was let through with %v", data, err)
			}
		}
	})
}

func BenchmarkAuthenticate(b *testing.B) {
	tokens, err := Open(filepath.Join(b.TempDir(), "tokens.json"), Options{})
	if err != nil {
		b.Fatal(err)
	}
	token, _, err := tokens.Create(Spec{Name: "crm", Kind: System, Roles: []Role{Operator}})
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := tokens.Authenticate(token); err != nil {
			b.Fatal(err)
		}
	}
}
