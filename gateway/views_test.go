package gateway

import (
	"context"
	"net"
	"strings"
	"sync/atomic"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	"github.com/jieli-gateway/jieli/gateway/link"
	jieliv1 "github.com/jieli-gateway/jieli/proto/jieli/v1"
)

// region is a fake one: it answers or fails as it is told.
type region struct {
	jieliv1.UnimplementedLinkServiceServer
	asked atomic.Int32
	links []*jieliv1.SeenLink
	err   error
}

func (r *region) View(context.Context, *jieliv1.ViewRequest) (*jieliv1.ViewResponse, error) {
	r.asked.Add(1)
	return &jieliv1.ViewResponse{Links: r.links}, r.err
}

// tooOld knows nothing of View.
type tooOld struct {
	jieliv1.UnimplementedLinkServiceServer
}

func serveRegion(t *testing.T, s jieliv1.LinkServiceServer) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer()
	jieliv1.RegisterLinkServiceServer(server, s)
	done := make(chan error, 1)
	go func() { done <- server.Serve(listener) }()
	t.Cleanup(func() {
		server.Stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return listener.Addr().String()
}

func plainDial(_ context.Context, _, address string) (*grpc.ClientConn, error) {
	return grpc.NewClient("passthrough:///"+address, grpc.WithTransportCredentials(insecure.NewCredentials()))
}

// fakeNodes is a registry of one ticket node a region.
type fakeNodes map[string]string

func (f fakeNodes) Members() (all []link.Member) {
	for r := range f {
		state := jieliv1.Region_ACTIVE
		if r == "gone" {
			state = jieliv1.Region_RETIRED
		}
		all = append(all, link.Member{Region: r, State: state})
	}
	return all
}

func (f fakeNodes) TicketNodes(r string) []*jieliv1.Node {
	return []*jieliv1.Node{{Region: r, Name: "n1", Address: f[r], Tickets: true}}
}

func TestViews(t *testing.T) {
	good := &region{links: []*jieliv1.SeenLink{{Peer: "me", State: "UP\n"}}}
	v := &views{self: "me", dial: plainDial, registry: fakeNodes{
		"me": "127.0.0.1:1", "gone": "127.0.0.1:1", "absent": "127.0.0.1:1",
		"good": serveRegion(t, good), "old": serveRegion(t, tooOld{}),
		"starting": serveRegion(t, &region{err: status.Error(codes.Unavailable, "NOT_READY: still starting")}),
	}}
	var got []string
	for _, view := range v.Views(t.Context()) {
		words := []string{view.GetRegion(), view.GetReason()}
		for _, l := range view.GetLinks() {
			words = append(words, l.GetPeer(), l.GetState())
		}
		got = append(got, strings.TrimSpace(strings.Join(words, " ")))
	}
	if s := strings.Join(got, ", "); s != "absent REFUSED, good  me UP, old VERSION, starting NOT_READY" {
		t.Errorf("got %q", s)
	}
	v.Views(t.Context())
	if n := good.asked.Load(); n != 1 {
		t.Errorf("asked %d times; a second look at once costs the peers nothing", n)
	}
}

// Who hangs up while asking leaves no view of everybody being away behind.
func TestViewsOfWhoHungUp(t *testing.T) {
	good := &region{}
	v := &views{self: "me", dial: plainDial, registry: fakeNodes{"good": serveRegion(t, good)}}
	hungUp, cancel := context.WithCancel(t.Context())
	cancel()
	v.Views(hungUp)
	if seen := v.Views(t.Context()); len(seen) != 1 || !seen[0].GetAnswered() {
		t.Errorf("got %v", seen)
	}
}
