package ipset

import (
	"cmp"
	"encoding/binary"
	"iter"
	"math"
	"net/netip"
	"slices"
	"unsafe"
)

// index cuts each address family into segments at its sorted boundaries.
// Segment 0 lies before the first boundary, segment i begins at boundary i-1,
// and the last one reaches the end of the family. A Set is the segments with
// odd numbers; a Map has a value for each number.
type index struct {
	v4 []uint32
	v6 []uint128
}

// uint128 is an IPv6 address as a number.
type uint128 struct{ hi, lo uint64 }

func (a uint128) compare(b uint128) int {
	return cmp.Or(cmp.Compare(a.hi, b.hi), cmp.Compare(a.lo, b.lo))
}

func number4(a netip.Addr) uint32 {
	b := a.As4()
	return binary.BigEndian.Uint32(b[:])
}

func number6(a netip.Addr) uint128 {
	b := a.As16()
	return uint128{binary.BigEndian.Uint64(b[:8]), binary.BigEndian.Uint64(b[8:])}
}

func addr4(n uint32) netip.Addr {
	var b [4]byte
	binary.BigEndian.PutUint32(b[:], n)
	return netip.AddrFrom4(b)
}

func addr6(n uint128) netip.Addr {
	var b [16]byte
	binary.BigEndian.PutUint64(b[:8], n.hi)
	binary.BigEndian.PutUint64(b[8:], n.lo)
	return netip.AddrFrom16(b)
}

// segment returns the number of a's segment in its family: how many boundaries
// are not above a. A mapped address counts as IPv6 here; a zone does not matter.
func (x *index) segment(a netip.Addr) int {
	if a.Is4() {
		return count(x.v4, number4(a), cmp.Compare[uint32])
	}
	return count(x.v6, number6(a), uint128.compare)
}

// count returns how many of the sorted bounds are not above n.
func count[N any](bounds []N, n N, compare func(N, N) int) int {
	i, found := slices.BinarySearchFunc(bounds, n, compare)
	if found {
		i++
	}
	return i
}

// segments yields the segments of both families in order, IPv4 first, as their
// number in the family and their range. Segment 0 is left out where it is
// empty, because a boundary stands at the family's first address.
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

func (x *index) len(is4 bool) int {
	if is4 {
		return len(x.v4)
	}
	return len(x.v6)
}

// rangeOf returns the range of segment i, or the zero Range if it is empty.
func (x *index) rangeOf(is4 bool, i int) Range {
	if is4 {
		from, to := uint32(0), uint32(math.MaxUint32)
		if i > 0 {
			from = x.v4[i-1]
		}
		if i < len(x.v4) {
			if to = x.v4[i] - 1; x.v4[i] == 0 {
				return Range{}
			}
		}
		return Range{addr4(from), addr4(to)}
	}
	from, to := uint128{}, uint128{math.MaxUint64, math.MaxUint64}
	if i > 0 {
		from = x.v6[i-1]
	}
	if i < len(x.v6) {
		b := x.v6[i]
		if b == (uint128{}) {
			return Range{}
		}
		if to = (uint128{b.hi, b.lo - 1}); b.lo == 0 {
			to.hi--
		}
	}
	return Range{addr6(from), addr6(to)}
}

// add puts boundaries before and after r, which must lie above all ranges of
// its family that were added before. A boundary that is there already is
// shared, and the end of the family needs none. It returns the number of the
// segment that r became.
func (x *index) add(r Range) int {
	if r.from.Is4() {
		x.v4 = addBound(x.v4, number4(r.from))
		i := len(x.v4)
		if after := number4(r.to) + 1; after != 0 {
			x.v4 = append(x.v4, after)
		}
		return i
	}
	x.v6 = addBound(x.v6, number6(r.from))
	i := len(x.v6)
	after := number6(r.to)
	if after.lo++; after.lo == 0 {
		after.hi++
	}
	if after != (uint128{}) {
		x.v6 = append(x.v6, after)
	}
	return i
}

func addBound[N comparable](bounds []N, n N) []N {
	if len(bounds) > 0 && bounds[len(bounds)-1] == n {
		return bounds
	}
	return append(bounds, n)
}

// clip gives back the memory that add reserved.
func (x *index) clip() {
	x.v4 = append([]uint32(nil), x.v4...)
	x.v6 = append([]uint128(nil), x.v6...)
}

func (x *index) bytes() int {
	return int(unsafe.Sizeof(*x)) + cap(x.v4)*4 + cap(x.v6)*16
}
