package ticket

import (
	"math"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// checkCanonical refuses bytes that could have been written in another way, or that two readers could take
// differently. A message is canonical when its fields stand in ascending order of number, none twice but those
// of a list, at most one of a oneof; every integer and length is the shortest varint and fits its type; no field
// without presence holds its default; and every field is known. So one event has one encoding, in any language.
//
// A field that is not known gives UNKNOWN_KIND: a newer version wrote it and this one cannot judge it.
func checkCanonical(b []byte, md protoreflect.MessageDescriptor) *Violation {
	var (
		last  protoreflect.FieldNumber
		oneof protoreflect.OneofDescriptor
	)
	for len(b) > 0 {
		tag, rest, ok := takeVarint(b)
		number := tag >> 3
		if !ok || number == 0 || number > uint64(protowire.MaxValidNumber) {
			return violation(ReasonMalformed, "", "%s: not the shortest encoding of a field number", md.Name())
		}
		field := md.Fields().ByNumber(protoreflect.FieldNumber(number))
		if field == nil {
			return violation(ReasonUnknownKind, "", "%s: field %d is not known to this version; upgrade this node", md.Name(), number)
		}
		switch group := field.ContainingOneof(); {
		case field.Number() < last, field.Number() == last && !field.IsList():
			return malformedField(field, "fields must stand in ascending order, none twice")
		case group != nil && group == oneof:
			return malformedField(field, "only one of %s may be set", group.Name())
		case group != nil:
			oneof = group
		}
		last = field.Number()
		var v *Violation
		if b, v = checkCanonicalValue(rest, field, protowire.Type(tag&7)); v != nil {
			return v
		}
	}
	return nil
}

// checkCanonicalValue checks one value and returns what follows it.
func checkCanonicalValue(b []byte, field protoreflect.FieldDescriptor, wire protowire.Type) ([]byte, *Violation) {
	value, rest, ok := takeVarint(b)
	if !ok {
		return nil, malformedField(field, "not the shortest encoding of an integer or length")
	}
	if hidden := value == 0 && !field.HasPresence() && !field.IsList(); hidden {
		return nil, malformedField(field, "a default value must be left out")
	}
	if integer, fits := fitsInteger(field.Kind(), value); integer {
		if wire != protowire.VarintType || !fits {
			return nil, malformedField(field, "not a value of its type")
		}
		return rest, nil
	}
	switch field.Kind() {
	case protoreflect.StringKind, protoreflect.BytesKind, protoreflect.MessageKind:
	default:
		return nil, malformedField(field, "events have no fields of kind %s", field.Kind())
	}
	if wire != protowire.BytesType || value > uint64(len(rest)) {
		return nil, malformedField(field, "not a value of its type")
	}
	if field.Kind() == protoreflect.MessageKind {
		if v := checkCanonical(rest[:value], field.Message()); v != nil {
			return nil, v.within(field.JSONName())
		}
	}
	return rest[value:], nil
}

// fitsInteger tells whether a kind is an integer, and whether a varint is one of its values. A reader would cut
// off what does not fit.
func fitsInteger(kind protoreflect.Kind, value uint64) (integer, fits bool) {
	switch kind {
	case protoreflect.BoolKind:
		return true, value <= 1
	case protoreflect.EnumKind:
		return true, value <= math.MaxInt32
	case protoreflect.Uint32Kind:
		return true, value <= math.MaxUint32
	case protoreflect.Int32Kind:
		signed := int64(value) // a varint holds a negative number by its two's complement
		return true, signed >= math.MinInt32 && signed <= math.MaxInt32
	case protoreflect.Uint64Kind, protoreflect.Int64Kind:
		return true, true
	default:
		return false, false
	}
}

// takeVarint reads a varint; ok is false when there is none or it is longer than needed.
func takeVarint(b []byte) (value uint64, rest []byte, ok bool) {
	value, n := protowire.ConsumeVarint(b)
	if n < 0 || n != protowire.SizeVarint(value) {
		return 0, nil, false
	}
	return value, b[n:], true
}

func malformedField(field protoreflect.FieldDescriptor, format string, args ...any) *Violation {
	return violation(ReasonMalformed, field.JSONName(), format, args...)
}
