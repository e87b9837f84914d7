// Package access knows who may call a node's API: bearer tokens on disk, client certificates, roles, and how
// often an address has failed to show a good token.
//
// Tokens live in one JSON file (tokens.json, mode 0600) that `jieli token create|list|revoke` and a running node
// share: every change is one atomic rename under a lock, and a running node looks at the file again at most
// RefreshInterval after it changed, so a revoked token stops working within a second. The file holds SHA-256
// digests, never tokens: a token is printed once, when it is made, and cannot be shown again.
//
// A file that has been removed holds no tokens. One that cannot be read any more leaves those read before in use,
// and says so in the log: a full disk or a slip of an editor must not close a hotline.
//
// Digests are compared by looking them up in a map. The time that takes says something about digests, never about
// tokens, and 256 random bits cannot be guessed.
//
// What does not live here: which role which method needs (the .proto annotations, read by gateway/api), and who
// is who between regions (federation/trust).
package access
