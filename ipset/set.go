package ipset

import (
	"errors"
	"fmt"
	"iter"
	"net/netip"
	"strings"
	"unsafe"

	"go4.org/netipx"
)

// Set is an immutable set of addresses. A nil *Set and the zero Set are empty.
// It is safe for concurrent use.
//
// IPv4 and IPv6 addresses are apart: an IPv4 address is in the set only where
// an IPv4 range holds it, in whatever spelling it comes, and an IPv6 range
// that happens to run over ::ffff:0:0/96 is kept as it was written but holds
// no IPv4 address.
type Set struct{ x index }

// Of returns the set of all addresses in ranges, in any order, overlapping or
// not. Zero ranges add nothing.
func Of(ranges ...Range) *Set {
	var l list[struct{}]
	l.grow(ranges)
	for _, r := range ranges {
		l.add(r, struct{}{})
	}
	b := boundaries{make([]uint32, 0, 2*len(l.v4)), make([]uint128, 0, 2*len(l.v6))}
	l.merge(func(e entry[uint32, struct{}]) { b.add4(e.from, e.to) },
		func(e entry[uint128, struct{}]) { b.add6(e.from, e.to) }) // of which no two values differ
	return &Set{b.index()}
}

// Parse returns the set of all addresses in entries, each read by ParseRange.
// If some are bad there is no set, and the error joins one for each of them
// that names its place, counted from 0, and wraps the *ParseError.
func Parse(entries ...string) (*Set, error) {
	ranges := make([]Range, len(entries))
	var errs []error
	for i, s := range entries {
		var err error
		if ranges[i], err = ParseRange(s); err != nil {
			errs = append(errs, fmt.Errorf("entry %d: %w", i, err))
		}
	}
	if errs != nil {
		return nil, errors.Join(errs...)
	}
	return Of(ranges...), nil
}

// MustParse is Parse for text in a program's source. It panics where Parse
// returns an error.
func MustParse(entries ...string) *Set {
	s, err := Parse(entries...)
	if err != nil {
		panic("ipset: " + err.Error())
	}
	return s
}

// FromIPSet returns the set of the addresses in s. Ranges inside ::ffff:0:0/96
// become IPv4. A nil s is empty.
func FromIPSet(s *netipx.IPSet) *Set {
	if s == nil {
		return &Set{}
	}
	ranges := make([]Range, 0, len(s.Ranges()))
	for _, r := range s.Ranges() {
		ranges = append(ranges, rangeOf(r.From(), r.To()))
	}
	return Of(ranges...)
}

// build compiles what b holds, which is canonical but for pieces of IPv6
// ranges that were cut down to lie inside ::ffff:0:0/96. Those hold no address
// that could be asked for, and turning them into IPv4 would add addresses that
// no operand had.
func build(b *netipx.IPSetBuilder) *Set {
	var bounds boundaries
	if set, err := b.IPSet(); err == nil { // every range that was added is valid
		for _, r := range set.Ranges() {
			switch from, to := number(r.From()), number(r.To()); {
			case r.From().Is4():
				bounds.add4(uint32(from.lo), uint32(to.lo))
			case !from.is4() || !to.is4():
				bounds.add6(from, to)
			}
		}
	}
	return &Set{bounds.index()}
}

func (s *Set) builder() *netipx.IPSetBuilder {
	b := new(netipx.IPSetBuilder)
	for r := range s.All() {
		b.AddRange(netipx.IPRangeFrom(r.from, r.to))
	}
	return b
}

// IPSet returns s as a netipx.IPSet. To netipx, a mapped address is IPv6: ask
// the result for what Canonical returns.
func (s *Set) IPSet() *netipx.IPSet {
	set, err := s.builder().IPSet()
	if err != nil { // every range that was added is valid
		return new(netipx.IPSet)
	}
	return set
}

// Contains reports whether s holds a. A mapped address counts as the IPv4
// address that it spells, and a zone is ignored. If a is zero, the answer is
// false. Contains does not allocate.
func (s *Set) Contains(a netip.Addr) bool {
	if s == nil || !a.IsValid() {
		return false
	}
	n := number(a)
	if n.is4() {
		return s.x.v4.count(uint32(n.lo))&1 == 1
	}
	return s.x.v6.count(n)&1 == 1
}

// Find returns the range of s that holds a, merged with all that it touches,
// and whether there is one. Find does not allocate.
func (s *Set) Find(a netip.Addr) (Range, bool) { return s.find(a.Unmap()) }

// find is Find without unmapping, for the ends of ranges: those of a wide IPv6
// range may lie inside ::ffff:0:0/96 and mean IPv6 there.
func (s *Set) find(a netip.Addr) (Range, bool) {
	if s == nil || !a.IsValid() {
		return Range{}, false
	}
	i := s.x.of(a.Is4(), number(a))
	if i&1 == 0 {
		return Range{}, false
	}
	return s.x.rangeOf(a.Is4(), i), true
}

// Covers reports whether s holds every address of r. If r is zero, the answer
// is false.
func (s *Set) Covers(r Range) bool {
	found, ok := s.find(r.from)
	return ok && !found.to.Less(r.to)
}

// Overlaps reports whether s holds some address of r.
func (s *Set) Overlaps(r Range) bool {
	if s == nil || r.IsZero() {
		return false
	}
	is4 := r.from.Is4()
	i := s.x.of(is4, number(r.from))
	if i&1 == 1 {
		return true
	}
	return i < s.x.len(is4) && !r.to.Less(s.x.rangeOf(is4, i+1).from)
}

// Union returns the set of the addresses in s or t.
func (s *Set) Union(t *Set) *Set {
	b := s.builder()
	b.AddSet(t.IPSet())
	return build(b)
}

// Minus returns the set of the addresses in s and not in t.
func (s *Set) Minus(t *Set) *Set {
	b := s.builder()
	b.RemoveSet(t.IPSet())
	return build(b)
}

// Intersect returns the set of the addresses in both s and t.
func (s *Set) Intersect(t *Set) *Set {
	b := s.builder()
	b.Intersect(t.IPSet())
	return build(b)
}

// Equal reports whether s and t hold the same addresses.
func (s *Set) Equal(t *Set) bool {
	var zero Set
	if s == nil {
		s = &zero
	}
	if t == nil {
		t = &zero
	}
	return s.x.equal(&t.x)
}

// Len returns the number of disjoint ranges in s.
func (s *Set) Len() int {
	if s == nil {
		return 0
	}
	return (s.x.len(true)+1)/2 + (s.x.len(false)+1)/2
}

// All yields the disjoint ranges of s in order, IPv4 first.
func (s *Set) All() iter.Seq[Range] {
	return func(yield func(Range) bool) {
		if s == nil {
			return
		}
		for i, r := range s.x.segments() {
			if i&1 == 1 && !yield(r) {
				return
			}
		}
	}
}

// Prefixes yields the fewest prefixes that cover exactly s, in order, IPv4
// first. Where an IPv6 range begins or ends in ::ffff:0:0/96, the prefixes that
// lie inside are left out: s holds no address there that could be asked for,
// and who read them back would read all of IPv4, or a piece of it.
func (s *Set) Prefixes() iter.Seq[netip.Prefix] {
	return func(yield func(netip.Prefix) bool) {
		for r := range s.All() {
			for _, p := range netipx.IPRangeFrom(r.from, r.to).Prefixes() {
				if !p.Addr().Is4In6() && !yield(p) {
					return
				}
			}
		}
	}
}

// Bytes returns the memory that s holds, in bytes.
func (s *Set) Bytes() int {
	if s == nil {
		return 0
	}
	return int(unsafe.Sizeof(*s)) + s.x.bytes()
}

// String returns the ranges of s in canonical text, separated by commas; past
// the first 8 it only counts them.
func (s *Set) String() string {
	var b strings.Builder
	n := 0
	for r := range s.All() {
		if n++; n > 8 {
			fmt.Fprintf(&b, ", and %d more", s.Len()-8)
			break
		}
		if n > 1 {
			b.WriteString(", ")
		}
		b.WriteString(r.String())
	}
	return b.String()
}
