package ticket_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"flag"
	"os"
	"testing"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"github.com/jieli-gateway/jieli/gateway/ticket"
	jieliv1 "github.com/jieli-gateway/jieli/proto/jieli/v1"
)

const vectorFile = "../../proto/testdata/events.json"

var update = flag.Bool("update", false, "write "+vectorFile+" anew; only right for a new version of the event format")

// vectors is the file for whoever writes a second implementation. Bytes are hexadecimal.
type vectors struct {
	About    string         `json:"about"`
	Events   []eventVector  `json:"events"`
	Links    []linkVector   `json:"links"`
	Numbers  []numberVector `json:"numbers"`
	Refused  []refusal      `json:"refused"`
	Unlawful []refusal      `json:"unlawful"`
}

type eventVector struct {
	Kind  string          `json:"kind"`
	Event json.RawMessage `json:"event"` // the event as protobuf JSON
	Bytes string          `json:"bytes"`
	Hash  string          `json:"hash"`
	State json.RawMessage `json:"state"` // TicketState after it, as protobuf JSON
}

// linkVector is one direction of one link: what was sent, and the running hash after it.
type linkVector struct {
	From        string       `json:"from"`
	To          string       `json:"to"`
	Items       []itemVector `json:"items"`
	RunningHash string       `json:"runningHash"` // before the first item
}

type itemVector struct {
	Item        string `json:"item"` // event, content or empty
	Number      uint32 `json:"number,omitempty"`
	Commitment  string `json:"commitment,omitempty"`
	Hash        string `json:"hash"`
	RunningHash string `json:"runningHash"`
}

type numberVector struct {
	Prefix  string `json:"prefix"`
	Day     string `json:"day"`
	Counter uint64 `json:"counter,string"`
	Number  string `json:"number"`
}

// refusal is bytes that are no event, or an event that may not follow the chain.
type refusal struct {
	Name   string `json:"name"`
	Bytes  string `json:"bytes"`
	Reason string `json:"reason"`
}

// wholeLife goes through everything an event can be except DIVERTED: a ticket that is unrouted, refused, recalled,
// returned, passed onward, returned again, disputed, accepted, noted, answered, closed, reopened and withdrawn.
func wholeLife(t *testing.T) *story {
	s := taken(t).does(tianjin, unrouted(), route(suzhou)).refuses(suzhou, "STALE_ROUTE")
	s.does(tianjin, route(suzhou)).releases(suzhou)
	s.does(tianjin, offer(suzhou, jieliv1.Offered_OPERATOR, 1), &jieliv1.Recalled{NeverSent: true})
	s.does(tianjin, route(suzhou)).does(suzhou, notOurPlace(shanghai))
	s.does(tianjin, offer(shanghai, jieliv1.Offered_ONWARD, 1)).does(shanghai, notOurPlace(suzhou))
	s.does(tianjin, dispute(jieliv1.Arbitration_LOOP), offer(suzhou, jieliv1.Offered_OPERATOR, 2))
	s.does(suzhou, &jieliv1.Accepted{Reference: "SZ-88"}, noted(suzhou)).settles(suzhou, noted(tianjin))
	s.does(suzhou, &jieliv1.Answered{})
	s.does(tianjin, &jieliv1.Closed{Resolved: true}, &jieliv1.Reopened{Round: 3}, promising(offer(shanghai, jieliv1.Offered_OPERATOR, 3), 7))
	s.does(shanghai, &jieliv1.Accepted{Deemed: true, Deadlines: &jieliv1.Deadlines{PolicyRevision: 4, Due: &jieliv1.Due{Contact: afterDays(1)}}}, &jieliv1.Answered{})
	s.does(tianjin, &jieliv1.Reopened{Round: 4}, offer(suzhou, jieliv1.Offered_OPERATOR, 4))
	return s.settles(suzhou, &jieliv1.Withdrawn{})
}

// TestVectors: the bytes, hashes and states of proto/testdata/events.json are for ever. When this fails, the event
// format has changed, or the protobuf library writes other bytes than it did.
func TestVectors(t *testing.T) {
	got := makeVectors(t)
	b, err := json.MarshalIndent(got, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	b = append(b, '\n')
	if *update {
		if err := os.WriteFile(vectorFile, b, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(vectorFile)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(b, want) {
		t.Errorf("%s differs from what this version makes; compare after running with -update", vectorFile)
	}
}

// TestVectorsAreRead reads the file as another implementation would.
func TestVectorsAreRead(t *testing.T) {
	b, err := os.ReadFile(vectorFile)
	if err != nil {
		t.Fatal(err)
	}
	var v vectors
	if err := json.Unmarshal(b, &v); err != nil {
		t.Fatal(err)
	}
	var st *jieliv1.TicketState
	for _, e := range v.Events {
		bytes := unhex(t, e.Bytes)
		ev, err := ticket.Decode(bytes)
		if err != nil {
			t.Fatalf("%s: %v", e.Kind, err)
		}
		shown := &jieliv1.Event{}
		if err := protojson.Unmarshal(e.Event, shown); err != nil || !proto.Equal(shown, ev) {
			t.Errorf("event %d is shown otherwise than it is: %v", ev.GetNumber(), err)
		}
		hash := ticket.Hash(bytes)
		if hex.EncodeToString(hash[:]) != e.Hash {
			t.Errorf("event %d has another hash", ev.GetNumber())
		}
		if st, err = ticket.Apply(st, ev, hash); err != nil {
			t.Fatal(err)
		}
		want := &jieliv1.TicketState{}
		if err := protojson.Unmarshal(e.State, want); err != nil || !proto.Equal(want, st) {
			t.Errorf("after event %d the state is another: %v", ev.GetNumber(), err)
		}
	}
	for _, link := range v.Links {
		running := [32]byte(unhex(t, link.RunningHash))
		for _, item := range link.Items {
			running = ticket.RunningHash(running, [32]byte(unhex(t, item.Hash)))
			if hex.EncodeToString(running[:]) != item.RunningHash {
				t.Errorf("%s to %s: another running hash after %s %d", link.From, link.To, item.Item, item.Number)
			}
		}
	}
	for _, r := range v.Refused {
		if _, err := ticket.Decode(unhex(t, r.Bytes)); reasonOf(t, err) != r.Reason {
			t.Errorf("%s: should be %s, got %v", r.Name, r.Reason, err)
		}
	}
	st = nil
	for _, e := range v.Events[:3] { // the offer to suzhou is open
		ev, err := ticket.Decode(unhex(t, e.Bytes))
		if err != nil {
			t.Fatal(err)
		}
		if st, err = ticket.Apply(st, ev, ticket.Hash(unhex(t, e.Bytes))); err != nil {
			t.Fatal(err)
		}
	}
	for _, r := range v.Unlawful {
		bytes := unhex(t, r.Bytes)
		ev, err := ticket.Decode(bytes)
		if err != nil {
			t.Fatalf("%s: %v", r.Name, err)
		}
		if _, err := ticket.Apply(st, ev, ticket.Hash(bytes)); reasonOf(t, err) != r.Reason {
			t.Errorf("%s: should be %s, got %v", r.Name, r.Reason, err)
		}
	}
}

func unhex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func makeVectors(t *testing.T) vectors {
	v := vectors{About: "Test vectors of docs/protocol.md: the life of one ticket, the links it travels, numbers for people, bytes that " +
		"are no event, and events that may not follow event 3 of that life. Bytes and hashes are hexadecimal, events and states protobuf JSON. " +
		"Signatures in contained decisions are placeholders. Written by go test ./gateway/ticket -run TestVectors -update."}
	life := wholeLife(t)
	var st *jieliv1.TicketState
	for i, ev := range life.events {
		var err error
		if st, err = ticket.Apply(st, ev, life.hashes[i]); err != nil {
			t.Fatal(err)
		}
		v.Events = append(v.Events, eventVector{
			Kind: ev.GetKind().String(), Event: asJSON(t, ev), Bytes: hex.EncodeToString(life.bytes[i]),
			Hash: hex.EncodeToString(life.hashes[i][:]), State: asJSON(t, st),
		})
	}
	v.Links = []linkVector{life.link(tianjin, suzhou), life.link(suzhou, tianjin), life.link(tianjin, shanghai), life.link(shanghai, tianjin)}
	for _, n := range []numberVector{
		{Prefix: "JJJ", Day: "2026-11-24", Counter: 42},
		{Prefix: "T", Day: "2026-11-24", Counter: 1},
		{Prefix: "ABCDWXYZ", Day: "2026-11-24", Counter: 999_999},
		{Prefix: "TJ", Day: "2026-11-24", Counter: 1_234_567},
		{Prefix: "TJ", Day: "2026-11-24", Counter: 1<<64 - 1},
	} {
		n.Number = ticket.Number(n.Prefix, morning, n.Counter)
		v.Numbers = append(v.Numbers, n)
	}
	v.Refused = refusedVectors(t, life.bytes[2])
	v.Unlawful = unlawfulVectors(t)
	return v
}

// link is what a region sends another in this life: the origin each offer, and reporter data after acceptance; the
// other each of its own events. What was never sent leaves an empty item.
func (s *story) link(from, to string) linkVector {
	running := [32]byte{}
	v := linkVector{From: from, To: to, RunningHash: hex.EncodeToString(running[:])}
	send := func(item itemVector, hash [32]byte) {
		running = ticket.RunningHash(running, hash)
		item.Hash, item.RunningHash = hex.EncodeToString(hash[:]), hex.EncodeToString(running[:])
		v.Items = append(v.Items, item)
	}
	for i, ev := range s.events {
		neverSent := i+1 < len(s.events) && s.events[i+1].GetRecalled().GetNeverSent()
		switch {
		case from == tianjin && ev.GetOffered().GetTarget() == to && neverSent:
			send(itemVector{Item: "empty"}, ticket.EmptyItemHash())
		case from == tianjin && ev.GetOffered().GetTarget() == to, from != tianjin && ev.GetAuthor() == from:
			send(itemVector{Item: "event", Number: ev.GetNumber()}, ticket.EventItemHash(s.hashes[i]))
		case from == tianjin && ev.GetKind() == jieliv1.Event_ACCEPTED && ev.GetAuthor() == to:
			reporter := [32]byte(s.events[0].GetCommitments()[1].GetHash())
			send(itemVector{Item: "content", Number: 1, Commitment: hex.EncodeToString(reporter[:])}, ticket.ContentItemHash(ticketID, 1, reporter))
		}
	}
	return v
}

// asJSON is a message as protobuf JSON, without the spaces protojson varies.
func asJSON(t *testing.T, m proto.Message) json.RawMessage {
	t.Helper()
	b, err := protojson.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	var plain bytes.Buffer
	if err := json.Compact(&plain, b); err != nil {
		t.Fatal(err)
	}
	return plain.Bytes()
}

// refusedVectors are bytes that are no event, made of an offer.
func refusedVectors(t *testing.T, good []byte) []refusal {
	more := func(b []byte) []byte { return append(bytes.Clone(good), b...) }
	all := []struct {
		name  string
		bytes []byte
	}{
		{"nothing", nil},
		{"cut off", good[:len(good)-1]},
		{"a field that is not known", more(protowire.AppendVarint(protowire.AppendTag(nil, 1000, protowire.VarintType), 1))},
		{"two bodies", more(protowire.AppendBytes(protowire.AppendTag(nil, 20, protowire.BytesType), nil))},
		{"the first field last", reorder(good)},
		{"a number in a longer varint", replace(t, good, []byte{0x10, 3}, []byte{0x10, 0x83, 0})},
		{"a default written out", replace(t, good, []byte{0x38, 7}, []byte{0x38, 0})},
		{"an unknown kind", replace(t, good, []byte{0x20, 4}, []byte{0x20, 99})},
		{"kind and body of different steps", replace(t, good, []byte{0x20, 4}, []byte{0x20, 5})},
		{"a ticket id in capitals", bytes.Replace(good, []byte(ticketID), []byte("0198C5A0"+ticketID[8:]), 1)},
		{"an author that is no region", bytes.Replace(good, []byte(tianjin), []byte("Tianjin"), 1)},
	}
	refused := make([]refusal, 0, len(all))
	for _, r := range all {
		_, err := ticket.Decode(r.bytes)
		refused = append(refused, refusal{r.name, hex.EncodeToString(r.bytes), reasonOf(t, err)})
	}
	return refused
}

// unlawfulVectors are events that are well made and may not follow an open offer to suzhou.
func unlawfulVectors(t *testing.T) []refusal {
	s := taken(t).does(tianjin, unrouted(), route(suzhou))
	var unlawful []refusal
	try := func(name, who string, body proto.Message, change func(*jieliv1.Event)) {
		ev := foreignEvent(s.st, who, ticket.Draft{Body: body, Commitments: contentFor(body)})
		change(ev)
		b, hash, err := ticket.Encode(ev)
		if err != nil {
			t.Fatal(err)
		}
		_, err = ticket.Apply(s.st, ev, hash)
		unlawful = append(unlawful, refusal{name, hex.EncodeToString(b), reasonOf(t, err)})
	}
	asIs := func(*jieliv1.Event) {}
	other := decisionOn(s.st, suzhou, jieliv1.Decision_REFUSED, "SUSPENDED")
	other.EventHash = make([]byte, 32)
	try("accepted by a region it was not offered to", shanghai, &jieliv1.Accepted{}, asIs)
	try("accepted by the origin, which gave the pen away", tianjin, &jieliv1.Accepted{}, asIs)
	try("answered before it was accepted", suzhou, &jieliv1.Answered{}, asIs)
	try("a note before it was accepted", suzhou, noted(suzhou), asIs)
	try("closed by the target", suzhou, &jieliv1.Closed{}, asIs)
	try("passed on by the target", suzhou, offer(shanghai, jieliv1.Offered_OPERATOR, 1), asIs)
	try("withdrawn by the target though nobody asked", suzhou, &jieliv1.Withdrawn{}, asIs)
	try("a refusal of another offer", tianjin, &jieliv1.OfferRefused{Refusal: signed(t, other)}, asIs)
	try("one number too high", suzhou, &jieliv1.Accepted{}, func(ev *jieliv1.Event) { ev.Number++ })
	try("after another event", suzhou, &jieliv1.Accepted{}, func(ev *jieliv1.Event) { ev.PreviousHash = make([]byte, 32) })
	try("before the event it follows", suzhou, &jieliv1.Accepted{}, func(ev *jieliv1.Event) { ev.Time.Seconds -= 3600 })
	return unlawful
}
