package ipset

import (
	"math/bits"
	"slices"
	"sort"
	"unsafe"
)

// halves holds sorted 128-bit numbers. high is their high halves, each once.
// Most high halves are those of one number whose low half is zero; the others
// are wide, and their low halves are in low, in order.
type halves struct {
	high *layer[uint64]
	wide []uint64 // a bit for each place in high; nil if none is wide
	rank []uint32 // how many are wide before each word of wide
	// extra[k] is how many numbers more than one each the first k wide ones
	// have, so that the low halves of the k-th begin at extra[k]+k.
	extra []uint32
	low   []uint64
	long  map[uint32]*layer[uint64] // of the k-th, if it has more than longLow low halves
}

const longLow = 32

// halvesOf returns the halves of numbers that are sorted, each once.
func halvesOf(numbers []uint128) *halves {
	if len(numbers) == 0 {
		return nil
	}
	x := &halves{extra: []uint32{0}}
	var high []uint64
	for len(numbers) > 0 {
		n := 1
		for n < len(numbers) && numbers[n].hi == numbers[0].hi {
			n++
		}
		place := len(high)
		high = append(high, numbers[0].hi)
		if place&63 == 0 {
			x.wide, x.rank = append(x.wide, 0), append(x.rank, uint32(len(x.extra)-1))
		}
		if n > 1 || numbers[0].lo != 0 {
			k := uint32(len(x.extra) - 1)
			x.wide[place>>6] |= 1 << (place & 63)
			x.extra = append(x.extra, x.extra[k]+uint32(n-1))
			for _, a := range numbers[:n] {
				x.low = append(x.low, a.lo)
			}
			if n > longLow {
				if x.long == nil {
					x.long = map[uint32]*layer[uint64]{}
				}
				x.long[k] = layerOf(x.low[len(x.low)-n:])
			}
		}
		numbers = numbers[n:]
	}
	x.high = layerOf(high)
	if len(x.low) == 0 {
		return &halves{high: x.high}
	}
	x.wide, x.rank = append(x.wide, 0), append(x.rank, uint32(len(x.extra)-1)) // for the place behind the last
	x.wide, x.rank, x.extra, x.low = clone(x.wide), clone(x.rank), clone(x.extra), clone(x.low)
	return x
}

// count returns how many numbers are not above a.
func (x *halves) count(a uint128) int {
	if x == nil {
		return 0
	}
	i := x.high.count(a.hi)
	if x.wide == nil {
		return i
	}
	k := x.wideBefore(i)
	if i == 0 || x.high.numbers[i-1] != a.hi || !x.isWide(i-1) {
		return i + int(x.extra[k])
	}
	k-- // the high half of a is the k-th wide one
	low := x.lowOf(k)
	n := i - 1 + int(x.extra[k])
	if len(low) > longLow {
		return n + x.long[uint32(k)].count(a.lo)
	}
	for len(low) > 0 && low[0] <= a.lo {
		n, low = n+1, low[1:]
	}
	return n
}

func (x *halves) isWide(place int) bool { return x.wide[place>>6]>>(place&63)&1 == 1 }

// wideBefore returns how many of the first i high halves are wide.
func (x *halves) wideBefore(i int) int {
	return int(x.rank[i>>6]) + bits.OnesCount64(x.wide[i>>6]&(1<<(i&63)-1))
}

// lowOf returns the low halves of the k-th wide high half.
func (x *halves) lowOf(k int) []uint64 {
	return x.low[int(x.extra[k])+k : int(x.extra[k+1])+k+1]
}

func (x *halves) len() int {
	if x == nil {
		return 0
	}
	if x.wide == nil {
		return x.high.len()
	}
	return x.high.len() + int(x.extra[len(x.extra)-1])
}

// at returns number i.
func (x *halves) at(i int) uint128 {
	if x.wide == nil {
		return uint128{x.high.numbers[i], 0}
	}
	// before returns how many numbers have a high half before a place.
	before := func(place int) int { return place + int(x.extra[x.wideBefore(place)]) }
	place := sort.Search(x.high.len(), func(place int) bool { return before(place+1) > i })
	a := uint128{hi: x.high.numbers[place]}
	if x.isWide(place) {
		a.lo = x.lowOf(x.wideBefore(place))[i-before(place)]
	}
	return a
}

// equal reports whether x and y hold the same numbers.
func (x *halves) equal(y *halves) bool {
	if x == nil || y == nil {
		return x == y
	}
	return slices.Equal(x.high.all(), y.high.all()) && slices.Equal(x.wide, y.wide) &&
		slices.Equal(x.extra, y.extra) && slices.Equal(x.low, y.low)
}

func (x *halves) bytes() int {
	if x == nil {
		return 0
	}
	n := int(unsafe.Sizeof(*x)) + x.high.bytes() + cap(x.wide)*8 + cap(x.rank)*4 + cap(x.extra)*4 + cap(x.low)*8
	for _, l := range x.long {
		n += 16 + l.bytes()
	}
	return n
}
