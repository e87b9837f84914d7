// Package routefile brings the registry's routes to what a file says.
package routefile

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"

	"github.com/google/uuid"

	"github.com/jieli-gateway/jieli/cmd/jieli/internal/client"
	jieliv1 "github.com/jieli-gateway/jieli/proto/jieli/v1"
	"github.com/jieli-gateway/jieli/regions"
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
	return nil, errors.New("the routes changed again and again while they were read; try again later")
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

// Plan is what an import would change.
type Plan struct {
	Difference regions.Difference
	revision   uint64
	divisions  *regions.Divisions
}

// FullName is that of a division; empty when it is not known here.
func (p *Plan) FullName(c regions.Code) string { return p.divisions.FullName(c) }

// Empty tells whether nothing would change.
func (p *Plan) Empty() bool { return p.Difference.Empty() }

// Compare compares rules with the registry's.
func Compare(ctx context.Context, c *client.Client, rules []regions.Rule, replace bool) (*Plan, error) {
	divisions, err := regions.LoadDivisions()
	if err != nil {
		return nil, err
	}
	now, err := Fetch(ctx, c, &jieliv1.ListRoutesRequest{})
	if err != nil {
		return nil, err
	}
	before := regions.NewBuilder(divisions)
	for _, r := range now.GetRoutes() {
		rule, err := regions.ParseRule(r.GetDivision(), r.GetService(), r.GetRegion(), r.GetValidFrom(), r.GetValidTo())
		if err != nil {
			return nil, err
		}
		if err := before.Add(rule); err != nil {
			return nil, err
		}
	}
	old, err := before.Build()
	if err != nil {
		return nil, err
	}
	var after *regions.Table
	if replace {
		after, err = regions.NewTable(divisions, rules...)
	} else {
		after, err = old.With(rules, nil)
	}
	if err != nil {
		return nil, err
	}
	return &Plan{Difference: regions.Diff(old, after), revision: now.GetRevision(), divisions: divisions}, nil
}

// Apply stages the changes in chunks and makes them take effect as one, if the registry has not moved on meanwhile.
func (p *Plan) Apply(ctx context.Context, c *client.Client, progress func(done, all int)) (revision uint64, err error) {
	chunks := p.chunks()
	id := uuid.NewString()
	done := 0
	for i, changes := range chunks {
		if err := call(ctx, c, func(ctx context.Context) error {
			_, err := c.Registry.StageRoutes(ctx, &jieliv1.StageRoutesRequest{ImportId: id, Chunk: uint32(i), Changes: changes}) // #nosec G115 -- few
			return err
		}); err != nil {
			return 0, fmt.Errorf("stage routes (nothing has changed): %w", err)
		}
		done += size(changes)
		progress(done, p.Len())
	}
	err = call(ctx, c, func(ctx context.Context) error {
		res, err := c.Registry.FinishImport(ctx, &jieliv1.FinishImportRequest{ImportId: id, Chunks: uint32(len(chunks)), ExpectedRevision: p.revision}) // #nosec G115 -- few
		revision = res.GetRevision()
		return err
	})
	return revision, err
}

// Len is how many routes change.
func (p *Plan) Len() int {
	return len(p.Difference.Removed) + len(p.Difference.Added) + len(p.Difference.Changed)
}

// chunks are the changes as they are staged.
func (p *Plan) chunks() []*jieliv1.ChangeRoutes {
	var all []*jieliv1.ChangeRoutes
	next := func() *jieliv1.ChangeRoutes {
		if len(all) == 0 || size(all[len(all)-1]) == chunk {
			all = append(all, &jieliv1.ChangeRoutes{})
		}
		return all[len(all)-1]
	}
	for _, r := range p.Difference.Removed {
		c := next()
		c.Delete = append(c.Delete, &jieliv1.RouteKey{Division: r.Division.String(), Service: r.Service, ValidFrom: r.ValidFrom.String()})
	}
	set := func(r regions.Rule) {
		c := next()
		c.Set = append(c.Set, &jieliv1.Route{Division: r.Division.String(), Service: r.Service, Region: r.Region, ValidFrom: r.ValidFrom.String(), ValidTo: r.ValidTo.String()})
	}
	for _, r := range p.Difference.Added {
		set(r)
	}
	for _, r := range p.Difference.Changed {
		set(r.After)
	}
	return all
}

func size(c *jieliv1.ChangeRoutes) int { return len(c.GetSet()) + len(c.GetDelete()) }

// call makes one call under its own deadline: reading and staging many routes takes many.
func call(ctx context.Context, c *client.Client, do func(context.Context) error) error {
	ctx, cancel := c.Context(ctx)
	defer cancel()
	return do(ctx)
}
