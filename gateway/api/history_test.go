package api

import (
	"fmt"
	"testing"

	jieliv1 "github.com/jieli-gateway/jieli/proto/jieli/v1"
)

func TestHistory(t *testing.T) {
	c := newRegistryCentre(t)
	list := func(query string) *jieliv1.ListChangesResponse {
		t.Helper()
		return read(t, c.request("GET", "/v1/changes?"+query, c.monitor, ""), &jieliv1.ListChangesResponse{})
	}
	whole := list("")
	if first := whole.GetChanges()[len(whole.GetChanges())-1]; first.GetRevision() != 1 || first.GetKind() != jieliv1.Change_FEDERATION_STARTED {
		t.Fatalf("the oldest is %v", first)
	}
	newest := whole.GetChanges()[0]
	if newest.GetRevision() != whole.GetRevision() || newest.GetActor() == "" || newest.GetTime() == nil || newest.GetRegion() != "jingjinji" {
		t.Fatalf("the newest is %v, at revision %d", newest, whole.GetRevision())
	}
	for query, want := range map[string]string{
		"region=suzhou&about=REGIONS":   "REGION_APPROVED suzhou, REGION_REGISTERED suzhou, ",
		"about=NODES&region=suzhou":     "",
		"about=SERVICES":                "FEDERATION_STARTED jingjinji, ",
		"subject=suzhou&about=POLICY":   "",
		"subject=suzhou&after=1":        "REGION_APPROVED suzhou, REGION_REGISTERED suzhou, ",
		fmt.Sprintf("after=%d", 1<<40):  "",
		"subject=suzh":                  "",
		"region=jingjinji&about=POLICY": "FEDERATION_STARTED jingjinji, ",
	} {
		got := ""
		for _, change := range list(query).GetChanges() {
			got += change.GetKind().String() + " " + change.GetSubject() + ", "
		}
		if got != want {
			t.Errorf("%s: got %q, want %q", query, got, want)
		}
	}
	token, paged := "", 0
	for {
		page := list("pageSize=2&pageToken=" + token)
		for _, change := range page.GetChanges() {
			if change.GetRevision() != whole.GetChanges()[paged].GetRevision() {
				t.Fatalf("change %d is of revision %d", paged, change.GetRevision())
			}
			paged++
		}
		if token = page.GetNextPageToken(); token == "" {
			break
		}
	}
	if paged != len(whole.GetChanges()) {
		t.Errorf("%d of %d changes, page by page", paged, len(whole.GetChanges()))
	}
	token = list("pageSize=1").GetNextPageToken()
	for query, field := range map[string]string{
		"region=X": "region", "pageSize=1001": "pageSize", "about=99": "about", "pageToken=AAAA": "pageToken",
		"pageSize=1&after=1&pageToken=" + token: "pageToken", "subject=" + fmt.Sprintf("%0129d", 0): "subject",
	} {
		if got := c.request("GET", "/v1/changes?"+query, c.monitor, ""); got.code != 400 || got.refusal(t).field() != field {
			t.Errorf("%s: %d %s", query, got.code, got.body)
		}
	}
	if got := c.request("GET", "/v1/changes?region=nowhere", c.monitor, ""); got.code != 404 {
		t.Errorf("of no region: %d", got.code)
	}
}

// Whose code is retired learns through which successor a rule was found.
func TestLookupTellsTheSuccessorOfARetiredDivision(t *testing.T) {
	c := newRegistryCentre(t)
	c.registry.machine = newMachine(t, route("33", "", "changsanjiao", "", ""), route("330102", "", "suzhou", "", ""), route("330114", "", "suzhou", "", ""))
	found := read(t, c.request("GET", "/v1/routes:lookup?division=330104&explain=true", c.operator, ""), &jieliv1.LookupRouteResponse{})
	if found.GetRegion() != "suzhou" || found.GetSuccessor() != "330102" {
		t.Fatalf("got %v", found)
	}
	got := ""
	for _, candidate := range found.GetCandidates() {
		got += fmt.Sprintf("%s by %s: %s, ", candidate.GetRoute().GetDivision(), candidate.GetSuccessor(), candidate.GetReason())
	}
	if got != "33 by 330102: SHORTER_PREFIX, 33 by 330114: SHORTER_PREFIX, " {
		t.Errorf("got %s", got)
	}
}
