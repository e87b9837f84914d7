// Package ticket holds the rules of tickets: the bytes of events and decisions, the fold of a ticket's events
// into its state, who may append which event when (the pen), the hashes a link runs over, and the limits of
// what a centre submits.
//
// Everything here is a function from values to values. Nothing does input or output, reads a clock, draws
// randomness or keeps a lock; time and random bytes are arguments. Functions never change what they are
// given, and are safe for concurrent use.
//
// One table, Transitions, says which event may follow which state, who may append it and where the pen is
// then. Check, Apply and the table of docs/protocol.md (Table) all come from it.
//
// What does not live here: storage (gateway/store), signatures and whether a region may be offered to
// (federation), commands and what a node does by itself (gateway/desk), exchange with peers (gateway/link).
package ticket
