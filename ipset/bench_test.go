package ipset_test

import (
	"fmt"
	"net/netip"
	"testing"

	"go4.org/netipx"

	"github.com/sallyport-go/sallyport/ipset"
)

// A server never sees one address again and again: every benchmark of a
// look-up cycles through this many, hits and misses in random order.
const cycle = 1 << 16

var sizes = []int{10, 1000, 100_000}

// networks draws n prefixes as long as real ones are, of one family.
func networks(d draw, family, n int) []ipset.Range {
	list := make([]ipset.Range, n)
	for i := range list {
		a, bits := randomAddr(d, family), 16+d.IntN(13)
		if family == 6 {
			bits = 24 + d.IntN(41)
		}
		p, err := a.Prefix(bits)
		if err != nil {
			panic(err)
		}
		list[i] = ipset.RangeOf(p)
	}
	return list
}

// randomAddr draws an address: any of IPv4, or of 2000::/3.
func randomAddr(d draw, family int) netip.Addr {
	var b [16]byte
	for i := range b {
		b[i] = byte(d.Uint32())
	}
	if family == 4 {
		return netip.AddrFrom4([4]byte(b[:]))
	}
	b[0] = 0x20 | b[0]&0x1f
	return netip.AddrFrom16(b)
}

// questions draws addresses of which about half are in list, and tells by
// netipx whether they are.
func questions(b *testing.B, d draw, family int, list []ipset.Range) ([]netip.Addr, []bool, *netipx.IPSet) {
	b.Helper()
	var builder netipx.IPSetBuilder
	for _, r := range list {
		builder.AddRange(netipx.IPRangeFrom(r.From(), r.To()))
	}
	peer, err := builder.IPSet()
	if err != nil {
		b.Fatal(err)
	}
	addrs, want, hits := make([]netip.Addr, cycle), make([]bool, cycle), 0
	for i := range addrs {
		a := randomAddr(d, family)
		if d.IntN(2) == 0 {
			r := list[d.IntN(len(list))]
			a = d.between(r.From(), r.To())
		}
		addrs[i], want[i] = a, peer.Contains(a)
		if want[i] {
			hits++
		}
	}
	if hits < cycle/4 || hits > cycle*3/4 {
		b.Fatalf("%d of %d questions are hits", hits, cycle)
	}
	return addrs, want, peer
}

func BenchmarkSetContains(b *testing.B) {
	for _, family := range []int{4, 6} {
		for _, n := range sizes {
			d := newDraw(uint64(10*n + family))
			list := networks(d, family, n)
			addrs, want, peer := questions(b, d, family, list)
			set := ipset.Of(list...)
			b.Run(fmt.Sprintf("%d/%d/ipset", family, n), func(b *testing.B) {
				b.ReportAllocs()
				i := 0
				for b.Loop() {
					if set.Contains(addrs[i%cycle]) != want[i%cycle] {
						b.Fatal(addrs[i%cycle])
					}
					i++
				}
				b.ReportMetric(float64(set.Bytes())/float64(n), "bytes/entry")
			})
			b.Run(fmt.Sprintf("%d/%d/netipx", family, n), func(b *testing.B) {
				b.ReportAllocs()
				i := 0
				for b.Loop() {
					if peer.Contains(addrs[i%cycle]) != want[i%cycle] {
						b.Fatal(addrs[i%cycle])
					}
					i++
				}
			})
		}
	}
}

func BenchmarkMapLookup(b *testing.B) {
	for _, family := range []int{4, 6} {
		for _, n := range sizes {
			d := newDraw(uint64(10*n + family))
			// The merged ranges, numbered, so that none of them clash.
			var list []ipset.Range
			var values []int
			for r := range ipset.Of(networks(d, family, n)...).All() {
				list, values = append(list, r), append(values, 1+len(values))
			}
			addrs, held, _ := questions(b, d, family, list)
			m, err := ipset.MapOf(pairs(list, values))
			if err != nil {
				b.Fatal(err)
			}
			want := make([]int, cycle)
			for i, a := range addrs {
				if want[i], _ = m.Lookup(a); held[i] != (want[i] > 0 && list[want[i]-1].Contains(a)) {
					b.Fatalf("Lookup(%v) = %d", a, want[i])
				}
			}
			b.Run(fmt.Sprintf("%d/%d", family, n), func(b *testing.B) {
				b.ReportAllocs()
				i := 0
				for b.Loop() {
					if v, ok := m.Lookup(addrs[i%cycle]); v != want[i%cycle] || ok != held[i%cycle] {
						b.Fatal(addrs[i%cycle])
					}
					i++
				}
				b.ReportMetric(float64(m.Bytes())/float64(n), "bytes/entry")
			})
		}
	}
}

func BenchmarkPublic(b *testing.B) {
	blocks := readBlocks(b, "special-purpose.tsv")
	for name, all := range pairs([]string{"4", "6"}, ranges("0.0.0.0/0", "::/0")) {
		d := newDraw(1)
		addrs, want := make([]netip.Addr, cycle), make([]bool, cycle)
		for i := range addrs {
			addrs[i] = d.between(all.From(), all.To())
			want[i] = public(blocks, addrs[i])
		}
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				if ipset.Public(addrs[i%cycle]) != want[i%cycle] {
					b.Fatal(addrs[i%cycle])
				}
				i++
			}
		})
	}
}

func BenchmarkParseRange(b *testing.B) {
	for _, tt := range []struct {
		name string
		in   string
		ok   bool
	}{
		{"address4", "8.8.8.8", true},
		{"prefix4", "8.8.8.0/24", true},
		{"mask", "8.8.8.0/255.255.255.0", true},
		{"range4", "8.8.8.1 - 8.8.8.20", true},
		{"address6", "2606:4700::6810:84e5", true},
		{"prefix6", "2606:4700::/32", true},
		{"range6", "2606:4700::1-2606:4700::ff", true},
		{"refused", "8.8.8.08", false},
	} {
		b.Run(tt.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if r, err := ipset.ParseRange(tt.in); (err == nil) != tt.ok || r.IsZero() == tt.ok {
					b.Fatal(r, err)
				}
			}
		})
	}
}

func BenchmarkOf(b *testing.B) {
	for _, family := range []int{4, 6} {
		for _, n := range sizes {
			list := networks(newDraw(uint64(10*n+family)), family, n)
			want := ipset.Of(list...).Len()
			b.Run(fmt.Sprintf("%d/%d/ipset", family, n), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					if ipset.Of(list...).Len() != want {
						b.Fatal("another set")
					}
				}
			})
			b.Run(fmt.Sprintf("%d/%d/netipx", family, n), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					var builder netipx.IPSetBuilder
					for _, r := range list {
						builder.AddRange(netipx.IPRangeFrom(r.From(), r.To()))
					}
					if peer, err := builder.IPSet(); err != nil || len(peer.Ranges()) != want {
						b.Fatal("another set")
					}
				}
			})
		}
	}
}

func BenchmarkMapOf(b *testing.B) {
	for _, family := range []int{4, 6} {
		for _, n := range sizes {
			list := networks(newDraw(uint64(10*n+family)), family, n)
			values := make([]int, n)
			m, err := ipset.MapOf(pairs(list, values))
			if err != nil {
				b.Fatal(err)
			}
			want := m.Len()
			b.Run(fmt.Sprintf("%d/%d", family, n), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					if m, err := ipset.MapOf(pairs(list, values)); err != nil || m.Bytes() == 0 {
						b.Fatal(err)
					}
				}
				b.ReportMetric(float64(want), "ranges")
			})
		}
	}
}
