package ipset

import (
	"cmp"
	"encoding/binary"
	"math/bits"
	"net/netip"
)

// uint128 is an address as a number, in which IPv4 is mapped into
// ::ffff:0:0/96: the form that both spellings of an IPv4 address share.
type uint128 struct{ hi, lo uint64 }

func (a uint128) is4() bool { return a.hi == 0 && a.lo>>32 == 0xffff }

func (a uint128) compare(b uint128) int {
	if a.hi != b.hi {
		return cmp.Compare(a.hi, b.hi)
	}
	return cmp.Compare(a.lo, b.lo)
}

// next and prev wrap at the ends.
func (a uint128) next() uint128 {
	lo, carry := bits.Add64(a.lo, 1, 0)
	return uint128{a.hi + carry, lo}
}

func (a uint128) prev() uint128 {
	lo, borrow := bits.Sub64(a.lo, 1, 0)
	return uint128{a.hi - borrow, lo}
}

// plainNumber returns the number of an address, which is not zero. A zone does
// not matter.
func plainNumber(a netip.Addr) uint128 {
	b := a.As16()
	return uint128{binary.BigEndian.Uint64(b[:8]), binary.BigEndian.Uint64(b[8:])}
}

func addr4(n uint32) netip.Addr {
	var b [4]byte
	binary.BigEndian.PutUint32(b[:], n)
	return netip.AddrFrom4(b)
}

func addr6(a uint128) netip.Addr {
	var b [16]byte
	binary.BigEndian.PutUint64(b[:8], a.hi)
	binary.BigEndian.PutUint64(b[8:], a.lo)
	return netip.AddrFrom16(b)
}

// clone returns a copy of s without room to grow.
func clone[T any](s []T) []T {
	c := make([]T, len(s))
	copy(c, s)
	return c
}
