package registry

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	jieliv1 "github.com/jieli-gateway/jieli/proto/jieli/v1"
)

// forged is a snapshot of records whose counts and state hash are right, as one would make it who knows how.
func forged(t *testing.T, records []*jieliv1.SnapshotRecord) []byte {
	t.Helper()
	var sum lanes
	for _, r := range records {
		if h := r.GetHeader(); h != nil {
			sum.add(levelItem(h.GetLevel()))
			sum.add(clusterItem(h.GetClusterId()))
			sum.add(policyItem(h.GetPolicy()))
		}
		sum.add(regionItem(r.GetRegion()))
		sum.add(nodeItem(r.GetNode()))
		sum.add(routeItem(r.GetRoute()))
		sum.add(serviceItem(r.GetService()))
	}
	hash := sum.at(records[0].GetHeader().GetRevision())
	footer := records[len(records)-1].GetFooter()
	footer.Records, footer.StateHash = uint64(len(records)-1), hash[:]
	return bytesOf(t, records)
}

// A snapshot comes from another member. Its hash shows that it was not damaged, not that such a state can be: that is
// checked as Apply would have, and nothing in it is without bound.
func TestRestoreRefusesStatesThatCannotBe(t *testing.T) {
	f := members(t)
	f.must(setRoutes(south, route("3205", "urban", south)))
	f.must(stage(south, testImport, 0, changes(villages(2, all(south)))))
	f.refused(retire(south, 1), "OPEN_TICKETS")
	type records = []*jieliv1.SnapshotRecord
	// before puts records before those of the kind that a text names.
	before := func(kind string, more ...*jieliv1.SnapshotRecord) func(records) records {
		return func(rs records) records {
			var next records
			for _, r := range rs {
				if more != nil && strings.HasPrefix(r.String(), kind) {
					next, more = append(next, more...), nil
				}
				next = append(next, r)
			}
			return next
		}
	}
	// each edits all records of the kind that an edit takes.
	each := func(edit func(*jieliv1.SnapshotRecord)) func(records) records {
		return func(rs records) records {
			for _, r := range rs {
				edit(r)
			}
			return rs
		}
	}
	regionRecord := func(r *jieliv1.Region) *jieliv1.SnapshotRecord {
		return &jieliv1.SnapshotRecord{Record: &jieliv1.SnapshotRecord_Region{Region: r}}
	}
	nodeRecord := func(n *jieliv1.Node) *jieliv1.SnapshotRecord {
		return &jieliv1.SnapshotRecord{Record: &jieliv1.SnapshotRecord_Node{Node: n}}
	}
	routeRecord := func(r *jieliv1.Route) *jieliv1.SnapshotRecord {
		return &jieliv1.SnapshotRecord{Record: &jieliv1.SnapshotRecord_Route{Route: r}}
	}
	serviceRecord := func(s *jieliv1.ServiceEntry) *jieliv1.SnapshotRecord {
		return &jieliv1.SnapshotRecord{Record: &jieliv1.SnapshotRecord_Service{Service: s}}
	}
	pending := func(id string) *jieliv1.Region {
		return edited(testRegion(id), func(r *jieliv1.Region) { r.State = jieliv1.Region_PENDING })
	}
	for _, c := range []struct {
		name string
		edit func(records) records
		want string // in the error
	}{
		{"a malformed region", before("node", regionRecord(edited(pending("xian"), func(r *jieliv1.Region) { r.Bundle = nil }))), "region.bundle"},
		{"a region in no state", before("node", regionRecord(testRegion("xian"))), "state 0"},
		{"a region in a state of another version", before("node", regionRecord(edited(testRegion("xian"), func(r *jieliv1.Region) { r.State = 9 }))), "state 9"},
		{"a second beginning", before("node", regionRecord(edited(pending("xian"), func(r *jieliv1.Region) { r.Bootstrap = true }))), "second one"},
		{"no beginning", each(func(r *jieliv1.SnapshotRecord) {
			if r.GetRegion().GetBootstrap() {
				r.GetRegion().Bootstrap = false
			}
		}), "no region made"},
		{"too many regions", before("node", repeated(MaxRegions, func(i int) *jieliv1.SnapshotRecord { return regionRecord(pending(fmt.Sprintf("r%04d", i))) })...), "more than 512 regions"},
		{"a region changed by a whole text", before("node", regionRecord(edited(pending("xian"), func(r *jieliv1.Region) { r.ChangedBy = strings.Repeat("x", 1000) }))), "changedBy"},
		{"a node of no region", before("route", nodeRecord(testNode("xian", "n1"))), "of no region"},
		{"a node one cannot dial", each(func(r *jieliv1.SnapshotRecord) {
			if r.GetNode() != nil {
				r.GetNode().Address = "?"
			}
		}), "node.address"},
		{"two nodes that run tickets", each(func(r *jieliv1.SnapshotRecord) {
			if n := r.GetNode(); n != nil {
				n.Region, n.Name, n.Tickets = north, "n-"+n.GetRegion(), true
			}
		}), "runs tickets already"},
		{"a route to no region", before("service", routeRecord(route("5101", "", "xian"))), "leads to no region"},
		{"a route for no service", before("service", routeRecord(route("5101", "transport", south))), "names service transport"},
		{"a route changed by a whole text", before("service", routeRecord(edited(route("5101", "", south), func(r *jieliv1.Route) { r.ChangedBy = strings.Repeat("x", 1000) }))), "changedBy"},
		{"a malformed service", before("request", serviceRecord(&jieliv1.ServiceEntry{Code: "z"})), "service \"z\""},
		{"too many services", before("request", repeated(MaxServices, func(i int) *jieliv1.SnapshotRecord { return serviceRecord(testService(fmt.Sprintf("z%04d", i))) })...), "more than 5000 services"},
		{"more requests than are remembered", func(rs records) records {
			rs[0].GetHeader().Policy = &jieliv1.Policy{RequestIds: minRequestIDs}
			return before("staged", repeated(minRequestIDs, func(i int) *jieliv1.SnapshotRecord {
				return &jieliv1.SnapshotRecord{Record: &jieliv1.SnapshotRecord_Request{Request: &jieliv1.AppliedRequest{Id: fmt.Appendf(nil, "%016d", i)}}}
			})...)(rs)
		}, "more than 1000 request ids"},
		{"a rejection without end", each(func(r *jieliv1.SnapshotRecord) {
			if o := r.GetRequest().GetOutcome(); o.GetReason() != "" {
				o.Message = strings.Repeat("x", maxMessage+1)
			}
		}), "too long"},
		{"an outcome to come", each(func(r *jieliv1.SnapshotRecord) {
			if o := r.GetRequest().GetOutcome(); o != nil {
				o.Revision = 99
			}
		}), "later revision"},
		{"an import of no region", each(func(r *jieliv1.SnapshotRecord) {
			if s := r.GetStaged(); s != nil {
				s.Region = "xian"
			}
		}), "of no region"},
		{"too long a chunk", each(func(r *jieliv1.SnapshotRecord) {
			if s := r.GetStaged(); s != nil {
				s.Chunks[0] = changes(villages(MaxRouteChanges+1, all(south)))
			}
		}), "at most 1000"},
		{"a hash to come", each(func(r *jieliv1.SnapshotRecord) {
			if h := r.GetRevisionHash(); h != nil {
				h.Revision += 99
			}
		}), "later revision"},
		{"kinds out of order", func(rs records) records {
			n := len(rs)
			return append(append(rs[:n-1:n-1], serviceRecord(testService("z"))), rs[n-1])
		}, "records are out of order"},
		{"a policy that cannot be", func(rs records) records {
			rs[0].GetHeader().Policy = &jieliv1.Policy{RequestIds: 1}
			return rs
		}, "policy.requestIds"},
		{"no cluster, and changes", func(rs records) records {
			rs[0].GetHeader().ClusterId = ""
			return rs
		}, "no federation"},
		{"a cluster that is no UUID", func(rs records) records {
			rs[0].GetHeader().ClusterId = "cluster"
			return rs
		}, "clusterId"},
	} {
		t.Run(c.name, func(t *testing.T) {
			snapshot := forged(t, c.edit(recordsOf(t, snapshotOf(t, f.View()))))
			if _, err := Restore(bytes.NewReader(snapshot), Options{}); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want an error with %q", err, c.want)
			}
		})
	}
	t.Run("none of it", func(t *testing.T) {
		snapshot := forged(t, recordsOf(t, snapshotOf(t, f.View())))
		if !bytes.Equal(snapshot, snapshotOf(t, restored(t, snapshot, Options{}).View())) {
			t.Error("written again, the snapshot differs")
		}
		if _, err := Restore(bytes.NewReader(append(snapshot, 0)), Options{}); err == nil || !strings.Contains(err.Error(), "follows its footer") {
			t.Errorf("with a byte more: %v", err)
		}
	})
}
