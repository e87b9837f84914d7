package link

import (
	"errors"

	"github.com/prometheus/client_golang/prometheus"
)

// meters are what all links count; how links are now is read from Status (gateway/telemetry). Labels are bounded: regions
// of the federation, coded words of this package.
type meters struct {
	batches  *prometheus.CounterVec
	items    *prometheus.CounterVec
	bytes    *prometheus.CounterVec
	receipts *prometheus.CounterVec
	refused  *prometheus.CounterVec
	stopped  *prometheus.CounterVec
	faults   *prometheus.CounterVec
	streams  *prometheus.CounterVec
	dials    *prometheus.CounterVec
}

// Values of the label `direction`: who wrote what is counted.
const (
	outgoingWay = "out"
	incomingWay = "in"
)

func newMeters(r prometheus.Registerer) (*meters, error) {
	const namespace = "jieli_link_"
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: namespace + name, Help: help}, labels)
	}
	m := &meters{
		batches:  counter("batches_total", "Batches sent.", "peer"),
		items:    counter("items_total", "Items sent, and items made durable that came.", "peer", "direction"),
		bytes:    counter("sent_bytes_total", "Bytes of items sent.", "peer"),
		receipts: counter("receipts_total", "Receipts written for a peer, and of a peer committed.", "peer", "direction"),
		refused:  counter("refused_total", "Offers refused for good, by the peer (out) or by us (in).", "peer", "direction"),
		stopped:  counter("stopped_total", "Items that broke a rule, stopped by the peer (out) or by us (in).", "peer", "direction", "reason"),
		faults:   counter("faults_total", "Times a link stopped because histories or registries differ.", "peer", "reason"),
		streams:  counter("streams_ended_total", "Streams ended.", "peer", "reason"),
		dials:    counter("dials_failed_total", "Tries to reach a peer that failed.", "peer", "reason"),
	}
	if r == nil {
		return m, nil
	}
	var errs []error
	for _, c := range []prometheus.Collector{
		m.batches, m.items, m.bytes, m.receipts, m.refused, m.stopped, m.faults, m.streams, m.dials,
	} {
		errs = append(errs, r.Register(c))
	}
	return m, errors.Join(errs...)
}

// peerMeters are the metrics of one link.
type peerMeters struct {
	*meters
	name string
}

func (m *meters) peer(name string) *peerMeters {
	return &peerMeters{m, name}
}

func (p *peerMeters) sent(items, bytes int) {
	p.batches.WithLabelValues(p.name).Inc()
	p.items.WithLabelValues(p.name, outgoingWay).Add(float64(items))
	p.bytes.WithLabelValues(p.name).Add(float64(bytes))
}

func (p *peerMeters) committed(t *turn) {
	p.items.WithLabelValues(p.name, incomingWay).Add(float64(t.taken))
	if t.receipt != nil {
		p.receipts.WithLabelValues(p.name, outgoingWay).Inc()
	}
	p.receipts.WithLabelValues(p.name, incomingWay).Add(float64(t.peerReceipts))
	p.refused.WithLabelValues(p.name, incomingWay).Add(float64(len(t.refused)))
	p.refused.WithLabelValues(p.name, outgoingWay).Add(float64(t.peerRefused))
	for _, it := range t.stopped {
		p.stopped.WithLabelValues(p.name, incomingWay, among(stoppedReasons, it.GetReason())).Inc()
	}
	for _, reason := range t.peerReasons {
		p.stopped.WithLabelValues(p.name, outgoingWay, among(stoppedReasons, reason)).Inc()
	}
}

func (p *peerMeters) fault(reason string)       { p.faults.WithLabelValues(p.name, reason).Inc() }
func (p *peerMeters) streamEnded(reason string) { p.streams.WithLabelValues(p.name, reason).Inc() }
func (p *peerMeters) dialFailed(reason string)  { p.dials.WithLabelValues(p.name, reason).Inc() }
