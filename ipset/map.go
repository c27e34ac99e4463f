package ipset

import (
	"errors"
	"fmt"
	"iter"
	"net/netip"
	"unsafe"
)

// ErrOverlap is the error of MapOf where two ranges that overlap have
// different values.
var ErrOverlap = errors.New("overlapping ranges with different values")

// Map is an immutable map from addresses to values. A nil *Map and the zero
// Map are empty. It is safe for concurrent use. As in a Set, IPv4 and IPv6
// addresses are apart.
type Map[V comparable] struct {
	x      index
	v4, v6 values[V]
}

// values has one value for each segment of a family. The zero value stands for
// a segment that is not in the map, unless zeros has its bit.
type values[V comparable] struct {
	of    []V
	zeros []uint64 // nil if no segment has the zero value
}

func (v *values[V]) at(i int) (value V, ok bool) {
	if i >= len(v.of) {
		return value, false // the last segment, where nothing is
	}
	var zero V
	value = v.of[i]
	if v.zeros == nil {
		return value, value != zero // without a branch on what nobody can guess
	}
	return value, value != zero || v.zeros[i>>6]>>(i&63)&1 == 1
}

func (v *values[V]) set(i int, value V) {
	var zero V
	for len(v.of) <= i {
		v.of = append(v.of, zero)
	}
	v.of[i] = value
	if value == zero {
		for len(v.zeros) <= i>>6 {
			v.zeros = append(v.zeros, 0)
		}
		v.zeros[i>>6] |= 1 << (i & 63)
	}
}

func (v *values[V]) clip() {
	v.of = clone(v.of)
	if v.zeros != nil {
		zeros := make([]uint64, len(v.of)>>6+1) // a bit for each
		copy(zeros, v.zeros)
		v.zeros = zeros
	}
}

// MapOf returns the map that entries yields, in any order. Ranges that overlap
// must have equal values, else the error wraps ErrOverlap and names two of
// them as they were given. Zero ranges add nothing. It is faster if they come
// in order.
func MapOf[V comparable](entries iter.Seq2[Range, V]) (*Map[V], error) {
	var l list[V]
	for r, v := range entries {
		l.add(r, v)
	}
	m := new(Map[V])
	bounds := boundaries{make([]uint32, 0, 2*len(l.v4)), make([]uint128, 0, 2*len(l.v6))}
	m.v4.of, m.v6.of = make([]V, 0, 2*len(l.v4)+1), make([]V, 0, 2*len(l.v6)+1)
	a, b, ok := l.merge(func(e entry[uint32, V]) {
		m.v4.set(bounds.add4(e.from, e.to), e.value)
	}, func(e entry[uint128, V]) {
		m.v6.set(bounds.add6(e.from, e.to), e.value)
	})
	if !ok {
		return nil, fmt.Errorf("ipset: %v and %v: %w", a, b, ErrOverlap)
	}
	m.x = bounds.index()
	m.v4.clip()
	m.v6.clip()
	return m, nil
}

// Lookup returns the value at a, and whether there is one. A mapped address
// counts as the IPv4 address that it spells, and a zone is ignored. Lookup
// does not allocate.
func (m *Map[V]) Lookup(a netip.Addr) (value V, ok bool) {
	if m == nil || !a.IsValid() {
		return value, false
	}
	n := number(a)
	if n.is4() {
		return m.v4.at(m.x.v4.count(uint32(n.lo)))
	}
	return m.v6.at(m.x.v6.count(n))
}

func (m *Map[V]) family(is4 bool) *values[V] {
	if is4 {
		return &m.v4
	}
	return &m.v6
}

// All yields the disjoint ranges of m and their values in order, IPv4 first.
// Neighbours with the same value are one range.
func (m *Map[V]) All() iter.Seq2[Range, V] {
	return func(yield func(Range, V) bool) {
		if m == nil {
			return
		}
		for i, r := range m.x.segments() {
			if v, ok := m.family(r.from.Is4()).at(i); ok && !yield(r, v) {
				return
			}
		}
	}
}

// Len returns the number of ranges that All yields.
func (m *Map[V]) Len() int {
	if m == nil {
		return 0
	}
	n := 0
	for _, v := range []*values[V]{&m.v4, &m.v6} {
		for i := range v.of {
			if _, ok := v.at(i); ok {
				n++
			}
		}
	}
	return n
}

// Bytes returns the memory that m holds, in bytes, without what its values
// point to.
func (m *Map[V]) Bytes() int {
	if m == nil {
		return 0
	}
	var v V
	return int(unsafe.Sizeof(*m)) + m.x.bytes() +
		(cap(m.v4.of)+cap(m.v6.of))*int(unsafe.Sizeof(v)) + (cap(m.v4.zeros)+cap(m.v6.zeros))*8
}
