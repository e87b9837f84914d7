// Package routefile brings the registry's routes to what a file says.
package routefile

import (
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/google/uuid"

	"github.com/jieli-gateway/jieli/cmd/jieli/internal/client"
	jieliv1 "github.com/jieli-gateway/jieli/proto/jieli/v1"
	"github.com/jieli-gateway/jieli/regions"
)

const (
	page  = 1000
	chunk = 1000
)

func heading() []string { return []string{"division", "service", "region", "validFrom", "validTo"} }

// Read reads rules from CSV. Every bad line is named.
func Read(b []byte) ([]regions.Rule, error) {
	r := csv.NewReader(bytes.NewReader(b))
	r.FieldsPerRecord = len(heading())
	first, err := r.Read()
	if err != nil {
		return nil, fmt.Errorf("heading: %w", err)
	}
	if !slices.Equal(first, heading()) {
		return nil, fmt.Errorf("the first line must be %v", heading())
	}
	var rules []regions.Rule
	var wrong []error
	for {
		rec, err := r.Read()
		if errors.Is(err, io.EOF) {
			return rules, errors.Join(wrong...)
		}
		line, _ := r.FieldPos(0)
		if err == nil {
			var rule regions.Rule
			if rule, err = regions.ParseRule(rec[0], rec[1], rec[2], rec[3], rec[4]); err == nil {
				rules = append(rules, rule)
				continue
			}
			err = fmt.Errorf("line %d: %w", line, err)
		}
		if wrong = append(wrong, err); len(wrong) > 20 {
			return nil, errors.Join(append(wrong, errors.New("and more"))...)
		}
	}
}

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

// Fetch reads all pages of a list.
func Fetch(ctx context.Context, c *client.Client, req *jieliv1.ListRoutesRequest) (*jieliv1.ListRoutesResponse, error) {
	all := &jieliv1.ListRoutesResponse{}
	req.PageSize, req.PageToken = page, ""
	for {
		res, err := c.Registry.ListRoutes(ctx, req)
		if err != nil {
			return nil, err
		}
		all.Routes = append(all.Routes, res.GetRoutes()...)
		all.Revision = res.GetRevision()
		if req.PageToken = res.GetNextPageToken(); req.PageToken == "" {
			return all, nil
		}
	}
}

// Plan is what an import would change.
type Plan struct {
	Difference regions.Difference
	revision   uint64
}

// Empty tells whether nothing would change.
func (p *Plan) Empty() bool { return p.Difference.Empty() }

// Compare compares rules with the registry's.
func Compare(ctx context.Context, c *client.Client, rules []regions.Rule, replace bool) (*Plan, error) {
	divisions, err := regions.LoadDivisions()
	if err != nil {
		return nil, err
	}
	now, err := Fetch(c.Signed(ctx), c, &jieliv1.ListRoutesRequest{})
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
	return &Plan{Difference: regions.Diff(old, after), revision: now.GetRevision()}, nil
}

// Apply stages the changes in chunks and makes them take effect as one, if the registry has not moved on meanwhile.
func (p *Plan) Apply(ctx context.Context, c *client.Client, progress func(done, all int)) (revision uint64, err error) {
	var changes []*jieliv1.ChangeRoutes
	current := &jieliv1.ChangeRoutes{}
	add := func() *jieliv1.ChangeRoutes {
		if len(current.Set)+len(current.Delete) == chunk {
			changes = append(changes, current)
			current = &jieliv1.ChangeRoutes{}
		}
		return current
	}
	for _, r := range p.Difference.Removed {
		ch := add()
		ch.Delete = append(ch.Delete, &jieliv1.RouteKey{Division: r.Division.String(), Service: r.Service, ValidFrom: r.ValidFrom.String()})
	}
	set := func(r regions.Rule) {
		ch := add()
		ch.Set = append(ch.Set, &jieliv1.Route{Division: r.Division.String(), Service: r.Service, Region: r.Region, ValidFrom: r.ValidFrom.String(), ValidTo: r.ValidTo.String()})
	}
	for _, r := range p.Difference.Added {
		set(r)
	}
	for _, r := range p.Difference.Changed {
		set(r.After)
	}
	changes = append(changes, current)
	id := uuid.NewString()
	for i, ch := range changes {
		if err := call(ctx, c, func(ctx context.Context) error {
			_, err := c.Registry.StageRoutes(ctx, &jieliv1.StageRoutesRequest{ImportId: id, Chunk: uint32(i), Changes: ch}) // #nosec G115 -- few
			return err
		}); err != nil {
			return 0, err
		}
		progress((i+1)*chunk-chunk+len(ch.GetSet())+len(ch.GetDelete()), (len(changes)-1)*chunk+len(current.GetSet())+len(current.GetDelete()))
	}
	err = call(ctx, c, func(ctx context.Context) error {
		res, err := c.Registry.FinishImport(ctx, &jieliv1.FinishImportRequest{ImportId: id, Chunks: uint32(len(changes)), ExpectedRevision: p.revision}) // #nosec G115 -- few
		revision = res.GetRevision()
		return err
	})
	return revision, err
}

func call(ctx context.Context, c *client.Client, do func(context.Context) error) error {
	ctx, cancel := c.Context(ctx)
	defer cancel()
	return do(ctx)
}
