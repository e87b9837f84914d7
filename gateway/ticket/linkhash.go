package ticket

import "encoding/binary"

// Tags of the hashes of a link (docs/protocol.md §5).
const (
	// RunningTag is for the running hash of a link.
	RunningTag = "jieli/link/1"
	// ContentItemTag is for a content item that travels by itself.
	ContentItemTag = "jieli/content/1"
	// EmptyItemTag is for an item that keeps the place of what was never sent.
	EmptyItemTag = "jieli/empty/1"
)

// RunningHash is the running hash of a link after an item: SHA-256("jieli/link/1" ‖ 0x00 ‖ previous ‖ item). Before the
// first item it is 32 zero bytes.
func RunningHash(previous, item [HashBytes]byte) [HashBytes]byte {
	return taggedHash(RunningTag, previous[:], item[:])
}

// EventItemHash is the hash of an event item: the event's own hash, which binds its content by the commitments.
func EventItemHash(event [HashBytes]byte) [HashBytes]byte { return event }

// ContentItemHash is the hash of a content item: SHA-256("jieli/content/1" ‖ 0x00 ‖ ticket id ‖ number as 4 bytes big
// endian ‖ commitment).
func ContentItemHash(ticketID string, number uint32, commitment [HashBytes]byte) [HashBytes]byte {
	return taggedHash(ContentItemTag, []byte(ticketID), binary.BigEndian.AppendUint32(nil, number), commitment[:])
}

// EmptyItemHash is the hash of an empty item: SHA-256("jieli/empty/1" ‖ 0x00).
func EmptyItemHash() [HashBytes]byte { return taggedHash(EmptyItemTag) }
