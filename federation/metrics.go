package federation

import (
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// meters are the registry's own metrics. Raft's are bridged by BridgeRaftMetrics.
type meters struct {
	registerer prometheus.Registerer
	collectors []prometheus.Collector

	proposals  *prometheus.HistogramVec
	refusals   *prometheus.CounterVec
	taken      prometheus.Counter
	mismatches prometheus.Counter
}

// newMeters registers the metrics; with a nil registerer they are counted for nobody.
func newMeters(registerer prometheus.Registerer, r *Registry) (*meters, error) {
	m := &meters{
		registerer: registerer,
		proposals: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "jieli_registry_propose_seconds",
			Help:    "How long registry writes took that were proposed on this node, by outcome.",
			Buckets: prometheus.ExponentialBuckets(0.0005, 2, 15),
		}, []string{"outcome"}),
		refusals: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "jieli_registry_refused_total",
			Help: "Calls and Raft connections of other nodes that were refused, by reason.",
		}, []string{"reason"}),
		taken: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "jieli_registry_forwarded_total",
			Help: "Registry writes that other nodes forwarded to this one and that were applied.",
		}),
		mismatches: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "jieli_registry_hash_mismatches_total",
			Help: "Nodes found to have a different registry at the same revision. Anything but 0 is an alarm.",
		}),
	}
	gauge := func(name, help string, value func() float64) prometheus.Collector {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "jieli_registry_" + name, Help: help}, value)
	}
	m.collectors = []prometheus.Collector{
		m.proposals, m.refusals, m.taken, m.mismatches,
		gauge("revision", "Revision of the registry on this node.", func() float64 { return float64(r.View().Revision()) }),
		gauge("level", "Level of the registry on this node.", func() float64 { return float64(r.View().Level()) }),
		gauge("applied_index", "Newest Raft entry applied on this node.", func() float64 { return float64(r.fsm.applied.Load()) }),
		gauge("stale", "1 if this node's table is a last known one.", func() float64 { return flag(r.View().Stale) }),
		gauge("contact_age_seconds", "How long ago a leader with a quorum was heard from.", func() float64 { return r.contact.age().Seconds() }),
		gauge("leader", "1 if this node leads.", func() float64 { return flag(r.leaderTerm.Load() != 0) }),
		gauge("term", "Raft term this node knows of.", r.metricTerm),
		gauge("voters", "Voters in the Raft configuration.", r.metricVoters),
		gauge("raft_bytes", "Size of the Raft log on disk in bytes; it never shrinks.", func() float64 { return float64(r.storage.size()) }),
	}
	if registerer == nil {
		return m, nil
	}
	for i, collector := range m.collectors {
		if err := registerer.Register(collector); err != nil {
			m.collectors = m.collectors[:i]
			m.unregister()
			return nil, err
		}
	}
	return m, nil
}

func (r *Registry) metricTerm() float64 {
	if r.started() != nil {
		return 0
	}
	return float64(r.raft.CurrentTerm())
}

func (r *Registry) metricVoters() float64 {
	if r.started() != nil {
		return 0
	}
	return float64(len(r.voters()))
}

func flag(set bool) float64 {
	if set {
		return 1
	}
	return 0
}

func (m *meters) unregister() {
	if m.registerer == nil {
		return
	}
	for _, collector := range m.collectors {
		m.registerer.Unregister(collector)
	}
}

// proposed counts a proposal made here: applied, REJECTED, or the reason it failed for.
func (m *meters) proposed(took time.Duration, err error) {
	outcome := "applied"
	var rejection *Rejection
	switch reason, _, ok := ReasonOf(err); {
	case err == nil:
	case errors.As(err, &rejection):
		outcome = "rejected"
	case ok:
		outcome = reason
	default:
		outcome = "failed"
	}
	m.proposals.WithLabelValues(outcome).Observe(took.Seconds())
}

// refused counts a call or connection of another node that was refused.
func (m *meters) refused(reason string) {
	if reason == "" {
		reason = "OTHER"
	}
	m.refusals.WithLabelValues(reason).Inc()
}

func (m *meters) forwarded()  { m.taken.Inc() }
func (m *meters) mismatched() { m.mismatches.Inc() }
