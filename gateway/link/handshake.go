package link

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/jieli-gateway/jieli/gateway/store"
	jieliv1 "github.com/jieli-gateway/jieli/proto/jieli/v1"
)

// handshake exchanges hellos and commits what they come to. The side that dialled speaks first; the other answers
// once it has the link, so after an older stream's last commit. Then each says whether it agrees, in the same order:
// with a keepalive of number 0, or with a goodbye. Nothing is acted upon before the other side has agreed, for
//   - some differences only one side can see, and neither may count as confirmed then;
//   - a hello may come from a stream the peer has given up since, and be older than what it received on the next one.
//     Only who goes on here has meant it.
func (s *stream) handshake() error {
	ctx, cancel := context.WithTimeoutCause(s.ctx, helloTimeout, endingf(ReasonTimeout, "no hello within %s", helloTimeout))
	defer cancel()
	// Send and Recv know no context: when it ends, so does the stream.
	stop := context.AfterFunc(ctx, s.conn.Close)
	defer stop()
	exchange := s.accept
	if s.dialled {
		exchange = s.ask
	}
	err := exchange(ctx)
	if cause := context.Cause(ctx); err != nil && cause != nil && s.ctx.Err() == nil {
		return cause
	}
	return err
}

// ask speaks first. The link has been claimed for this stream already.
func (s *stream) ask(ctx context.Context) error {
	mine, _, err := s.greeting(ctx, nil)
	if err != nil {
		return err
	}
	if err := s.conn.Send(helloFrame(mine)); err != nil {
		return lost(err)
	}
	f, err := s.conn.Recv()
	if err != nil {
		return lost(err)
	}
	s.heard.ring()
	hello, err := s.firstFrame(f)
	if err != nil {
		return s.part(err)
	}
	_, known, err := s.greeting(ctx, hello)
	if err != nil {
		return err
	}
	if d := known.compare(hello); d != nil {
		return s.differs(d)
	}
	if err := s.agree(); err != nil {
		return err
	}
	if err := s.agreed(); err != nil {
		return err
	}
	return s.begin(hello, known)
}

// accept answers a stream the peer has dialled.
func (s *stream) accept(ctx context.Context) error {
	f, err := s.conn.Recv()
	if err != nil {
		return lost(err)
	}
	s.heard.ring()
	hello, err := s.firstFrame(f)
	if err != nil {
		return s.part(err)
	}
	if err := s.link.admit(ctx, s); err != nil {
		return s.part(err)
	}
	mine, known, err := s.greeting(ctx, hello)
	if err != nil {
		return err
	}
	if err := s.conn.Send(helloFrame(mine)); err != nil {
		return lost(err)
	}
	if err := s.agreed(); err != nil {
		return err
	}
	if d := known.compare(hello); d != nil {
		return s.differs(d)
	}
	if err := s.begin(hello, known); err != nil {
		return err
	}
	return s.agree()
}

// agree tells the peer that the histories match.
func (s *stream) agree() error {
	if err := s.conn.Send(keepaliveFrame(s.newKeepalive())); err != nil {
		return lost(err)
	}
	return nil
}

// agreed waits until the peer has told the same. A peer that finds a difference has the last word: where only it can
// see one, this side notes it all the same.
func (s *stream) agreed() error {
	f, err := s.conn.Recv()
	if err != nil {
		return lost(err)
	}
	if f.GetKeepalive() != nil {
		return nil
	}
	g := f.GetGoodbye()
	if g == nil {
		return s.part(breach("the hello is followed by neither a keepalive nor a goodbye"))
	}
	e := peersEnding(g.GetReason(), g.GetMessage())
	if e.reason == ReasonPeerRestored || e.reason == ReasonSelfRestored {
		if err := s.link.fault(s, &difference{e.reason, e.message}); err != nil {
			return err
		}
	}
	return e
}

// part says goodbye before hellos were exchanged, and gives the peer a moment to read it.
func (s *stream) part(err error) error {
	e := asEnding(err)
	if !e.goodbye {
		return err
	}
	if s.conn.Send(goodbyeFrame(e.reason, e.message)) == nil {
		s.waitForClose()
	}
	return e
}

// waitForClose waits until the peer has closed the stream, for a short time.
func (s *stream) waitForClose() {
	linger := time.AfterFunc(lingerTimeout, s.conn.Close)
	defer linger.Stop()
	for {
		if _, err := s.conn.Recv(); err != nil {
			return
		}
	}
}

// firstFrame takes the peer's first frame for a hello that suits this federation and version.
func (s *stream) firstFrame(f *jieliv1.Frame) (*jieliv1.Hello, error) {
	if g := f.GetGoodbye(); g != nil {
		return nil, peersEnding(g.GetReason(), g.GetMessage())
	}
	hello := f.GetHello()
	if hello == nil {
		return nil, breach("the first frame is not a hello")
	}
	standing := s.link.links.registry.Standing()
	if hello.GetClusterId() != standing.ClusterID {
		return nil, endingf(ReasonWrongCluster, "region %s is in federation %q, this node in %q",
			s.link.peer, clip(hello.GetClusterId()), standing.ClusterID).told()
	}
	if hello.GetRegion() != s.link.peer {
		return nil, breach("region %s says that it is %q", s.link.peer, clip(hello.GetRegion()))
	}
	if !speak(hello.GetVersionMin(), hello.GetVersionMax(), standing.VersionFloor) {
		return nil, ending{
			reason:  ReasonVersion,
			message: versions(s.link.peer, hello.GetVersionMin(), hello.GetVersionMax(), standing.VersionFloor),
		}.told()
	}
	if len(hello.GetAcknowledgedHash()) != 32 || len(hello.GetReceivedHash()) != 32 || len(hello.GetStateHash()) != 32 {
		return nil, breach("a hash in the hello does not have 32 bytes")
	}
	return hello, nil
}

// greeting makes our hello of what is durable now and, given the peer's, our account to compare it with.
func (s *stream) greeting(ctx context.Context, peers *jieliv1.Hello) (*jieliv1.Hello, history, error) {
	links := s.link.links
	standing := links.registry.Standing()
	var known history
	err := s.store.View(ctx, func(r store.Reader) error {
		l, err := r.Link(s.link.peer)
		if err != nil || peers == nil {
			known.link = l
			return err
		}
		known, err = readHistory(r, l, peers)
		return err
	})
	if err != nil {
		return nil, known, fmt.Errorf("read the state of the link with %s: %w", s.link.peer, err)
	}
	l := known.link
	return &jieliv1.Hello{
		ClusterId: standing.ClusterID, Region: links.cfg.Region,
		VersionMin: VersionMin, VersionMax: VersionMax,
		Revision: standing.Revision, StateHash: standing.StateHash[:],
		StoreEpoch: s.store.Epoch(), LastSequence: l.LastSequence,
		Acknowledged: l.Acknowledged, AcknowledgedHash: l.AcknowledgedHash[:],
		Received: l.Received, ReceivedHash: l.ReceivedHash[:], Receipt: l.PeerReceipt,
		Time: timestamppb.New(links.cfg.Now()), Version: links.cfg.Version, Node: links.cfg.Node,
		NotTaking: links.notTaking(),
	}, known, nil
}

func readHistory(r store.Reader, l *store.Link, peers *jieliv1.Hello) (history, error) {
	h := history{link: l}
	var err error
	if h.sent, h.sentKnown, err = hashAt(r, l, peers.GetReceived()); err != nil {
		return h, err
	}
	if peers.GetReceipt() == 0 || peers.GetReceipt() > l.ReceiptNumber {
		return h, nil
	}
	kept, err := r.Receipts(l.Peer, peers.GetReceipt()-1, 1)
	if err != nil {
		return h, err
	}
	if len(kept) == 1 && kept[0].Number == peers.GetReceipt() {
		h.receipt, err = keptReceipt(kept[0])
	}
	return h, err
}

// begin commits that the two histories match and that rows may be handed to this stream from now on.
func (s *stream) begin(hello *jieliv1.Hello, known history) error {
	var before, after *store.Link
	err := s.update(func(tx store.Tx) error {
		l, err := tx.Link(s.link.peer)
		if err != nil {
			return err
		}
		was := *l
		l.PeerEpoch = clip(hello.GetStoreEpoch())
		l.Fault, l.FaultDetail, l.FaultTime = "", "", time.Time{}
		if l.Streaming { // the end of an earlier stream could not be written
			l.SentMark = l.LastSequence
		}
		l.Streaming = true
		before, after = &was, l
		return tx.PutLink(l)
	})
	if err != nil {
		return fmt.Errorf("write the start of a stream with %s: %w", s.link.peer, err)
	}
	if before.Fault != "" {
		s.link.log.Warn("the peer's history matches again; the link goes on", slog.String("fault", before.Fault))
	}
	if before.PeerEpoch != "" && before.PeerEpoch != after.PeerEpoch {
		s.link.log.Warn("the peer has another store than last time; its history matches",
			slog.String("epoch", after.PeerEpoch), slog.String("before", before.PeerEpoch))
	}
	s.marks = true
	s.peer, s.sent = hello, known.sent
	s.handed.Store(max(after.SentMark, hello.GetReceived()))
	s.out = newOutgoing(hello.GetReceipt(), after.ReceiptNumber)
	s.keepalive.said(hello.GetRevision(), [32]byte(hello.GetStateHash()), hello.GetNotTaking())
	s.settle()
	return nil
}

// differs commits a fault, tells the peer and ends the stream. Nothing is lost by it: rows and cursors stay, and every
// later hello is judged anew.
func (s *stream) differs(d *difference) error {
	if err := s.link.fault(s, d); err != nil {
		return err
	}
	return s.part(d)
}
