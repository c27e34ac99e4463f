package ipset_test

import (
	"math/bits"
	"net/netip"
	"runtime"
	"slices"
	"testing"

	"github.com/sallyport-go/sallyport/ipset"
)

// What stands here is what somebody would enter who wants look-ups to be slow
// or a set to be large. Nothing is timed: steps, slots and bytes are counted.

// well returns about n numbers below 1<<width that crowd at every scale:
// whoever divides their span into equal slots, some for each number, finds one
// in the last slot and all others in the first, again and again.
func well(n, width int) []uint64 {
	var list []uint64
	for depth := 0; width > bits.Len(uint(n)) && n > 7; depth++ {
		list = append(list, 1<<width-1)
		width -= bits.Len(uint(max(2, 2*n>>depth) - 1))
		n--
	}
	for i := range n {
		list = append(list, uint64(i))
	}
	return list
}

// wells returns wells side by side over the whole space.
func wells(n, size int) []uint64 {
	var list []uint64
	width := 64 - bits.Len(uint(n-1))
	for i := range n {
		for _, a := range well(size, width) {
			list = append(list, uint64(i)<<width+a)
		}
	}
	return list
}

// ladders returns 1, 2, 4, 8, … above each of n places.
func ladders(n, width int) []uint64 {
	return crowd(n*width, func(i int) uint64 { return uint64(i/width)*0x9e37_79b9_7f4a_7c15>>(64-width) + 1<<(i%width) })
}

// line returns n pairs of neighbours, each so far from the one before.
func line(n int, step uint64) []uint64 {
	return crowd(2*n, func(i int) uint64 { return uint64(i>>1)*step + uint64(i&1) })
}

// four returns a set with boundaries in IPv4, high one with some where /64s and
// shorter prefixes begin, under one with some inside each of n /64s.
func four(list []uint64) *plainSet {
	list = crowd(len(list), func(i int) uint64 { return uint64(uint32(list[i])) })
	return &plainSet{v4: plainLayer(list)}
}

func high(list []uint64) *plainSet {
	s := new(plainSet)
	for _, hi := range crowd(len(list), func(i int) uint64 { return list[i] }) {
		s.v6 = append(s.v6, ipset.Wide{hi})
	}
	return s
}

func under(n int, list []uint64) *plainSet {
	s := new(plainSet)
	list = crowd(len(list), func(i int) uint64 { return list[i] })
	for hi := range uint64(n) {
		for _, lo := range list {
			s.v6 = append(s.v6, ipset.Wide{0x2606_4700<<32 + hi, lo})
		}
	}
	return s
}

func together(sets ...*plainSet) *plainSet {
	all := new(plainSet)
	for _, s := range sets {
		all.v4, all.v6 = append(all.v4, s.v4...), append(all.v6, s.v6...)
	}
	slices.SortFunc(all.v4, compareWide)
	slices.SortFunc(all.v6, compareWide)
	all.v4, all.v6 = slices.Compact(all.v4), slices.Compact(all.v6)
	return all
}

// adversaries have with each what was measured, and some room.
var adversaries = []struct {
	of    func() *plainSet
	steps int // of the longest look-up in any layer
	bytes int // of the set for a boundary
	why   string
}{
	{func() *plainSet { return four(line(50_000, 2)) }, 1, 8, "50,000 /32s, every second address"},
	{func() *plainSet { return four(line(50_000, 256)) }, 1, 8, "50,000 /32s, the first of each /24"},
	{func() *plainSet { return four(line(1<<15, 1<<17)) }, 1, 8, "as many as a power of two all over IPv4: their slots are not rounded up"},
	{func() *plainSet { return four(ladders(1, 32)) }, 2, 4, "one IPv4 ladder"},
	{func() *plainSet { return four(ladders(1000, 32)) }, 2, 7, "a thousand IPv4 ladders"},
	{func() *plainSet { return four(well(40, 32)) }, 2, 4, "an IPv4 well"},
	{func() *plainSet { return four(well(5000, 32)) }, 2, 7, "a broad IPv4 well"},
	{func() *plainSet { return high(ladders(1, 64)) }, 2, 8, "one ladder"},
	{func() *plainSet { return high(ladders(5000, 64)) }, 2, 12, "5,000 ladders"},
	{func() *plainSet { return high(well(48, 64)) }, 2, 7, "the deepest well"},
	{func() *plainSet { return high(well(66, 64)) }, 2, 8, "the well with the most slots"},
	{func() *plainSet { return high(well(5000, 64)) }, 2, 12, "a broad well"},
	{func() *plainSet { return high(wells(1000, 60)) }, 2, 12, "a thousand wells side by side"},
	{func() *plainSet { return under(1, well(48, 64)) }, 2, 20, "a well inside one /64"},
	{func() *plainSet { return together(under(1, well(48, 64)), high(well(48, 64))) }, 2, 16, "a well inside one /64, and one of /64s"},
	{func() *plainSet { return under(5000, well(34, 64)) }, 2, 26, "as few as have a layer, in a well inside each of 5,000 /64s"},
	{func() *plainSet { return under(1, line(1_000_000, 1<<20)) }, 1, 21, "1,000,000 /128s in one /64"},
	{func() *plainSet { return under(1_000_000, []uint64{5, 6}) }, 1, 18, "1,000,000 /128s, each in its own /64"},
	{func() *plainSet { return under(1, line(50_000, 2)) }, 1, 21, "50,000 /128s, every second address"},
	{func() *plainSet { return under(5000, []uint64{0, 2, 4, 6}) }, 1, 14, "two /127s at the first end of each of 5,000 /64s"},
	{func() *plainSet {
		return together(four([]uint64{0, 1, 1<<32 - 1}), high([]uint64{0, 1, ^uint64(0)}), &plainSet{v6: plainIndex{{0, 1}, {^uint64(0), ^uint64(0)}}})
	}, 1, 5, "both ends of both families"},
	{func() *plainSet {
		return together(four(ladders(100, 32)), four(line(9999, 2)), high(ladders(100, 64)), under(90, well(34, 64)), under(1, line(9999, 1<<30)))
	}, 5, 13, "all together"},
}

func TestGuarantee05AdversaryGetsNoSlowNorLargeSet(t *testing.T) {
	for i, tt := range adversaries {
		want := tt.of()
		before := heap()
		set := ipset.SetAt(want.v4, want.v6)
		held := heap() - before
		if got := set.Bytes(); got > 100_000 && (held < got*9/10 || held > got*11/10) {
			t.Errorf("Bytes = %d, but the heap grew by %d", got, held)
		}
		checkCost(t, set, tt.steps, tt.bytes)
		checkSample(t, newDraw(uint64(i)), set, want)
		if t.Failed() {
			t.Fatal(tt.why)
		}
	}
}

// checkCost compares what a look-up in set goes through, and what it holds for
// each boundary, with bounds.
func checkCost(t *testing.T, set *ipset.Set, steps, bytes int) {
	t.Helper()
	v4, v6 := set.Index()
	checkShape(t, v4)
	most := v4.Shape().Steps
	for _, layer := range v6.Layers() {
		checkShape(t, layer)
		most = max(most, layer.Shape().Steps)
	}
	if most > steps {
		t.Errorf("%d steps, bound %d", most, steps)
	}
	if n := v4.Len() + v6.Len(); set.Bytes() > bytes*n+500 {
		t.Errorf("%d bytes for %d boundaries, %.1f each, bound %d", set.Bytes(), n, float64(set.Bytes())/float64(n), bytes)
	}
}

// heap returns how many bytes are in use.
func heap() int {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc)
}

// checkSample compares set with the plain one at some boundaries of both
// families, and at the addresses beside them.
func checkSample(t *testing.T, d draw, set *ipset.Set, want *plainSet) {
	t.Helper()
	v4, v6 := set.Index()
	if v4.Len() != len(want.v4) || v6.Len() != len(want.v6) {
		t.Errorf("%d and %d boundaries, want %d and %d", v4.Len(), v6.Len(), len(want.v4), len(want.v6))
		return
	}
	asked := slices.Clone(fixedProbes)
	for _, family := range []plainIndex{want.v4, want.v6} {
		for i := range min(len(family), 4000) {
			place := i // each of a small set
			if len(family) > 4000 {
				place = d.IntN(len(family))
			}
			n := family[place]
			var b [16]byte
			for i := range b {
				b[i] = byte(n[i/8] >> (56 - i%8*8))
			}
			a := netip.AddrFrom16(b)
			if len(want.v4) > 0 && &family[0] == &want.v4[0] {
				a = netip.AddrFrom4([4]byte(b[12:]))
			} else if got := v6.At(place); got != n {
				t.Errorf("boundary %d is %x, want %x", place, got, n)
			}
			asked = append(asked, a, d.between(a, lastOf(a)))
			for _, beside := range []netip.Addr{a.Prev(), a.Next()} {
				if beside.IsValid() {
					asked = append(asked, beside)
				}
			}
		}
	}
	for _, a := range asked {
		if got := set.Contains(a); got != want.contains(a) {
			t.Errorf("Contains(%v) = %v", a, got)
		}
		b := plain(a)
		got := v6.Count(plainWide(b))
		if b.Is4() {
			got = v4.Count(uint32(plainWide(b)[1]))
		}
		if n := want.family(b).count(plainWide(b)); got != n {
			t.Errorf("%d boundaries are not above %v, want %d", got, a, n)
			return
		}
	}
}

// The same by entries that an administrator could write, through Of.
func TestGuarantee05AdversaryOfPrefixes(t *testing.T) {
	for _, tt := range []struct {
		in       string
		from, to int // the shortest prefix, and the longest
		steps    int // in any layer
		bytes    int // for a boundary
		why      string
	}{
		{"8.8.0.0/16", 17, 32, 1, 13, "prefixes of all lengths in one /16"},
		{"8.8.0.0/16", 31, 32, 1, 10, "the longest in one /16"},
		{"0.0.0.0/0", 1, 32, 2, 7, "IPv4 prefixes of all lengths everywhere"},
		{"2606:4700::/64", 65, 128, 2, 20, "prefixes of all lengths in one /64"},
		{"2606:4700::/64", 127, 127, 1, 25, "/127s in one /64"},
		{"2606:4700::/32", 33, 64, 2, 12, "/64s and shorter ones in one /32"},
		{"2606:4700::/32", 127, 127, 1, 18, "/127s in one /32"},
		{"::/0", 1, 128, 2, 15, "IPv6 prefixes of all lengths everywhere"},
	} {
		d := newDraw(uint64(tt.from))
		in := ipset.MustParseRange(tt.in)
		var list []ipset.Range
		base, _ := in.Prefix()
		for bits := tt.from; bits <= tt.to; bits++ {
			few := 1 << min(20, bits-base.Bits()) >> 4 // a sixteenth of what there are, lest all be covered
			for range min(few, 10_000/(tt.to-tt.from+1)) {
				list = append(list, ipset.RangeOf(netip.PrefixFrom(d.between(in.From(), in.To()), bits).Masked()))
			}
		}
		set, want := ipset.Of(list...), plainSetOf(list)
		if n := len(want.v4) + len(want.v6); n < 2500 {
			t.Errorf("%s: only %d boundaries", tt.why, n)
		}
		checkCost(t, set, tt.steps, tt.bytes)
		checkSample(t, d, set, want)
		if t.Failed() {
			t.Fatal(tt.why)
		}
	}
}
