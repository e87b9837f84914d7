package registry

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"time"

	"github.com/google/uuid"
	"google.golang.org/protobuf/proto"

	jieliv1 "github.com/jieli-gateway/jieli/proto/jieli/v1"
)

const (
	// KnownLevel is the highest registry level this binary knows.
	KnownLevel = 1
	// MaxCommandBytes bounds a command: 1,000 routes take about 100 KiB. Apply rejects larger ones.
	MaxCommandBytes = 1 << 20
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Encode serializes a command, at the level its kind belongs to.
func Encode(cmd *jieliv1.Command) ([]byte, error) {
	if Required(cmd) == 0 {
		return nil, errors.New("a command without a change")
	}
	if cmd.GetLevel() == 0 {
		cmd = proto.Clone(cmd).(*jieliv1.Command)
		cmd.Level = Required(cmd)
	}
	b, err := proto.MarshalOptions{Deterministic: true}.Marshal(cmd)
	if err != nil {
		return nil, fmt.Errorf("encode command: %w", err)
	}
	if len(b) > MaxCommandBytes {
		return nil, fmt.Errorf("a command of %d bytes; the limit is %d", len(b), MaxCommandBytes)
	}
	return b, nil
}

// Required is the level a command's kind belongs to; 0 for one without a change.
func Required(cmd *jieliv1.Command) uint32 {
	if cmd.GetChange() == nil {
		return 0
	}
	return 1
}

// Seal makes the data of a log entry of a command, with the leader's stamp.
func Seal(command, signature []byte, stamp uint64) []byte {
	b, err := proto.MarshalOptions{Deterministic: true}.Marshal(&jieliv1.LogEntry{
		Command: command, Signature: signature, Stamp: stamp, Crc: checksum(command, signature, stamp),
	})
	if err != nil {
		// Bytes and integers always marshal; an empty entry is rejected by all.
		return nil
	}
	return b
}

func checksum(command, signature []byte, stamp uint64) uint32 {
	c := crc32.Update(0, castagnoli, command)
	c = crc32.Update(c, castagnoli, signature)
	return crc32.Update(c, castagnoli, binary.BigEndian.AppendUint64(nil, stamp))
}

// open reads a log entry.
func open(data []byte) (*jieliv1.Command, uint64, *rejection) {
	var e jieliv1.LogEntry
	if err := proto.Unmarshal(data, &e); err != nil {
		return nil, 0, reject("CORRUPT_ENTRY", "the entry cannot be read")
	}
	if e.GetCrc() != checksum(e.GetCommand(), e.GetSignature(), e.GetStamp()) {
		return nil, 0, reject("CORRUPT_ENTRY", "the entry's checksum does not match")
	}
	if n := len(e.GetCommand()); n > MaxCommandBytes {
		return nil, 0, reject("COMMAND_TOO_LARGE", "a command of %d bytes; the limit is %d", n, MaxCommandBytes)
	}
	// Fields that this binary does not know would be state that no hash covers.
	cmd := new(jieliv1.Command)
	if err := (proto.UnmarshalOptions{DiscardUnknown: true}).Unmarshal(e.GetCommand(), cmd); err != nil {
		return nil, 0, reject("CORRUPT_ENTRY", "the command cannot be read")
	}
	return cmd, e.GetStamp(), nil
}

// CheckRequestID refuses an id that is not a UUIDv7, or was made too long ago or too far ahead by this node's clock.
// The node that takes a write calls it; Apply has no clock and only knows what it remembers.
func CheckRequestID(id string, now time.Time, maxAge, maxAhead time.Duration) error {
	u, err := parseRequestID(id)
	if err != nil {
		return fmt.Errorf("requestId: %w", err)
	}
	made := time.UnixMilli(int64(binary.BigEndian.Uint64(append([]byte{0, 0}, u[:6]...)))) // #nosec G115 -- 48 bits
	switch {
	case now.Sub(made) > maxAge:
		return fmt.Errorf("requestId: made at %s, more than %s ago; its outcome can no longer be told, make a new one", made.UTC().Format(time.RFC3339), maxAge)
	case made.Sub(now) > maxAhead:
		return fmt.Errorf("requestId: made at %s, more than %s ahead of this node's clock", made.UTC().Format(time.RFC3339), maxAhead)
	}
	return nil
}

func parseRequestID(id string) (uuid.UUID, error) {
	u, err := uuid.Parse(id)
	if err != nil || u.Version() != 7 || u.Variant() != uuid.RFC4122 || u.String() != id {
		return u, errors.New("must be a UUIDv7 in canonical text")
	}
	return u, nil
}

// rejection is why a command changes nothing.
type rejection struct {
	reason  string
	message string
}

// maxMessage and maxReason bound what is remembered of a rejection, in bytes.
const (
	maxMessage = 400
	maxReason  = 64
)

func reject(reason, format string, args ...any) *rejection {
	m := fmt.Sprintf(format, args...)
	if len(m) > maxMessage {
		m = m[:maxMessage]
		for len(m) > 0 && m[len(m)-1]&0xC0 == 0x80 {
			m = m[:len(m)-1]
		}
		if len(m) > 0 && m[len(m)-1]&0xC0 == 0xC0 {
			m = m[:len(m)-1]
		}
	}
	return &rejection{reason: reason, message: m}
}
