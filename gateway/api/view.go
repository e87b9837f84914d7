package api

import (
	jieliv1 "github.com/jieli-gateway/jieli/proto/jieli/v1"
	"github.com/jieli-gateway/jieli/regions"
)

// View is the registry at one moment. What it returns is shared and must not be changed.
type View interface {
	Revision() uint64
	Level() uint32
	Regions() []*jieliv1.Region
	Region(id string) (*jieliv1.Region, bool)
	Nodes(region string) []*jieliv1.Node
	Routes() *regions.Table
	Route(regions.Key) (*jieliv1.Route, bool)
	Services() []*jieliv1.ServiceEntry
	Catalogue() *regions.Catalogue
	Policy() *jieliv1.Policy
}

// routeOf is a rule as the contract has it, with who changed it and when, where that is known.
func routeOf(v View, rule regions.Rule) *jieliv1.Route {
	if route, ok := v.Route(rule.Key()); ok {
		return route
	}
	return &jieliv1.Route{
		Division: rule.Division.String(), Service: rule.Service, Region: rule.Region,
		ValidFrom: rule.ValidFrom.String(), ValidTo: rule.ValidTo.String(),
	}
}
