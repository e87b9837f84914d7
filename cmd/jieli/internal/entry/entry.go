// Package entry checks what people write into the registry before it is sent: each mistake is told by field and rule, in
// both languages. Whether it fits what the registry has is for the registry to say.
package entry

import (
	"errors"
	"strings"

	"github.com/jieli-gateway/jieli/cmd/jieli/internal/lang"
	"github.com/jieli-gateway/jieli/federation/registry"
	"github.com/jieli-gateway/jieli/federation/trust"
	jieliv1 "github.com/jieli-gateway/jieli/proto/jieli/v1"
	"github.com/jieli-gateway/jieli/regions"
)

// maxShown bounds how much of a bad value is repeated, in bytes.
const maxShown = 80

// wrong is a value that breaks a rule.
func wrong(field, value, rule string) error {
	if len(value) > maxShown {
		value = strings.ToValidUTF8(value[:maxShown], "") + "…"
	}
	return lang.Errorf("%s: %s; it is %q", "%s：%s；现为 %q", field, words(rule), value)
}

// Invalid tells an error of package regions in both languages; others as they are.
func Invalid(err error) error {
	var invalid *regions.InvalidError
	if !errors.As(err, &invalid) {
		return err
	}
	return wrong(invalid.Field, invalid.Value, invalid.Rule)
}

// RegionID checks the form of a region's id.
func RegionID(field, id string) error {
	return named(field, regions.ValidateRegionID(id))
}

// Day checks a day; an empty one is none.
func Day(field, day string) error {
	if day == "" {
		return nil
	}
	_, err := regions.ParseDay(day)
	return named(field, err)
}

// Division checks the form of a division's code.
func Division(code string) error {
	_, err := regions.ParseCode(code)
	return Invalid(err)
}

// ServiceCode checks the form of a service's code.
func ServiceCode(code string) error { return Invalid(regions.ValidateServiceCode(code)) }

// Service checks what is said of a service.
func Service(s *jieliv1.ServiceEntry) error {
	service := regions.Service{Code: s.GetCode(), NameZH: s.GetNameZh(), NameEN: s.GetNameEn(), Aliases: s.GetAliases(), Emergency: s.GetEmergency()}
	return Invalid(service.Validate())
}

// Route checks a route's form.
func Route(r *jieliv1.Route) error {
	_, err := regions.ParseRule(r.GetDivision(), r.GetService(), r.GetRegion(), r.GetValidFrom(), r.GetValidTo())
	return Invalid(err)
}

// RouteKey checks what names a route.
func RouteKey(division, service, validFrom string) error {
	_, err := regions.ParseKey(division, service, validFrom)
	return Invalid(err)
}

// KnownDivision refuses a code that there is not and was not.
func KnownDivision(code string) error {
	parsed, err := regions.ParseCode(code)
	if err != nil {
		return Invalid(err)
	}
	divisions, err := regions.LoadDivisions()
	if err != nil || divisions.Knows(parsed) {
		return err
	}
	return wrong("division", code, ruleUnknownDivision)
}

// Node checks what is said of a node.
func Node(n *jieliv1.Node) error {
	return shortened(registry.CheckNode(n), map[string]string{
		"node.region": n.GetRegion(), "node.name": n.GetName(), "node.address": n.GetAddress(),
	})
}

// Policy checks the policy.
func Policy(p *jieliv1.Policy) error {
	return shortened(registry.CheckPolicy(p), nil)
}

// Registration checks a region with its first nodes, as `jieli pki show -o json` prints them: every field that is wrong.
func Registration(req *jieliv1.RegisterRegionRequest) error {
	r := req.GetRegion()
	if r == nil {
		return lang.Errorf("region: is missing; the file is to be what `jieli pki show -o json` prints", "region：缺失；文件应为 jieli pki show -o json 的输出")
	}
	mistakes := []error{shortened(registry.CheckRegion(r), map[string]string{
		"region.id": r.GetId(), "region.numberPrefix": r.GetNumberPrefix(), "region.dutyPhone": r.GetDutyPhone(),
		"region.nameZh": r.GetNameZh(), "region.legalName": r.GetLegalName(),
	})}
	if _, err := trust.ParseBundle(r.GetId(), r.GetBundle()); err != nil && len(r.GetBundle()) > 0 && mistakes[0] == nil {
		mistakes = append(mistakes, lang.Errorf("region.bundle: %w", "region.bundle：%w", err))
	}
	if len(req.GetNodes()) == 0 {
		mistakes = append(mistakes, lang.Errorf("nodes: must be 1 to 8", "nodes：须为 1 至 8 个"))
	}
	seen := map[string]bool{}
	for _, n := range req.GetNodes() {
		switch {
		case n.GetRegion() != r.GetId():
			mistakes = append(mistakes, wrong("nodes.region", n.GetRegion(), "must be the region's id"))
		case seen[n.GetName()]:
			mistakes = append(mistakes, wrong("nodes.name", n.GetName(), "stands twice"))
		default:
			mistakes = append(mistakes, Node(n))
		}
		seen[n.GetName()] = true
	}
	return Joined(mistakes)
}

// Joined is several mistakes as one error, a line each; nil when there is none.
func Joined(mistakes []error) error {
	var english, chinese []string
	for _, err := range mistakes {
		if err != nil {
			english, chinese = append(english, err.Error()), append(chinese, lang.InChinese(err))
		}
	}
	if len(english) == 0 {
		return nil
	}
	return lang.Errorf("%s", "%s", lang.Words{English: strings.Join(english, "\n"), Chinese: strings.Join(chinese, "\n")})
}

// named is a wrong field under another name.
func named(field string, err error) error {
	var invalid *regions.InvalidError
	if !errors.As(err, &invalid) {
		return err
	}
	return wrong(field, invalid.Value, invalid.Rule)
}

// shortened is a wrong field of the registry, with its value where it is one of those given.
func shortened(err error, values map[string]string) error {
	var invalid *registry.InvalidField
	if !errors.As(err, &invalid) {
		return err
	}
	if value, ok := values[invalid.Field]; ok {
		return wrong(invalid.Field, value, invalid.Rule)
	}
	return lang.Errorf("%s: %s", "%s：%s", invalid.Field, words(invalid.Rule))
}

// Line is a mistake in a line of a file.
func Line(n int, err error) error { return lang.Errorf("line %d: %w", "第 %d 行：%w", n, err) }
