package gateway

import (
	"bytes"
	"context"
	"encoding/hex"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/uuid"
	collectorpb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/proto"

	jieliv1 "github.com/jieli-gateway/jieli/proto/jieli/v1"
)

// collector is where nodes send their traces to.
type collector struct {
	collectorpb.UnimplementedTraceServiceServer
	endpoint string

	mu    sync.Mutex
	spans []seenSpan
	raw   [][]byte
}

type seenSpan struct {
	*tracepb.Span
	region string
}

func startCollector(t *testing.T) *collector {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	must(t, err)
	c := &collector{endpoint: "http://" + l.Addr().String()}
	server := grpc.NewServer()
	collectorpb.RegisterTraceServiceServer(server, c)
	var serving sync.WaitGroup
	serving.Go(func() { _ = server.Serve(l) })
	t.Cleanup(func() { server.Stop(); serving.Wait() })
	return c
}

// Export implements the collector's service.
func (c *collector) Export(_ context.Context, req *collectorpb.ExportTraceServiceRequest) (*collectorpb.ExportTraceServiceResponse, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	raw, err := proto.Marshal(req)
	if err != nil {
		return nil, err
	}
	c.raw = append(c.raw, raw)
	for _, r := range req.GetResourceSpans() {
		region := ""
		for _, a := range r.GetResource().GetAttributes() {
			if a.GetKey() == "jieli.region" {
				region = a.GetValue().GetStringValue()
			}
		}
		for _, s := range r.GetScopeSpans() {
			for _, one := range s.GetSpans() {
				c.spans = append(c.spans, seenSpan{one, region})
			}
		}
	}
	return &collectorpb.ExportTraceServiceResponse{}, nil
}

// named are the spans of this name, of one region and about one event; 0 for any.
func (c *collector) named(name, region string, event int64) (found []seenSpan) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, s := range c.spans {
		if s.GetName() == name && s.region == region && (event == 0 || s.number("jieli.event.number") == event) {
			found = append(found, s)
		}
	}
	return found
}

// one waits for the only span like this.
func (c *collector) one(t *testing.T, name, region string, event int64) seenSpan {
	t.Helper()
	eventually(t, fmt.Sprintf("span %s of event %d from %s", name, event, region), func() bool { return len(c.named(name, region, event)) > 0 })
	found := c.named(name, region, event)
	if len(found) > 1 {
		t.Errorf("%d spans %s of event %d from %s", len(found), name, event, region)
	}
	return found[0]
}

func (s seenSpan) number(key string) int64 {
	for _, a := range s.GetAttributes() {
		if a.GetKey() == key {
			return a.GetValue().GetIntValue()
		}
	}
	return 0
}

func (s seenSpan) text(key string) string {
	for _, a := range s.GetAttributes() {
		if a.GetKey() == key {
			return a.GetValue().GetStringValue()
		}
	}
	return ""
}

// TestOneTraceAcrossRegions follows a ticket from the centre that took the call to the one that answers it, and back.
func TestOneTraceAcrossRegions(t *testing.T) {
	c := startCollector(t)
	traced := func(cfg *Config) { cfg.TracesEndpoint, cfg.TracesRatio = c.endpoint, 1 }
	centres := startCentres(t, map[string]string{"jingjinji": "11", "changsanjiao": "31", "chengyu": "50"}, traced, "jingjinji", "changsanjiao", "chengyu")
	origin, holder := centres["jingjinji"], centres["changsanjiao"]
	res, err := origin.tickets.SubmitTicket(origin.ctx(), &jieliv1.SubmitTicketRequest{Ticket: complaint()})
	must(t, err)
	id := res.GetTicket().GetId()
	holder.sees(id, jieliv1.Ticket_OFFERED)
	_, err = holder.tickets.AcceptTicket(holder.ctx(), &jieliv1.AcceptTicketRequest{Id: id})
	must(t, err)
	_, err = holder.tickets.AnswerTicket(holder.ctx(), &jieliv1.AnswerTicketRequest{Id: id, Text: secretText + "已清理"})
	must(t, err)
	answered := origin.sees(id, jieliv1.Ticket_ANSWERED)
	_, err = holder.tickets.ReopenTicket(holder.ctx(), &jieliv1.ReopenTicketRequest{Id: id, Text: secretName + "来电"})
	if err == nil {
		t.Fatal("a ticket was reopened by another than its origin")
	}
	if len(answered.GetEvents()) != 4 {
		t.Fatalf("the ticket has %d events, expected RECEIVED, OFFERED, ACCEPTED and ANSWERED", len(answered.GetEvents()))
	}

	trace := uuid.MustParse(id)
	// span checks one and gives its id.
	span := func(name, region string, event int64, parent []byte) []byte {
		t.Helper()
		s := c.one(t, name, region, event)
		if !bytes.Equal(s.GetTraceId(), trace[:]) {
			t.Errorf("%s of %s has the trace %x, expected the ticket's id", name, region, s.GetTraceId())
		}
		if !bytes.Equal(s.GetParentSpanId(), parent) {
			t.Errorf("%s of event %d from %s stands below %x, expected %x", name, event, region, s.GetParentSpanId(), parent)
		}
		if s.GetStartTimeUnixNano() == 0 || s.GetEndTimeUnixNano() < s.GetStartTimeUnixNano() {
			t.Errorf("%s of event %d from %s ends before it begins", name, event, region)
		}
		if s.text("jieli.ticket.id") != id {
			t.Errorf("%s of event %d from %s names the ticket %q", name, event, region, s.text("jieli.ticket.id"))
		}
		return s.GetSpanId()
	}
	submit := span("submit", "jingjinji", 0, nil)
	received := span("RECEIVED", "jingjinji", 1, submit)
	offered := span("OFFERED", "jingjinji", 2, received)
	span("send", "jingjinji", 2, offered)
	span("take", "changsanjiao", 2, offered)
	span("receipt", "jingjinji", 2, offered)
	accept := span("accept", "changsanjiao", 0, offered)
	accepted := span("ACCEPTED", "changsanjiao", 3, offered)
	span("send", "changsanjiao", 3, accepted)
	span("take", "jingjinji", 3, accepted)
	span("receipt", "changsanjiao", 3, accepted)
	span("answer", "changsanjiao", 0, accepted)
	answer := span("ANSWERED", "changsanjiao", 4, accepted)
	span("take", "jingjinji", 4, answer)
	span("receipt", "changsanjiao", 4, answer)

	t.Run("an event's span is the beginning of its hash", func(t *testing.T) {
		if want := answered.GetEvents()[1].GetHash(); hex.EncodeToString(offered) != want[:16] {
			t.Errorf("the span of OFFERED is %x, its hash %s", offered, want)
		}
	})
	t.Run("an event points at the command that appended it", func(t *testing.T) {
		links := c.one(t, "ACCEPTED", "changsanjiao", 3).GetLinks()
		if len(links) != 1 || !bytes.Equal(links[0].GetSpanId(), accept) {
			t.Errorf("the span of ACCEPTED points at %v, expected the command %x", links, accept)
		}
	})
	t.Run("what was refused says why, in code", func(t *testing.T) {
		s := c.one(t, "reopen", "changsanjiao", 0)
		if s.GetStatus().GetCode() != tracepb.Status_STATUS_CODE_ERROR || s.GetStatus().GetMessage() == "" || strings.ContainsAny(s.GetStatus().GetMessage(), " .:") {
			t.Errorf("the status is %v", s.GetStatus())
		}
	})
	t.Run("a third region sees nothing", func(t *testing.T) {
		if i := slices.IndexFunc(c.spans, func(s seenSpan) bool { return s.region == "chengyu" }); i >= 0 {
			t.Errorf("chengyu has made the span %s", c.spans[i].GetName())
		}
	})
	t.Run("nobody's words or data are told", func(t *testing.T) {
		c.mu.Lock()
		defer c.mu.Unlock()
		for _, raw := range c.raw {
			for _, secret := range []string{secretName, secretPhone, secretText, "楼道", answered.GetNumber(), "310101", "urban.housing"} {
				if bytes.Contains(raw, []byte(secret)) {
					t.Errorf("%q was sent to the collector", secret)
				}
			}
		}
		for _, s := range c.spans {
			for _, a := range s.GetAttributes() {
				if !slices.Contains([]string{"jieli.ticket.id", "jieli.event.number", "jieli.event.kind", "jieli.peer", "jieli.outcome"}, a.GetKey()) {
					t.Errorf("%s has an attribute that is not agreed: %s", s.GetName(), prototext.Format(a))
				}
			}
		}
	})
}
