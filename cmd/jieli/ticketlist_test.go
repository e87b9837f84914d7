package main

import (
	"strings"
	"testing"

	jieliv1 "github.com/jieli-gateway/jieli/proto/jieli/v1"
)

// A page of several states has no gap: it ends where the first of them is not known further.
func TestMergedPagesHaveNoGap(t *testing.T) {
	page := func(more string, minutes ...int) *jieliv1.ListTicketsResponse {
		res := &jieliv1.ListTicketsResponse{NextPageToken: more}
		for _, m := range minutes {
			res.Tickets = append(res.Tickets, &jieliv1.Ticket{Number: string(rune('a' + m)), UpdateTime: at(m)})
		}
		return res
	}
	for name, tc := range map[string]struct {
		pages []*jieliv1.ListTicketsResponse
		most  int
		want  string
		more  bool
	}{
		"all of both":                    {[]*jieliv1.ListTicketsResponse{page("", 1, 4), page("", 0, 2)}, 10, "abce", false},
		"none":                           {[]*jieliv1.ListTicketsResponse{page(""), page("")}, 10, "", false},
		"more of one":                    {[]*jieliv1.ListTicketsResponse{page("next", 1, 2), page("", 0, 2, 3)}, 10, "abcc", true},
		"more of both":                   {[]*jieliv1.ListTicketsResponse{page("next", 1, 5), page("next", 0, 3)}, 10, "abd", true},
		"more than asked for":            {[]*jieliv1.ListTicketsResponse{page("", 1, 5), page("", 0, 3)}, 3, "abd", true},
		"as many as the API usually has": {[]*jieliv1.ListTicketsResponse{page("", 1), page("", 0)}, 0, "ab", false},
	} {
		t.Run(name, func(t *testing.T) {
			all, more := merged(tc.pages, tc.most)
			var got strings.Builder
			for _, k := range all.GetTickets() {
				got.WriteString(k.GetNumber())
			}
			if got.String() != tc.want || more != tc.more || all.GetNextPageToken() != "" {
				t.Errorf("got %s, more %t; want %s, %t", got.String(), more, tc.want, tc.more)
			}
		})
	}
}
