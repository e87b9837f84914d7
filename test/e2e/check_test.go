package e2e

import (
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/jieli-gateway/jieli/federation/trust"
	"github.com/jieli-gateway/jieli/gateway/store"
	"github.com/jieli-gateway/jieli/gateway/store/sqlite"
	"github.com/jieli-gateway/jieli/gateway/ticket"
	jieliv1 "github.com/jieli-gateway/jieli/proto/jieli/v1"
)

// copyOf is one region's copy of a ticket, read from its store.
type copyOf struct {
	t      *store.Ticket
	events []*store.Event
}

// stores reads all tickets of all regions from their stopped stores.
func (f *federation) stores() map[string]map[string]copyOf {
	f.t.Helper()
	all := map[string]map[string]copyOf{}
	for _, n := range f.nodes {
		all[n.id.Region] = n.readStore()
	}
	return all
}

func (n *node) readStore() map[string]copyOf {
	n.t.Helper()
	s, err := sqlite.Open(n.t.Context(), sqlite.Options{Dir: n.storeDir()})
	must(n.t, err)
	defer func() { must(n.t, s.Close()) }()
	copies := map[string]copyOf{}
	must(n.t, s.View(n.t.Context(), func(r store.Reader) error {
		for after := int64(0); ; {
			page, err := r.ListTickets(store.Filter{}, after, 500)
			if err != nil || len(page) == 0 {
				return err
			}
			for _, t := range page {
				events, err := r.Events(t.State.GetId(), 1)
				if err != nil {
					return err
				}
				copies[t.State.GetId()] = copyOf{t: t, events: events}
				after = t.Changed
			}
		}
	}))
	return copies
}

// checkProperties asserts design §10 over all stores: one pen, nothing lost, nothing twice, equal chains, every event
// signed by its author. taken are the ids that submissions were answered with, by origin and external id.
func (f *federation) checkProperties(taken map[string]string) {
	t := f.t
	t.Helper()
	all := f.stores()
	numbers := map[string]string{}
	for name, id := range taken {
		found := false
		for region, copies := range all {
			c, ok := copies[id]
			found = found || (ok && c.t.State.GetOrigin() == region)
		}
		if !found {
			t.Errorf("lost: ticket %s of %s was acknowledged and is in no origin's store", id, name)
		}
	}
	for region, copies := range all {
		for id, c := range copies {
			name := c.t.State.GetOrigin() + "/" + c.t.State.GetExternalId()
			if other, ok := numbers[name]; ok && other != id {
				t.Errorf("duplicated: %s is ticket %s and %s", name, other, id)
			}
			numbers[name] = id
			f.checkChain(region, id, c)
			origin, ok := all[c.t.State.GetOrigin()][id]
			if !ok {
				t.Errorf("ticket %s is at %s and not at its origin %s", id, region, c.t.State.GetOrigin())
				continue
			}
			checkPrefix(t, id, region, c, origin)
		}
	}
	checkPens(t, all)
}

// checkChain replays a chain and verifies each event's proof.
func (f *federation) checkChain(region, id string, c copyOf) {
	t := f.t
	t.Helper()
	keys := func(author, keyID string) (trust.Verifier, bool) {
		for _, n := range f.nodes {
			if n.id.Region == author {
				for _, s := range n.material.Signers {
					if s.KeyID() == keyID {
						v, err := trust.NewVerifier(s.Algorithm(), s.PublicKey())
						return v, err == nil
					}
				}
			}
		}
		return nil, false
	}
	var st *jieliv1.TicketState
	for i, e := range c.events {
		if int(e.Number) != i+1 || ticket.Hash(e.Bytes) != e.Hash {
			t.Errorf("%s: ticket %s: event %d is numbered %d or hashed wrongly", region, id, i+1, e.Number)
			return
		}
		ev, err := ticket.Decode(e.Bytes)
		if err == nil {
			st, err = ticket.Apply(st, ev, e.Hash)
		}
		if err != nil {
			t.Errorf("%s: ticket %s event %d: %v", region, id, e.Number, err)
			return
		}
		p := e.Proof
		proof := trust.Proof{Root: [32]byte(p.GetRoot()), KeyID: p.GetKeyId(), Signature: p.GetSignature(), Size: uint64(p.GetSize()), Index: uint64(p.GetIndex())}
		for _, h := range p.GetPath() {
			proof.Path = append(proof.Path, [32]byte(h))
		}
		if err := trust.VerifyEvent(keys, f.id, e.Author, e.Hash, proof); err != nil {
			t.Errorf("%s: ticket %s event %d of %s: %v", region, id, e.Number, e.Author, err)
		}
	}
	if c.t.State.GetState() != jieliv1.Ticket_RECALLED && !proto.Equal(withoutDelivery(st), withoutDelivery(c.t.State)) {
		t.Errorf("%s: ticket %s: stored state differs from its events", region, id)
	}
}

// withoutDelivery drops what is not in the chain.
func withoutDelivery(st *jieliv1.TicketState) *jieliv1.TicketState {
	st = proto.CloneOf(st)
	for _, h := range st.GetHops() {
		h.DeliverTime = nil
	}
	if st.GetState() == jieliv1.Ticket_OFFERED {
		st.DueDeliver, st.DueAccept, st.DeemTime, st.AcceptProvisional = 0, 0, 0, false
	}
	return st
}

// checkPrefix: any region's chain is the beginning of its origin's, byte for byte.
func checkPrefix(t *testing.T, id, region string, c, origin copyOf) {
	t.Helper()
	if len(c.events) > len(origin.events) {
		t.Errorf("divergent: ticket %s has %d events at %s and %d at its origin", id, len(c.events), region, len(origin.events))
		return
	}
	for i, e := range c.events {
		if e.Hash != origin.events[i].Hash {
			t.Errorf("divergent: ticket %s event %d differs between %s and its origin", id, i+1, region)
			return
		}
	}
}

// checkPens: at most one region has the pen of a ticket, and somebody holds it.
func checkPens(t *testing.T, all map[string]map[string]copyOf) {
	t.Helper()
	pens, holders := map[string][]string{}, map[string]bool{}
	for region, copies := range all {
		for id, c := range copies {
			if c.t.State.GetPen() == region {
				pens[id] = append(pens[id], region)
			}
			if c.t.Holder == region {
				holders[id] = true
			}
		}
	}
	for _, copies := range all {
		for id := range copies {
			if len(pens[id]) > 1 {
				t.Errorf("ticket %s: %v all have the pen", id, pens[id])
			}
			if !holders[id] {
				t.Errorf("ticket %s: nobody holds it", id)
			}
		}
	}
}
