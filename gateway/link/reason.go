package link

import (
	"strings"
	"unicode"
)

// States of a link, as shown.
const (
	StateUp         = "UP"
	StateConnecting = "CONNECTING"
	StateDown       = "DOWN"
	StateStopped    = "STOPPED"
	StateBehind     = "BEHIND"
)

// Reasons a link is not up, or is up with a restriction.
const (
	// The peer cannot be reached.
	ReasonDNS         = "DNS"
	ReasonRefused     = "REFUSED"
	ReasonTimeout     = "TIMEOUT"
	ReasonUnreachable = "UNREACHABLE"
	ReasonCertificate = "CERTIFICATE"
	ReasonNoAddress   = "NO_ADDRESS"
	ReasonNotANode    = "NOT_A_NODE"
	ReasonBroken      = "CONNECTION_LOST"
	// The peer is not, or not wholly, a member.
	ReasonNotMember    = "NOT_A_MEMBER"
	ReasonPending      = "PENDING"
	ReasonSuspended    = "SUSPENDED"
	ReasonRetired      = "RETIRED"
	ReasonRevoked      = "REVOKED"
	ReasonWrongCluster = "WRONG_CLUSTER"
	ReasonVersion      = "VERSION"
	// The two accounts of the exchange differ.
	ReasonPeerRestored = "PEER_RESTORED"
	ReasonSelfRestored = "SELF_RESTORED"
	// Somebody must wait or make room.
	ReasonBehind   = "BEHIND"
	ReasonDiverged = "REGISTRY_DIFFERS"
	ReasonPeerDisk = "PEER_DISK"
	ReasonDraining = "DRAINING"
	ReasonReplaced = "REPLACED"
	// Somebody must look.
	ReasonProtocol       = "PROTOCOL"
	ReasonTooLarge       = "TOO_LARGE"
	ReasonTooManyStopped = "TOO_MANY_STOPPED"
	ReasonStore          = "STORE"
	// ReasonNotReady: its node answers, but has no links yet; said of questions only.
	ReasonNotReady = "NOT_READY"
)

// What a hello or keepalive says of a side that takes no new offers.
const (
	NotTakingDisk     = "DISK"
	NotTakingDraining = "DRAINING"
)

// stoppedPredecessor is why an item is stopped whose ticket stands still already.
const stoppedPredecessor = "PREDECESSOR_STOPPED"

// stoppedReasons are the coded reasons of stopped items (link.proto).
var stoppedReasons = map[string]bool{
	"FORGED": true, "CHAIN_BROKEN": true, "PEN_MISUSED": true, "EQUIVOCATION": true, "TOO_LARGE": true,
	"MALFORMED": true, "CONTENT_MISMATCH": true, "UNKNOWN_KIND": true, stoppedPredecessor: true,
}

// goodbyeReasons are what a goodbye may say (link.proto).
var goodbyeReasons = map[string]bool{
	ReasonDraining: true, ReasonWrongCluster: true, ReasonVersion: true, ReasonPeerRestored: true,
	ReasonSelfRestored: true, ReasonReplaced: true, ReasonProtocol: true, ReasonBehind: true,
	ReasonTooLarge: true, ReasonTooManyStopped: true, "SUPERSEDED": true,
}

// among gives a coded word if it is one of the known, else OTHER: a peer must not choose labels and log texts.
func among(words map[string]bool, word string) string {
	if words[word] {
		return word
	}
	return "OTHER"
}

// coded gives a peer's word if it has the form of a code, which may be one of a newer binary, else OTHER.
func coded(word string) string {
	const longest = 32
	if len(word) > longest || strings.ContainsFunc(word, func(r rune) bool { return (r < 'A' || r > 'Z') && r != '_' }) {
		return "OTHER"
	}
	return word
}

// clip bounds words of a peer for logs and status.
func clip(words string) string {
	const most = 200
	words = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == unicode.ReplacementChar {
			return ' '
		}
		return r
	}, words)
	if runes := []rune(words); len(runes) > most {
		return string(runes[:most]) + "…"
	}
	return words
}
