package importer

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"time"

	"github.com/google/uuid"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	jieliv1 "github.com/jieli-gateway/jieli/proto/jieli/v1"
)

const (
	// firstPause and longestPause are between attempts while a node is away.
	firstPause   = 100 * time.Millisecond
	longestPause = 2 * time.Second
)

// requestID is the same for the same line of the same batch, so that a node knows a line that comes again.
func requestID(batch string, number int, line []byte) string {
	h := sha256.New()
	_, _ = h.Write(binary.BigEndian.AppendUint64([]byte(batch+"\x00"), uint64(number))) // never fails; a line's number is positive
	_, _ = h.Write(line)
	id := uuid.UUID(h.Sum(nil)[:16])
	id[6] = id[6]&0x0f | 0x80 // version 8: made by a rule of one's own
	id[8] = id[8]&0x3f | 0x80
	return id.String()
}

// final tells an answer about this line from trouble with the node.
func final(err error) bool {
	switch status.Code(err) {
	case codes.InvalidArgument, codes.AlreadyExists, codes.NotFound:
		return true
	}
	return false
}

// submit tries again while the node is away: with the same request id, it is taken once.
func (o Options) submit(ctx context.Context, req *jieliv1.SubmitTicketRequest) (*jieliv1.SubmitTicketResponse, error) {
	deadline := time.Now().Add(o.Patience)
	pause := firstPause
	for {
		res, err := o.Submit(ctx, req)
		code := status.Code(err)
		again := code == codes.Unavailable || code == codes.DeadlineExceeded || code == codes.ResourceExhausted
		if err == nil || !again || time.Now().Add(pause).After(deadline) {
			return res, err
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(pause):
		}
		pause = min(2*pause, longestPause)
	}
}
