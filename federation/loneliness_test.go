package federation

import (
	"bytes"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/go-hclog"
)

// lines logs to a buffer; the function gives the messages since it was last called, with their level.
func lines(level slog.Level) (*slog.Logger, func() []string) {
	var b bytes.Buffer
	log := slog.New(slog.NewTextHandler(&b, &slog.HandlerOptions{Level: level, ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey || a.Key == "part" || a.Key == "since" || a.Key == "after" {
			return slog.Attr{}
		}
		return a
	}}))
	return log, func() []string {
		defer b.Reset()
		var said []string
		for line := range strings.Lines(b.String()) {
			line = strings.TrimPrefix(strings.TrimSpace(line), "level=")
			said = append(said, strings.ReplaceAll(strings.SplitN(line, ":", 2)[0], `msg="`, ""))
		}
		return said
	}
}

// Of a leader that is away the log has one line, and one when it is back, however long that takes.
func TestLoneliness(t *testing.T) {
	log, said := lines(slog.LevelInfo)
	l := &loneliness{log: log, self: "chengdu/1", reason: StaleNotCaughtUp}
	for _, step := range []struct {
		name   string
		age    time.Duration
		leader string
		reason string
		want   []string
	}{
		{"it has just started", time.Second, "", StaleNotCaughtUp, nil},
		{"a leader is found", 0, "beijing/1", "", []string{`INFO the registry is led" leader=beijing/1`}},
		{"all goes on", 0, "beijing/1", "", nil},
		{"an election", 3 * time.Second, "", "", nil},
		{"another leads", 0, "shanghai/1", "", []string{`INFO the registry is led" leader=shanghai/1`}},
		{"this node leads", 0, "chengdu/1", "", nil},
		{"shanghai again", 0, "shanghai/1", "", []string{`INFO the registry is led" leader=shanghai/1`}},
		{"it is away", 11 * time.Second, "", "", []string{"WARN no leader of the registry is heard from"}},
		{"for long", time.Hour, "", "", nil},
		{"past the grace", 25 * time.Hour, "", StaleNoQuorumContact, []string{"WARN the registry's grace is over"}},
		{"it is back", 0, "shanghai/1", "", []string{`INFO the registry's leader is heard from again" leader=shanghai/1`, `INFO the registry here is the newest again"`}},
		{"the registry is newer than the binary", 0, "shanghai/1", StaleLevelUnknown, []string{"ERROR this node no longer follows the registry and serves its last table"}},
	} {
		l.look(step.age, step.leader, step.reason, "")
		if got := said(); !slices.Equal(got, step.want) {
			t.Errorf("%s: the log says %q, expected %q", step.name, got, step.want)
		}
	}
}

// What Raft says at each heartbeat of a peer that is away is no line of the log, and what it says of its disk is one a minute.
func TestRaftSaysWhatSomebodyMayActOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log, said := lines(slog.LevelInfo)
		raft := newRaftLogger(log)
		for range 100 {
			raft.Error("failed to heartbeat to", "peer", "beijing/1", "error", "refused")
			raft.Warn("heartbeat timeout reached, starting election")
			raft.Info("election won")
			raft.Error("failed to commit logs", "error", "no space left")
		}
		time.Sleep(sayAgain)
		raft.Error("failed to commit logs", "error", "no space left")
		want := []string{
			`WARN msg=raft detail="failed to commit logs" error="no space left"`, `WARN msg=raft detail="failed to commit logs" repeated=99 error="no space left"`,
		}
		if got := said(); !slices.Equal(got, want) {
			t.Errorf("the log says %q, expected %q", got, want)
		}
	})
	log, said := lines(slog.LevelDebug)
	newRaftLogger(log).Log(hclog.Error, "failed to heartbeat to", "peer", "beijing/1")
	if got, want := said(), []string{`DEBUG msg=raft detail="failed to heartbeat to" peer=beijing/1`}; !slices.Equal(got, want) {
		t.Errorf("at debug level the log says %q, expected %q", got, want)
	}
}
