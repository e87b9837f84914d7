package registry

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	jieliv1 "github.com/jieli-gateway/jieli/proto/jieli/v1"
)

var rewrite = flag.Bool("update", false, "write the vectors in proto/testdata anew")

// vector is one log entry and what it comes to, for whoever builds a registry of their own.
type vector struct {
	Name      string          `json:"name"`
	Command   json.RawMessage `json:"command,omitempty"` // for people; the bytes are in the entry
	Entry     string          `json:"entry"`             // hexadecimal
	Revision  uint64          `json:"revision"`
	Reason    string          `json:"reason,omitempty"`
	Repeated  bool            `json:"repeated,omitempty"`
	StateHash string          `json:"stateHash"` // SHA-256 after it, hexadecimal
}

func vectorsPath() string { return filepath.Join("..", "..", "proto", "testdata", "registry.json") }

// madeVectors applies a short history of a federation.
func madeVectors(t *testing.T) []vector {
	f := newFixture(t, Options{})
	var all []vector
	add := func(name string, c *jieliv1.Command, entry []byte) {
		o := f.Apply(entry)
		hash := f.View().StateHash()
		v := vector{
			Name: name, Entry: hex.EncodeToString(entry),
			Revision: o.GetRevision(), Reason: o.GetReason(), Repeated: o.GetRepeated(), StateHash: hex.EncodeToString(hash[:]),
		}
		if c != nil {
			text, err := protojson.Marshal(c)
			if err != nil {
				t.Fatal(err)
			}
			var compact bytes.Buffer // protojson puts spaces at random
			if err := json.Compact(&compact, text); err != nil {
				t.Fatal(err)
			}
			v.Command = compact.Bytes()
		}
		all = append(all, v)
	}
	play := func(name string, c *jieliv1.Command) []byte {
		c.Level = 1
		entry := f.seal(c)
		add(name, c, entry)
		return entry
	}
	play("a command before the first entry", registerCommand(south))
	play("the first entry", bootstrapCommand())
	play("a region registers", registerCommand(south))
	play("a region is approved", stateCommand(north, south, jieliv1.Region_ACTIVE))
	routes := play("routes are set", setRoutes(south, route("3205", "", south), during("320505", "urban.housing", south, "2026-01-01", "2026-12-31")))
	add("the same entry again", nil, routes)
	play("a tie", setRoutes(south, during("3205", "", south, "2026-01-01", "")))
	play("a route is replaced and one deleted", changeRoutes(north, changes([]*jieliv1.Route{route("3205", "", north)}, routeKey("320505", "urban.housing", "2026-01-01"))))
	play("a chunk of an import", stage(north, testImport, 0, changes([]*jieliv1.Route{route("5101", "", south), route("510104003", "urban", north)})))
	play("the import takes effect", finishImport(north, &jieliv1.FinishImport{ImportId: testImport, Chunks: 1}))
	play("a service with aliases", changeServices(north, []*jieliv1.ServiceEntry{{Code: "fire", NameZh: "火警", NameEn: "Fire", Aliases: []string{"着火", "119"}, Emergency: "119"}}))
	play("a policy", setPolicy(north, &jieliv1.Policy{RequestIds: 5000, LinkVersionFloor: 1}))
	play("terms", setPolicy(north, &jieliv1.Policy{RequestIds: 5000, LinkVersionFloor: 1, Terms: []*jieliv1.TermRule{
		{Region: south, Terms: &jieliv1.Terms{Answer: &jieliv1.Term{WorkingDays: 5}}},
		{Service: "urban", Type: jieliv1.Ticket_COMPLAINT, Urgency: jieliv1.Ticket_CRITICAL, Terms: &jieliv1.Terms{
			Accept: &jieliv1.Term{ClockSeconds: 600}, ReturnComplex: &jieliv1.Term{WorkingDays: 3},
		}},
	}}))
	play("a node reports its level", reportLevel(north, north, "n1", 2))
	play("a level too high", raiseLevel(north, 2))
	play("a node is removed", removeNode(south, south, "n1"))
	add("a damaged entry", nil, append(bytes.Clone(routes[:len(routes)-1]), routes[len(routes)-1]^1))
	return all
}

// The vectors in proto/testdata hold: an entry that was once applied comes to the same state for ever.
func TestVectors(t *testing.T) {
	if *rewrite {
		b, err := json.MarshalIndent(madeVectors(t), "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(vectorsPath(), append(b, '\n'), 0o644); err != nil { // #nosec G306 -- a public file
			t.Fatal(err)
		}
	}
	b, err := os.ReadFile(vectorsPath())
	if err != nil {
		t.Fatalf("%v: make it with -update", err)
	}
	var all []vector
	if err := json.Unmarshal(b, &all); err != nil {
		t.Fatal(err)
	}
	if len(all) == 0 {
		t.Fatal("no vectors")
	}
	m := New(Options{})
	for _, v := range all {
		entry, err := hex.DecodeString(v.Entry)
		if err != nil {
			t.Fatal(err)
		}
		o := m.Apply(entry)
		hash := m.View().StateHash()
		if o.GetRevision() != v.Revision || o.GetReason() != v.Reason || o.GetRepeated() != v.Repeated || hex.EncodeToString(hash[:]) != v.StateHash {
			t.Errorf("%s: got %v and state %x, want %+v", v.Name, o, hash, v)
		}
		if len(v.Command) == 0 {
			continue
		}
		var told jieliv1.Command
		if err := protojson.Unmarshal(v.Command, &told); err != nil {
			t.Fatalf("%s: %v", v.Name, err)
		}
		if held, _, bad := open(entry); bad != nil || !proto.Equal(held, &told) {
			t.Errorf("%s: the entry does not hold the command shown", v.Name)
		}
	}
}
