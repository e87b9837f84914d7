// Command connector keeps a centre's own table of cases (cases.sql) in step with its Jieli node, in both directions, over
// HTTP and nothing else. It is an example to begin with: docs/connect.md says why each step is as it is. It and the node
// may be killed at any time: what is sent twice is taken once, and what is read twice is written once.
package main

import (
	"cmp"
	"context"
	"database/sql"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
	_ "modernc.org/sqlite" // the centre's database
)

var (
	//go:embed cases.sql
	schema string
	//go:embed take.sql
	take string
)

type connector struct {
	node, token, region string
	db                  *sql.DB
}

func main() {
	if len(os.Args) != 6 {
		log.Fatal("usage: connector NODE-URL TOKEN-FILE REGION DATABASE MAPPING-FILE")
	}
	token, err := os.ReadFile(os.Args[2])
	db, err2 := sql.Open("sqlite", "file:"+os.Args[4]+"?_txlock=immediate&_pragma=busy_timeout(10000)&_pragma=journal_mode(wal)")
	if err := errors.Join(err, err2, prepare(db, os.Args[5])); err != nil {
		log.Fatal(err)
	}
	c := &connector{node: os.Args[1], token: strings.TrimSpace(string(token)), region: os.Args[3], db: db}
	for {
		if err := errors.Join(c.handOver(), c.takeIn()); err != nil {
			log.Print(err)
			time.Sleep(time.Second)
		}
	}
}

// prepare makes the tables and fills in the centre's words: section, word in Jieli, word or words of the centre.
func prepare(db *sql.DB, mapping string) error {
	var words map[string]map[string]any
	text, err := os.ReadFile(mapping)
	err = errors.Join(err, yaml.Unmarshal(text, &words))
	text, err2 := json.Marshal(words)
	_, err3 := db.Exec(schema)
	_, err4 := db.Exec(`INSERT INTO words SELECT s.key, j.key, w.value FROM json_each(?) s, json_each(s.value) j,
		json_each(CASE j.type WHEN 'array' THEN j.value ELSE json_array(j.value) END) w`, string(text))
	return errors.Join(err, err2, err3, err4)
}

// handOver sends what clerks want done. A wish stays until the node has said yes, or a no that repeating cannot change.
func (c *connector) handOver() (failed error) {
	for id := int64(0); ; {
		var version int64
		var clerk, path, body string
		err := c.db.QueryRow("SELECT id, version, clerk, path, body FROM wishes WHERE id > ? ORDER BY id LIMIT 1", id).
			Scan(&id, &version, &clerk, &path, &body)
		if errors.Is(err, sql.ErrNoRows) {
			return failed
		} else if err != nil {
			return err
		}
		var answer struct{ Warnings []string }
		problem, err := c.call(clerk, "POST", path, body, &answer)
		if away := (*url.Error)(nil); errors.As(err, &away) {
			return err // all wishes stay, and are sent again
		} else if err != nil {
			failed = errors.Join(failed, fmt.Errorf("case %d: %w", id, err))
			continue // this one stays; others may go on
		}
		// A clerk who wishes for something else meanwhile makes another version, which stays.
		problem = cmp.Or(problem, strings.Join(answer.Warnings, "; "))
		if _, err := c.db.Exec("UPDATE cases SET wish = '', problem = ? WHERE id = ? AND version = ?", problem, id, version); err != nil {
			return err
		}
	}
}

// takeIn brings what is new in the feed into the table, and the cursor with it.
func (c *connector) takeIn() error {
	var cursor string
	if err := c.db.QueryRow("SELECT cursor FROM feed").Scan(&cursor); err != nil {
		return err
	}
	var page struct {
		Entries []struct{ TicketID, Kind, Reason string }
		Next    string
	}
	problem, err := c.call("", "GET", "/v1/events?wait=1s&limit=200&after="+url.QueryEscape(cursor), "", &page)
	if strings.HasPrefix(problem, "CURSOR_OUT_OF_RANGE") {
		return c.readAnew()
	} else if err != nil || problem != "" {
		return errors.Join(err, errors.New(problem))
	}
	var tickets []json.RawMessage // each as it is now, which is never older than the entry
	for _, e := range page.Entries {
		var ticket json.RawMessage
		if problem, err := c.call("", "GET", "/v1/tickets/"+e.TicketID, "", &ticket); err != nil || problem != "" {
			return fmt.Errorf("ticket %s: %s %w", e.TicketID, problem, err)
		}
		tickets = append(tickets, ticket)
	}
	return c.write(page.Next, tickets)
}

// readAnew is for a cursor that the feed cannot go on from, after a restore of the node: all tickets, then all entries.
func (c *connector) readAnew() error {
	for token := ""; ; {
		var page struct {
			Tickets       []json.RawMessage
			NextPageToken string
		}
		if problem, err := c.call("", "GET", "/v1/tickets?pageSize=1000&pageToken="+token, "", &page); err != nil || problem != "" {
			return errors.Join(err, errors.New(problem))
		}
		if err := c.write("", page.Tickets); err != nil || page.NextPageToken == "" {
			return err
		}
		token = page.NextPageToken
	}
}

// write brings the table up to tickets, and to a place in the feed, in one transaction.
func (c *connector) write(cursor string, tickets []json.RawMessage) error {
	tx, err := c.db.Begin()
	if err != nil {
		return err
	}
	defer tx.Rollback()
	for _, ticket := range tickets {
		if _, err := tx.Exec(take, string(ticket), c.region); err != nil {
			return err
		}
	}
	if _, err := tx.Exec("UPDATE feed SET cursor = ?", cursor); err != nil {
		return err
	}
	return tx.Commit()
}

// call asks the node. A problem is a final no; an error may pass, and the same call may be made again.
func (c *connector) call(clerk, method, path, body string, answer any) (problem string, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, c.node+path, strings.NewReader(body))
	if err != nil {
		return "", err
	}
	req.Header.Set("Authorization", "Bearer "+c.token)
	if clerk != "" {
		req.Header.Set("Jieli-Operator", url.PathEscape(clerk))
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode == http.StatusOK {
		return "", errors.Join(err, json.Unmarshal(text, answer))
	}
	var no struct {
		Message string
		Details []struct{ Reason string }
	}
	if err := json.Unmarshal(text, &no); err != nil || len(no.Details) == 0 {
		return "", fmt.Errorf("%s %s: %s", method, path, res.Status)
	}
	problem = no.Details[0].Reason + ": " + no.Message
	if !slices.Contains([]int{400, 404, 409, 413}, res.StatusCode) {
		return "", errors.New(problem)
	}
	return problem, nil
}
