package ipset_test

import (
	"net/netip"
	"slices"
	"sort"
	"testing"

	"github.com/sallyport-go/sallyport/ipset"
)

// plainIndex is the index as one would write it first: sorted boundaries, each
// once, and a binary search. What is clever in index.go and halves.go must
// answer as it does.
type plainIndex []ipset.Wide

// count returns how many boundaries are not above n.
func (p plainIndex) count(n ipset.Wide) int {
	return sort.Search(len(p), func(i int) bool { return compareWide(p[i], n) > 0 })
}

func compareWide(a, b ipset.Wide) int { return slices.Compare(a[:], b[:]) }

// plainLayer returns the plain index of numbers of any size.
func plainLayer[N uint32 | uint64](numbers []N) plainIndex {
	p := make(plainIndex, len(numbers))
	for i, n := range numbers {
		p[i] = ipset.Wide{0, uint64(n)}
	}
	return p
}

// plainWide returns an address as a number, byte by byte.
func plainWide(a netip.Addr) (n ipset.Wide) {
	for i, b := range a.AsSlice() {
		half := &n[1]
		if i < a.BitLen()/8-8 {
			half = &n[0]
		}
		*half = *half<<8 | uint64(b)
	}
	return n
}

// plainSet is a Set as one would write it first. An address is inside if an odd
// number of boundaries of its family is not above it.
type plainSet struct{ v4, v6 plainIndex }

func (s *plainSet) family(a netip.Addr) *plainIndex {
	if a.Is4() {
		return &s.v4
	}
	return &s.v6
}

func (s *plainSet) contains(a netip.Addr) bool {
	a = plain(a)
	return s.family(a).count(plainWide(a))&1 == 1
}

// plainSetOf returns the plain set of ranges in any order.
func plainSetOf(ranges []ipset.Range) *plainSet {
	ranges = slices.SortedFunc(slices.Values(ranges), ipset.Range.Compare)
	s := new(plainSet)
	for len(ranges) > 0 {
		from, to := ranges[0].From(), ranges[0].To()
		for ranges = ranges[1:]; len(ranges) > 0; ranges = ranges[1:] {
			next := ranges[0]
			if next.From().BitLen() != to.BitLen() || to.Less(next.From()) && to.Next() != next.From() {
				break
			}
			if to.Less(next.To()) {
				to = next.To()
			}
		}
		bounds := s.family(from)
		*bounds = append(*bounds, plainWide(from))
		if after := to.Next(); after.IsValid() {
			*bounds = append(*bounds, plainWide(after))
		}
	}
	return s
}

// The plain version is compared with one that is plainer still.
func TestPlainIndex(t *testing.T) {
	for seed := range uint64(200) {
		d := newDraw(seed)
		list := d.ranges(d.IntN(30))
		set := plainSetOf(list)
		for _, a := range probes(d, list) {
			if got, want := set.contains(a), walk(list, plain(a)); got != want {
				t.Fatalf("seed %d: the plain set of %v says %v of %v, want %v", seed, list, got, a, want)
			}
		}
		for _, p := range []plainIndex{set.v4, set.v6} {
			for _, n := range append(p, ipset.Wide{}, ipset.Wide{1 << 63, 5}, ipset.Wide{^uint64(0), ^uint64(0)}) {
				want := 0
				for _, b := range p {
					if compareWide(b, n) <= 0 {
						want++
					}
				}
				if got := p.count(n); got != want {
					t.Fatalf("seed %d: %d of %x are not above %x, want %d", seed, got, p, n, want)
				}
			}
		}
	}
}

// checkLayer compares the layer of numbers with the plain one, asked at each
// number and beside it, at the ends of the space, and at random.
func checkLayer[N uint32 | uint64](t testing.TB, d draw, numbers []N, asked ...N) {
	t.Helper()
	layer, want := ipset.LayerOf(numbers), plainLayer(numbers)
	asked = append(asked, 0, 1, ^N(0)/2, ^N(0)/2+1, ^N(0)-1, ^N(0))
	for _, n := range numbers {
		asked = append(asked, n-1, n, n+1)
	}
	for range len(numbers) + 20 {
		asked = append(asked, N(d.Uint64()>>d.IntN(64)))
	}
	for _, n := range asked {
		if got, want := layer.Count(n), want.count(ipset.Wide{0, uint64(n)}); got != want {
			t.Fatalf("%d of %d numbers are not above %x, want %d: %x", got, len(numbers), n, want, numbers[:min(len(numbers), 50)])
		}
	}
	if layer.Len() != len(numbers) || !slices.Equal(layer.All(), numbers) {
		t.Fatalf("the layer of %x holds %x", numbers, layer.All())
	}
	checkShape(t, layer)
}

// checkShape checks what index.go promises of every layer.
func checkShape[N uint32 | uint64](t testing.TB, layer ipset.Layer[N]) {
	t.Helper()
	n, s := layer.Len(), layer.Shape()
	steps := 1
	for most := n; most > 15; most /= 16 {
		steps++
	}
	if s.Steps > steps || (n > 0) != (s.Steps > 0) || s.Slots > 2*n || s.Room > n*16/15+15*s.Steps {
		t.Fatalf("%d numbers, for which %d steps are the most: %+v", n, steps, s)
	}
	if got := layer.Bytes(); got > 17*n+300 || got < 4*n || n == 0 && got != 0 {
		t.Fatalf("%d numbers: %d bytes: %+v", n, got, s)
	}
}

// checkHalves compares the halves of numbers with the plain index.
func checkHalves(t testing.TB, d draw, numbers []ipset.Wide, asked ...ipset.Wide) {
	t.Helper()
	const most = ^uint64(0)
	halves, want := ipset.HalvesOf(numbers), plainIndex(numbers)
	asked = append(asked, ipset.Wide{0, 0}, ipset.Wide{0, most}, ipset.Wide{most, 0}, ipset.Wide{most, most}, ipset.Wide{d.Uint64(), d.Uint64()})
	for i, n := range numbers {
		hi, lo := n[0], n[1]
		asked = append(asked, n, ipset.Wide{hi, lo - 1}, ipset.Wide{hi, lo + 1}, ipset.Wide{hi, 0}, ipset.Wide{hi, most},
			ipset.Wide{hi - 1, lo}, ipset.Wide{hi - 1, most}, ipset.Wide{hi + 1, 0}, ipset.Wide{hi, d.Uint64()})
		if got := halves.At(i); got != n {
			t.Fatalf("number %d of %d is %x, want %x", i, len(numbers), got, n)
		}
	}
	for _, n := range asked {
		if got, want := halves.Count(n), want.count(n); got != want {
			t.Fatalf("%d of %d numbers are not above %x, want %d: %x", got, len(numbers), n, want, numbers[:min(len(numbers), 50)])
		}
	}
	if halves.Len() != len(numbers) {
		t.Fatalf("%d numbers, want %d", halves.Len(), len(numbers))
	}
	for _, layer := range halves.Layers() {
		checkShape(t, layer)
	}
	if narrow := !slices.ContainsFunc(numbers, func(n ipset.Wide) bool { return n[1] != 0 }); narrow && len(numbers) > 0 {
		if more := halves.Bytes() - halves.Layers()[0].Bytes(); more > 128 {
			t.Fatalf("no number needs a low half, but %d bytes are held for them", more)
		}
	}
}
