package ticket

import (
	"errors"
	"time"

	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/jieli-gateway/jieli/regions"
)

// HashBytes is the length of every hash: SHA-256.
const HashBytes = 32

// lastSecond is 9999-12-31T23:59:59Z, the last second that protobuf JSON can write.
const lastSecond = 253402300799

// checks tells field checks apart by what their violations are called: MALFORMED in bytes that somebody wrote
// for machines, INVALID_FIELD in what a person sent.
type checks struct{ reason string }

var (
	eventChecks = checks{reason: ReasonMalformed}
	inputChecks = checks{reason: ReasonInvalidField}
)

func (c checks) fail(field, format string, args ...any) *Violation {
	return violation(c.reason, field, format, args...)
}

// region checks a region id, [a-z][a-z0-9-]{1,31}.
func (c checks) region(field, id string) *Violation {
	return c.regions(field, regions.ValidateRegionID(id))
}

// service checks a service code, e.g. `urban.housing`.
func (c checks) service(field, code string) *Violation {
	return c.regions(field, regions.ValidateServiceCode(code))
}

// serviceOrNone is service for a field that may be empty.
func (c checks) serviceOrNone(field, code string) *Violation {
	if code == "" {
		return nil
	}
	return c.service(field, code)
}

// division checks the form of a division code; not whether there is such a division.
func (c checks) division(field, code string) *Violation {
	if code == "" {
		return c.fail(field, "is required")
	}
	_, err := regions.ParseCode(code)
	return c.regions(field, err)
}

// day checks a day, e.g. `2026-11-24`.
func (c checks) day(field, day string) *Violation {
	_, err := regions.ParseDay(day)
	return c.regions(field, err)
}

// regions turns an error of package regions into a violation of the field.
func (c checks) regions(field string, err error) *Violation {
	if err == nil {
		return nil
	}
	rule := err.Error()
	if invalid := (*regions.InvalidError)(nil); errors.As(err, &invalid) {
		rule = invalid.Rule
	}
	return c.fail(field, "%s", rule)
}

// hash checks that there are 32 bytes.
func (c checks) hash(field string, b []byte) *Violation {
	if len(b) != HashBytes {
		return c.fail(field, "a hash has %d bytes, this has %d", HashBytes, len(b))
	}
	return nil
}

// time checks that a time is given and lies between 1970 and 9999.
func (c checks) time(field string, t *timestamppb.Timestamp) *Violation {
	switch s, ns := t.GetSeconds(), t.GetNanos(); {
	case t == nil:
		return c.fail(field, "a time is required")
	case s < 0, s > lastSecond, ns < 0, ns >= int32(time.Second):
		return c.fail(field, "a time lies between 1970 and 9999")
	}
	return nil
}

// timeOrNone is time for a field that may be absent.
func (c checks) timeOrNone(field string, t *timestamppb.Timestamp) *Violation {
	if t == nil {
		return nil
	}
	return c.time(field, t)
}

// millisOrNone is timeOrNone for a time in whole milliseconds.
func (c checks) millisOrNone(field string, t *timestamppb.Timestamp) *Violation {
	if v := c.timeOrNone(field, t); v != nil {
		return v
	}
	if t.GetNanos()%int32(time.Millisecond) != 0 {
		return c.fail(field, "must be whole milliseconds")
	}
	return nil
}

// enum checks that a value is given and known. A value that is not known is an UNKNOWN_KIND in bytes.
func (c checks) enum(field string, e protoreflect.Enum) *Violation {
	values := e.Descriptor().Values()
	switch {
	case e.Number() == 0:
		return c.fail(field, "required: one of %s", names(values))
	case values.ByNumber(e.Number()) != nil:
		return nil
	case c.reason == ReasonMalformed:
		return violation(ReasonUnknownKind, field, "value %d is not known to this version; upgrade this node", e.Number())
	default:
		return c.fail(field, "unknown value %d: must be one of %s", e.Number(), names(values))
	}
}

// enumOrNone is enum for a field that may be left at its unspecified value.
func (c checks) enumOrNone(field string, e protoreflect.Enum) *Violation {
	if e.Number() == 0 {
		return nil
	}
	return c.enum(field, e)
}

// names lists the values of an enum but the unspecified one.
func names(values protoreflect.EnumValueDescriptors) string {
	var s []byte
	for i := range values.Len() {
		if values.Get(i).Number() == 0 {
			continue
		}
		if len(s) > 0 {
			s = append(s, ' ')
		}
		s = append(s, values.Get(i).Name()...)
	}
	return string(s)
}
