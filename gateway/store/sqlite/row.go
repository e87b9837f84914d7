package sqlite

import (
	"database/sql/driver"
	"fmt"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/jieli-gateway/jieli/gateway/store"
	jieliv1 "github.com/jieli-gateway/jieli/proto/jieli/v1"
)

// row is one row of a result. Columns are read by position; one of another type or NULL reads as zero.
type row []driver.Value

func (r row) integer(i int) int64 {
	n, _ := r[i].(int64)
	return n
}

func (r row) text(i int) string {
	s, _ := r[i].(string)
	return s
}

func (r row) blob(i int) []byte {
	b, _ := r[i].([]byte)
	return b
}

func (r row) flag(i int) bool { return r.integer(i) != 0 }

func (r row) time(i int) time.Time { return time.UnixMicro(r.integer(i)).UTC() }

// moment is a time that may be NULL, for never: the zero time.
func (r row) moment(i int) time.Time {
	if _, ok := r[i].(int64); !ok {
		return time.Time{}
	}
	return r.time(i)
}

// moment is NULL for the zero time.
func moment(t time.Time) driver.Value {
	if t.IsZero() {
		return nil
	}
	return t.UnixMicro()
}

func (r row) hash(i int) (h [32]byte) {
	copy(h[:], r.blob(i))
	return h
}

func flag(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

// optional is NULL for an empty string: unique indexes leave those out.
func optional(s string) driver.Value {
	if s == "" {
		return nil
	}
	return s
}

// Packed row ids, see migrations/0001_tickets.sql.
const (
	numberBits   = 32
	maxTicket    = 1<<31 - 1
	sequenceBits = 48
	maxSequence  = 1<<sequenceBits - 1
	maxLink      = 1<<15 - 1
)

func eventID(ticket int64, number uint32) int64 { return ticket<<numberBits | int64(number) }

func eventNumber(id int64) uint32 { return uint32(id & (1<<numberBits - 1)) } // #nosec G115 -- masked

func outboxID(link int64, seq uint64) int64 { return link<<sequenceBits | int64(min(seq, maxSequence)) } // #nosec G115 -- bounded

// ticketColumns are what scanTicket reads, in its order.
const ticketColumns = `n, holder, changed, body, due, yellow, timer, provisional`

// scanTicket reads a ticket; nil when the row only keeps a place.
func scanTicket(r row) (*store.Ticket, error) {
	body := r.blob(3)
	if body == nil {
		return nil, nil
	}
	var row jieliv1.TicketRow
	if err := proto.Unmarshal(body, &row); err != nil {
		return nil, fmt.Errorf("ticket row %d: %w", r.integer(0), err)
	}
	if row.GetState() == nil {
		return nil, fmt.Errorf("ticket row %d: there is no state in it", r.integer(0))
	}
	return &store.Ticket{
		State: row.GetState(), Holder: r.text(1), Changed: r.integer(2), UpdateTime: r.time(2),
		QueryCode: row.GetQueryCode(), Acknowledged: row.GetAcknowledged(), Digest: row.GetDigest(), Stopped: row.GetStopped(),
		RecallRequest: row.GetRecallRequest(), WithdrawRequest: row.GetWithdrawRequest(), WaitRevision: row.GetWaitRevision(),
		Warnings: row.GetWarnings(),
		Due:      r.moment(4), Yellow: r.moment(5), Timer: r.moment(6), Provisional: r.flag(7),
	}, nil
}

// encodeTicket writes what has no column of its own.
func encodeTicket(t *store.Ticket) ([]byte, error) {
	return proto.Marshal(&jieliv1.TicketRow{
		State: t.State, QueryCode: t.QueryCode, Acknowledged: t.Acknowledged, Digest: t.Digest, Stopped: t.Stopped,
		RecallRequest: t.RecallRequest, WithdrawRequest: t.WithdrawRequest, WaitRevision: t.WaitRevision, Warnings: t.Warnings,
	})
}

// encodeProof writes a proof; nil for none.
func encodeProof(p *jieliv1.BatchProof) ([]byte, error) {
	if p == nil {
		return nil, nil
	}
	return proto.Marshal(p)
}
