package main

import (
	"fmt"
	"strings"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/jieli-gateway/jieli/cmd/jieli/internal/show"
	jieliv1 "github.com/jieli-gateway/jieli/proto/jieli/v1"
)

// longestTitle keeps a title on its line in a list, in characters.
const longestTitle = 30

func ticketTable(ts ...*jieliv1.Ticket) *show.Table {
	t := &show.Table{Head: []string{"NUMBER", "STATE", "LIGHT", "DUE", "ORIGIN", "HOLDER", "OFFERED TO", "DIVISION", "SERVICE", "UPDATED", "TITLE"}}
	for _, k := range ts {
		t.Add(k.GetNumber(), k.GetState().String(), lightWord(k.GetLight()), dueText(nearest(k.GetDue())), k.GetOrigin(), k.GetHolder(), k.GetOfferedTo(), k.GetDivision(), k.GetService(), stamp(k.GetUpdateTime()), cut(k.GetTitle()))
	}
	return t
}

// lightWord is a light, empty where no deadline runs.
func lightWord(l jieliv1.Ticket_Light) string {
	if l == jieliv1.Ticket_LIGHT_UNSPECIFIED {
		return ""
	}
	return l.String()
}

func cut(s string) string {
	if r := []rune(s); len(r) > longestTitle {
		return string(r[:longestTitle]) + "…"
	}
	return s
}

// detailTable is all of a ticket that is not its life, what waits or stands still first.
func (a *app) detailTable(k *jieliv1.Ticket) *show.Table {
	t := &show.Table{Head: []string{"FIELD", "VALUE"}, Labels: true}
	add := func(label, value string) {
		if value != "" {
			t.Add(label, value)
		}
	}
	flag := func(label string, set bool) {
		if set {
			t.Add(label, "!")
		}
	}
	add("stopped", k.GetStopped())
	flag("recall pending", k.GetRecallPending())
	flag("withdrawal pending", k.GetWithdrawPending())
	if r := k.GetWaitingForRevision(); r != 0 {
		add("waiting for revision", fmt.Sprint(r))
	}
	add("tell caller to dial", k.GetCallNumber())
	add("number", k.GetNumber())
	add("id", k.GetId())
	add("query code", k.GetQueryCode())
	add("external id", k.GetExternalId())
	for _, r := range k.GetReferences() {
		add("reference", r.GetRegion()+" "+r.GetNumber())
	}
	add("state", k.GetState().String())
	add("light", lightWord(k.GetLight()))
	add("origin", k.GetOrigin())
	add("holder", k.GetHolder())
	add("offered to", k.GetOfferedTo())
	if k.GetRound() > 1 {
		add("round", fmt.Sprint(k.GetRound()))
	}
	add("type", k.GetType().String())
	add("urgency", k.GetUrgency().String())
	add("category", k.GetCategory())
	add("service", k.GetService())
	add("division", k.GetDivision())
	add("address", k.GetAddress())
	add("title", k.GetTitle())
	add("description", strings.ReplaceAll(k.GetDescription(), "\n", " ⏎ "))
	add("reporter", a.reporter(k.GetReporter()))
	for _, u := range k.GetUnits() {
		add("unit", strings.Join([]string{u.GetRegion(), u.GetCode(), u.GetName(), a.printer().Word(u.GetRole().String())}, " "))
	}
	if k.GetComplex() {
		add("complex", a.printer().Say("yes", "是"))
	}
	if k.GetTest() {
		add("test", a.printer().Say("yes", "是"))
	}
	add("reported", stamp(k.GetReportedAt()))
	add("taken at", stamp(k.GetCreateTime()))
	add("updated", stamp(k.GetUpdateTime()))
	for _, d := range []struct {
		label string
		at    *timestamppb.Timestamp
	}{
		{"due deliver", k.GetDue().GetDeliver()},
		{"due accept", k.GetDue().GetAccept()},
		{"due contact", k.GetDue().GetContact()},
		{"due answer", k.GetDue().GetAnswer()},
	} {
		add(d.label, dueText(d.at))
	}
	flag("calendar provisional", k.GetCalendarProvisional())
	return t
}

// reporter is a caller on one line.
func (a *app) reporter(r *jieliv1.Reporter) string {
	parts := []string{r.GetName(), r.GetPhone(), r.GetOrganization().GetName(), r.GetOrganization().GetCreditCode()}
	if r.GetAnonymous() {
		parts = append(parts, a.printer().Say("(anonymous)", "（匿名）"))
	}
	return strings.Join(strings.Fields(strings.Join(parts, " ")), " ")
}

// eventTable is a ticket's life.
func (a *app) eventTable(k *jieliv1.Ticket) *show.Table {
	t := &show.Table{Head: []string{"EVENT", "KIND", "AUTHOR", "TIME", "REGION", "REASON", "ACTOR", "DETAIL"}}
	for _, e := range k.GetEvents() {
		detail := e.GetText()
		if e.GetErased() {
			detail = a.printer().Say("(erased)", "（已抹除）")
		}
		if e.GetLegalBasis() != "" {
			detail += " [" + e.GetLegalBasis() + "]"
		}
		if e.GetFromFuture() {
			detail = a.printer().Say("(from the future) ", "（时间超前）") + detail
		}
		t.Add(fmt.Sprint(e.GetNumber()), e.GetKind().String(), e.GetAuthor(), stamp(e.GetTime()), e.GetRegion(), e.GetReason(), e.GetActor(), detail)
	}
	return t
}
