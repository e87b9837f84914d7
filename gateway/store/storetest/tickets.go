package storetest

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/jieli-gateway/jieli/gateway/store"
	jieliv1 "github.com/jieli-gateway/jieli/proto/jieli/v1"
)

func ticketLookups(t *testing.T, open Factory) {
	clock := NewClock()
	s := openStore(t, open, Options{Now: clock.Now})
	want := Ticket("t1")
	want.QueryCode, want.Acknowledged, want.Digest, want.Stopped = "1234", 3, []byte{1, 2}, "CHAIN_BROKEN"
	want.RecallRequest, want.WithdrawRequest, want.WaitRevision = "r1", "w1", 1<<63+5
	want.Due, want.Yellow, want.Timer, want.Provisional = clock.Now().Add(time.Hour), clock.Now(), clock.Now().Add(time.Minute), true
	want.Warnings = []string{"类别未识别", "emergency words"}
	update(t, s, func(tx store.Tx) error { return tx.PutTicket(want) })
	if want.Changed != clock.Now().UnixMicro() || !want.UpdateTime.Equal(clock.Now()) {
		t.Errorf("changed %d at %v, want the clock's %v", want.Changed, want.UpdateTime, clock.Now())
	}

	view(t, s, func(r store.Reader) error {
		for name, find := range map[string]func() (*store.Ticket, error){
			"by id":          func() (*store.Ticket, error) { return r.Ticket("t1") },
			"by number":      func() (*store.Ticket, error) { return r.TicketByNumber("N-t1") },
			"by external id": func() (*store.Ticket, error) { return r.TicketByExternalID("tianjin", "X-t1") },
		} {
			got, err := find()
			if err != nil {
				t.Errorf("%s: %v", name, err)
				continue
			}
			equalTickets(t, name, got, want)
		}
		_, err := r.Ticket("t2")
		wantErr(t, "an unknown id", err, store.ErrNotFound)
		_, err = r.TicketByNumber("")
		wantErr(t, "an empty number", err, store.ErrNotFound)
		_, err = r.TicketByExternalID("beijing", "X-t1")
		wantErr(t, "another origin's", err, store.ErrNotFound)
		_, err = r.TicketByExternalID("tianjin", "")
		wantErr(t, "an empty external id", err, store.ErrNotFound)
		return nil
	})
}

func equalTickets(t testing.TB, what string, got, want *store.Ticket) {
	t.Helper()
	if !proto.Equal(got.State, want.State) {
		t.Errorf("%s: state\n got %v\nwant %v", what, got.State, want.State)
	}
	g, w := *got, *want
	g.State, w.State = nil, nil
	equal(t, what, g, w)
}

func ticketConflicts(t *testing.T, open Factory) {
	s := openStore(t, open, Options{})
	update(t, s, func(tx store.Tx) error { return all(tx.PutTicket(Ticket("t1")), tx.PutTicket(Ticket("t2"))) })

	number := Ticket("t3")
	number.State.Number = "N-t1"
	wantErr(t, "a taken number", s.Update(t.Context(), func(tx store.Tx) error { return tx.PutTicket(number) }), store.ErrConflict)
	external := Ticket("t2")
	external.State.ExternalId = "X-t1"
	wantErr(t, "a taken external id", s.Update(t.Context(), func(tx store.Tx) error { return tx.PutTicket(external) }), store.ErrConflict)
	update(t, s, func(tx store.Tx) error {
		wantErr(t, "a taken number", tx.PutTicket(number), store.ErrConflict)
		return tx.PutTicket(Ticket("t4")) // the update goes on
	})
	update(t, s, func(tx store.Tx) error {
		other := Ticket("t5")
		other.State.Origin, other.State.ExternalId = "beijing", "X-t1"
		none, none2 := Ticket("t6"), Ticket("t7")
		none.State.Number, none.State.ExternalId = "", ""
		none2.State.Number, none2.State.ExternalId = "", ""
		return all(tx.PutTicket(other), tx.PutTicket(none), tx.PutTicket(none2))
	})
	update(t, s, func(tx store.Tx) error {
		renamed := Ticket("t1")
		renamed.State.Number, renamed.State.ExternalId = "N-new", "X-new"
		return all(tx.PutTicket(renamed), tx.PutTicket(number)) // t1's old number is free now
	})
	view(t, s, func(r store.Reader) error {
		_, err := r.TicketByExternalID("tianjin", "X-t1")
		wantErr(t, "an external id given up", err, store.ErrNotFound)
		got, err := r.TicketByNumber("N-t1")
		if err != nil || got.State.GetId() != "t3" {
			t.Errorf("the freed number is %v's (%v), want t3's", got, err)
		}
		return nil
	})
	if err := s.Update(t.Context(), func(tx store.Tx) error { return tx.PutTicket(&store.Ticket{}) }); err == nil {
		t.Error("a ticket without a state was taken")
	}
}

func copies(t *testing.T, open Factory) {
	s := openStore(t, open, Options{})
	ticket, event, content := Ticket("t1"), Event("t1", 1), &store.Content{TicketID: "t1", Number: 1, Name: "text", Data: []byte("words")}
	event.Proof = &jieliv1.BatchProof{KeyId: "k"}
	update(t, s, func(tx store.Tx) error {
		return all(tx.PutTicket(ticket), tx.AppendEvent(event), tx.PutContent(content))
	})
	ticket.State.Service = "changed"
	event.Bytes[0], event.Proof.KeyId, content.Data[0] = 'X', "changed", 'X'
	for range 2 {
		view(t, s, func(r store.Reader) error {
			tk, err := r.Ticket("t1")
			ev, err2 := r.Events("t1", 1)
			co, err3 := r.Contents("t1")
			if err := all(err, err2, err3); err != nil {
				return err
			}
			equal(t, "what is stored", []any{tk.State.GetService(), string(ev[0].Bytes), ev[0].Proof.GetKeyId(), string(co[0].Data)},
				[]any{"urban.housing", "event 1 of t1", "k", "words"})
			tk.State.Service, ev[0].Bytes[0], ev[0].Proof.KeyId, co[0].Data[0] = "changed", 'X', "changed", 'X'
			return nil
		})
	}
}

func listPages(t *testing.T, open Factory) {
	clock := NewClock()
	s := openStore(t, open, Options{Now: clock.Now})
	var want []string
	for i := range 40 {
		tk := Ticket(fmt.Sprintf("t%02d", i))
		tk.State.State = jieliv1.Ticket_State(1 + i%5)
		tk.Holder = []string{"tianjin", "suzhou", "beijing"}[i%3]
		update(t, s, func(tx store.Tx) error { return tx.PutTicket(tk) })
		want = append(want, tk.State.GetId())
		clock.Move([]time.Duration{0, time.Second, -time.Hour}[i%3])
	}
	update(t, s, func(tx store.Tx) error { return tx.PutTicket(Ticket("t05")) }) // moves to the end
	want = append(slices.DeleteFunc(want, func(id string) bool { return id == "t05" }), "t05")

	for _, size := range []int{1, 7, 40, 100} {
		var got []string
		after := int64(0)
		for pages := 0; pages <= len(want); pages++ {
			var page []*store.Ticket
			view(t, s, func(r store.Reader) (err error) {
				page, err = r.ListTickets(store.Filter{}, after, size)
				return err
			})
			if len(page) == 0 {
				break
			}
			for _, tk := range page {
				if tk.Changed <= after {
					t.Fatalf("%s changed at %d, listed after %d", tk.State.GetId(), tk.Changed, after)
				}
				if tk.Changed != tk.UpdateTime.UnixMicro() {
					t.Fatalf("%s changed at %d, updated at %v", tk.State.GetId(), tk.Changed, tk.UpdateTime)
				}
				after = tk.Changed
				got = append(got, tk.State.GetId())
			}
		}
		equal(t, fmt.Sprintf("pages of %d", size), got, want)
	}
	view(t, s, func(r store.Reader) error {
		for _, limit := range []int{0, -1} {
			if page, err := r.ListTickets(store.Filter{}, 0, limit); err != nil || len(page) > 0 {
				t.Errorf("limit %d gave %d tickets, %v", limit, len(page), err)
			}
		}
		return nil
	})
}

func listFilters(t *testing.T, open Factory) {
	clock := NewClock()
	s := openStore(t, open, Options{Now: clock.Now})
	add := func(id, origin, holder, service, division string, state jieliv1.Ticket_State) {
		t.Helper()
		clock.Move(time.Second)
		tk := Ticket(id)
		tk.State.Origin, tk.Holder, tk.State.Service, tk.State.Division, tk.State.State = origin, holder, service, division, state
		update(t, s, func(tx store.Tx) error { return tx.PutTicket(tk) })
	}
	start := clock.Now()
	add("a", "tianjin", "tianjin", "urban", "12", jieliv1.Ticket_ACCEPTED)
	add("b", "tianjin", "suzhou", "urban.housing", "320506", jieliv1.Ticket_OFFERED)
	add("c", "suzhou", "suzhou", "urbanity", "320501", jieliv1.Ticket_ACCEPTED)
	add("d", "suzhou", "tianjin", "transport.bus", "120101", jieliv1.Ticket_CLOSED)
	for _, c := range []struct {
		name   string
		filter store.Filter
		want   []string
	}{
		{"nothing", store.Filter{}, []string{"a", "b", "c", "d"}},
		{"state", store.Filter{State: jieliv1.Ticket_ACCEPTED}, []string{"a", "c"}},
		{"holder", store.Filter{Holder: "tianjin"}, []string{"a", "d"}},
		{"state and holder", store.Filter{State: jieliv1.Ticket_ACCEPTED, Holder: "suzhou"}, []string{"c"}},
		{"origin", store.Filter{Origin: "suzhou"}, []string{"c", "d"}},
		{"service takes what is under it", store.Filter{Service: "urban"}, []string{"a", "b"}},
		{"service is not any prefix", store.Filter{Service: "urb"}, nil},
		{"division takes what is in it", store.Filter{Division: "3205"}, []string{"b", "c"}},
		{"external id", store.Filter{ExternalID: "X-b"}, []string{"b"}},
		{"external id and another state", store.Filter{ExternalID: "X-b", State: jieliv1.Ticket_CLOSED}, nil},
		{"external id and holder", store.Filter{ExternalID: "X-b", Holder: "suzhou"}, []string{"b"}},
		{"updated after", store.Filter{UpdatedAfter: start.Add(2 * time.Second)}, []string{"c", "d"}},
		{"updated after, not quite", store.Filter{UpdatedAfter: start.Add(2*time.Second - time.Nanosecond)}, []string{"b", "c", "d"}},
		{"updated after and external id", store.Filter{UpdatedAfter: start.Add(2 * time.Second), ExternalID: "X-b"}, nil},
		{"all of them", store.Filter{
			State: jieliv1.Ticket_OFFERED, Origin: "tianjin", Holder: "suzhou", Service: "urban.housing",
			Division: "32", ExternalID: "X-b", UpdatedAfter: start,
		}, []string{"b"}},
		{"an unknown holder", store.Filter{Holder: "nobody"}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			view(t, s, func(r store.Reader) error {
				got, err := r.ListTickets(c.filter, 0, 10)
				equal(t, "tickets", ids(got), c.want)
				return err
			})
		})
	}
}

func listTimes(t *testing.T, open Factory) {
	s := openStore(t, open, Options{})
	at := time.Date(2026, 11, 24, 8, 0, 0, 0, time.UTC)
	add := func(id string, state jieliv1.Ticket_State, due, yellow, timer time.Duration, provisional bool) {
		t.Helper()
		tk := Ticket(id)
		tk.State.State, tk.Provisional = state, provisional
		for d, to := range map[time.Duration]*time.Time{due: &tk.Due, yellow: &tk.Yellow, timer: &tk.Timer} {
			if d != 0 {
				*to = at.Add(d)
			}
		}
		update(t, s, func(tx store.Tx) error { return tx.PutTicket(tk) })
	}
	const hour = time.Hour
	add("none", jieliv1.Ticket_ACCEPTED, 0, 0, 0, false)
	add("green", jieliv1.Ticket_ACCEPTED, 9*hour, 5*hour, 0, true)
	add("yellow", jieliv1.Ticket_OFFERED, 4*hour, -2*hour, 6*hour, false)
	add("red", jieliv1.Ticket_OFFERED, -hour, -3*hour, -time.Microsecond, false)
	add("rests", jieliv1.Ticket_ANSWERED, -hour, -3*hour, -hour, true)
	red, yellow, green := jieliv1.Ticket_RED, jieliv1.Ticket_YELLOW, jieliv1.Ticket_GREEN
	for _, c := range []struct {
		name   string
		filter store.Filter
		want   []string
	}{
		{"red", store.Filter{Light: red, At: at}, []string{"red"}},
		{"yellow", store.Filter{Light: yellow, At: at}, []string{"yellow"}},
		{"green", store.Filter{Light: green, At: at}, []string{"green"}},
		{"red to the microsecond", store.Filter{Light: red, At: at.Add(4 * hour)}, []string{"yellow", "red"}},
		{"not red a nanosecond before", store.Filter{Light: red, At: at.Add(4*hour - 1)}, []string{"red"}},
		{"yellow to the microsecond", store.Filter{Light: yellow, At: at.Add(5 * hour)}, []string{"green"}},
		{"due before", store.Filter{DueBefore: at.Add(4 * hour)}, []string{"red"}},
		{"due before a nanosecond later", store.Filter{DueBefore: at.Add(4*hour + 1)}, []string{"yellow", "red"}},
		{"timers", store.Filter{TimerUntil: at}, []string{"red"}},
		{"timers up to a moment", store.Filter{TimerUntil: at.Add(6 * hour)}, []string{"yellow", "red"}},
		{"provisional", store.Filter{Provisional: true}, []string{"green"}},
		{"a light in a state", store.Filter{Light: red, At: at, State: jieliv1.Ticket_ACCEPTED}, nil},
		{"a light of a service", store.Filter{Light: red, At: at, Service: "urban"}, []string{"red"}},
		{"a light of another service", store.Filter{Light: red, At: at, Service: "traffic"}, nil},
		{"an external id with its light", store.Filter{Light: red, At: at, ExternalID: "X-red"}, []string{"red"}},
		{"an external id with another light", store.Filter{Light: green, At: at, ExternalID: "X-red"}, nil},
		{"an external id that rests", store.Filter{Light: red, At: at, ExternalID: "X-rests"}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			view(t, s, func(r store.Reader) error {
				got, err := r.ListTickets(c.filter, 0, 10)
				equal(t, "tickets", ids(got), c.want)
				return err
			})
		})
	}
}

func ids(tickets []*store.Ticket) []string {
	var ids []string
	for _, t := range tickets {
		ids = append(ids, t.State.GetId())
	}
	return ids
}

func counts(t *testing.T, open Factory) {
	s := openStore(t, open, Options{})
	put := func(id, holder string, state jieliv1.Ticket_State, test bool) {
		tk := Ticket(id)
		tk.Holder, tk.State.State, tk.State.Test = holder, state, test
		update(t, s, func(tx store.Tx) error { return tx.PutTicket(tk) })
	}
	put("a", "tianjin", jieliv1.Ticket_ACCEPTED, false)
	put("b", "tianjin", jieliv1.Ticket_ACCEPTED, false)
	put("c", "tianjin", jieliv1.Ticket_CLOSED, false)
	put("d", "tianjin", jieliv1.Ticket_OFFERED, true)
	put("e", "suzhou", jieliv1.Ticket_WITHDRAWN, false)
	put("f", "suzhou", jieliv1.Ticket_DIVERTED, false)
	put("b", "suzhou", jieliv1.Ticket_ANSWERED, false)
	put("g", "wuxi", jieliv1.Ticket_UNROUTED, false)
	put("h", "wuxi", jieliv1.Ticket_RETURNED, false)
	put("i", "wuxi", jieliv1.Ticket_RETURNED, true)
	put("j", "wuxi", jieliv1.Ticket_ARBITRATION, false)
	put("k", "xuzhou", jieliv1.Ticket_RETURNED, false)
	put("l", "wuxi", jieliv1.Ticket_ACCEPTED, false)
	put("j", "wuxi", jieliv1.Ticket_UNROUTED, false)
	put("l", "wuxi", jieliv1.Ticket_CLOSED, false)
	check := func(r store.Reader) error {
		byState, err := r.CountTickets()
		tianjin, err2 := r.CountHeld("tianjin")
		suzhou, err3 := r.CountHeld("suzhou")
		equal(t, "by state", byState, map[jieliv1.Ticket_State]uint64{
			jieliv1.Ticket_ACCEPTED: 1, jieliv1.Ticket_ANSWERED: 1, jieliv1.Ticket_CLOSED: 2,
			jieliv1.Ticket_WITHDRAWN: 1, jieliv1.Ticket_DIVERTED: 1, jieliv1.Ticket_UNROUTED: 2, jieliv1.Ticket_RETURNED: 2,
		})
		waiting, err4 := r.CountWaiting("wuxi")
		equal(t, "waiting for people of wuxi", waiting, map[jieliv1.Ticket_State]uint64{jieliv1.Ticket_UNROUTED: 2, jieliv1.Ticket_RETURNED: 1})
		equal(t, "held by tianjin and suzhou", []uint64{tianjin, suzhou}, []uint64{2, 1})
		return all(err, err2, err3, err4)
	}
	view(t, s, check)
	update(t, s, func(tx store.Tx) error { return check(tx) })
}

func waitingTickets(t *testing.T, open Factory) {
	s := openStore(t, open, Options{})
	update(t, s, func(tx store.Tx) error {
		unrouted, stale, later := Ticket("b"), Ticket("a"), Ticket("c")
		unrouted.State.State = jieliv1.Ticket_UNROUTED
		stale.WaitRevision = 7
		later.WaitRevision = 9
		return all(tx.PutTicket(Ticket("0")), tx.PutTicket(unrouted), tx.PutTicket(stale), tx.PutTicket(later))
	})
	update(t, s, func(tx store.Tx) error { return tx.PutTicket(Ticket("c")) }) // waits no longer
	view(t, s, func(r store.Reader) error {
		first, err := r.WaitingTickets("", 1)
		rest, err2 := r.WaitingTickets("a", 10)
		equal(t, "waiting", []any{first, rest}, []any{[]string{"a"}, []string{"b"}})
		return all(err, err2)
	})
}
