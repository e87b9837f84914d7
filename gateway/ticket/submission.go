package ticket

import (
	"fmt"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	jieliv1 "github.com/jieli-gateway/jieli/proto/jieli/v1"
)

const (
	// MaxAhead is how far ahead of a node's clock a centre's may be.
	MaxAhead = 5 * time.Minute
	// SubmissionTag is for Submitted.
	SubmissionTag = "jieli/submission/1"
)

// submitted tells which fields of a Ticket a centre gives; the node gives all others.
func submitted(field protoreflect.Name) bool {
	switch field {
	case "external_id", "type", "category", "service", "channel", "urgency", "title", "description", "division",
		"address", "location", "reporter", "publishable", "test", "complex", "reported_at":
		return true
	}
	return false
}

// ValidateSubmission checks a new ticket, field by field, as a centre submits it; now is the node's time. It says nothing
// of whether such a division or service exists. The error is Violations: all that is wrong, by JSON name.
func ValidateSubmission(t *jieliv1.Ticket, now time.Time) error {
	if t == nil {
		return Violations{*inputChecks.fail("ticket", "required")}
	}
	var vs Violations
	vs.outputOnly(t)
	vs.unknown(t.ProtoReflect())
	vs.add(inputChecks.codeOrNone("externalId", t.GetExternalId()))
	vs.add(inputChecks.enum("type", t.GetType()))
	vs.add(inputChecks.line("category", t.GetCategory(), MaxCategory))
	vs.add(inputChecks.serviceOrNone("service", t.GetService()))
	vs.add(inputChecks.enumOrNone("channel", t.GetChannel()))
	vs.add(inputChecks.enumOrNone("urgency", t.GetUrgency()))
	vs.add(inputChecks.text("title", t.GetTitle(), 1, MaxTitle, false))
	vs.add(inputChecks.text("description", t.GetDescription(), 1, MaxDescription, true))
	vs.add(inputChecks.division("division", t.GetDivision()))
	vs.add(inputChecks.line("address", t.GetAddress(), MaxAddress))
	vs.location(t.GetLocation())
	n := len(vs)
	vs.reporter(t.GetReporter())
	vs.within("reporter", n)
	vs.add(reportedAt(t, now))
	return vs.err()
}

func reportedAt(t *jieliv1.Ticket, now time.Time) *Violation {
	const field = "reportedAt"
	at := t.GetReportedAt()
	if v := inputChecks.timeOrNone(field, at); v != nil {
		return v
	}
	if latest := now.Add(MaxAhead); at != nil && at.AsTime().After(latest) {
		return inputChecks.fail(field, "must not be more than %.0f minutes in the future: it is %s, this node's clock says %s",
			MaxAhead.Minutes(), at.AsTime().Format(time.RFC3339), now.UTC().Format(time.RFC3339))
	}
	return nil
}

// outputOnly refuses fields that only a node sets.
func (vs *Violations) outputOnly(t *jieliv1.Ticket) {
	m := t.ProtoReflect()
	fields := m.Descriptor().Fields()
	for i := range fields.Len() {
		if field := fields.Get(i); m.Has(field) && !submitted(field.Name()) {
			vs.add(inputChecks.fail(field.JSONName(), "is set by the node and must be left out"))
		}
	}
}

// unknown refuses fields that this version does not know: they would be lost in silence.
func (vs *Violations) unknown(m protoreflect.Message) {
	if len(m.GetUnknown()) > 0 {
		vs.add(inputChecks.fail("ticket", "%s has fields that this version does not know", m.Descriptor().Name()))
	}
	fields := m.Descriptor().Fields()
	for i := range fields.Len() {
		field := fields.Get(i)
		if field.Message() != nil && !field.IsList() && m.Has(field) {
			vs.unknown(m.Get(field).Message())
		}
	}
}

// Submitted is the digest of what was submitted: the same fields with the same values, defaults filled in, have the same
// one. It recognises a submission that comes again under the same externalId or requestId.
func Submitted(t *jieliv1.Ticket) [HashBytes]byte {
	c := proto.CloneOf(t)
	m := c.ProtoReflect()
	m.SetUnknown(nil)
	m.Range(func(field protoreflect.FieldDescriptor, _ protoreflect.Value) bool {
		if !submitted(field.Name()) {
			m.Clear(field)
		}
		return true
	})
	if c.GetChannel() == jieliv1.Ticket_CHANNEL_UNSPECIFIED {
		c.Channel = jieliv1.Ticket_PHONE
	}
	if c.GetUrgency() == jieliv1.Ticket_URGENCY_UNSPECIFIED {
		c.Urgency = jieliv1.Ticket_NORMAL
	}
	b, err := proto.MarshalOptions{Deterministic: true}.Marshal(c)
	if err != nil {
		// Text that is not UTF-8, which ValidateSubmission refuses: no submission that was taken has this digest.
		b = []byte(fmt.Sprint("not encodable: ", err))
	}
	return taggedHash(SubmissionTag, b)
}
