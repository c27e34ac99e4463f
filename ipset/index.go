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

// segment returns the number of the segment of an address in its family.
func (x *index) segment(a uint128) int {
	if a.is4() {
		return x.v4.count(uint32(a.lo))
	}
	return x.v6.count(a)
}

// layer holds sorted numbers and finds in a few steps how many of them are not
// above another one. Each step compares eight numbers that lie side by side,
// whatever they are, and adds up the answers without a branch. How many steps
// there are depends on the layer alone, never on what is asked: a processor
// that guesses wrong loses more time than a step takes.
//
// Level 0 is the numbers themselves. Each level above has every ninth number of
// the one below, up to a level of at most eight. Where c numbers of a level are
// not above the one asked for, neither are the first 9c of the level below, and
// of those behind them at most eight are.
//
// Most of the steps can be left out where numbers are spread evenly: the span
// from the first number of a level to its last is divided into equal slots,
// and a slot says where its numbers begin. That is done at the lowest level at
// which slots can be had, few enough, that have at most eight numbers each. Real
// prefixes crowd, and an adversary's all the more; the worst that can happen is
// that no level has slots, and a look-up takes one step for each.
type layer[N uint32 | uint64] struct {
	numbers []N             // level 0, then the others, each up to whole steps: see room
	begins  *[levels]uint32 // where each level begins; nil if a look-up begins at level 0
	n       uint32          // numbers in level 0
	entry   uint8           // level at which a look-up begins

	// of the entry level; nil if it is the topmost
	shift uint8 // how many bits of the distance from first are inside a slot
	first N
	slots []uint32
}

const (
	step   = 8
	levels = 10 // enough for 1<<32 numbers
)

// room returns how many numbers a level of n takes up, so that a step from any
// ninth one ends in it. The greatest number there is stands behind its last one.
func room(n int) int { return n/(step+1)*(step+1) + step }

// layerOf returns the layer of numbers that are sorted, each once.
func layerOf[N uint32 | uint64](numbers []N) *layer[N] {
	if len(numbers) == 0 {
		return nil
	}
	n := len(numbers)
	x := &layer[N]{n: uint32(n)}
	all, every := room(n), 1
	for !x.divide(numbers, every) && n/every > step {
		if x.begins == nil {
			x.begins = new([levels]uint32)
		}
		x.entry++
		x.begins[x.entry] = uint32(all)
		every *= step + 1
		all += room(n / every)
	}
	x.numbers = make([]N, 0, all)
	for every := 1; len(x.numbers) < all; every *= step + 1 {
		end := len(x.numbers) + room(n/every)
		for i := every - 1; i < n; i += every {
			x.numbers = append(x.numbers, numbers[i])
		}
		for len(x.numbers) < end {
			x.numbers = append(x.numbers, ^N(0))
		}
	}
	return x
}

// divide makes the slots of a level that has every so manieth number, if it
// needs some and at most two for each leave no more than a step in any. It
// reports whether it has made them.
func (x *layer[N]) divide(numbers []N, every int) bool {
	n := len(numbers) / every
	if n <= step {
		return false
	}
	first := numbers[every-1]
	span := uint64(numbers[n*every-1] - first)
	for _, slots := range []int{n / 2, n} {
		shift := max(0, bits.Len64(span)-bits.Len64(uint64(slots-1)))
		x.slots, x.first, x.shift = make([]uint32, span>>shift+1), first, uint8(shift)
		i := 0
		for slot := range x.slots {
			begin := i
			for i < n && uint64(numbers[(i+1)*every-1]-first)>>shift == uint64(slot) {
				i++
			}
			if i-begin > step {
				x.slots = nil
				break
			}
			x.slots[slot] = uint32(min(begin, room(n)-step))
		}
		if x.slots != nil {
			return true
		}
	}
	return false
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
		d, before := bits.Sub64(k, uint64(x.first), 0)
		d = d & (before - 1) >> (x.shift & 63)
		last := uint64(len(x.slots) - 1)
		_, inside := bits.Sub64(d, last, 0)
		at = uint64(x.slots[last^(d^last)&-inside])
	}
	for level := x.entry; level > 0 && level < levels; level-- {
		side := x.side(uint64(x.begins[level]) + at)
		at = four(k, at+step, side[0], side[1], side[2], side[3])
		at = four(k, at, side[4], side[5], side[6], side[7]) * (step + 1)
	}
	side := x.side(at)
	at = four(k, at+step, side[0], side[1], side[2], side[3])
	return int(four(k, at, side[4], side[5], side[6], side[7]))
}

// side returns the numbers of a step that begins at i.
func (x *layer[N]) side(i uint64) *[step]N { return (*[step]N)(x.numbers[i:]) }

// four returns at without one for each of four numbers that is above k.
func four[N uint32 | uint64](k, at uint64, a, b, c, d N) uint64 {
	_, above := bits.Sub64(k, uint64(a), 0)
	at, _ = bits.Sub64(at, 0, above)
	_, above = bits.Sub64(k, uint64(b), 0)
	at, _ = bits.Sub64(at, 0, above)
	_, above = bits.Sub64(k, uint64(c), 0)
	at, _ = bits.Sub64(at, 0, above)
	_, above = bits.Sub64(k, uint64(d), 0)
	at, _ = bits.Sub64(at, 0, above)
	return at
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
	begins := 0
	if x.begins != nil {
		begins = int(unsafe.Sizeof(*x.begins))
	}
	return int(unsafe.Sizeof(*x)) + begins + cap(x.slots)*4 + cap(x.numbers)*int(unsafe.Sizeof(x.numbers[0]))
}
