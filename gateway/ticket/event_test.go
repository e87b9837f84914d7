package ticket_test

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/timestamppb"
	"pgregory.net/rapid"

	"github.com/jieli-gateway/jieli/gateway/ticket"
	jieliv1 "github.com/jieli-gateway/jieli/proto/jieli/v1"
)

// oneOfEach has an event of each kind, as it should be.
func oneOfEach(t rapid.TB) map[jieliv1.Event_Kind]*jieliv1.Event {
	t.Helper()
	all := map[jieliv1.Event_Kind]*jieliv1.Event{}
	for _, tell := range situations() {
		for _, ev := range tell(t).events {
			all[ev.GetKind()] = ev
		}
	}
	for number, name := range jieliv1.Event_Kind_name {
		if number != 0 && all[jieliv1.Event_Kind(number)] == nil {
			t.Fatalf("no situation has a %s", name)
		}
	}
	return all
}

func TestEncodeAndDecode(t *testing.T) {
	for kind, ev := range oneOfEach(t) {
		t.Run(kind.String(), func(t *testing.T) {
			b, hash, err := ticket.Encode(ev)
			if err != nil {
				t.Fatal(err)
			}
			if hash != ticket.Hash(b) {
				t.Error("the hash is not that of the bytes")
			}
			back, err := ticket.Decode(b)
			if err != nil || !proto.Equal(back, ev) {
				t.Errorf("decoded to %v, %v", back, err)
			}
			if id, number := ticket.Peek(b); id != ev.GetTicketId() || number != ev.GetNumber() {
				t.Errorf("Peek sees %s %d", id, number)
			}
		})
	}
}

// TestWrongEvents: each way in which an event can be wrong by itself, refused by Encode and by Decode alike.
func TestWrongEvents(t *testing.T) {
	tests := []struct {
		name   string
		kind   jieliv1.Event_Kind
		change func(*jieliv1.Event)
		field  string
		reason string // MALFORMED where empty
	}{
		{"no kind", jieliv1.Event_UNROUTED, func(ev *jieliv1.Event) { ev.Kind = 0 }, "kind", ""},
		{"a kind of tomorrow", jieliv1.Event_UNROUTED, func(ev *jieliv1.Event) { ev.Kind = 99 }, "kind", ticket.ReasonUnknownKind},
		{"no body", jieliv1.Event_UNROUTED, func(ev *jieliv1.Event) { ev.Body = nil }, "body", ""},
		{"another kind's body", jieliv1.Event_UNROUTED, func(ev *jieliv1.Event) { ev.Kind = jieliv1.Event_CLOSED }, "body", ""},
		{"no ticket", jieliv1.Event_UNROUTED, func(ev *jieliv1.Event) { ev.TicketId = "" }, "ticketId", ""},
		{"a ticket id in capitals", jieliv1.Event_UNROUTED, func(ev *jieliv1.Event) { ev.TicketId = strings.ToUpper(ev.TicketId) }, "ticketId", ""},
		{"a ticket id of version 4", jieliv1.Event_UNROUTED, func(ev *jieliv1.Event) { ev.TicketId = "0198c5a0-7d1e-4c3a-9f00-0123456789ab" }, "ticketId", ""},
		{"a ticket id that is a path", jieliv1.Event_UNROUTED, func(ev *jieliv1.Event) { ev.TicketId = "../../../../../etc/passwd-0123456789a" }, "ticketId", ""},
		{"number 0", jieliv1.Event_UNROUTED, func(ev *jieliv1.Event) { ev.Number = 0 }, "number", ""},
		{"number 1 that is not RECEIVED", jieliv1.Event_UNROUTED, func(ev *jieliv1.Event) { ev.Number = 1 }, "number", ""},
		{"RECEIVED that is not number 1", jieliv1.Event_RECEIVED, func(ev *jieliv1.Event) { ev.Number = 2 }, "number", ""},
		{"no previous hash", jieliv1.Event_UNROUTED, func(ev *jieliv1.Event) { ev.PreviousHash = nil }, "previousHash", ""},
		{"a short previous hash", jieliv1.Event_UNROUTED, func(ev *jieliv1.Event) { ev.PreviousHash = ev.PreviousHash[:31] }, "previousHash", ""},
		{"something before event 1", jieliv1.Event_RECEIVED, func(ev *jieliv1.Event) { ev.PreviousHash = make([]byte, 32) }, "previousHash", ""},
		{"no author", jieliv1.Event_UNROUTED, func(ev *jieliv1.Event) { ev.Author = "" }, "author", ""},
		{"an author that is no region", jieliv1.Event_UNROUTED, func(ev *jieliv1.Event) { ev.Author = "Tian/jin" }, "author", ""},
		{"no time", jieliv1.Event_UNROUTED, func(ev *jieliv1.Event) { ev.Time = nil }, "time", ""},
		{"a time that is none", jieliv1.Event_UNROUTED, func(ev *jieliv1.Event) { ev.Time.Nanos = -1 }, "time", ""},
		{"a time before 1970", jieliv1.Event_UNROUTED, func(ev *jieliv1.Event) { ev.Time.Seconds = -1 }, "time", ""},
		{"a time after 9999", jieliv1.Event_UNROUTED, func(ev *jieliv1.Event) { ev.Time.Seconds = 253402300800 }, "time", ""},
		{"parts of a millisecond", jieliv1.Event_UNROUTED, func(ev *jieliv1.Event) { ev.Time.Nanos = 1 }, "time", ""},
		{"content it cannot have", jieliv1.Event_UNROUTED, func(ev *jieliv1.Event) { ev.Commitments = []*jieliv1.Commitment{commitment("text", 1)} }, "commitments", ""},
		{"content without a name", jieliv1.Event_NOTED, func(ev *jieliv1.Event) { ev.Commitments[0].Name = "" }, "commitments", ""},
		{"content it must have missing", jieliv1.Event_NOTED, func(ev *jieliv1.Event) { ev.Commitments = nil }, "commitments", ""},
		{"content twice", jieliv1.Event_NOTED, func(ev *jieliv1.Event) { ev.Commitments = append(ev.Commitments, ev.Commitments[0]) }, "commitments", ""},
		{"content nine times", jieliv1.Event_NOTED, func(ev *jieliv1.Event) { ev.Commitments = slices.Repeat(ev.Commitments, 9) }, "commitments", ""},
		{"a commitment of 31 bytes", jieliv1.Event_NOTED, func(ev *jieliv1.Event) { ev.Commitments[0].Hash = make([]byte, 31) }, "commitments.hash", ""},
		{"the reporter beside a note", jieliv1.Event_NOTED, func(ev *jieliv1.Event) { ev.Commitments[0].Name = "reporter" }, "commitments", ""},
		{"a reporter without a matter", jieliv1.Event_RECEIVED, func(ev *jieliv1.Event) { ev.Commitments = ev.Commitments[1:] }, "commitments", ""},
		{"settles a request by closing", jieliv1.Event_CLOSED, func(ev *jieliv1.Event) { ev.SettlesRequest = requestID }, "settlesRequest", ""},
		{"settles a request that has no proper id", jieliv1.Event_WITHDRAWN, func(ev *jieliv1.Event) { ev.SettlesRequest = "7" }, "settlesRequest", ""},
		{"no number for people", jieliv1.Event_RECEIVED, func(ev *jieliv1.Event) { ev.GetReceived().Number = "" }, "received.number", ""},
		{"a number whose check digit is wrong", jieliv1.Event_RECEIVED, func(ev *jieliv1.Event) { ev.GetReceived().Number = "JJJ-20261124-000042-8" }, "received.number", ""},
		{"an external id with a slash", jieliv1.Event_RECEIVED, func(ev *jieliv1.Event) { ev.GetReceived().ExternalId = "a/b" }, "received.externalId", ""},
		{"an external id of 65 characters", jieliv1.Event_RECEIVED, func(ev *jieliv1.Event) { ev.GetReceived().ExternalId = strings.Repeat("1", 65) }, "received.externalId", ""},
		{"no type", jieliv1.Event_RECEIVED, func(ev *jieliv1.Event) { ev.GetReceived().Type = 0 }, "received.type", ""},
		{"a type of tomorrow", jieliv1.Event_RECEIVED, func(ev *jieliv1.Event) { ev.GetReceived().Type = 7 }, "received.type", ticket.ReasonUnknownKind},
		{"a service in Chinese", jieliv1.Event_RECEIVED, func(ev *jieliv1.Event) { ev.GetReceived().Service = "城乡建设" }, "received.service", ""},
		{"no channel", jieliv1.Event_RECEIVED, func(ev *jieliv1.Event) { ev.GetReceived().Channel = 0 }, "received.channel", ""},
		{"no urgency", jieliv1.Event_RECEIVED, func(ev *jieliv1.Event) { ev.GetReceived().Urgency = 0 }, "received.urgency", ""},
		{"no division", jieliv1.Event_RECEIVED, func(ev *jieliv1.Event) { ev.GetReceived().Division = "" }, "received.division", ""},
		{"a division of 5 digits", jieliv1.Event_RECEIVED, func(ev *jieliv1.Event) { ev.GetReceived().Division = "32050" }, "received.division", ""},
		{"reported at no time", jieliv1.Event_RECEIVED, func(ev *jieliv1.Event) {
			ev.GetReceived().ReportedAt = &timestamppb.Timestamp{Seconds: 1 << 60}
		}, "received.reportedAt", ""},
		{"a deadline of no time", jieliv1.Event_RECEIVED, func(ev *jieliv1.Event) {
			ev.GetReceived().Deadlines = &jieliv1.Deadlines{Due: &jieliv1.Due{Answer: &timestamppb.Timestamp{Seconds: -1}}}
		}, "received.deadlines.due.answer", ""},
		{"a term of nothing", jieliv1.Event_OFFERED, func(ev *jieliv1.Event) {
			ev.GetOffered().Deadlines = &jieliv1.Deadlines{Terms: &jieliv1.Terms{Accept: &jieliv1.Term{}}}
		}, "offered.deadlines.terms.accept", ""},
		{"too many working days", jieliv1.Event_OFFERED, func(ev *jieliv1.Event) {
			ev.GetOffered().Deadlines = &jieliv1.Deadlines{Terms: &jieliv1.Terms{Answer: &jieliv1.Term{WorkingDays: 251}}}
		}, "offered.deadlines.terms.answer", ""},
		{"two terms to return it", jieliv1.Event_OFFERED, func(ev *jieliv1.Event) {
			ev.GetOffered().Deadlines = &jieliv1.Deadlines{Terms: &jieliv1.Terms{ReturnComplex: &jieliv1.Term{WorkingDays: 2}}}
		}, "offered.deadlines.terms.returnComplex", ""},
		{"a time to sign before delivery", jieliv1.Event_OFFERED, func(ev *jieliv1.Event) {
			ev.GetOffered().Deadlines = &jieliv1.Deadlines{Due: &jieliv1.Due{Accept: timestamppb.New(morning)}}
		}, "offered.deadlines.due.accept", ""},
		{"deemed accepted with a reference", jieliv1.Event_ACCEPTED, func(ev *jieliv1.Event) {
			ev.GetAccepted().Deemed, ev.GetAccepted().Reference = true, "SZ-1"
		}, "accepted.reference", ""},
		{"unrouted for no reason", jieliv1.Event_UNROUTED, func(ev *jieliv1.Event) { ev.GetUnrouted().Reason = 0 }, "unrouted.reason", ""},
		{"diverted to nowhere", jieliv1.Event_DIVERTED, func(ev *jieliv1.Event) { ev.GetDiverted().Service = "" }, "diverted.service", ""},
		{"diverted without a number to call", jieliv1.Event_DIVERTED, func(ev *jieliv1.Event) { ev.GetDiverted().CallNumber = "police" }, "diverted.callNumber", ""},
		{"offered to nobody", jieliv1.Event_OFFERED, func(ev *jieliv1.Event) { ev.GetOffered().Target = "" }, "offered.target", ""},
		{"offered without a basis", jieliv1.Event_OFFERED, func(ev *jieliv1.Event) { ev.GetOffered().Basis = 0 }, "offered.basis", ""},
		{"offered in no round", jieliv1.Event_OFFERED, func(ev *jieliv1.Event) { ev.GetOffered().Round = 0 }, "offered.round", ""},
		{"a route looked up on no day", jieliv1.Event_OFFERED, func(ev *jieliv1.Event) {
			ev.Body = &jieliv1.Event_Offered{Offered: route("x-y")}
			ev.GetOffered().AsOf = "today"
		}, "offered.asOf", ""},
		{"a route by no rule", jieliv1.Event_OFFERED, func(ev *jieliv1.Event) {
			ev.Body = &jieliv1.Event_Offered{Offered: route("x-y")}
			ev.GetOffered().RuleDivision = ""
		}, "offered.ruleDivision", ""},
		{"an operator's choice with a rule", jieliv1.Event_OFFERED, func(ev *jieliv1.Event) {
			ev.Body = &jieliv1.Event_Offered{Offered: route("x-y")}
			ev.GetOffered().Basis = jieliv1.Offered_OPERATOR
		}, "offered.asOf", ""},
		{"words where a reference should be", jieliv1.Event_ACCEPTED, func(ev *jieliv1.Event) { ev.GetAccepted().Reference = "张先生的投诉" }, "accepted.reference", ""},
		{"returned for no reason", jieliv1.Event_RETURNED, func(ev *jieliv1.Event) { ev.GetReturned().Reason = 0 }, "returned.reason", ""},
		{"returned without saying whose it is", jieliv1.Event_RETURNED, func(ev *jieliv1.Event) {
			ev.Body = &jieliv1.Event_Returned{Returned: notOurPlace("")}
		}, "returned.onward", ""},
		{"returned naming itself", jieliv1.Event_RETURNED, func(ev *jieliv1.Event) {
			ev.Body = &jieliv1.Event_Returned{Returned: notOurPlace(ev.GetAuthor())}
		}, "returned.onward", ""},
		{"a duplicate that should go onward", jieliv1.Event_RETURNED, func(ev *jieliv1.Event) {
			ev.Body = &jieliv1.Event_Returned{Returned: &jieliv1.Returned{Reason: jieliv1.Returned_DUPLICATE, Onward: suzhou}}
		}, "returned.onward", ""},
		{"a refusal without a refusal", jieliv1.Event_OFFER_REFUSED, func(ev *jieliv1.Event) { ev.GetOfferRefused().Refusal = nil }, "offerRefused.refusal.keyId", ""},
		{"a refusal that is not signed", jieliv1.Event_OFFER_REFUSED, func(ev *jieliv1.Event) { ev.GetOfferRefused().Refusal.Signature = nil }, "offerRefused.refusal.signature", ""},
		{"a refusal that says nothing", jieliv1.Event_OFFER_REFUSED, func(ev *jieliv1.Event) { ev.GetOfferRefused().Refusal.Decision = nil }, "offerRefused.refusal.decision.kind", ""},
		{"a refusal with junk behind it", jieliv1.Event_OFFER_REFUSED, func(ev *jieliv1.Event) {
			r := ev.GetOfferRefused().GetRefusal()
			r.Decision = append(bytes.Clone(r.Decision), 0x80)
		}, "offerRefused.refusal.decision", ""},
		{"a recall without a release", jieliv1.Event_RECALLED, func(ev *jieliv1.Event) { ev.GetRecalled().Release = nil }, "recalled.release.keyId", ""},
		{"a release of what was never sent", jieliv1.Event_RECALLED, func(ev *jieliv1.Event) { ev.GetRecalled().NeverSent = true }, "recalled.release", ""},
		{"a note of nobody", jieliv1.Event_NOTED, func(ev *jieliv1.Event) { ev.GetNoted().From = "" }, "noted.from", ""},
		{"another's note that nobody asked for", jieliv1.Event_NOTED, func(ev *jieliv1.Event) { ev.GetNoted().From = chengdu }, "noted.from", ""},
		{"one's own note on request", jieliv1.Event_NOTED, func(ev *jieliv1.Event) { ev.SettlesRequest = requestID }, "noted.from", ""},
		{"reopened into round 1", jieliv1.Event_REOPENED, func(ev *jieliv1.Event) { ev.GetReopened().Round = 1 }, "reopened.round", ""},
		{"a dispute without a cause", jieliv1.Event_ARBITRATION, func(ev *jieliv1.Event) { ev.GetArbitration().Cause = 0 }, "arbitration.cause", ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			ev := proto.CloneOf(oneOfEach(t)[test.kind])
			test.change(ev)
			want := test.reason
			if want == "" {
				want = ticket.ReasonMalformed
			}
			_, _, err := ticket.Encode(ev)
			wantViolation(t, "Encode", err, want, test.field)
			b, err := proto.MarshalOptions{Deterministic: true}.Marshal(ev)
			if err != nil {
				t.Fatal(err)
			}
			_, err = ticket.Decode(b)
			wantViolation(t, "Decode", err, want, test.field)
		})
	}
}

func wantViolation(t *testing.T, what string, err error, reason, field string) {
	t.Helper()
	var v *ticket.Violation
	if !errors.As(err, &v) || v.Reason != reason || v.Field != field {
		t.Errorf("%s should answer %s about %s, got %v", what, reason, field, err)
	}
}

// TestOneEncoding: bytes that say the same as an event but are not its encoding are refused, for they hash otherwise.
func TestOneEncoding(t *testing.T) {
	s := taken(t).does(tianjin, route(suzhou))
	good := s.bytes[1]
	tail := func(b ...byte) []byte { return append(bytes.Clone(good), b...) }
	tests := map[string]struct {
		bytes  []byte
		reason string
	}{
		"as it should be":           {good, ""},
		"nothing":                   {nil, ticket.ReasonMalformed},
		"cut off":                   {good[:len(good)-1], ticket.ReasonMalformed},
		"a field of tomorrow":       {tail(protowire.AppendVarint(protowire.AppendTag(nil, 1000, protowire.VarintType), 1)...), ticket.ReasonUnknownKind},
		"a field 0":                 {tail(0, 1), ticket.ReasonMalformed},
		"the ticket id again":       {tail(protowire.AppendString(protowire.AppendTag(nil, 1, protowire.BytesType), ticketID)...), ticket.ReasonMalformed},
		"the body again":            {tail(good[bytes.Index(good, []byte(suzhou))-4:]...), ticket.ReasonMalformed},
		"a second body":             {tail(protowire.AppendBytes(protowire.AppendTag(nil, 20, protowire.BytesType), nil)...), ticket.ReasonMalformed},
		"fields in another order":   {reorder(good), ticket.ReasonMalformed},
		"a number in a long varint": {replace(t, good, []byte{0x10, 2}, []byte{0x10, 0x82, 0}), ticket.ReasonMalformed},
		"a number beyond 32 bits":   {replace(t, good, []byte{0x10, 2}, []byte{0x10, 0x82, 0x80, 0x80, 0x80, 0x10}), ticket.ReasonMalformed},
		"a long length":             {replace(t, good, append([]byte{0x0a, 36}, ticketID[0]), append([]byte{0x0a, 0xa4, 0}, ticketID[0])), ticket.ReasonMalformed},
		"a default written out":     {replace(t, good, []byte{0x38, 7}, []byte{0x38, 0}), ticket.ReasonMalformed},
		"a number as fixed64":       {replace(t, good, []byte{0x38, 7}, []byte{0x39, 7, 0, 0, 0, 0, 0, 0, 0}), ticket.ReasonMalformed},
		"a group":                   {replace(t, good, []byte{0x38, 7}, []byte{0x3b, 0x3c}), ticket.ReasonMalformed},
		"text that is not UTF-8":    {replace(t, good, []byte("2026-11"), []byte("2026-\xff1")), ticket.ReasonMalformed},
		"a boolean of 2":            {tailOffered(t, good, 0x38, 2), ticket.ReasonMalformed},
		"an enum beyond 31 bits":    {replace(t, good, []byte{0x20, 4}, []byte{0x20, 0x84, 0x80, 0x80, 0x80, 0x10}), ticket.ReasonMalformed},
		"too large":                 {make([]byte, ticket.MaxEventBytes+1), ticket.ReasonTooLarge},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if _, err := ticket.Decode(test.bytes); reasonOf(t, err) != test.reason {
				t.Errorf("should be %q, got %v", test.reason, err)
			}
		})
	}
}

// reorder puts the first field of a message last.
func reorder(b []byte) []byte {
	_, _, n := protowire.ConsumeField(b)
	return append(bytes.Clone(b[n:]), b[:n]...)
}

// replace swaps one stretch of bytes for another.
func replace(t *testing.T, b, from, to []byte) []byte {
	t.Helper()
	if bytes.Count(b, from) != 1 {
		t.Fatalf("% x stands %d times in the event", from, bytes.Count(b, from))
	}
	return bytes.Replace(b, from, to, 1)
}

// tailOffered appends bytes to the body of an event whose body is last and short.
func tailOffered(t *testing.T, b []byte, extra ...byte) []byte {
	t.Helper()
	ev := &jieliv1.Event{}
	if err := proto.Unmarshal(b, ev); err != nil {
		t.Fatal(err)
	}
	n := proto.Size(ev.GetOffered())
	at := len(b) - n - 1
	if int(b[at]) != n {
		t.Fatalf("the length of the body is not at %d", at)
	}
	b = append(bytes.Clone(b), extra...)
	b[at] += byte(len(extra))
	return b
}

// TestEncodingIsDefined: every field that an event or a decision can hold is of a kind that the canonical encoding knows.
func TestEncodingIsDefined(t *testing.T) {
	seen := map[protoreflect.FullName]bool{}
	var walk func(md protoreflect.MessageDescriptor)
	walk = func(md protoreflect.MessageDescriptor) {
		if seen[md.FullName()] {
			return
		}
		seen[md.FullName()] = true
		for i := range md.Fields().Len() {
			field := md.Fields().Get(i)
			switch field.Kind() {
			case protoreflect.MessageKind:
				walk(field.Message())
			case protoreflect.BoolKind, protoreflect.EnumKind, protoreflect.Uint32Kind, protoreflect.Int32Kind,
				protoreflect.Uint64Kind, protoreflect.Int64Kind, protoreflect.StringKind, protoreflect.BytesKind:
			default:
				t.Errorf("%s is of kind %s", field.FullName(), field.Kind())
			}
			if field.IsMap() || field.IsPacked() {
				t.Errorf("%s is a map or a packed list", field.FullName())
			}
		}
	}
	walk((&jieliv1.Event{}).ProtoReflect().Descriptor())
	walk((&jieliv1.Decision{}).ProtoReflect().Descriptor())
}

// TestKindsAndBodies: body field = kind + 15, and both bear the same name.
func TestKindsAndBodies(t *testing.T) {
	body := (&jieliv1.Event{}).ProtoReflect().Descriptor().Oneofs().ByName("body").Fields()
	if body.Len() != len(jieliv1.Event_Kind_name)-1 {
		t.Errorf("%d bodies for %d kinds", body.Len(), len(jieliv1.Event_Kind_name)-1)
	}
	for i := range body.Len() {
		name := strings.ToUpper(string(body.Get(i).Name()))
		if kind := jieliv1.Event_Kind_value[name]; kind != int32(body.Get(i).Number())-15 {
			t.Errorf("body %s has number %d, kind %d", name, body.Get(i).Number(), kind)
		}
	}
}

func TestPeek(t *testing.T) {
	good := taken(t).bytes[0]
	for name, b := range map[string][]byte{
		"nothing": nil, "one byte": {0x0a}, "cut in the id": good[:20], "cut after the id": good[:38], "cut in the number": good[:39],
		"another id": bytes.Replace(good, []byte("0198"), []byte("../1"), 1), "a very long id": {0x0a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01},
	} {
		if id, number := ticket.Peek(b); id != "" || number != 0 {
			t.Errorf("%s: %q %d", name, id, number)
		}
	}
	future := append(bytes.Clone(good), protowire.AppendVarint(protowire.AppendTag(nil, 1000, protowire.VarintType), 1)...)
	if id, number := ticket.Peek(future); id != ticketID || number != 1 {
		t.Errorf("an event of tomorrow still says which ticket stands still: %q %d", id, number)
	}
}

func TestDecisions(t *testing.T) {
	st := taken(t).does(tianjin, route(suzhou)).st
	tests := map[string]struct {
		change func(*jieliv1.Decision)
		field  string
	}{
		"as it should be":              {func(*jieliv1.Decision) {}, ""},
		"no kind":                      {func(d *jieliv1.Decision) { d.Kind = 0 }, "kind"},
		"no ticket":                    {func(d *jieliv1.Decision) { d.TicketId = "x" }, "ticketId"},
		"about event 1":                {func(d *jieliv1.Decision) { d.Number = 1 }, "number"},
		"no hash":                      {func(d *jieliv1.Decision) { d.EventHash = nil }, "eventHash"},
		"a reason in words":            {func(d *jieliv1.Decision) { d.Reason = "not ours" }, "reason"},
		"a refusal for being recalled": {func(d *jieliv1.Decision) { d.Reason = ticket.ReleaseReason }, "reason"},
		"no region":                    {func(d *jieliv1.Decision) { d.Region = "" }, "region"},
		"no federation":                {func(d *jieliv1.Decision) { d.ClusterId = "" }, "clusterId"},
		"no time":                      {func(d *jieliv1.Decision) { d.Time = nil }, "time"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			d := decisionOn(st, suzhou, jieliv1.Decision_REFUSED, "STALE_ROUTE")
			test.change(d)
			_, err := ticket.EncodeDecision(d)
			b, _ := proto.MarshalOptions{Deterministic: true}.Marshal(d)
			back, decodeErr := ticket.DecodeDecision(b)
			if test.field == "" {
				if err != nil || decodeErr != nil || !proto.Equal(back, d) {
					t.Errorf("encode %v, decode %v %v", err, back, decodeErr)
				}
				return
			}
			wantViolation(t, "EncodeDecision", err, ticket.ReasonMalformed, test.field)
			wantViolation(t, "DecodeDecision", decodeErr, ticket.ReasonMalformed, test.field)
		})
	}
	if _, err := ticket.DecodeDecision(make([]byte, ticket.MaxDecisionBytes+1)); reasonOf(t, err) != ticket.ReasonTooLarge {
		t.Errorf("too large: %v", err)
	}
}
