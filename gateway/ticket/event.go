package ticket

import (
	"crypto/sha256"
	"math"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	jieliv1 "github.com/jieli-gateway/jieli/proto/jieli/v1"
)

const (
	// MaxEventBytes bounds an event. Events hold no texts: real ones have a few hundred bytes.
	MaxEventBytes = 64 << 10
	// MaxCommitments bounds the content items bound to one event.
	MaxCommitments = 8
	// EventTag stands before the bytes of an event when it is hashed.
	EventTag = "jieli/event/1"
)

// Hash is the hash of an event's exact bytes: SHA-256("jieli/event/1" ‖ 0x00 ‖ bytes).
func Hash(b []byte) [HashBytes]byte { return taggedHash(EventTag, b) }

// taggedHash is SHA-256(tag ‖ 0x00 ‖ parts).
func taggedHash(tag string, parts ...[]byte) (hash [HashBytes]byte) {
	h := sha256.New()
	h.Write([]byte(tag))
	h.Write([]byte{0})
	for _, part := range parts {
		h.Write(part)
	}
	h.Sum(hash[:0])
	return hash
}

// Encode checks an event as Decode would and returns the bytes that are stored, hashed and sent for ever, with their
// hash. The error is a *Violation.
func Encode(ev *jieliv1.Event) (b []byte, hash [HashBytes]byte, err error) {
	if err := validateEvent(ev); err != nil {
		return nil, hash, err
	}
	b, err = proto.MarshalOptions{Deterministic: true}.Marshal(ev)
	if err != nil {
		return nil, hash, violation(ReasonMalformed, "", "event cannot be encoded: %v", err)
	}
	if err := checkBytes(b, MaxEventBytes, ev); err != nil {
		return nil, hash, err
	}
	return b, Hash(b), nil
}

// Decode reads an event's bytes and checks everything that the event shows by itself: size, canonical encoding,
// each field and its limits, that kind and body agree, and which content goes with which kind. It does not judge
// whether the event may follow others (Apply), nor who signed it.
//
// There is one encoding of an event, so unknown fields are refused as unknown kinds are, with UNKNOWN_KIND: what a
// newer version wrote is not half understood, it waits until this node is upgraded. A new field or kind of event
// therefore belongs to a new link version. The error is a *Violation.
func Decode(b []byte) (*jieliv1.Event, error) {
	ev := &jieliv1.Event{}
	if err := checkBytes(b, MaxEventBytes, ev); err != nil {
		return nil, err
	}
	if err := proto.Unmarshal(b, ev); err != nil {
		return nil, violation(ReasonMalformed, "", "event cannot be read: %v", err)
	}
	if err := validateEvent(ev); err != nil {
		return nil, err
	}
	return ev, nil
}

// checkBytes checks size and canonical encoding of a message of m's type.
func checkBytes(b []byte, most int, m proto.Message) error {
	if len(b) > most {
		return violation(ReasonTooLarge, "", "%s has %d bytes, at most %d are allowed",
			m.ProtoReflect().Descriptor().Name(), len(b), most)
	}
	return first(checkCanonical(b, m.ProtoReflect().Descriptor()))
}

// Peek reads ticket id and number of an event that Decode refuses, to say which ticket stands still by it. The id is
// empty when the bytes do not begin with a proper id and number.
func Peek(b []byte) (ticketID string, number uint32) {
	length, b, ok := takeField(b, 1, protowire.BytesType)
	if !ok || length != uuidLength || len(b) < uuidLength {
		return "", 0
	}
	id := string(b[:uuidLength])
	n, _, ok := takeField(b[uuidLength:], 2, protowire.VarintType)
	if !ok || n == 0 || n > math.MaxUint32 || eventChecks.uuidv7("ticketId", id) != nil {
		return "", 0
	}
	return id, uint32(n)
}

// takeField reads the tag of a field that must come first and the integer or length behind it.
func takeField(b []byte, number protowire.Number, wire protowire.Type) (value uint64, rest []byte, ok bool) {
	tag, rest, ok := takeVarint(b)
	if !ok || tag != protowire.EncodeTag(number, wire) {
		return 0, nil, false
	}
	return takeVarint(rest)
}

// kindOf is the kind that an event's body is of; KIND_UNSPECIFIED without a body. The number of each body's field is
// that of its kind plus firstBody - 1.
func kindOf(ev *jieliv1.Event) jieliv1.Event_Kind {
	m := ev.ProtoReflect()
	field := m.WhichOneof(m.Descriptor().Oneofs().ByName("body"))
	if field == nil {
		return jieliv1.Event_KIND_UNSPECIFIED
	}
	return jieliv1.Event_Kind(field.Number() - firstBody + 1)
}

// firstBody is the number of the first field of the oneof `body`: RECEIVED.
const firstBody = 16

// setBody puts a body, e.g. a *jieliv1.Offered, into an event together with its kind.
func setBody(ev *jieliv1.Event, body any) error {
	if m, ok := body.(proto.Message); ok && m.ProtoReflect().IsValid() {
		fields := ev.ProtoReflect().Descriptor().Oneofs().ByName("body").Fields()
		for i := range fields.Len() {
			if field := fields.Get(i); field.Message() == m.ProtoReflect().Descriptor() {
				ev.ProtoReflect().Set(field, protoreflect.ValueOfMessage(m.ProtoReflect()))
				ev.Kind = kindOf(ev)
				return nil
			}
		}
	}
	return violation(ReasonMalformed, "body", "%T is not the body of an event", body)
}
