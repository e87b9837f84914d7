package api

import (
	"context"

	"google.golang.org/protobuf/proto"

	jieliv1 "github.com/jieli-gateway/jieli/proto/jieli/v1"
)

const (
	// maxListBytes bounds a page of tickets or of the feed, whatever number was asked for: gRPC clients take no answer
	// above 4 MiB unless told to, and a thousand long tickets have 80. A page has at least one item.
	maxListBytes = 2 << 20
	// partItems is how many are read at a time to make a page.
	partItems = 100
	// maxPageItems is the most that may be asked for; the desk refuses more.
	maxPageItems = 1000
)

// listEvents reads a page of the feed: fewer entries than asked for where these are large.
func listEvents(ctx context.Context, d Desk, req *jieliv1.ListEventsRequest) (*jieliv1.ListEventsResponse, error) {
	want := asked(req.GetLimit())
	page, err := d.Events(ctx, &jieliv1.ListEventsRequest{After: req.GetAfter(), Limit: first(req.GetLimit()), Wait: req.GetWait()})
	if err != nil {
		return nil, err
	}
	for full := len(page.GetEntries()) == partItems; !cutEntries(page) && full && len(page.GetEntries()) < want; {
		part := min(want-len(page.GetEntries()), partItems)
		more, err := d.Events(ctx, &jieliv1.ListEventsRequest{After: page.GetNext(), Limit: int32(part)}) // #nosec G115 -- at most partItems
		if err != nil {
			return nil, err
		}
		full = len(more.GetEntries()) == part
		page.Entries, page.Next = append(page.Entries, more.GetEntries()...), more.GetNext()
	}
	return page, nil
}

// cutEntries ends a page at its bound, and tells whether it has reached it.
func cutEntries(page *jieliv1.ListEventsResponse) bool {
	size := 0
	for i, e := range page.GetEntries() {
		size += proto.Size(e)
		if size > maxListBytes && i > 0 {
			page.Entries, page.Next = page.Entries[:i], page.Entries[i-1].GetCursor()
			return true
		}
	}
	return size > maxListBytes
}

// listTickets reads a page of tickets: fewer than asked for where these are large.
func listTickets(ctx context.Context, d Desk, req *jieliv1.ListTicketsRequest) (*jieliv1.ListTicketsResponse, error) {
	part := proto.CloneOf(req)
	part.PageSize = first(req.GetPageSize())
	page, size, want := &jieliv1.ListTicketsResponse{}, 0, asked(req.GetPageSize())
	for {
		more, err := d.List(ctx, part)
		if err != nil {
			return nil, err
		}
		bytes := proto.Size(more)
		switch {
		case size+bytes <= maxListBytes || part.GetPageSize() == 1 && len(page.GetTickets()) == 0:
			size += bytes
			page.Tickets, page.NextPageToken = append(page.Tickets, more.GetTickets()...), more.GetNextPageToken()
		case len(page.GetTickets()) > 0:
			return page, nil // whose token leads to what does not fit
		default:
			// Its token belongs to the whole part, so a smaller one is read.
			part.PageSize = int32(max(1, len(more.GetTickets())/2)) // #nosec G115 -- at most partItems
			continue
		}
		left := want - len(page.GetTickets())
		if page.GetNextPageToken() == "" || left <= 0 {
			return page, nil
		}
		part.PageToken, part.PageSize = page.GetNextPageToken(), min(part.GetPageSize(), int32(left)) // #nosec G115 -- at most maxPageItems
	}
}

// asked is how many items a request wants.
func asked(n int32) int {
	if n == 0 {
		return partItems // the default, in the contract
	}
	return int(n)
}

// first is how many to read at first; what cannot be asked for stays as it is, for the desk to refuse.
func first(n int32) int32 {
	if n > partItems && n <= maxPageItems {
		return partItems
	}
	return n
}
