package api

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/jieli-gateway/jieli/gateway/fault"
	jieliv1 "github.com/jieli-gateway/jieli/proto/jieli/v1"
)

// archive is a desk with many tickets, each as long as it is told.
type archive struct {
	*fakeDesk
	items, length int
}

// from gives the place that a token or cursor stands for, and the number of items from there.
func (a *archive) from(token string, size int32) (start, n int, err error) {
	if size < 0 || size > maxPageItems {
		return 0, 0, fault.InvalidFields(fault.Field{Name: "size", Rule: "must be 1 to 1000"})
	}
	if token != "" {
		if start, err = strconv.Atoi(token); err != nil {
			return 0, 0, err
		}
	}
	return start, min(asked(size), a.items-start), nil
}

func (a *archive) List(_ context.Context, req *jieliv1.ListTicketsRequest) (*jieliv1.ListTicketsResponse, error) {
	start, n, err := a.from(req.GetPageToken(), req.GetPageSize())
	if err != nil {
		return nil, err
	}
	page := &jieliv1.ListTicketsResponse{}
	for i := range n {
		page.Tickets = append(page.Tickets, &jieliv1.Ticket{Id: strconv.Itoa(start + i), Description: strings.Repeat("长", a.length)})
	}
	if start+n < a.items {
		page.NextPageToken = strconv.Itoa(start + n)
	}
	return page, nil
}

func (a *archive) Events(_ context.Context, req *jieliv1.ListEventsRequest) (*jieliv1.ListEventsResponse, error) {
	start, n, err := a.from(req.GetAfter(), req.GetLimit())
	if err != nil {
		return nil, err
	}
	page := &jieliv1.ListEventsResponse{Next: strconv.Itoa(start + n)}
	for i := range n {
		page.Entries = append(page.Entries, &jieliv1.FeedEntry{
			Cursor: strconv.Itoa(start + i + 1), TicketId: strconv.Itoa(start + i), Event: &jieliv1.EventRecord{Text: strings.Repeat("长", a.length)},
		})
	}
	return page, nil
}

// Pages of long items end early, pages of short ones hold what was asked for; read to the end, nothing is left out and
// nothing comes twice.
func TestPagesAreBoundedInBytes(t *testing.T) {
	for _, test := range []struct {
		items, length int
		size          int32
		pages         int
	}{
		{items: 250, length: 10, size: 1000, pages: 1},
		{items: 250, length: 10, size: 0, pages: 3},
		{items: 250, length: 10, size: 130, pages: 2},
		{items: 120, length: 20_000, size: 1000, pages: 4},
		{items: 5, length: 2 << 20, size: 10, pages: 5}, // none fits: one at a time
		{items: 0, length: 1, size: 10, pages: 1},
	} {
		t.Run(fmt.Sprintf("%d of %d characters by %d", test.items, test.length, test.size), func(t *testing.T) {
			a := &archive{items: test.items, length: test.length}
			var tickets, entries []string
			pages := 0
			for token := ""; ; pages++ {
				page, err := listTickets(t.Context(), a, &jieliv1.ListTicketsRequest{PageSize: test.size, PageToken: token})
				if err != nil {
					t.Fatal(err)
				}
				if size := proto.Size(page); size > maxListBytes+100 && len(page.GetTickets()) > 1 {
					t.Errorf("a page of %d bytes", size)
				}
				for _, one := range page.GetTickets() {
					tickets = append(tickets, one.GetId())
				}
				if token = page.GetNextPageToken(); token == "" {
					pages++
					break
				}
			}
			if pages < test.pages || pages > 2*test.pages {
				t.Errorf("%d pages of tickets, want some %d", pages, test.pages)
			}
			for cursor := ""; ; {
				page, err := listEvents(t.Context(), a, &jieliv1.ListEventsRequest{Limit: test.size, After: cursor})
				if err != nil {
					t.Fatal(err)
				}
				if size := proto.Size(page); size > maxListBytes+100 && len(page.GetEntries()) > 1 {
					t.Errorf("a page of %d bytes", size)
				}
				for _, one := range page.GetEntries() {
					entries = append(entries, one.GetTicketId())
				}
				if cursor = page.GetNext(); len(page.GetEntries()) == 0 {
					break
				}
			}
			for name, got := range map[string][]string{"tickets": tickets, "entries": entries} {
				for i, id := range got {
					if id != strconv.Itoa(i) {
						t.Fatalf("%s: %s stands at place %d", name, id, i)
					}
				}
				if len(got) != test.items {
					t.Errorf("%d %s of %d", len(got), name, test.items)
				}
			}
		})
	}
}

// A size that cannot be asked for is refused, not rounded.
func TestPageSizeIsRefusedByTheDesk(t *testing.T) {
	c := newCentre(t)
	if err := c.api.Attach(Parts{Registry: c.registry, Desk: &archive{fakeDesk: c.desk}, Open: openTickets(0)}); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"/v1/tickets?pageSize=1001", "/v1/tickets?pageSize=-1", "/v1/events?limit=1001", "/v1/events?limit=-1"} {
		if got := c.request("GET", path, c.operator, ""); got.code != http.StatusBadRequest || got.refusal(t).field() != "size" {
			t.Errorf("%s: %d %s", path, got.code, got.body)
		}
	}
}
