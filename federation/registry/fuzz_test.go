package registry

import (
	"bytes"
	"encoding/binary"
	"runtime"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	jieliv1 "github.com/jieli-gateway/jieli/proto/jieli/v1"
)

// recordsOf and bytesOf take a snapshot apart and put it together.
func recordsOf(t testing.TB, snapshot []byte) (all []*jieliv1.SnapshotRecord) {
	t.Helper()
	for len(snapshot) > 0 {
		b, n := protowire.ConsumeBytes(snapshot)
		if n < 0 {
			t.Fatal(protowire.ParseError(n))
		}
		r := new(jieliv1.SnapshotRecord)
		if err := proto.Unmarshal(b, r); err != nil {
			t.Fatal(err)
		}
		all, snapshot = append(all, r), snapshot[n:]
	}
	return all
}

func bytesOf(t testing.TB, records []*jieliv1.SnapshotRecord) (snapshot []byte) {
	t.Helper()
	for _, r := range records {
		b, err := proto.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		snapshot = protowire.AppendBytes(snapshot, b)
	}
	return snapshot
}

// Whatever bytes are in the log: no panic, the same on two nodes, and a state that a snapshot carries over. The bytes
// are taken both as an entry and as the command of a sound one.
func FuzzApply(f *testing.F) {
	seed := members(f)
	for _, c := range []*jieliv1.Command{
		bootstrapCommand(), registerCommand("guangdong"), update(south, testRegion(south)), retire(south, 0),
		putNode(south, testNode(south, "n2")), removeNode(south, south, "n1"), setRoutes(south, during("3205", "urban", south, "2026-01-01", "")),
		deleteRoutes(south, routeKey("3205", "", "")), stage(south, testImport, 0, changes(villages(2, all(south)))),
		finishImport(south, &jieliv1.FinishImport{ImportId: testImport, Chunks: 1}), changeServices(north, []*jieliv1.ServiceEntry{testService("transport")}, "urban"),
		setPolicy(north, &jieliv1.Policy{RequestIds: 1000}), reportLevel(south, south, "n1", 2), raiseLevel(north, 2),
	} {
		entry := seed.seal(c)
		f.Add(entry)
		var e jieliv1.LogEntry
		if err := proto.Unmarshal(entry, &e); err != nil {
			f.Fatal(err)
		}
		f.Add(e.GetCommand())
	}
	f.Add([]byte{})
	start := snapshotOf(f, seed.View())
	f.Fuzz(func(t *testing.T, data []byte) {
		entries := [][]byte{data, Seal(data, nil, testStamp+1000)}
		one, two := restored(t, start, Options{}), restored(t, start, Options{})
		a, b := one.ApplyBatch(entries), []*jieliv1.Outcome{two.Apply(entries[0]), two.Apply(entries[1])}
		if !proto.Equal(a[0], b[0]) || !proto.Equal(a[1], b[1]) {
			t.Fatalf("in a batch %v, singly %v", a, b)
		}
		if reason, halted := one.Halted(); halted {
			t.Fatal(reason)
		}
		snapshot := snapshotOf(t, one.View())
		if !bytes.Equal(snapshot, snapshotOf(t, two.View())) {
			t.Fatal("two nodes, two states")
		}
		if again := restored(t, snapshot, Options{}); again.View().StateHash() != one.View().StateHash() {
			t.Fatal("restored, another state")
		}
	})
}

// Whatever bytes come as a snapshot: no panic, and what is taken is written again as the very same state. A length that
// claims much takes no memory before the bytes are there.
func FuzzRestore(f *testing.F) {
	m := members(f)
	m.must(setRoutes(south, during("3205", "urban", south, "2026-01-01", ""), route("3205", "", south)))
	m.must(stage(south, testImport, 0, changes(villages(2, all(south)))))
	m.refused(retire(south, 1), "OPEN_TICKETS")
	whole := snapshotOf(f, m.View())
	f.Add(whole)
	f.Add(whole[:len(whole)/2])
	f.Add(snapshotOf(f, New(Options{}).View()))
	f.Add(binary.AppendUvarint(nil, 1<<63))
	f.Add(binary.AppendUvarint(nil, maxRecord))
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := Restore(bytes.NewReader(data), Options{})
		if err != nil {
			return
		}
		again, err := Restore(bytes.NewReader(snapshotOf(t, m.View())), Options{})
		if err != nil || again.View().StateHash() != m.View().StateHash() {
			t.Fatalf("taken, and not again: %v", err)
		}
		m.Apply(Seal(nil, nil, testStamp))
	})
}

// A record's claimed length takes no memory.
func TestRestoreTakesNoMemoryForClaims(t *testing.T) {
	claim := binary.AppendUvarint(nil, maxRecord)
	const runs = 10
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range runs {
		if _, err := Restore(bytes.NewReader(claim), Options{}); err == nil {
			t.Fatal("an empty record was taken")
		}
	}
	runtime.ReadMemStats(&after)
	perRun := (after.TotalAlloc - before.TotalAlloc) / runs
	if perRun > readStep+(3<<19) { // an empty machine takes a part of it, more under the race detector
		t.Errorf("%d bytes", perRun)
	}
}
