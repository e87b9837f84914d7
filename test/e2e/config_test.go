package e2e

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/metadata"

	"github.com/jieli-gateway/jieli/federation/trust"
	jieliv1 "github.com/jieli-gateway/jieli/proto/jieli/v1"
)

// configurations are test/config, as nodes are deployed today, and test/config-next, as they are to be with the coming
// release. Both must run, so that a release never turns on what nobody has run.
func configurations() []string { return []string{"config", "config-next"} }

func deployedRegions() []string { return []string{"jingjinji", "changsanjiao"} }

// TestConfigurationsAreGood holds both to `jieli config check`, and to having a file for each region.
func TestConfigurationsAreGood(t *testing.T) {
	for _, folder := range configurations() {
		files, err := filepath.Glob(filepath.Join("..", folder, "*.yaml"))
		must(t, err)
		if len(files) != len(deployedRegions()) {
			t.Errorf("test/%s has %v, want one for each of %v", folder, files, deployedRegions())
		}
		for _, file := range files {
			if out, err := exec.CommandContext(t.Context(), binary, "config", "check", file).CombinedOutput(); err != nil {
				t.Errorf("%s: %v\n%s", file, err, out)
			}
		}
	}
}

// TestTheNextConfigurationSetsEveryKey: what nobody has set, nobody has run.
func TestTheNextConfigurationSetsEveryKey(t *testing.T) {
	for _, region := range deployedRegions() {
		file := filepath.Join("..", "config-next", region+".yaml")
		out, err := exec.CommandContext(t.Context(), binary, "config", "show", "--config", file, "-o", "json").Output()
		must(t, err)
		var settings []struct{ Key, Source string }
		must(t, json.Unmarshal(out, &settings))
		for _, s := range settings {
			if s.Source == "default" {
				t.Errorf("%s does not set %s", file, s.Key)
			}
		}
	}
}

// TestATicketTravelsUnderEachConfiguration plays one short story under both: a caller in Tianjin complains about a garage
// in Suzhou; the Yangtze takes it, answers, and the caller is told.
func TestATicketTravelsUnderEachConfiguration(t *testing.T) {
	for _, folder := range configurations() {
		t.Run(folder, func(t *testing.T) {
			f := deploy(t, folder)
			origin, holder := f.nodes[0], f.nodes[1]
			taken, err := origin.tickets.SubmitTicket(origin.office(), &jieliv1.SubmitTicketRequest{RequestId: newID(), Ticket: &jieliv1.Ticket{
				Type: jieliv1.Ticket_COMPLAINT, Title: "车行拒绝退款", Description: "去年在吴中区买车，定金至今未退。", Division: "320506",
				Reporter: &jieliv1.Reporter{Name: "李明", Phone: "13800000000"},
			}})
			must(t, err)
			id := taken.GetTicket().GetId()
			wait(t, "the offer to arrive", func() bool { return holder.stateOf(id) == jieliv1.Ticket_OFFERED })
			_, err = holder.tickets.AcceptTicket(holder.office(), &jieliv1.AcceptTicketRequest{Id: id, RequestId: newID(), Reference: "SZ-88"})
			must(t, err)
			_, err = holder.tickets.AnswerTicket(holder.office(), &jieliv1.AnswerTicketRequest{Id: id, RequestId: newID(), Text: "定金已退。"})
			must(t, err)
			wait(t, "the answer to come home", func() bool { return origin.stateOf(id) == jieliv1.Ticket_ANSWERED })
			_, err = origin.tickets.CloseTicket(origin.office(), &jieliv1.CloseTicketRequest{Id: id, RequestId: newID(), Resolved: true, Text: "来电人确认。"})
			must(t, err)
			if state := origin.stateOf(id); state != jieliv1.Ticket_CLOSED {
				t.Errorf("the ticket is %v at its origin, want CLOSED", state)
			}
			if got, want := origin.metricsWithoutToken(), map[string]int{"config": http.StatusUnauthorized, "config-next": http.StatusOK}[folder]; got != want {
				t.Errorf("/metrics without a token: %d, want %d", got, want)
			}
			for _, n := range f.nodes {
				n.stop()
			}
		})
	}
}

// stateOf is what this node has of a ticket, as its centre sees it; unspecified while it has none.
func (n *node) stateOf(id string) jieliv1.Ticket_State {
	res, err := n.tickets.GetTicket(n.office(), &jieliv1.GetTicketRequest{Id: id})
	if err != nil {
		return jieliv1.Ticket_STATE_UNSPECIFIED
	}
	return res.GetState()
}

// office is a call of the centre's own system: by its certificate where the API takes certificates, else with the token.
func (n *node) office() context.Context {
	if n.conn.Target() == securely+n.api {
		return metadata.AppendToOutgoingContext(n.t.Context(), "jieli-operator", "wangfang")
	}
	return n.ctx()
}

// metricsWithoutToken is the status that /metrics answers somebody with who shows neither token nor certificate.
func (n *node) metricsWithoutToken() int {
	n.t.Helper()
	scheme := "http"
	if n.conn.Target() == securely+n.api {
		scheme = "https"
	}
	transport := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, DisableKeepAlives: true} // #nosec G402 -- only the status is looked at
	req, err := http.NewRequestWithContext(n.t.Context(), http.MethodGet, scheme+"://"+n.api+"/metrics", nil)
	must(n.t, err)
	res, err := (&http.Client{Transport: transport}).Do(req)
	must(n.t, err)
	must(n.t, res.Body.Close())
	return res.StatusCode
}

// securely begins the target of a connection with TLS; both schemes pass the address on as it is.
const securely = "passthrough://tls/"

// deploy brings the two regions up with the files of a folder. What belongs to this machine comes from the environment, as
// a service unit would give it.
func deploy(t *testing.T, folder string) *federation {
	t.Helper()
	f := &federation{t: t}
	for i, region := range deployedRegions() {
		n := newNode(t, trust.NodeID{Region: region, Node: "n1"}, "")
		env := n.useConfiguration(filepath.Join("..", folder, region+".yaml"))
		f.nodes = append(f.nodes, n)
		if i == 0 {
			f.first = n
			n.startWith(env, "--bootstrap")
			n.answers()
			f.id = n.statusNow().GetRegistry().GetClusterId()
		} else {
			f.admit(n)
			n.startWith(env, f.joinFlags()...)
		}
		for _, place := range places()[region] {
			f.route(place, region)
		}
	}
	for _, n := range f.nodes {
		wait(t, n.id.String()+" to have its link up", func() bool {
			links := n.statusNow().GetLinks()
			return len(links) == 1 && links[0].GetState() == "UP"
		})
	}
	return f
}

func (n *node) statusNow() *jieliv1.Status {
	s, err := n.status.GetStatus(n.ctx(), &jieliv1.GetStatusRequest{})
	if err != nil {
		return &jieliv1.Status{}
	}
	return s
}

// answers waits until the node leads the registry and takes calls.
func (n *node) answers() {
	n.t.Helper()
	wait(n.t, n.id.String()+" to be ready", func() bool { return n.statusNow().GetHealth() == jieliv1.Status_HEALTHY })
}

// useConfiguration puts a file in place of the node's own, makes the certificates it asks for, and gives the environment
// that fits it to this machine.
func (n *node) useConfiguration(file string) []string {
	n.t.Helper()
	b, err := os.ReadFile(file)
	must(n.t, err)
	must(n.t, os.WriteFile(n.config(), b, 0o600))
	env := []string{
		"JIELI_DATADIR=" + filepath.Join(n.dir, "data"), "JIELI_PKIDIR=" + filepath.Join(n.dir, "pki"),
		"JIELI_FEDERATION_LISTEN=" + n.fed, "JIELI_FEDERATION_ADVERTISE=" + n.fed, "JIELI_API_LISTEN=" + n.api,
	}
	if !strings.Contains(string(b), "clientCa:") {
		return env
	}
	o := makeOffice(n.t, filepath.Join(n.dir, "tls"))
	must(n.t, n.conn.Close())
	n.conn, err = grpc.NewClient(securely+n.api, grpc.WithTransportCredentials(credentials.NewTLS(o.client)))
	must(n.t, err)
	n.t.Cleanup(func() { _ = n.conn.Close() })
	n.tickets, n.events = jieliv1.NewTicketServiceClient(n.conn), jieliv1.NewEventServiceClient(n.conn)
	n.registry, n.status = jieliv1.NewRegistryServiceClient(n.conn), jieliv1.NewStatusServiceClient(n.conn)
	return slices.Concat(env, []string{"JIELI_API_TLS_CERTIFICATE=" + o.certificate, "JIELI_API_TLS_KEY=" + o.key, "JIELI_API_TLS_CLIENTCA=" + o.ca})
}
