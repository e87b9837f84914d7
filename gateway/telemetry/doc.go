// Package telemetry shows whoever operates a node how it is and what it does: metrics that are read from the node's parts
// when Prometheus scrapes (readings.go and what stands beside it), metrics of what the parts tell of (meters.go), and
// OpenTelemetry traces that follow a ticket across regions (tracer.go and what stands beside it).
//
// What the API, the links and the registry count themselves is counted there; docs/metrics.md lists all of it. Label
// values are bounded: regions of the federation, states and reasons of this code. Nothing here ever holds a text or a
// person's data, and nothing here holds up a ticket.
package telemetry
