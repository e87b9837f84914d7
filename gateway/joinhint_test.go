package gateway

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"
)

// What whoever starts a newcomer sees in log and status, by what went wrong.
func TestJoinHints(t *testing.T) {
	for text, want := range map[string]string{
		`authentication handshake failed: refused bj/n1: BAD_CHAIN (…)`:                         "another CA than --fingerprint",
		`authentication handshake failed: tls: first record does not look like a TLS handshake`: "not its API's",
		`error reading server preface: remote error: tls: bad certificate`:                      "register",
		`write tcp 127.0.0.1:37046->127.0.0.1:7401: write: broken pipe`:                         "approve",
		`read tcp 127.0.0.1:37046->127.0.0.1:7401: connection reset by peer`:                    "--cluster-id",
		`Error while dialing: dial tcp 127.0.0.1:7499: connect: connection refused`:             "nothing answers",
		`Error while dialing: dial tcp: lookup bj.example: no such host`:                        "nothing answers",
		`rpc error: code = Unavailable desc = no leader`:                                        "tried again",
	} {
		got := adviceOn(errors.New(text))
		if !strings.Contains(got.english, want) || got.chinese == "" || got.cause == "" {
			t.Errorf("%s: got %+v, want %q", text, got, want)
		}
	}
}

// A newcomer that waits for its approval fills no log, and its status says why it waits.
func TestJoiningIsSaidOnceAMinute(t *testing.T) {
	var log bytes.Buffer
	clock := time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC)
	j := &joining{log: slog.New(slog.NewTextHandler(&log, nil)), now: func() time.Time { return clock }}
	if j.underWay() || j.status() != nil {
		t.Fatal("joins before it was told to")
	}
	j.begin("bj.example:7345")
	for i := range 61 {
		err := fmt.Errorf("write tcp 127.0.0.1:%d->127.0.0.1:7401: write: broken pipe", 40000+i)
		if i%2 > 0 {
			err = errors.New("remote error: tls: bad certificate")
		}
		j.failed(err)
		clock = clock.Add(joinPause)
	}
	if n := strings.Count(log.String(), "joining failed"); n != 3 || !strings.Contains(log.String(), "repeated=29") {
		t.Errorf("%d lines of two minutes:\n%s", n, log.String())
	}
	log.Reset()
	j.failed(errors.New("connect: connection refused"))
	if !strings.Contains(log.String(), "cause=UNREACHABLE") {
		t.Errorf("another cause is not said at once: %q", log.String())
	}
	if s := j.status(); s == nil || s.Address != "bj.example:7345" || s.Cause != "UNREACHABLE" || s.Error == "" || s.Advice == "" || s.AdviceZh == "" {
		t.Errorf("status %+v", s)
	}
	j.over()
	if j.underWay() || j.status() != nil {
		t.Error("joins still")
	}
}
