package ipset

import (
	"cmp"
	"errors"
	"fmt"
	"net/netip"

	"go4.org/netipx"
)

// Range is an inclusive range of addresses of one family, without zones. The
// zero Range holds nothing. A Range is a value: it can be compared with == and
// used as a map key.
//
// A range that lies inside ::ffff:0:0/96 is always held as the IPv4 range that
// it spells, so that two Ranges are equal where they hold the same addresses.
type Range struct{ from, to netip.Addr }

// RangeOf returns the range that p covers. It returns the zero Range if p is
// invalid or has host bits set (8.8.8.8/24); ask IsZero, for a Set made of it
// holds nothing and does not say so.
func RangeOf(p netip.Prefix) Range {
	if !p.IsValid() || p != p.Masked() {
		return Range{}
	}
	r := netipx.RangeOfPrefix(p)
	return rangeOf(r.From(), r.To())
}

// RangeFrom returns the range from one address to another, both inclusive. The
// error is ErrAddress if one of them is zero, ErrZone if one has a zone,
// ErrFamilies if they are of two families, ErrReversed if to is before from;
// it is always a *ParseError.
func RangeFrom(from, to netip.Addr) (Range, error) {
	fail := func(err error, hint string) (Range, error) {
		return Range{}, &ParseError{Input: from.String() + "-" + to.String(), Err: err, Hint: hint}
	}
	if !from.IsValid() || !to.IsValid() {
		return fail(ErrAddress, "a range needs a first and a last address")
	}
	if from.Zone() != "" || to.Zone() != "" {
		return fail(ErrZone, "leave it out")
	}
	r := rangeOf(from, to)
	switch {
	case r.from.Is4() != r.to.Is4():
		return fail(ErrFamilies, "write one range for each family")
	case r.to.Less(r.from):
		return fail(ErrReversed, fmt.Sprintf("write %v-%v", r.to, r.from))
	}
	return r, nil
}

// rangeOf unmaps a range inside ::ffff:0:0/96 and leaves any other alone.
func rangeOf(from, to netip.Addr) Range {
	if f, t := from.Unmap(), to.Unmap(); f.Is4() && t.Is4() {
		return Range{f, t}
	}
	return Range{from, to}
}

// From returns the first address of r, or the zero Addr if r is zero.
func (r Range) From() netip.Addr { return r.from }

// To returns the last address of r, or the zero Addr if r is zero.
func (r Range) To() netip.Addr { return r.to }

// IsZero reports whether r is the zero Range, which holds nothing.
func (r Range) IsZero() bool { return r == Range{} }

// Equal reports whether r and s hold the same addresses.
func (r Range) Equal(s Range) bool { return r == s }

// Compare orders ranges by family, IPv4 first, then by first address, then by
// last address. The zero Range comes before all others.
func (r Range) Compare(s Range) int {
	return cmp.Or(r.from.Compare(s.from), r.to.Compare(s.to))
}

// Contains reports whether r holds a. A mapped address counts as the IPv4
// address that it spells, and a zone is ignored.
func (r Range) Contains(a netip.Addr) bool { return r.holds(a.Unmap().WithZone("")) }

// holds is Contains without unmapping, for the ends of ranges: those of a wide
// IPv6 range may lie inside ::ffff:0:0/96 and mean IPv6 there.
func (r Range) holds(a netip.Addr) bool {
	return a.IsValid() && a.BitLen() == r.from.BitLen() && !a.Less(r.from) && !r.to.Less(a)
}

// Covers reports whether r holds every address of s. It is false if either is
// zero.
func (r Range) Covers(s Range) bool { return r.holds(s.from) && r.holds(s.to) }

// Overlaps reports whether some address is in both r and s.
func (r Range) Overlaps(s Range) bool { return r.holds(s.from) || s.holds(r.from) }

// Prefix returns the prefix that covers exactly r, and whether there is one.
func (r Range) Prefix() (netip.Prefix, bool) { return netipx.IPRangeFrom(r.from, r.to).Prefix() }

// String returns the canonical text: an address if r holds one, a prefix
// (8.8.8.0/24) if r is one, else from-to. The zero Range is "invalid Range".
// ParseRange reads back what String writes, but for the zero Range.
func (r Range) String() string {
	if r.IsZero() {
		return "invalid Range"
	}
	if r.from == r.to {
		return r.from.String()
	}
	if p, ok := r.Prefix(); ok {
		return p.String()
	}
	return r.from.String() + "-" + r.to.String()
}

// MarshalText returns what String returns. The zero Range is an error, since
// no text would read back as it.
func (r Range) MarshalText() ([]byte, error) {
	if r.IsZero() {
		return nil, errors.New("ipset: the zero Range has no text")
	}
	return []byte(r.String()), nil
}

// UnmarshalText reads b as ParseRange does. If it fails, r is unchanged.
func (r *Range) UnmarshalText(b []byte) error {
	parsed, err := ParseRange(string(b[:min(len(b), MaxText+1)]))
	if err != nil {
		return err
	}
	*r = parsed
	return nil
}

// Canonical returns a with a mapped address unmapped and the zone dropped, or
// the zero Addr if a is zero or is the unspecified address in any spelling
// (0.0.0.0, ::, ::ffff:0.0.0.0, ::%eth0): what it returns is the address of a
// client, or there is none.
func Canonical(a netip.Addr) netip.Addr {
	switch n := number(a); {
	case n == uint128{} || n == uint128{0, 0xffff << 32}:
		return netip.Addr{}
	case a.Is4():
		return a
	}
	return a.Unmap().WithZone("")
}
