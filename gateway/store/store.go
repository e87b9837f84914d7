// Package store keeps a node's tickets: events, what is derived from them, the content beside them, the
// outbox and cursors of links, and the feed centres poll.
//
// The interface is shaped for batches and knows no engine: Update puts a function into the next group
// commit, and everything that function wrote is durable when Update returns. Rules of tickets and links
// live elsewhere (gateway/ticket, gateway/desk, gateway/link); nothing here judges.
//
// Durable means: written and synced to disk, so that it is there after kill -9 and after a power cut.
//
// Engines: sqlite for nodes, memory for tests and models. storetest is what every engine must pass.
package store

import (
	"context"
	"errors"
	"time"

	jieliv1 "github.com/jieli-gateway/jieli/proto/jieli/v1"
)

// Errors every engine returns for the same cause; test with errors.Is.
var (
	// ErrNotFound: no such row.
	ErrNotFound = errors.New("not found")
	// ErrConflict: a unique value is taken (ticket id, number, origin and external id, event number).
	ErrConflict = errors.New("conflict")
	// ErrClosed: the store has been closed.
	ErrClosed = errors.New("store is closed")
	// ErrInUse: another process has the data directory open.
	ErrInUse = errors.New("data directory is in use by another process")
	// ErrNewer: the store was written by a newer version than this binary knows.
	ErrNewer = errors.New("store was written by a newer version")
	// ErrBusy: too many updates are waiting already.
	ErrBusy = errors.New("too many updates are waiting")
)

// Store is a node's durable tickets. Safe for concurrent use.
type Store interface {
	// Update runs fn within the next group commit and returns once its writes are durable. When fn returns an
	// error its own writes are undone, nobody else's, and Update returns that error. fn runs at most once, on the
	// writer's goroutine, one at a time: what it reads is the newest state. It must not block or call Update.
	// When ctx ends first the outcome is unknown to the caller and the returned error wraps ctx.Err(); with ErrBusy
	// beside it, fn has not run. A panic of fn undoes it and goes on at the caller of Update.
	Update(ctx context.Context, fn func(Tx) error) error
	// View runs fn on a consistent snapshot of what is durable. A view should be short: while it lasts an engine may
	// have to keep what was overwritten since.
	View(ctx context.Context, fn func(Reader) error) error
	// Epoch is the UUID made when the store was created.
	Epoch() string
	// Usage tells sizes.
	Usage() (Usage, error)
	// Close waits for updates under way, then closes. Later calls return ErrClosed.
	Close() error
}

// Sealer signs the events of one group commit; the store calls it once a commit, with the hashes of all
// events appended without a proof, in order.
type Sealer interface {
	Seal(hashes [][32]byte) ([]*jieliv1.BatchProof, error)
}

// Changes tells what a commit changed, to wake whoever waits. Called on the writer's goroutine; must not block.
type Changes struct {
	// Peers with new outbox rows.
	Peers []string
	// Requests has the peers of new requests of ours that are open.
	Requests []string
	// Feed has the new rows of the feed, in order. They are not to be changed.
	Feed []*FeedRow
}

// None tells that nobody waits for anything of this.
func (c Changes) None() bool { return len(c.Peers) == 0 && len(c.Requests) == 0 && len(c.Feed) == 0 }

// Commit tells what a group commit came to, for metrics.
type Commit struct {
	// Updates that were answered with it, Events it signed, and Bytes of what it wrote.
	Updates, Events, Bytes int
	// Took is from the beginning of its transaction until it was durable.
	Took time.Duration
	// Err is why nothing of it was kept; nil when all was.
	Err error
}

// Usage tells sizes, in bytes.
type Usage struct {
	Bytes int64
	Free  int64
}

// Reader reads. Returned values are the caller's own to change. Times come back as whole microseconds of UTC, and empty
// byte slices as nil. A limit below 1 finds nothing. Use it only until the function it was given to returns.
type Reader interface {
	// Ticket returns one ticket by id.
	Ticket(id string) (*Ticket, error)
	// TicketByNumber returns one ticket by its number for people.
	TicketByNumber(number string) (*Ticket, error)
	// TicketByExternalID returns the ticket an origin knows by this number.
	TicketByExternalID(origin, externalID string) (*Ticket, error)
	// ListTickets returns up to limit tickets that match, in order of Changed, after the given Changed.
	ListTickets(f Filter, after int64, limit int) ([]*Ticket, error)
	// CountTickets counts by state, test tickets left out.
	CountTickets() (map[jieliv1.Ticket_State]uint64, error)
	// CountHeld counts tickets whose holder is the region and that are not CLOSED, WITHDRAWN or DIVERTED; test tickets
	// are among them.
	CountHeld(region string) (uint64, error)
	// CountWaiting counts by state tickets that wait for people of the region, who hold them: UNROUTED, RETURNED and
	// ARBITRATION, test tickets left out. A region that has returned a ticket has it as RETURNED too, and holds it not.
	CountWaiting(region string) (map[jieliv1.Ticket_State]uint64, error)
	// Events returns a ticket's events with from <= number, in order. Inside an update, events of this region that the
	// same commit will sign have no proof yet, whichever update appended them.
	Events(ticketID string, from uint32) ([]*Event, error)
	// Contents returns a ticket's content rows in order of number and name.
	Contents(ticketID string) ([]*Content, error)
	// Feed returns up to limit rows after a sequence, in order.
	Feed(after int64, limit int) ([]*FeedRow, error)
	// FeedEnd is the sequence of the newest feed row, and FeedStart of the oldest kept; 0 when there are none.
	FeedEnd() (int64, error)
	FeedStart() (int64, error)
	// Link returns the state of the link with a peer; a zero Link with Peer set when there is none yet.
	Link(peer string) (*Link, error)
	// Links returns all links in order of peer.
	Links() ([]*Link, error)
	// Outbox returns up to limit rows for a peer after a sequence, in order.
	Outbox(peer string, after uint64, limit int) ([]*OutboxRow, error)
	// OutboxRow returns the row, the newest if there are several, that carries a ticket's event to a peer.
	OutboxRow(peer, ticketID string, number uint32) (*OutboxRow, error)
	// Receipts returns our own receipts to a peer with number > after, in order.
	Receipts(peer string, after uint64, limit int) ([]*Receipt, error)
	// Request returns a request by id.
	Request(id string) (*Request, error)
	// OpenRequests returns our requests to a peer that are not settled, oldest first, at most limit.
	OpenRequests(peer string, limit int) ([]*Request, error)
	// CountOpenRequests counts them.
	CountOpenRequests(peer string) (uint64, error)
	// Decision returns what this region decided, as a target, of an offer.
	Decision(ticketID string, number uint32) (*Decision, error)
	// Answered returns what a command's request id was answered with.
	Answered(requestID string) (*Answered, error)
	// Evidence returns kept items of a ticket from a peer in order of sequence.
	Evidence(peer, ticketID string) ([]*Evidence, error)
	// Stopped returns the tickets that stand still, in order of peer and id, at most limit; an empty peer means all.
	Stopped(peer string, limit int) ([]*StoppedTicket, error)
	// WaitingTickets returns ids of this region's own tickets that wait for a route: state UNROUTED, or
	// WaitRevision not 0; at most limit, after the given id.
	WaitingTickets(after string, limit int) ([]string, error)
}

// Tx reads and writes within one update. Byte slices it is given must not change until Update returns.
type Tx interface {
	Reader
	// PutTicket inserts or replaces a ticket; the store sets Changed and UpdateTime, in t too. ErrConflict when its number
	// or its external id is another ticket's.
	PutTicket(t *Ticket) error
	// AppendEvent adds an event. One without a proof is this region's own: it is signed with all others of the
	// same commit before the commit ends. ErrConflict when the ticket has an event of that number.
	AppendEvent(e *Event) error
	// PutContent inserts or replaces a content row.
	PutContent(c *Content) error
	// NextCounter increments a named counter and returns it; counters begin at 1.
	NextCounter(name string) (uint64, error)
	// Enqueue adds a row to a peer's outbox; the store gives it the peer's next sequence, in r too, and returns it.
	Enqueue(r *OutboxRow) (uint64, error)
	// EmptyOutboxRow makes a row an empty item, keeping its sequence and time; ticket, number, name and hash are cleared
	// (the hash of every empty item is the same: gateway/ticket has it). ErrNotFound when there is no such row.
	EmptyOutboxRow(peer string, seq uint64) error
	// PutLink inserts or replaces a link's state. LastSequence is the store's own and is not written by it.
	PutLink(l *Link) error
	// PutReceipt keeps a receipt of ours.
	PutReceipt(r *Receipt) error
	// PutPeerReceipt keeps a peer's receipt as evidence of the hand-offs it covers.
	PutPeerReceipt(r *Receipt) error
	// PutFeed adds a feed row; the store sets Seq and Time, in f too. Seq counts from 1 without gaps.
	PutFeed(f *FeedRow) error
	// PutRequest inserts or replaces a request.
	PutRequest(r *Request) error
	// PutDecision keeps a decision; ErrConflict when that offer has one.
	PutDecision(d *Decision) error
	// PutAnswered remembers a command's request id.
	PutAnswered(a *Answered) error
	// PutEvidence keeps an item that broke a rule.
	PutEvidence(e *Evidence) error
	// DeleteEvidence drops a kept item that has been taken after all.
	DeleteEvidence(peer string, seq uint64) error
	// PutStopped marks a ticket as standing still with a peer; DeleteStopped lets it go on.
	PutStopped(s *StoppedTicket) error
	DeleteStopped(peer, ticketID string) error
	// Prune drops at most limit of the oldest rows beyond the bounds: answered request ids, evidence, feed rows.
	// It returns how many it dropped.
	Prune(b Bounds, limit int) (int, error)
}

// Bounds says how much is kept of what would otherwise grow; 0 keeps everything.
type Bounds struct {
	Answered int
	Evidence int
	Feed     int
}

// Ticket is one ticket as this node has it.
type Ticket struct {
	// State is the fold of its events.
	State *jieliv1.TicketState
	// Holder is the region answerable now, as this node sees it; derived, kept for filters.
	Holder string
	// QueryCode is the caller's code; only at the origin.
	QueryCode string
	// Acknowledged is the number of the newest event of ours, in this ticket, whose receipt has come.
	Acknowledged uint32
	// Digest of what was submitted, to recognise the same submission; only at the origin.
	Digest []byte
	// Stopped is the coded reason its exchange stands still; empty when it does not.
	Stopped string
	// RecallRequest and WithdrawRequest are the ids of open requests of ours.
	RecallRequest   string
	WithdrawRequest string
	// WaitRevision is the registry revision the origin waits for before it routes again.
	WaitRevision uint64
	// Warnings given on submit.
	Warnings []string
	// Due is the earliest deadline that runs, and Yellow the earliest moment one of them is near; zero for none.
	// Derived, kept for filters.
	Due    time.Time
	Yellow time.Time
	// Timer is when this node has to do something about the ticket by itself; zero for never.
	Timer time.Time
	// Provisional: a deadline that runs rests on days that no calendar had settled when it was computed.
	Provisional bool
	// Changed orders tickets by their newest change on this node; set by the store. No two tickets have the same.
	Changed int64
	// UpdateTime is when that was; set by the store. Changed is this time in microseconds: where the clock does not
	// move on, or is set back, both are a microsecond after the newest before.
	UpdateTime time.Time
}

// Filter selects tickets; zero fields do not. Service matches a dotted prefix, Division a digit prefix.
type Filter struct {
	State        jieliv1.Ticket_State
	Origin       string
	Holder       string
	Service      string
	Division     string
	ExternalID   string
	UpdatedAfter time.Time
	// DueBefore selects those with a deadline that runs and is due before a moment, TimerUntil those with a Timer up to
	// and including one.
	DueBefore  time.Time
	TimerUntil time.Time
	// Light selects by the light at the moment At: RED with Due passed, YELLOW with only Yellow passed, GREEN with
	// neither. Tickets without a deadline have no light.
	Light jieliv1.Ticket_Light
	At    time.Time
	// Provisional selects those with a provisional deadline.
	Provisional bool
}

// Event is one event: its exact bytes and its author's proof.
type Event struct {
	TicketID string
	Number   uint32
	Kind     jieliv1.Event_Kind
	Author   string
	Hash     [32]byte
	Bytes    []byte
	// Proof is nil for an event of this region until its commit signs it.
	Proof *jieliv1.BatchProof
	// Actor is the person or system that caused it here; local, never sent.
	Actor string
	// FromFuture: the author's clock was more than 5 minutes ahead.
	FromFuture bool
}

// Content is what stands beside an event.
type Content struct {
	TicketID   string
	Number     uint32
	Name       string
	Commitment [32]byte
	// Random and Data are empty when absent. Data of `reporter` is encrypted with the region's key.
	Random  []byte
	Data    []byte
	Absence jieliv1.Content_Absence
}

// OutboxKind says what an outbox row points at.
type OutboxKind int

const (
	// OutboxEvent points at an event.
	OutboxEvent OutboxKind = iota + 1
	// OutboxContent points at a content row.
	OutboxContent
	// OutboxEmpty points at nothing any more.
	OutboxEmpty
)

// OutboxRow points at what is to be sent to a peer. Rows stay after the receipt and can be sent again.
type OutboxRow struct {
	Peer     string
	Seq      uint64
	Kind     OutboxKind
	TicketID string
	Number   uint32
	// Name of the content, for OutboxContent.
	Name string
	// Hash of the item, for the running hash (proto/jieli/v1/link.proto).
	Hash [32]byte
	Time time.Time
}

// Link is the durable state of the exchange with one peer.
type Link struct {
	Peer string
	// LastSequence is the highest sequence given to an outbox row; kept by Enqueue.
	LastSequence uint64
	// Acknowledged is the highest sequence covered by a committed receipt of the peer, AcknowledgedHash the
	// running hash there, PeerReceipt the number of the newest such receipt.
	Acknowledged     uint64
	AcknowledgedHash [32]byte
	PeerReceipt      uint64
	// SentMark is the highest sequence that may have been handed to a stream; while Streaming, every row may have been.
	SentMark  uint64
	Streaming bool
	// Received is the cursor: the peer's highest sequence committed here; ReceivedHash the running hash there.
	Received     uint64
	ReceivedHash [32]byte
	// ReceiptNumber is the number of our newest receipt.
	ReceiptNumber uint64
	// PeerEpoch is the store epoch the peer last said.
	PeerEpoch string
	// Fault is a lasting reason the link has stopped, e.g. PEER_RESTORED; empty when it has not. FaultDetail says more.
	Fault       string
	FaultDetail string
	FaultTime   time.Time
}

// Receipt is a signed receipt's exact bytes.
type Receipt struct {
	Peer   string
	Number uint64
	// FirstSequence and LastSequence it covers; 0 when it only lifts.
	FirstSequence uint64
	LastSequence  uint64
	// Bytes of a SignedReceipt.
	Bytes []byte
}

// FeedRow is one entry of the feed.
type FeedRow struct {
	Seq      int64
	Kind     jieliv1.FeedEntry_Kind
	TicketID string
	// EventNumber, for EVENT.
	EventNumber uint32
	State       jieliv1.Ticket_State
	Holder      string
	Reason      string
	Time        time.Time
	// AtHand is not stored: what the writer of the row gives to whoever hears of it in Changes, so that it need not be
	// read back.
	AtHand any
}

// Request is a wish of this region sent to a peer, or, with Incoming, one of a peer answered here.
type Request struct {
	ID       string
	Peer     string
	TicketID string
	Kind     jieliv1.TicketRequest_Kind
	Incoming bool
	// Bytes of the TicketRequest; emptied when settled, for it may hold text.
	Bytes []byte
	// Settled: by an event or a coded answer.
	Settled bool
	// Code of the answer; EVENT when an event settled it.
	Code string
	// Answer is the TicketRequestAnswer sent or received, serialized.
	Answer []byte
	Time   time.Time
}

// Decision is this region's final word on an offer made to it.
type Decision struct {
	TicketID string
	Number   uint32
	Hash     [32]byte
	// Kind: REFUSED or RELEASED.
	Kind   jieliv1.Decision_Kind
	Reason string
	// Bytes of the SignedDecision.
	Bytes []byte
}

// Answered is what a command with a request id was answered with.
type Answered struct {
	RequestID string
	// Digest of the command, to refuse another command under the same id.
	Digest   [32]byte
	TicketID string
	Time     time.Time
}

// Evidence is an item that broke a rule, kept whole.
type Evidence struct {
	Peer     string
	Seq      uint64
	TicketID string
	Reason   string
	// Bytes of the Item.
	Bytes []byte
	Time  time.Time
}

// StoppedTicket stands still with a peer.
type StoppedTicket struct {
	Peer     string
	TicketID string
	Reason   string
	// ByPeer: the peer stopped it.
	ByPeer bool
	Time   time.Time
}
