package gateway

import (
	"errors"
	"strings"
	"testing"
)

// What whoever starts a newcomer sees in the log, by what went wrong.
func TestJoinHints(t *testing.T) {
	for text, want := range map[string]string{
		`authentication handshake failed: refused bj/n1: BAD_CHAIN (…)`:                         "another CA than --fingerprint",
		`authentication handshake failed: tls: first record does not look like a TLS handshake`: "not its API's",
		`error reading server preface: remote error: tls: bad certificate`:                      "register",
		`write tcp 127.0.0.1:37046->127.0.0.1:7401: write: broken pipe`:                         "approve",
		`Error while dialing: dial tcp 127.0.0.1:7499: connect: connection refused`:             "nothing answers",
		`Error while dialing: dial tcp: lookup bj.example: no such host`:                        "nothing answers",
		`rpc error: code = Unavailable desc = no leader`:                                        "tried again",
	} {
		if got := joinHint(errors.New(text)); !strings.Contains(got, want) {
			t.Errorf("%s: got %q, want %q", text, got, want)
		}
	}
}
