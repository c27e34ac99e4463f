//go:build !purego

package ipset

import (
	"net/netip"
	"unsafe"
)

// number is plainNumber by reading the address where it lies: an Addr begins
// with its number. Turning it into bytes and back costs as much as the rest of
// a look-up in a small set. Build with the tag purego to do without.
func number(a netip.Addr) uint128 {
	if !layoutKnown {
		return plainNumber(a)
	}
	return *(*uint128)(unsafe.Pointer(&a))
}

// layoutKnown reports whether an Addr is laid out as number reads it. No
// promise says so, hence it is tried out when the program starts.
var layoutKnown = func() bool {
	if unsafe.Sizeof(netip.Addr{}) < unsafe.Sizeof(uint128{}) || unsafe.Alignof(netip.Addr{}) < unsafe.Alignof(uint128{}) {
		return false
	}
	for _, s := range []string{
		"1.2.3.4", "::ffff:1.2.3.4", "::", "102:304:506:708:90a:b0c:d0e:f10", "fe80::1%zone", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe",
	} {
		a := netip.MustParseAddr(s)
		if *(*uint128)(unsafe.Pointer(&a)) != plainNumber(a) {
			return false
		}
	}
	return true
}()
