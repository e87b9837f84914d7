package gateway

import "strings"

// joinHint says what whoever starts a newcomer may have missed. Before a region is a member its peers refuse its
// certificate without a word, as they must, so all there is to go by is how the connection ended.
func joinHint(err error) string {
	text := err.Error()
	has := func(parts ...string) bool {
		for _, part := range parts {
			if strings.Contains(text, part) {
				return true
			}
		}
		return false
	}
	switch {
	case has("BAD_CHAIN"):
		return "the node at that address has another CA than --fingerprint: take bundleFingerprint of `jieli pki show` there, and see whose address it is"
	case has("first record does not look like a TLS handshake"):
		return "that port does not speak TLS: --join takes the federation port of a member (7345), not its API's"
	case has("bad certificate", "broken pipe", "connection reset", "EOF"):
		return "the member does not know this region yet: `jieli region register` and `jieli region approve` there; it goes on by itself then. If it is approved, the keys here are not those that were registered"
	case has("connection refused", "no such host", "i/o timeout", "no route to host", "DeadlineExceeded"):
		return "nothing answers at that address: is it the federation port of a member that is up, and does a firewall let it through?"
	}
	return "it is tried again until the region is registered and approved"
}
