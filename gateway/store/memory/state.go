package memory

import (
	"encoding/binary"
	"strings"

	"github.com/jieli-gateway/jieli/gateway/store"
)

// state is everything a store holds at one moment. A copy of the struct is a snapshot: trees and the values in
// them never change.
type state struct {
	tickets   tree[*store.Ticket] // by id
	numbers   tree[string]        // number -> id
	externals tree[string]        // external id, origin -> id
	changed   tree[string]        // changed -> id
	events    tree[*store.Event]  // ticket, number
	contents  tree[*store.Content]
	counters  tree[uint64]

	links        tree[*store.Link]
	outbox       tree[*store.OutboxRow] // peer, sequence
	outboxEvents tree[*store.OutboxRow] // peer, ticket, number, sequence
	receipts     tree[*store.Receipt]   // peer, number
	peerReceipts tree[*store.Receipt]   // peer, number
	requests     tree[*store.Request]   // by id
	open         tree[*store.Request]   // peer, time, id: ours, not settled
	decisions    tree[*store.Decision]  // ticket, number
	stopped      tree[*store.StoppedTicket]

	answered tree[aged[*store.Answered]] // by request id
	evidence tree[aged[*store.Evidence]] // peer, sequence
	// The keys of answered and evidence by age, oldest first.
	answeredAges tree[string]
	evidenceAges tree[string]
	feed         tree[*store.FeedRow] // by sequence

	lastChanged int64
	lastFeed    int64
	lastAge     uint64
}

// aged is a value with its place among others by age.
type aged[V any] struct {
	value V
	age   uint64
}

// key joins the parts of a key so that keys sort part by part; no part holds a zero byte.
func key(parts ...string) string { return strings.Join(parts, "\x00") }

// prefix is what all keys that begin with these parts begin with.
func prefix(parts ...string) string { return key(parts...) + "\x00" }

// big writes a number so that numbers sort as strings do.
func big(n uint64) string {
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], n)
	return string(b[:])
}
