package show

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	jieliv1 "github.com/jieli-gateway/jieli/proto/jieli/v1"
)

func tickets() *Table {
	t := &Table{Head: []string{"NUMBER", "HOLDER", "TITLE"}}
	t.Add("JJJ-20261124-000042-7", "changsanjiao", "车行拒绝退款")
	t.Add("CY-1", "", "Lärm\x1b[31m\n夜间施工")
	return t
}

func TestTablesLineUp(t *testing.T) {
	for name, tc := range map[string]struct {
		chinese bool
		want    string
	}{
		"English": {false, `
NUMBER                 HOLDER        TITLE
JJJ-20261124-000042-7  changsanjiao  车行拒绝退款
CY-1                                 Lärm [31m 夜间施工
`},
		"Chinese": {true, `
工单号                 承办区域      标题
JJJ-20261124-000042-7  changsanjiao  车行拒绝退款
CY-1                                 Lärm [31m 夜间施工
`},
	} {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			p := &Printer{Out: &out, Format: "table", Chinese: tc.chinese}
			if err := p.Value(nil, tickets); err != nil {
				t.Fatal(err)
			}
			if got := "\n" + out.String(); got != tc.want {
				t.Errorf("got%swant%s", got, tc.want)
			}
		})
	}
}

func TestMessagesAreProtobufJSON(t *testing.T) {
	m := &jieliv1.Ticket{Number: "CY-1", State: jieliv1.Ticket_OFFERED, OfferedTo: "suzhou", Title: "夜间施工"}
	for format, want := range map[string]string{
		"json": "{\n  \"number\": \"CY-1\",\n  \"offeredTo\": \"suzhou\",\n  \"state\": \"OFFERED\",\n  \"title\": \"夜间施工\"\n}\n",
		"yaml": "number: CY-1\nofferedTo: suzhou\nstate: OFFERED\ntitle: 夜间施工\n",
	} {
		t.Run(format, func(t *testing.T) {
			var out bytes.Buffer
			p := &Printer{Out: &out, Format: format}
			if err := p.Message(m, nil); err != nil {
				t.Fatal(err)
			}
			if out.String() != want {
				t.Errorf("got\n%s\nwant\n%s", out.String(), want)
			}
		})
	}
}

func TestErrorsSayWhatWhyWhereAndUnderWhichNumber(t *testing.T) {
	answer, err := status.New(codes.InvalidArgument, "ticket.title: is missing").WithDetails(
		&errdetails.ErrorInfo{Reason: "INVALID_FIELD", Metadata: map[string]string{"correlationId": "0193f2a6"}},
		&errdetails.BadRequest{FieldViolations: []*errdetails.BadRequest_FieldViolation{{Field: "ticket.title", Description: "is missing"}}},
	)
	if err != nil {
		t.Fatal(err)
	}
	details := "\nreason: INVALID_FIELD\ncorrelation id: 0193f2a6"
	away, err := status.New(codes.Unauthenticated, "the token expired").WithDetails(&errdetails.ErrorInfo{Reason: "TOKEN_EXPIRED"},
		&errdetails.BadRequest{FieldViolations: []*errdetails.BadRequest_FieldViolation{{Field: "token", Description: "is required"}}})
	if err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		err     error
		chinese bool
		want    string
	}{
		"answer":         {answer.Err(), false, "error: ticket.title: is missing" + details},
		"wrapped answer": {fmt.Errorf("line 3: %w", answer.Err()), false, "error: line 3: ticket.title: is missing" + details},
		"in Chinese": {
			answer.Err(), true,
			"错误：ticket.title：必填\n原因：INVALID_FIELD\n关联号：0193f2a6",
		},
		"reason in Chinese": {
			fmt.Errorf("line 3: %w", away.Err()), true,
			"错误：line 3: 访问令牌已过期；请由管理员另发（jieli token create）（the token expired）\n原因：TOKEN_EXPIRED\n字段：token：必填",
		},
		"plain": {errors.New("disk on fire"), false, "error: disk on fire"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := (&Printer{Chinese: tc.chinese}).Error(tc.err); got != tc.want {
				t.Errorf("got  %q\nwant %q", got, tc.want)
			}
		})
	}
}

func TestProgressIsForTerminals(t *testing.T) {
	var out bytes.Buffer
	elsewhere := NewProgress(&out)
	elsewhere.Tell("%d", 1)
	elsewhere.End()
	if out.Len() > 0 {
		t.Errorf("wrote %q to what is no terminal", out.String())
	}
	now := time.Unix(0, 0)
	p := &Progress{out: &out, now: func() time.Time { return now }}
	p.End() // nothing was told: nothing to take away
	for i := range 10 {
		p.Tell("%d lines", i)
		now = now.Add(progressEvery / 2)
	}
	p.End()
	if got, want := strings.ReplaceAll(out.String(), eraseLine, "|"), "|0 lines|2 lines|4 lines|6 lines|8 lines|"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestPace(t *testing.T) {
	now := time.Unix(0, 0)
	p := &Pace{begin: now, now: func() time.Time { return now }}
	if p.Rate(10) != 0 || p.Left(0, 100) != 0 {
		t.Error("tells a pace before anything happened")
	}
	now = now.Add(10 * time.Second)
	if p.Rate(255) != 26 || p.Left(25, 100) != 30*time.Second || p.Left(100, 100) != 0 {
		t.Errorf("got %d, %s", p.Rate(255), p.Left(25, 100))
	}
}

// A file that somebody else wrote, or a peer, has a part in the words of errors.
func TestErrorsDoNotSteerTheTerminal(t *testing.T) {
	err := errors.New("mapping.yaml:1: unknown key \x1b]0;pwned\x07\x1b[2J\u009b31m\nline 2:\t\u202egnp.exe\u2066x")
	want := "error: mapping.yaml:1: unknown key  ]0;pwned  [2J 31m\nline 2:\t gnp.exe x"
	if got := new(Printer).Error(err); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := Clean("a\u202eb\tc"); got != "a b c" {
		t.Errorf("got %q", got)
	}
}
