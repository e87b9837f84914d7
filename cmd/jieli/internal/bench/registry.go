package bench

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"time"

	"github.com/jieli-gateway/jieli/cmd/jieli/internal/demo"
	jieliv1 "github.com/jieli-gateway/jieli/proto/jieli/v1"
	"github.com/jieli-gateway/jieli/regions"
)

// Registry measures writes of one route each over gRPC, agreed by three voters.
func Registry(ctx context.Context, o Options) (report *Report, err error) {
	stand, err := demo.Up(ctx, "")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, stand.Down()) }()
	codes, err := townships("13")
	if err != nil {
		return nil, err
	}
	c := stand.Clients[0]
	report = &Report{Name: "registry", Machine: Machine()}
	report.Runs, err = o.levels(ctx, stand.PIDs(), func(int) func(context.Context, int, int) error {
		return func(ctx context.Context, worker, i int) error {
			code := codes[(worker*7919+i)%len(codes)]
			// Each round of the codes has another last day: a route set to what it is already would change nothing.
			until := fmt.Sprintf("%d-12-31", 2100+i%1000)
			_, err := c.Registry.SetRoute(c.Signed(ctx), &jieliv1.SetRouteRequest{Route: &jieliv1.Route{Division: code, Region: "jingjinji", ValidTo: until}})
			return err
		}
	})
	return report, err
}

// townships lists the codes of all townships of a province.
func townships(province string) ([]string, error) {
	all, err := regions.LoadDivisions()
	if err != nil {
		return nil, err
	}
	code, err := regions.ParseCode(province)
	if err != nil {
		return nil, err
	}
	var found []string
	for level := []regions.Code{code}; len(level) > 0; {
		var next []regions.Code
		for _, c := range level {
			if c.Len() == 9 {
				found = append(found, c.String())
				continue
			}
			next = append(next, all.Children(c)...)
		}
		level = next
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("no townships below %s", province)
	}
	return found, nil
}

// rulesWanted is the size of the table that Route looks up in.
const rulesWanted = 700_000

// Route measures random look-ups in a table of 700,000 rules.
func Route(ctx context.Context, o Options) (*Report, error) {
	divisions, err := regions.LoadDivisions()
	if err != nil {
		return nil, err
	}
	b := regions.NewBuilder(divisions)
	services := regions.DefaultServices()
	var codes []regions.Code
	for province := 11; province <= 65 && b.Len() < rulesWanted; province++ {
		found, err := townships(fmt.Sprint(province))
		if err != nil {
			continue // not every number is a province
		}
		for _, text := range found {
			code, err := regions.ParseCode(text)
			if err != nil {
				return nil, err
			}
			codes = append(codes, code)
			for k := 0; k < 20 && b.Len() < rulesWanted; k++ {
				rule := regions.Rule{Division: code, Service: services[k].Code, Region: fmt.Sprintf("r%d", province)}
				if err := b.Add(rule); err != nil {
					return nil, err
				}
			}
		}
	}
	table, err := b.Build()
	if err != nil {
		return nil, err
	}
	r := rand.New(rand.NewPCG(1, 2)) // #nosec G404 -- only to spread look-ups
	queries := make([]regions.Query, 1<<16)
	for i := range queries {
		queries[i] = regions.Query{Division: codes[r.IntN(len(codes))], Service: services[r.IntN(20)].Code, AsOf: regions.DayOf(time.Now())}
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	began, n := time.Now(), 0
	for time.Since(began) < o.Duration && ctx.Err() == nil {
		for range 1024 {
			table.Lookup(queries[n%len(queries)])
			n++
		}
	}
	took := time.Since(began)
	runtime.ReadMemStats(&after)
	return &Report{
		Name: "route", Machine: Machine(), Rules: table.Len(),
		NanosPerOp: float64(took.Nanoseconds()) / float64(n), AllocsPerOp: float64((after.Mallocs - before.Mallocs) / uint64(n)), // #nosec G115 -- counts
	}, ctx.Err()
}
