package geo

import (
	"encoding/binary"
	"net/netip"

	"github.com/sallyport-go/sallyport/ipset"
)

// block is a network as the tree of an MMDB file has it: the addresses whose
// first bits are those of hi and lo, where all other bits are zero. IPv4 is
// ::/96. It is here beside netip.Prefix because a file has half a million.
type block struct {
	hi, lo uint64
	bits   int
}

var (
	allIPv6 = block{0, 0, 0}
	allIPv4 = block{0, 0, 96}
)

// embedding is where an IPv4 address stands inside an IPv6 one. Writers make
// some of these blocks aliases of IPv4, and a wide leaf may lie over others;
// whatever a file says there is not where a client is.
var embedding = [...]block{
	{0, 0xffff << 32, 96},           // ::ffff:0:0/96, mapped, RFC 4291
	{0x0064_ff9b << 32, 0, 96},      // 64:ff9b::/96, NAT64, RFC 6052
	{0x0064_ff9b_0001 << 16, 0, 48}, // 64:ff9b:1::/48, local NAT64, RFC 8215
	{0x2001_0000 << 32, 0, 32},      // 2001::/32, Teredo, RFC 4380
	{0x2002 << 48, 0, 16},           // 2002::/16, 6to4, RFC 3056
}

// embeds reports whether b is a block of embedding.
func (b block) embeds() bool {
	if b.bits > 96 {
		return false
	}
	for _, e := range embedding {
		if b == e {
			return true
		}
	}
	return false
}

// mixed reports whether IPv4 or a block of embedding is a part of b.
func (b block) mixed() bool {
	if b.bits >= 96 {
		return false
	}
	for _, e := range embedding {
		if b.covers(e) {
			return true
		}
	}
	return b.covers(allIPv4)
}

// covers reports whether c is a part of b and not all of it.
func (b block) covers(c block) bool {
	hi, lo := b.mask()
	return b.bits < c.bits && c.hi&hi == b.hi && c.lo&lo == b.lo
}

// mask returns ones for the bits that b fixes. A shift by 64 gives 0.
func (b block) mask() (hi, lo uint64) {
	hi = ^uint64(0) << (64 - min(b.bits, 64))
	lo = ^uint64(0) << (128 - max(b.bits, 64))
	return hi, lo
}

// halves returns the two blocks that b is made of.
func (b block) halves() (zero, one block) {
	b.bits++
	zero, one = b, b
	if b.bits <= 64 {
		one.hi |= 1 << (64 - b.bits)
	} else {
		one.lo |= 1 << (128 - b.bits)
	}
	return zero, one
}

// touches reports whether c follows on b and is of the same family.
func (b block) touches(c block) bool {
	hi, lo := b.mask()
	hi, lo = b.hi|^hi, b.lo|^lo
	lo++
	if lo == 0 {
		hi++
	}
	return hi == c.hi && lo == c.lo && b.is4() == c.is4()
}

func (b block) is4() bool { return b.bits >= 96 && b.hi == 0 && b.lo>>32 == 0 }

// addresses returns the range of b.
func (b block) addresses() ipset.Range { return span(b, b) }

// span returns the range from the first address of one block to the last of
// another one of the same family, which is the same or lies behind it.
func span(first, last block) ipset.Range {
	hi, lo := last.mask()
	var from, to netip.Addr
	if first.is4() {
		from, to = ipv4(uint32(first.lo)), ipv4(uint32(last.lo|^lo))
	} else {
		from, to = address(first.hi, first.lo), address(last.hi|^hi, last.lo|^lo)
	}
	r, _ := ipset.RangeFrom(from, to) // both of one family and in order
	return r
}

func address(hi, lo uint64) netip.Addr {
	var a [16]byte
	binary.BigEndian.PutUint64(a[:8], hi)
	binary.BigEndian.PutUint64(a[8:], lo)
	return netip.AddrFrom16(a)
}

func ipv4(n uint32) netip.Addr {
	var a [4]byte
	binary.BigEndian.PutUint32(a[:], n)
	return netip.AddrFrom4(a)
}
