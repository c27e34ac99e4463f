package ipset_test

import (
	"fmt"
	"math/bits"
	"net/netip"
	"slices"
	"testing"

	"github.com/sallyport-go/sallyport/ipset"
)

// universes are 16 numbers in order, of which every set of at most 8 is tried.
// Those of 32 bits are the same without some low bits.
var universes = []struct {
	at  func(i uint64) uint64
	cut int
	why string
}{
	{func(i uint64) uint64 { return i }, 0, "neighbours, at the first end of the space"},
	{func(i uint64) uint64 { return i - 16 }, 0, "neighbours, at the last end"},
	{func(i uint64) uint64 { return i << 60 }, 32, "equal steps, over all of it from zero"},
	{func(i uint64) uint64 { return ^((15 - i) << 60) }, 32, "equal steps, up to the last number"},
	{func(i uint64) uint64 { return 0x3fff_fff0_0000_0000 + i<<33 }, 32, "equal steps across a carry"},
	{func(i uint64) uint64 { return 1<<(56+i>>1) + i&1<<32 }, 32, "pairs that lie twice as far each time"},
	{func(i uint64) uint64 { return min(i, 9)<<32 + 1<<(40+3*(max(i, 9)-9)) }, 32, "a crowd and ever further outliers: slots are divided again"},
	{func(i uint64) uint64 { return ^(min(15-i, 9)<<32 + 1<<(40+3*(max(15-i, 9)-9))) }, 32, "the same, turned around"},
	{func(i uint64) uint64 { return i&7<<33 + i>>3*(^uint64(0)-7<<33) }, 32, "two crowds, at both ends"},
}

func TestGuarantee04LayerOfEverySmallSet(t *testing.T) {
	for _, u := range universes {
		var wide [16]uint64
		var narrow [16]uint32
		for i := range wide {
			wide[i] = u.at(uint64(i))
			narrow[i] = uint32(wide[i] >> u.cut)
		}
		if !checkSubsets(t, wide) || !checkSubsets(t, narrow) {
			t.Errorf("the numbers are %s", u.why)
		}
	}
}

// checkSubsets compares the layer of every set of at most 8 of universe with
// the plain one. It reports whether they agree.
func checkSubsets[N uint32 | uint64](t *testing.T, universe [16]N) bool {
	if !slices.IsSorted(universe[:]) || len(slices.Compact(slices.Clone(universe[:]))) != 16 {
		t.Errorf("not a universe: %x", universe)
		return false
	}
	asked := []N{0, ^N(0)}
	for _, n := range universe {
		asked = append(asked, n-1, n, n+1)
	}
	numbers := make([]N, 0, 8)
	for set := range uint32(1 << 16) {
		if bits.OnesCount32(set) > 8 {
			continue
		}
		numbers = numbers[:0]
		for ; set != 0; set &= set - 1 {
			numbers = append(numbers, universe[bits.TrailingZeros32(set)])
		}
		layer := ipset.LayerOf(numbers)
		for _, n := range asked {
			want := 0
			for want < len(numbers) && numbers[want] <= n {
				want++
			}
			if got := layer.Count(n); got != want {
				t.Errorf("%d of %x are not above %x, want %d", got, numbers, n, want)
				return false
			}
		}
	}
	return true
}

// crowds draw numbers in the shapes that lists of addresses have.
var crowds = []struct {
	draw func(d draw, i, n int) uint64
	why  string
}{
	{func(d draw, _, _ int) uint64 { return d.Uint64() }, "uniform"},
	{func(d draw, _, _ int) uint64 { return uint64(d.IntN(5))<<61 + uint64(d.IntN(1<<20))<<32 }, "clusters"},
	{func(d draw, _, _ int) uint64 { return d.Uint64() >> 60 << (32 + d.IntN(29)) }, "prefixes of all lengths"},
	{func(d draw, _, _ int) uint64 { return uint64(d.IntN(7))<<61 + 1<<(32+d.IntN(29)) }, "ladders above a few places"},
	{func(d draw, i, n int) uint64 { return 1<<62 + uint64(i)<<32 }, "dense"},
	{func(d draw, i, n int) uint64 { return ^(uint64(i) * (1 << 63 / uint64(n))) }, "equal steps down from the last"},
	{func(d draw, _, _ int) uint64 { return ^uint64(0) >> d.IntN(32) << d.IntN(2) }, "both ends"},
	{func(d draw, _, _ int) uint64 { return d.Uint64() >> d.IntN(64) }, "every magnitude"},
}

// crowd returns up to n numbers, sorted, each once.
func crowd(n int, draw func(i int) uint64) []uint64 {
	list := make([]uint64, n)
	for i := range list {
		list[i] = draw(i)
	}
	slices.Sort(list)
	return slices.Compact(list)
}

func TestGuarantee04LayerAnswersAsThePlainIndex(t *testing.T) {
	for _, c := range crowds {
		for _, n := range []int{0, 1, 2, 3, 6, 7, 8, 9, 13, 14, 31, 32, 33, 64, 65, 100, 257, 1000, 5000} {
			d := newDraw(uint64(n))
			t.Run(fmt.Sprintf("%s/%d", c.why, n), func(t *testing.T) {
				wide := crowd(n, func(i int) uint64 { return c.draw(d, i, n) })
				checkLayer(t, d, wide)
				checkLayer(t, d, crowd(n, func(i int) uint64 { return bits.ReverseBytes64(c.draw(d, i, n)) }))
				narrow := make([]uint32, len(wide))
				for i, a := range wide {
					narrow[i] = uint32(a >> 32)
				}
				checkLayer(t, d, slices.Compact(narrow))
			})
		}
	}
}

// A layer keeps nothing of what it was built of, and two are equal if they
// hold the same numbers.
func TestLayerIsItsNumbers(t *testing.T) {
	d := newDraw(5)
	given := crowd(500, func(int) uint64 { return d.Uint64() >> d.IntN(50) })
	numbers := slices.Clone(given)
	layer := ipset.LayerOf(given)
	clear(given)
	if !slices.Equal(layer.All(), numbers) || !layer.Equal(ipset.LayerOf(append(make([]uint64, 0, 5000), numbers...))) {
		t.Error("it changed with its input")
	}
	for i := range numbers {
		without := slices.Delete(slices.Clone(numbers), i, i+1)
		moved := slices.Clone(numbers)
		moved[i]++
		if layer.Equal(ipset.LayerOf(without)) || layer.Equal(ipset.LayerOf(moved)) {
			t.Errorf("without number %d, or with another, it is equal", i)
		}
	}
	if none := ipset.LayerOf[uint64](nil); layer.Equal(none) || none.Equal(layer) || !none.Equal(none) {
		t.Error("the empty layer is equal to itself alone")
	}
}

func TestGuarantee01NumberOfEveryKindOfAddress(t *testing.T) {
	d := newDraw(6)
	list := append(slices.Clone(fixedProbes), netip.Addr{})
	for range 20_000 {
		a := d.addr()
		list = append(list, a, netip.AddrFrom16(a.As16()), a.Unmap(), a.Next(), a.Prev())
		if a.Is6() {
			list = append(list, a.WithZone("eth0"), a.WithZone("a").WithZone(""))
		}
		if b, err := netip.ParseAddr(a.String()); err == nil {
			list = append(list, b)
		}
	}
	for _, a := range list {
		want := plainWide(netip.AddrFrom16(a.As16()))
		if got, plain := ipset.Number(a), ipset.PlainNumber(a); got != want || plain != want {
			t.Fatalf("the number of %v is %x, plainly %x, want %x", a, got, plain, want)
		}
	}
}

// lows are the low halves that some high halves have. A high half is wide but
// for the first row.
var lows = []struct {
	of  []uint64
	why string
}{
	{[]uint64{0}, "where a prefix of at most 64 bits begins"},
	{[]uint64{5}, "one, not zero"},
	{[]uint64{^uint64(0)}, "the last"},
	{[]uint64{0, 1}, "one address, /128"},
	{[]uint64{0, ^uint64(0)}, "both ends"},
	{crowd(31, func(i int) uint64 { return uint64(i) * 3 }), "one less than the most that are walked over"},
	{crowd(32, func(i int) uint64 { return 1 + uint64(i)<<40 }), "the most that are walked over"},
	{crowd(33, func(i int) uint64 { return uint64(i) << 58 }), "the fewest that have a layer"},
	{crowd(200, func(i int) uint64 { return ^(uint64(i) * uint64(i) << 20) }), "a layer up to the last"},
}

func TestGuarantee04HalvesAnswerAsThePlainIndex(t *testing.T) {
	for _, tt := range []struct {
		wide func(place, n int) bool
		why  string
	}{
		{func(int, int) bool { return false }, "none is wide"},
		{func(int, int) bool { return true }, "all are"},
		{func(place, n int) bool { return place == 0 }, "the first"},
		{func(place, n int) bool { return place == n-1 }, "the last"},
		{func(place, _ int) bool { return place == 63 }, "the last of a word of bits"},
		{func(place, _ int) bool { return place == 64 }, "the first of the next word"},
		{func(place, _ int) bool { return place >= 63 && place <= 65 }, "around the end of a word"},
		{func(place, _ int) bool { return place&1 == 1 }, "every second"},
		{func(place, _ int) bool { return place/64&1 == 1 }, "every second word of bits"},
	} {
		for _, n := range []int{0, 1, 2, 63, 64, 65, 66, 128, 129} {
			d := newDraw(uint64(n))
			for _, high := range [][]uint64{
				crowd(n, func(int) uint64 { return d.Uint64() }),
				crowd(n, func(i int) uint64 { return uint64(i) }),  // from the first number, without a gap
				crowd(n, func(i int) uint64 { return ^uint64(i) }), // up to the last one
			} {
				for _, low := range lows[1:] {
					var numbers []ipset.Wide
					for place, hi := range high {
						of := lows[0].of
						if tt.wide(place, len(high)) {
							of = low.of[:min(len(low.of), 2+300/(place+1))] // few but for the first places, for speed
						}
						for _, lo := range of {
							numbers = append(numbers, ipset.Wide{hi, lo})
						}
					}
					checkHalves(t, d, numbers)
					if t.Failed() {
						t.Fatalf("%s wide of %d: %s", tt.why, n, low.why)
					}
				}
			}
		}
	}
}

func TestGuarantee04HalvesOfRandomNumbers(t *testing.T) {
	for seed := range uint64(200) {
		d := newDraw(seed)
		c, numbers := crowds[d.IntN(len(crowds))], []ipset.Wide{}
		n := 1 + d.IntN(150)
		for _, hi := range crowd(n, func(i int) uint64 { return c.draw(d, i, n) }) {
			for _, lo := range lows[d.IntN(len(lows))*d.IntN(2)].of {
				numbers = append(numbers, ipset.Wide{hi, lo})
			}
		}
		checkHalves(t, d, numbers)

		// Two are equal if they hold the same numbers, whatever they were made of.
		halves := ipset.HalvesOf(numbers)
		if again := ipset.HalvesOf(append(make([]ipset.Wide, 0, 9999), numbers...)); !halves.Equal(again) || !again.Equal(halves) {
			t.Fatalf("seed %d: built again it is another", seed)
		}
		for i := 0; i < len(numbers); i += 1 + len(numbers)/8 {
			without := slices.Delete(slices.Clone(numbers), i, i+1)
			moved := append(without[:len(without):len(without)], ipset.Wide{numbers[i][0], numbers[i][1] ^ 2})
			slices.SortFunc(moved, compareWide)
			if halves.Equal(ipset.HalvesOf(without)) || halves.Equal(ipset.HalvesOf(moved)) {
				t.Fatalf("seed %d: without number %d, or with another, it is equal", seed, i)
			}
		}
	}
	if none, one := ipset.HalvesOf(nil), ipset.HalvesOf(make([]ipset.Wide, 1)); none.Equal(one) || one.Equal(none) || !none.Equal(none) {
		t.Error("no numbers are equal to none alone")
	}
}

// Two halves are equal if all their parts are.
func TestHalvesAreTheirNumbers(t *testing.T) {
	for _, tt := range []struct {
		a, b []ipset.Wide
		why  string
	}{
		{[]ipset.Wide{{1, 5}, {2, 0}}, []ipset.Wide{{1, 0}, {2, 5}}, "another high half is wide"},
		{[]ipset.Wide{{1, 1}, {2, 2}, {2, 3}}, []ipset.Wide{{1, 1}, {1, 2}, {2, 3}}, "the low halves are shared out otherwise"},
		{[]ipset.Wide{{1, 5}}, []ipset.Wide{{1, 6}}, "another low half"},
		{[]ipset.Wide{{1, 5}}, []ipset.Wide{{2, 5}}, "another high half"},
		{[]ipset.Wide{{1, 0}}, []ipset.Wide{{1, 0}, {1, 1}}, "one more"},
	} {
		if a, b := ipset.HalvesOf(tt.a), ipset.HalvesOf(tt.b); a.Equal(b) || b.Equal(a) || !a.Equal(ipset.HalvesOf(tt.a)) {
			t.Errorf("%x and %x are equal: %s", tt.a, tt.b, tt.why)
		}
	}
}

// A step chooses among fifteen numbers; only more that crowd take another.
func TestLayerTakesAStepMoreWhereMoreThanFifteenCrowd(t *testing.T) {
	for _, tt := range []struct{ neighbours, steps int }{
		{1, 1}, {14, 1}, {15, 1}, {16, 2}, {254, 2}, {500, 2},
	} {
		numbers := crowd(tt.neighbours+1, func(i int) uint64 { return uint64(i) })
		numbers[tt.neighbours] = 1 << 62
		if got := ipset.LayerOf(numbers).Shape().Steps; got != tt.steps {
			t.Errorf("%d neighbours and an outlier: %d steps, want %d", tt.neighbours, got, tt.steps)
		}
	}
	for _, n := range []int{16, 50, 100, 500} {
		if s := ipset.LayerOf(crowd(n, func(i int) uint64 { return uint64(i) << 40 })).Shape(); s.Steps != 1 || s.Slots == 0 {
			t.Errorf("%d numbers at equal distances: %+v", n, s)
		}
	}
	// 64 crowds of 256 have slots at level 1, since half as many as numbers are few enough.
	if s := ipset.LayerOf(crowd(64*256, func(i int) uint64 { return uint64(i>>8<<14 + i&255) })).Shape(); s.Steps != 2 || s.Slots < 4096 {
		t.Errorf("64 crowds: %+v", s)
	}
}
