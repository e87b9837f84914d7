// Package federationtest runs whole federations inside a test: over mTLS on loopback (Cluster), or in memory and in
// fake time (Memory). It is for tests of this project only.
package federationtest
