package api

import (
	"io"
	"net/http"
	"strings"
	"testing"

	jieliv1 "github.com/jieli-gateway/jieli/proto/jieli/v1"
)

func benchmarkTicket() *jieliv1.Ticket {
	return &jieliv1.Ticket{
		ExternalId: "TJ-1", Type: jieliv1.Ticket_COMPLAINT, Title: "小区路灯不亮", Description: strings.Repeat("路灯不亮，", 100),
		Division: "120101", Reporter: &jieliv1.Reporter{Name: "李雷", Phone: "13800000000"},
	}
}

// BenchmarkSubmitGRPC is what the API costs a call over gRPC, with nothing behind it.
func BenchmarkSubmitGRPC(b *testing.B) {
	c := newCentre(b, quiet)
	tickets, ctx := jieliv1.NewTicketServiceClient(c.conn), as(c.system, "wang")
	req := &jieliv1.SubmitTicketRequest{Ticket: benchmarkTicket()}
	b.ReportAllocs()
	b.SetParallelism(64)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, err := tickets.SubmitTicket(ctx, req); err != nil {
				b.Error(err)
			}
		}
	})
}

// BenchmarkSubmitHTTP is what it costs a request over HTTP/JSON.
func BenchmarkSubmitHTTP(b *testing.B) {
	c := newCentre(b, quiet)
	transport := &http.Transport{MaxIdleConnsPerHost: 256}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport}
	body := `{"ticket":{"externalId":"TJ-1","type":"COMPLAINT","title":"小区路灯不亮","description":"` + strings.Repeat("路灯不亮，", 100) +
		`","division":"120101","reporter":{"name":"李雷","phone":"13800000000"}}}`
	b.ReportAllocs()
	b.SetParallelism(64)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			req, err := http.NewRequest(http.MethodPost, c.url+"/v1/tickets", strings.NewReader(body))
			if err != nil {
				b.Fatal(err)
			}
			req.Header.Set("Authorization", "Bearer "+c.system)
			response, err := client.Do(req)
			if err != nil {
				b.Error(err)
				return
			}
			if response.StatusCode != http.StatusOK {
				b.Error(response.Status)
			}
			_, _ = io.Copy(io.Discard, response.Body)
			response.Body.Close()
		}
	})
}

func quiet(cfg *Config) { cfg.Log = nil }
