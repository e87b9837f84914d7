// Package federation is the running part of the control plane: the registry over Raft, who votes, forwarding of
// writes, and joining (design §3, protocol 17–23). What the registry is stands in package registry, who may connect in
// package trust. Nothing here knows tickets.
//
// A Registry is opened with New, so that Members can answer trust's questions; then trust's Peers and Mux are made
// with it; then Start connects it through them. Once in its life a node calls Bootstrap or Join.
//
// What lives here, by file:
//
//	node.go         Registry: New, Start, Close
//	view.go         the table that readers get, and whether it is a last known one
//	apply.go        Propose: here as leader, or forwarded; retried until its deadline
//	read.go         ReadStrong: a read that sees every answered write
//	leader.go       what a new leader does before it answers
//	voters.go       Plan: who votes, as a pure function
//	membership.go   carrying the plan out; moving votes away before a region leaves
//	neighbours.go   how the other nodes are
//	join.go         Bootstrap, Join
//	settle.go       catching up after a start, reporting the level
//	contact.go      when a leader with a quorum was last heard from
//	checkpoint.go   the last known table on disk
//	mismatch.go     comparing state hashes
//	server.go       what other nodes call (FederationService)
//	network.go      how nodes reach each other: mTLS; tests bring their own
//	stream.go       Raft's connections, each begun by a greeting (greeting.go)
//	clients.go      one gRPC connection to each node that is called
//	members.go      trust.Members over the registry
//	fsm.go          where Raft meets the registry
//	transport.go    the one seam between Raft and the network
//	logstore.go     Raft's files; gate.go watches its disk
//	future.go       waits for Raft that have an end
//	profile.go      durations; config.go the rest of the configuration
//	status.go, metrics.go, raftmetrics.go, raftlog.go, errors.go, bell.go
//
// # Decisions
//
// Nodes go by name in Raft, also where it asks for an address; the stream layer looks the address up in the registry
// when it dials, and checks that the node of that name answers. So an address changes with one registry write.
//
// A snapshot begins with the index of the newest entry it contains, because Raft tells neither that nor when an entry
// has reached the state machine. A strong read waits for the newest entry that does reach it: no-ops and barriers
// never do.
//
// Votes are moved only after every node has been asked anew: a vote given to a node that has just gone away could
// cost the quorum. A voter that is away keeps its vote; nothing is pruned. Votes are not moved for a command that is
// bound to be rejected.
//
// A node that starts and hears no leader asks the voters it knows for a newer table. Regions that were approved and
// came to lead while it was away are strangers to it: it would refuse the only ones that could introduce them. A
// voter is believed, as it would be if it led.
//
// A snapshot that cannot be restored stops the node from applying, and it says so, instead of ending the process as
// Raft would: its tickets need no registry write.
//
// The outcome of a write may say that it is repeated although its caller sent it once: Propose tries again when the
// leader moves. Callers who care look at the revision.
package federation
