package api

import (
	"context"
	"fmt"
	"strings"

	"github.com/jieli-gateway/jieli/federation/registry"
	"github.com/jieli-gateway/jieli/gateway/fault"
	jieliv1 "github.com/jieli-gateway/jieli/proto/jieli/v1"
	"github.com/jieli-gateway/jieli/regions"
)

// maxServiceWord is the longest word that may name a service, in bytes.
const maxServiceWord = 256

// LookupRoute implements jieliv1.RegistryServiceServer.
func (s *registryService) LookupRoute(ctx context.Context, req *jieliv1.LookupRouteRequest) (*jieliv1.LookupRouteResponse, error) {
	query, err := s.parseLookup(req)
	if err != nil {
		return nil, err
	}
	v, err := s.view(ctx, req.GetConsistency())
	if err != nil {
		return nil, err
	}
	if req.GetService() != "" {
		service, ok := v.Catalogue().Resolve(req.GetService())
		if !ok {
			e := fault.InvalidFields(fault.Field{Name: "service", Rule: "no service has this code, name or alias; `jieli service list` shows them"})
			e.Reason = "SERVICE_UNKNOWN"
			return nil, e
		}
		query.Service = service.Code
	}
	explanation := regions.Explanation{}
	if req.GetExplain() {
		explanation = v.Routes().Explain(query)
	} else {
		explanation.Answer = v.Routes().Lookup(query)
	}
	if !explanation.Answer.Found() {
		return nil, notFound(v.View, query, explanation.Answer.Reason)
	}
	rule := explanation.Answer.Rule
	return &jieliv1.LookupRouteResponse{
		Region: rule.Region, Route: routeOf(v.View, rule), AsOf: query.AsOf.String(), Revision: v.Revision(),
		Stale: v.Stale, Candidates: candidatesOf(v.View, explanation.Candidates), Successor: explanation.Answer.Via.String(),
	}, nil
}

// parseLookup checks what does not need the registry.
func (s *registryService) parseLookup(req *jieliv1.LookupRouteRequest) (regions.Query, error) {
	var wrong []fault.Field
	code, err := regions.ParseCode(req.GetDivision())
	switch {
	case req.GetDivision() == "":
		wrong = append(wrong, fault.Field{Name: "division", Rule: "is required"})
	case err != nil:
		wrong = append(wrong, fieldOf(err))
	}
	day, err := s.parseDay(req.GetAsOf())
	if err != nil {
		wrong = append(wrong, dayField(err))
	}
	if len(req.GetService()) > maxServiceWord {
		wrong = append(wrong, fault.Field{Name: "service", Rule: "has at most 256 bytes"})
	}
	if len(wrong) > 0 {
		return regions.Query{}, fault.InvalidFields(wrong...)
	}
	return regions.Query{Division: code, AsOf: day}, nil
}

// parseDay reads the day that a question is about; none is today.
func (s *registryService) parseDay(asOf string) (regions.Day, error) {
	if asOf == "" {
		return regions.DayOf(s.api.cfg.Now()), nil
	}
	return regions.ParseDay(asOf)
}

func dayField(err error) fault.Field {
	f := fieldOf(err)
	f.Name = "asOf"
	return f
}

// notFound says why nobody serves it.
func notFound(v *registry.View, q regions.Query, reason regions.Reason) error {
	what := "division " + q.Division.String()
	if name := v.Routes().Divisions().FullName(q.Division); name != "" {
		what += " (" + name + ")"
	}
	if q.Service != "" {
		what += ", service " + q.Service
	}
	switch reason {
	case regions.UnknownDivision:
		e := fault.New(fault.Invalid, "UNKNOWN_DIVISION", "division %s: there is and was no such division, and no rule names it", q.Division)
		e.Fields = []fault.Field{{Name: "division", Rule: "there is and was no such division"}}
		return e
	case regions.DivisionSplit:
		return fault.New(fault.NotFound, "DIVISION_SPLIT",
			"%s was retired, and its successors %s are not all served by one region on %s: look one of them up, or set a route for the old code",
			what, joined(v.Routes().Divisions().Successors(q.Division)), q.AsOf)
	default:
		return fault.New(fault.NotFound, "NO_ROUTE", "no region serves %s on %s; `jieli route check` lists such gaps", what, q.AsOf)
	}
}

func joined(list []regions.Code) string {
	words := make([]string, len(list))
	for i, code := range list {
		words[i] = code.String()
	}
	return strings.Join(words, ", ")
}

// candidatesOf lists the rules that lost.
func candidatesOf(v *registry.View, weighed []regions.Candidate) []*jieliv1.Candidate {
	var out []*jieliv1.Candidate
	for _, c := range weighed {
		if c.Outcome != regions.Won {
			out = append(out, &jieliv1.Candidate{Route: routeOf(v, c.Rule), Reason: string(c.Outcome), Successor: c.Via.String()})
		}
	}
	return out
}

// routeOf is a rule as the contract has it, with who changed it and when.
func routeOf(v *registry.View, rule regions.Rule) *jieliv1.Route {
	if route, ok := v.Route(rule.Key()); ok {
		return route
	}
	return &jieliv1.Route{ // a rule of another table than the view's; there is none
		Division: rule.Division.String(), Service: rule.Service, Region: rule.Region,
		ValidFrom: rule.ValidFrom.String(), ValidTo: rule.ValidTo.String(),
	}
}

// CheckRoutes implements jieliv1.RegistryServiceServer.
func (s *registryService) CheckRoutes(ctx context.Context, req *jieliv1.CheckRoutesRequest) (*jieliv1.CheckRoutesResponse, error) {
	var within []regions.Code
	if req.GetDivision() != "" {
		code, err := regions.ParseCode(req.GetDivision())
		if err != nil {
			return nil, invalid(err)
		}
		within = append(within, code)
	}
	day, err := s.parseDay(req.GetAsOf())
	if err != nil {
		return nil, fault.InvalidFields(dayField(err))
	}
	v, err := s.view(ctx, jieliv1.Consistency_LOCAL)
	if err != nil {
		return nil, err
	}
	report := v.Routes().Check(day, within...)
	out := &jieliv1.CheckRoutesResponse{Revision: v.Revision()}
	for _, code := range report.Unserved {
		division, ok := v.Routes().Divisions().Lookup(code)
		if !ok {
			return nil, fmt.Errorf("check of routes found division %s, which there is not", code)
		}
		out.Unserved = append(out.Unserved, divisionOf(division))
	}
	for _, idle := range report.Idle {
		out.NeverWin = append(out.NeverWin, routeOf(v.View, idle.Rule))
	}
	return out, nil
}
