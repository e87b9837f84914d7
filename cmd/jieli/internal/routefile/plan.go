package routefile

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/google/uuid"

	"github.com/jieli-gateway/jieli/cmd/jieli/internal/client"
	jieliv1 "github.com/jieli-gateway/jieli/proto/jieli/v1"
	"github.com/jieli-gateway/jieli/regions"
)

// Options of a comparison.
type Options struct {
	// Replace says that the file is all there is: what is not in it is removed.
	Replace bool
	// NewDivisions lets in divisions that this binary does not know: a list of them ages.
	NewDivisions bool
	// Today is the day on which the outcome is judged.
	Today regions.Day
}

// Plan is what an import would change.
type Plan struct {
	Difference regions.Difference
	Counts     []Count // by region
	Warnings   Warnings
	revision   uint64
	divisions  *regions.Divisions
}

// Count is how many routes of a region an import changes. One that goes from one region to another is removed from the
// first and added to the other.
type Count struct {
	Region  string `json:"region"`
	Added   int    `json:"added"`
	Changed int    `json:"changed"`
	Removed int    `json:"removed"`
}

// Warnings are what an import leaves doubtful. Nothing of it keeps an import from being carried out.
type Warnings struct {
	// Day they are judged on: today, or the first day of what the import sets for later.
	Day regions.Day `json:"day"`
	// Unserved are divisions that nobody serves afterwards and that somebody serves now.
	Unserved []regions.Code `json:"unserved"`
	// StillUnserved counts those that nobody serves now either.
	StillUnserved int `json:"stillUnserved"`
	// Idle are rules of the file that never win, by line.
	Idle []Idle `json:"idle"`
}

// Idle is a rule of the file that never wins.
type Idle struct {
	Line   int                `json:"line"`
	Rule   regions.Rule       `json:"rule"`
	Reason regions.IdleReason `json:"reason"`
}

// FullName is that of a division; empty when it is not known here.
func (p *Plan) FullName(c regions.Code) string { return p.divisions.FullName(c) }

// Empty tells whether nothing would change.
func (p *Plan) Empty() bool { return p.Difference.Empty() }

// Revision is the registry's at which the comparison was made.
func (p *Plan) Revision() uint64 { return p.revision }

// Compare compares a file with the registry. The error names each line that the registry would refuse: for an unknown
// region or service, or for ties.
func Compare(ctx context.Context, c *client.Client, file *File, o Options) (*Plan, error) {
	divisions, err := regions.LoadDivisions()
	if err != nil {
		return nil, err
	}
	known, err := fetchKnown(ctx, c)
	if err != nil {
		return nil, err
	}
	now, err := Fetch(ctx, c, &jieliv1.ListRoutesRequest{})
	if err != nil {
		return nil, err
	}
	present, err := rulesOf(now.GetRoutes())
	if err != nil {
		return nil, err
	}
	old, err := regions.NewTable(divisions, present...)
	if err != nil {
		return nil, err
	}
	after := file.over(present, o.Replace)
	wrong := mistakes{}
	file.checkNames(&wrong, known, divisions, o)
	file.checkTies(&wrong, after)
	if err := wrong.asError(); err != nil {
		return nil, err
	}
	next, err := regions.NewTable(divisions, after...)
	if err != nil {
		return nil, err
	}
	p := &Plan{Difference: regions.Diff(old, next), revision: now.GetRevision(), divisions: divisions}
	p.Counts = countsOf(p.Difference)
	p.Warnings = file.warn(old, next, p.Difference, o.Today)
	return p, nil
}

func rulesOf(routes []*jieliv1.Route) ([]regions.Rule, error) {
	rules := make([]regions.Rule, len(routes))
	for i, r := range routes {
		var err error
		rules[i], err = regions.ParseRule(r.GetDivision(), r.GetService(), r.GetRegion(), r.GetValidFrom(), r.GetValidTo())
		if err != nil {
			return nil, fmt.Errorf("route of the registry: %w", err)
		}
	}
	return rules, nil
}

// over is the rules there are after an import, in order of key.
func (f *File) over(present []regions.Rule, replace bool) []regions.Rule {
	after := slices.Clone(f.Rules)
	if !replace {
		for _, r := range present {
			if _, again := f.lines[r.Key()]; !again {
				after = append(after, r)
			}
		}
	}
	slices.SortFunc(after, func(a, b regions.Rule) int { return a.Key().Compare(b.Key()) })
	return after
}

func countsOf(d regions.Difference) []Count {
	byRegion := map[string]*Count{}
	of := func(region string) *Count {
		if byRegion[region] == nil {
			byRegion[region] = &Count{Region: region}
		}
		return byRegion[region]
	}
	for _, r := range d.Added {
		of(r.Region).Added++
	}
	for _, r := range d.Removed {
		of(r.Region).Removed++
	}
	for _, c := range d.Changed {
		if c.Before.Region == c.After.Region {
			of(c.After.Region).Changed++
			continue
		}
		of(c.Before.Region).Removed++
		of(c.After.Region).Added++
	}
	counts := make([]Count, 0, len(byRegion))
	for _, c := range byRegion {
		counts = append(counts, *c)
	}
	slices.SortFunc(counts, func(a, b Count) int { return strings.Compare(a.Region, b.Region) })
	return counts
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
