package link

import (
	"context"
	"errors"
	"sync"

	"google.golang.org/grpc"

	jieliv1 "github.com/jieli-gateway/jieli/proto/jieli/v1"
)

// frames is one stream, whichever side dialled it. Send and Recv may run beside each other; each is for one goroutine.
type frames interface {
	Send(*jieliv1.Frame) error
	Recv() (*jieliv1.Frame, error)
	// Close ends the stream without a word; Send and Recv under way return. It may be called often.
	Close()
}

// dialledFrames is a stream this side dialled; its connection is its own.
type dialledFrames struct {
	stream jieliv1.LinkService_ConnectClient
	conn   *grpc.ClientConn
	cancel context.CancelFunc
	close  sync.Once
}

// openFrames opens a stream to a region. ctx bounds opening only.
func openFrames(ctx context.Context, dial Dialer, region, address string) (frames, error) {
	conn, err := dial(ctx, region, address)
	if err != nil {
		return nil, err
	}
	// The stream outlives ctx, which only bounds the time until it is there.
	life, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, cancel)
	stream, err := jieliv1.NewLinkServiceClient(conn).Connect(life,
		grpc.MaxCallRecvMsgSize(MaxFrameBytes), grpc.MaxCallSendMsgSize(MaxFrameBytes))
	if !stop() && err == nil {
		err = ctx.Err()
	}
	if err != nil {
		cancel()
		return nil, errors.Join(err, conn.Close())
	}
	return &dialledFrames{stream: stream, conn: conn, cancel: cancel}, nil
}

func (d *dialledFrames) Send(f *jieliv1.Frame) error {
	return d.stream.Send(&jieliv1.ConnectRequest{Frame: f})
}

func (d *dialledFrames) Recv() (*jieliv1.Frame, error) {
	m, err := d.stream.Recv()
	return frameOf(m.GetFrame(), err)
}

func (d *dialledFrames) Close() {
	d.close.Do(func() {
		d.cancel()
		_ = d.conn.Close() // it only fails when it is closed already
	})
}

// acceptedFrames is a stream the peer dialled. It ends when its handler returns, which waits for closed.
type acceptedFrames struct {
	stream jieliv1.LinkService_ConnectServer
	closed chan struct{}
	close  sync.Once
}

func newAcceptedFrames(s jieliv1.LinkService_ConnectServer) *acceptedFrames {
	return &acceptedFrames{stream: s, closed: make(chan struct{})}
}

func (a *acceptedFrames) Send(f *jieliv1.Frame) error {
	return a.stream.Send(&jieliv1.ConnectResponse{Frame: f})
}

func (a *acceptedFrames) Recv() (*jieliv1.Frame, error) {
	m, err := a.stream.Recv()
	return frameOf(m.GetFrame(), err)
}

func (a *acceptedFrames) Close() { a.close.Do(func() { close(a.closed) }) }

func frameOf(f *jieliv1.Frame, err error) (*jieliv1.Frame, error) {
	if err != nil {
		return nil, err
	}
	if f.GetMessage() == nil {
		return nil, breach("a message without a frame this version knows")
	}
	return f, nil
}

// Frames of each kind.

func helloFrame(h *jieliv1.Hello) *jieliv1.Frame {
	return &jieliv1.Frame{Message: &jieliv1.Frame_Hello{Hello: h}}
}

func batchFrame(b *jieliv1.Batch) *jieliv1.Frame {
	return &jieliv1.Frame{Message: &jieliv1.Frame_Batch{Batch: b}}
}

func receiptFrame(r *jieliv1.SignedReceipt) *jieliv1.Frame {
	return &jieliv1.Frame{Message: &jieliv1.Frame_Receipt{Receipt: r}}
}

func requestFrame(r *jieliv1.TicketRequest) *jieliv1.Frame {
	return &jieliv1.Frame{Message: &jieliv1.Frame_Request{Request: r}}
}

func answerFrame(a *jieliv1.TicketRequestAnswer) *jieliv1.Frame {
	return &jieliv1.Frame{Message: &jieliv1.Frame_Answer{Answer: a}}
}

func keepaliveFrame(k *jieliv1.Keepalive) *jieliv1.Frame {
	return &jieliv1.Frame{Message: &jieliv1.Frame_Keepalive{Keepalive: k}}
}

func goodbyeFrame(reason, message string) *jieliv1.Frame {
	return &jieliv1.Frame{Message: &jieliv1.Frame_Goodbye{Goodbye: &jieliv1.Goodbye{Reason: reason, Message: message}}}
}
