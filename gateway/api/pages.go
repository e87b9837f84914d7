package api

import (
	"encoding/json"
	"net/http"

	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// metricsPage is the page's name in rules, logs and metrics.
const metricsPage = "/metrics"

// serveHealth answers /healthz: the process is alive. Anonymous.
func (s *Server) serveHealth(w http.ResponseWriter, _ *http.Request) {
	writePage(w, http.StatusOK, struct {
		Alive bool `json:"alive"`
	}{true})
}

// serveReady answers /readyz: the node takes calls, or 503 and what it is still loading. Anonymous.
func (s *Server) serveReady(w http.ResponseWriter, _ *http.Request) {
	loading := *s.loading.Load()
	code := http.StatusOK
	if len(loading) > 0 {
		code = http.StatusServiceUnavailable
	}
	writePage(w, code, struct {
		Ready   bool     `json:"ready"`
		Loading []string `json:"loading,omitempty"`
	}{len(loading) == 0, loading})
}

// serveMetrics answers /metrics in Prometheus' format.
func (s *Server) serveMetrics(w http.ResponseWriter, r *http.Request) {
	s.gate.page(w, r, metricsPage, func() {
		promhttp.HandlerFor(s.cfg.Metrics, promhttp.HandlerOpts{MaxRequestsInFlight: 4}).ServeHTTP(w, r)
	})
}

func writePage(w http.ResponseWriter, code int, page any) {
	body, err := json.Marshal(page)
	if err != nil {
		code, body = http.StatusInternalServerError, []byte("{}")
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_, _ = w.Write(append(body, '\n')) // the caller is gone, then
}

// page lets those in who may read a page.
func (g *gate) page(w http.ResponseWriter, r *http.Request, name string, serve func()) {
	c := g.begin(r.Context(), name)
	err := g.admit(r.Context(), c)
	if err == nil {
		serve()
	}
	if err = g.end(c, nil, err); err != nil {
		writeError(w, r, err)
	}
}
