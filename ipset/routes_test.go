package ipset_test

import (
	"compress/gzip"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"testing"

	"go4.org/netipx"

	"github.com/sallyport-go/sallyport/ipset"
)

// readRoutes returns the prefixes of a full Internet routing table.
func readRoutes(t testing.TB) []ipset.Range {
	t.Helper()
	if testing.Short() {
		t.Skip("the routing table is large")
	}
	f, err := os.Open(shared(t, "data/routes/prefixes.txt.gz"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	list := readList(t, z)
	if len(list) < 1_000_000 {
		t.Fatalf("only %d prefixes", len(list))
	}
	return list
}

func TestRoutingTableAgreesWithNetipx(t *testing.T) {
	list := readRoutes(t)
	set := ipset.Of(list...)
	var b netipx.IPSetBuilder
	for _, r := range list {
		p, _ := r.Prefix()
		b.AddPrefix(p)
	}
	peer, err := b.IPSet()
	if err != nil {
		t.Fatal(err)
	}
	if !set.IPSet().Equal(peer) || !ipset.FromIPSet(peer).Equal(set) || set.Len() != len(peer.Ranges()) {
		t.Errorf("%d ranges, netipx has %d, and they differ", set.Len(), len(peer.Ranges()))
	}
	asked, hits := 0, 0
	for _, r := range list {
		for _, a := range [...]netip.Addr{r.From().Prev(), r.From(), r.From().Next(), r.To().Prev(), r.To(), r.To().Next()} {
			want := peer.Contains(a)
			if got := set.Contains(a); got != want {
				t.Fatalf("Contains(%v) = %v, netipx says %v", a, got, want)
			}
			asked++
			if want {
				hits++
			}
		}
	}
	// Inside a network most neighbours are taken; the edges of the merged ranges
	// are where the answer changes.
	for r := range set.All() {
		if set.Contains(r.From().Prev()) || !set.Contains(r.From()) || !set.Contains(r.To()) || set.Contains(r.To().Next()) {
			t.Fatalf("the edges of %v", r)
		}
	}
	t.Logf("%d prefixes, %d ranges, %d bytes; asked %d times, %d hits", len(list), set.Len(), set.Bytes(), asked, hits)
}

// A map of the routing table tells the length of the longest prefix that holds
// an address, as a router looks for it.
func TestRoutingTableAsMap(t *testing.T) {
	list := readRoutes(t)
	keys, values := mostSpecific(list)
	m, err := ipset.MapOf(pairs(keys, values))
	if err != nil {
		t.Fatal(err)
	}
	for i, r := range keys {
		for _, a := range [...]netip.Addr{r.From(), r.To()} {
			if v, ok := m.Lookup(a); !ok || v != values[i] {
				t.Fatalf("Lookup(%v) = %d, %v, want %d", a, v, ok, values[i])
			}
		}
	}
	// The same without mostSpecific: one length after the other, from the longest.
	routes := make(map[netip.Prefix]bool, len(list))
	lengths := map[int][]int{}
	for _, r := range list {
		p, _ := r.Prefix()
		routes[p] = true
		lengths[p.Addr().BitLen()] = append(lengths[p.Addr().BitLen()], p.Bits())
	}
	for family, bits := range lengths {
		slices.Sort(bits)
		bits = slices.Compact(bits)
		slices.Reverse(bits)
		lengths[family] = bits
	}
	longest := func(a netip.Addr) int {
		for _, bits := range lengths[a.BitLen()] {
			if p, err := a.Prefix(bits); err == nil && routes[p] {
				return bits
			}
		}
		return -1
	}
	for i := 0; i < len(list); i += 16 {
		r := list[i]
		for _, a := range [...]netip.Addr{r.From().Prev(), r.From(), r.From().Next(), r.To().Prev(), r.To(), r.To().Next()} {
			if !a.IsValid() {
				continue
			}
			want := longest(a)
			if v, ok := m.Lookup(a); ok != (want >= 0) || ok && v != want {
				t.Fatalf("Lookup(%v) = %d, %v, want %d", a, v, ok, want)
			}
		}
	}
	n := 0
	var before ipset.Range
	var last int
	for r, v := range m.All() {
		if n++; before.To().Next() == r.From() && v == last {
			t.Fatalf("%v and %v have the value %d and are two", before, r, v)
		}
		before, last = r, v
	}
	if m.Len() != n || n == 0 {
		t.Errorf("Len = %d, All yields %d", m.Len(), n)
	}
	t.Logf("%d prefixes, %d pieces, %d ranges, %d bytes", len(list), len(keys), n, m.Bytes())
}

// mostSpecific cuts nested prefixes into pieces, each with the length of the
// longest prefix around it.
func mostSpecific(list []ipset.Range) (keys []ipset.Range, values []int) {
	list = slices.Clone(list)
	slices.SortFunc(list, func(a, b ipset.Range) int { // a wide prefix before those inside it
		if c := a.From().Compare(b.From()); c != 0 {
			return c
		}
		return b.To().Compare(a.To())
	})
	emit := func(from, to netip.Addr, around ipset.Range) {
		if !from.IsValid() || from.Is4() != to.Is4() || to.Less(from) {
			return
		}
		r, err := ipset.RangeFrom(from, to)
		p, ok := around.Prefix()
		if err != nil || !ok {
			panic(fmt.Sprint(from, to, around))
		}
		keys, values = append(keys, r), append(values, p.Bits())
	}
	var open []ipset.Range // those around next, the innermost last
	var next netip.Addr    // the first address that is in no piece yet
	closeBefore := func(a netip.Addr) {
		for len(open) > 0 && (!a.IsValid() || open[len(open)-1].To().Less(a)) {
			inner := open[len(open)-1]
			emit(next, inner.To(), inner)
			next = inner.To().Next()
			open = open[:len(open)-1]
		}
	}
	for _, r := range list {
		closeBefore(r.From())
		if len(open) > 0 {
			emit(next, r.From().Prev(), open[len(open)-1])
		}
		open, next = append(open, r), r.From()
	}
	closeBefore(netip.Addr{})
	return keys, values
}
