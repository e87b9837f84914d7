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
}

// layoutNamed gives a layout; the empty name is Clusters.
func layoutNamed(name string) (layout, error) {
	switch name {
	case Clusters, "":
		return layout{setUp: 90 * time.Second, seats: []seat{
			{"jingjinji", []string{"11", "12", "13"}},
			{"changsanjiao", []string{"31", "32", "33", "34"}},
			{"chengyu", []string{"50", "51"}},
		}}, nil
	case Provinces:
		return layout{folder: Provinces, setUp: 3 * time.Minute, memory: "192MiB", seats: []seat{
			{"beijing", []string{"11"}},
			{"tianjin", []string{"12"}},
			{"hebei", []string{"13"}},
			{"xiongan", []string{"130629", "130632", "130638"}},
			{"shanghai", []string{"31"}},
			{"jiangsu", []string{"32"}},
			{"suzhou", []string{"3205"}},
			{"zhejiang", []string{"33"}},
			{"anhui", []string{"34"}},
			{"chongqing", []string{"50"}},
			{"sichuan", []string{"51"}},
		}}, nil
	}
	return layout{}, fmt.Errorf("no layout %q: there are %s and %s", name, Clusters, Provinces)
}

// centres are the regions of a layout with their configurations.
func (l layout) centres() ([]*centre, error) {
	all := make([]*centre, 0, len(l.seats))
	for _, s := range l.seats {
		c := &centre{id: s.id, places: s.places, memory: l.memory}
		b, err := configs.Demo(path.Join(l.folder, s.id))
		if err != nil {
			return nil, err
		}
		if err := yaml.Unmarshal(b, &c.cfg); err != nil {
			return nil, fmt.Errorf("configuration of %s: %w", c.id, err)
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
