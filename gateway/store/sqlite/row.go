package sqlite

import (
	"database/sql/driver"
	"encoding/json"
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
const ticketColumns = `n, holder, changed, query_code, acknowledged, digest, stopped, recall_request, withdraw_request,
	wait_revision, warnings, body`

// scanTicket reads a ticket; nil when the row only keeps a place.
func scanTicket(r row) (*store.Ticket, error) {
	body := r.blob(11)
	if body == nil {
		return nil, nil
	}
	t := &store.Ticket{
		State: &jieliv1.TicketState{}, Holder: r.text(1), Changed: r.integer(2), UpdateTime: r.time(2),
		QueryCode: r.text(3), Acknowledged: uint32(r.integer(4)), Digest: r.blob(5), Stopped: r.text(6), // #nosec G115 -- written from one
		RecallRequest: r.text(7), WithdrawRequest: r.text(8), WaitRevision: uint64(r.integer(9)), // #nosec G115 -- bits kept
	}
	if err := proto.Unmarshal(body, t.State); err != nil {
		return nil, fmt.Errorf("ticket row %d: state: %w", r.integer(0), err)
	}
	if w := r.text(10); w != "" {
		if err := json.Unmarshal([]byte(w), &t.Warnings); err != nil {
			return nil, fmt.Errorf("ticket row %d: warnings: %w", r.integer(0), err)
		}
	}
	return t, nil
}

func encodeWarnings(w []string) (string, error) {
	if len(w) == 0 {
		return "", nil
	}
	b, err := json.Marshal(w)
	return string(b), err
}

// encodeProof writes a proof; nil for none.
func encodeProof(p *jieliv1.BatchProof) ([]byte, error) {
	if p == nil {
		return nil, nil
	}
	return proto.Marshal(p)
}
