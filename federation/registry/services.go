package registry

import (
	"errors"
	"slices"

	jieliv1 "github.com/jieli-gateway/jieli/proto/jieli/v1"
	"github.com/jieli-gateway/jieli/regions"
)

func (d *draft) changeServices(c *jieliv1.ChangeServices) *rejection {
	if bad := d.keeps("services"); bad != nil {
		return bad
	}
	if len(c.GetSet())+len(c.GetDelete()) == 0 {
		return reject("INVALID_FIELD", "changeServices: sets and deletes nothing")
	}
	return d.editServices(c.GetSet(), c.GetDelete())
}

func serviceOf(s *jieliv1.ServiceEntry) regions.Service {
	return regions.Service{Code: s.GetCode(), NameZH: s.GetNameZh(), NameEN: s.GetNameEn(), Aliases: s.GetAliases(), Emergency: s.GetEmergency()}
}

// editServices deletes, then sets; all or nothing. A service that a route names stays.
func (d *draft) editServices(set []*jieliv1.ServiceEntry, del []string) *rejection {
	services := make([]regions.Service, len(set))
	for i, s := range set {
		services[i] = serviceOf(s)
	}
	catalogue, err := d.v.catalogue.With(services, del)
	if err != nil {
		return serviceRejection(err)
	}
	if catalogue.Len() > MaxServices {
		return reject("TOO_MANY_SERVICES", "the registry holds at most %d services", MaxServices)
	}
	if bad := d.checkUnused(catalogue, del); bad != nil {
		return bad
	}
	d.v.catalogue = catalogue
	for _, code := range del {
		if i, ok := findService(d.v.services, code); ok {
			d.v.lanes.sub(serviceItem(d.v.services[i]))
			d.v.services = slices.Delete(slices.Clone(d.v.services), i, i+1)
			d.changed = true
		}
	}
	for _, s := range set {
		d.putService(clone(s))
	}
	return nil
}

// checkUnused: the services deleted and not set again are named by no route.
func (d *draft) checkUnused(after *regions.Catalogue, del []string) *rejection {
	gone := make(map[string]bool, len(del))
	for _, code := range del {
		if _, back := after.Get(code); !back {
			gone[code] = true
		}
	}
	if len(gone) == 0 {
		return nil
	}
	for rule := range d.v.table.Rules(regions.Key{}) {
		if gone[rule.Service] {
			return reject("SERVICE_IN_USE", "service %s: route %s names it", rule.Service, rule)
		}
	}
	return nil
}

func serviceRejection(err error) *rejection {
	var (
		ambiguous *regions.AmbiguousWordError
		missing   *regions.MissingServiceError
	)
	switch {
	case errors.As(err, &ambiguous):
		return reject("SERVICE_WORD_USED", "%v", err)
	case errors.As(err, &missing):
		return reject("SERVICE_NOT_FOUND", "%v", err)
	}
	return reject("INVALID_FIELD", "service: %v", err)
}
