package federation

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"sync"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/jieli-gateway/jieli/federation/trust"
	jieliv1 "github.com/jieli-gateway/jieli/proto/jieli/v1"
)

const (
	// fetchChunk is how much of the registry one message of FetchRegistry carries.
	fetchChunk = 64 << 10
	// maxFetches bounds the nodes that fetch the registry from this one at once; one each.
	maxFetches = 8
)

// Service is what other nodes call: register it with a gRPC server that serves trust's Mux.GRPC with
// trust.ServerCredentials.
func (r *Registry) Service() jieliv1.FederationServiceServer {
	return &service{registry: r, fetching: map[trust.NodeID]bool{}}
}

type service struct {
	jieliv1.UnimplementedFederationServiceServer
	registry *Registry

	mu       sync.Mutex
	fetching map[trust.NodeID]bool
}

// begin checks what every call must fulfil, and gives who calls.
func (s *service) begin(ctx context.Context, cluster string) (trust.NodeID, error) {
	if err := s.registry.started(); err != nil {
		return trust.NodeID{}, s.refuse(trust.NodeID{}, fmt.Errorf("%w: %w", ErrClosed, err))
	}
	peer, ok := trust.PeerFromContext(ctx)
	if !ok {
		return trust.NodeID{}, status.Error(codes.Unauthenticated, "only a verified node may call this")
	}
	if err := s.registry.checkCluster(cluster); err != nil {
		return peer, s.refuse(peer, err)
	}
	return peer, nil
}

// refuse counts and records a refusal, and gives it as the caller is told it.
func (s *service) refuse(peer trust.NodeID, err error) error {
	reason, _, _ := ReasonOf(err)
	s.registry.meters.refused(reason)
	switch reason {
	case "SPEAKS_FOR_ANOTHER", "WRONG_CLUSTER":
		s.registry.complaints.Do(func() {
			s.registry.log.Warn("node refused", slog.String("peer", peer.String()), slog.String("reason", reason), slog.Any("error", err))
		})
	}
	return toStatus(err)
}

// Forward applies a command of the calling node's region.
func (s *service) Forward(ctx context.Context, request *jieliv1.ForwardRequest) (*jieliv1.ForwardResponse, error) {
	peer, err := s.begin(ctx, request.GetClusterId())
	if err != nil {
		return nil, err
	}
	command := &jieliv1.Command{}
	if err := proto.Unmarshal(request.GetCommand(), command); err != nil {
		return nil, status.Errorf(codes.InvalidArgument, "command: %v", err)
	}
	if command.GetRegion() != peer.Region {
		return nil, s.refuse(peer, fmt.Errorf("%w: the command is of %q, the node is %s", ErrSpeaksForAnother, command.GetRegion(), peer))
	}
	ctx, cancel := withMargin(ctx, s.registry.cfg.WriteTimeout)
	defer cancel()
	outcome, _, err := s.registry.applyAsLeader(ctx, command, request.GetCommand())
	if err != nil {
		return nil, s.refuse(peer, err)
	}
	s.registry.meters.forwarded()
	return &jieliv1.ForwardResponse{Outcome: outcome}, nil
}

// ReadIndex gives the index that a strong read of another node must have applied.
func (s *service) ReadIndex(ctx context.Context, request *jieliv1.ReadIndexRequest) (*jieliv1.ReadIndexResponse, error) {
	peer, err := s.begin(ctx, request.GetClusterId())
	if err != nil {
		return nil, err
	}
	ctx, cancel := withMargin(ctx, s.registry.cfg.ReadTimeout)
	defer cancel()
	index, err := s.registry.readIndexAsLeader(ctx)
	if err != nil {
		return nil, s.refuse(peer, err)
	}
	return &jieliv1.ReadIndexResponse{Index: index}, nil
}

// FetchRegistry streams the newest table.
func (s *service) FetchRegistry(request *jieliv1.FetchRegistryRequest, stream grpc.ServerStreamingServer[jieliv1.FetchRegistryResponse]) error {
	peer, err := s.begin(stream.Context(), request.GetClusterId())
	if err != nil {
		return err
	}
	done, ok := s.fetch(peer)
	if !ok {
		return s.refuse(peer, fmt.Errorf("%w (this node fetches already, or %d others do)", ErrBusy, maxFetches))
	}
	defer done()
	view := s.registry.View()
	s.registry.log.Info("registry fetched", slog.String("peer", peer.String()), slog.Uint64("revision", view.Revision()))
	buffered := bufio.NewWriterSize(streamWriter{stream}, fetchChunk)
	if _, err := view.WriteTo(buffered); err != nil {
		return err
	}
	return buffered.Flush()
}

func (s *service) fetch(peer trust.NodeID) (done func(), ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fetching[peer] || len(s.fetching) >= maxFetches {
		return nil, false
	}
	s.fetching[peer] = true
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.fetching, peer)
	}, true
}

// NodeStatus says how this node is.
func (s *service) NodeStatus(ctx context.Context, request *jieliv1.NodeStatusRequest) (*jieliv1.NodeStatusResponse, error) {
	if _, err := s.begin(ctx, request.GetClusterId()); err != nil {
		return nil, err
	}
	r := s.registry
	view := r.machine.View()
	hash := view.StateHash()
	return &jieliv1.NodeStatusResponse{
		Region: r.cfg.Self.Region, Name: r.cfg.Self.Node, Version: r.cfg.Version, Level: r.cfg.KnownLevel,
		Revision: view.Revision(), StateHash: hash[:],
		RaftState: r.raft.State().String(), AppliedIndex: r.fsm.applied.Load(), Time: timestamppb.New(r.cfg.Now()),
	}, nil
}

// streamWriter sends what is written to it.
type streamWriter struct {
	stream grpc.ServerStreamingServer[jieliv1.FetchRegistryResponse]
}

func (w streamWriter) Write(data []byte) (int, error) {
	for sent := 0; sent < len(data); sent += fetchChunk {
		chunk := data[sent:min(sent+fetchChunk, len(data))]
		if err := w.stream.Send(&jieliv1.FetchRegistryResponse{Data: chunk}); err != nil {
			return sent, err
		}
	}
	return len(data), nil
}

// streamReader reads what the other side sent.
type streamReader struct {
	stream grpc.ServerStreamingClient[jieliv1.FetchRegistryResponse]
	rest   []byte
}

func (r *streamReader) Read(p []byte) (int, error) {
	for len(r.rest) == 0 {
		message, err := r.stream.Recv()
		if err != nil {
			return 0, err // io.EOF at the end
		}
		r.rest = message.GetData()
	}
	n := copy(p, r.rest)
	r.rest = r.rest[n:]
	return n, nil
}

var _ io.Reader = (*streamReader)(nil)
