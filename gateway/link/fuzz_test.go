package link

import (
	"encoding/binary"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/jieli-gateway/jieli/gateway/store"
	jieliv1 "github.com/jieli-gateway/jieli/proto/jieli/v1"
)

// framed writes frames as the fuzz target reads them: each after its length, 4 bytes.
func framed(fs ...*jieliv1.Frame) (all []byte) {
	for _, f := range fs {
		b, err := proto.Marshal(f)
		if err != nil {
			panic(err)
		}
		all = append(binary.BigEndian.AppendUint32(all, uint32(len(b))), b...)
	}
	return all
}

// unframed is its reverse, for any bytes; what is no frame is left out.
func unframed(b []byte) (fs []*jieliv1.Frame) {
	for len(b) >= 4 && len(fs) < 64 {
		n := min(binary.BigEndian.Uint32(b), uint32(len(b)-4))
		f := new(jieliv1.Frame)
		if proto.Unmarshal(b[4:4+n], f) == nil {
			fs = append(fs, f)
		}
		b = b[4+n:]
	}
	return fs
}

// Whatever a peer sends after its hello: the node does not panic, and its cursor moves by whole, receipted items only.
func FuzzFrames(f *testing.F) {
	one, hash := someBatch(1, [32]byte{}, wordTake, wordRefuse, wordStop)
	two, _ := someBatch(4, hash, wordTake)
	item, _ := testItemOf(alpha, "not an id", 1, wordTake)
	malformed := &jieliv1.Batch{FirstSequence: 1, RunningHash: make([]byte, 32), Items: []*jieliv1.Item{item, {}}}
	f.Add(framed(batchFrame(one), batchFrame(two)))
	f.Add(framed(batchFrame(one), batchFrame(one)))
	f.Add(framed(batchFrame(malformed)))
	f.Add(framed(keepaliveFrame(&jieliv1.Keepalive{StateHash: make([]byte, 32), Time: timestamppb.New(time.Unix(1<<40, 0))}), goodbyeFrame("X", "y")))
	f.Add(framed(requestFrame(&jieliv1.TicketRequest{Id: "a"}), answerFrame(&jieliv1.TicketRequestAnswer{Id: "a"})))
	f.Add(framed(receiptFrame(&jieliv1.SignedReceipt{Receipt: []byte{8, 1, 40, 1, 48, 255, 255, 255, 255, 15}})))
	f.Add(framed(helloFrame(&jieliv1.Hello{Region: alpha})))
	f.Fuzz(func(t *testing.T, data []byte) {
		frames := unframed(data)
		synctest.Test(t, func(t *testing.T) { playFrames(t, frames) })
	})
}

func playFrames(t *testing.T, frames []*jieliv1.Frame) {
	w := newWorld(alpha, beta)
	b := w.nodes[beta]
	b.start(nil)
	defer w.stop()
	eventually(t, time.Second, "beta has begun", func() bool { return b.links.link(alpha) != nil })
	b.mustWrite(w.nodes[alpha], 3, wordTake)
	s := arrive(t, w, nil)
	go func() {
		for s.next() != nil {
			continue
		}
	}()
	for _, f := range frames {
		if s.conn.Send(f) != nil {
			break
		}
		synctest.Wait()
	}
	s.conn.Close()
	eventually(t, time.Minute, "the stream is over", func() bool { return b.links.link(alpha).current() == nil })

	l := b.row(alpha)
	if l.Acknowledged != 0 || l.PeerReceipt != 0 {
		t.Errorf("a receipt without a signature counted: %+v", l)
	}
	var covered uint64
	b.view(func(r store.Reader) error {
		kept, err := r.Receipts(alpha, 0, 1000)
		for _, k := range kept {
			if k.FirstSequence != covered+1 {
				t.Errorf("receipt %d begins at %d after %d", k.Number, k.FirstSequence, covered)
			}
			covered = k.LastSequence
		}
		return err
	})
	if covered != l.Received {
		t.Errorf("the cursor is at %d, the receipts go to %d", l.Received, covered)
	}
	if took := uint64(len(b.happened(jieliv1.FeedEntry_EVENT, alpha))); took > l.Received {
		t.Errorf("%d items were taken, the cursor is at %d", took, l.Received)
	}
}

// Whatever a peer says first: no panic, and no difference is noted before it has agreed or disagreed.
func FuzzHello(f *testing.F) {
	good := &jieliv1.Hello{
		ClusterId: testCluster, Region: alpha, VersionMin: 1, VersionMax: 1, Revision: 1, StateHash: make([]byte, 32),
		AcknowledgedHash: make([]byte, 32), ReceivedHash: make([]byte, 32),
	}
	for _, edit := range []func(*jieliv1.Hello){
		func(*jieliv1.Hello) {},
		func(h *jieliv1.Hello) { h.Received = 1 << 63 },
		func(h *jieliv1.Hello) { h.Receipt = 1<<64 - 1 },
		func(h *jieliv1.Hello) { h.Acknowledged = 1<<64 - 1 },
		func(h *jieliv1.Hello) { h.Revision = 1<<64 - 1 },
		func(h *jieliv1.Hello) { h.StateHash = nil },
	} {
		h := proto.CloneOf(good)
		edit(h)
		f.Add(framed(helloFrame(h)))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		frames := unframed(data)
		synctest.Test(t, func(t *testing.T) {
			onlyFirst(t, frames)
		})
	})
}

func onlyFirst(t *testing.T, frames []*jieliv1.Frame) {
	w := newWorld(alpha, beta)
	b := w.nodes[beta]
	b.start(nil)
	defer w.stop()
	eventually(t, time.Second, "beta has begun", func() bool { return b.links.link(alpha) != nil })
	s := w.visit(t, alpha, beta)
	if len(frames) > 0 {
		s.send(frames[0])
		synctest.Wait()
	}
	s.conn.Close()
	<-time.After(time.Second)
	if l := b.row(alpha); l.Fault != "" || l.Received != 0 || l.Streaming {
		t.Errorf("a hello alone changed the link: %+v", l)
	}
}

func FuzzOpenReceipt(f *testing.F) {
	w := newWorld(alpha, beta)
	r := &jieliv1.Receipt{Number: 1, ClusterId: testCluster, Region: alpha, Sender: beta, FirstSequence: 1, LastSequence: 2, RunningHash: make([]byte, 32)}
	signed, _, err := signReceipt(w.nodes[alpha].signer, r)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(signed.GetReceipt(), signed.GetKeyId(), signed.GetSignature())
	f.Add([]byte{0x42, 0, 0x52, 0}, "", []byte{})
	f.Fuzz(func(t *testing.T, body []byte, key string, signature []byte) {
		got, err := openReceipt(w.keys, testCluster, alpha, beta, &jieliv1.SignedReceipt{Receipt: body, KeyId: key, Signature: signature})
		if err == nil && (got.GetNumber() == 0 || got.GetRegion() != alpha || got.GetSender() != beta) {
			t.Errorf("opened %v", got)
		}
	})
}
