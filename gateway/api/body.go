package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"unicode/utf8"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/jieli-gateway/jieli/gateway/fault"
	jieliv1 "github.com/jieli-gateway/jieli/proto/jieli/v1"
)

// requestBody is a body that has been read and checked. The transcoder leaves in it why it could not be decoded.
type requestBody struct {
	*bytes.Reader
	wrong error
}

// Close implements io.Closer.
func (*requestBody) Close() error { return nil }

// limitBody reads the body before next does, within its limit, refuses one that is not UTF-8, and wraps a bare
// object.
func limitBody(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := readBody(w, r)
		if err == nil && !utf8.Valid(body) {
			err = fault.New(fault.Invalid, "INVALID_UTF8", "the body is not valid UTF-8, from byte %d on: send JSON in UTF-8", firstInvalid(body))
		}
		if err != nil {
			writeError(w, r, err)
			return
		}
		if b, ok := bareObjects[r.Method+" "+r.URL.Path]; ok {
			body = b.wrap(body)
		}
		r.Body = &requestBody{Reader: bytes.NewReader(body)}
		r.ContentLength = int64(len(body))
		next.ServeHTTP(w, r)
	})
}

// firstInvalid is where a text stops being UTF-8.
func firstInvalid(text []byte) int {
	at := 0
	for at < len(text) {
		r, size := utf8.DecodeRune(text[at:])
		if r == utf8.RuneError && size <= 1 {
			break
		}
		at += size
	}
	return at
}

// bareObject is a request that may be sent as the one thing in it: a ticket instead of {"ticket": a ticket}. It is
// one when it lacks the thing's key and has a key that every such thing has.
type bareObject struct {
	key     string // of the thing in the request
	sign    string // a key that every such thing has
	request proto.Message
}

// bareObjects are the requests for which this is done.
var bareObjects = map[string]bareObject{
	"POST /v1/tickets":  {"ticket", "title", (*jieliv1.SubmitTicketRequest)(nil)},
	"POST /v1/routes":   {"route", "division", (*jieliv1.SetRouteRequest)(nil)},
	"POST /v1/regions":  {"region", "id", (*jieliv1.RegisterRegionRequest)(nil)},
	"POST /v1/nodes":    {"node", "name", (*jieliv1.PutNodeRequest)(nil)},
	"POST /v1/services": {"service", "code", (*jieliv1.SetServiceRequest)(nil)},
}

// wrap gives the request that a body stands for. Keys of the request beside the thing, like requestId, stay beside
// it. A body that is not a bare object, or not JSON, is returned as it is.
func (b bareObject) wrap(body []byte) []byte {
	members, err := membersOf(body)
	if err != nil || !members.has(b.sign) {
		return body
	}
	descriptor := b.request.ProtoReflect().Descriptor()
	thing := descriptor.Fields().ByJSONName(b.key).Message()
	var inside, beside object
	for _, m := range members {
		switch {
		case m.key == b.key:
			return body // the request itself
		case known(descriptor, m.key) && !known(thing, m.key):
			beside = append(beside, m)
		default:
			inside = append(inside, m)
		}
	}
	return append(beside, member{b.key, inside.text()}).text()
}

// known tells whether a message has a field of this JSON or .proto name.
func known(message protoreflect.MessageDescriptor, key string) bool {
	fields := message.Fields()
	return fields.ByJSONName(key) != nil || fields.ByTextName(key) != nil
}

// member is a key of a JSON object with its value.
type member struct {
	key   string
	value json.RawMessage
}

// object is a JSON object, its members in their order.
type object []member

// membersOf takes a JSON object apart; keys that are there twice stay so, to be refused later.
func membersOf(text []byte) (object, error) {
	decoder := json.NewDecoder(bytes.NewReader(text))
	if start, err := decoder.Token(); err != nil || start != json.Delim('{') {
		return nil, errors.New("not a JSON object")
	}
	var members object
	for decoder.More() {
		key, err := decoder.Token()
		if err != nil {
			return nil, err
		}
		m := member{key: key.(string)} // the decoder gives nothing else for a key
		if err := decoder.Decode(&m.value); err != nil {
			return nil, err
		}
		members = append(members, m)
	}
	if _, err := decoder.Token(); err != nil {
		return nil, err
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("something follows the JSON object")
	}
	return members, nil
}

func (m object) has(key string) bool {
	for _, one := range m {
		if one.key == key {
			return true
		}
	}
	return false
}

// text puts members together again.
func (m object) text() json.RawMessage {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, one := range m {
		if i > 0 {
			b.WriteByte(',')
		}
		key, err := json.Marshal(one.key)
		if err != nil {
			key = []byte(`""`) // a string is always written
		}
		b.Write(key)
		b.WriteByte(':')
		b.Write(one.value)
	}
	b.WriteByte('}')
	return b.Bytes()
}
