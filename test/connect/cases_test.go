package connect

import (
	"context"
	"database/sql"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
	_ "modernc.org/sqlite" // the centre's database
)

const (
	// casesEach is how many cases each centre hands over, killsInAll how often something is killed meanwhile.
	casesEach, killsInAll = 24, 60
	// everyReturned: each so-many-th case is returned once by the centre it was offered to.
	everyReturned = 4
)

// Two centres hand cases over to each other, each through its own connector, while nodes and connectors are killed with
// kill -9 and come back. In the end every case has been one ticket, which went its way step by step, each step once; and
// both tables say the same.
func TestTablesInStepWhileAnythingIsKilled(t *testing.T) {
	north, south := newRegion(t, "jingjinji", "JJJ"), newRegion(t, "changsanjiao", "CSJ")
	federate(t, north, south, map[string]string{"11": north.id, "12": north.id, "31": south.id, "32": south.id})
	for _, r := range []*region{north, south} {
		r.connector.start()
		wait(t, "the connector of "+r.id+" to make its table", func() bool {
			return r.query("SELECT count(*) FROM feed") == nil
		})
	}
	random := rand.New(rand.NewPCG(seed(t), 0))
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	clerks, work := errgroup.WithContext(ctx)
	clerks.Go(func() error { return north.clerk(work, "320506") })
	clerks.Go(func() error { return south.clerk(work, "110105") })
	// Connectors more often: they have less to do, and are killed in the middle of it less easily.
	victims := []*program{
		north.node, south.node, north.connector, south.connector, north.connector, south.connector, north.connector, south.connector,
	}
	for i := range killsInAll {
		pause := time.NewTimer(time.Duration(random.IntN(250)) * time.Millisecond)
		select {
		case <-pause.C:
		case <-work.Done():
			t.Fatalf("after %d kills: %v", i, clerks.Wait())
		}
		victim := victims[random.IntN(len(victims))]
		victim.kill()
		victim.start()
	}
	for _, r := range []*region{north, south} {
		wait(t, "all cases of "+r.id+" to be closed", func() bool {
			if work.Err() != nil {
				t.Fatal(clerks.Wait())
			}
			return len(r.cases("origin = '"+r.id+"' AND state = '已办结'")) == casesEach
		})
	}
	cancel()
	must(t, clerks.Wait())
	for _, r := range []*region{north, south} {
		r.atRest()
	}
	agree(t, north, south)
	agree(t, south, north)

	// A cursor of a store that is no more, as after a restore: everything is read anew, and nothing doubles.
	for _, r := range []*region{north, south} {
		r.connector.kill()
		must(t, r.do("UPDATE feed SET cursor = '00000000-7'"))
		r.connector.start()
		wait(t, "the connector of "+r.id+" to find its place again", func() bool {
			var cursor string
			must(t, r.query("SELECT cursor FROM feed", func(rows *sql.Rows) error { return rows.Scan(&cursor) }))
			return cursor != "" && !strings.HasPrefix(cursor, "00000000-")
		})
		r.atRest()
	}
	agree(t, north, south)
	agree(t, south, north)
}

// atRest waits until the node is up, after the last kill, and its connector has read its feed to the end.
func (r *region) atRest() {
	r.t.Helper()
	r.ready()
	wait(r.t, "the connector of "+r.id+" to have read all", func() bool {
		var cursor string
		must(r.t, r.query("SELECT cursor FROM feed", func(rows *sql.Rows) error { return rows.Scan(&cursor) }))
		var page struct{ Entries []struct{ Cursor string } }
		return r.call("GET", "/v1/events?limit=1&after="+cursor, nil, &page) == nil && len(page.Entries) == 0
	})
}

// do changes the centre's database.
func (r *region) do(statement string) error {
	db, err := r.open()
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	_, err = db.Exec(statement)
	return err
}

// seed replays a run.
func seed(t *testing.T) uint64 {
	s := uint64(time.Now().UnixNano())
	if v := os.Getenv("JIELI_E2E_SEED"); v != "" {
		var err error
		s, err = strconv.ParseUint(v, 10, 64)
		must(t, err)
	}
	t.Logf("JIELI_E2E_SEED=%d replays this run", s)
	return s
}

// clerk works on a centre's table as its own people do: enters cases of callers from elsewhere, and does the next thing
// about every case that has moved since they last did something.
func (r *region) clerk(ctx context.Context, division string) error {
	db, err := r.open()
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for entered := 0; ; {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		if entered < casesEach {
			entered++
			if _, err := db.Exec(`INSERT INTO cases (kind, category, urgency, title, description, division, caller, phone, wish, clerk, version)
				VALUES ('投诉', '路灯照明', '紧急', ?, '小区门口路灯不亮。', ?, '李女士', '13900000000', 'handover', '王芳', 1)`,
				fmt.Sprintf("%s 第%d件", r.id, entered), division); err != nil {
				return fmt.Errorf("enter case %d of %s: %w", entered, r.id, err)
			}
		}
		for _, step := range r.steps() {
			if _, err := db.Exec(`UPDATE cases SET wish = ?, say = ?, clerk = '李明', seen = event, version = version + 1
				WHERE wish = '' AND seen < event AND `+step.when, step.wish, step.say); err != nil {
				return fmt.Errorf("%s: %s: %w", r.id, step.wish, err)
			}
		}
	}
}

type step struct{ when, wish, say string }

// steps is what clerks do about cases.
func (r *region) steps() []step {
	ours := "origin = '" + r.id + "'"
	returned := fmt.Sprintf("substr(number, -3, 1) %% %d = 0", everyReturned)
	return []step{
		{"NOT " + ours + " AND state = '待签收' AND " + returned, "return", `{"reason": "DUPLICATE", "text": "已有此件。"}`},
		{"NOT " + ours + " AND state = '待签收'", "accept", `{}`},
		{ours + " AND state = '已退回'", "accept", `{}`},
		{"holder = '" + r.id + "' AND state IN ('已签收', '办理中')", "answer", `{"text": "已派人修好。"}`},
		{ours + " AND state = '已答复'", "close", `{"resolved": true, "text": "已回访。"}`},
	}
}

func (r *region) open() (*sql.DB, error) {
	return sql.Open("sqlite", "file:"+r.database()+"?mode=rw&_txlock=immediate&_pragma=busy_timeout(10000)")
}

// row is a case as both centres should see it.
type row struct {
	ticket, number, title, description, kind, category, urgency, division, result, state string
}

// cases are those for which something holds.
func (r *region) cases(where string) (found []row) {
	r.t.Helper()
	must(r.t, r.query("SELECT ticket, number, title, description, kind, category, urgency, division, result, state FROM cases WHERE "+where+
		" ORDER BY ticket", func(rows *sql.Rows) error {
		var c row
		if err := rows.Scan(&c.ticket, &c.number, &c.title, &c.description, &c.kind, &c.category, &c.urgency, &c.division, &c.result, &c.state); err != nil {
			return err
		}
		found = append(found, c)
		return nil
	}))
	return found
}

// query reads the centre's database.
func (r *region) query(text string, each ...func(*sql.Rows) error) error {
	db, err := r.open()
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	rows, err := db.Query(text)
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		for _, do := range each {
			if err := do(rows); err != nil {
				return err
			}
		}
	}
	return rows.Err()
}

// agree asserts that the cases one centre handed over are, each once, what its node and the other centre have.
func agree(t *testing.T, origin, other *region) {
	t.Helper()
	handedOver, takenIn := origin.cases("origin = '"+origin.id+"'"), other.cases("origin = '"+origin.id+"'")
	if len(handedOver) != casesEach || len(takenIn) != casesEach {
		t.Errorf("%s handed over %d cases and %s took in %d; there were %d", origin.id, len(handedOver), other.id, len(takenIn), casesEach)
		return
	}
	var all struct {
		Tickets []struct{ ID, ExternalID string }
	}
	must(t, origin.call("GET", "/v1/tickets?pageSize=1000&origin="+origin.id, nil, &all))
	if len(all.Tickets) != casesEach {
		t.Errorf("%s has %d tickets of its own for %d cases", origin.id, len(all.Tickets), casesEach)
	}
	returns := 0
	for i, ours := range handedOver {
		path := origin.path(ours.ticket)
		returned := slices.Contains(path, "RETURNED")
		want := []string{"RECEIVED", "OFFERED", "ACCEPTED", "ANSWERED", "CLOSED"}
		theirs, seenThere := takenIn[i], "已答复"
		if returned {
			returns++
			want, seenThere = []string{"RECEIVED", "OFFERED", "RETURNED", "ACCEPTED", "ANSWERED", "CLOSED"}, "已退回"
			ours.result = theirs.result // the answer was the origin's own, and stays there
		}
		if !slices.Equal(path, want) {
			t.Errorf("case %s of %s went %s", ours.number, origin.id, strings.Join(path, " "))
		}
		// Who has given the pen up sees no further: it shows how it left.
		ours.state = seenThere
		if ours != theirs {
			t.Errorf("the tables differ:\n%s has %+v\n%s has %+v", origin.id, ours, other.id, theirs)
		}
	}
	if returns == 0 || returns == casesEach {
		t.Errorf("%d of %d cases of %s were returned: both ways should be gone", returns, casesEach, origin.id)
	}
}

// path is the kinds of a ticket's events.
func (r *region) path(ticket string) (kinds []string) {
	r.t.Helper()
	var one struct{ Events []struct{ Kind string } }
	must(r.t, r.call("GET", "/v1/tickets/"+ticket, nil, &one))
	for _, e := range one.Events {
		kinds = append(kinds, e.Kind)
	}
	return kinds
}
