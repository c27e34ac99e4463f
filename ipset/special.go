package ipset

import (
	"net/netip"
	"sync"

	"go4.org/netipx"
)

//go:generate go run ./internal/specialgen -o special_table.go special-purpose.tsv

// specialBlock is a row of the generated table. Unlike a Range, the block of
// mapped addresses is itself here and not all of IPv4.
type specialBlock struct {
	Range
	name string
}

var specialBlocks = sync.OnceValue(func() []specialBlock {
	blocks := make([]specialBlock, len(specialTable))
	for i, row := range specialTable {
		r := netipx.RangeOfPrefix(netip.MustParsePrefix(row.prefix))
		blocks[i] = specialBlock{Range{r.From(), r.To()}, row.name}
	}
	return blocks
})

var publicSpace = sync.OnceValue(func() *Set {
	var b netipx.IPSetBuilder
	b.AddPrefix(netip.MustParsePrefix("0.0.0.0/0"))
	b.AddPrefix(netip.MustParsePrefix("2000::/3")) // all that is assigned to hosts: RFC 4291, section 2.4
	for _, block := range specialBlocks() {
		b.RemoveRange(netipx.IPRangeFrom(block.from, block.to))
	}
	return build(&b)
})

// PublicSpace returns the set of the addresses that a client on the Internet
// can have: all of IPv4 and 2000::/3 without the blocks of the IANA IPv4 and
// IPv6 Special-Purpose Address Registries, and without what the registries
// leave out (multicast, IPv4-compatible and site-local addresses). It follows
// the copy of the registries of SpecialPurposeDate.
func PublicSpace() *Set { return publicSpace() }

// Public reports whether a is in PublicSpace. A mapped address counts as the
// IPv4 address that it spells, a zone is ignored, and addresses that carry an
// IPv4 address in another way (NAT64, 6to4, Teredo, IPv4-compatible) are not
// public. Public does not allocate.
func Public(a netip.Addr) bool { return publicSpace().Contains(a) }

// SpecialPurpose returns the name of the special-purpose block that r touches
// ("Private-Use"), or "". Of several it is the smallest that covers r, else
// the first in order of addresses. An address without a block need not be
// public: the rest of IPv6 outside 2000::/3 has no names.
func SpecialPurpose(r Range) string {
	_, name := SpecialPurposeBlock(r)
	return name
}

// SpecialPurposeBlock is SpecialPurpose, and returns the block as well. The
// block of mapped addresses comes as an IPv6 range, as no other Range does.
func SpecialPurposeBlock(r Range) (Range, string) {
	var found specialBlock
	for _, block := range specialBlocks() { // in order, a wide block before those inside it
		if block.Overlaps(r) && (found.name == "" || block.Covers(r)) {
			found = block
		}
	}
	return found.Range, found.name
}
