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
// above another one. The span from its first number to its last is divided
// into equal slots, some for each number, and a slot says where its numbers
// begin. Where at most run of them lie in a slot, comparing the next run
// numbers, whatever they are, completes the count without a branch, for those
// of later slots are above. Where more crowd into it, the slot is divided
// again in the same way, from its own first number to its own last.
//
// An adversary can have numbers crowd at ever smaller scales. Each division at
// least halves the span, so that a look-up takes at most 64 steps in a layer;
// the tests could not bring about more than 41. Each is made with half the slots
// for a number that the one around it has, but never fewer than two, so that
// there are fewer than ten slots for a number: four in the first division, whose
// slots are rounded up to a power of two, eight in all that halve, and two for
// each that cannot. There are fewer divisions than numbers.
type layer[N uint32 | uint64] struct {
	root    node[N]
	slots   []uint32
	nodes   []node[N]
	numbers []N // and run more, so that those of the last slot can be compared
}

// node is a span that is divided into slots.
type node[N uint32 | uint64] struct {
	first N
	base  uint32 // of its slots
	last  uint32 // slot, counted from base
	shift uint8  // how many bits of the distance from first are inside a slot
}

const (
	run       = 6
	slotsEach = 2       // slots for a number; the best of what was measured, with run, for speed within the memory
	crowded   = 1 << 31 // marks a slot that says which node divides it
)

// layerOf returns the layer of numbers that are sorted, each once.
func layerOf[N uint32 | uint64](numbers []N) *layer[N] {
	if len(numbers) == 0 {
		return nil
	}
	x := &layer[N]{numbers: make([]N, len(numbers)+run)}
	for i := copy(x.numbers, numbers); i < len(x.numbers); i++ {
		x.numbers[i] = ^N(0)
	}
	x.root = x.divide(0, len(numbers), 0)
	x.slots, x.nodes = clone(x.slots), clone(x.nodes)
	return x
}

// divide returns the node of the numbers from one place up to another.
func (x *layer[N]) divide(from, to, depth int) node[N] {
	first := x.numbers[from]
	span := uint64(x.numbers[to-1] - first)
	slots := max(2, slotsEach*(to-from)>>depth)
	shift := max(0, bits.Len64(span)-bits.Len64(uint64(slots-1)))
	n := node[N]{first, uint32(len(x.slots)), uint32(span >> shift), uint8(shift)}
	x.slots = append(x.slots, make([]uint32, n.last+1)...)
	for slot := range n.last + 1 {
		begin := from
		for from < to && uint64(x.numbers[from]-first)>>shift == uint64(slot) {
			from++
		}
		mark := uint32(begin)
		if from-begin > run {
			inner := x.divide(begin, from, depth+1)
			mark = crowded | uint32(len(x.nodes))
			x.nodes = append(x.nodes, inner)
		}
		x.slots[n.base+slot] = mark
	}
	return n
}

// count returns how many numbers are not above n.
func (x *layer[N]) count(n N) int {
	if x == nil {
		return 0
	}
	for at := &x.root; ; {
		// What lies before the span goes to its first slot and what lies behind
		// it to its last: the comparison has the last word.
		d, before := bits.Sub64(uint64(n), uint64(at.first), 0)
		d &= before - 1
		slot := x.slots[uint64(at.base)+min(d>>(at.shift&63), uint64(at.last))]
		if slot < crowded {
			i := uint(slot)
			if i+run > uint(len(x.numbers)) {
				return 0 // it never is; this saves a check for each of the six
			}
			_, above0 := bits.Sub64(uint64(n), uint64(x.numbers[i]), 0)
			_, above1 := bits.Sub64(uint64(n), uint64(x.numbers[i+1]), 0)
			_, above2 := bits.Sub64(uint64(n), uint64(x.numbers[i+2]), 0)
			_, above3 := bits.Sub64(uint64(n), uint64(x.numbers[i+3]), 0)
			_, above4 := bits.Sub64(uint64(n), uint64(x.numbers[i+4]), 0)
			_, above5 := bits.Sub64(uint64(n), uint64(x.numbers[i+5]), 0)
			return min(int(i)+run-int(above0+above1+above2+above3+above4+above5), x.len())
		}
		at = &x.nodes[slot-crowded]
	}
}

func (x *layer[N]) len() int {
	if x == nil {
		return 0
	}
	return len(x.numbers) - run
}

func (x *layer[N]) all() []N {
	if x == nil {
		return nil
	}
	return x.numbers[:x.len()]
}

func (x *layer[N]) equal(y *layer[N]) bool { return slices.Equal(x.all(), y.all()) }

func (x *layer[N]) bytes() int {
	if x == nil {
		return 0
	}
	return int(unsafe.Sizeof(*x)) + cap(x.slots)*4 + cap(x.nodes)*int(unsafe.Sizeof(x.root)) +
		cap(x.numbers)*int(unsafe.Sizeof(x.numbers[0]))
}
