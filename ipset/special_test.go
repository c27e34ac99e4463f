package ipset_test

import (
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/sallyport-go/sallyport/ipset"
)

// block is a row of a table of special-purpose blocks.
type block struct {
	prefix    netip.Prefix
	name, rfc string
}

// readBlocks reads prefix, name and RFC of each row; a + before the RFC marks
// what the registries leave out.
func readBlocks(t testing.TB, path string) []block {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var blocks []block
	for line := range strings.Lines(string(b)) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		f := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		blocks = append(blocks, block{netip.MustParsePrefix(f[0]), f[1], strings.TrimPrefix(f[2], "+")})
	}
	return blocks
}

func (b block) holds(a netip.Addr) bool { return b.prefix.Contains(a) }

func (b block) last() netip.Addr {
	digits := binary(b.prefix.Addr())
	return fromBinary(digits[:b.prefix.Bits()] + strings.Repeat("1", len(digits)-b.prefix.Bits()))
}

// public is the rule, for an address that is neither mapped nor zoned: IPv4, or
// 2000::/3 (RFC 4291, section 2.4), and in no block.
func public(blocks []block, a netip.Addr) bool {
	if a.Is6() && a.As16()[0]>>5 != 1 {
		return false
	}
	return !slices.ContainsFunc(blocks, func(b block) bool { return b.holds(a) })
}

// nameOf returns the name of the smallest block that holds a.
func nameOf(blocks []block, a netip.Addr) string {
	name, bits := "", -1
	for _, b := range blocks {
		if b.holds(a) && b.prefix.Bits() > bits {
			name, bits = b.name, b.prefix.Bits()
		}
	}
	return name
}

func TestGuarantee06EveryBlockWithItsNeighbours(t *testing.T) {
	blocks := readBlocks(t, "special-purpose.tsv")
	if len(blocks) < 47 {
		t.Fatalf("the table has only %d rows", len(blocks))
	}
	asked := slices.Clone(fixedProbes)
	for _, b := range blocks {
		first, last := b.prefix.Addr(), b.last()
		for _, a := range []netip.Addr{first.Prev(), first, first.Next(), newDraw(6).between(first, last), last.Prev(), last, last.Next()} {
			if a.IsValid() {
				asked = append(asked, a)
			}
		}
		if b.prefix.String() == "::ffff:0.0.0.0/96" {
			continue // judged as IPv4; no Range can be in it
		}
		checkBlock(t, blocks, b)
	}
	for _, a := range asked {
		a = plain(a)
		want := public(blocks, a)
		if got := ipset.Public(a); got != want {
			t.Errorf("Public(%v) = %v, want %v", a, got, want)
		}
		if got := ipset.Public(netip.AddrFrom16(a.As16())); got != want {
			t.Errorf("Public(%v as 16 bytes) = %v, want %v", a, got, want)
		}
		one := ipset.RangeOf(netip.PrefixFrom(a, a.BitLen()))
		if got := ipset.PublicSpace().Covers(one); got != want {
			t.Errorf("PublicSpace covers %v: %v, want %v", a, got, want)
		}
		if got := ipset.SpecialPurpose(one); got != nameOf(blocks, a) {
			t.Errorf("SpecialPurpose(%v) = %q, want %q", a, got, nameOf(blocks, a))
		}
	}
}

// checkBlock asks for ranges in b, around it and over its edges: none may be
// taken for public, and each has a name.
func checkBlock(t *testing.T, blocks []block, b block) {
	t.Helper()
	first, last := b.prefix.Addr(), b.last()
	whole := ipset.RangeOf(b.prefix)
	if got, name := ipset.SpecialPurposeBlock(whole); got != whole || name != b.name {
		t.Errorf("SpecialPurposeBlock(%v) = %v %q, want %q", whole, got, name, b.name)
	}
	wide, err := b.prefix.Addr().Prefix(max(b.prefix.Bits()-1, 0))
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		from, to netip.Addr
		why      string
	}{
		{first, last, "all of it"},
		{first, first, "its first address"},
		{last, last, "its last address"},
		{first.Prev(), first, "over its first edge"},
		{last, last.Next(), "over its last edge"},
		{first.Prev(), last.Next(), "around it"},
		{wide.Addr(), last, "the prefix that is one bit shorter"},
	} {
		if !tt.from.IsValid() || !tt.to.IsValid() {
			continue // beyond the end of the family
		}
		r, err := ipset.RangeFrom(tt.from, tt.to)
		if err != nil {
			t.Fatal(err)
		}
		if ipset.PublicSpace().Covers(r) {
			t.Errorf("%v (%s): PublicSpace covers %v: %s", b.prefix, b.name, r, tt.why)
		}
		found, name := ipset.SpecialPurposeBlock(r)
		if name == "" || name != ipset.SpecialPurpose(r) || !found.Overlaps(r) {
			t.Errorf("%v: SpecialPurposeBlock(%v) = %v %q: %s", b.prefix, r, found, name, tt.why)
		}
		if i := slices.IndexFunc(blocks, func(b block) bool { return b.name == name && b.prefix.Addr() == found.From() }); i < 0 {
			t.Errorf("%v: SpecialPurposeBlock(%v) = %v %q is no row of the table: %s", b.prefix, r, found, name, tt.why)
		}
	}
}

// PublicSpace has no hole and no island that the table does not explain.
func TestGuarantee06PublicSpaceIsAllTheRest(t *testing.T) {
	blocks := readBlocks(t, "special-purpose.tsv")
	cuts := ranges("0.0.0.0/0", "::/0", "2000::/3")
	for _, b := range blocks {
		if r := ipset.RangeOf(b.prefix); b.prefix.Addr().Is4() || r.From().Is6() {
			cuts = append(cuts, r)
		}
	}
	want := askable(t, sweep(func(a netip.Addr) bool { return public(blocks, a) }, cuts...))
	if got := slices.Collect(ipset.PublicSpace().All()); !slices.Equal(got, want) {
		t.Errorf("PublicSpace is %v, want %v", got, want)
	}
}

// What everybody knows, whatever the table says.
func TestGuarantee06WellKnownAddresses(t *testing.T) {
	for _, tt := range []struct {
		in, name string
		public   bool
		why      string
	}{
		{"0.0.0.0/8", "This network", false, "the first block"},
		{"0.255.255.255", "This network", false, "its last address"},
		{"1.0.0.0", "", true, "the first public address"},
		{"9.255.255.255", "", true, "just before 10/8"},
		{"10.0.0.0/8", "Private-Use", false, "RFC 1918"},
		{"11.0.0.0", "", true, "just after it"},
		{"100.63.255.255", "", true, "just before carrier-grade NAT"},
		{"100.64.0.0/10", "Shared Address Space", false, "carrier-grade NAT: one address for strangers"},
		{"100.128.0.0", "", true, "just after it"},
		{"127.0.0.1", "Loopback", false, "this machine"},
		{"169.254.169.254", "Link Local", false, "where clouds keep their secrets"},
		{"172.15.255.255", "", true, "just before 172.16/12"},
		{"172.16.0.0/12", "Private-Use", false, "RFC 1918"},
		{"172.32.0.0", "", true, "just after it"},
		{"192.0.0.170", "IETF Protocol Assignments", false, "NAT64 discovery"},
		{"192.0.1.0/24", "", true, "between two blocks"},
		{"192.0.2.1", "Documentation (TEST-NET-1)", false, "documentation"},
		{"192.168.0.0/16", "Private-Use", false, "RFC 1918"},
		{"192.169.0.0", "", true, "just after it"},
		{"198.17.255.255", "", true, "just before benchmarking"},
		{"198.18.0.0/15", "Benchmarking", false, "benchmarking"},
		{"198.20.0.0", "", true, "just after it"},
		{"223.255.255.255", "", true, "the last public address"},
		{"224.0.0.0/4", "Multicast", false, "no host has it"},
		{"240.0.0.0/4", "Reserved", false, "class E"},
		{"255.255.255.255", "Limited Broadcast", false, "the smaller of two blocks that hold it"},
		{"0.0.0.0/0", "This network", false, "all of IPv4: the first block it touches"},
		{"9.0.0.0-10.0.0.0", "Private-Use", false, "public but for its last address"},
		{"10.255.255.255-11.0.0.9", "Private-Use", false, "public but for its first address"},
		{"9.255.255.255-11.0.0.0", "Private-Use", false, "public at both ends"},
		{"192.0.0.0/8", "IETF Protocol Assignments", false, "the first of many blocks inside"},
		{"::", "Unspecified Address", false, "no address"},
		{"::1", "Loopback Address", false, "this machine"},
		{"::2", "IPv4-Compatible", false, "outside 2000::/3"},
		{"1fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "", false, "outside 2000::/3, and in no block"},
		{"2000::", "", true, "the first public address of IPv6"},
		{"2001::/23", "IETF Protocol Assignments", false, "protocol assignments"},
		{"2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff", "IETF Protocol Assignments", false, "its last address"},
		{"2001:200::/32", "", true, "just after it"},
		{"2001::/32", "Teredo", false, "the smaller of two"},
		{"2001:db8::1", "Documentation", false, "documentation"},
		{"2001:db9::", "", true, "just after it"},
		{"2001::/16", "IETF Protocol Assignments", false, "blocks inside"},
		{"2002::/16", "6to4", false, "6to4"},
		{"2003::", "", true, "just after it"},
		{"2606:4700::/32", "", true, "an allocation"},
		{"3ffe:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "", true, "just before the second documentation prefix"},
		{"3fff::/20", "Documentation", false, "the second documentation prefix"},
		{"3fff:1000::", "", true, "just after it"},
		{"3fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "", true, "the last public address of IPv6"},
		{"4000::", "", false, "outside 2000::/3, and in no block"},
		{"2000::/3", "IETF Protocol Assignments", false, "all of 2000::/3 has blocks inside"},
		{"3fff:1000::-4000::", "", false, "leaves 2000::/3 by one address"},
		{"fc00::1", "Unique-Local", false, "RFC 4193"},
		{"fe80::1", "Link-Local Unicast", false, "link local"},
		{"fec0::1", "Site-Local (deprecated)", false, "site local"},
		{"ff02::1", "Multicast", false, "multicast"},
		{"::/0", "IPv4-Compatible", false, "all of IPv6: the first block it touches"},
		{"::fffe:0:0-::ffff:8.8.8.8", "IPv4-mapped Address", false, "it runs into the mapped addresses"},
	} {
		r := ipset.MustParseRange(tt.in)
		if got := ipset.SpecialPurpose(r); got != tt.name {
			t.Errorf("SpecialPurpose(%s) = %q, want %q: %s", tt.in, got, tt.name, tt.why)
		}
		if got := ipset.PublicSpace().Covers(r); got != tt.public {
			t.Errorf("PublicSpace covers %s: %v: %s", tt.in, got, tt.why)
		}
		if r.From() == r.To() && ipset.Public(r.From()) != tt.public {
			t.Errorf("Public(%s) = %v: %s", tt.in, !tt.public, tt.why)
		}
	}
	if ipset.Public(netip.Addr{}) || ipset.SpecialPurpose(ipset.Range{}) != "" {
		t.Error("the zero Addr is public, or the zero Range is in a block")
	}
	if r, name := ipset.SpecialPurposeBlock(ipset.Range{}); !r.IsZero() || name != "" {
		t.Errorf("SpecialPurposeBlock of the zero Range = %v, %q", r, name)
	}
}

// The table is checked against a second copy of the registries.
func TestGuarantee06TableAgreesWithTheRegistries(t *testing.T) {
	path := shared(t, "data/special-purpose.tsv")
	ours, theirs := readBlocks(t, "special-purpose.tsv"), readBlocks(t, path)
	for _, b := range theirs {
		if !slices.Contains(ours, b) {
			t.Errorf("the registries have %v, our table has not", b)
		}
	}
	for _, b := range ours {
		if !slices.Contains(theirs, b) {
			t.Errorf("our table has %v, the registries have not", b)
		}
	}
	if ipset.SpecialPurposeDate < "2025-10-09" {
		t.Errorf("the date went back to %s", ipset.SpecialPurposeDate)
	}
}
