package link

import (
	"bytes"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// An outage is a line when it begins and one when it ends; another reason is one once a minute.
func TestLinkTellsOfAnOutageOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b bytes.Buffer
		l := &link{state: StateConnecting, log: slog.New(slog.NewTextHandler(&b, &slog.HandlerOptions{
			ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
				if a.Key == slog.TimeKey || a.Key == "detail" {
					return slog.Attr{}
				}
				return a
			},
		}))}
		l.show(StateDown, ReasonRefused, "") // the peer is not there yet
		l.show(StateDown, ReasonCertificate, "")
		l.show(StateUp, "", "")
		l.show(StateDown, ReasonBroken, "")
		for range 40 { // tries, of which each may fail in another way
			time.Sleep(time.Second)
			l.show(StateDown, ReasonRefused, "")
			l.show(StateDown, ReasonTimeout, "")
		}
		time.Sleep(time.Minute)
		l.show(StateDown, ReasonTimeout, "")
		l.show(StateDown, ReasonTimeout, "")
		time.Sleep(time.Minute)
		l.show(StateUp, "", "")
		l.show(StateDown, ReasonDraining, "")
		l.show(StateUp, "", "")
		l.show(StateStopped, ReasonPeerRestored, "")
		want := []string{
			`level=WARN msg="link is down" reason=REFUSED`,
			`level=INFO msg="link is up again" after=0s`,
			`level=WARN msg="link is down" reason=CONNECTION_LOST`,
			`level=WARN msg="link is down" reason=TIMEOUT`,
			`level=INFO msg="link is up again" after=2m40s`,
			`level=INFO msg="link is down: the peer is stopping in an orderly way" reason=DRAINING`,
			`level=INFO msg="link is up again" after=0s`,
			"level=ERROR msg=\"link has stopped; nothing is lost, see `jieli link list` for whom to call\" reason=PEER_RESTORED",
		}
		if got := strings.Split(strings.TrimSpace(b.String()), "\n"); !slices.Equal(got, want) {
			t.Errorf("the log says\n%s\nand should say\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	})
}

// A peer that comes and goes, or says one thing and another, as fast as it can does not fill the log; what happens after
// that is told again.
func TestPeersDoNotFillTheLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b bytes.Buffer
		log := slog.New(slog.NewTextHandler(&b, nil))
		m, err := newMeters(nil)
		if err != nil {
			t.Fatal(err)
		}
		l := &link{state: StateConnecting, log: log, meters: m.peer(beta), links: &Links{cfg: Config{HashMismatch: func(string) {}}}}
		flap := func(times int) {
			for i := range times {
				l.show(StateUp, "", "")
				l.show(StateDown, ReasonBroken, "")
				l.setDiverged(i%2 == 0, 7)
			}
		}
		flap(1000)
		if lines := strings.Count(b.String(), "\n"); lines > 2*mostLines {
			t.Errorf("%d lines", lines)
		}
		l.show(StateStopped, ReasonPeerRestored, "")
		if !strings.Contains(b.String(), "link has stopped") {
			t.Error("that it has stopped is not told")
		}
		time.Sleep(time.Minute)
		b.Reset()
		l.show(StateUp, "", "")
		if got := b.String(); !strings.Contains(got, "link is up again") || !strings.Contains(got, "untold=1980") {
			t.Errorf("got %s", got)
		}
	})
}
