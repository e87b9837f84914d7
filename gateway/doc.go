// Package gateway puts a node together: the registry, the store, the desk, the links and the API, in the order in which
// each can begin, and takes it apart in the opposite order.
package gateway
