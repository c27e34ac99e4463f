package ipset

import (
	"cmp"
	"slices"
)

// list is ranges and their values as they are given: what a Set or a Map is
// built of.
type list[V comparable] struct {
	v4     []entry[uint32, V]
	v6     []entry[uint128, V]
	mixed4 bool // v4 is not in order
	mixed6 bool
}

// entry is a range as numbers, and its value.
type entry[N comparable, V comparable] struct {
	from, to N
	value    V
}

func order4[V comparable](a, b entry[uint32, V]) int {
	return cmp.Compare(uint64(a.from)<<32|uint64(a.to), uint64(b.from)<<32|uint64(b.to))
}

func order6[V comparable](a, b entry[uint128, V]) int {
	if c := a.from.compare(b.from); c != 0 {
		return c
	}
	return a.to.compare(b.to)
}

// grow makes room for ranges.
func (l *list[V]) grow(ranges []Range) {
	n4 := 0
	for i := range ranges {
		if ranges[i].from.Is4() {
			n4++
		}
	}
	l.v4, l.v6 = make([]entry[uint32, V], 0, n4), make([]entry[uint128, V], 0, len(ranges)-n4)
}

// add adds a range and its value. The zero Range adds nothing.
func (l *list[V]) add(r Range, v V) {
	switch from, to := number(r.from), number(r.to); {
	case !r.from.IsValid():
	case r.from.Is4():
		e := entry[uint32, V]{uint32(from.lo), uint32(to.lo), v}
		l.mixed4 = l.mixed4 || len(l.v4) > 0 && order4(l.v4[len(l.v4)-1], e) > 0
		l.v4 = append(l.v4, e)
	default:
		e := entry[uint128, V]{from, to, v}
		l.mixed6 = l.mixed6 || len(l.v6) > 0 && order6(l.v6[len(l.v6)-1], e) > 0
		l.v6 = append(l.v6, e)
	}
}

// merge sorts l and calls add4 and add6 for each range in order, grown over all
// that overlap or touch it with the same value. Where values differ it returns
// the two ranges as they were given.
func (l *list[V]) merge(add4 func(entry[uint32, V]), add6 func(entry[uint128, V])) (a, b Range, ok bool) {
	if l.mixed4 {
		slices.SortFunc(l.v4, order4)
	}
	if l.mixed6 {
		slices.SortFunc(l.v6, order6)
	}
	if a, b, ok := merge(l.v4, cmp.Compare, func(n uint32) uint32 { return n + 1 }, add4); !ok {
		return Range{addr4(a.from), addr4(a.to)}, Range{addr4(b.from), addr4(b.to)}, false
	}
	if a, b, ok := merge(l.v6, uint128.compare, uint128.next, add6); !ok {
		return Range{addr6(a.from), addr6(a.to)}, Range{addr6(b.from), addr6(b.to)}, false
	}
	return Range{}, Range{}, true
}

// merge is list.merge for the sorted ranges of one family.
func merge[N comparable, V comparable](list []entry[N, V], compare func(N, N) int, next func(N) N, add func(entry[N, V])) (a, b entry[N, V], ok bool) {
	for i := 0; i < len(list); {
		// cur grows; last is the entry that reached furthest.
		cur, last := list[i], list[i]
		for i++; i < len(list); i++ {
			e := list[i]
			if compare(e.from, cur.to) <= 0 {
				if e.value != cur.value {
					return last, e, false
				}
			} else if e.value != cur.value || next(cur.to) != e.from {
				break
			}
			if compare(cur.to, e.to) < 0 {
				cur.to, last = e.to, e
			}
		}
		add(cur)
	}
	return a, b, true
}
