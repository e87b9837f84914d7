package bench

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/jieli-gateway/jieli/cmd/jieli/internal/client"
	"github.com/jieli-gateway/jieli/cmd/jieli/internal/demo"
	jieliv1 "github.com/jieli-gateway/jieli/proto/jieli/v1"
	"github.com/jieli-gateway/jieli/regions"
)

// Registry measures writes of one route each over gRPC, agreed by three voters.
func Registry(ctx context.Context, o Options) (report *Report, err error) {
	stand, err := demo.Up(ctx, o.Regions)
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
	before, err := c.Registry.GetRegion(c.Signed(ctx), &jieliv1.GetRegionRequest{Id: "jingjinji", Consistency: jieliv1.Consistency_STRONG})
	if err != nil {
		return nil, err
	}
	var written, next atomic.Uint64
	report.Runs, err = o.levels(ctx, stand.PIDs(), func(int) func(context.Context, int, int) error {
		return func(ctx context.Context, worker, i int) error {
			code := codes[(worker*7919+i)%len(codes)]
			// Each write has another last day: a route set to what it is already would change nothing.
			until := regions.DayOf(time.Date(2100, 1, 1+int(next.Add(1)%dayRange), 0, 0, 0, 0, time.UTC)).String() // #nosec G115 -- bounded
			_, err := c.Registry.SetRoute(c.Signed(ctx), &jieliv1.SetRouteRequest{Route: &jieliv1.Route{Division: code, Region: "jingjinji", ValidTo: until}})
			if err == nil {
				written.Add(1)
			}
			return err
		}
	})
	if err != nil {
		return nil, err
	}
	report.Verified = int(written.Load()) // #nosec G115 -- a count
	if err := agree(ctx, stand.Clients, before.GetRevision()+written.Load()); err != nil {
		return nil, err
	}
	report.Failover, err = failover(ctx, stand)
	return report, err
}

// Failover is how long writes fail after the leader was killed, with raft.profile lan.
type Failover struct {
	Rounds       int     `json:"rounds"`
	MedianMillis float64 `json:"medianMillis"`
	MaxMillis    float64 `json:"maxMillis"`
}

const (
	// failoverRounds is how often the leader is killed.
	failoverRounds = 7
	// writeTime bounds one try to write meanwhile.
	writeTime = 2 * time.Second
	// failoverTime bounds one round.
	failoverTime = time.Minute
)

// failover kills the leader with kill -9 and writes at another node until one is agreed.
func failover(ctx context.Context, stand *demo.Stand) (*Failover, error) {
	took := make([]time.Duration, failoverRounds)
	for round := range took {
		var err error
		if took[round], err = killLeader(ctx, stand, round); err != nil {
			return nil, fmt.Errorf("kill the leader, round %d: %w", round+1, err)
		}
	}
	slices.Sort(took)
	millis := func(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
	return &Failover{Rounds: failoverRounds, MedianMillis: millis(took[failoverRounds/2]), MaxMillis: millis(took[failoverRounds-1])}, nil
}

func killLeader(ctx context.Context, stand *demo.Stand, round int) (time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, failoverTime)
	defer cancel()
	s, err := stand.Clients[0].Status.GetStatus(stand.Clients[0].Signed(ctx), &jieliv1.GetStatusRequest{})
	if err != nil {
		return 0, err
	}
	region, _, _ := strings.Cut(s.GetRegistry().GetLeader(), "/")
	leader := stand.Index(region)
	if leader < 0 {
		return 0, fmt.Errorf("no leader is known, but %q", s.GetRegistry().GetLeader())
	}
	if err := stand.Kill(leader); err != nil {
		return 0, err
	}
	began := time.Now()
	writer := (leader + 1) % demo.PlacedRegions // one that has a place of its own
	other := stand.Clients[writer]
	for {
		division, owner := stand.Place(writer)
		route := &jieliv1.Route{Division: division, Region: owner, ValidTo: fmt.Sprintf("%d-01-01", 2100+round)}
		try, done := context.WithTimeout(ctx, writeTime)
		_, err := other.Registry.SetRoute(other.Signed(try), &jieliv1.SetRouteRequest{Route: route})
		done()
		if err == nil {
			break
		}
		if ctx.Err() != nil || !mayPass(err) {
			return 0, err
		}
		pause(ctx, 5*time.Millisecond)
	}
	took := time.Since(began)
	if _, err := stand.Start(ctx, leader); err != nil {
		return 0, err
	}
	return took, follows(ctx, stand)
}

// mayPass tells errors that a leaderless registry gives from those that stay.
func mayPass(err error) bool {
	switch status.Code(err) {
	case codes.Unavailable, codes.DeadlineExceeded, codes.Aborted:
		return true
	default:
		return false
	}
}

// follows waits until every node hears a leader.
func follows(ctx context.Context, stand *demo.Stand) error {
	for _, c := range stand.Clients {
		for {
			s, err := c.Status.GetStatus(c.Signed(ctx), &jieliv1.GetStatusRequest{})
			if err == nil && s.GetRegistry().GetLeader() != "" && !s.GetRegistry().GetStale() {
				break
			}
			if ctx.Err() != nil {
				return errors.Join(ctx.Err(), err)
			}
			pause(ctx, 50*time.Millisecond)
		}
	}
	return nil
}

// dayRange is how many last days there are, up to the year 7575.
const dayRange = 2_000_000

// agreeTime bounds how long nodes may take to catch up.
const agreeTime = time.Minute

// agree waits until all nodes have a revision, and compares their states there.
func agree(ctx context.Context, nodes []*client.Client, revision uint64) error {
	ctx, cancel := context.WithTimeout(ctx, agreeTime)
	defer cancel()
	hashes := map[string]bool{}
	for _, c := range nodes {
		for {
			s, err := c.Status.GetStatus(c.Signed(ctx), &jieliv1.GetStatusRequest{})
			if err != nil {
				return err
			}
			if r := s.GetRegistry(); r.GetRevision() >= revision {
				if r.GetRevision() > revision {
					return fmt.Errorf("%s is at revision %d; %d were written", s.GetRegion(), r.GetRevision(), revision)
				}
				hashes[r.GetStateHash()] = true
				break
			}
			pause(ctx, 50*time.Millisecond)
		}
	}
	if len(hashes) != 1 {
		return fmt.Errorf("%d nodes have %d different states at revision %d", len(nodes), len(hashes), revision)
	}
	return nil
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
	verified := 0
	for _, q := range queries {
		answer := table.Lookup(q)
		if want := "r" + q.Division.String()[:2]; answer.Found() && answer.Rule.Region != want {
			return nil, fmt.Errorf("division %s, service %s is said to be served by %s, not %s", q.Division, q.Service, answer.Rule.Region, want)
		}
		verified++
	}
	return &Report{
		Name: "route", Machine: Machine(), Rules: table.Len(), Verified: verified,
		NanosPerOp: float64(took.Nanoseconds()) / float64(n), AllocsPerOp: float64((after.Mallocs - before.Mallocs) / uint64(n)), // #nosec G115 -- counts
	}, ctx.Err()
}
