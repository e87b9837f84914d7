package api

import (
	"fmt"
	"net"
	"net/netip"
)

// CheckAddress refuses an address that others than this machine can reach when there is no TLS: tokens and personal
// data would pass in the clear. A name other than `localhost` counts as such an address.
func CheckAddress(address string, withTLS bool) error {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return fmt.Errorf("API address %q: must be host:port, like 127.0.0.1:8345: %w", address, err)
	}
	if withTLS || loopback(host) {
		return nil
	}
	return fmt.Errorf("API address %q: others than this machine can reach it, and tokens would pass in the clear: "+
		"set api.tls.certificate and api.tls.key, or listen on 127.0.0.1", address)
}

func loopback(host string) bool {
	if host == "localhost" {
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.Unmap().IsLoopback()
}
