package misread

import (
	"fmt"
	"testing"

	"google.golang.org/protobuf/encoding/protojson"

	jieliv1 "github.com/jieli-gateway/jieli/proto/jieli/v1"
)

func TestWhatIsMisreadIsSaidByPlace(t *testing.T) {
	for name, tc := range map[string]struct{ text, want string }{
		"field":    {"{\"ticket\":\n {\"titel\":1}}", `2:3 unknown field "titel"`},
		"syntax":   {`{"ticket":{]}`, `1:12 unexpected token ]`},
		"end":      {`{"ticket":`, `0:0 unexpected EOF`},
		"type":     {`{"ticket":{"title":7}}`, `1:20 invalid value for string field title: 7`},
		"word":     {`{"ticket":{"urgency":"HIGH"}}`, `1:22 invalid value for enum field urgency: "HIGH"; must be one of NORMAL, URGENT, CRITICAL`},
		"no field": {`{"ticket":{"reporter":[]}}`, `1:23 unexpected token [`},
	} {
		t.Run(name, func(t *testing.T) {
			m := new(jieliv1.SubmitTicketRequest)
			line, column, what := Of(protojson.Unmarshal([]byte(tc.text), m), m)
			if got := fmt.Sprintf("%d:%d %s", line, column, what); got != tc.want {
				t.Errorf("got %s, want %s", got, tc.want)
			}
		})
	}
}

func TestWhatGoesAroundAnObject(t *testing.T) {
	for name, tc := range map[string]struct{ text, want string }{
		"a ticket alone":       {`{"type":"HELP","titel":"a","division":"11"}`, "ticket"},
		"a whole request":      {`{"ticket":{"titel":"a"}}`, ""},
		"with its request id":  {`{"requestId":"r","title":"a"}`, ""},
		"something else":       {`{"nodes":[]}`, ""},
		"not even JSON":        {`title: a`, ""},
		"nothing in it":        {`{}`, ""},
		"a list is no content": {`[{"title":"a"}]`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			if got := Wrapper([]byte(tc.text), new(jieliv1.SubmitTicketRequest)); got != tc.want {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
	if Object([]byte("dataDir: x")) || Object([]byte(" [")) || !Object([]byte(" \n{")) || !Object(nil) {
		t.Error("what is an object is told wrongly")
	}
}

func FuzzOf(f *testing.F) {
	f.Add(`{"ticket":{"urgency":"HIGH"}}`)
	f.Fuzz(func(_ *testing.T, text string) {
		m := new(jieliv1.SubmitTicketRequest)
		if err := protojson.Unmarshal([]byte(text), m); err != nil {
			Of(err, m) // must not panic
			Wrapper([]byte(text), m)
		}
	})
}
