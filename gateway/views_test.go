package gateway

import (
	"context"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/jieli-gateway/jieli/gateway/link"
	jieliv1 "github.com/jieli-gateway/jieli/proto/jieli/v1"
)

// region is a fake one: it answers or fails as it is told.
type region struct {
	jieliv1.UnimplementedLinkServiceServer
	asked atomic.Int32
	links []*jieliv1.SeenLink
	err   error
	held  chan struct{} // no answer before it is closed; nil: at once
	begun chan struct{} // told when a question waits for that
}

func (r *region) View(ctx context.Context, _ *jieliv1.ViewRequest) (*jieliv1.ViewResponse, error) {
	r.asked.Add(1)
	if r.held != nil {
		select {
		case r.begun <- struct{}{}:
		default: // told already
		}
		select {
		case <-r.held:
		case <-ctx.Done():
		}
	}
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
	v := newViews("me", fakeNodes{
		"me": "127.0.0.1:1", "gone": "127.0.0.1:1", "absent": "127.0.0.1:1",
		"good": serveRegion(t, good), "old": serveRegion(t, tooOld{}),
		"starting": serveRegion(t, &region{err: status.Error(codes.Unavailable, "NOT_READY: still starting")}),
	}, plainDial)
	var got []string
	for _, view := range v.Views(t.Context()) {
		words := []string{view.GetRegion(), view.GetReason()}
		for _, l := range view.GetLinks() {
			words = append(words, l.GetPeer(), l.GetState())
		}
		got = append(got, strings.TrimSpace(strings.Join(words, " ")))
	}
	if s := strings.Join(got, ", "); s != "absent REFUSED, good  me OTHER, old VERSION, starting NOT_READY" {
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
	v := newViews("me", fakeNodes{"good": serveRegion(t, good)}, plainDial)
	hungUp, cancel := context.WithCancel(t.Context())
	cancel()
	v.Views(hungUp)
	if seen := v.Views(t.Context()); len(seen) != 1 || !seen[0].GetAnswered() {
		t.Errorf("got %v", seen)
	}
}

// Whoever gives up at once, again and again, costs the peers no more than who waits.
func TestViewsOfTheImpatient(t *testing.T) {
	slow := &region{held: make(chan struct{}), begun: make(chan struct{}, 1)}
	v := newViews("me", fakeNodes{"slow": serveRegion(t, slow)}, plainDial)
	var first sync.WaitGroup
	hangsUp, hangUp := context.WithCancel(t.Context())
	first.Go(func() { v.Views(hangsUp) })
	<-slow.begun
	hangUp()
	for range 20 {
		v.Views(hangsUp) // ends, for it has given up already
	}
	close(slow.held)
	first.Wait()
	if seen := v.Views(t.Context()); len(seen) != 1 || !seen[0].GetAnswered() {
		t.Errorf("got %v", seen)
	}
	if n := slow.asked.Load(); n != 1 {
		t.Errorf("asked %d times", n)
	}
}

// A peer's answer cannot spoil the status it is shown in, nor fill this node's memory.
func TestViewsOfHostilePeers(t *testing.T) {
	odd := &region{links: []*jieliv1.SeenLink{
		{Peer: "me", State: "UP", Since: &timestamppb.Timestamp{Seconds: 1 << 60}, LastSuccess: &timestamppb.Timestamp{Nanos: -1}},
	}}
	many := &region{}
	for range link.MaxFrameBytes / 4 {
		many.links = append(many.links, &jieliv1.SeenLink{}) // 2 bytes each on the wire, many times that in memory
	}
	v := newViews("me", fakeNodes{"odd": serveRegion(t, odd), "many": serveRegion(t, many)}, plainDial)
	seen := v.Views(t.Context())
	if _, err := protojson.Marshal(&jieliv1.Status{Views: seen}); err != nil {
		t.Errorf("the status cannot be written: %v", err)
	}
	for _, view := range seen {
		if view.GetRegion() == "many" && view.GetReason() != link.ReasonTooLarge {
			t.Errorf("got %d links, reason %q", len(view.GetLinks()), view.GetReason())
		}
	}
}
