package regions

import (
	"errors"
	"testing"
	"time"

	jieliv1 "github.com/jieli-gateway/jieli/proto/jieli/v1"
)

func TestTermsInWords(t *testing.T) {
	for text, want := range map[string]Term{
		"3d": Workdays(3), "250d": Workdays(250), "24h": Hours(24), "30m": Minutes(30), "1h30m": Minutes(90), "90s": {Clock: 90 * time.Second},
	} {
		got, err := ParseTermText(text)
		if err != nil || got != want {
			t.Errorf("%s is %+v, %v; want %+v", text, got, err, want)
		}
		if again, err := ParseTermText(got.String()); err != nil || again != want {
			t.Errorf("%s is written %q, which is %+v, %v", text, got, again, err)
		}
		if TermOf(got.Number()) != want {
			t.Errorf("%s is number %d, which is %+v", text, got.Number(), TermOf(got.Number()))
		}
		if wire, err := ParseTerm(got.Message()); err != nil || wire != want {
			t.Errorf("%s travels as %v, which is %+v, %v", text, got.Message(), wire, err)
		}
	}
	for _, text := range []string{"", "3", "0d", "-1d", "d", "251d", "65536d", "0s", "-1h", "1.5s", "500ms", "9000h", "3 d", "三天"} {
		if got, err := ParseTermText(text); err == nil {
			t.Errorf("%q is %+v", text, got)
		}
	}
	if (Term{}).String() != "" || (Term{}).Message() != nil || (Term{}).Number() != 0 {
		t.Error("no limit is written as one")
	}
}

func TestTermsOfTheContract(t *testing.T) {
	for name, c := range map[string]struct {
		terms *jieliv1.Terms
		field string
	}{
		"nothing in it":     {&jieliv1.Terms{Accept: &jieliv1.Term{}}, "accept"},
		"both kinds":        {&jieliv1.Terms{Contact: &jieliv1.Term{WorkingDays: 1, ClockSeconds: 1}}, "contact"},
		"too many days":     {&jieliv1.Terms{Answer: &jieliv1.Term{WorkingDays: 1<<32 - 1}}, "answer"},
		"too long a time":   {&jieliv1.Terms{ReturnComplex: &jieliv1.Term{ClockSeconds: 1<<32 - 1}}, "returnComplex"},
		"none at all":       {nil, ""},
		"the longest there": {&jieliv1.Terms{Return: &jieliv1.Term{ClockSeconds: 366 * 86400}}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := ParseTerms(c.terms)
			var invalid *InvalidError
			if errors.As(err, &invalid); (invalid == nil) != (c.field == "") || invalid != nil && invalid.Field != c.field {
				t.Fatalf("got %v; want a mistake of %q", err, c.field)
			}
		})
	}
}
