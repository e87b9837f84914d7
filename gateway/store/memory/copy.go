package memory

import (
	"slices"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/jieli-gateway/jieli/gateway/store"
)

// What goes in and what comes out is copied, so that callers may change what is theirs. Empty byte slices become
// nil and times whole microseconds of UTC, as they come back from an engine that writes them down.

func copyTicket(t *store.Ticket) *store.Ticket {
	c := *t
	c.State = proto.CloneOf(t.State)
	c.Digest = copyBytes(t.Digest)
	c.Due, c.Yellow, c.Timer = moment(t.Due), moment(t.Yellow), moment(t.Timer)
	c.Warnings = nil
	if len(t.Warnings) > 0 {
		c.Warnings = slices.Clone(t.Warnings)
	}
	return &c
}

func copyEvent(e *store.Event) *store.Event {
	c := *e
	c.Bytes = copyBytes(e.Bytes)
	c.Proof = proto.CloneOf(e.Proof)
	return &c
}

func copyContent(o *store.Content) *store.Content {
	c := *o
	c.Random, c.Data = copyBytes(o.Random), copyBytes(o.Data)
	return &c
}

func copyLink(l *store.Link) *store.Link {
	c := *l
	c.FaultTime = whole(l.FaultTime)
	return &c
}

func copyOutboxRow(r *store.OutboxRow) *store.OutboxRow {
	c := *r
	c.Time = whole(r.Time)
	return &c
}

func copyReceipt(r *store.Receipt) *store.Receipt {
	c := *r
	c.Bytes = copyBytes(r.Bytes)
	return &c
}

func copyFeedRow(f *store.FeedRow) *store.FeedRow {
	c := *f
	return &c
}

func copyRequest(r *store.Request) *store.Request {
	c := *r
	c.Bytes, c.Answer, c.Time = copyBytes(r.Bytes), copyBytes(r.Answer), whole(r.Time)
	return &c
}

func copyDecision(d *store.Decision) *store.Decision {
	c := *d
	c.Bytes = copyBytes(d.Bytes)
	return &c
}

func copyAnswered(a *store.Answered) *store.Answered {
	c := *a
	c.Time = whole(a.Time)
	return &c
}

func copyEvidence(e *store.Evidence) *store.Evidence {
	c := *e
	c.Bytes, c.Time = copyBytes(e.Bytes), whole(e.Time)
	return &c
}

func copyStopped(s *store.StoppedTicket) *store.StoppedTicket {
	c := *s
	c.Time = whole(s.Time)
	return &c
}

func copyBytes(b []byte) []byte {
	if len(b) == 0 {
		return nil
	}
	return slices.Clone(b)
}

// moment is whole for a time that may be none.
func moment(t time.Time) time.Time {
	if t.IsZero() {
		return time.Time{}
	}
	return whole(t)
}

func whole(t time.Time) time.Time { return time.UnixMicro(t.UnixMicro()).UTC() }
