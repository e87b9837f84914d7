package api

import (
	"strings"
	"testing"

	jieliv1 "github.com/jieli-gateway/jieli/proto/jieli/v1"
)

// answered is the view of a region that reaches some and does not reach others (with a minus before).
func answered(region string, peers ...string) *jieliv1.View {
	v := &jieliv1.View{Region: region, Node: "n1", Answered: true}
	for _, p := range peers {
		name, missed := strings.CutPrefix(p, "-")
		state := "UP"
		if missed {
			state = "DOWN"
		}
		v.Links = append(v.Links, &jieliv1.SeenLink{Peer: name, State: state})
	}
	return v
}

func silent(region string) *jieliv1.View {
	return &jieliv1.View{Region: region, Node: "n1", Reason: "REFUSED"}
}

func TestVerdicts(t *testing.T) {
	const me = "me"
	for name, c := range map[string]struct {
		down  []string // not up from here; a, b and c otherwise are
		views []*jieliv1.View
		want  string
	}{
		"everybody reaches everybody": {views: []*jieliv1.View{answered("a", "me", "b", "c"), answered("b", "me", "a", "c"), answered("c", "me", "a", "b")}},
		"they are down":               {down: []string{"a"}, views: []*jieliv1.View{silent("a"), answered("b", "me", "-a", "c"), answered("c", "me", "-a", "b")}, want: "a THEY_ARE_DOWN"},
		"my line is down":             {down: []string{"a"}, views: []*jieliv1.View{silent("a"), answered("b", "me", "a", "c"), answered("c", "me", "a", "b")}, want: "a OUR_LINE"},
		"some lines are down":         {down: []string{"a"}, views: []*jieliv1.View{silent("a"), answered("b", "me", "a", "c"), answered("c", "me", "-a", "b")}, want: "a SOME_LINES"},
		"only the exchange":           {down: []string{"a"}, views: []*jieliv1.View{answered("a", "-me", "b", "c"), answered("b", "me", "a", "c"), answered("c", "me", "a", "b")}, want: "a EXCHANGE_ONLY"},
		"we are cut off":              {down: []string{"a", "b", "c"}, views: []*jieliv1.View{silent("a"), silent("b"), silent("c")}, want: "a WE_ARE_CUT_OFF, b WE_ARE_CUT_OFF, c WE_ARE_CUT_OFF"},
		"two others are at odds":      {views: []*jieliv1.View{answered("a", "me", "-b", "c"), answered("b", "me", "-a", "c"), answered("c", "me", "a", "b")}, want: "a OTHERS_LINE"},
		"two are down":                {down: []string{"a", "b"}, views: []*jieliv1.View{silent("a"), silent("b"), answered("c", "me", "-a", "-b")}, want: "a THEY_ARE_DOWN, b THEY_ARE_DOWN"},
	} {
		t.Run(name, func(t *testing.T) {
			var own []*jieliv1.LinkStatus
			for _, peer := range []string{"a", "b", "c"} {
				l := &jieliv1.LinkStatus{Peer: peer, State: "UP"}
				for _, d := range c.down {
					if d == peer {
						l.State, l.Reason = "DOWN", "REFUSED"
					}
				}
				own = append(own, l)
			}
			var got []string
			for _, v := range verdicts(me, own, c.views) {
				got = append(got, v.GetRegion()+" "+v.GetCode().String())
				if v.GetMessage() == "" || v.GetMessageZh() == "" || v.GetMessage() == v.GetMessageZh() {
					t.Errorf("not said in both languages: %v", v)
				}
			}
			if s := strings.Join(got, ", "); s != c.want {
				t.Errorf("got %q, want %q", s, c.want)
			}
		})
	}
}

// With two regions there is nobody else to ask.
func TestVerdictOfTwo(t *testing.T) {
	own := []*jieliv1.LinkStatus{{Peer: "a", State: "DOWN", Reason: "TIMEOUT"}}
	got := verdicts("me", own, []*jieliv1.View{silent("a")})
	if len(got) != 1 || got[0].GetCode() != jieliv1.Verdict_CANNOT_TELL {
		t.Errorf("got %v", got)
	}
}

func TestSentencesNameFewRegions(t *testing.T) {
	many := []string{"a", "b", "c", "d", "e", "f"}
	if got := names(many); got != "each of a, b, c, d and 2 more" {
		t.Error(got)
	}
	if got := namesZh(many); got != "a、b、c、d 等 6 个区域" {
		t.Error(got)
	}
	if got := names(many[:1]); got != "a" {
		t.Error(got)
	}
}
