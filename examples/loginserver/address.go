package main

import (
	"net/http"
	"net/netip"
)

// clientAddr returns the address of the other end of the connection, or the
// zero Addr, which every policy refuses. It reads no header: whoever connects
// directly can write X-Forwarded-For as they like. Behind a proxy the other
// end is the proxy, and everybody would come from there; then declare the
// addresses of your proxies, and read the header only where the other end is
// one of them, from right to left, up to the first address that is not.
func clientAddr(r *http.Request) netip.Addr {
	ap, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	return ap.Addr().Unmap()
}

// network returns what one visitor has of addresses: one of IPv4, or the /64 of
// an IPv6 one.
func network(addr netip.Addr) netip.Prefix {
	bits := 64
	if addr.Is4() {
		bits = 32
	}
	p, _ := addr.Prefix(bits) // the zero Prefix for the zero Addr
	return p
}
