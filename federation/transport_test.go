package federation

import (
	"context"
	"errors"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/hashicorp/raft"

	"github.com/jieli-gateway/jieli/federation/trust"
)

// A wrapper that hides pre-vote turns it off with only a warning.
func TestPreVoteIsNotHidden(t *testing.T) {
	_, memory := raft.NewInmemTransport("")
	var transport raft.Transport = &gatedTransport{Transport: memory, gate: newGate(time.Second)}
	if _, ok := transport.(raft.WithPreVote); !ok {
		t.Error("the transport that Raft is given has no pre-vote")
	}
	if _, ok := transport.(raft.WithClose); !ok {
		t.Error("the transport that Raft is given cannot be closed")
	}
	profile, err := ProfileNamed(ProfileLAN)
	if err != nil {
		t.Fatal(err)
	}
	if profile.raftConfig(trust.NodeID{Region: "beijing", Node: "1"}, newRaftLogger(discard())).PreVoteDisabled {
		t.Error("pre-vote is switched off")
	}
}

func TestGateSilencesHeartbeats(t *testing.T) {
	_, memory := raft.NewInmemTransportWithTimeout("a/1", 10*time.Millisecond)
	gate := newGate(time.Millisecond)
	transport := &gatedTransport{Transport: memory, gate: gate, name: "a/1"}
	log := &watchedLog{LogStore: &slowLog{inside: make(chan struct{}), release: make(chan struct{})}, gate: gate}
	slow := log.LogStore.(*slowLog)

	done := make(chan error, 1)
	go func() { done <- log.StoreLog(&raft.Log{Index: 1}) }()
	<-slow.inside
	for !gate.stalled() {
		time.Sleep(0) // until the limit of one millisecond is over
	}
	if err := transport.AppendEntries("wuhan/1", "wuhan/1", &raft.AppendEntriesRequest{}, &raft.AppendEntriesResponse{}); err != errStalled { //nolint:errorlint // exactly this
		t.Errorf("a stalled leader sent: %v", err)
	}
	close(slow.release)
	if err := <-done; err != nil {
		t.Errorf("the slow write failed: %v", err)
	}
	if gate.stalled() {
		t.Error("stalled after the write had ended")
	}
}

type slowLog struct {
	raft.LogStore
	inside, release chan struct{}
}

func (s *slowLog) StoreLogs([]*raft.Log) error {
	close(s.inside)
	<-s.release
	return nil
}

func TestNodesGoByName(t *testing.T) {
	_, memory := raft.NewInmemTransport("")
	transport := &gatedTransport{Transport: memory, gate: newGate(time.Second), name: "beijing/1"}
	if transport.LocalAddr() != "beijing/1" {
		t.Errorf("local address %q", transport.LocalAddr())
	}
	if got := transport.DecodePeer(transport.EncodePeer("shanghai/1", "127.0.0.1:7345")); got != "shanghai/1" {
		t.Errorf("a peer is written as %q", got)
	}
	if _, err := transport.AppendEntriesPipeline("shanghai/1", "shanghai/1"); err != raft.ErrPipelineReplicationNotSupported { //nolint:errorlint // as Raft compares it
		t.Errorf("pipeline: %v", err)
	}
}

// streams is two ends over plain TCP, each in a federation of its own choice.
type streams struct {
	layer   *streamLayer
	addr    string
	refused chan error
}

func newStreams(t *testing.T, cluster uuid.UUID, addresses map[trust.NodeID]string) *streams {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &streams{addr: listener.Addr().String(), refused: make(chan error, 16)}
	dial := func(ctx context.Context, addr string, _ trust.NodeID) (net.Conn, error) {
		var dialer net.Dialer
		return dialer.DialContext(ctx, "tcp", addr)
	}
	s.layer = newStreamLayer(listener, dial, Wiring{
		Address: func(id trust.NodeID) (string, bool) { addr, ok := addresses[id]; return addr, ok },
		Cluster: func() uuid.UUID { return cluster },
		Refused: func(_ trust.NodeID, err error) { s.refused <- err },
		Log:     discard(),
	})
	t.Cleanup(func() { _ = s.layer.Close() })
	return s
}

func TestStreamLayer(t *testing.T) {
	ours, theirs := uuid.New(), uuid.New()
	b := trust.NodeID{Region: "wuhan", Node: "1"}

	t.Run("same federation", func(t *testing.T) {
		there := newStreams(t, ours, nil)
		here := newStreams(t, ours, map[trust.NodeID]string{b: there.addr})
		var accepted net.Conn
		var accepting sync.WaitGroup
		accepting.Go(func() { accepted, _ = there.layer.Accept() })
		dialled, err := here.layer.Dial("wuhan/1", patience)
		if err != nil {
			t.Fatal(err)
		}
		accepting.Wait()
		if _, err := dialled.Write([]byte{7}); err != nil {
			t.Fatal(err)
		}
		got := make([]byte, 1)
		if _, err := accepted.Read(got); err != nil || !slices.Equal(got, []byte{7}) {
			t.Fatalf("read %v, %v", got, err)
		}
		// Raft's own transport would leave accepted connections open.
		if err := there.layer.Close(); err != nil {
			t.Error(err)
		}
		_ = dialled.SetReadDeadline(time.Now().Add(patience))
		if _, err := dialled.Read(got); err == nil {
			t.Error("the connection outlived its layer")
		}
	})
	t.Run("another federation", func(t *testing.T) {
		there := newStreams(t, theirs, nil)
		here := newStreams(t, ours, map[trust.NodeID]string{b: there.addr})
		if _, err := here.layer.Dial("wuhan/1", patience); !errors.Is(err, ErrOtherCluster) {
			t.Fatalf("connected to another federation: %v", err)
		}
		if err := <-there.refused; !errors.Is(err, ErrOtherCluster) {
			t.Errorf("the other side refused with %v", err)
		}
	})
	t.Run("not registered", func(t *testing.T) {
		here := newStreams(t, ours, nil)
		if _, err := here.layer.Dial("wuhan/1", patience); err == nil {
			t.Error("dialled a node that is not registered")
		}
	})
	t.Run("in no federation", func(t *testing.T) {
		there := newStreams(t, ours, nil)
		here := newStreams(t, uuid.Nil, map[trust.NodeID]string{b: there.addr})
		if _, err := here.layer.Dial("wuhan/1", patience); err == nil {
			t.Error("dialled without a federation")
		}
	})
}
