package link

import (
	"context"
	"fmt"

	"google.golang.org/protobuf/proto"

	"github.com/jieli-gateway/jieli/gateway/store"
	jieliv1 "github.com/jieli-gateway/jieli/proto/jieli/v1"
)

// write sends what waits until the stream ends, then the goodbye.
func (s *stream) write() {
	if err := s.announceReceipts(); err != nil {
		s.stop(asEnding(err))
	}
	for {
		f, err := s.nextFrame()
		if err != nil {
			s.stop(asEnding(err))
		}
		if f == nil {
			break
		}
		if err := s.sendFrame(f); err != nil {
			s.stop(lost(err))
			break
		}
	}
	if e := s.ended(); e.goodbye {
		// A goodbye that does not get through is no loss: lingering is bounded, and then the stream is closed.
		_ = s.sendFrame(goodbyeFrame(e.reason, e.message))
	}
}

// nextFrame waits for the most urgent frame; nil when the stream has ended.
func (s *stream) nextFrame() (*jieliv1.Frame, error) {
	for s.ctx.Err() == nil {
		f, refill := s.out.pop()
		if f != nil {
			return f, nil
		}
		if refill {
			if err := s.refillReceipts(); err != nil {
				return nil, err
			}
			continue
		}
		select {
		case <-s.ctx.Done():
		case <-s.out.ready:
		case f := <-s.out.work:
			return f, nil
		}
	}
	return nil, nil
}

// announceReceipts looks for receipts that Retry has written since the hello: it passes them on only to a live stream.
func (s *stream) announceReceipts() error {
	return s.store.View(s.ctx, func(r store.Reader) error {
		l, err := r.Link(s.link.peer)
		if err != nil {
			return fmt.Errorf("read the state of the link with %s: %w", s.link.peer, err)
		}
		s.out.announce(l.ReceiptNumber)
		return nil
	})
}

// refillReceipts reads kept receipts that the peer has not had.
func (s *stream) refillReceipts() error {
	after := s.out.sentReceipts()
	var signed []*jieliv1.SignedReceipt
	err := s.store.View(s.ctx, func(r store.Reader) error {
		kept, err := r.Receipts(s.link.peer, after, maxReceipts)
		if err != nil {
			return err
		}
		for i, k := range kept {
			m := new(jieliv1.SignedReceipt)
			if err := proto.Unmarshal(k.Bytes, m); err != nil {
				return fmt.Errorf("kept receipt %d cannot be read: %w", k.Number, err)
			}
			if k.Number != after+uint64(i)+1 {
				return fmt.Errorf("kept receipt %d is followed by %d", after+uint64(i), k.Number)
			}
			signed = append(signed, m)
		}
		return nil
	})
	switch {
	case err != nil:
		return fmt.Errorf("read receipts for %s after %d: %w", s.link.peer, after, err)
	case len(signed) == 0:
		return fmt.Errorf("read receipts for %s after %d: there are none, though there should be", s.link.peer, after)
	}
	s.out.refill(signed)
	return nil
}

// sendFrame sends one frame and lets the watch see how long it takes.
func (s *stream) sendFrame(f *jieliv1.Frame) error {
	s.sending.begin(s.now())
	defer s.sending.end()
	return s.conn.Send(f)
}

// hand gives a batch or request to the writer.
func (s *stream) hand(ctx context.Context, f *jieliv1.Frame) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case s.out.work <- f:
		return nil
	}
}
