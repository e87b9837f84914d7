// Package trust knows who is speaking: keys, certificates, identities, TLS between regions, signatures and the
// encryption of content at rest (design §4).
//
// Each region is a SPIFFE trust domain with a certificate authority (CA) of its own. There is no central CA: which
// CAs speak for a region, and which of its nodes may do what, is asked of a Members, which the registry implements.
// Nothing here knows Raft, tickets or the registry's types.
//
// What lives here, by file:
//
//	identity.go     NodeID, and the rules for region ids and node names
//	pki.go          keys and certificates on disk: Init, Issue, Rotate
//	material.go     what a node loads from there (Load), and what it shows to others (Show)
//	bundle.go       a region's CA certificates and their fingerprints
//	members.go      what is asked of the registry
//	refusal.go      why a peer was refused, as a typed error with a coded reason
//	peers.go        the check of a peer, TLS configurations, Recheck after a registry change
//	connection.go   live connections, each with its verified peer
//	mux.go          one port: handshakes, then gRPC or Raft by ALPN
//	dial.go         dialling, and gRPC credentials for both sides
//	join.go         the first connection of a joiner, who knows only a fingerprint
//	certificates.go the node's own certificate, reloaded when its file changes
//	signing.go      domain-separated signatures behind an interface
//	batch.go        one signature over many events: Merkle root and inclusion paths
//	commitment.go   commitments to content
//	vault.go        content encrypted at rest
//
// # Decisions
//
// A key and its certificates share one file (node.pem, ca.pem), so that replacing a pair is one rename and no reader
// ever sees half of it.
//
// Every check of a peer is made in tls.Config.VerifyConnection, which TLS runs for resumed sessions too; resumption
// is switched off as well on both sides. What it learns is used only after the handshake, because a TLS 1.3 server
// calls it before the client has proved that it has the private key.
//
// Expiry is judged when a connection is made. A connection that is open stays open when the certificate behind it
// expires; the registry (Recheck) is what closes open connections.
package trust
