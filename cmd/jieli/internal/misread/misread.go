// Package misread says where and why a text is no protobuf JSON, without the words and changing spaces of protojson.
package misread

import (
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
