package link

import (
	"context"
	"time"

	"google.golang.org/grpc"

	"github.com/jieli-gateway/jieli/federation/trust"
	jieliv1 "github.com/jieli-gateway/jieli/proto/jieli/v1"
)

// Registry is what links ask of the registry. All of it is this node's own copy: no call blocks.
type Registry interface {
	// Standing tells cluster id, revision and state hash, all of one moment.
	Standing() Standing
	// HashAt is the state hash at a revision; ok is false when it is not kept any more, or not here yet.
	HashAt(revision uint64) (hash [32]byte, ok bool)
	// Member tells of one region.
	Member(region string) (m Member, ok bool)
	// Members tells of all regions, this one included, in any order.
	Members() []Member
	// Changed is closed when any of this may have changed; take it before looking.
	Changed() <-chan struct{}
}

// Standing is where this node's registry stands.
type Standing struct {
	// ClusterID is the federation's id; empty before this node is in one.
	ClusterID string
	// Revision applied here.
	Revision uint64
	// StateHash there.
	StateHash [32]byte
	// VersionFloor is the lowest link version a peer may speak, by policy; 0 means 1.
	VersionFloor uint32
}

// Member is a region as links see it.
type Member struct {
	// Region is its id.
	Region string
	// State of the member.
	State jieliv1.Region_State
	// TicketsNode is the name of its node that runs tickets, Address that node's host:port; both empty when it has
	// none.
	TicketsNode string
	Address     string
	// DutyPhone is whom to call there.
	DutyPhone string
}

// exchanges tells whether a member takes part in links: suspended ones finish what they have.
func (m Member) exchanges() bool {
	return m.State == jieliv1.Region_ACTIVE || m.State == jieliv1.Region_SUSPENDED
}

// Signer signs receipts in the name of this region; trust.Signer is one.
type Signer interface {
	// KeyID names the key in the registry.
	KeyID() string
	// Sign signs tag ‖ 0x00 ‖ message.
	Sign(tag trust.Tag, message []byte) ([]byte, error)
}

// TagReceipt keeps the signature of a receipt from passing for another.
const TagReceipt trust.Tag = "jieli/receipt/1"

// Dialer connects to a region's node that runs tickets, with mutual TLS. It returns once connected, so that a failure
// comes with its cause (an error of package net, a trust.Refusal); a connection that is still being made is taken too,
// at the price of less telling reasons. The link closes the connection. ctx bounds dialling only.
type Dialer func(ctx context.Context, region, address string) (*grpc.ClientConn, error)

// Limits of a link. A second implementation must keep to those the protocol names.
const (
	// VersionMin is the lowest link version this binary speaks.
	VersionMin = 1
	// VersionMax is the highest.
	VersionMax = 1
	// MaxFrameBytes is the largest frame: gRPC servers and clients of links must take as much (MaxRecvMsgSize).
	MaxFrameBytes = 8 << 20
	// MaxBatchItems is the most items in a batch.
	MaxBatchItems = 512
	// MaxBatchBytes is the most bytes in a batch of more than one item.
	MaxBatchBytes = 2 << 20

	// batchBytes is where a batch is closed: large enough to fill a commit, small enough to let receipts pass.
	batchBytes = 1 << 20
	// maxItemBytes is the largest item that fits a frame with what stands around it.
	maxItemBytes = MaxFrameBytes - 4<<10
	// windowItems and windowBytes bound what has been sent and not receipted.
	windowItems, windowBytes = 4096, 8 << 20
	// inboxFrames and inboxBytes bound what has come and not been committed.
	inboxFrames, inboxBytes = 1024, 16 << 20
	// turnItems bounds what one transaction takes, for nobody else writes meanwhile.
	turnItems = 1024
	// maxAnswers bounds answers to requests that wait to be sent.
	maxAnswers = 1024
	// maxRequests bounds requests under way.
	maxRequests = 128
	// maxStopped bounds the tickets one peer may have standing still; with more the peer is broken, not a ticket.
	maxStopped = 1000
	// maxWaiting bounds streams of one peer that wait to be admitted.
	maxWaiting = 8

	dialTimeout    = 10 * time.Second
	helloTimeout   = 10 * time.Second
	keepaliveEvery = 5 * time.Second
	silenceTimeout = 15 * time.Second
	sendTimeout    = 15 * time.Second
	probeTimeout   = 2 * time.Second
	lingerTimeout  = time.Second
	behindTimeout  = 30 * time.Second
	// drainTimeout is how long a peer that stopped in an orderly way counts as about to come back: at least one try
	// after the longest back-off falls into it.
	drainTimeout  = time.Minute
	askAgainEvery = 30 * time.Second
	statusTimeout = 2 * time.Second
	backoffFirst  = 100 * time.Millisecond
	backoffMost   = 30 * time.Second
	steadyAfter   = 5 * time.Second
	skewWarning   = 5 * time.Second
	watchEvery    = time.Second
)
