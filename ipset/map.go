package ipset

import (
	"errors"
	"fmt"
	"iter"
	"net/netip"
	"slices"
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

// values has one value for each segment of a family, and a bit that tells
// whether the segment is in the map at all.
type values[V comparable] struct {
	of   []V
	held []uint64
}

func (v *values[V]) at(i int) (value V, ok bool) {
	if i>>6 >= len(v.held) || v.held[i>>6]>>(i&63)&1 == 0 {
		return value, false
	}
	return v.of[i], true
}

func (v *values[V]) set(i int, value V) {
	for len(v.of) <= i {
		var none V
		v.of = append(v.of, none)
	}
	for len(v.held) <= i>>6 {
		v.held = append(v.held, 0)
	}
	v.of[i] = value
	v.held[i>>6] |= 1 << (i & 63)
}

// MapOf returns the map that entries yields, in any order. Ranges that overlap
// must have equal values, else the error wraps ErrOverlap and names two of
// them as they were given. Zero ranges add nothing.
func MapOf[V comparable](entries iter.Seq2[Range, V]) (*Map[V], error) {
	type entry struct {
		r Range
		v V
	}
	var list []entry
	for r, v := range entries {
		if !r.IsZero() {
			list = append(list, entry{r, v})
		}
	}
	slices.SortFunc(list, func(a, b entry) int { return a.r.Compare(b.r) })

	m := new(Map[V])
	for len(list) > 0 {
		// cur grows over all that overlaps or touches it with the same value;
		// last is the entry that reached furthest.
		cur, last, rest := list[0], list[0].r, list[1:]
		for len(rest) > 0 {
			next := rest[0]
			if cur.r.Overlaps(next.r) {
				if next.v != cur.v {
					return nil, fmt.Errorf("ipset: %v and %v: %w", last, next.r, ErrOverlap)
				}
			} else if next.v != cur.v || cur.r.to.Next() != next.r.from {
				break
			}
			if cur.r.to.Less(next.r.to) {
				cur.r.to, last = next.r.to, next.r
			}
			rest = rest[1:]
		}
		i := m.x.add(cur.r)
		if cur.r.from.Is4() {
			m.v4.set(i, cur.v)
		} else {
			m.v6.set(i, cur.v)
		}
		list = rest
	}
	m.x.clip()
	for _, v := range []*values[V]{&m.v4, &m.v6} {
		v.of, v.held = append([]V(nil), v.of...), append([]uint64(nil), v.held...)
	}
	return m, nil
}

// Lookup returns the value at a, and whether there is one. A mapped address
// counts as the IPv4 address that it spells, and a zone is ignored. Lookup
// does not allocate.
func (m *Map[V]) Lookup(a netip.Addr) (value V, ok bool) {
	if m == nil || !a.IsValid() {
		return value, false
	}
	a = a.Unmap()
	return m.family(a.Is4()).at(m.x.segment(a))
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
	n := 0
	for range m.All() {
		n++
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
	return m.x.bytes() + int(unsafe.Sizeof(m.v4)+unsafe.Sizeof(m.v6)) +
		(cap(m.v4.of)+cap(m.v6.of))*int(unsafe.Sizeof(v)) + (cap(m.v4.held)+cap(m.v6.held))*8
}
