package registry

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"

	jieliv1 "github.com/jieli-gateway/jieli/proto/jieli/v1"
	"github.com/jieli-gateway/jieli/regions"
)

// maxShown bounds a value shown in the history, in bytes.
const maxShown = 200

// record puts into the history what this command changed. What it tells is in codes, ids and values, for it is the same
// on all nodes whatever language their people speak.
func (d *draft) record() {
	c := d.describe()
	c.Revision, c.Time = d.revision(), stampTime(d.v.stamp)
	c.Actor, c.Region = d.cmd.GetActor(), d.acting()
	d.v.keep(c)
}

func (d *draft) describe() *jieliv1.Change {
	switch c := d.cmd.GetChange().(type) {
	case *jieliv1.Command_Bootstrap:
		region := c.Bootstrap.GetRegion().GetId()
		change := about(jieliv1.Change_FEDERATION_STARTED, region, region)
		change.Services = uint32(len(c.Bootstrap.GetServices())) // #nosec G115 -- bounded by MaxServices
		return change
	case *jieliv1.Command_RegisterRegion:
		return d.describeRegion(jieliv1.Change_REGION_REGISTERED, c.RegisterRegion.GetRegion().GetId())
	case *jieliv1.Command_UpdateRegion:
		return d.describeRegion(jieliv1.Change_REGION_UPDATED, c.UpdateRegion.GetRegion().GetId())
	case *jieliv1.Command_ChangeRegionState:
		return d.describeState(c.ChangeRegionState.GetRegion())
	case *jieliv1.Command_PutNode:
		return d.describeNode(jieliv1.Change_NODE_CHANGED, c.PutNode.GetNode().GetRegion(), c.PutNode.GetNode().GetName())
	case *jieliv1.Command_RemoveNode:
		return d.describeNode(jieliv1.Change_NODE_REMOVED, c.RemoveNode.GetRegion(), c.RemoveNode.GetName())
	case *jieliv1.Command_ReportLevel:
		return d.describeNode(jieliv1.Change_NODE_REPORTED, c.ReportLevel.GetRegion(), c.ReportLevel.GetName())
	case *jieliv1.Command_ChangeRoutes:
		return d.routes.describe(jieliv1.Change_ROUTES_CHANGED)
	case *jieliv1.Command_FinishImport:
		return d.routes.describe(jieliv1.Change_ROUTES_IMPORTED)
	case *jieliv1.Command_ChangeServices:
		return d.describeServices(c.ChangeServices)
	case *jieliv1.Command_SetPolicy:
		change := about(jieliv1.Change_POLICY_CHANGED, "")
		change.Fields = differences(policyFields(d.before.policy), policyFields(d.v.policy))
		return change
	case *jieliv1.Command_RaiseLevel:
		change := about(jieliv1.Change_LEVEL_RAISED, "")
		change.Fields = []*jieliv1.FieldChange{{Field: "level", Before: fmt.Sprint(d.before.level), After: fmt.Sprint(d.v.level)}}
		return change
	}
	return about(jieliv1.Change_KIND_UNSPECIFIED, "")
}

func about(kind jieliv1.Change_Kind, subject string, concerns ...string) *jieliv1.Change {
	return &jieliv1.Change{Kind: kind, Subject: subject, Concerns: concerns}
}

func (d *draft) describeRegion(kind jieliv1.Change_Kind, id string) *jieliv1.Change {
	old, _ := d.before.Region(id)
	fresh, _ := d.v.Region(id)
	change := about(kind, id, id)
	change.Fields = differences(regionFields(old), regionFields(fresh))
	return change
}

func (d *draft) describeState(id string) *jieliv1.Change {
	old, _ := d.before.Region(id)
	fresh, _ := d.v.Region(id)
	kind := jieliv1.Change_REGION_REVOKED
	switch fresh.GetState() {
	case jieliv1.Region_ACTIVE:
		kind = jieliv1.Change_REGION_APPROVED
		if old.GetState() == jieliv1.Region_SUSPENDED {
			kind = jieliv1.Change_REGION_RESUMED
		}
	case jieliv1.Region_SUSPENDED:
		kind = jieliv1.Change_REGION_SUSPENDED
	case jieliv1.Region_RETIRED:
		kind = jieliv1.Change_REGION_RETIRED
	}
	return d.describeRegion(kind, id)
}

func (d *draft) describeNode(kind jieliv1.Change_Kind, region, name string) *jieliv1.Change {
	old, known := d.before.Node(region, name)
	fresh, _ := d.v.Node(region, name)
	if kind == jieliv1.Change_NODE_CHANGED && !known {
		kind = jieliv1.Change_NODE_ADDED
	}
	change := about(kind, region+"/"+name, region)
	change.Fields = differences(nodeFields(old), nodeFields(fresh))
	return change
}

func (d *draft) describeServices(c *jieliv1.ChangeServices) *jieliv1.Change {
	change := about(jieliv1.Change_SERVICES_CHANGED, "")
	change.Services = uint32(len(c.GetSet()) + len(c.GetDelete())) // #nosec G115 -- bounded by MaxCommandBytes
	if change.GetServices() != 1 {
		return change
	}
	if len(c.GetDelete()) == 1 {
		change.Subject = c.GetDelete()[0]
	} else {
		change.Subject = c.GetSet()[0].GetCode()
	}
	change.Fields = differences(serviceFields(d.before.service(change.GetSubject())), serviceFields(d.v.service(change.GetSubject())))
	return change
}

// service is one service; nil when there is none.
func (v *View) service(code string) *jieliv1.ServiceEntry {
	i, ok := findService(v.services, code)
	if !ok {
		return nil
	}
	return v.services[i]
}

// field is a field of an entry as the history shows it: one value or several.
type field struct {
	name   string
	values []string
}

func text(name, value string) field {
	if value == "" {
		return field{name: name}
	}
	return field{name, []string{value}}
}

func yes(name string, set bool) field {
	if !set {
		return field{name: name}
	}
	return field{name, []string{"true"}}
}

func count(name string, n uint32) field {
	if n == 0 {
		return field{name: name}
	}
	return field{name, []string{fmt.Sprint(n)}}
}

func regionFields(r *jieliv1.Region) []field {
	state := ""
	if r != nil {
		state = r.GetState().String()
	}
	return []field{
		text("state", state), text("nameZh", r.GetNameZh()), text("nameEn", r.GetNameEn()), text("cluster", r.GetCluster()),
		text("legalName", r.GetLegalName()), text("documentNumber", r.GetDocumentNumber()), text("dutyPhone", r.GetDutyPhone()),
		text("dataContact", r.GetDataContact()), text("numberPrefix", r.GetNumberPrefix()), text("successor", r.GetSuccessor()),
		{"bundle", certificates(r.GetBundle())},
		{"signingKeys", signingKeys(r.GetSigningKeys())},
	}
}

// certificates shows each by the beginning of its SHA-256.
func certificates(bundle [][]byte) []string {
	shown := make([]string, len(bundle))
	for i, der := range bundle {
		sum := sha256.Sum256(der)
		shown[i] = hex.EncodeToString(sum[:8])
	}
	return shown
}

// signingKeys shows each by its id, and until when it signs if that is known.
func signingKeys(keys []*jieliv1.SigningKey) []string {
	shown := make([]string, len(keys))
	for i, k := range keys {
		shown[i] = k.GetKeyId()
		if k.GetValidUntil() != nil {
			shown[i] += "<" + k.GetValidUntil().AsTime().Format(time.RFC3339)
		}
	}
	return shown
}

func nodeFields(n *jieliv1.Node) []field {
	return []field{
		text("address", n.GetAddress()), yes("raft", n.GetRaft()), yes("tickets", n.GetTickets()),
		count("level", n.GetLevel()), text("version", n.GetVersion()),
	}
}

func serviceFields(s *jieliv1.ServiceEntry) []field {
	return []field{
		text("nameZh", s.GetNameZh()), text("nameEn", s.GetNameEn()), {"aliases", s.GetAliases()}, text("emergency", s.GetEmergency()),
	}
}

func policyFields(p *jieliv1.Policy) []field {
	grace := ""
	if p.GetRegistryGrace() != nil {
		grace = p.GetRegistryGrace().AsDuration().String()
	}
	return []field{
		text("registryGrace", grace), count("requestIds", p.GetRequestIds()), count("linkVersionFloor", p.GetLinkVersionFloor()),
		{"terms", termTexts(p.GetTerms())},
	}
}

// termTexts are the rules of terms for people, one text each: `suzhou/urban/COMPLAINT/NORMAL:answer=10d,return=2d`.
func termTexts(rules []*jieliv1.TermRule) []string {
	var texts []string
	for _, r := range rules {
		kind := "*"
		if r.GetType() != jieliv1.Ticket_TYPE_UNSPECIFIED {
			kind = r.GetType().String()
		}
		var terms []string
		t := r.GetTerms()
		for _, one := range []struct {
			name string
			term *jieliv1.Term
		}{
			{"deliver", t.GetDeliver()},
			{"accept", t.GetAccept()},
			{"contact", t.GetContact()},
			{"answer", t.GetAnswer()},
			{"return", t.GetReturn()},
			{"returnComplex", t.GetReturnComplex()},
		} {
			if term, err := regions.ParseTerm(one.term); err == nil && !term.IsZero() {
				terms = append(terms, one.name+"="+term.String())
			}
		}
		texts = append(texts, strings.Join([]string{
			cmp.Or(r.GetRegion(), "*"), cmp.Or(r.GetService(), "*"), kind, r.GetUrgency().String(),
		}, "/")+":"+strings.Join(terms, ","))
	}
	return texts
}

// differences are the fields that are not as they were. Of several values only those are shown that came or went.
func differences(before, after []field) []*jieliv1.FieldChange {
	var changed []*jieliv1.FieldChange
	for i, old := range before {
		fresh := after[i]
		if slices.Equal(old.values, fresh.values) {
			continue
		}
		changed = append(changed, &jieliv1.FieldChange{
			Field: old.name, Before: shown(without(old.values, fresh.values)), After: shown(without(fresh.values, old.values)),
		})
	}
	return changed
}

func without(values, others []string) []string {
	return slices.DeleteFunc(slices.Clone(values), func(v string) bool { return slices.Contains(others, v) })
}

// shown is some values as one text, cut at a whole character.
func shown(values []string) string {
	s := strings.Join(values, " ")
	if len(s) <= maxShown {
		return s
	}
	return strings.ToValidUTF8(s[:maxShown-len("…")], "") + "…"
}

// routesChanged is what one command did to routes.
type routesChanged struct {
	counts map[string]*jieliv1.RouteCounts
	names  []string // of the regions counted
	total  int
	// The newest one: all there is to tell when it is the only one.
	subject string
	fields  []*jieliv1.FieldChange
}

func (r *routesChanged) of(region string) *jieliv1.RouteCounts {
	if r.counts == nil {
		r.counts = map[string]*jieliv1.RouteCounts{}
	}
	if r.counts[region] == nil {
		r.counts[region] = &jieliv1.RouteCounts{Region: region}
		r.names = append(r.names, region)
	}
	return r.counts[region]
}

// add counts one route that was one way and is another; without a region it was not there, or is no more.
func (r *routesChanged) add(key regions.Key, before, after regions.Rule) {
	switch {
	case before.Region == after.Region:
		r.of(after.Region).Changed++
	case before.Region == "":
		r.of(after.Region).Added++
	case after.Region == "":
		r.of(before.Region).Removed++
	default:
		r.of(before.Region).Removed++
		r.of(after.Region).Added++
	}
	if r.total++; r.total > 1 {
		r.subject, r.fields = "", nil
		return
	}
	r.subject = routeSubject(key)
	r.fields = differences(
		[]field{text("region", before.Region), text("validTo", before.ValidTo.String())},
		[]field{text("region", after.Region), text("validTo", after.ValidTo.String())},
	)
}

// routeSubject is a route's key as a subject: 3205, 3205/urban or 3205/*/2027-01-01.
func routeSubject(k regions.Key) string {
	subject := k.Division.String()
	switch {
	case k.ValidFrom != 0:
		service := k.Service
		if service == "" {
			service = "*"
		}
		return subject + "/" + service + "/" + k.ValidFrom.String()
	case k.Service != "":
		return subject + "/" + k.Service
	}
	return subject
}

func (r *routesChanged) describe(kind jieliv1.Change_Kind) *jieliv1.Change {
	slices.Sort(r.names)
	change := about(kind, r.subject, r.names...)
	change.Fields = r.fields
	for _, name := range r.names {
		change.Routes = append(change.Routes, r.counts[name])
	}
	return change
}
