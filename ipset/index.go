package ipset

import (
	"math/bits"
	"slices"
	"unsafe"
)

// index cuts each address family into segments at its sorted boundaries.
// Segment 0 lies before the first boundary, segment i begins at boundary i-1,
// and the last one reaches the end of the family. A Set is the segments with
// odd numbers; a Map has a value for each number.
//
// So every look-up is one question: how many boundaries are not above an
// address? A layer answers it for numbers. IPv4 is one layer, IPv6 is a layer
// of the high halves, in which routed prefixes end; only boundaries that share
// a high half are told apart by their low ones.
type index struct {
	v4 *layer[uint32] // nil: no boundary
	v6 *halves        // nil: no boundary
}

// layer holds sorted numbers and finds in a few steps how many of them are not
// above another one. Each step chooses among fifteen numbers that lie side by
// side, in two rounds of three comparisons whose answers are added up without a
// branch. How many steps there are depends on the layer alone, never on what is
// asked: a processor that guesses wrong loses more time than a step takes.
//
// Level 0 is the numbers themselves. Each level above has every sixteenth number
// of the one below, up to a level of at most fifteen. Where c numbers of a level
// are not above the one asked for, neither are the first 16c of the level below,
// and of those behind them at most fifteen are.
//
// Most of the steps can be left out where numbers are spread evenly: the span
// from the first number of a level to its last is divided into equal slots,
// and a slot says where its numbers begin. That is done at the lowest level at
// which slots can be had, few enough, that have at most fifteen numbers each.
// Real prefixes crowd, and an adversary's all the more; the worst that can
// happen is that no level has slots, and a look-up takes one step for each.
type layer[N uint32 | uint64] struct {
	numbers []N      // level 0, then the others up to entry, each with room for whole steps
	slots   []uint32 // of the entry level; nil if one step is all of it
	first   N        // of the entry level
	n       uint32   // numbers in level 0
	entry   uint8    // level at which a look-up begins
	shift   uint8    // how many bits of the distance from first are inside a slot
}

// step is how many numbers a step chooses among. A level of n takes the room of
// n|step, in which a step from every sixteenth number ends.
const step = 15

// layerOf returns the layer of numbers that are sorted, each once.
func layerOf[N uint32 | uint64](numbers []N) *layer[N] {
	if len(numbers) == 0 {
		return nil
	}
	n := len(numbers)
	x := &layer[N]{n: uint32(n)}
	room := n | step
	for !x.divide(numbers) {
		x.entry++
		room += n>>(4*x.entry) | step
	}
	x.numbers = make([]N, room)
	for i := range x.numbers {
		x.numbers[i] = ^N(0) // the greatest there is stands where no number does
	}
	level := x.numbers
	for every := 1; len(level) > 0; every *= step + 1 {
		for i := range n / every {
			level[i] = numbers[(i+1)*every-1]
		}
		level = level[n/every|step:]
	}
	return x
}

// divide reports whether a look-up can begin at the entry level: one step is all
// of it, or the fewest slots that have no more than a step each are few enough,
// at most two for a number of this level or one for two of level 0. These it makes.
func (x *layer[N]) divide(numbers []N) bool {
	every := 1 << (4 * x.entry)
	n := len(numbers) / every
	if n <= step {
		return true
	}
	first := numbers[every-1]
	from := func(i int) uint64 { return uint64(numbers[(i+1)*every-1] - first) }
	shift := bits.Len64(from(n - 1))
	for i := range n - step { // two are in different slots if they differ above what is inside
		shift = min(shift, bits.Len64(from(i)^from(i+step))-1)
	}
	last := from(n-1) >> shift
	if last >= uint64(max(2*n, len(numbers)/2)) {
		return false
	}
	x.slots, x.first, x.shift = make([]uint32, last+1), first, uint8(shift)
	i := 0
	for slot := range x.slots {
		x.slots[slot] = uint32(min(i, n-step))
		for i < n && from(i)>>shift == uint64(slot) {
			i++
		}
	}
	return true
}

// count returns how many numbers are not above n.
func (x *layer[N]) count(n N) int {
	if x == nil {
		return 0
	}
	if n == ^N(0) {
		return int(x.n) // which what only fills a level is not above either
	}
	k, at := uint64(n), uint64(0)
	if len(x.slots) > 0 {
		// What lies before the span goes to its first slot and what lies behind
		// it to its last: the comparisons have the last word.
		_, inside := bits.Sub64(uint64(x.first), k, 0)
		d := (k - uint64(x.first)) & -inside >> (x.shift & 63)
		last := uint64(len(x.slots) - 1)
		_, inside = bits.Sub64(d, last, 0)
		at = uint64(x.slots[last^(d^last)&-inside])
	}
	begin := uint64(len(x.numbers))
	for level := x.entry; level > 0; level-- {
		begin -= uint64(x.n)>>(4*level&63) | step
		side := x.side(begin + at)
		fourth := 4 * three(k, side[3], side[7], side[11]) & 12
		at = (step + 1) * (at + fourth + three(k, side[fourth], side[fourth+1], side[fourth+2]))
	}
	side := x.side(at)
	fourth := 4 * three(k, side[3], side[7], side[11]) & 12
	return int(at + fourth + three(k, side[fourth], side[fourth+1], side[fourth+2]))
}

// side returns the numbers of a step that begins at i.
func (x *layer[N]) side(i uint64) *[step]N { return (*[step]N)(x.numbers[i : i+step : i+step]) }

// three returns how many of three numbers are not above k.
func three[N uint32 | uint64](k uint64, a, b, c N) uint64 {
	n := uint64(3)
	_, above := bits.Sub64(k, uint64(a), 0)
	n, _ = bits.Sub64(n, 0, above)
	_, above = bits.Sub64(k, uint64(b), 0)
	n, _ = bits.Sub64(n, 0, above)
	_, above = bits.Sub64(k, uint64(c), 0)
	n, _ = bits.Sub64(n, 0, above)
	return n
}

func (x *layer[N]) len() int {
	if x == nil {
		return 0
	}
	return int(x.n)
}

func (x *layer[N]) all() []N {
	if x == nil {
		return nil
	}
	return x.numbers[:x.n]
}

func (x *layer[N]) equal(y *layer[N]) bool { return slices.Equal(x.all(), y.all()) }

func (x *layer[N]) bytes() int {
	if x == nil {
		return 0
	}
	return int(unsafe.Sizeof(*x)) + cap(x.slots)*4 + cap(x.numbers)*int(unsafe.Sizeof(x.numbers[0]))
}
