package e2e

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/encoding/protojson"

	"github.com/jieli-gateway/jieli/federation/trust"
	"github.com/jieli-gateway/jieli/gateway"
	jieliv1 "github.com/jieli-gateway/jieli/proto/jieli/v1"
)

// Whatever is broken on purpose, `jieli status` and `jieli link test` name it, say whom to phone, and are well again when
// it is mended. All is seen from jingjinji; what breaks is chengyu, or a region that was never there.
func TestFaultsAreNamed(t *testing.T) {
	f := newFederation(t, "jingjinji", "changsanjiao", "chengyu")
	w := &nightShift{T: t, f: f, here: f.nodes[0], peer: f.nodes[2]}
	w.test("chengyu", "", "")
	w.absentRegions()
	w.suspended()
	w.killed()
	w.stopped()
	w.expired()
	w.diskFull()
	w.restoredCopy()
	w.olderVersion()
	w.otherCluster()
}

// nightShift is who looks at one node while things break elsewhere.
type nightShift struct {
	*testing.T
	f          *federation
	here, peer *node
}

// absentRegions have an address that no node answers at: an unknown name, a closed port, and ports of something else
// and of something that says nothing.
func (w *nightShift) absentRegions() {
	something, err := net.Listen("tcp", "127.0.0.1:0")
	must(w.T, err)
	served := make(chan struct{})
	go func() {
		defer close(served)
		for {
			conn, err := something.Accept()
			if err != nil {
				return
			}
			_, _ = conn.Write([]byte("220 mail.example ESMTP\r\n"))
			_ = conn.Close()
		}
	}()
	w.Cleanup(func() { _ = something.Close(); <-served })
	silence, err := net.Listen("tcp", "127.0.0.1:0") // the kernel connects, and nobody accepts
	must(w.T, err)
	w.Cleanup(func() { _ = silence.Close() })
	for _, absent := range []struct{ region, prefix, address, reason, step string }{
		{"nameless", "NL", "no-such-host.invalid:7345", "DNS", "name"},
		{"closed", "CL", freeAddress(w.T), "REFUSED", "tcp"},
		{"elsewhere", "EL", something.Addr().String(), "NOT_A_NODE", "tls"},
		{"silent", "SI", silence.Addr().String(), "TIMEOUT", "tls"},
	} {
		n := newNode(w.T, trust.NodeID{Region: absent.region, Node: "n1"}, "")
		region, entry := gateway.Entry(n.material, &jieliv1.Region{NameZh: absent.region, LegalName: absent.region, DutyPhone: "12345", NumberPrefix: absent.prefix}, absent.address, false, true)
		_, err := w.here.registry.RegisterRegion(w.here.ctx(), &jieliv1.RegisterRegionRequest{Region: region, Nodes: []*jieliv1.Node{entry}})
		must(w.T, err)
		_, err = w.here.registry.ApproveRegion(w.here.ctx(), &jieliv1.ChangeRegionRequest{Id: absent.region})
		must(w.T, err)
		w.problem("LINK_DOWN", absent.reason, absent.region)
		w.test(absent.region, absent.step, absent.reason)
	}
}

// suspended is a decision and no problem, and told all the same.
func (w *nightShift) suspended() {
	_, err := w.here.registry.SuspendRegion(w.here.ctx(), &jieliv1.ChangeRegionRequest{Id: "chengyu"})
	must(w.T, err)
	w.link("UP", "SUSPENDED")
	out, _ := w.jieli("status")
	w.says(out, `(?m)^chengyu +UP +SUSPENDED .* 12345 `)
	w.test("chengyu", "registry", "SUSPENDED")
	_, err = w.here.registry.ResumeRegion(w.here.ctx(), &jieliv1.ChangeRegionRequest{Id: "chengyu"})
	must(w.T, err)
	w.link("UP", "")
}

func (w *nightShift) diskFull() {
	w.peer.stop()
	good, err := os.ReadFile(w.peer.config())
	must(w.T, err)
	full := strings.Replace(string(good), "softFreeMiB: 20, hardFreeMiB: 10", "softFreeMiB: 1000000001, hardFreeMiB: 1000000000", 1)
	must(w.T, os.WriteFile(w.peer.config(), []byte(full), 0o600))
	w.peer.start()
	w.problem("PEER_DISK", "PEER_DISK", "chengyu")
	w.test("chengyu", "hello", "PEER_DISK")
	w.peer.stop()
	must(w.T, os.WriteFile(w.peer.config(), good, 0o600))
	w.back()
}

func (w *nightShift) restoredCopy() {
	w.exchange("FAULTS-1")
	w.peer.stop()
	old, newest := filepath.Join(w.TempDir(), "old"), filepath.Join(w.TempDir(), "newest")
	must(w.T, os.CopyFS(old, os.DirFS(w.peer.storeDir())))
	w.back()
	w.exchange("FAULTS-2")
	w.peer.stop()
	must(w.T, os.CopyFS(newest, os.DirFS(w.peer.storeDir())))
	w.replaceStore(old)
	w.peer.start()
	w.problem("LINK_STOPPED", "PEER_RESTORED", "chengyu")
	w.test("chengyu", "hello", "PEER_RESTORED")
	// What the others see may be a second old, or themselves not have tried again yet.
	wait(w.T, "the verdict that chengyu answers", func() bool {
		out, _ := w.jieli("status", "--all")
		return strings.Contains(out, "chengyu: chengyu answers from here; only the exchange of tickets with it does not go on: PEER_RESTORED")
	})
	w.peer.stop()
	w.replaceStore(newest)
	w.back()
}

func (w *nightShift) replaceStore(from string) {
	must(w.T, os.RemoveAll(w.peer.storeDir()))
	must(w.T, os.CopyFS(w.peer.storeDir(), os.DirFS(from)))
}

// exchange lets a ticket travel to the peer, and its receipt back.
func (w *nightShift) exchange(external string) {
	w.Helper()
	ticket, err := submit(w.Context(), w.here, complaint(external, "500103"))
	must(w.T, err)
	wait(w.T, "the receipt of "+external, func() bool {
		got, err := w.here.tickets.GetTicket(w.here.ctx(), &jieliv1.GetTicketRequest{Id: ticket.GetId()})
		return err == nil && got.GetHolder() == "chengyu"
	})
}

// killed is the peer gone without a word: everybody sees it, so they are down, not our line.
func (w *nightShift) killed() {
	w.peer.kill()
	w.problem("LINK_DOWN", "REFUSED", "chengyu")
	w.test("chengyu", "tcp", "REFUSED")
	wait(w.T, "the verdict that chengyu is down", func() bool {
		out, _ := w.jieli("status", "--all")
		return strings.Contains(out, "chengyu: they are down: changsanjiao does not reach chengyu either")
	})
	out, _ := w.jieli("status", "--all", "--lang", "zh")
	w.Logf("status --all:\n%s", out)
	w.says(out, `chengyu：对方不通：changsanjiao 也连不上 chengyu`)
	w.back()
}

// stopped is the peer gone in an orderly way.
func (w *nightShift) stopped() {
	w.peer.stop()
	w.problem("LINK_DOWN", "DRAINING", "chengyu")
	w.test("chengyu", "tcp", "REFUSED")
}

// expired is a certificate that is not renewed in time. Both sides say so.
func (w *nightShift) expired() {
	w.reissue(trust.IssueOptions{Validity: time.Hour, Now: func() time.Time { return time.Now().Add(-2 * time.Hour) }})
	w.peer.start()
	w.peer.ready()
	w.problem("LINK_DOWN", "CERTIFICATE", "chengyu")
	out := w.test("chengyu", "identity", "CERTIFICATE")
	w.says(out, `their certificate, or its CA's, is expired`)
	there := *w
	there.here = w.peer
	there.problem("LINK_DOWN", "CERTIFICATE", "jingjinji")
	out, _ = there.jieli("status")
	w.says(out, `! CERTIFICATE_EXPIRED, since \d{4}-`)
	w.says(there.test("jingjinji", "identity", "CERTIFICATE"), `this node's own certificate expired at`)
	w.peer.stop()
	w.reissue(trust.IssueOptions{})
	w.back()
}

// reissue replaces the peer's certificate.
func (w *nightShift) reissue(o trust.IssueOptions) {
	pki := filepath.Join(w.peer.dir, "pki")
	must(w.T, os.Remove(filepath.Join(pki, trust.FileNode)))
	must(w.T, trust.Issue(pki, "n1", o))
}

// olderVersion is a peer whose link version policy does not allow any more.
func (w *nightShift) olderVersion() {
	w.peer.kill()
	w.floor(2)
	w.peer.start()
	w.problem("LINK_STOPPED", "VERSION", "chengyu")
	w.test("chengyu", "hello", "VERSION")
	w.peer.kill()
	w.floor(1)
	w.back()
}

func (w *nightShift) floor(version uint32) {
	w.Helper()
	must(w.T, again(w.Context(), func() error {
		_, err := w.here.registry.SetPolicy(w.here.ctx(), &jieliv1.SetPolicyRequest{Policy: &jieliv1.Policy{LinkVersionFloor: version}})
		return err
	}))
}

// otherCluster is a peer that was set up anew with --bootstrap where it should have joined.
func (w *nightShift) otherCluster() {
	w.peer.stop()
	must(w.T, os.RemoveAll(filepath.Join(w.peer.dir, "data", "registry")))
	w.peer.start("--bootstrap")
	w.peer.ready()
	region, entry := gateway.Entry(w.here.material, &jieliv1.Region{NameZh: "jingjinji", LegalName: "jingjinji", DutyPhone: "12345", NumberPrefix: "JJJ"}, w.here.fed, false, true)
	_, err := w.peer.registry.RegisterRegion(w.peer.ctx(), &jieliv1.RegisterRegionRequest{Region: region, Nodes: []*jieliv1.Node{entry}})
	must(w.T, err)
	_, err = w.peer.registry.ApproveRegion(w.peer.ctx(), &jieliv1.ChangeRegionRequest{Id: "jingjinji"})
	must(w.T, err)
	w.problem("LINK_STOPPED", "WRONG_CLUSTER", "chengyu")
	w.test("chengyu", "hello", "WRONG_CLUSTER")
}

// back starts the peer again and waits until all is well.
func (w *nightShift) back() {
	w.Helper()
	w.peer.start()
	w.peer.ready()
	w.link("UP", "")
	w.test("chengyu", "", "")
}

// link waits until the link with the peer is so.
func (w *nightShift) link(state, reason string) {
	w.Helper()
	wait(w.T, fmt.Sprintf("the link with chengyu to be %s %s", state, reason), func() bool {
		l := w.here.linkTo("chengyu")
		return l.GetState() == state && l.GetReason() == reason
	})
}

// problem waits until `jieli status` has a problem with a region, and looks at the words.
func (w *nightShift) problem(reason, cause, region string) {
	w.Helper()
	title := reason + " " + cause
	if reason == cause {
		title = reason
	}
	pattern := regexp.MustCompile(`  ! ` + title + ` ` + region + `, since \d{4}-.*, phone 12345\n    .+\n    do: .+\n    last success .+ wait`)
	out := ""
	defer func() { w.Logf("status, %s:\n%s", region, head(out)) }()
	wait(w.T, fmt.Sprintf("status to say %s of %s", title, region), func() bool {
		out, _ = w.jieli("status")
		return pattern.MatchString(out)
	})
}

// test runs `jieli link test` and expects it to fail at a step for a reason; at none when both are empty.
func (w *nightShift) test(region, step, reason string) string {
	w.Helper()
	out, code := w.jieli("link", "test", region, "-o", "json")
	res := new(jieliv1.TestLinkResponse)
	if err := protojson.Unmarshal([]byte(out), res); err != nil {
		w.Fatalf("link test %s: %v:\n%s", region, err, out)
	}
	failedAt, why := "", ""
	for _, s := range res.GetNodes()[0].GetSteps() {
		if s.GetResult() == jieliv1.TestStep_FAILED {
			failedAt, why = s.GetName(), s.GetReason()
		}
	}
	if failedAt != step || why != reason || res.GetOk() != (step == "") || (code == 0) != (step == "") {
		w.Errorf("link test %s fails at %q with %q, exit code %d; want %q, %q:\n%s", region, failedAt, why, code, step, reason, out)
	}
	table, _ := w.jieli("link", "test", region)
	w.Logf("link test:\n%s", table)
	return table
}

func (w *nightShift) says(out, pattern string) {
	w.Helper()
	if !regexp.MustCompile(pattern).MatchString(out) {
		w.Errorf("does not say %q:\n%s", pattern, out)
	}
}

// jieli runs a command of the command line against the node, and gives its output and exit code.
func (w *nightShift) jieli(args ...string) (string, int) {
	w.Helper()
	cmd := exec.Command(binary, append(args, "--server", w.here.api)...)
	cmd.Env = append(os.Environ(), "JIELI_TOKEN="+w.here.token, "LANG=C", "LC_ALL=C")
	out, err := cmd.Output()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		w.Fatal(err)
	}
	return string(out), cmd.ProcessState.ExitCode()
}

// head is the part of a status that says what is wrong.
func head(out string) string {
	first, _, _ := strings.Cut(out, "\n\n")
	return first
}
