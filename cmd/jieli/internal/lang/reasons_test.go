package lang

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// documented is a row of the reasons in docs/api.md: reason, code, meaning, whether to repeat.
var documented = regexp.MustCompile("(?m)^\\| `([A-Z0-9_]+)` \\| `[A-Z_]+` \\| (.+?) \\| .+ \\|$")

// Each reason of docs/api.md has Chinese that was written for the meaning it has there, and no other reason has any.
func TestReasonsAreThoseOfTheDocument(t *testing.T) {
	document, err := os.ReadFile("../../../../docs/api.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(document), "\n## Reasons\n")
	known := reasons()
	for _, row := range documented.FindAllStringSubmatch(table, -1) {
		r, ok := known[row[1]]
		switch {
		case !ok || r.chinese == "":
			t.Errorf("%s has no Chinese", row[1])
		case r.means != row[2]:
			t.Errorf("%s means %q in docs/api.md, and its Chinese was written for %q", row[1], row[2], r.means)
		}
		delete(known, row[1])
	}
	for name := range known {
		t.Errorf("%s has Chinese and is in no table of docs/api.md", name)
	}
}

// A reason that comes with different things says of each what it means there.
func TestMeaningsGoWithTheMessage(t *testing.T) {
	for name, tc := range map[string]struct{ reason, message, want string }{
		"a region's state":      {"WRONG_STATE", "region suzhou is ACTIVE: only one that is PENDING can be approved", "区域现在的状态"},
		"a ticket's state":      {"WRONG_STATE", "the ticket is CLOSED: only an offer that is neither accepted nor returned can be recalled", "工单现在的状态"},
		"one's own ticket":      {"OWN_REGION", "the ticket is this region's own matter: accept it instead", "请直接签收"},
		"one's own link":        {"OWN_REGION", "suzhou is this node's own region; name another one", "请指定其他区域"},
		"not declared":          {"OPEN_TICKETS", "region suzhou must declare its open tickets by its own node, or name a successor", "尚未申报"},
		"open":                  {"OPEN_TICKETS", "region suzhou has 3 open tickets; finish them or name a successor", "仍有在办工单"},
		"no route for a ticket": {"NO_ROUTE", "no rule says who serves division 320506; name a region with `to`, or have a route added", "--to"},
		"no route looked up":    {"NO_ROUTE", "no region serves 320506 on 2026-01-01; `jieli route check` lists such gaps", "route set"},
		"the first region":      {"BOOTSTRAP_REGION", "region suzhou keeps what no region owns until members vote; it stays active", "不能暂停或退出"},
		"returned twice":        {"SECOND_RETURN", "", "本轮已退回两次，待裁定"},
	} {
		t.Run(name, func(t *testing.T) {
			if got, ok := Meaning(tc.reason, tc.message); !ok || !strings.Contains(got, tc.want) {
				t.Errorf("got %q, want %q in it", got, tc.want)
			}
		})
	}
	if strings.Contains(reasons()["OWN_REGION"].chinese, "签收") {
		t.Error("without a message, a region of one's own is told to accept a ticket")
	}
	if _, ok := Meaning("NO_SUCH_REASON", ""); ok {
		t.Error("an unknown reason has a meaning")
	}
}
