package registry

import (
	"bufio"
	"fmt"
	"io"
	"slices"

	"github.com/google/uuid"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	jieliv1 "github.com/jieli-gateway/jieli/proto/jieli/v1"
	"github.com/jieli-gateway/jieli/regions"
)

const (
	snapshotFormat = 1
	// maxRecord bounds a record: the largest are regions and chunks of imports, each made by one command.
	maxRecord = 2 * MaxCommandBytes
	// readStep is how much of a long record is read before more memory is taken for it.
	readStep = 1 << 20
)

// WriteTo writes the view as a snapshot: a stream of records, each behind its length as a varint. Equal states give
// equal bytes. It holds one record in memory at a time, beside pointers to the history.
func (v *View) WriteTo(w io.Writer) (int64, error) {
	out := &recordWriter{w: bufio.NewWriterSize(w, 1<<16)}
	out.put(&jieliv1.SnapshotRecord{Record: &jieliv1.SnapshotRecord_Header{Header: &jieliv1.SnapshotHeader{
		Format: snapshotFormat, ClusterId: v.clusterID, Revision: v.revision, Level: v.level, Stamp: v.stamp,
		Policy: v.policy, DroppedRequest: uuid.UUID(v.dropped).String(),
	}}})
	for _, r := range v.regions {
		out.put(&jieliv1.SnapshotRecord{Record: &jieliv1.SnapshotRecord_Region{Region: r}})
	}
	for _, n := range v.nodes {
		out.put(&jieliv1.SnapshotRecord{Record: &jieliv1.SnapshotRecord_Node{Node: n}})
	}
	for r := range v.RoutesFrom(regions.Key{}) {
		out.put(&jieliv1.SnapshotRecord{Record: &jieliv1.SnapshotRecord_Route{Route: r}})
		if out.err != nil {
			break
		}
	}
	for _, s := range v.services {
		out.put(&jieliv1.SnapshotRecord{Record: &jieliv1.SnapshotRecord_Service{Service: s}})
	}
	texts := v.texts
	for _, r := range v.requests {
		o := r.outcome()
		if len(texts) > 0 && texts[0].id == r.id {
			o.Message, texts = texts[0].text, texts[1:]
		}
		out.put(&jieliv1.SnapshotRecord{Record: &jieliv1.SnapshotRecord_Request{Request: &jieliv1.AppliedRequest{Id: r.id[:], Outcome: o}}})
	}
	for _, s := range v.staged {
		s.put(out)
	}
	for _, h := range v.hashes {
		out.put(&jieliv1.SnapshotRecord{Record: &jieliv1.SnapshotRecord_RevisionHash{RevisionHash: &jieliv1.RevisionHash{Revision: h.revision, Hash: h.hash[:]}}})
	}
	for _, c := range slices.Backward(slices.Collect(v.Changes("", 0))) {
		out.put(&jieliv1.SnapshotRecord{Record: &jieliv1.SnapshotRecord_Change{Change: c}})
	}
	out.put(&jieliv1.SnapshotRecord{Record: &jieliv1.SnapshotRecord_Footer{Footer: &jieliv1.SnapshotFooter{Records: out.records, StateHash: v.hash[:]}}})
	if out.err == nil {
		out.err = out.w.Flush()
	}
	if out.err != nil {
		return out.bytes, fmt.Errorf("write registry snapshot: %w", out.err)
	}
	return out.bytes, nil
}

// put writes a record for each chunk, so that none is large.
func (s *stagedImport) put(out *recordWriter) {
	for _, b := range s.chunks {
		c := new(jieliv1.ChangeRoutes)
		if err := proto.Unmarshal(b, c); err != nil && out.err == nil {
			out.err = fmt.Errorf("a chunk of import %s: %w", s.id, err)
		}
		out.put(&jieliv1.SnapshotRecord{Record: &jieliv1.SnapshotRecord_Staged{Staged: &jieliv1.StagedImport{
			ImportId: s.id.String(), Region: s.region, Stamp: s.stamp, Chunks: []*jieliv1.ChangeRoutes{c},
		}}})
	}
}

type recordWriter struct {
	w       *bufio.Writer
	buf     []byte
	records uint64
	bytes   int64
	err     error
}

func (o *recordWriter) put(r *jieliv1.SnapshotRecord) {
	if o.err != nil {
		return
	}
	o.buf = o.buf[:0]
	o.buf = protowire.AppendVarint(o.buf, uint64(proto.Size(r))) // #nosec G115 -- a size
	o.buf, o.err = proto.MarshalOptions{Deterministic: true, UseCachedSize: true}.MarshalAppend(o.buf, r)
	if o.err != nil {
		return
	}
	n, err := o.w.Write(o.buf)
	o.bytes += int64(n)
	o.records++
	o.err = err
}
