// Package routefile brings the registry's routes to what a file says.
package routefile

import (
	"context"
	"encoding/csv"
	"io"

	"github.com/jieli-gateway/jieli/cmd/jieli/internal/client"
	"github.com/jieli-gateway/jieli/cmd/jieli/internal/lang"
	jieliv1 "github.com/jieli-gateway/jieli/proto/jieli/v1"
)

const (
	// page is how many routes are read at once, chunk how many changes are staged at once: the most there may be.
	page  = 1000
	chunk = 1000
	// fetchTries bounds how often a list is begun anew because the registry changed while it was read.
	fetchTries = 5
	// most mistakes of a file that are told.
	mostMistakes = 20
)

func heading() []string { return []string{"division", "service", "region", "validFrom", "validTo"} }

// Write prints routes as Read takes them.
func Write(w io.Writer, routes []*jieliv1.Route) error {
	c := csv.NewWriter(w)
	_ = c.Write(heading()) // kept by c.Error
	for _, r := range routes {
		_ = c.Write([]string{r.GetDivision(), r.GetService(), r.GetRegion(), r.GetValidFrom(), r.GetValidTo()})
	}
	c.Flush()
	return c.Error()
}

// Fetch reads all pages of a list, as they are at one revision.
func Fetch(ctx context.Context, c *client.Client, req *jieliv1.ListRoutesRequest) (*jieliv1.ListRoutesResponse, error) {
	for range fetchTries {
		all, err := fetchOnce(ctx, c, req)
		if all != nil || err != nil {
			return all, err
		}
	}
	return nil, lang.Errorf("the routes changed again and again while they were read; try again later", "读取期间路由反复变更，请稍后再试")
}

// fetchOnce gives nothing if the registry changed between two pages.
func fetchOnce(ctx context.Context, c *client.Client, req *jieliv1.ListRoutesRequest) (*jieliv1.ListRoutesResponse, error) {
	var all *jieliv1.ListRoutesResponse
	req.PageSize, req.PageToken = page, ""
	for {
		var res *jieliv1.ListRoutesResponse
		err := call(ctx, c, func(ctx context.Context) (err error) {
			res, err = c.Registry.ListRoutes(ctx, req)
			return err
		})
		switch {
		case err != nil:
			return nil, err
		case all == nil:
			all = &jieliv1.ListRoutesResponse{Revision: res.GetRevision()}
		case all.GetRevision() != res.GetRevision():
			return nil, nil
		}
		all.Routes = append(all.Routes, res.GetRoutes()...)
		if req.PageToken = res.GetNextPageToken(); req.PageToken == "" {
			return all, nil
		}
	}
}

func size(c *jieliv1.ChangeRoutes) int { return len(c.GetSet()) + len(c.GetDelete()) }

// call makes one call under its own deadline: reading and staging many routes takes many.
func call(ctx context.Context, c *client.Client, do func(context.Context) error) error {
	ctx, cancel := c.Context(ctx)
	defer cancel()
	return do(ctx)
}
