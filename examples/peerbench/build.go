package main

import (
	"net"
	"net/netip"

	"github.com/gaissmai/bart"
	"github.com/yl2chen/cidranger"
	"go4.org/netipx"

	"github.com/sallyport-go/sallyport/ipset"
)

// Everybody is built from the same prefixes in the same order.

func setOf(prefixes []netip.Prefix) *ipset.Set {
	ranges := make([]ipset.Range, len(prefixes))
	for i, p := range prefixes {
		ranges[i] = ipset.RangeOf(p)
	}
	return ipset.Of(ranges...)
}

func fastOf(prefixes []netip.Prefix) *bart.Fast[struct{}] {
	fast := new(bart.Fast[struct{}])
	for _, p := range prefixes {
		fast.Insert(p, struct{}{})
	}
	return fast
}

func tableOf(prefixes []netip.Prefix) *bart.Table[struct{}] {
	table := new(bart.Table[struct{}])
	for _, p := range prefixes {
		table.Insert(p, struct{}{})
	}
	return table
}

func liteOf(prefixes []netip.Prefix) *bart.Lite {
	lite := new(bart.Lite)
	for _, p := range prefixes {
		lite.Insert(p)
	}
	return lite
}

func rangerOf(prefixes []netip.Prefix) cidranger.Ranger {
	trie := cidranger.NewPCTrieRanger()
	for _, p := range prefixes {
		network := *netipx.PrefixIPNet(p)
		if err := trie.Insert(cidranger.NewBasicRangerEntry(network)); err != nil {
			panic(err) // only a network of neither family can fail
		}
	}
	return trie
}

// asIPs is for a peer that is older than net/netip. The conversion is not timed.
func asIPs(addrs []netip.Addr) []net.IP {
	ips := make([]net.IP, len(addrs))
	for i, a := range addrs {
		ips[i] = a.AsSlice()
	}
	return ips
}
