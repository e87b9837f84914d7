package link

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/jieli-gateway/jieli/gateway/store"
	jieliv1 "github.com/jieli-gateway/jieli/proto/jieli/v1"
)

// stream is one stream of a link, from before its hello until its last commit has ended.
type stream struct {
	link    *link
	store   store.Store
	conn    frames
	dialled bool // by this side
	// order in which streams of this link came to be; of two dialled by one side the later wins.
	order uint64
	// waits: dialled by the peer and not admitted yet; guarded by the link.
	waits bool
	begun time.Time

	ctx    context.Context
	cancel context.CancelFunc
	mu     sync.Mutex
	end    *ending
	linger *time.Timer
	// writing: the writer runs, and will send a goodbye.
	writing bool

	// settled is closed when the peer's hello has been judged, or never will be; done when all is over.
	settled     chan struct{}
	settledOnce sync.Once
	done        chan struct{}

	// Known once the hello has been judged.
	peer *jieliv1.Hello
	sent [32]byte // running hash of our items at peer.received
	out  *outgoing

	in     *inbox
	window *window
	// marks: it is written that rows may be handed to this stream, so its end must be, too.
	marks bool
	// handed is the highest sequence that may have been given to a stream, this or an earlier one.
	handed atomic.Uint64
	// recheck: look at open requests again.
	recheck flag

	// What the watch looks at.
	sending   activity
	receiving activity
	heard     bell
	keepalive keepaliveState
}

// activity is one thing under way, such as a Send; zero when nothing is.
type activity struct{ since atomic.Int64 }

func (a *activity) begin(at time.Duration) { a.since.Store(int64(at) + 1) }
func (a *activity) end()                   { a.since.Store(0) }

// lasts tells how long it has been under way.
func (a *activity) lasts(now time.Duration) time.Duration {
	since := a.since.Load()
	if since == 0 {
		return 0
	}
	return now - time.Duration(since-1)
}

func newStream(ctx context.Context, l *link, conn frames, dialled bool) *stream {
	ctx, cancel := context.WithCancel(ctx)
	return &stream{
		link: l, store: l.links.store, conn: conn, dialled: dialled, order: l.links.orders.Add(1), begun: time.Now(),
		ctx: ctx, cancel: cancel, settled: make(chan struct{}), done: make(chan struct{}),
		in: newInbox(), window: newWindow(), recheck: newFlag(),
	}
}

// now is the stream's own clock, which never jumps.
func (s *stream) now() time.Duration { return time.Since(s.begun) }

// stop ends the stream; the first reason counts. It does not wait.
func (s *stream) stop(e ending) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.end != nil {
		return
	}
	if !s.writing {
		e.goodbye = false
	}
	s.end = &e
	s.cancel()
	if e.goodbye {
		s.linger = time.AfterFunc(lingerTimeout, s.conn.Close)
		return
	}
	s.conn.Close()
}

// ended is why the stream ended; only once it has.
func (s *stream) ended() ending {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.end == nil {
		return ending{}
	}
	return *s.end
}

// beginWriting lets a stop from now on leave the last word to the writer; false when the stream has ended already.
func (s *stream) beginWriting() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.writing = s.end == nil
	return s.writing
}

func (s *stream) settle() { s.settledOnce.Do(func() { close(s.settled) }) }

// serve lives the whole life of a stream.
func (s *stream) serve() {
	defer close(s.done)
	defer s.release()
	if err := s.handshake(); err != nil {
		s.stop(asEnding(err))
	} else {
		s.flow()
	}
	if s.marks {
		s.mark()
	}
}

// release lets go of everything, the link last.
func (s *stream) release() {
	s.stop(ending{reason: ReasonBroken})
	s.settle()
	s.conn.Close()
	s.mu.Lock()
	if s.linger != nil {
		s.linger.Stop()
	}
	s.mu.Unlock()
	s.link.released(s)
}

// flow runs the stream's goroutines and returns when the last has ended.
func (s *stream) flow() {
	if !s.beginWriting() {
		return
	}
	s.link.up(s)
	var all sync.WaitGroup
	for _, run := range []func() error{s.read, s.send, s.commit, s.watch} {
		all.Go(func() {
			if err := run(); err != nil {
				s.stop(asEnding(err))
			}
		})
	}
	all.Go(s.write)
	all.Wait()
}

// mark commits which rows may have been handed to this stream: what lies above was never sent, and can be recalled
// without asking anybody.
func (s *stream) mark() {
	handed := s.handed.Load()
	err := s.update(func(tx store.Tx) error {
		l, err := tx.Link(s.link.peer)
		if err != nil {
			return err
		}
		l.Streaming, l.SentMark = false, max(l.SentMark, handed)
		return tx.PutLink(l)
	})
	if err != nil && !errors.Is(err, store.ErrClosed) {
		// Streaming stays set, which is the safe side: every row counts as sent until the next stream has ended.
		s.link.log.Error("the end of a stream could not be written; offers count as sent until the next stream ends",
			slog.Any("error", err))
	}
}

// update commits for this stream. It waits for the outcome however long it takes, and that is meant: the link may not
// be given to another stream while a commit of this one may still land. A store that is closed ends the wait.
func (s *stream) update(fn func(store.Tx) error) error {
	return s.store.Update(context.WithoutCancel(s.ctx), fn)
}

// asEnding says how an error ends a stream.
func asEnding(err error) ending {
	var (
		e ending
		b *Breach
		d *difference
	)
	switch {
	case errors.As(err, &e):
		return e
	case errors.As(err, &b):
		return ending{reason: ReasonProtocol, message: b.Message}.told()
	case errors.As(err, &d):
		return ending{reason: d.reason, message: d.detail}.told()
	case errors.Is(err, context.Canceled):
		return ending{reason: ReasonBroken}
	}
	return ending{reason: ReasonStore, message: err.Error()}
}

// lost says how a failure of Send or Recv ends a stream.
func lost(err error) ending {
	var b *Breach
	if errors.As(err, &b) {
		return asEnding(b)
	}
	if errors.Is(err, io.EOF) {
		return endingf(ReasonBroken, "the peer closed the stream")
	}
	switch status.Code(err) {
	case codes.Canceled: // what a stream is told that the peer had dialled
		return endingf(ReasonBroken, "the connection was lost")
	case codes.ResourceExhausted:
		return endingf(ReasonTooLarge, "a frame is too large: %s", clip(err.Error()))
	}
	return endingf(Reason(err), "%s", clip(err.Error()))
}
