package api

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/jieli-gateway/jieli/gateway/desk"
	"github.com/jieli-gateway/jieli/gateway/fault"
	jieliv1 "github.com/jieli-gateway/jieli/proto/jieli/v1"
)

func TestWhatHTTPRefuses(t *testing.T) {
	c := newCentre(t)
	for name, test := range map[string]struct {
		method, path, token, body string
		code                      int
		reason, field             string
	}{
		"no token":                      {"GET", "/v1/tickets/T-1", "", "", 401, "NO_TOKEN", ""},
		"no token for an unknown path":  {"GET", "/v1/nothing", "", "", 401, "NO_TOKEN", ""},
		"no token and a bad body":       {"POST", "/v1/tickets", "", "{", 401, "NO_TOKEN", ""},
		"bad token":                     {"GET", "/v1/tickets/T-1", "jieli_no", "", 401, "BAD_TOKEN", ""},
		"role missing":                  {"GET", "/v1/tickets/T-1", c.monitor, "", 403, "ROLE_REQUIRED", ""},
		"operator missing":              {"POST", "/v1/regions/chengyu:suspend", c.adminSystem, "{}", 403, "OPERATOR_REQUIRED", ""},
		"id with an escaped slash":      {"GET", "/v1/tickets/a%2Fb", c.operator, "", 400, "INVALID_FIELD", "id"},
		"id with a colon":               {"GET", "/v1/tickets/a:b", c.operator, "", 400, "INVALID_FIELD", "id"},
		"id with a percent":             {"GET", "/v1/tickets/a%25b", c.operator, "", 400, "INVALID_FIELD", "id"},
		"id with an escaped percent":    {"GET", "/v1/tickets/a%252Fb", c.operator, "", 400, "INVALID_FIELD", "id"},
		"id of two dots":                {"GET", "/v1/tickets/%2E%2E", c.operator, "", 400, "INVALID_FIELD", "id"},
		"id of plain dots":              {"GET", "/v1/tickets/..", c.operator, "", 400, "INVALID_FIELD", "id"},
		"id with a zero byte":           {"GET", "/v1/tickets/a%00b", c.operator, "", 400, "INVALID_FIELD", "id"},
		"id with a space":               {"GET", "/v1/tickets/a%20b", c.operator, "", 400, "INVALID_FIELD", "id"},
		"id that is too long":           {"GET", "/v1/tickets/" + strings.Repeat("a", 65), c.operator, "", 400, "INVALID_FIELD", "id"},
		"id of a command":               {"POST", "/v1/tickets/a%2Fb:accept", c.operator, "{}", 400, "INVALID_FIELD", "id"},
		"path not UTF-8":                {"GET", "/v1/tickets/%FF", c.operator, "", 400, "INVALID_FIELD", "path"},
		"slash in the id":               {"GET", "/v1/tickets/a/b", c.operator, "", 404, "NO_SUCH_PATH", ""},
		"up and away":                   {"GET", "/v1/tickets/../../etc/passwd", c.operator, "", 404, "NO_SUCH_PATH", ""},
		"no id":                         {"GET", "/v1/tickets/", c.operator, "", 400, "INVALID_FIELD", "id"},
		"outside":                       {"GET", "/tickets", c.operator, "", 404, "NO_SUCH_PATH", ""},
		"unknown verb":                  {"POST", "/v1/tickets/T-1:explode", c.operator, "{}", 404, "NO_SUCH_PATH", ""},
		"wrong method":                  {"DELETE", "/v1/tickets/T-1", c.operator, "", 405, "METHOD_NOT_ALLOWED", ""},
		"wrong method of a page":        {"POST", "/healthz", "", "", 405, "METHOD_NOT_ALLOWED", ""},
		"body too large":                {"POST", "/v1/tickets", c.operator, `{"title":"` + strings.Repeat("x", MaxBodyBytes) + `"}`, 413, "BODY_TOO_LARGE", ""},
		"body not UTF-8":                {"POST", "/v1/tickets", c.operator, "{\"title\":\"\xff\xfe\"}", 400, "INVALID_UTF8", ""},
		"body not JSON":                 {"POST", "/v1/tickets", c.operator, "title=a", 400, "INVALID_JSON", ""},
		"body cut short":                {"POST", "/v1/tickets", c.operator, `{"ticket":{"title":"a"`, 400, "INVALID_JSON", ""},
		"body twice":                    {"POST", "/v1/tickets", c.operator, `{"ticket":{}}{"ticket":{}}`, 400, "INVALID_JSON", ""},
		"body a list":                   {"POST", "/v1/tickets", c.operator, `[{"title":"a"}]`, 400, "INVALID_JSON", ""},
		"body empty":                    {"POST", "/v1/tickets", c.operator, ``, 400, "INVALID_FIELD", "ticket"},
		"unknown field":                 {"POST", "/v1/tickets", c.operator, `{"ticket":{"titel":"a"}}`, 400, "INVALID_FIELD", "ticket.titel"},
		"unknown field of a bare one":   {"POST", "/v1/tickets", c.operator, `{"title":"a","colour":"red"}`, 400, "INVALID_FIELD", "ticket.colour"},
		"unknown enum":                  {"POST", "/v1/tickets", c.operator, `{"title":"a","type":"GOSSIP"}`, 400, "INVALID_FIELD", "ticket.type"},
		"unknown enum number":           {"POST", "/v1/tickets", c.operator, `{"title":"a","type":99}`, 400, "INVALID_FIELD", "ticket.type"},
		"number for a text":             {"POST", "/v1/tickets", c.operator, `{"title":5}`, 400, "INVALID_FIELD", "ticket.title"},
		"field twice":                   {"POST", "/v1/tickets", c.operator, `{"title":"a","title":"b"}`, 400, "INVALID_FIELD", "ticket.title"},
		"lone surrogate":                {"POST", "/v1/tickets", c.operator, `{"title":"\ud800"}`, 400, "INVALID_JSON", ""},
		"deep field":                    {"POST", "/v1/tickets", c.operator, "{\n \"title\":\"路灯\",\n \"reporter\":{\"name\":\"李\", \"organization\":{\"size\":[1]}}}", 400, "INVALID_FIELD", "ticket.reporter.organization.size"},
		"field in a list":               {"POST", "/v1/regions", c.admin, `{"region":{"id":"ab"},"nodes":[{"name":"a"},{"name":"b","port":1}]}`, 400, "INVALID_FIELD", "nodes[1].port"},
		"time that is none":             {"POST", "/v1/tickets", c.operator, `{"title":"a","reportedAt":"yesterday"}`, 400, "INVALID_FIELD", "ticket.reportedAt"},
		"unknown query parameter":       {"GET", "/v1/tickets?stat=CLOSED", c.operator, "", 400, "INVALID_FIELD", "stat"},
		"unknown enum in the query":     {"GET", "/v1/tickets?state=LOST", c.operator, "", 400, "INVALID_FIELD", "state"},
		"unknown light":                 {"GET", "/v1/tickets?light=BLUE", c.operator, "", 400, "INVALID_FIELD", "light"},
		"a time that is none":           {"GET", "/v1/tickets?dueBefore=soon", c.operator, "", 400, "INVALID_FIELD", "due_before"},
		"text for a number":             {"GET", "/v1/tickets?pageSize=many", c.operator, "", 400, "INVALID_FIELD", "page_size"},
		"query parameter twice":         {"GET", "/v1/tickets?state=CLOSED&state=ACCEPTED", c.operator, "", 400, "INVALID_FIELD", "state"},
		"query of a command":            {"POST", "/v1/tickets/T-1:accept?requestID=x", c.operator, "{}", 400, "INVALID_FIELD", "requestID"},
		"query not UTF-8":               {"GET", "/v1/tickets?origin=%FF", c.operator, "", 400, "INVALID_FIELD", "query"},
		"query with a bad escape":       {"GET", "/v1/tickets?origin=%zz", c.operator, "", 400, "INVALID_FIELD", "query"},
		"wait too long":                 {"GET", "/v1/events?wait=61s", c.operator, "", 400, "INVALID_FIELD", "wait"},
		"wait that is none":             {"GET", "/v1/events?wait=soon", c.operator, "", 400, "INVALID_FIELD", "wait"},
		"query of a stream":             {"GET", "/v1/events:watch?before=1", c.operator, "", 400, "INVALID_FIELD", "before"},
		"metrics without a token":       {"GET", "/metrics", "", "", 401, "NO_TOKEN", ""},
		"metrics without the role":      {"GET", "/metrics", c.operator, "", 403, "ROLE_REQUIRED", ""},
		"document without a token":      {"GET", "/openapi.json", "", "", 401, "NO_TOKEN", ""},
		"region id with capitals":       {"GET", "/v1/regions/Suzhou", c.operator, "", 400, "INVALID_FIELD", "id"},
		"region that is not there":      {"GET", "/v1/regions/nowhere", c.operator, "", 404, "REGION_NOT_FOUND", ""},
		"node of a region with a slash": {"DELETE", "/v1/nodes/a%2Fb/c", c.admin, "", 400, "INVALID_FIELD", "region"},
	} {
		t.Run(name, func(t *testing.T) {
			got := c.request(test.method, test.path, test.token, test.body)
			s := got.refusal(t)
			if got.code != test.code || s.reason() != test.reason || s.field() != test.field {
				t.Fatalf("got %d %s field %q\n%s\nwant %d %s field %q", got.code, s.reason(), s.field(), got.body, test.code, test.reason, test.field)
			}
			if got.header.Get("Content-Type") != "application/json" || s.Message == "" || s.Details[0].Domain != "jieli" ||
				s.Details[0].Metadata[correlationKey] != got.header.Get(correlationHeader) {
				t.Fatalf("not a whole Status: %v\n%s", got.header, got.body)
			}
			if (got.code == 401) != (got.header.Get("WWW-Authenticate") != "") || (got.code == 405) != (got.header.Get("Allow") != "") {
				t.Fatalf("headers: %v", got.header)
			}
		})
	}
	if method, _, _ := c.desk.seen(); method != "" {
		t.Fatalf("the desk was asked to %s", method)
	}
}

func TestAQueryIsToldTheWordsItMayHave(t *testing.T) {
	c := newCentre(t)
	const want = "state: must be one of RECEIVED, UNROUTED, OFFERED,"
	if got := c.request("GET", "/v1/tickets?state=FOO", c.operator, ""); got.code != 400 || !strings.Contains(string(got.body), want) {
		t.Errorf("%d %s; want %q", got.code, got.body, want)
	}
}

func TestAllowListsTheMethods(t *testing.T) {
	c := newCentre(t)
	for path, want := range map[string]string{
		"/v1/tickets": "GET, POST", "/v1/tickets/T-1": "GET", "/v1/tickets/T-1:offer": "POST", "/v1/routes": "DELETE, GET, POST",
		"/v1/routes:lookup": "GET", "/v1/regions/suzhou": "GET, PUT", "/v1/nodes/suzhou/a": "DELETE", "/v1/events:watch": "GET, HEAD",
	} {
		if got := c.request("PATCH", path, c.operator, ""); got.code != 405 || got.header.Get("Allow") != want {
			t.Errorf("%s: %d, Allow %q; want %q", path, got.code, got.header.Get("Allow"), want)
		}
	}
}

func TestBareObjects(t *testing.T) {
	c := newCentre(t)
	ticket := &jieliv1.Ticket{Title: "路灯不亮", Type: jieliv1.Ticket_COMPLAINT}
	for name, test := range map[string]struct {
		body string
		want *jieliv1.SubmitTicketRequest
	}{
		"whole":                  {`{"ticket":{"title":"路灯不亮","type":"COMPLAINT"},"requestId":"r"}`, &jieliv1.SubmitTicketRequest{Ticket: ticket, RequestId: "r"}},
		"bare":                   {`{"title":"路灯不亮","type":"COMPLAINT"}`, &jieliv1.SubmitTicketRequest{Ticket: ticket}},
		"bare with a request id": {`{"requestId":"r","title":"路灯不亮","type":"COMPLAINT"}`, &jieliv1.SubmitTicketRequest{Ticket: ticket, RequestId: "r"}},
		"bare by .proto names":   {`{"request_id":"r","title":"路灯不亮","type":1}`, &jieliv1.SubmitTicketRequest{Ticket: &jieliv1.Ticket{Title: "路灯不亮", Type: 1}, RequestId: "r"}},
		"with space around":      {" \n{ \"title\" : \"路灯不亮\" , \"type\":\"COMPLAINT\" } \n", &jieliv1.SubmitTicketRequest{Ticket: ticket}},
	} {
		t.Run(name, func(t *testing.T) {
			got := c.request("POST", "/v1/tickets", c.operator, test.body)
			if got.code != 200 {
				t.Fatalf("%d %s", got.code, got.body)
			}
			if _, _, req := c.desk.seen(); !proto.Equal(req, test.want) {
				t.Fatalf("the desk got %v, want %v", req, test.want)
			}
		})
	}
	t.Run("route", func(t *testing.T) {
		got := c.request("POST", "/v1/routes", c.admin, `{"division":"3205","region":"suzhou","expectedRevision":"7"}`)
		command := c.registry.proposed()
		if got.code != 200 || command.GetExpectedRevision() != 7 || command.GetChangeRoutes().GetSet()[0].GetRegion() != "suzhou" {
			t.Fatalf("%d %s, %v", got.code, got.body, command)
		}
	})
	t.Run("service", func(t *testing.T) {
		got := c.request("POST", "/v1/services", c.admin, `{"code":"urban.housing","delete":true}`)
		if code := c.registry.proposed().GetChangeServices().GetDelete(); got.code != 200 || len(code) != 1 || code[0] != "urban.housing" {
			t.Fatalf("%d %s, %v", got.code, got.body, code)
		}
	})
	t.Run("node", func(t *testing.T) {
		got := c.request("POST", "/v1/nodes", c.admin, `{"region":"suzhou","name":"a","address":"suzhou.example:7345"}`)
		if node := c.registry.proposed().GetPutNode().GetNode(); got.code != 200 || node.GetName() != "a" || node.GetRegion() != "suzhou" {
			t.Fatalf("%d %s, %v", got.code, got.body, node)
		}
	})
	t.Run("region", func(t *testing.T) {
		got := c.request("POST", "/v1/regions", c.admin, `{"id":"suzhou","nodes":[{"name":"a"}]}`)
		if got.refusal(t).field() != "region.bundle" {
			t.Fatalf("%d %s", got.code, got.body)
		}
	})
}

func TestOperatorOverHTTP(t *testing.T) {
	c := newCentre(t)
	for name, test := range map[string]struct {
		header string
		want   desk.Actor
	}{
		"percent-encoded": {"%E7%8E%8B%E8%8A%B3", desk.Actor{Name: "crm", Operator: "王芳"}},
		"plain UTF-8":     {"王芳", desk.Actor{Name: "crm", Operator: "王芳"}},
	} {
		t.Run(name, func(t *testing.T) {
			got := c.request("POST", "/v1/tickets/T-1:accept", c.system, `{}`, operatorHeader, test.header)
			if _, actor, _ := c.desk.seen(); got.code != 200 || actor != test.want {
				t.Fatalf("%d %s by %+v, want %+v", got.code, got.body, actor, test.want)
			}
		})
	}
	if got := c.request("POST", "/v1/tickets/T-1:accept", c.system, `{}`, operatorHeader, "\xff"); got.refusal(t).reason() != "INVALID_OPERATOR" {
		t.Fatalf("not UTF-8: %d %s", got.code, got.body)
	}
}

func TestAnswersAreProtobufJSON(t *testing.T) {
	c := newCentre(t)
	got := c.request("GET", "/v1/tickets/T-1", c.operator, "")
	var ticket map[string]any
	if err := json.Unmarshal(got.body, &ticket); err != nil || got.code != 200 {
		t.Fatalf("%d %v", got.code, err)
	}
	if len(ticket) != 2 || ticket["id"] != "T-1" || ticket["state"] != "ACCEPTED" {
		t.Fatalf("got %s", got.body)
	}
	got = c.request("GET", "/v1/tickets?state=CLOSED&pageSize=5&updatedAfter=2026-11-24T00:00:00Z&externalId=A%2F1&light=RED&dueBefore=2026-12-01T00:00:00%2B08:00", c.auditor, "")
	_, _, req := c.desk.seen()
	list, ok := req.(*jieliv1.ListTicketsRequest)
	if got.code != 200 || !ok || list.GetState() != jieliv1.Ticket_CLOSED || list.GetPageSize() != 5 ||
		list.GetExternalId() != "A/1" || list.GetLight() != jieliv1.Ticket_RED || list.GetDueBefore().AsTime().Hour() != 16 || list.GetUpdatedAfter().AsTime().Hour() != 0 {
		t.Fatalf("%d, the desk got %v", got.code, req)
	}
}

func TestEachCommandHasItsPath(t *testing.T) {
	c := newCentre(t)
	for path, want := range map[string]string{
		":offer": "Offer", ":accept": "Accept", ":return": "Return", ":note": "Note", ":answer": "Answer", ":close": "Close",
		":reopen": "Reopen", ":withdraw": "Withdraw", ":recall": "Recall",
	} {
		got := c.request("POST", "/v1/tickets/T-1"+path, c.operator, `{"expectedEvent":4}`)
		if method, _, _ := c.desk.seen(); got.code != 200 || method != want {
			t.Errorf("%s: %d, the desk was asked to %s", path, got.code, method)
		}
	}
	if got := c.request("POST", "/v1/status/links:retry", c.admin, `{"ticket":"T-1"}`); got.code != 200 {
		t.Errorf("retry: %d %s", got.code, got.body)
	}
	if got := c.request("POST", "/v1/status/links:excuse", c.admin, `{"region":"chengyu","reason":"fire"}`); got.code != 200 {
		t.Errorf("excuse: %d %s", got.code, got.body)
	}
	if got := c.request("POST", "/v1/status/links:excuse", c.admin, `{"region":"chengyu"}`); got.refusal(t).field() != "reason" {
		t.Errorf("excuse without a reason: %d %s", got.code, got.body)
	}
}

func TestErrorsOfTheDeskOverHTTP(t *testing.T) {
	c := newCentre(t)
	for name, test := range map[string]struct {
		err  error
		code int
	}{
		"not found":    {fault.New(fault.NotFound, "TICKET_NOT_FOUND", "no"), 404},
		"exists":       {fault.New(fault.Exists, "EXTERNAL_ID_USED", "no"), 409},
		"aborted":      {fault.New(fault.Aborted, "EVENT_MOVED_ON", "no"), 409},
		"precondition": {fault.New(fault.Precondition, "NO_PEN", "no"), 400},
		"exhausted":    {fault.New(fault.Exhausted, "DISK_FULL", "no"), 429},
		"unavailable":  {fault.New(fault.Unavailable, "PEER_UNCONFIRMED", "no"), 503},
		"out of range": {fault.New(fault.OutOfRange, "CURSOR_TOO_OLD", "no"), 400},
		"wrapped":      {fmt.Errorf("while accepting: %w", fault.New(fault.Denied, "NOT_ALLOWED", "no")), 403},
		"unexpected":   {errors.New("no"), 500},
	} {
		t.Run(name, func(t *testing.T) {
			c.desk.failWith(func(context.Context) error { return test.err })
			got := c.request("POST", "/v1/tickets/T-1:accept", c.operator, `{}`)
			want := fault.ReasonOf(test.err)
			if want == "" {
				want = "INTERNAL"
			}
			if s := got.refusal(t); got.code != test.code || s.reason() != want {
				t.Fatalf("%d %s; want %d %s", got.code, got.body, test.code, want)
			}
		})
	}
}

func TestPages(t *testing.T) {
	c := newCentre(t)
	if got := c.request("GET", "/healthz", "", ""); got.code != 200 || !strings.Contains(string(got.body), `"alive":true`) {
		t.Errorf("healthz: %d %s", got.code, got.body)
	}
	if got := c.request("GET", "/readyz", "", ""); got.code != 200 || !strings.Contains(string(got.body), `"ready":true`) {
		t.Errorf("readyz: %d %s", got.code, got.body)
	}
	c.api.SetLoading("store", "links")
	if got := c.request("GET", "/readyz", "", ""); got.code != 503 || !strings.Contains(string(got.body), `["store","links"]`) {
		t.Errorf("readyz while loading: %d %s", got.code, got.body)
	}
	if got := c.request("GET", "/healthz", "", ""); got.code != 200 {
		t.Errorf("healthz while loading: %d", got.code)
	}
	c.request("GET", "/v1/tickets/T-1", c.operator, "")
	got := c.request("GET", "/metrics", c.monitor, "")
	if got.code != 200 || !strings.Contains(string(got.body), `jieli_api_calls_total{code="OK",method="/jieli.v1.TicketService/GetTicket",port="API"} 1`) {
		t.Errorf("metrics: %d %s", got.code, got.body)
	}
	got = c.request("GET", "/openapi.json", c.monitor, "")
	var document map[string]any
	if err := json.Unmarshal(got.body, &document); err != nil || got.code != 200 || document["swagger"] != "2.0" {
		t.Errorf("openapi.json: %d %v", got.code, err)
	}
}

func TestMetricsMayBeOpen(t *testing.T) {
	c := newCentre(t, func(cfg *Config) { cfg.MetricsAnonymous = true })
	if got := c.request("GET", "/metrics", "", ""); got.code != 200 {
		t.Fatalf("%d %s", got.code, got.body)
	}
}

func TestJSONOverHTTP2IsAClearAnswer(t *testing.T) {
	c := newCentre(t)
	protocols := new(http.Protocols)
	protocols.SetUnencryptedHTTP2(true)
	client := &http.Client{Transport: &http.Transport{Protocols: protocols}}
	defer client.CloseIdleConnections()
	response, err := client.Get(c.url + "/healthz")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusUnsupportedMediaType && response.StatusCode != http.StatusMethodNotAllowed {
		t.Fatalf("got %d", response.StatusCode)
	}
}

func TestConnectionsThatSayNothingDoNotBlockOthers(t *testing.T) {
	c := newCentre(t)
	var silent []net.Conn
	for _, begin := range []string{"", "P", "PRI * HT"} {
		conn, err := net.Dial("tcp", c.address)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if _, err := conn.Write([]byte(begin)); err != nil {
			t.Fatal(err)
		}
		silent = append(silent, conn)
	}
	if got := c.request("GET", "/healthz", "", ""); got.code != 200 {
		t.Fatalf("%d", got.code)
	}
	// What came before the rest is not lost.
	conn := silent[1]
	if _, err := conn.Write([]byte("OST /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")); err != nil {
		t.Fatal(err)
	}
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil || response.StatusCode != http.StatusMethodNotAllowed {
		t.Fatalf("%v, %v", response, err)
	}
	response.Body.Close()
}

func TestConnectionsAreBounded(t *testing.T) {
	c := newCentre(t, func(cfg *Config) { cfg.MaxConnections = 2 })
	dial := func() (net.Conn, *bufio.Reader) {
		t.Helper()
		conn, err := net.Dial("tcp", c.address)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := conn.Write([]byte("GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n")); err != nil {
			t.Fatal(err)
		}
		return conn, bufio.NewReader(conn)
	}
	answered := func(r *bufio.Reader) error {
		response, err := http.ReadResponse(r, nil)
		if err != nil {
			return err
		}
		_, err = io.Copy(io.Discard, response.Body)
		return errors.Join(err, response.Body.Close())
	}
	first, firstReader := dial()
	second, secondReader := dial()
	defer second.Close()
	if err := errors.Join(answered(firstReader), answered(secondReader)); err != nil {
		t.Fatal(err)
	}
	third, thirdReader := dial()
	defer third.Close()
	if err := third.SetReadDeadline(time.Now().Add(100 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	if err := answered(thirdReader); err == nil {
		t.Fatal("a third connection was served beside two")
	}
	first.Close()
	if err := third.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	thirdReader.Reset(third)
	if err := answered(thirdReader); err != nil {
		t.Fatalf("when one had gone: %v", err)
	}
}

func TestShutdownLetsCallsFinish(t *testing.T) {
	c := newCentre(t)
	under, finish := make(chan struct{}), make(chan struct{})
	c.desk.failWith(func(context.Context) error {
		close(under)
		<-finish
		return nil
	})
	answered := make(chan answer, 1)
	go func() { answered <- c.request("GET", "/v1/tickets/T-1", c.operator, "") }()
	<-under
	ended := make(chan error, 1)
	go func() { ended <- c.api.Shutdown(context.Background()) }()
	<-c.api.draining
	close(finish)
	if got := <-answered; got.code != 200 {
		t.Fatalf("%d %s", got.code, got.body)
	}
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	if _, err := net.Dial("tcp", c.address); err == nil {
		t.Fatal("the port is still open")
	}
}

func TestShutdownCutsOffWhatDoesNotFinish(t *testing.T) {
	c := newCentre(t)
	under := make(chan struct{}, 2)
	c.desk.failWith(func(ctx context.Context) error {
		under <- struct{}{}
		<-ctx.Done()
		return ctx.Err()
	})
	ended := make(chan error, 1)
	go func() {
		_, err := jieliv1.NewTicketServiceClient(c.conn).GetTicket(as(c.operator), &jieliv1.GetTicketRequest{Id: "T-1"})
		ended <- err
	}()
	<-under
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := c.api.Shutdown(ctx); !errors.Is(err, context.Canceled) {
		t.Fatalf("got %v", err)
	}
	if err := <-ended; err == nil {
		t.Fatal("the call that was cut off succeeded")
	}
}

func TestShutdownWithoutServe(t *testing.T) {
	c := newCentre(t)
	api, err := New(Config{Tokens: c.tokens})
	if err != nil {
		t.Fatal(err)
	}
	if err := api.Shutdown(context.Background()); err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := api.Serve(listener); err != nil {
		t.Fatalf("serving after the end: %v", err)
	}
}

func FuzzHTTP(f *testing.F) {
	c := newCentre(f)
	handler := c.api.web.Handler
	for _, seed := range []struct{ method, target, body string }{
		{"GET", "/v1/tickets/T-1", ""},
		{"GET", "/v1/tickets/a%2F..%00:b?state=CLOSED&x.y=%FF", ""},
		{"POST", "/v1/tickets", `{"title":"a","requestId":"r"}`},
		{"POST", "/v1/tickets/T-1:return", `{"reason":"DUPLICATE","text":"\u0000"}`},
		{"POST", "/v1/regions", `{"region":{"id":"a","bundle":["AA=="]},"nodes":[{"name":"a"}]}`},
		{"POST", "/v1/routes", `{"division":"11","region":"ab","validFrom":"2026-13-40"}`},
		{"GET", "/v1/routes:lookup?division=110101&service=x&explain=true&asOf=2026-01-01", ""},
		{"GET", "/v1/routes?pageToken=AQ&pageSize=-1", ""},
		{"GET", "/v1/divisions:search?q=%E6%9C%9D", ""},
		{"DELETE", "/v1/routes?division=1&service=a.b", ""},
		{"PUT", "/v1/policy", `{"policy":{"registryGrace":"1s"}}`},
		{"GET", "/v1/events?wait=0s", ""},
		{"GET", "/openapi.json", ""},
	} {
		f.Add(seed.method, seed.target, seed.body)
	}
	f.Fuzz(func(t *testing.T, method, target, body string) {
		req, err := http.NewRequest(method, "http://a"+target, strings.NewReader(body))
		if err != nil || !strings.HasPrefix(target, "/") {
			return // net/http lets none of these through either
		}
		if strings.HasPrefix(req.URL.Path, "/v1/events") {
			return // the feed waits, as it should
		}
		for _, token := range []string{c.operator, c.admin} {
			req.Body = io.NopCloser(strings.NewReader(body))
			req.Header.Set("Authorization", "Bearer "+token)
			w := httptest.NewRecorder()
			handler.ServeHTTP(w, req)
			if w.Code >= 500 && w.Code != 503 {
				t.Fatalf("%s %q %q: %d %s\n%s", method, target, body, w.Code, w.Body, c.log)
			}
			if w.Code >= 400 {
				s := answer{body: w.Body.Bytes()}.refusal(t)
				if s.reason() == "" || s.Message == "" {
					t.Fatalf("%s %q %q: %d %s", method, target, body, w.Code, w.Body)
				}
			}
		}
	})
}
