//go:build purego

package ipset

import "net/netip"

func number(a netip.Addr) uint128 { return plainNumber(a) }
