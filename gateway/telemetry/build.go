package telemetry

import (
	"fmt"
	"runtime"

	"github.com/prometheus/client_golang/prometheus"
)

// AddBuild says which binary this is.
func AddBuild(registerer prometheus.Registerer, version string) error {
	g := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "jieli_build_info", Help: "1; the labels say which version runs, and what Go built it.",
		ConstLabels: prometheus.Labels{"version": version, "go_version": runtime.Version()},
	})
	g.Set(1)
	if err := registerer.Register(g); err != nil {
		return fmt.Errorf("telemetry: %w", err)
	}
	return nil
}
