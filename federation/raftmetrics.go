package federation

import (
	"fmt"
	"time"

	gometrics "github.com/hashicorp/go-metrics"
	sink "github.com/hashicorp/go-metrics/prometheus"
	"github.com/prometheus/client_golang/prometheus"
)

// raftMetricsExpire is after how long a metric of Raft that is no longer reported is forgotten.
const raftMetricsExpire = 10 * time.Minute

// BridgeRaftMetrics sends Raft's own metrics (raft_*) to a registerer. Raft reports to one place for the whole
// process, so this is called once, by main, before any registry is started. It does nothing unless the binary is built
// with the tag hashicorpmetrics.
func BridgeRaftMetrics(registerer prometheus.Registerer) error {
	to, err := sink.NewPrometheusSinkFrom(sink.PrometheusOpts{Registerer: registerer, Expiration: raftMetricsExpire})
	if err != nil {
		return fmt.Errorf("bridge Raft's metrics: %w", err)
	}
	cfg := gometrics.DefaultConfig("")
	cfg.EnableHostname = false
	cfg.EnableRuntimeMetrics = false // the process collector has them
	if _, err := gometrics.NewGlobal(cfg, to); err != nil {
		return fmt.Errorf("bridge Raft's metrics: %w", err)
	}
	return nil
}
