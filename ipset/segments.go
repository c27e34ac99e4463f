package ipset

import (
	"iter"
	"math"
)

// boundaries are where segments begin, sorted, each once: what an index is
// made of.
type boundaries struct {
	v4 []uint32
	v6 []uint128
}

// add4 and add6 put boundaries before and after a range, which must lie above
// all of its family that were added before. A boundary that is there already
// is shared, and the end of the family needs none. They return the number of
// the segment that the range became.
func (b *boundaries) add4(from, to uint32) int {
	b.v4 = addBound(b.v4, from)
	i := len(b.v4)
	if after := to + 1; after != 0 {
		b.v4 = append(b.v4, after)
	}
	return i
}

func (b *boundaries) add6(from, to uint128) int {
	b.v6 = addBound(b.v6, from)
	i := len(b.v6)
	if after := to.next(); after != (uint128{}) {
		b.v6 = append(b.v6, after)
	}
	return i
}

func addBound[N comparable](bounds []N, n N) []N {
	if len(bounds) > 0 && bounds[len(bounds)-1] == n {
		return bounds
	}
	return append(bounds, n)
}

// index returns the index of b, and keeps nothing of it.
func (b *boundaries) index() index {
	return index{layerOf(b.v4), halvesOf(b.v6)}
}

// of returns the number of the segment of an address in a family that is told
// apart from it: the end of a wide IPv6 range may lie inside ::ffff:0:0/96, and
// means IPv6 there.
func (x *index) of(is4 bool, a uint128) int {
	if is4 {
		return x.v4.count(uint32(a.lo))
	}
	return x.v6.count(a)
}

// len returns the number of boundaries of a family.
func (x *index) len(is4 bool) int {
	if is4 {
		return x.v4.len()
	}
	return x.v6.len()
}

// rangeOf returns the range of segment i, or the zero Range if it is empty,
// because a boundary stands at the first address of the family.
func (x *index) rangeOf(is4 bool, i int) Range {
	n := x.len(is4)
	if is4 {
		from, to := uint32(0), uint32(math.MaxUint32)
		if i > 0 {
			from = x.v4.numbers[i-1]
		}
		if i < n {
			if to = x.v4.numbers[i] - 1; to == math.MaxUint32 {
				return Range{}
			}
		}
		return Range{addr4(from), addr4(to)}
	}
	from, to := uint128{}, uint128{math.MaxUint64, math.MaxUint64}
	if i > 0 {
		from = x.v6.at(i - 1)
	}
	if i < n {
		b := x.v6.at(i)
		if b == (uint128{}) {
			return Range{}
		}
		to = b.prev()
	}
	return Range{addr6(from), addr6(to)}
}

// segments yields the segments of both families in order, IPv4 first, as their
// number in the family and their range. Empty ones are left out.
func (x *index) segments() iter.Seq2[int, Range] {
	return func(yield func(int, Range) bool) {
		for _, is4 := range []bool{true, false} {
			for i := range x.len(is4) + 1 {
				if r := x.rangeOf(is4, i); !r.IsZero() && !yield(i, r) {
					return
				}
			}
		}
	}
}

func (x *index) equal(y *index) bool {
	return x.v4.equal(y.v4) && x.v6.equal(y.v6)
}

func (x *index) bytes() int { return x.v4.bytes() + x.v6.bytes() }
