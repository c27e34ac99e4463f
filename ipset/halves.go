package ipset

import (
	"math/bits"
	"slices"
	"sort"
	"unsafe"
)

// halves holds sorted 128-bit numbers. high is their high halves, each once.
// Most high halves are those of one number whose low half is zero; the others
// are wide, and lows tells their low halves.
type halves struct {
	high layer[uint64]
	lows *lows // nil if no high half is wide
}

// lows is the low halves of those high halves that are wide, in order.
type lows struct {
	wide []wideWord // for every 64 places in high, and for the place behind the last
	// extra[k] is how many numbers more than one each the first k wide ones
	// have, so that the low halves of the k-th begin at extra[k]+k.
	extra []uint32
	low   []uint64
	long  map[uint32]*layer[uint64] // of the k-th, if it has more than longLow low halves
}

// wideWord tells which of 64 places are wide, and how many before them are.
type wideWord struct {
	places uint64
	before uint32
}

const longLow = 32

// halvesOf returns the halves of numbers that are sorted, each once.
func halvesOf(numbers []uint128) *halves {
	if len(numbers) == 0 {
		return nil
	}
	high := make([]uint64, 0, len(numbers))
	var x *lows
	for i := 0; i < len(numbers); {
		n := 1
		for i+n < len(numbers) && numbers[i+n].hi == numbers[i].hi {
			n++
		}
		if n > 1 || numbers[i].lo != 0 {
			if x == nil {
				x = &lows{extra: []uint32{0}}
			}
			x.add(len(high), numbers[i:i+n])
		}
		high = append(high, numbers[i].hi)
		i += n
	}
	h := &halves{high: *layerOf(high), lows: x}
	if x != nil {
		x.upTo(len(high))
		x.wide, x.extra, x.low = clone(x.wide), clone(x.extra), clone(x.low)
	}
	return h
}

// add adds the wide high half at a place, of which these are all the numbers.
func (x *lows) add(place int, numbers []uint128) {
	x.upTo(place)
	x.wide[place>>6].places |= 1 << (place & 63)
	k := uint32(len(x.extra) - 1)
	x.extra = append(x.extra, x.extra[k]+uint32(len(numbers)-1))
	for _, a := range numbers {
		x.low = append(x.low, a.lo)
	}
	if len(numbers) > longLow {
		if x.long == nil {
			x.long = map[uint32]*layer[uint64]{}
		}
		x.long[k] = layerOf(x.low[len(x.low)-len(numbers):])
	}
}

// upTo makes words up to the one of a place.
func (x *lows) upTo(place int) {
	for len(x.wide) <= place>>6 {
		x.wide = append(x.wide, wideWord{before: uint32(len(x.extra) - 1)})
	}
}

// count returns how many numbers are not above a.
func (x *halves) count(a uint128) int {
	if x == nil {
		return 0
	}
	i := x.high.count(a.hi)
	if x.lows == nil {
		return i
	}
	return x.lows.count(i, i > 0 && x.high.numbers[i-1] == a.hi, a.lo)
}

// count returns how many numbers are not above one, of whose high half it is
// known that i are not above it, and whether it is the last of these. Its low
// half is lo.
func (x *lows) count(i int, is bool, lo uint64) int {
	k := x.before(i)
	if !is || !x.isWide(i-1) {
		return i + int(x.extra[k])
	}
	k-- // the high half is the k-th wide one
	low := x.of(k)
	n := i - 1 + int(x.extra[k])
	if len(low) > longLow {
		return n + x.long[uint32(k)].count(lo)
	}
	for len(low) > 0 && low[0] <= lo {
		n, low = n+1, low[1:]
	}
	return n
}

func (x *lows) isWide(place int) bool { return x.wide[place>>6].places>>(place&63)&1 == 1 }

// before returns how many of the first i high halves are wide.
func (x *lows) before(i int) int {
	w := &x.wide[i>>6]
	return int(w.before) + bits.OnesCount64(w.places&(1<<(i&63)-1))
}

// of returns the low halves of the k-th wide high half.
func (x *lows) of(k int) []uint64 {
	return x.low[int(x.extra[k])+k : int(x.extra[k+1])+k+1]
}

func (x *halves) len() int {
	if x == nil {
		return 0
	}
	if x.lows == nil {
		return x.high.len()
	}
	return x.high.len() + int(x.lows.extra[len(x.lows.extra)-1])
}

// at returns number i.
func (x *halves) at(i int) uint128 {
	l := x.lows
	if l == nil {
		return uint128{x.high.numbers[i], 0}
	}
	// before returns how many numbers have a high half before a place.
	before := func(place int) int { return place + int(l.extra[l.before(place)]) }
	place := sort.Search(x.high.len(), func(place int) bool { return before(place+1) > i })
	a := uint128{hi: x.high.numbers[place]}
	if l.isWide(place) {
		a.lo = l.of(l.before(place))[i-before(place)]
	}
	return a
}

// equal reports whether x and y hold the same numbers.
func (x *halves) equal(y *halves) bool {
	if x == nil || y == nil {
		return x == y
	}
	return x.high.equal(&y.high) && x.lows.equal(y.lows)
}

func (x *lows) equal(y *lows) bool {
	if x == nil || y == nil {
		return x == y
	}
	return slices.Equal(x.wide, y.wide) && slices.Equal(x.extra, y.extra) && slices.Equal(x.low, y.low)
}

func (x *halves) bytes() int {
	if x == nil {
		return 0
	}
	n := int(unsafe.Sizeof(x.lows)) + x.high.bytes()
	if l := x.lows; l != nil {
		n += int(unsafe.Sizeof(*l)) + cap(l.wide)*int(unsafe.Sizeof(wideWord{})) + cap(l.extra)*4 + cap(l.low)*8
		for _, long := range l.long {
			n += 16 + long.bytes()
		}
	}
	return n
}
