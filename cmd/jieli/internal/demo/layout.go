package demo

import (
	"fmt"
	"hash/fnv"
	"path"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/jieli-gateway/jieli/cmd/jieli/internal/importer"
	"github.com/jieli-gateway/jieli/configs"
)

// Layouts of the demonstration.
const (
	// Clusters are three joint centres: jingjinji, changsanjiao, chengyu.
	Clusters = "clusters"
	// Provinces are eleven: the nine provinces of these clusters, with Suzhou and Xiong'an inside theirs by longer prefix.
	Provinces = "provinces"
)

// layout is who takes part, the one that makes the federation first.
type layout struct {
	// folder of their configurations, in configs/demo.
	folder string
	seats  []seat
	// setUp bounds bringing them up.
	setUp time.Duration
	// memory is what Go tries to keep each node below, as GOMEMLIMIT; empty for no bound.
	memory string
}

// seat is a region and the divisions it serves.
type seat struct {
	id     string
	places []string
	// follows: it has no configuration of its own.
	follows bool
}

// layoutNamed gives a layout; the empty name is Clusters.
func layoutNamed(name string) (layout, error) {
	switch name {
	case Clusters, "":
		return layout{setUp: 90 * time.Second, seats: []seat{
			{id: "jingjinji", places: []string{"11", "12", "13"}},
			{id: "changsanjiao", places: []string{"31", "32", "33", "34"}},
			{id: "chengyu", places: []string{"50", "51"}},
		}}, nil
	case Provinces:
		return layout{folder: Provinces, setUp: 3 * time.Minute, memory: "192MiB", seats: []seat{
			{id: "beijing", places: []string{"11"}},
			{id: "tianjin", places: []string{"12"}},
			{id: "hebei", places: []string{"13"}},
			{id: "xiongan", places: []string{"130629", "130632", "130638"}},
			{id: "shanghai", places: []string{"31"}},
			{id: "jiangsu", places: []string{"32"}},
			{id: "suzhou", places: []string{"3205"}},
			{id: "zhejiang", places: []string{"33"}},
			{id: "anhui", places: []string{"34"}},
			{id: "chongqing", places: []string{"50"}},
			{id: "sichuan", places: []string{"51"}},
		}}, nil
	}
	return layout{}, fmt.Errorf("no layout %q: there are %s and %s", name, Clusters, Provinces)
}

// layoutOf is for measuring: the three clusters and further regions that only follow, so many in all.
func layoutOf(regions int) (layout, error) {
	if regions < 3 || regions > mostRegions {
		return layout{}, fmt.Errorf("%d regions: there can be 3 to %d", regions, mostRegions)
	}
	plan, err := layoutNamed(Clusters)
	plan.setUp += time.Duration(regions) * 5 * time.Second
	for i := len(plan.seats); i < regions; i++ {
		plan.seats = append(plan.seats, seat{id: fmt.Sprintf("region-%d", i+1), follows: true})
	}
	return plan, err
}

// mostRegions is how many can be measured at once; each is a process of 60 MB.
const mostRegions = 64

// follower is the configuration of a further region.
func (c *centre) follower(n int) {
	r := &c.cfg.Region
	r.NameZH, r.NameEN, r.Cluster = fmt.Sprintf("测量区域 %d", n), fmt.Sprintf("Measured region %d", n), ""
	r.NumberPrefix = "R" + string(rune('A'+n/26)) + string(rune('A'+n%26))
}

// centres are the regions of a layout with their configurations.
func (l layout) centres() ([]*centre, error) {
	all := make([]*centre, 0, len(l.seats))
	for _, s := range l.seats {
		c := &centre{id: s.id, places: s.places, memory: l.memory}
		file := s.id
		if s.follows {
			file = l.seats[0].id
		}
		b, err := configs.Demo(path.Join(l.folder, file))
		if err != nil {
			return nil, err
		}
		if err := yaml.Unmarshal(b, &c.cfg); err != nil {
			return nil, fmt.Errorf("configuration of %s: %w", c.id, err)
		}
		if s.follows {
			c.follower(len(all))
		}
		all = append(all, c)
	}
	return all, nil
}

// reception tells at which region each call comes in.
type reception struct {
	byID      map[string]*centre
	byCluster map[string][]*centre
}

func newReception(all []*centre) reception {
	r := reception{map[string]*centre{}, map[string][]*centre{}}
	for _, c := range all {
		r.byID[c.id] = c
		r.byCluster[c.cfg.Region.Cluster] = append(r.byCluster[c.cfg.Region.Cluster], c)
	}
	return r
}

// of gives the region that a line names. Where it names a cluster of which several take part, it is one of these, by a
// hash of the origin's own number of the ticket (of the whole ticket, where it has none): always the same for the same
// number, so that a number said twice is said to the same region.
func (r reception) of(line importer.Line, externalID string) *centre {
	if c := r.byID[line.Region]; c != nil {
		return c
	}
	members := r.byCluster[line.Region]
	if len(members) == 0 {
		return nil
	}
	h := fnv.New32a()
	if externalID != "" {
		_, _ = h.Write([]byte(externalID)) // a hash takes anything
	} else {
		_, _ = h.Write(line.Ticket)
	}
	return members[h.Sum32()%uint32(len(members))] // #nosec G115 -- a handful
}
