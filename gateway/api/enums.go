package api

import (
	"fmt"
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/jieli-gateway/jieli/gateway/fault"
)

// checkEnums refuses a message with an enum value that the contract does not have. Protobuf itself lets any number
// through, and a number nobody knows must not end in an event.
func checkEnums(message proto.Message) error {
	var wrong []fault.Field
	walkEnums(message.ProtoReflect(), "", &wrong)
	if len(wrong) == 0 {
		return nil
	}
	return fault.InvalidFields(wrong...)
}

// words are the values of an enum that somebody can mean, all but that of nothing said.
func words(enum protoreflect.EnumDescriptor) string {
	var names []string
	for i := range enum.Values().Len() {
		if value := enum.Values().Get(i); value.Number() != 0 {
			names = append(names, string(value.Name()))
		}
	}
	return strings.Join(names, ", ")
}

// maxWrongFields bounds the fields named in one refusal.
const maxWrongFields = 16

func walkEnums(message protoreflect.Message, path string, wrong *[]fault.Field) {
	message.Range(func(field protoreflect.FieldDescriptor, value protoreflect.Value) bool {
		if field.Enum() == nil && field.Message() == nil {
			return true
		}
		name := path + field.JSONName()
		switch {
		case field.IsMap():
			value.Map().Range(func(key protoreflect.MapKey, item protoreflect.Value) bool {
				walkValue(field.MapValue(), item, fmt.Sprintf("%s[%s]", name, key.String()), wrong)
				return len(*wrong) < maxWrongFields
			})
		case field.IsList():
			items := value.List()
			for i := 0; i < items.Len() && len(*wrong) < maxWrongFields; i++ {
				walkValue(field, items.Get(i), fmt.Sprintf("%s[%d]", name, i), wrong)
			}
		default:
			walkValue(field, value, name, wrong)
		}
		return len(*wrong) < maxWrongFields
	})
}

func walkValue(field protoreflect.FieldDescriptor, value protoreflect.Value, name string, wrong *[]fault.Field) {
	switch {
	case field.Enum() != nil:
		if field.Enum().Values().ByNumber(value.Enum()) == nil {
			*wrong = append(*wrong, fault.Field{Name: name, Rule: fmt.Sprintf("%d is not a value of %s", value.Enum(), field.Enum().Name())})
		}
	case field.Message() != nil:
		walkEnums(value.Message(), name+".", wrong)
	}
}
