package gateway

import (
	"log/slog"

	"github.com/jieli-gateway/jieli/gateway/api"
	"github.com/jieli-gateway/jieli/gateway/link"
	"github.com/jieli-gateway/jieli/gateway/store"
	"github.com/jieli-gateway/jieli/gateway/telemetry"
)

// tracing puts a tracer between the parts of a node, or nothing when there is none.
type tracing struct{ tracer *telemetry.Tracer }

// tracer starts tracing if an endpoint is configured.
func (n *Node) tracer() (tracing, error) {
	if n.cfg.TracesEndpoint == "" {
		return tracing{}, nil
	}
	t, err := telemetry.NewTracer(telemetry.TraceConfig{
		Endpoint: n.cfg.TracesEndpoint, Ratio: n.cfg.TracesRatio,
		Region: n.material.Region, Node: n.material.Node.Node, Version: n.cfg.Version,
		Registerer: n.metrics, Log: n.log, Now: n.cfg.Now,
	})
	if err != nil {
		return tracing{}, err
	}
	n.log.Info("tickets are traced", slog.String("collector", n.cfg.TracesEndpoint), slog.Float64("ratio", n.cfg.TracesRatio))
	return tracing{t}, nil
}

func (t tracing) store(s store.Store) store.Store {
	if t.tracer == nil {
		return s
	}
	return t.tracer.Store(s)
}

func (t tracing) tickets(tickets link.Tickets) link.Tickets {
	if t.tracer == nil {
		return tickets
	}
	return t.tracer.Tickets(tickets)
}

func (t tracing) desk(d api.Desk) api.Desk {
	if t.tracer == nil {
		return d
	}
	return t.tracer.Desk(d)
}

func (t tracing) close() error {
	if t.tracer == nil {
		return nil
	}
	return t.tracer.Close()
}
