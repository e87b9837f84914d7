package api

import (
	"bytes"

	"google.golang.org/grpc/encoding"
	_ "google.golang.org/grpc/encoding/proto" // registers the codec that is wrapped here
	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"github.com/jieli-gateway/jieli/gateway/fault"
)

// lenientCodec is Protobuf's codec, but for bytes that are not the message they should be: it gives a message that
// says so, for the gate to refuse. gRPC itself answers INTERNAL to them, without a correlation id, and before
// anybody else hears of the call.
type lenientCodec struct{ encoding.CodecV2 }

func newLenientCodec() lenientCodec { return lenientCodec{encoding.GetCodecV2("proto")} }

// malformedMark stands in a message that could not be decoded: an unknown field, of the highest number there is.
func malformedMark() []byte {
	return protowire.AppendVarint(protowire.AppendTag(nil, protowire.MaxValidNumber, protowire.VarintType), 1)
}

// Unmarshal implements encoding.CodecV2.
func (c lenientCodec) Unmarshal(data mem.BufferSlice, v any) error {
	err := c.CodecV2.Unmarshal(data, v)
	message, ok := v.(proto.Message)
	if err == nil || !ok {
		return err
	}
	proto.Reset(message)
	message.ProtoReflect().SetUnknown(malformedMark())
	return nil
}

// checkDecoded refuses a message that could not be decoded.
func checkDecoded(message proto.Message) error {
	if unknown := message.ProtoReflect().GetUnknown(); len(unknown) > 0 && bytes.Equal(unknown, malformedMark()) {
		return fault.New(fault.Invalid, "MALFORMED_MESSAGE",
			"the request is not a valid message: every text must be valid UTF-8 and every field of its declared type")
	}
	return nil
}
