package ipset_test

import (
	"net/netip"
	"testing"

	"github.com/sallyport-go/sallyport/ipset"
)

// embeddings carry an IPv4 address inside an IPv6 one without being a spelling
// of it. Who runs the gateway, or claims to, chooses what they carry.
var embeddings = []struct {
	embed func(v4 [4]byte) netip.Addr
	name  string // of the special-purpose block, "" if there is none
	why   string
}{
	{func(v [4]byte) netip.Addr { return inside("64:ff9b::", 96, v) }, "IPv4-IPv6 Translation (NAT64)", "NAT64, RFC 6052"},
	{func(v [4]byte) netip.Addr { return inside("64:ff9b:1::", 96, v) }, "IPv4-IPv6 Translation (local NAT64)", "local NAT64 with a /96, RFC 8215"},
	{func(v [4]byte) netip.Addr {
		b := addr("64:ff9b:1::").As16()
		copy(b[6:], v[:2])
		copy(b[9:], v[2:]) // octet 8 is left out: RFC 6052, section 2.2
		return netip.AddrFrom16(b)
	}, "IPv4-IPv6 Translation (local NAT64)", "local NAT64 with a /48"},
	{func(v [4]byte) netip.Addr { return inside("2002::1", 16, v) }, "6to4", "6to4, RFC 3056"},
	{func(v [4]byte) netip.Addr { return inside("2001:0:4136:e378:8000:63bf:f7f7:f7f7", 32, v) }, "Teredo", "Teredo, the server"},
	{func(v [4]byte) netip.Addr {
		for i := range v {
			v[i] ^= 0xff
		}
		return inside("2001:0:4136:e378:8000:63bf::", 96, v)
	}, "Teredo", "Teredo, the client, its bits inverted: RFC 4380"},
	{func(v [4]byte) netip.Addr { return inside("::", 96, v) }, "IPv4-Compatible", "compatible, RFC 4291"},
	{func(v [4]byte) netip.Addr { return inside("::ffff:0:0:0", 96, v) }, "", "SIIT, RFC 2765"},
	{func(v [4]byte) netip.Addr { return inside("fe80::5efe:0:0", 96, v) }, "Link-Local Unicast", "ISATAP, RFC 5214"},
	{func(v [4]byte) netip.Addr { return inside("::fffe:0:0", 96, v) }, "", "the block before the mapped one"},
	{func(v [4]byte) netip.Addr { return inside("::1:0:0:0", 96, v) }, "", "the block after it"},
	{func(v [4]byte) netip.Addr { return inside("1::ffff:0:0", 96, v) }, "", "ffff where a mapped address has it, behind another prefix"},
	{func(v [4]byte) netip.Addr { return inside("0:0:0:0:1:ffff::", 96, v) }, "", "the same, one bit away from a mapped address"},
}

// inside returns the address with v4 behind its first bits.
func inside(s string, bits int, v4 [4]byte) netip.Addr {
	b := addr(s).As16()
	copy(b[bits/8:], v4[:])
	return netip.AddrFrom16(b)
}

func TestGuarantee07EmbeddedIPv4IsNoIPv4(t *testing.T) {
	all := ipset.MustParseRange("0.0.0.0/0")
	values, err := ipset.MapOf(pairs([]ipset.Range{all}, []string{"IPv4"}))
	if err != nil {
		t.Fatal(err)
	}
	peer := ipset.MustParse("::ffff:0:0/96") // all of IPv4 in disguise
	sets := map[string]*ipset.Set{
		"all of IPv4":    ipset.Of(all),
		"all mapped":     peer,
		"from netipx":    ipset.FromIPSet(ipset.Of(all).IPSet()),
		"a union":        ipset.MustParse("0.0.0.0/1").Union(ipset.MustParse("128.0.0.0/1")),
		"a difference":   ipset.MustParse("0.0.0.0/0", "::/0").Minus(ipset.MustParse("::/0")),
		"public IPv4":    ipset.PublicSpace().Intersect(ipset.Of(all)),
		"of one address": ipset.MustParse("8.8.8.8"),
	}
	for _, v4 := range addrs("8.8.8.8", "8.8.4.4", "1.0.0.0", "223.255.255.255", "10.0.0.1", "127.0.0.1", "192.88.99.1") {
		if !sets["all of IPv4"].Contains(v4) || !sets["all mapped"].Contains(v4) {
			t.Fatalf("%v is in no set", v4)
		}
		for _, tt := range embeddings {
			a := tt.embed(v4.As4())
			for _, a := range []netip.Addr{a, a.WithZone("eth0")} {
				for name, set := range sets {
					if set.Contains(a) {
						t.Errorf("%v in %v is in a set, %s: %s", v4, a, name, tt.why)
					}
					if r, ok := set.Find(a); ok || !r.IsZero() {
						t.Errorf("%v in %v is found in %v, %s: %s", v4, a, r, name, tt.why)
					}
				}
				if all.Contains(a) {
					t.Errorf("%v in %v is in %v: %s", v4, a, all, tt.why)
				}
				if v, ok := values.Lookup(a); ok || v != "" {
					t.Errorf("%v in %v has the value %q: %s", v4, a, v, tt.why)
				}
				if ipset.Public(a) {
					t.Errorf("%v in %v is public: %s", v4, a, tt.why)
				}
				if got := ipset.Canonical(a); got != a.WithZone("") {
					t.Errorf("Canonical(%v) = %v: %s", a, got, tt.why)
				}
			}
			r := ipset.MustParseRange(a.String())
			if r.From() != a || all.Overlaps(r) || ipset.PublicSpace().Covers(r) {
				t.Errorf("the entry %v is %v: %s", a, r, tt.why)
			}
			if got := ipset.SpecialPurpose(r); got != tt.name {
				t.Errorf("SpecialPurpose(%v) = %q, want %q: %s", a, got, tt.name, tt.why)
			}
		}
	}
}

// And the other way: an entry that carries an IPv4 address holds itself alone,
// and a wide IPv6 entry holds no IPv4 address in any spelling.
func TestGuarantee07EntriesHoldNoIPv4(t *testing.T) {
	v4 := addr("8.8.8.8")
	for _, tt := range embeddings {
		a := tt.embed(v4.As4())
		set := ipset.MustParse(a.String())
		if !set.Contains(a) {
			t.Errorf("%v does not hold itself: %s", a, tt.why)
		}
		for _, s := range spellings(v4) {
			if set.Contains(s.addr) {
				t.Errorf("%v holds %v, %s: %s", a, s.addr, s.why, tt.why)
			}
		}
	}
	for _, entry := range []string{"::/0", "::/64", "::/80", "::fffe:0:0/95", "::fffe:0:0-::1:0:0:0", "::ffff:0:0-::1:0:0:0", "::-::ffff:255.255.255.255"} {
		set := ipset.MustParse(entry)
		for _, v4 := range addrs("0.0.0.0", "0.0.0.1", "8.8.8.8", "255.255.255.255") {
			for _, s := range spellings(v4) {
				if set.Contains(s.addr) || ipset.MustParseRange(entry).Contains(s.addr) {
					t.Errorf("%s holds %v, %s", entry, s.addr, s.why)
				}
			}
		}
		for _, other := range []string{"0.0.0.0/0", "8.8.8.8"} {
			r := ipset.MustParseRange(other)
			if set.Covers(r) || set.Overlaps(r) || set.Intersect(ipset.Of(r)).Len() != 0 || !ipset.Of(r).Minus(set).Equal(ipset.Of(r)) {
				t.Errorf("%s has to do with %s", entry, other)
			}
		}
	}
}
