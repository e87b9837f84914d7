package desk

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"fmt"
	"time"

	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	"github.com/jieli-gateway/jieli/federation/registry"
	"github.com/jieli-gateway/jieli/federation/trust"
	"github.com/jieli-gateway/jieli/gateway/store"
	"github.com/jieli-gateway/jieli/gateway/store/memory"
	jieliv1 "github.com/jieli-gateway/jieli/proto/jieli/v1"
	"github.com/jieli-gateway/jieli/regions"
)

// world is a federation of desks in one process. What lies between them is the test's to lose, delay and repeat: it
// stands in for links, which have a model test of their own.
type world struct {
	t interface {
		Fatalf(format string, args ...any)
	}
	r       *rapid.T // draws; nil in stories
	ctx     context.Context
	now     time.Time
	machine *registry.Machine
	desks   map[string]*place
	names   []string
	// verdicts of items taken, by sender, receiver, sequence: what receipts will say.
	verdicts map[wireKey]map[uint64]verdict
	answers  []answerInFlight
	ids      uint64
	full     map[string]bool // regions that take no offers
	promised map[string]time.Time
}

type wireKey struct{ from, to string }

type verdict struct {
	refused *jieliv1.SignedDecision
	stopped string
	ticket  string
}

type answerInFlight struct {
	wireKey // from whoever answers to whoever asked
	answer  *jieliv1.TicketRequestAnswer
}

// place is one region: its desk, its store, and the table it has.
type place struct {
	w      *world
	id     string
	signer *trust.Ed25519Signer
	vault  *trust.Vault
	view   *registry.View
	store  *memory.Store
	desk   *Desk
}

// Table implements Registry: a place may be behind the newest table.
func (p *place) Table() Table             { return Table{View: p.view} }
func (p *place) Changed() <-chan struct{} { return nil }

// Peers: everybody is known and agrees, for links are not under test here.
func (p *place) Confirmed(string) bool   { return true }
func (p *place) Diverged(string) bool    { return false }
func (p *place) Taking(peer string) bool { return !p.w.full[peer] }
func (p *place) SameTable(string) bool   { return true }
func (p *place) Wake([]string)           {}
func (p *place) Ask([]string)            {}
func (p *place) Retry(context.Context, string) (int, string, error) {
	return 0, "", store.ErrNotFound
}
func (p *place) Excuse(string, string, string) error { return nil }

var places = map[string]string{"jingjinji": "JJJ", "changsanjiao": "CSJ", "chengyu": "CY"}

func newWorld(t interface {
	Fatalf(format string, args ...any)
},
) *world {
	w := &world{
		t: t, ctx: context.Background(), now: time.Date(2026, 11, 24, 8, 0, 0, 0, time.UTC), machine: registry.New(registry.Options{}),
		desks: map[string]*place{}, names: []string{"jingjinji", "changsanjiao", "chengyu"}, verdicts: map[wireKey]map[uint64]verdict{},
		full: map[string]bool{}, promised: map[string]time.Time{},
	}
	for _, name := range w.names {
		seed := sha256.Sum256([]byte(name))
		signer, err := trust.NewEd25519Signer(ed25519.NewKeyFromSeed(seed[:]))
		w.must(err)
		vault, err := trust.NewVault(seed[:])
		w.must(err)
		w.desks[name] = &place{w: w, id: name, signer: signer, vault: vault}
	}
	w.bootstrap()
	for _, p := range w.desks {
		p.open(nil)
	}
	w.catchUp(w.names...)
	return w
}

func (w *world) must(err error) {
	if err != nil {
		w.t.Fatalf("%+v", err)
	}
}

func (w *world) requestID() string {
	w.ids++
	return fmt.Sprintf("01936000-%04x-7000-8000-%012x", w.ids>>16&0xffff, w.ids)
}

func (w *world) propose(by string, cmd *jieliv1.Command) *jieliv1.Outcome {
	cmd.RequestId, cmd.Actor, cmd.Region = w.requestID(), "test", by
	b, err := registry.Encode(cmd)
	w.must(err)
	return w.machine.Apply(registry.Seal(b, nil, uint64(w.now.UnixMilli())))
}

func (w *world) bootstrap() {
	entry := func(name string) *jieliv1.Region {
		s := w.desks[name].signer
		return &jieliv1.Region{
			Id: name, NameZh: name, LegalName: name, DutyPhone: "12345", NumberPrefix: places[name], Bundle: [][]byte{{1}},
			SigningKeys: []*jieliv1.SigningKey{{KeyId: s.KeyID(), Algorithm: s.Algorithm(), PublicKey: s.PublicKey()}},
		}
	}
	node := func(name string) *jieliv1.Node {
		return &jieliv1.Node{Region: name, Name: "n1", Address: "127.0.0.1:1", Raft: true, Tickets: true}
	}
	var services []*jieliv1.ServiceEntry
	for _, s := range regions.DefaultServices() {
		services = append(services, &jieliv1.ServiceEntry{Code: s.Code, NameZh: s.NameZH, NameEn: s.NameEN, Aliases: s.Aliases, Emergency: s.Emergency})
	}
	first := w.names[0]
	check := func(o *jieliv1.Outcome) {
		if o.GetReason() != "" {
			w.t.Fatalf("set up: %v", o)
		}
	}
	check(w.propose(first, &jieliv1.Command{Change: &jieliv1.Command_Bootstrap{Bootstrap: &jieliv1.Bootstrap{
		ClusterId: "7eb7948b-7f15-403c-8131-e745c9b0fcd7", Region: entry(first), Node: node(first), Services: services,
	}}}))
	for _, name := range w.names[1:] {
		check(w.propose(first, &jieliv1.Command{Change: &jieliv1.Command_RegisterRegion{RegisterRegion: &jieliv1.RegisterRegion{Region: entry(name), Nodes: []*jieliv1.Node{node(name)}}}}))
		check(w.propose(first, &jieliv1.Command{Change: &jieliv1.Command_ChangeRegionState{ChangeRegionState: &jieliv1.ChangeRegionState{Region: name, State: jieliv1.Region_ACTIVE}}}))
	}
	for division, name := range map[string]string{"11": "jingjinji", "32": "changsanjiao", "50": "chengyu"} {
		check(w.setRoute(division, name))
	}
}

func (w *world) setRoute(division, region string) *jieliv1.Outcome {
	return w.propose(w.names[0], &jieliv1.Command{Change: &jieliv1.Command_ChangeRoutes{ChangeRoutes: &jieliv1.ChangeRoutes{Set: []*jieliv1.Route{{Division: division, Region: region}}}}})
}

func (w *world) suspend(region string, yes bool) *jieliv1.Outcome {
	to := jieliv1.Region_ACTIVE
	if yes {
		to = jieliv1.Region_SUSPENDED
	}
	return w.propose(w.names[0], &jieliv1.Command{Change: &jieliv1.Command_ChangeRegionState{ChangeRegionState: &jieliv1.ChangeRegionState{Region: region, State: to}}})
}

func (w *world) catchUp(names ...string) {
	for _, name := range names {
		w.desks[name].view = w.machine.View()
	}
}

// open starts a desk, empty or from what was durable.
func (p *place) open(from *memory.Image) {
	p.view = p.w.machine.View()
	sealer := NewSealer(p.id, func() string { return p.w.machine.View().ClusterID() }, p.signer)
	p.store = memory.New(memory.Options{
		Sealer: sealer, From: from, Now: func() time.Time { return p.w.now },
		OnCommit: func(c store.Changes) { p.desk.Committed(c) },
	})
	d, err := New(Config{Region: p.id, Store: p.store, Registry: p, Signer: p.signer, Vault: p.vault, Now: func() time.Time { return p.w.now }})
	p.w.must(err)
	d.UsePeers(p)
	p.desk = d
}

// crash ends a desk at this moment and starts another from what was durable. What streams had sent is not known then.
func (p *place) crash() {
	image, view := p.store.Clone(), p.view
	p.w.must(p.store.Close())
	p.open(image)
	p.view = view
	p.update(func(tx store.Tx) error {
		links, err := tx.Links()
		if err != nil {
			return err
		}
		for _, l := range links {
			if l.Streaming {
				l.Streaming, l.SentMark = false, l.LastSequence
				if err := tx.PutLink(l); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

func (p *place) update(fn func(store.Tx) error) { p.w.must(p.store.Update(p.w.ctx, fn)) }
func (p *place) look(fn func(store.Reader) error) {
	p.w.must(p.store.View(p.w.ctx, fn))
}

func (p *place) tickets() (out []*store.Ticket) {
	p.look(func(r store.Reader) (err error) {
		out, err = r.ListTickets(store.Filter{}, 0, 10_000)
		return err
	})
	return out
}

func (p *place) link(peer string) (l *store.Link) {
	p.look(func(r store.Reader) (err error) {
		l, err = r.Link(peer)
		return err
	})
	return l
}

// stream begins or ends a stream from one place to another.
func (w *world) stream(k wireKey, on bool) {
	from := w.desks[k.from]
	got := w.desks[k.to].link(k.from).Received
	from.update(func(tx store.Tx) error {
		l, err := tx.Link(k.to)
		if err != nil {
			return err
		}
		if l.Streaming == on {
			return nil
		}
		l.Streaming = on
		if !on {
			l.SentMark = max(l.SentMark, got)
		}
		return tx.PutLink(l)
	})
}

// deliver carries the next item, if a stream is up; it tells whether there was one.
func (w *world) deliver(k wireKey) bool {
	from, to := w.desks[k.from], w.desks[k.to]
	if !from.link(k.to).Streaming {
		return false
	}
	cursor := to.link(k.from).Received
	item := &jieliv1.Item{Item: &jieliv1.Item_Empty{Empty: &jieliv1.EmptyItem{}}}
	found := false
	from.look(func(r store.Reader) error {
		rows, err := r.Outbox(k.to, cursor, 1)
		if err != nil || len(rows) == 0 {
			return err
		}
		found = true
		if rows[0].Kind != store.OutboxEmpty {
			item, err = from.desk.Load(r, rows[0])
		}
		return err
	})
	if !found {
		return false
	}
	b, err := proto.Marshal(item) // it travels
	w.must(err)
	item = new(jieliv1.Item)
	w.must(proto.Unmarshal(b, item))
	checked := to.desk.Check(k.from, item)
	to.update(func(tx store.Tx) error {
		v, err := to.desk.Take(tx, k.from, cursor+1, checked)
		if err != nil {
			return err
		}
		if w.verdicts[k] == nil {
			w.verdicts[k] = map[uint64]verdict{}
		}
		w.verdicts[k][cursor+1] = verdict{refused: v.Refused, stopped: v.StoppedReason, ticket: v.TicketID}
		if v.StoppedReason != "" {
			return fmt.Errorf("%s stopped what %s sent honestly: %s of ticket %s", k.to, k.from, v.StoppedReason, v.TicketID)
		}
		l, err := tx.Link(k.from)
		if err != nil {
			return err
		}
		l.Received++
		return tx.PutLink(l)
	})
	return true
}

// receipt carries back what the receiver has made durable.
func (w *world) receipt(k wireKey) bool {
	from := w.desks[k.from]
	got := w.desks[k.to].link(k.from).Received
	if from.link(k.to).Acknowledged >= got {
		return false
	}
	from.update(func(tx store.Tx) error {
		l, err := tx.Link(k.to)
		if err != nil {
			return err
		}
		rows, err := tx.Outbox(k.to, l.Acknowledged, int(got-l.Acknowledged))
		if err != nil {
			return err
		}
		r := &jieliv1.Receipt{FirstSequence: l.Acknowledged + 1, LastSequence: got}
		for seq := r.FirstSequence; seq <= got; seq++ {
			if v := w.verdicts[k][seq]; v.refused != nil {
				r.Refused = append(r.Refused, &jieliv1.RefusedItem{Sequence: seq, Refusal: v.refused})
			}
		}
		l.Acknowledged = got
		if err := tx.PutLink(l); err != nil {
			return err
		}
		return from.desk.Delivered(tx, k.to, rows, r)
	})
	return true
}

// ask carries an open request; its answer is then on its way.
func (w *world) ask(k wireKey, pick int) bool {
	from, to := w.desks[k.from], w.desks[k.to]
	var open []*store.Request
	from.look(func(r store.Reader) (err error) {
		open, err = r.OpenRequests(k.to, 100)
		return err
	})
	if len(open) == 0 {
		return false
	}
	req := new(jieliv1.TicketRequest)
	w.must(proto.Unmarshal(open[pick%len(open)].Bytes, req))
	to.update(func(tx store.Tx) error {
		a, err := to.desk.Requested(tx, k.from, req)
		if a != nil {
			w.answers = append(w.answers, answerInFlight{wireKey{k.to, k.from}, a})
		}
		return err
	})
	return true
}

// answer carries one answer home; it stays on its way when it is to come twice.
func (w *world) answer(pick int, twice bool) bool {
	if len(w.answers) == 0 {
		return false
	}
	pick %= len(w.answers)
	a := w.answers[pick]
	if !twice {
		w.answers = append(w.answers[:pick], w.answers[pick+1:]...)
	}
	p := w.desks[a.to]
	p.update(func(tx store.Tx) error { return p.desk.Settled(tx, a.from, a.answer) })
	return true
}
