package ipset_test

import (
	"bytes"
	"math/big"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"

	"github.com/sallyport-go/sallyport/ipset"
)

// What stands here is the slow side of every comparison: it walks over ranges
// one after the other and knows nothing of how a Set is built.

// plain returns a as IPv4 if it is mapped (RFC 4291, section 2.5.5.2), and
// without its zone.
func plain(a netip.Addr) netip.Addr {
	if !a.IsValid() {
		return a
	}
	b := a.As16() // of an IPv4 address, this is the mapped form
	if bytes.HasPrefix(b[:], []byte{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff}) {
		return netip.AddrFrom4([4]byte(b[12:]))
	}
	return netip.AddrFrom16(b)
}

// mapped reports whether a lies in ::ffff:0:0/96.
func mapped(a netip.Addr) bool { return a.Is6() && plain(a).Is4() }

// walk reports whether one of ranges holds a, which is taken as it stands: a
// mapped address is IPv6 here.
func walk(ranges []ipset.Range, a netip.Addr) bool {
	for _, r := range ranges {
		if r.From().BitLen() == a.BitLen() && r.From().Compare(a) <= 0 && a.Compare(r.To()) <= 0 {
			return true
		}
	}
	return false
}

// span is a range that may lie inside ::ffff:0:0/96.
type span struct{ from, to netip.Addr }

// pieces cuts both families where one of ranges begins or has ended, and
// returns what lies from the first cut of a family to its end.
func pieces(ranges []ipset.Range) []span {
	var cuts []netip.Addr
	for _, r := range ranges {
		cuts = append(cuts, r.From())
		if after := r.To().Next(); after.IsValid() {
			cuts = append(cuts, after)
		}
	}
	slices.SortFunc(cuts, netip.Addr.Compare)
	cuts = slices.Compact(cuts)
	spans := make([]span, len(cuts))
	for i, from := range cuts {
		spans[i] = span{from, lastOf(from)}
		if i+1 < len(cuts) && cuts[i+1].BitLen() == from.BitLen() {
			spans[i].to = cuts[i+1].Prev()
		}
	}
	return spans
}

// sweep returns the merged spans of the addresses for which holds is true. It
// may change only where one of ranges begins or has ended.
func sweep(holds func(netip.Addr) bool, ranges ...ipset.Range) []span {
	var spans []span
	for _, s := range pieces(ranges) {
		if !holds(s.from) {
			continue
		}
		if n := len(spans); n > 0 && spans[n-1].to.Next() == s.from {
			spans[n-1].to = s.to
		} else {
			spans = append(spans, s)
		}
	}
	return spans
}

// lastOf returns the last address of a's family.
func lastOf(a netip.Addr) netip.Addr {
	if a.Is4() {
		return addr("255.255.255.255")
	}
	return addr("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff")
}

// askable returns spans as ranges, without those inside ::ffff:0:0/96: no
// address that could be asked for is in them.
func askable(t testing.TB, spans []span) []ipset.Range {
	t.Helper()
	var ranges []ipset.Range
	for _, s := range spans {
		if mapped(s.from) && mapped(s.to) {
			continue
		}
		r, err := ipset.RangeFrom(s.from, s.to)
		if err != nil {
			t.Fatal(err)
		}
		ranges = append(ranges, r)
	}
	return ranges
}

// merged returns what the set of ranges must be.
func merged(t testing.TB, ranges []ipset.Range) []ipset.Range {
	t.Helper()
	return askable(t, sweep(func(a netip.Addr) bool { return walk(ranges, a) }, ranges...))
}

// fixedProbes are the ends of both families and what lies around the mapped
// addresses, in more than one spelling.
var fixedProbes = addrs("0.0.0.0", "0.0.0.1", "8.8.8.8", "255.255.255.254", "255.255.255.255",
	"::", "::1", "::fffe:ffff:ffff", "::ffff:0:0", "::ffff:0:1", "::ffff:8.8.8.8", "::ffff:8.8.8.8%eth0", "::ffff:ffff:ffff",
	"::1:0:0:0", "fe80::1%eth0", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff")

// probes returns what a set of ranges must be asked: the fixed probes, and of
// every range the first and last address with both neighbours, and one inside.
func probes(d draw, ranges []ipset.Range) []netip.Addr {
	list := slices.Clone(fixedProbes)
	for _, r := range ranges {
		for _, end := range []netip.Addr{r.From(), r.To(), d.between(r.From(), r.To())} {
			for _, a := range []netip.Addr{end.Prev(), end, end.Next()} {
				if !a.IsValid() {
					continue // beyond the end of the family
				}
				list = append(list, a)
				if a.Is4() {
					list = append(list, netip.AddrFrom16(a.As16()))
				}
			}
		}
	}
	return list
}

// draw makes random ranges where mistakes are likely: crowded together, at the
// ends of the families, at the carry between the halves of an IPv6 address,
// and around the mapped addresses.
type draw struct{ *rand.Rand }

func newDraw(seed uint64) draw { return draw{rand.New(rand.NewPCG(seed, 4))} }

// anchors are where crowds stand: draws reach 24 addresses to both sides.
var anchors = addrs("0.0.0.0", "8.8.8.0", "8.8.255.255", "127.255.255.255", "255.255.255.255",
	"::", "2606:4700::", "2606:4700:0:1::", "2606:4700:0:ffff:ffff:ffff:ffff:ffff", "7fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
	"::ffff:0:0", "::ffff:ffff:ffff", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff")

func (d draw) addr() netip.Addr {
	switch d.IntN(8) {
	case 0:
		return netip.AddrFrom4([4]byte{byte(d.Uint32()), byte(d.Uint32()), byte(d.Uint32()), byte(d.Uint32())})
	case 1:
		var b [16]byte
		for i := range b {
			b[i] = byte(d.Uint32())
		}
		return netip.AddrFrom16(b)
	}
	a := anchors[d.IntN(len(anchors))]
	for range d.IntN(24) {
		if next := a.Next(); d.IntN(2) == 0 && next.IsValid() {
			a = next
		} else if prev := a.Prev(); prev.IsValid() {
			a = prev
		}
	}
	return a
}

func (d draw) ranges(n int) []ipset.Range {
	ranges := make([]ipset.Range, n)
	for i := range ranges {
		ranges[i] = d.rangeOf()
	}
	return ranges
}

// rangeOf returns one address, a prefix, or what lies between two addresses.
func (d draw) rangeOf() ipset.Range {
	a := d.addr()
	b := a
	switch d.IntN(3) {
	case 0:
		p := netip.PrefixFrom(a, a.BitLen()-d.IntN(min(12, a.BitLen()))).Masked()
		if r := ipset.RangeOf(p); !r.IsZero() {
			return r
		}
	case 1:
		for b = d.addr(); a.Is4() != b.Is4(); {
			b = d.addr()
		}
	}
	if b.Less(a) {
		a, b = b, a
	}
	r, err := ipset.RangeFrom(a, b)
	if err != nil {
		panic(err)
	}
	return r
}

// between returns an address from a to b, both inclusive.
func (d draw) between(a, b netip.Addr) netip.Addr {
	low := new(big.Int).SetBytes(a.AsSlice())
	span := new(big.Int).Sub(new(big.Int).SetBytes(b.AsSlice()), low)
	random := new(big.Int).SetUint64(d.Uint64())
	random.Lsh(random, 64).Or(random, new(big.Int).SetUint64(d.Uint64()))
	low.Add(low, random.Mod(random, span.Add(span, big.NewInt(1))))
	out, _ := netip.AddrFromSlice(low.FillBytes(make([]byte, a.BitLen()/8)))
	return out
}

func addr(s string) netip.Addr { return netip.MustParseAddr(s) }

func addrs(list ...string) []netip.Addr {
	out := make([]netip.Addr, len(list))
	for i, s := range list {
		out[i] = addr(s)
	}
	return out
}

func ranges(entries ...string) []ipset.Range {
	out := make([]ipset.Range, len(entries))
	for i, s := range entries {
		out[i] = ipset.MustParseRange(s)
	}
	return out
}

func shuffled[T any](d draw, list []T) []T {
	list = slices.Clone(list)
	d.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
	return list
}
