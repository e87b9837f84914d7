package link

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/jieli-gateway/jieli/gateway/store"
	jieliv1 "github.com/jieli-gateway/jieli/proto/jieli/v1"
)

// link is the link with one peer. At most one stream holds it; what else happens is waiting for one.
type link struct {
	links  *Links
	peer   string
	log    *slog.Logger
	meters *peerMeters
	// wake: there are new outbox rows.
	wake flag
	// ask: there are new requests.
	ask flag
	// changed: the link was taken or released, or a dial is over.
	changed bell
	// running counts streams and dials.
	running sync.WaitGroup
	// heardAt is when the peer was last heard from, Unix nanoseconds.
	heardAt atomic.Int64

	mu      sync.Mutex
	closing bool
	// holder has the link: asked by us and not answered, or live, or ending.
	holder *stream
	// live: holder's hellos have been exchanged.
	live      bool
	liveSince time.Time
	// waiting counts streams the peer has dialled and that are not yet admitted.
	waiting int
	// dialling stops the dial under way; nil when there is none.
	dialling context.CancelFunc
	address  string
	backoff  backoff
	// brief counts streams in a row that ended soon after they began: the back-off starts there.
	brief   int
	nextTry time.Time

	state, reason, message string
	since                  time.Time
	logged                 string
	loggedAt               time.Time
	// changes and differences bound the log's lines of these two kinds.
	changes, differences telling
	// outage is since when the link has not been up; zero while it is, or was not yet.
	outage    time.Time
	confirmed bool
	excused   bool
	diverged  bool
	// divergedAt is since when diverged is as it is.
	divergedAt time.Time
	// drained is when the peer said that it is stopping; zero once it has been heard from again.
	drained time.Time
}

func newLink(links *Links, peer string) *link {
	return &link{
		links: links, peer: peer, log: links.log.With(slog.String("peer", peer)), meters: links.meters.peer(peer),
		wake: newFlag(), ask: newFlag(), state: StateConnecting, since: time.Now(),
	}
}

// recover brings the stored state in order at a start: while the node was down nothing was handed to a stream, and
// after a crash every row may have been.
func (l *link) recover(ctx context.Context) error {
	var fault, detail string
	err := l.links.store.Update(ctx, func(tx store.Tx) error {
		row, err := tx.Link(l.peer)
		if err != nil {
			return err
		}
		fault, detail = row.Fault, row.FaultDetail
		if !row.Streaming {
			return nil
		}
		row.Streaming, row.SentMark = false, row.LastSequence
		return tx.PutLink(row)
	})
	if err != nil {
		return fmt.Errorf("bring the link with %s in order: %w", l.peer, err)
	}
	if fault != "" {
		l.show(StateStopped, fault, detail)
	}
	return nil
}

// run keeps the link until ctx ends; then it says goodbye and waits for what is under way.
func (l *link) run(ctx context.Context) {
	defer l.close()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for ctx.Err() == nil {
		registry, changed := l.links.registry.Changed(), l.changed.next()
		timer.Reset(l.step(ctx))
		select {
		case <-ctx.Done():
		case <-registry:
		case <-changed:
		case <-timer.C:
		}
	}
}

// close ends the stream and waits for all that runs.
func (l *link) close() {
	l.mu.Lock()
	l.closing = true
	if l.dialling != nil {
		l.dialling()
	}
	if l.holder != nil {
		l.holder.stop(endingf(ReasonDraining, "this node is stopping").told())
	}
	l.mu.Unlock()
	l.running.Wait()
}

// idle is how long to wait when nothing but a change can give reason to act.
const idle = time.Hour

// step does what is to be done now and says when to look again.
func (l *link) step(ctx context.Context) time.Duration {
	m, ok := l.links.registry.Member(l.peer)
	reason, message := l.links.unfit(m, ok)
	if reason != "" {
		l.endFor(reason, message)
		return idle
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.holder != nil || l.dialling != nil {
		return idle
	}
	if l.address != m.Address {
		l.address, l.nextTry = m.Address, time.Time{}
		l.backoff.reset()
	}
	if wait := time.Until(l.nextTry); wait > 0 {
		return wait
	}
	dialCtx, cancel := context.WithTimeout(ctx, dialTimeout)
	l.dialling = cancel
	l.running.Go(func() { l.dial(dialCtx, cancel, m.Address) })
	return idle
}

// endFor ends what goes on with a peer that takes no part any more.
func (l *link) endFor(reason, message string) {
	l.mu.Lock()
	if l.dialling != nil {
		l.dialling()
	}
	holder := l.holder
	l.nextTry = time.Time{}
	l.mu.Unlock()
	if holder != nil {
		holder.stop(endingf(reason, "%s", message))
		return
	}
	l.show(StateDown, reason, message)
}

// dial tries once to reach the peer, and starts a stream if it does.
func (l *link) dial(ctx context.Context, cancel context.CancelFunc, address string) {
	defer cancel()
	conn, err := l.links.open(ctx, l.peer, address)
	if err != nil && errors.Is(ctx.Err(), context.DeadlineExceeded) {
		err = fmt.Errorf("%w: no connection to %s within %s", context.DeadlineExceeded, address, dialTimeout)
	}
	l.mu.Lock()
	defer l.changed.ring()
	defer l.mu.Unlock()
	l.dialling = nil
	switch {
	case err != nil && errors.Is(ctx.Err(), context.Canceled):
		return // another stream has come, or the node is stopping
	case err != nil:
		l.nextTry = time.Now().Add(l.backoff.next())
		reason := Reason(err)
		l.meters.dialFailed(reason)
		l.showLocked(l.missed(reason, fmt.Sprintf("%s: %v", address, err)))
		return
	case l.holder != nil || l.closing:
		conn.Close()
		return
	}
	s := newStream(context.WithoutCancel(ctx), l, conn, true)
	l.holder = s
	l.running.Go(s.serve)
}

// accepted starts a stream the peer has dialled.
func (l *link) accepted(ctx context.Context, conn frames) (*stream, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closing {
		return nil, status.Error(codes.Unavailable, "DRAINING: this node is stopping")
	}
	if l.waiting >= maxWaiting {
		return nil, status.Errorf(codes.ResourceExhausted, "%d streams of region %s wait already", l.waiting, l.peer)
	}
	s := newStream(context.WithoutCancel(ctx), l, conn, false)
	l.waiting++
	s.waits = true
	l.running.Go(s.serve)
	return s, nil
}

// admit gives the link to a stream the peer has dialled, or says why another keeps it. It returns once the last commit
// of an older stream has ended.
func (l *link) admit(ctx context.Context, s *stream) error {
	for {
		l.mu.Lock()
		if l.closing {
			l.mu.Unlock()
			return endingf(ReasonDraining, "this node is stopping").told()
		}
		old := l.holder
		if old == nil {
			l.holder, s.waits = s, false
			l.waiting--
			if l.dialling != nil {
				l.dialling()
			}
		}
		l.mu.Unlock()
		if old == nil {
			l.changed.ring()
			return nil
		}
		if err := l.contend(ctx, old, s); err != nil {
			return err
		}
	}
}

// contend decides between the stream that has the link and one the peer has dialled. Of two, the one dialled by the
// smaller region wins, and of one dialler the later. It returns nil when the old stream is over.
func (l *link) contend(ctx context.Context, old, s *stream) error {
	replaced := endingf(ReasonReplaced, "another stream of this link is live").told()
	switch {
	case !old.dialled && old.order > s.order:
		return replaced
	case !old.dialled, l.peer < l.links.cfg.Region:
		old.stop(replaced)
	default:
		// Ours wins, if it is alive. The peer would not have dialled had it known of it: either the two hellos have
		// crossed, or it has lost our stream without our noticing.
		select {
		case <-old.settled:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		if old.alive(ctx) {
			return replaced
		}
		old.stop(endingf(ReasonTimeout, "no sign of life within %s, and the peer has dialled anew", probeTimeout))
	}
	select {
	case <-old.done:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// up: the two histories match and the stream is live.
func (l *link) up(s *stream) {
	l.heardFrom()
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.holder != s {
		return
	}
	if !l.live {
		l.live, l.liveSince = true, time.Now()
		l.backoff.failures = l.brief
	}
	l.confirmed, l.drained = true, time.Time{}
	l.showLocked(StateUp, "", "")
}

// behind: the stream waits for a revision of the registry.
func (l *link) behind(s *stream, revision uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.holder == s {
		l.showLocked(StateBehind, ReasonBehind, fmt.Sprintf("what the peer sent needs revision %d of the registry", revision))
	}
}

// fault commits that the two histories differ. The link is judged again at each later hello.
func (l *link) fault(s *stream, d *difference) error {
	l.mu.Lock()
	l.confirmed = false
	l.mu.Unlock()
	isNew := false
	err := s.update(func(tx store.Tx) error {
		row, err := tx.Link(l.peer)
		if err != nil || (row.Fault == d.reason && row.FaultDetail == d.detail) {
			return err
		}
		isNew = row.Fault != d.reason
		row.Fault, row.FaultDetail, row.FaultTime = d.reason, d.detail, l.links.cfg.Now()
		return tx.PutLink(row)
	})
	if err != nil {
		return fmt.Errorf("write that the link with %s has stopped: %w", l.peer, err)
	}
	if isNew {
		l.meters.fault(d.reason)
	}
	return nil
}

// released: a stream is over, whether it ever had the link or not.
func (l *link) released(s *stream) {
	e := s.ended()
	l.meters.streamEnded(e.reason)
	l.mu.Lock()
	defer l.changed.ring()
	defer l.mu.Unlock()
	if s.waits {
		l.waiting--
		if l.holder == nil && patient(e.reason) {
			l.showLocked(endingState(e.reason), e.reason, e.message)
		}
		return
	}
	if l.live && time.Since(l.liveSince) >= steadyAfter && !patient(e.reason) {
		l.brief = 0
		l.backoff.reset()
	} else {
		l.brief = min(l.brief+1, 16)
	}
	l.holder, l.live = nil, false
	l.nextTry = time.Now().Add(l.backoff.next())
	if e.reason == ReasonPeerRestored || e.reason == ReasonSelfRestored {
		l.confirmed = false
	}
	if e.reason == ReasonDraining {
		l.drained = time.Now()
	}
	if endingState(e.reason) == StateDown {
		l.showLocked(l.missed(e.reason, e.message))
		return
	}
	l.showLocked(endingState(e.reason), e.reason, e.message)
}

// missed is how a link stands whose peer was not reached. One that has said it is stopping is expected to be away: for
// as long as a restart may take that is the reason, whatever its port says meanwhile.
func (l *link) missed(reason, message string) (state, shownReason, shown string) {
	restarting := !l.drained.IsZero() && time.Since(l.drained) < drainTimeout
	if restarting && reason != ReasonDraining && away(reason) {
		return StateDown, ReasonDraining, clip("the peer stopped in an orderly way and is not back yet: " + message)
	}
	return StateDown, reason, clip(message)
}

// heardFrom notes a sign of life.
func (l *link) heardFrom() { l.heardAt.Store(time.Now().UnixNano()) }

func (l *link) show(state, reason, message string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.showLocked(state, reason, message)
}

// showLocked changes what is shown of the link, and logs it once for each change somebody may have to act on.
func (l *link) showLocked(state, reason, message string) {
	if l.state != state {
		l.since = time.Now()
	}
	l.state, l.reason, l.message = state, reason, message
	if state != StateUp && state != StateConnecting && l.outage.IsZero() {
		l.outage = time.Now()
	}
	now := state + " " + reason
	if state == StateConnecting || l.logged == now || l.closing {
		return
	}
	// While a link is down its reason may change from try to try; now and then a line says enough of that.
	if state == StateDown && strings.HasPrefix(l.logged, StateDown+" ") && time.Since(l.loggedAt) < tellAgain {
		return
	}
	l.logged, l.loggedAt = now, time.Now()
	l.tell(state, reason, message)
}

// tellAgain is how long another reason why a link is down is no line of the log.
const tellAgain = time.Minute

// tell logs how the link is now.
func (l *link) tell(state, reason, message string) {
	about := []any{slog.String("reason", reason), slog.String("detail", message)}
	if state == StateStopped { // which it stays, until somebody has looked
		l.log.Error("link has stopped; nothing is lost, see `jieli link list` for whom to call", about...)
		return
	}
	log := l.changes.logger(l.log, time.Now())
	switch {
	case state == StateUp && l.outage.IsZero():
		log.Info("link is up")
	case state == StateUp:
		log.Info("link is up again", slog.Duration("after", time.Since(l.outage).Round(time.Millisecond)))
		l.outage = time.Time{}
	case state == StateBehind:
		log.Warn("link waits for the registry", about...)
	case reason == ReasonDraining:
		log.Info("link is down: the peer is stopping in an orderly way", about...)
	default:
		log.Warn("link is down", about...)
	}
}

// isConfirmed tells whether the peer's history has matched since the start.
func (l *link) isConfirmed() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.confirmed || l.excused
}

// current is the live stream; nil when there is none.
func (l *link) current() *stream {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.live {
		return nil
	}
	return l.holder
}

// unfit says why there is no exchange with a region; empty when there is.
func (l *Links) unfit(m Member, known bool) (reason, message string) {
	self, ok := l.registry.Member(l.cfg.Region)
	switch {
	case !ok || !self.exchanges():
		return ReasonNotMember, "this region is not an active member of the federation"
	case !known:
		return ReasonNotMember, "the registry knows no such region"
	case m.State == jieliv1.Region_PENDING:
		return ReasonPending, "the region asked to join and has not been approved"
	case m.State == jieliv1.Region_REVOKED:
		return ReasonRevoked, "the region has been cut off"
	case m.State == jieliv1.Region_RETIRED:
		return ReasonRetired, "the region has left the federation"
	case !m.exchanges():
		return ReasonNotMember, "the region is no member"
	case m.Address == "":
		return ReasonNoAddress, "the region has no node that runs tickets; see `jieli node list`"
	}
	return "", ""
}
