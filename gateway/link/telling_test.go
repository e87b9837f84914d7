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
