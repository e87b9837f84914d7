package federation

import (
	"bytes"
	"log/slog"
	"slices"
	"sync"

	"github.com/jieli-gateway/jieli/federation/trust"
)

// maxMismatches bounds what is remembered; one is enough to alarm.
const maxMismatches = 256

// Mismatch says that another node has another registry at the same revision. That must never happen: one of the two
// has a damaged state or a fault in its binary.
type Mismatch struct {
	Node     trust.NodeID
	Revision uint64
}

type mismatches struct {
	mu    sync.Mutex
	first map[trust.NodeID]uint64 // the first revision at which a node was found to differ
}

// CompareHash compares another node's registry with this one's at its revision, as links and the leader do with what
// they are told. Known tells whether this node could: it has that revision, and not more than 10,000 after it. A
// difference is logged once for a node, counted, and stays in HashMismatches.
func (r *Registry) CompareHash(node trust.NodeID, revision uint64, hash []byte) (same, known bool) {
	ours, ok := r.machine.View().HashAt(revision)
	if !ok || revision == 0 {
		return false, false
	}
	if bytes.Equal(ours[:], hash) {
		return true, true
	}
	if r.mismatches.add(Mismatch{Node: node, Revision: revision}) {
		r.meters.mismatched()
		r.log.Error("another node has a different registry at the same revision; new offers to it must stop",
			slog.String("peer", node.String()), slog.Uint64("revision", revision))
	}
	return false, true
}

// HashMismatches lists the nodes that have been found to differ since this one started, in order.
func (r *Registry) HashMismatches() []Mismatch { return r.mismatches.list() }

// add remembers a mismatch; it reports whether it is the first with that node.
func (m *mismatches) add(found Mismatch) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, ok := m.first[found.Node]; ok || len(m.first) >= maxMismatches {
		return false
	}
	if m.first == nil {
		m.first = map[trust.NodeID]uint64{}
	}
	m.first[found.Node] = found.Revision
	return true
}

func (m *mismatches) list() []Mismatch {
	m.mu.Lock()
	defer m.mu.Unlock()
	list := make([]Mismatch, 0, len(m.first))
	for id, revision := range m.first {
		list = append(list, Mismatch{Node: id, Revision: revision})
	}
	slices.SortFunc(list, func(a, b Mismatch) int { return compareNodes(a.Node, b.Node) })
	return list
}
