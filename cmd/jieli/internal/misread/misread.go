// Package misread says where and why a text is no protobuf JSON, without the words and changing spaces of protojson.
package misread

import (
	"bytes"
	"encoding/json"
	"regexp"
	"strconv"
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

var (
	place = regexp.MustCompile(`^proto:[ \x{a0}]*(?:syntax error )?\(line (\d+):(\d+)\): (.*)$`)
	begin = regexp.MustCompile(`^proto:[ \x{a0}]*`)
	word  = regexp.MustCompile(`^invalid value for enum field (\w+): .*$`)
)

// Of takes an error of protojson apart. Line and column count from 1; 0 where it does not say them. A word that an
// enumeration does not have comes with those it has.
func Of(err error, m proto.Message) (line, column int, what string) {
	what = begin.ReplaceAllString(err.Error(), "")
	if found := place.FindStringSubmatch(err.Error()); found != nil {
		line, _ = strconv.Atoi(found[1]) // digits
		column, _ = strconv.Atoi(found[2])
		what = found[3]
	}
	if found := word.FindStringSubmatch(what); found != nil {
		if words := enumOf(m.ProtoReflect().Descriptor(), found[1], 0); len(words) > 0 {
			what += "; must be one of " + strings.Join(words, ", ")
		}
	}
	return line, column, what
}

// Object tells whether a text begins as a JSON object does, or is empty.
func Object(text []byte) bool {
	text = bytes.TrimSpace(text)
	return len(text) == 0 || text[0] == '{'
}

// Wrapper gives the field of a message that a JSON object would be the content of, where it is none of the message
// itself: `ticket` of a ticket that stands alone. It is empty where there is no such field.
func Wrapper(text []byte, m proto.Message) (field string) {
	var object map[string]json.RawMessage
	if json.Unmarshal(text, &object) != nil {
		return ""
	}
	known := func(d protoreflect.MessageDescriptor) (n int) {
		for key := range object {
			if d.Fields().ByJSONName(key) != nil || d.Fields().ByTextName(key) != nil {
				n++
			}
		}
		return n
	}
	d := m.ProtoReflect().Descriptor()
	if known(d) > 0 {
		return ""
	}
	best := 0
	for i := range d.Fields().Len() {
		f := d.Fields().Get(i)
		if f.Message() == nil || f.IsList() || f.IsMap() {
			continue
		}
		if n := known(f.Message()); n > best {
			best, field = n, f.JSONName()
		}
	}
	return field
}

// deepest bounds how deep a field is looked for.
const deepest = 4

// enumOf lists the words of the first enumeration under a field's name, in a message or the messages in it.
func enumOf(d protoreflect.MessageDescriptor, name string, depth int) (words []string) {
	for i := range d.Fields().Len() {
		f := d.Fields().Get(i)
		if f.Enum() == nil || (f.JSONName() != name && string(f.Name()) != name) {
			continue
		}
		values := f.Enum().Values()
		for j := range values.Len() {
			if v := values.Get(j); v.Number() != 0 {
				words = append(words, string(v.Name()))
			}
		}
		return words
	}
	if depth == deepest {
		return nil
	}
	for i := range d.Fields().Len() {
		if m := d.Fields().Get(i).Message(); m != nil {
			if words := enumOf(m, name, depth+1); len(words) > 0 {
				return words
			}
		}
	}
	return nil
}
